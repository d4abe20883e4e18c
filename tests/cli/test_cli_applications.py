"""``moor app`` against a sandbox that holds Applications."""

import json
import subprocess
import sys

import pytest
from cli_kit import application, lines, operated, run, settled

from moorage.formats.yaml import dump_all, load

FLAGS = ("--repo", "https://git.example/shop.git", "--path", "web", "--dest-namespace", "shop")
RESULT = {
    "kind": "ConfigMap",
    "namespace": "shop",
    "name": "settings",
    "status": "Synced",
    "message": "created",
    "syncPhase": "Sync",
}


def config_map(name, colour="blue"):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop"},
        "data": {"colour": colour},
    }


def tracked(name, app, colour="blue"):
    body = config_map(name, colour)
    mark = f"{app}:/ConfigMap:shop/{name}"
    body["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": mark}
    return body


def test_list(shop):
    """
    Lists name, project, sync, health and revision of the applications that were chosen.
    """
    shop.add(application("list-a", metadata={"labels": {"t": "list"}}, status=settled()))
    shop.add(application("list-b", metadata={"labels": {"t": "list"}}))

    result = shop.moor("app", "list", "-l", "t=list")

    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NAME", "PROJECT", "SYNC", "HEALTH", "REVISION"],
        ["list-a", "default", "Synced", "Healthy", "aaaaaaaa"],
        ["list-b", "default", "Unknown", "Unknown"],
    ]


def test_list_for_programs(shop):
    """
    Names are one a line; JSON and YAML hold the objects, without the server's bookkeeping.
    """
    shop.add(application("out", metadata={"labels": {"t": "out"}}))
    chosen = ("app", "list", "-l", "t=out", "-o")

    assert shop.moor(*chosen, "name").stdout == "argocd/out\n"
    for found in (json.loads(shop.moor(*chosen, "json").stdout), load(shop.moor(*chosen, "yaml").stdout)):
        assert [item["metadata"]["name"] for item in found["items"]] == ["out"]
        assert found["items"][0]["kind"] == "Application"
        assert "managedFields" not in found["items"][0]["metadata"]
    assert "https://git.example/shop.git" in shop.moor(*chosen, "wide").stdout


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("-p", "default"), "argocd/filter\n"),
        (("-p", "other"), ""),
        (("-r", "https://git.example/shop.git"), "argocd/filter\n"),
        (("-c", "elsewhere"), ""),
    ],
)
def test_list_filters(shop, flags, expected):
    """
    Project, repository and cluster narrow the list.
    """
    if "filter" not in shop.moor("app", "list", "-o", "name").stdout:
        shop.add(application("filter", metadata={"labels": {"t": "filter"}}))

    assert shop.moor("app", "list", "-l", "t=filter", "-o", "name", *flags).stdout == expected


def test_nothing_to_list_is_no_error(shop):
    """
    An empty list is said on standard error and ends well.
    """
    result = shop.moor("app", "list", "-l", "t=none")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "No applications" in result.stderr


def test_create_and_set(shop):
    """
    Flags make an Application; `set` changes what it names and leaves the rest.
    """
    made = shop.moor(
        "app", "create", "made", *FLAGS, "--sync-policy", "auto", "--self-heal", "--label", "a=b"
    )
    assert (made.exit_code, made.stdout) == (0, "argocd/made: created\n")

    changed = shop.moor("app", "set", "made", "--revision", "v2", "--sync-policy", "none")
    assert (changed.exit_code, changed.stdout) == (0, "argocd/made: changed\n")

    body = shop.get("made")
    source = {"repoURL": "https://git.example/shop.git", "path": "web", "targetRevision": "v2"}
    assert body["spec"]["source"] == source
    assert body["spec"]["destination"] == {"server": "https://kubernetes.default.svc", "namespace": "shop"}
    assert "automated" not in (body["spec"].get("syncPolicy") or {})
    assert body["metadata"]["labels"] == {"a": "b"}
    assert shop.moor("app", "set", "made", "--revision", "v2").stdout == "argocd/made: unchanged\n"


def test_create_again_needs_upsert(shop):
    """
    An application that exists is not changed by `create`, unless --upsert says so.
    """
    shop.moor("app", "create", "twice", *FLAGS)

    refused = shop.moor("app", "create", "twice", *FLAGS, "--revision", "v2")
    changed = shop.moor("app", "create", "twice", *FLAGS, "--revision", "v2", "--upsert")

    assert refused.exit_code == 5
    assert "exists already" in refused.stderr
    assert changed.stdout == "argocd/twice: changed\n"
    assert shop.get("twice")["spec"]["source"]["targetRevision"] == "v2"


