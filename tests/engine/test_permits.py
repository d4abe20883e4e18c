"""What a project lets its applications use and touch: deny wins, and what is not allowed is forbidden."""

from __future__ import annotations

import pytest
from deciding import key
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.permits import (
    application_fault,
    destination_fault,
    matches,
    plain_url,
    resource_fault,
    source_fault,
)
from moorage.model.application import Destination
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.project import DestinationRule, KindRule, Project

ORG = "https://git.example/org/*"


@pytest.mark.parametrize(
    ("globs", "url", "allowed"),
    [
        pytest.param((), "https://git.example/org/a", False, id="nothing allowed"),
        pytest.param(("*",), "https://git.example/org/a", True, id="star allows all"),
        pytest.param((ORG,), "https://git.example/org/a", True, id="one segment"),
        pytest.param((ORG,), "https://git.example/org/a/b", False, id="not two segments"),
        pytest.param(("https://git.example/**",), "https://git.example/org/a/b", True, id="two stars cross"),
        pytest.param((ORG,), "https://git.example/org/a.git", True, id="with suffix"),
        pytest.param((f"{ORG}.git",), "https://git.example/org/a", True, id="suffix in the rule"),
        pytest.param((ORG,), "HTTPS://Git.Example/Org/A", True, id="case"),
        pytest.param((ORG,), "https://git.example/other/a", False, id="elsewhere"),
        pytest.param(("https://git.example/{a,b}/*",), "https://git.example/b/x", True, id="alternatives"),
        pytest.param(("https://git.example/org/[a-c]?",), "https://git.example/org/b1", True, id="letters"),
        pytest.param(("https://git.example/org/[!a-c]",), "https://git.example/org/b", False, id="not these"),
        pytest.param(("git@git.example:org/*",), "git@git.example:org/a.git", True, id="scp"),
        pytest.param(("git@git.example:org/*",), "ssh://git@git.example/org/a", True, id="scp and ssh"),
        pytest.param(("*", f"!{ORG}"), "https://git.example/org/a", False, id="deny wins"),
        pytest.param((f"!{ORG}", "*"), "https://git.example/org/a", False, id="deny wins in any order"),
        pytest.param((f"!{ORG}",), "https://git.example/other/a", True, id="only denials allow the rest"),
        pytest.param(
            (f"!{ORG}", "https://x.example/*"), "https://git.example/other/a", True, id="quirk of denials"
        ),
        pytest.param(
            ("https://git.example/org/[z-a]",), "https://git.example/org/a", False, id="unreadable allow"
        ),
        pytest.param(
            ("*", "!https://git.example/org/[z-a]"), "https://git.example/org/q", False, id="unreadable deny"
        ),
    ],
)
def test_sources(globs, url, allowed):
    """
    A repository is allowed by a glob whose wildcards stay in one segment, unless one that denies hits.
    """
    assert allowed is (source_fault(url, Project("p", source_repos=globs)) == "")


def test_a_refused_source_is_told_with_its_remedy():
    """
    The refusal names project, repository and field.
    """
    assert source_fault("https://x.example/a", Project("team")) == (
        "project team does not allow repository https://x.example/a; add it to spec.sourceRepos"
    )


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("https://git.example/org/repo", id="plain"),
        pytest.param("https://git.example/org/repo.git", id="suffix"),
        pytest.param("https://git.example/org/repo/", id="slash"),
        pytest.param("https://git.example/org/repo.git/", id="suffix and slash"),
        pytest.param("https://somebody@git.example/org/repo", id="user"),
        pytest.param("https://somebody:secret@git.example/org/repo", id="password"),
        pytest.param("https://git.example:443/org/repo", id="port"),
        pytest.param("https://git.example./org/repo", id="dot of the root"),
        pytest.param("https://git.example//org///repo", id="slashes"),
        pytest.param("https://git.example/org/./repo", id="dot"),
        pytest.param("https://git.example/good/../org/repo", id="dots"),
        pytest.param("https://git.example/%6Frg/rep%6f", id="encoded letters"),
        pytest.param("https://git.example/good/%2e%2e/org/repo", id="encoded dots"),
        pytest.param(" https://GIT.example/org/Repo ", id="case and spaces"),
    ],
)
def test_one_way_to_write_an_address(written):
    """
    All ways to write one address of a repository are one address to the rules.
    """
    assert plain_url(written) == "https://git.example/org/repo"


