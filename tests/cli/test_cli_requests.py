"""Flags become operations and specifications; statuses become answers. No cluster is needed for any of it."""

import pytest
from cli_kit import application, operated, settled

from moorage.cli.app.create import with_defaults
from moorage.cli.app.delete import with_cascade
from moorage.cli.app.requests import SyncFlags, is_running, operation
from moorage.cli.app.spec import FLAGS, with_flags
from moorage.cli.app.standing import Goal, Standing, matches, split_resource, sync_policy
from moorage.cli.wanted import Remote
from moorage.control.decode import decode_application
from moorage.model.errors import InvalidSpec

WEB = {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}
KEY = {"kind": "Secret", "namespace": "shop", "name": "key"}
RESOURCES = {"status": {"resources": [WEB, KEY]}}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"revision": "v1", "prune": True}, {"revision": "v1", "prune": True}, id="revision"),
        pytest.param({"dry_run": True}, {"dryRun": True}, id="dry run"),
        pytest.param({"force": True}, {"syncStrategy": {"hook": {"force": True}}}, id="force"),
        pytest.param({"strategy": "apply"}, {"syncStrategy": {"apply": {}}}, id="strategy"),
        pytest.param(
            {"strategy": "apply", "force": True}, {"syncStrategy": {"apply": {"force": True}}}, id="both"
        ),
        pytest.param({"replace": True}, {"syncOptions": ["A=b", "Replace=true"]}, id="replace"),
        pytest.param(
            {"server_side": False}, {"syncOptions": ["A=b", "ServerSideApply=false"]}, id="client side"
        ),
        pytest.param({"options": ("A=c",)}, {"syncOptions": ["A=c"]}, id="contradicts"),
        pytest.param({"resources": ("apps:Deployment:shop/web",)}, {"resources": [WEB]}, id="resource"),
        pytest.param(
            {"resources": (":Secret:key",)}, {"resources": [{"kind": "Secret", "name": "key"}]}, id="core"
        ),
        pytest.param({"resources": ("*:*:*",)}, {"resources": [WEB, KEY]}, id="all"),
        pytest.param({"resources": ("!:Secret:*",)}, {"resources": [WEB]}, id="excluded"),
    ],
)
def test_flags_become_a_sync(flags, expected):
    """
    Each flag is the field Argo CD gives it; the application's own options hold unless contradicted.
    """
    body = application(spec={"syncPolicy": {"syncOptions": ["A=b"]}}, **RESOURCES)

    asked = operation(body, SyncFlags(**flags), "me")

    assert {"initiatedBy": {"username": "me"}, "sync": expected} == asked


def test_retries_begin_with_the_application_s_own():
    """
    What a flag does not say of the retries is as the application says.
    """
    own = {"limit": 2, "backoff": {"duration": "1s", "factor": 3}}
    body = application(spec={"syncPolicy": {"retry": own}})

    asked = operation(body, SyncFlags(retry_limit=7, retry_max="1m", retry_refresh=True), "me")

    backoff = {"duration": "1s", "factor": 3, "maxDuration": "1m"}
    assert {"limit": 7, "refresh": True, "backoff": backoff} == asked["retry"]


@pytest.mark.parametrize("pattern", ["web", "apps:Deployment", "apps::web", "!:ConfigMap:*"])
def test_resources_that_mean_nothing_are_refused(pattern):
    """
    A resource that is not written as it must be, or leaves nothing to sync, is refused.
    """
    flags = SyncFlags(resources=(pattern, "!*:*:*") if pattern.startswith("!") else (pattern,))

    with pytest.raises(InvalidSpec, match="--resource"):
        operation(application(**RESOURCES), flags, "me")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("apps:Deployment:web", True),
        ("apps:Deployment:shop/web", True),
        ("apps:Deployment:other/web", False),
        ("*:*:w*", True),
        (":Deployment:web", False),
    ],
)
def test_patterns_of_resources(pattern, expected):
    """
    Group, kind, namespace and name may be globs; a namespace that is left out matches any.
    """
    assert expected is matches(pattern, WEB)


def test_names_of_kinds_may_hold_colons():
    """
    Only the first two colons separate, since names of roles may hold some.
    """
    assert split_resource("rbac:Role:a/system:x") == ("rbac", "Role", "a", "system:x")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (application(), False),
        (application(operation={"sync": {}}), True),
        (application(status={"operationState": operated("Running")}), True),
        (application(status={"operationState": operated("Terminating")}), True),
        (application(status={"operationState": operated("Failed")}), False),
    ],
)
def test_what_counts_as_running(body, expected):
    """
    An operation runs from its request until its phase is a finished one.
    """
    assert expected is is_running(body)
    assert expected is Standing.of(body).running