def test_create_from_a_file(shop):
    """
    A file may be the beginning, standard input too; its namespace is the installation's when it has none.
    """
    body = application("filed")
    del body["metadata"]["namespace"]

    result = shop.moor("app", "create", "-f", "-", "--set-finalizer", stdin=dump_all([body]))

    assert result.exit_code == 0, result.output
    assert shop.get("filed")["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(("create", "bad"), 5, "repoURL: missing", id="no repository"),
        pytest.param(("create", *FLAGS), 2, "name the application", id="no name"),
        pytest.param(("create", "a/b/c", *FLAGS), 5, "not the name of an application", id="odd name"),
        pytest.param(
            ("create", "nowhere/x", *FLAGS), 7, "namespace nowhere does not exist", id="no namespace"
        ),
        pytest.param(
            ("set", "absent", "--path", "x"), 7, "application argocd/absent does not exist", id="set"
        ),
        pytest.param(("set", "absent"), 2, "say what to change", id="nothing to set"),
        pytest.param(("get", "absent"), 7, "`moor app list` shows", id="get"),
        pytest.param(("delete", "absent", "-y"), 7, "does not exist", id="delete"),
        pytest.param(("sync",), 2, "name applications", id="sync nothing"),
        pytest.param(("sync", "-l", "t=none"), 5, "matches no application", id="sync none"),
        pytest.param(("wait", "absent"), 7, "does not exist", id="wait"),
        pytest.param(("diff", "absent", "--local", "nowhere"), 7, "nowhere: no such folder", id="diff"),
    ],
)
def test_what_is_wrong_is_said(shop, arguments, code, told):
    """
    Each mistake ends with its code and one message that says what to do.
    """
    result = shop.moor("app", *arguments)

    assert result.exit_code == code, result.output
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_get_tells_how_it_stands(shop):
    """
    The panel shows source, destination, status, conditions, operation and resources, cleaned of control characters.
    """
    resource = {**RESULT, "status": "OutOfSync", "health": {"status": "Degraded", "message": "crash\x1b[2J"}}
    status = settled(
        "OutOfSync", "Degraded", resources=[resource], operationState=operated("Failed", "no", RESULT)
    )
    status["conditions"] = [{"type": "SyncError", "message": "went wrong"}]
    shop.add(application("panel", status=status))

    shown = shop.moor("app", "get", "panel", "--show-operation").stdout

    for part in ("Repository:  https://git.example/shop.git", "Sync:        OutOfSync to aaaaaaaa"):
        assert part in shown
    for part in ("Operation:   Failed no", "Condition:   SyncError: went wrong", "crash�[2J", "created"):
        assert part in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param("ignored (declared by application web)", None, id="left to another"),
        pytest.param("created", "requires pruning", id="left Git since"),
    ],
)
def test_get_tells_why_something_is_not_pruned(shop, told, expected):
    """
    Beside a resource that would go stands why the last sync left it, where it says so.
    """
    name = f"leaving-{expected is None}".lower()
    resource = {**RESULT, "status": "OutOfSync", "requiresPruning": True, "health": {}}
    state = operated("Succeeded", "all synced", {**RESULT, "message": told})
    shop.add(application(name, status=settled("OutOfSync", resources=[resource], operationState=state)))

    assert (expected or told) in shop.moor("app", "get", name).stdout


def test_diff_tells_who_else_declares_something(shop, tmp_path):
    """
    A diff says on standard error what is shared with another application, or left to it.
    """
    source = tmp_path / "web"
    source.mkdir()
    (source / "all.yaml").write_text(dump_all([config_map("shared-note")]))
    message = "ConfigMap/shop/moving is declared by application web, and left to it"
    status = settled()
    status["conditions"] = [{"type": "SharedResourceWarning", "message": message}]
    shop.add(application("sharing", status=status))

    result = shop.moor("app", "diff", "sharing", "--local", str(source))

    assert f"Note: {message}" in result.stderr