@given(st.text(max_size=60))
def test_every_address_is_rewritten(text):
    """
    Rewriting any text succeeds and leaves the host where it is.
    """
    assert plain_url(f"https://git.example/{text}").startswith("https://git.example")


@given(st.text("ab./:@-", max_size=40))
def test_plain_addresses_stay_plain(text):
    """
    What was rewritten is not rewritten again.
    """
    once = plain_url(f"https://git.example/{text}")

    assert once == plain_url(once)


WEB = Destination("", "", "web")
EVERYWHERE = DestinationRule("*", "", "*")
HOME = "https://home.example"


@pytest.mark.parametrize(
    ("destinations", "server", "name", "namespace", "allowed"),
    [
        pytest.param([], HOME, "", "web", False, id="nothing allowed"),
        pytest.param([EVERYWHERE], HOME, "", "web", True, id="everywhere"),
        pytest.param([EVERYWHERE], HOME, "", "", True, id="no namespace"),
        pytest.param([DestinationRule(HOME, "", "web")], HOME, "", "web", True, id="exactly"),
        pytest.param([DestinationRule(HOME, "", "web")], HOME, "", "db", False, id="another namespace"),
        pytest.param([DestinationRule(HOME, "", "team-*")], HOME, "", "team-a", True, id="glob"),
        pytest.param([DestinationRule("", "prod", "*")], HOME, "prod", "web", True, id="by name"),
        pytest.param([DestinationRule("", "prod", "*")], HOME, "", "web", False, id="name unknown"),
        pytest.param(
            [DestinationRule("", "*", "*")], HOME, "", "web", False, id="any name, but there is none"
        ),
        pytest.param([DestinationRule("https://x", "prod", "*")], HOME, "prod", "web", True, id="either"),
        pytest.param([DestinationRule("*", "", "!kube-system")], HOME, "", "kube-system", False, id="denied"),
        pytest.param(
            [DestinationRule("*", "", "!kube-system")], HOME, "", "web", True, id="all but the denied"
        ),
        pytest.param(
            [DestinationRule("*", "", "!kube-system"), EVERYWHERE],
            HOME,
            "",
            "kube-system",
            False,
            id="deny first",
        ),
        pytest.param(
            [EVERYWHERE, DestinationRule("*", "", "!kube-system")],
            HOME,
            "",
            "kube-system",
            False,
            id="deny last",
        ),
        pytest.param(
            [EVERYWHERE, DestinationRule("https://x", "", "!kube-*")],
            HOME,
            "",
            "kube-system",
            False,
            id="a denied namespace is denied on all servers",
        ),
        pytest.param(
            [DestinationRule("!https://team1-*", "", "*"), EVERYWHERE], HOME, "", "web", True, id="server"
        ),
        pytest.param(
            [DestinationRule("!https://team1-*", "", "*"), EVERYWHERE],
            "https://team1-a",
            "",
            "web",
            False,
            id="denied server",
        ),
        pytest.param(
            [EVERYWHERE, DestinationRule("", "!prod", "*")], HOME, "prod", "web", False, id="denied name"
        ),
        pytest.param([DestinationRule(HOME, "", "[z-a]")], HOME, "", "web", False, id="unreadable"),
        pytest.param(
            [EVERYWHERE, DestinationRule("*", "", "![z-a]")], HOME, "", "web", False, id="unreadable denial"
        ),
    ],
)
def test_destinations(destinations, server, name, namespace, allowed):
    """
    A destination is allowed by server or name with its namespace, unless some negated part names it.
    """
    project = Project("p", destinations=tuple(destinations))

    assert allowed is (destination_fault(Destination(server, name, namespace), server, project) == "")


