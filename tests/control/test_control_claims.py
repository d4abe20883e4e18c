"""Who declares what, and for whom pruning waits: the index behind the hand-over of objects."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.control.claims import Claims
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.manifest import Manifest

SHOP, WEB, BLOG = (AppKey("argocd", name) for name in ("shop", "web", "blog"))
HERE, THERE = "https://here.example", "https://there.example"


def key(name):
    return ResourceKey("", "ConfigMap", "web", name)


def manifests(*names):
    body = {"apiVersion": "v1", "kind": "ConfigMap"}
    return tuple(Manifest.of({**body, "metadata": {"name": n, "namespace": "web"}}) for n in names)


def declared(*claims):
    """Return an index in which each (application, cluster, names) is declared, in order."""
    built = Claims()
    for app, server, names in claims:
        built.declare(app, server, manifests(*names))
    return built


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([], {}, id="nobody"),
        pytest.param([(SHOP, HERE, "a")], {}, id="itself"),
        pytest.param([(WEB, HERE, "ab")], {key("a"): WEB}, id="another"),
        pytest.param([(SHOP, HERE, "a"), (WEB, HERE, "a")], {key("a"): WEB}, id="both"),
        pytest.param(
            [(WEB, HERE, "a"), (BLOG, HERE, "a")], {key("a"): BLOG}, id="two others, in their order"
        ),
        pytest.param([(WEB, THERE, "a")], {}, id="in another cluster"),
        pytest.param([(WEB, HERE, "a"), (WEB, HERE, "b")], {}, id="no longer"),
        pytest.param([(WEB, HERE, "a"), (WEB, THERE, "a")], {}, id="moved to another cluster"),
        pytest.param([(WEB, THERE, "a"), (WEB, HERE, "a")], {key("a"): WEB}, id="moved here"),
        pytest.param(
            [(WEB, HERE, "a"), (BLOG, HERE, "a"), (BLOG, HERE, "")], {key("a"): WEB}, id="one of two lets go"
        ),
    ],
)
def test_who_else_declares(claims, expected):
    """
    A resource belongs to the others that declare it last in the same cluster, and never to who asks.
    """
    assert expected == declared(*claims).of_others(SHOP, HERE, [key("a"), key("z")])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda claims: claims.declare(WEB, HERE, manifests("b")), [SHOP], id="gives it up"),
        pytest.param(lambda claims: claims.declare(WEB, THERE, manifests(*"ab")), [SHOP], id="moves away"),
        pytest.param(lambda claims: claims.forget(WEB), [SHOP], id="is gone"),
        pytest.param(lambda claims: claims.declare(WEB, HERE, manifests(*"abc")), [], id="declares more"),
        pytest.param(lambda claims: claims.declare(BLOG, HERE, manifests()), [], id="somebody else"),
    ],
)
def test_what_was_left_to_another_is_looked_at_again_when_that_one_lets_go(change, expected):
    """
    Who left a resource to an application that declares it is asked again when that one declares less.
    """
    asked = []
    claims = declared((WEB, HERE, "ab"), (BLOG, HERE, "z"))
    claims.ask_again = asked.append
    claims.leave(SHOP, claims.of_others(SHOP, HERE, [key("a")]).values())

    change(claims)

    assert asked == expected


def test_who_is_gone_declares_nothing():
    """
    An application that is gone or is being deleted keeps nobody from pruning.
    """
    claims = declared((WEB, HERE, "a"))

    claims.forget(WEB)

    assert claims.of_others(SHOP, HERE, [key("a")]) == {}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([], False, id="never read"),
        pytest.param([(WEB, HERE, "a")], False, id="declared"),
        pytest.param([(WEB, HERE, "b")], True, id="declared no longer"),
        pytest.param([(WEB, THERE, "a")], True, id="in another cluster"),
    ],
)
def test_who_has_let_go(claims, expected):
    """
    Only an application that was read and does not declare a resource has let it go.
    """
    assert expected is declared(*claims).let_go(WEB, HERE, key("a"))


def read(claims, app, server=HERE, begun=None):
    """Let a pass read an application at its newest revision."""
    claims.located(app, server)
    claims.resolved(app, claims.moment if begun is None else begun)
    claims.declare(app, server, ())


def test_pruning_waits_for_everybody_once():
    """
    Until every application was read once, nothing is pruned, and who waits is asked again at the end.
    """
    asked = []
    claims = Claims(asked.append)
    claims.expect(SHOP)
    claims.expect(WEB)

    assert claims.wait(SHOP, HERE, claims.moment)
    read(claims, WEB)

    assert asked == [SHOP]
    assert not claims.wait(SHOP, HERE, claims.moment)


@pytest.mark.parametrize(
    ("server", "waits"),
    [
        pytest.param(HERE, True, id="in this cluster"),
        pytest.param(THERE, False, id="in another one"),
        pytest.param(None, True, id="not known where"),
    ],
)
def test_only_the_same_cluster_is_waited_for(server, waits):
    """
    An application of another cluster, even one that cannot be reached, holds up nobody here.
    """
    claims = Claims()
    claims.expect(WEB)
    if server:
        claims.located(WEB, server)

    assert waits is claims.wait(SHOP, HERE, claims.moment)


def test_a_move_counts_before_it_is_known_whom_it_concerns():
    """
    From the moment a ref moved pruning waits: first for whom that concerns, then for those.
    """
    asked = []
    claims = Claims(asked.append)
    number = claims.moving()
    now = claims.moment
    assert claims.wait(SHOP, HERE, now)

    claims.moved(number, [SHOP, WEB])
    assert asked == [SHOP]
    assert claims.wait(SHOP, HERE, now)

    read(claims, WEB)
    assert asked == [SHOP, SHOP]
    assert not claims.wait(SHOP, HERE, now)


def test_a_move_that_concerns_nobody_holds_nothing_up():
    """
    Once it is known that a move concerns nobody, nobody waits for it.
    """
    claims = Claims()
    claims.moved(claims.moving(), [])

    assert not claims.wait(SHOP, HERE, claims.moment)


def test_later_commits_delay_nobody():
    """
    Who waits, waits for what happened before; commits that keep coming do not starve it.
    """
    claims = Claims()
    now = claims.moment
    claims.moved(claims.moving(), [WEB])
    claims.moving()

    assert not claims.wait(SHOP, HERE, now)


def test_a_pass_under_way_does_not_count():
    """
    A pass that began before a move was told may have looked before it; the next one counts.
    """
    claims = Claims()
    begun = claims.moment
    claims.moved(claims.moving(), [WEB])
    read(claims, WEB, begun=begun)
    assert claims.wait(SHOP, HERE, claims.moment)

    read(claims, WEB)
    assert not claims.wait(SHOP, HERE, claims.moment)


def test_a_pass_that_did_not_look_at_git_does_not_count():
    """
    Comparing with the revision known already says nothing about a new one.
    """
    claims = Claims()
    claims.expect(WEB)

    claims.declare(WEB, HERE, ())

    assert claims.wait(SHOP, HERE, claims.moment)


@pytest.mark.parametrize("end", [Claims.give_up, Claims.forget])
def test_who_cannot_be_read_is_waited_for_no_longer(end):
    """
    An application that failed for good or is gone holds up nobody.
    """
    asked = []
    claims = Claims(asked.append)
    claims.expect(WEB)
    assert claims.wait(SHOP, HERE, claims.moment)

    end(claims, WEB)

    assert asked == [SHOP]
    assert not claims.wait(SHOP, HERE, claims.moment)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([SHOP, WEB, BLOG]),
        st.sampled_from(["declare", "forget"]),
        st.sampled_from([HERE, THERE]),
        st.sets(st.sampled_from("abc")),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(STEPS)
def test_the_index_is_what_was_declared_last(steps):
    """
    Whatever is declared and forgotten in whatever order, the answers are those of a scan over all.
    """
    claims = Claims()
    last = {}
    for app, what, server, names in steps:
        if what == "forget":
            claims.forget(app)
            last.pop(app, None)
        else:
            claims.declare(app, server, manifests(*sorted(names)))
            last[app] = server, names

    for server in (HERE, THERE):
        for name in "abc":
            others = [a for a, (s, names) in last.items() if a != SHOP and s == server and name in names]
            expected = {key(name): min(others)} if others else {}
            assert expected == claims.of_others(SHOP, server, [key(name)])
