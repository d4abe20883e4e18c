"""Commands that need no server: health, render, diff and plan on files, folders and standard input."""

import json

import pytest
from cli_kit import lines, run

from moorage.formats.yaml import dump_all, load_all

LIVE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "uid": "1", "generation": 1},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1", "imagePullPolicy": "Always"}]},
        },
    },
    "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1},
}
TARGET = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:2"}]},
        },
    },
}


def config_map(name="settings", data=None, **metadata):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": data or {"colour": "blue"},
    }


def secret(value, **metadata):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key", "namespace": "shop", **metadata},
        "data": {"password": value},
    }


def hook(name="migrate", phase="PreSync"):
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": {"argocd.argoproj.io/hook": phase}},
        "spec": {"template": {"spec": {"containers": []}}},
    }


def written(path, *bodies):
    path.write_text(dump_all(bodies))
    return str(path)


def test_health_is_one_line_an_object(tmp_path):
    """
    With -o json each object is one line with key, status and message; a kind without health has null.
    """
    result = run("health", "-f", written(tmp_path / "live.yaml", LIVE, config_map()), "-o", "json")

    assert result.exit_code == 0
    assert lines(result) == [
        {
            "key": "Deployment/shop/web",
            "status": "Progressing",
            "message": "1 of 2 updated replicas are available",
        },
        {"key": "ConfigMap/settings", "status": None, "message": ""},
    ]


def test_health_reads_lists_from_standard_input():
    """
    What `kubectl get -o json` prints can be piped in: lists are unpacked, of one kind as well.
    """
    item = {name: LIVE[name] for name in ("metadata", "spec", "status")}
    listed = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [item]}

    result = run("health", "-f", "-", "-o", "json", stdin=json.dumps(listed))

    assert [row["key"] for row in lines(result)] == ["Deployment/shop/web"]


def test_health_can_decide(tmp_path):
    """
    With --exit-code the command says no when something is not Healthy, and only then.
    """
    assert run("health", "--exit-code", written(tmp_path / "a.yaml", LIVE)).exit_code == 1
    assert run("health", "--exit-code", written(tmp_path / "b.yaml", config_map())).exit_code == 0


def test_diff_tells_fields(tmp_path):
    """
    With -o json each object that differs is one line: key, change, and the fields with both values.

    A target without a namespace is compared with the only live object of its
    name, and what the server set is no difference.
    """
    live, target = written(tmp_path / "live.yaml", LIVE), written(tmp_path / "target.yaml", TARGET)

    result = run("diff", "--live", live, "--target", target, "-o", "json")

    assert result.exit_code == 1
    assert lines(result) == [
        {
            "key": "Deployment/shop/web",
            "change": "update",
            "fields": [
                {"path": ".spec.replicas", "live": 2, "target": 3},
                {
                    "path": ".spec.template.spec.containers[name=web].image",
                    "live": "web:1",
                    "target": "web:2",
                },
            ],
        }
    ]


def test_diff_of_the_same_is_silent(tmp_path):
    """
    Nothing is printed and the exit code is 0 when nothing differs.
    """
    live = written(tmp_path / "live.yaml", LIVE)
    same = {**TARGET, "spec": {**LIVE["spec"]}}

    result = run("diff", "--live", live, "--target", written(tmp_path / "target.yaml", same))

    assert (result.exit_code, result.stdout) == (0, "")


def test_diff_lists_what_is_on_one_side_only(tmp_path):
    """
    An object only in the target would be created, one only live would be pruned.
    """
    live = written(tmp_path / "live.yaml", config_map("old"))
    target = written(tmp_path / "target.yaml", config_map("new"))

    result = run("diff", "--live", live, "--target", target, "-o", "json", "--no-exit-code")

    assert result.exit_code == 0
    assert [(row["key"], row["change"]) for row in lines(result)] == [
        ("ConfigMap/new", "create"),
        ("ConfigMap/old", "prune"),
    ]


@pytest.mark.parametrize("output", ["unified", "fields", "json"])
def test_diff_never_shows_secrets(tmp_path, output):
    """
    The values of Secrets are masked in every output, and one still sees that they differ.
    """
    live = written(tmp_path / "live.yaml", secret("b2xkLXBhc3N3b3Jk", uid="1"))
    target = written(tmp_path / "target.yaml", secret("bmV3LXBhc3N3b3Jk"))

    result = run("diff", "--live", live, "--target", target, "-o", output)

    assert result.exit_code == 1
    assert "password" in result.stdout
    assert "++++++++" in result.stdout
    assert "b2xk" not in result.stdout
    assert "bmV3" not in result.stdout