@pytest.mark.parametrize(
    ("fields", "resource", "namespaced", "allowed"),
    [
        pytest.param({}, key("a"), True, True, id="all namespaced kinds"),
        pytest.param({}, key("a", "Namespace", "", ""), False, False, id="no cluster-scoped kinds"),
        pytest.param(
            {"cluster_kinds_allowed": (KindRule("*", "*"),)},
            key("a", "Namespace", "", ""),
            False,
            True,
            id="all",
        ),
        pytest.param(
            {"cluster_kinds_allowed": (KindRule("", "Namespace", "team-*"),)},
            key("team-a", "Namespace", "", ""),
            False,
            True,
            id="by name",
        ),
        pytest.param(
            {"cluster_kinds_allowed": (KindRule("", "Namespace", "team-*"),)},
            key("kube-system", "Namespace", "", ""),
            False,
            False,
            id="by another name",
        ),
        pytest.param(
            {
                "cluster_kinds_allowed": (KindRule("*", "*"),),
                "cluster_kinds_denied": (KindRule("rbac.*", "Cluster*"),),
            },
            key("a", "ClusterRole", "rbac.authorization.k8s.io", ""),
            False,
            False,
            id="denied",
        ),
        pytest.param({"namespace_kinds_allowed": ()}, key("a"), True, False, id="an empty list allows none"),
        pytest.param(
            {"namespace_kinds_allowed": (KindRule("apps", "*"),)},
            key("a", "Deployment", "apps"),
            True,
            True,
            id="of a group",
        ),
        pytest.param(
            {"namespace_kinds_allowed": (KindRule("apps", "*"),)},
            key("a"),
            True,
            False,
            id="of another group",
        ),
        pytest.param(
            {"namespace_kinds_denied": (KindRule("", "ConfigMap"),)}, key("a"), True, False, id="denied kind"
        ),
        pytest.param(
            {"namespace_kinds_denied": (KindRule("", "[z-a]"),)}, key("a"), True, False, id="unreadable"
        ),
        pytest.param(
            {"destinations": (DestinationRule("*", "", "web"),)},
            key("a", namespace="kube-system"),
            True,
            False,
            id="elsewhere",
        ),
    ],
)
def test_resources(fields, resource, namespaced, allowed):
    """
    A resource needs its kind allowed and not denied, and its own namespace among the destinations.
    """
    project = Project("p", **{"destinations": (EVERYWHERE,), **fields})

    fault = resource_fault(resource, project, namespaced=namespaced, server=HOME)

    assert allowed is (fault == "")
    assert allowed or fault.startswith(f"{resource}: ")


@pytest.mark.parametrize(
    ("namespace", "globs", "allowed"),
    [
        pytest.param("argocd", (), True, id="at home"),
        pytest.param("team-a", (), False, id="elsewhere"),
        pytest.param("team-a", ("team-*",), True, id="let in"),
        pytest.param("team-a", ("team-b",), False, id="others let in"),
    ],
)
def test_applications_elsewhere(namespace, globs, allowed):
    """
    Applications outside the control namespace may use a project only if it lists their namespace.
    """
    fault = application_fault(AppKey(namespace, "shop"), Project("p", source_namespaces=globs), "argocd")

    assert allowed is (fault == "")


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        pytest.param("*", "a/b", True, id="star crosses"),
        pytest.param("a.c", "abc", False, id="a dot is a dot"),
        pytest.param("a{b,c}d", "acd", True, id="alternatives"),
        pytest.param("a{b", "a{b", True, id="a lone brace"),
        pytest.param("a}b", "a}b", True, id="a lone closing brace"),
        pytest.param("a,b", "a,b", True, id="a comma outside"),
        pytest.param("[]", "[]", True, id="no letters"),
        pytest.param("[^a]b", "cb", True, id="caret"),
        pytest.param("[a-c]", "b", True, id="range"),
        pytest.param("[.]", "x", False, id="a dot among letters"),
        pytest.param("", "", True, id="empty"),
        pytest.param("", "x", False, id="empty matches nothing else"),
        pytest.param("a\nb", "a\nb", True, id="lines"),
    ],
)
def test_globs(glob, text, expected):
    """
    A glob matches the whole text, with ``*``, ``?``, ``[…]`` and ``{…}``, and nothing else is special.
    """
    assert expected is matches(glob, text)


@given(st.text("ab*?[]{}!,-^\\.", max_size=12), st.text("ab", max_size=6))
def test_every_glob_answers(glob, text):
    """
    Any text is a glob: it matches or it does not, and what denies and cannot be read matches.
    """
    assert matches(glob, text) in (True, False)
    assert matches(glob, text, unreadable=True) >= matches(glob, text)


def test_a_key_is_not_its_glob():
    """
    Names with letters that are special in globs match themselves.
    """
    strange = ResourceKey("", "Namespace", "", "a[b]c")
    project = Project("p", cluster_kinds_allowed=(KindRule("", "Namespace", "a[b]c"),))

    assert resource_fault(strange, project, namespaced=False, server=HOME) == ""