@pytest.mark.parametrize(
    ("goal", "body", "expected"),
    [
        pytest.param(Goal(sync=True, health=True), application(status=settled()), (), id="reached"),
        pytest.param(
            Goal(health=True), application(status=settled(health="Degraded")), ("health Degraded",), id="ill"
        ),
        pytest.param(
            Goal(sync=True), application(status=settled("OutOfSync")), ("sync OutOfSync",), id="drift"
        ),
        pytest.param(
            Goal(health=True, degraded=True), application(status=settled(health="Degraded")), (), id="either"
        ),
        pytest.param(
            Goal(operation=True),
            application(status=settled(operationState=operated("Running"))),
            ("operation Running",),
            id="running",
        ),
        pytest.param(
            Goal(sync=True),
            application(),
            ("the change was not looked at yet", "sync Unknown"),
            id="never looked at",
        ),
        pytest.param(Goal(delete=True), application(), ("it is still there",), id="still there"),
    ],
)
def test_what_is_still_missing(goal, body, expected):
    """
    A goal names everything that does not hold yet, and nothing else.
    """
    assert expected == goal.missing(body)


def test_a_status_of_an_earlier_source_does_not_count():
    """
    After the source changed, the old verdict is not taken for the new one's.
    """
    compared = {"status": "Synced", "comparedTo": {"source": {"repoURL": "https://git.example/old.git"}}}
    body = application(status={**settled(), "sync": compared})

    assert Goal(sync=True).missing(body) == ("the change was not looked at yet",)
    compared["comparedTo"]["source"] = body["spec"]["source"]
    assert Goal(sync=True).missing(body) == ()


def test_single_resources_can_be_waited_for():
    """
    With resources named, only these are looked at, and one that is not there is missing.
    """
    good = {**WEB, "status": "Synced", "health": {"status": "Healthy"}}
    body = application(status=settled(health="Degraded", resources=[good]))
    goal = Goal(sync=True, health=True)

    assert goal.missing(body, ["apps:Deployment:web"]) == ()
    assert goal.missing(body, [":Secret:key"]) == (":Secret:key: not there",)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"spec_repo": "u", "spec_path": "p", "spec_revision": "r"},
            {"source": {"repoURL": "u", "path": "p", "targetRevision": "r"}},
        ),
        ({"spec_dest_name": "c"}, {"destination": {"name": "c"}}),
        (
            {"spec_sync_policy": "automated", "spec_self_heal": True},
            {"syncPolicy": {"automated": {"selfHeal": True}}},
        ),
        (
            {"spec_sync_policy": "auto", "spec_auto_prune": False},
            {"syncPolicy": {"automated": {"prune": False}}},
        ),
        ({"spec_sync_option": ("A=b", "C=d")}, {"syncPolicy": {"syncOptions": ["A=b", "C=d"]}}),
        (
            {"spec_sync_retry_limit": 3, "spec_sync_retry_backoff_factor": 2},
            {"syncPolicy": {"retry": {"limit": 3, "backoff": {"factor": 2}}}},
        ),
        ({"spec_values": ("a.yaml",)}, {"source": {"helm": {"valueFiles": ["a.yaml"]}}}),
        (
            {"spec_helm_set": ("a=1", "b=2=3")},
            {
                "source": {
                    "helm": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2=3"}]}
                }
            },
        ),
        (
            {"spec_helm_set_string": ("a=1",)},
            {"source": {"helm": {"parameters": [{"name": "a", "value": "1", "forceString": True}]}}},
        ),
        (
            {"spec_helm_set_file": ("a=f",)},
            {"source": {"helm": {"fileParameters": [{"name": "a", "path": "f"}]}}},
        ),
        (
            {"spec_kustomize_image": ("a:1", "a:2", "b=c:3")},
            {"source": {"kustomize": {"images": ["a:2", "b=c:3"]}}},
        ),
        (
            {"spec_kustomize_replica": ("web=3",)},
            {"source": {"kustomize": {"replicas": [{"name": "web", "count": 3}]}}},
        ),
        ({"spec_kustomize_common_label": ("a=b",)}, {"source": {"kustomize": {"commonLabels": {"a": "b"}}}}),
        ({"spec_directory_recurse": True}, {"source": {"directory": {"recurse": True}}}),
    ],
    ids=lambda value: (
        "+".join(value).replace("spec_", "")
        if isinstance(value, dict) and all(k.startswith("spec_") for k in value)
        else ""
    ),
)
def test_flags_make_a_specification(given, expected):
    """
    Each flag sets the field of the same meaning, from nothing.
    """
    assert expected == with_flags({}, given)