def test_manifests_are_compared_as_they_are(tmp_path):
    """
    Two folders of manifests differ in every field; an object of a server only where an apply would change it.
    """
    live = written(tmp_path / "live.yaml", config_map(data={"a": "1", "b": "2"}))
    seen = written(tmp_path / "seen.yaml", config_map(data={"a": "1", "b": "2"}, uid="1"))
    target = written(tmp_path / "target.yaml", config_map(data={"a": "1"}))

    assert run("diff", "--live", live, "--target", target).exit_code == 1
    assert run("diff", "--live", seen, "--target", target).exit_code == 0
    assert run("diff", "--live", seen, "--target", target, "--exact").exit_code == 1
    assert run("diff", "--live", live, "--target", target, "--predicted").exit_code == 0


def test_last_applied_tells_what_goes(tmp_path):
    """
    Without field owners, as kubectl prints objects, the last-applied annotation says which fields would go.
    """
    applied = json.dumps(config_map(data={"a": "1", "b": "2"}))
    marks = {"kubectl.kubernetes.io/last-applied-configuration": applied}
    live = config_map(data={"a": "1", "b": "2", "c": "3"}, uid="1", annotations=marks)

    result = run(
        *("diff", "--live", written(tmp_path / "live.yaml", live)),
        *("--target", written(tmp_path / "target.yaml", config_map(data={"a": "1"})), "-o", "json"),
    )

    assert [field["path"] for field in lines(result)[0]["fields"]] == [".data.b"]


def test_unified_diff_has_colours_when_asked(tmp_path):
    """
    A unified diff shows live against target; colours come with --color always and never otherwise.
    """
    live, target = written(tmp_path / "live.yaml", LIVE), written(tmp_path / "target.yaml", TARGET)

    plain = run("diff", "--live", live, "--target", target)
    coloured = run("--color", "always", "diff", "--live", live, "--target", target)

    assert "-  replicas: 2\n+  replicas: 3\n" in plain.stdout
    assert "\x1b[" not in plain.stdout
    assert "\x1b[32m+  replicas: 3\x1b[0m" in coloured.stdout


def test_plan_is_in_order(tmp_path):
    """
    The plan lists hooks, waves and pruning in the order of a sync, with what each action is.
    """
    waves = {"argocd.argoproj.io/sync-wave": "1"}
    target = written(
        tmp_path / "target.yaml", hook(), config_map("second", annotations=waves), config_map("first")
    )
    live = written(tmp_path / "live.yaml", config_map("first"), config_map("old"))

    result = run("plan", target, "--live", live, "-o", "json")

    assert [(r["phase"], r["wave"], r["action"], r["resource"]) for r in lines(result)] == [
        ("PreSync", 0, "clear", "Job/migrate"),
        ("PreSync", 0, "hook", "Job/migrate"),
        ("Sync", 0, "none", "ConfigMap/first"),
        ("Sync", 1, "create", "ConfigMap/second"),
        ("Sync", 0, "prune", "ConfigMap/old"),
    ]


def test_plan_without_pruning_keeps(tmp_path):
    """
    With --no-prune what is only live is kept, and the note says why.
    """
    target, live = (
        written(tmp_path / "target.yaml", config_map("a")),
        written(tmp_path / "l.yaml", config_map("b")),
    )

    result = run("plan", target, "--live", live, "--no-prune", "--changed", "-o", "json")

    assert [(r["action"], r["resource"], r["note"]) for r in lines(result)] == [
        ("create", "ConfigMap/a", ""),
        ("keep", "ConfigMap/b", "ignored (requires pruning)"),
    ]


def test_plan_of_nothing_live_creates(tmp_path):
    """
    Without --live everything is created.
    """
    result = run("plan", written(tmp_path / "t.yaml", config_map("a"), config_map("b")))

    assert result.stdout.split() == [
        *("PHASE", "WAVE", "ACTION", "RESOURCE", "NOTE"),
        *("Sync", "0", "create", "ConfigMap/a"),
        *("Sync", "0", "create", "ConfigMap/b"),
    ]


def test_render_a_kustomization(tmp_path):
    """
    A folder with a kustomization is built, its manifests printed as YAML that reads back.
    """
    written(tmp_path / "app.yaml", config_map())
    (tmp_path / "kustomization.yaml").write_text("namePrefix: dev-\nresources: [app.yaml]\n")

    result = run("render", str(tmp_path))

    assert result.exit_code == 0, result.output
    assert [d.value["metadata"]["name"] for d in load_all(result.stdout)] == ["dev-settings"]