def test_sync_follows_the_operation(shop):
    """
    A sync asks for the operation, tells each result on standard error, and ends when the operation does.
    """
    shop.add(application("synced"))
    followed = shop.followed("synced")

    async def react(body):
        if body["metadata"]["name"] == "synced" and body.get("operation"):
            assert body["operation"]["sync"] == {"prune": True, "revision": "v1"}
            state = operated("Running", "waiting for healthy state", RESULT)
            return {"operation": None, "status": settled("OutOfSync", operationState=state)}
        if (body.get("status") or {}).get("operationState", {}).get("phase") == "Running":
            await followed.wait()
            return {"status": settled(operationState=operated("Succeeded", "all synced", RESULT))}
        return None

    with shop.answering(react):
        result = shop.moor("app", "sync", "synced", "--prune", "--revision", "v1", "--timeout", "20")

    assert result.exit_code == 0, result.output
    assert result.stdout == "argocd/synced: Succeeded at bbbbbbbb: all synced\n"
    assert result.stderr.splitlines() == [
        "Sync      Synced  ConfigMap/shop/settings  created",
        "Running: waiting for healthy state",
        "Succeeded: all synced",
    ]


def test_a_failed_sync_says_no(shop):
    """
    When the operation fails the command ends with 1 and says why.
    """
    shop.add(application("failing"))

    def react(body):
        if body["metadata"]["name"] == "failing" and body.get("operation"):
            return {"operation": None, "status": settled(operationState=operated("Failed", "quota exceeded"))}
        return None

    with shop.answering(react):
        result = shop.moor("app", "sync", "failing", "--timeout", "20")

    assert result.exit_code == 1
    assert "Failed at bbbbbbbb: quota exceeded" in result.stdout


def test_sync_without_waiting(shop):
    """
    With --async the request is made and nothing more; a second one is refused while it lasts.
    """
    shop.add(application("async"))

    asked = shop.moor("app", "sync", "async", "--async", "--force", env={"USER": "ada"})
    again = shop.moor("app", "sync", "async", "--async")

    assert asked.stdout == "argocd/async: sync requested\n"
    assert shop.get("async")["operation"] == {
        "initiatedBy": {"username": "ada"},
        "sync": {"syncStrategy": {"hook": {"force": True}}},
    }
    assert again.exit_code == 3
    assert "another operation is under way" in again.stderr


def test_a_sync_nobody_takes_up_times_out(shop):
    """
    When --timeout passes the command ends with 124 and says what it waited for.
    """
    shop.add(application("ignored"))

    result = shop.moor("app", "sync", "ignored", "--timeout", "0.2")

    assert result.exit_code == 124
    assert "does moor serve run?" in result.stderr


def test_an_old_result_is_not_taken_for_the_new(shop):
    """
    A result that was there before the request does not end the waiting.
    """
    shop.add(application("stale", status=settled(operationState=operated("Succeeded", "long ago"))))

    assert shop.moor("app", "sync", "stale", "--timeout", "0.2").exit_code == 124


def test_terminating(shop):
    """
    A requested operation is taken back, a running one marked to end; without one the command says so.
    """
    shop.add(application("asked", operation={"sync": {}}))
    shop.add(application("running", status=settled(operationState=operated("Running"))))
    shop.add(application("idle"))

    assert shop.moor("app", "terminate-op", "asked").exit_code == 0
    assert shop.moor("app", "terminate-op", "running").exit_code == 0
    assert "operation" not in shop.get("asked")
    assert shop.get("running")["status"]["operationState"]["phase"] == "Terminating"
    assert shop.moor("app", "terminate-op", "idle").exit_code == 5


def test_waiting_ends_when_it_holds(shop):
    """
    `wait` returns at once when all holds, and as soon as a change makes it so.
    """
    shop.add(application("well", status=settled()))
    shop.add(application("ill", status=settled(health="Progressing")))

    def react(body):
        ill = body["metadata"]["name"] == "ill" and body["status"]["health"]["status"] != "Healthy"
        return {"status": {"health": {"status": "Healthy"}}} if ill else None

    assert shop.moor("app", "wait", "well").stdout == "argocd/well: Synced, Healthy\n"
    late = shop.moor("app", "wait", "ill", "--health", "--timeout", "0.2")
    with shop.answering(react):
        result = shop.moor("app", "wait", "ill", "--health", "--timeout", "20")

    assert late.exit_code == 124
    assert "health Progressing" in late.stderr
    assert (result.exit_code, result.stdout) == (0, "argocd/ill: Synced, Healthy\n")