@pytest.mark.parametrize(
    ("spec", "given", "expected"),
    [
        pytest.param(
            {"destination": {"server": "s", "namespace": "n"}},
            {"spec_dest_name": "c"},
            {"destination": {"name": "c", "namespace": "n"}},
            id="name instead of server",
        ),
        pytest.param(
            {"syncPolicy": {"automated": {"prune": True}}},
            {"spec_sync_policy": "none"},
            {},
            id="no more automation",
        ),
        pytest.param(
            {"syncPolicy": {"syncOptions": ["A=b", "C=d"]}},
            {"spec_sync_option": ("!A", "C=e")},
            {"syncPolicy": {"syncOptions": ["C=e"]}},
            id="options by word",
        ),
        pytest.param(
            {"source": {"helm": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}}},
            {"spec_helm_set": ("a=3",)},
            {"source": {"helm": {"parameters": [{"name": "a", "value": "3"}, {"name": "b", "value": "2"}]}}},
            id="parameters by name",
        ),
    ],
)
def test_flags_change_a_specification(spec, given, expected):
    """
    A flag changes what it names and leaves the rest, and never the value it was given.
    """
    before = repr(spec)

    assert expected == with_flags(spec, given)
    assert before == repr(spec)


@pytest.mark.parametrize(
    "given",
    [
        {"spec_helm_set": ("a",)},
        {"spec_kustomize_replica": ("a=many",)},
        {"spec_self_heal": True},
        {"spec_values_literal_file": "nowhere"},
    ],
)
def test_flags_that_make_no_sense_are_refused(given):
    """
    A flag that cannot be used is refused before anything is asked.
    """
    with pytest.raises(InvalidSpec):
        with_flags({}, given)


def test_no_two_flags_share_a_name():
    """
    Every flag of the table has a parameter of its own.
    """
    assert len({flag.parameter for flag in FLAGS}) == len(FLAGS)


def test_defaults_make_it_complete():
    """
    An application of a repository alone goes to the own cluster, in the default project.
    """
    spec = with_defaults(with_flags({}, {"spec_repo": "https://git.example/a"}))

    app = decode_application({"metadata": {"name": "a"}, "spec": spec})

    assert (app.project, app.destination.server) == ("default", "https://kubernetes.default.svc")


@pytest.mark.parametrize(
    ("before", "policy", "expected"),
    [
        ([], "foreground", ["resources-finalizer.argocd.argoproj.io"]),
        ([], "background", ["resources-finalizer.argocd.argoproj.io/background"]),
        (["x", "resources-finalizer.argocd.argoproj.io"], "", ["x"]),
        (
            ["resources-finalizer.argocd.argoproj.io/foreground"],
            "foreground",
            ["resources-finalizer.argocd.argoproj.io/foreground"],
        ),
        (
            ["resources-finalizer.argocd.argoproj.io/background", "x"],
            "foreground",
            ["x", "resources-finalizer.argocd.argoproj.io"],
        ),
    ],
)
def test_finalizers_say_the_cascade(before, policy, expected):
    """
    Exactly one finalizer asks for the cascade that was chosen; those of others stay.
    """
    assert expected == with_cascade(before, policy)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, "Manual"),
        ({"automated": {}}, "Auto"),
        ({"automated": {"prune": True}}, "Auto-Prune"),
        ({"automated": {"enabled": False, "prune": True}}, "Manual"),
    ],
)
def test_policies_have_their_words(policy, expected):
    """
    The sync policy is told in Argo CD's words.
    """
    assert expected == sync_policy({"syncPolicy": policy})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apps/web", None),
        ("./a:b", None),
        ("https://host/shop.git", Remote("https://host/shop.git")),
        ("https://host/shop.git//apps/web?ref=v1", Remote("https://host/shop.git", "apps/web", "v1")),
        ("git@host:shop.git//web", Remote("git@host:shop.git", "web")),
        ("ssh://git@host/shop?ref=main", Remote("ssh://git@host/shop", ".", "main")),
        ("file:///srv/shop.git", Remote("file:///srv/shop.git")),
        ("file:///srv/shop.git//web", Remote("file:///srv/shop.git", "web")),
    ],
)
def test_repositories_in_one_word(text, expected):
    """
    A URL, a path behind two slashes and a ref make a repository; what is no URL is a file.
    """
    assert expected == Remote.parse(text)