def test_render_for_an_application(tmp_path):
    """
    With --app the folder is rendered as that application's source, found in the repository's folder too.
    """
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "apps" / "web"
    (folder / "below").mkdir(parents=True)
    written(folder / "a.yaml", config_map("a"))
    written(folder / "below" / "b.yaml", config_map("b"))
    app = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web"},
        "spec": {
            "source": {
                "repoURL": "https://git.example/shop",
                "path": "apps/web",
                "directory": {"recurse": True},
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
    }

    for place in (tmp_path, folder):
        result = run("render", str(place), "--app", "-", "-o", "name", stdin=dump_all([app]))
        assert sorted(result.stdout.split()) == ["ConfigMap/a", "ConfigMap/b"], result.output


def test_render_prints_json_lines(tmp_path):
    """
    With -o json each manifest is one line.
    """
    written(tmp_path / "a.yaml", config_map("a"), config_map("b"))

    assert [body["metadata"]["name"] for body in lines(run("render", str(tmp_path), "-o", "json"))] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(("render", "nowhere"), 7, "nowhere: no such file or folder", id="no folder"),
        pytest.param(("health", "-f", "nowhere"), 7, "nowhere: no such file or folder", id="no file"),
        pytest.param(("health",), 2, "name a file", id="nothing named"),
        pytest.param(("plan",), 2, "name the target once", id="no target"),
        pytest.param(("diff", "--target", "-", "--live", "-"), 5, "can be read once", id="stdin twice"),
        pytest.param(("diff", "--target", "cluster"), 5, "swap --live and --target", id="cluster as target"),
        pytest.param(("render", ".", "--app", "nowhere"), 7, "nowhere: no such file", id="no application"),
    ],
)
def test_what_is_wrong_is_said(arguments, code, told):
    """
    A place that cannot be used ends with its exit code and one message on standard error, no traceback.
    """
    result = run(*arguments)

    assert result.exit_code == code
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("a: [", "standard input:", id="not YAML"),
        pytest.param("- 1", "standard input:1: not a Kubernetes object", id="a list"),
        pytest.param("kind: A\nmetadata: {name: a}", "apiVersion is missing", id="no version"),
        pytest.param("apiVersion: v1\nkind: A\nmetadata: {}", "metadata.name is missing", id="no name"),
        pytest.param("apiVersion: v1\nkind: 1\nmetadata: {name: a}", "kind is missing", id="kind not text"),
    ],
)
def test_broken_input_names_its_place(text, told):
    """
    A document that is no object is refused with file and line.
    """
    result = run("health", "-", stdin=text)

    assert result.exit_code == 5
    assert told in result.stderr


def test_two_objects_with_one_key_are_refused(tmp_path):
    """
    A target that names one object twice is refused with both places.
    """
    result = run("plan", written(tmp_path / "t.yaml", config_map(), config_map()))

    assert result.exit_code == 5
    assert "ConfigMap/settings: given twice" in result.stderr
    assert "t.yaml:1" in result.stderr


def test_what_render_prints_can_be_compared(tmp_path):
    """
    `render` into `diff --target -` compares what a folder renders to with anything.
    """
    (tmp_path / "web").mkdir()
    written(tmp_path / "web" / "a.yaml", config_map("a"), config_map("b"))
    live = written(tmp_path / "live.yaml", config_map("a"), config_map("b", {"colour": "red"}))
    rendered = run("render", str(tmp_path / "web")).stdout

    result = run("diff", "--target", "-", "--live", live, "-o", "name", stdin=rendered)

    assert (result.exit_code, result.stdout) == (1, "ConfigMap/b\n")


def test_folders_can_be_compared(tmp_path):
    """
    Both sides may be folders, each rendered as what it is.
    """
    for name, tag in (("base", "1"), ("next", "2")):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "app.yaml", config_map("a", {"tag": tag}))
        (tmp_path / name / "kustomization.yaml").write_text("namePrefix: x-\nresources: [app.yaml]\n")

    result = run("diff", "--live", str(tmp_path / "base"), "--target", str(tmp_path / "next"), "-o", "fields")

    assert result.stdout.splitlines() == ["=== ConfigMap/x-a  update", '  .data.tag: "1" → "2"']


def test_a_named_path_makes_the_place_a_repository(tmp_path):
    """
    With --path the place is the repository: bases elsewhere in it are found, those outside are refused.
    """
    (tmp_path / "base").mkdir()
    (tmp_path / "dev").mkdir()
    written(tmp_path / "base" / "app.yaml", config_map())
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [app.yaml]\n")
    (tmp_path / "dev" / "kustomization.yaml").write_text("namePrefix: dev-\nresources: [../base]\n")

    inside = run("render", str(tmp_path), "--path", "dev", "-o", "name")
    outside = run("render", str(tmp_path / "dev"))
    absent = run("render", str(tmp_path), "--path", "prod")

    assert inside.stdout == "ConfigMap/dev-settings\n"
    assert (outside.exit_code, "leaves the repository" in outside.stderr) == (5, True)
    assert (absent.exit_code, "prod: no such folder" in absent.stderr) == (7, True)