def test_refresh_waits_for_the_mark_to_go(shop):
    """
    A refresh is asked for by annotation, and the application printed once that was taken away.
    """
    shop.add(application("refreshed", status=settled("Unknown")))

    def react(body):
        marks = body["metadata"].get("annotations") or {}
        if marks.get("argocd.argoproj.io/refresh") == "hard":
            return {"metadata": {"annotations": {"argocd.argoproj.io/refresh": None}}, "status": settled()}
        return None

    with shop.answering(react):
        result = shop.moor("app", "get", "refreshed", "--hard-refresh", "--timeout", "20")

    assert "Sync:        Synced" in result.stdout


def test_history(shop):
    """
    Deployments are listed with time, revision and who asked.
    """
    entry = {
        "id": 3,
        "revision": "c" * 40,
        "deployedAt": "2026-01-01T00:00:00Z",
        "initiatedBy": {"username": "ada"},
    }
    shop.add(application("past", status=settled(history=[entry])))

    result = shop.moor("app", "history", "past")

    assert result.stdout.splitlines()[1].split() == ["3", "2026-01-01T00:00:00Z", "cccccccc", "ada"]
    assert shop.moor("app", "history", "past", "-o", "id").stdout == "3\n"


def test_deleting_asks_first(shop):
    """
    Without a terminal to ask on, nothing is deleted unless --yes is said.
    """
    shop.add(application("kept"))

    result = shop.moor("app", "delete", "kept")

    assert result.exit_code == 5
    assert "--yes" in result.stderr
    assert shop.get("kept")["metadata"]["name"] == "kept"


def test_deleting_with_resources_leaves_it_to_moorage(shop):
    """
    A cascade is a finalizer; the application stays until whoever runs it takes that away.
    """
    shop.add(application("cascade"))

    result = shop.moor("app", "delete", "cascade", "-y", "-p", "background")

    assert result.stdout == "argocd/cascade: is being deleted\n"
    body = shop.get("cascade")
    assert body["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io/background"]
    assert body["metadata"]["deletionTimestamp"]


def test_deleting_alone(shop):
    """
    Without a cascade the finalizer is taken away first, so that the resources stay, and --wait sees it go.
    """
    marks = {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}
    shop.add(application("alone", metadata=marks))

    result = shop.moor("app", "delete", "alone", "-y", "--no-cascade", "--wait", "--timeout", "20")

    assert (result.exit_code, result.stdout) == (0, "argocd/alone: deleted\n")
    assert shop.moor("app", "get", "alone").exit_code == 7


def test_tree_shows_what_resources_own(shop):
    """
    Resources are shown with what they own below them, and with their health; one that is gone is Missing.
    """
    labels = {"app": "tree"}
    container = {"name": "web", "image": "web:1"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "tree", "namespace": "shop"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    shop.request("POST", "/apis/apps/v1/namespaces/shop/deployments", deployment)
    named = [
        {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "tree"},
        {"kind": "ConfigMap", "namespace": "shop", "name": "gone"},
    ]
    shop.add(application("tree", status=settled(resources=named)))

    shown = lines(shop.moor("app", "tree", "tree", "-o", "json"))

    assert [(line["depth"], line["key"].split("/")[0]) for line in shown] == [
        (0, "ConfigMap"),
        (0, "Deployment"),
        (1, "ReplicaSet"),
        (2, "Pod"),
    ]
    assert shown[0]["status"] == "Missing"
    text = shop.moor("app", "tree", "tree").stdout
    assert "\n└─ ReplicaSet/shop/tree-" in text
    assert "\n   └─ Pod/shop/tree-" in text


def test_diff_of_an_application(shop, tmp_path):
    """
    The target is placed and marked as Moorage would; fields, missing and extraneous resources are told.
    """
    source = tmp_path / "web"
    source.mkdir()
    (source / "all.yaml").write_text(
        dump_all([config_map("same"), config_map("changed", "red"), config_map("new")])
    )
    for name in ("same", "changed", "extra"):
        shop.request("POST", "/api/v1/namespaces/shop/configmaps", tracked(name, "differs"))
    shop.request("POST", "/api/v1/namespaces/shop/configmaps", config_map("foreign"))
    named = [
        {"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": name}
        for name in ("extra", "foreign")
    ]
    shop.add(application("differs", status=settled(resources=named)))

    result = shop.moor("app", "diff", "differs", "--local", str(source), "-o", "json")

    assert result.exit_code == 1, result.output
    assert [(row["key"].split("/")[-1], row["change"]) for row in lines(result)] == [
        ("changed", "update"),
        ("extra", "prune"),
        ("new", "create"),
    ]
    assert lines(result)[0]["fields"] == [{"path": ".data.colour", "live": "blue", "target": "red"}]


def test_diff_asks_the_server_about_what_webhooks_change(shop, tmp_path):
    """
    What a webhook makes of an apply is shown as it would be, and what it overrides is no difference.
    """
    source = tmp_path / "web"
    source.mkdir()
    (source / "all.yaml").write_text(dump_all([config_map("loud", "blue"), config_map("louder", "red")]))
    for name, colour in (("loud", "BLUE"), ("louder", "BLUE")):
        body = tracked(name, "webhooks")
        shop.request("POST", "/api/v1/namespaces/shop/configmaps", {**body, "data": {"colour": colour}})
    shop.add(application("webhooks", status=settled()))

    def shout(payload):
        body = json.loads(payload)
        body["data"]["colour"] = body["data"]["colour"].upper()
        return json.dumps(body).encode()

    with shop.changing("configmaps", shout):
        result = shop.moor("app", "diff", "webhooks", "--local", str(source), "-o", "json")

    assert result.exit_code == 1, result.output
    assert [(row["key"].split("/")[-1], row["fields"]) for row in lines(result)] == [
        ("louder", [{"path": ".data.colour", "live": "BLUE", "target": "RED"}])
    ]


def test_diff_respects_the_project(shop, tmp_path):
    """
    What stops a pass stops the diff: a project that is not there is named.
    """
    shop.add(application("orphan", spec={"project": "nowhere"}))

    result = shop.moor("app", "diff", "orphan", "--local", str(tmp_path))

    assert result.exit_code == 5
    assert "project 'nowhere' does not exist" in result.stderr


def test_files_against_the_cluster(shop, tmp_path):
    """
    `diff` and `plan` compare a file with the cluster of the kubeconfig, object by object.
    """
    shop.request("POST", "/api/v1/namespaces/shop/configmaps", config_map("filed"))
    (tmp_path / "a.yaml").write_text(dump_all([config_map("filed", "red"), config_map("absent")]))
    place = str(tmp_path / "a.yaml")

    differs = shop.moor("diff", "--target", place, "-o", "json")
    planned = shop.moor("plan", place, "--live", "cluster", "-o", "json")

    assert [(r["key"], r["change"]) for r in lines(differs)] == [
        ("ConfigMap/shop/absent", "create"),
        ("ConfigMap/shop/filed", "update"),
    ]
    assert [(r["action"], r["resource"]) for r in lines(planned)] == [
        ("create", "ConfigMap/shop/absent"),
        ("update", "ConfigMap/shop/filed"),
    ]


def test_watching_tells_changes(shop):
    """
    `list --watch` prints the list, then each change, until it is ended.
    """
    shop.add(application("seen", metadata={"labels": {"t": "seen"}}))
    command = subprocess.Popen(
        [
            *(sys.executable, "-u", "-m", "moorage", "app", "list", "-l", "t=seen", "-w"),
            *("--kubeconfig", shop.kubeconfig),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    heard = [command.stdout.readline().split()[:3], command.stdout.readline().split()[:3]]
    shop.request(
        "PATCH", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/seen", {"status": settled()}
    )
    heard.append(command.stdout.readline().split()[:3])
    command.terminate()
    command.communicate(timeout=30)

    assert heard == [
        ["NAME", "PROJECT", "SYNC"],
        ["seen", "default", "Unknown"],
        ["seen", "default", "Synced"],
    ]


def test_a_cluster_without_definitions_says_what_to_install(tmp_path):
    """
    Where the kind Application is not there, the message names the command that installs it.
    """
    from cli_kit import cluster

    with cluster(tmp_path, definitions=False) as bare:
        result = bare.moor("app", "list")

    assert result.exit_code == 5
    assert "moor crds | kubectl apply --server-side -f -" in result.stderr


def test_there_is_no_other_way(shop):
    """
    Argo CD's --core is accepted, so that its command lines can be used.
    """
    assert shop.moor("app", "list", "--core").exit_code == 0
    assert "--core" not in run("app", "list", "--help").stdout
