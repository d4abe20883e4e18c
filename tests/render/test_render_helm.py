"""What charts render to, with every option of an Application."""

from __future__ import annotations

import io
import tarfile

import orjson
import pytest
from rendering import CHART, chart, config_map, request, tree

from moorage.model.errors import (
    InvalidManifest,
    InvalidSpec,
    PathNotFound,
    RenderFailed,
    SourceUnreachable,
)


def values_of(result, name="web"):
    """Return the values that the small chart saw."""
    found = {m.key.name: m.body for m in result.manifests}
    return orjson.loads(found[name]["data"]["values"])


def archive(files: dict[str, str]) -> bytes:
    """Return a chart archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def dependent(repository: str, version: str = "1.x.x", more: str = "") -> str:
    """Return a Chart.yaml with one dependency."""
    return f"apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- {{name: lib, version: {version}, repository: '{repository}'{more}}}\n"


LIB = {
    "Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.2.0\n",
    "templates/a.yaml": config_map("lib-{{ .Release.Name }}"),
}
PLAIN = {"a": 1, "list": [1, 2], "nest": {"x": 1, "why": 2}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, {}, id="the chart's own"),
        pytest.param(
            {"valueFiles": ["one.yaml", "two.yaml"]}, {"from": "two", "one": True}, id="files in order"
        ),
        pytest.param(
            {"valueFiles": ["two.yaml", "*.yaml"], "parameters": []},
            {"from": "one", "one": True},
            id="a named file keeps its place",
        ),
        pytest.param(
            {"valueFiles": ["/shared/*.yaml"]}, {"shared": "b"}, id="glob in lexical order from the root"
        ),
        pytest.param({"valueFiles": ["../shared/**/deep.yaml"]}, {"deep": 1}, id="double star"),
        pytest.param(
            {"valueFiles": ["none.yaml", "one.yaml"], "ignoreMissingValueFiles": True},
            {"from": "one", "one": True},
            id="missing files ignored",
        ),
        pytest.param(
            {"valueFiles": ["one.yaml"], "values": "from: inline"},
            {"from": "inline", "one": True},
            id="inline over files",
        ),
        pytest.param({"values": "nest: {x: null}"}, {"nest": {"why": 2}}, id="null removes"),
        pytest.param(
            {"valuesObject": {"f": "object"}, "fileParameters": [{"name": "f", "path": "text.txt"}]},
            {"f": "some text"},
            id="file parameter over object",
        ),
        pytest.param(
            {
                "values": "p: x",
                "parameters": [{"name": "p", "value": "7"}, {"name": "q", "value": "7", "forceString": True}],
            },
            {"p": 7, "q": "7"},
            id="parameters last",
        ),
        pytest.param(
            {"parameters": [{"name": "p", "value": "$ARGOCD_APP_NAME-$OTHER"}]},
            {"p": "web-$OTHER"},
            id="variables",
        ),
        pytest.param({"valueFiles": ["$vals/env.yaml"]}, {"env": "ref"}, id="another source's file"),
    ],
)
def test_values_have_helms_precedence(render, options, expected):
    """
    Value files, inline values, file parameters and parameters win in this order, each later one over earlier ones.
    """
    files = chart(
        **{
            "app/one.yaml": "from: one\none: true",
            "app/two.yaml": "from: two",
            "app/values.yaml": CHART["app/values.yaml"],
            "app/Chart.yaml": CHART["app/Chart.yaml"],
            "app/text.txt": "some text",
            "shared/a.yaml": "shared: a",
            "shared/b.yaml": "shared: b",
            "shared/x/deep.yaml": "deep: 1",
        }
    )
    if options.get("valueFiles") == ["two.yaml", "*.yaml"]:
        options = {**options, "valueFiles": ["two.yaml", "o*.yaml"]}

    result = render(
        request(helm=options, environment={"ARGOCD_APP_NAME": "web"}),
        files,
        refs={"vals": tree({"env.yaml": "env: ref"})},
    )

    assert {**PLAIN, **expected} == values_of(result)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, ["crontabs.x.test", "hook", "test", "web"], id="all"),
        pytest.param({"skipCrds": True}, ["hook", "test", "web"], id="skipCrds"),
        pytest.param({"skipTests": True}, ["crontabs.x.test", "hook", "web"], id="skipTests"),
        pytest.param(
            {"releaseName": "other", "skipCrds": True, "skipTests": True}, ["hook", "other"], id="releaseName"
        ),
    ],
)
def test_documents_are_chosen(render, options, expected):
    """
    Definitions come first, hooks are kept, notes never appear, and switches leave out what they name.
    """
    files = chart(
        **{
            "app/crds/c.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: crontabs.x.test}\n",
            "app/templates/NOTES.txt": "thank you",
            "app/templates/hook.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\n",
            "app/templates/tests/t.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {helm.sh/hook: 'test-success'}}\n",
        }
    )

    names = [m.key.name for m in render(request(helm=options), files).manifests]

    assert expected == sorted(names)
    assert options.get("skipCrds") or names[0] == "crontabs.x.test"


def test_the_destination_decides(render):
    """
    Namespace, version and API versions are the destination's, unless the source names its own.
    """
    text = '{{ .Release.Namespace }} {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.APIVersions.Has "x.test/v1" }}'
    files = chart(**{"app/templates/c.yaml": config_map("c").replace("{}", f"{{says: '{text}'}}")})

    def says(**helm):
        wanted = request(helm=helm, kube_version="v1.30.1", api_versions=["x.test/v1"])
        return next(m for m in render(wanted, files).manifests if m.key.name == "c").body["data"]["says"]

    assert says() == "shop v1.30.1 true"
    assert says(namespace="ns", kubeVersion="v1.29.0", apiVersions=["y/v1"]) == "ns v1.29.0 false"


def test_a_chart_is_loaded_afresh_each_time(render):
    """
    A dependency switched off in one rendering is there in the next that switches it on.
    """
    files = tree(
        {
            **CHART,
            "app/Chart.yaml": dependent("file://../lib", more=", condition: lib.enabled"),
            **{f"lib/{n}": t for n, t in LIB.items()},
        }
    )

    counts = [
        len(render(request(helm={"values": f"lib: {{enabled: {on}}}"}), files).manifests)
        for on in ("false", "true", "false")
    ]

    assert counts == [1, 2, 1]


@pytest.mark.parametrize(
    ("options", "passes"),
    [({}, False), ({"skipSchemaValidation": True}, True)],
)
def test_schemas_are_checked_unless_skipped(render, options, passes):
    """
    Values that break the chart's schema fail the rendering; the switch lets them pass, for dependencies too.
    """
    files = chart(
        **{
            "app/Chart.yaml": dependent(""),
            "app/charts/lib-1.2.0.tgz": archive(
                {
                    **{f"lib/{n}": t for n, t in LIB.items()},
                    "lib/values.schema.json": '{"required": ["must"]}',
                }
            ),
            "app/values.schema.json": '{"properties": {"a": {"type": "string"}}}',
        }
    )

    if passes:
        assert len(render(request(helm=options), files).manifests) == 2
    else:
        with pytest.raises(RenderFailed, match="got number, want string"):
            render(request(helm=options), files)


@pytest.mark.parametrize(
    "where", ["file", "folder in charts", "archive in charts", "fetched", "fetched with lock"]
)
def test_dependencies_are_found(render, where):
    """
    A dependency comes from the repository, from charts/ or from the caller, at the locked version if there is one.
    """
    asked = []

    async def fetch(repository, name, version):
        asked.append((repository, name, version))
        return archive({f"lib/{n}": t for n, t in LIB.items()})

    repository = (
        "https://charts.test" if where.startswith("fetched") else "file://../lib" if where == "file" else ""
    )
    more = {
        "file": {f"lib/{n}": t for n, t in LIB.items()},
        "folder in charts": {f"app/charts/lib/{n}": t for n, t in LIB.items()},
        "archive in charts": {"app/charts/lib-1.2.0.tgz": archive({f"lib/{n}": t for n, t in LIB.items()})},
        "fetched": {},
        "fetched with lock": {
            "app/Chart.lock": "dependencies:\n- {name: lib, version: 1.2.0, repository: x}\n"
        },
    }[where]

    result = render(request(), chart(**{"app/Chart.yaml": dependent(repository), **more}), fetch_chart=fetch)

    assert sorted(m.key.name for m in result.manifests) == ["lib-web", "web"]
    versions = {"fetched": ["1.x.x"], "fetched with lock": ["1.2.0"]}.get(where, [])
    assert [("https://charts.test", "lib", version) for version in versions] == asked


def test_an_unreachable_chart_host_is_the_callers_error(render):
    """
    When a dependency cannot be fetched, the error of fetching reaches the application unchanged.
    """

    async def fetch(repository, name, version):
        raise SourceUnreachable("https://charts.test: no answer")

    with pytest.raises(SourceUnreachable, match=r"^https://charts\.test: no answer$"):
        render(request(), chart(**{"app/Chart.yaml": dependent("https://charts.test")}), fetch_chart=fetch)


@pytest.mark.parametrize(
    ("files", "options", "error", "message"),
    [
        pytest.param(
            {"app/templates/x.yaml": "a: {{ .Values.p.q.r }}"},
            {},
            RenderFailed,
            "shop/templates/x.yaml:1:",
            id="nil",
        ),
        pytest.param(
            {"app/templates/x.yaml": 'a: {{ fail "say so" }}'},
            {},
            RenderFailed,
            "x.yaml:1:6): say so",
            id="fail",
        ),
        pytest.param({"app/templates/x.yaml": "a: {{ if }"}, {}, RenderFailed, "x.yaml:1)", id="syntax"),
        pytest.param(
            {"app/templates/x.yaml": "kind: X\na: [\n"},
            {},
            InvalidManifest,
            "shop/templates/x.yaml (rendered):3:1",
            id="not YAML",
        ),
        pytest.param(
            {"app/templates/x.yaml": "kind: X\nmetadata: {name: x}"},
            {},
            InvalidManifest,
            "apiVersion is missing",
            id="no apiVersion",
        ),
        pytest.param(
            {"app/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>=1.99.0-0'"},
            {},
            RenderFailed,
            "the chart needs Kubernetes >=1.99.0-0, the destination has v1.34.2",
            id="kubeVersion",
        ),
        pytest.param(
            {"app/one.yaml": "- a"},
            {"valueFiles": ["one.yaml"]},
            InvalidManifest,
            "app/one.yaml:1: values must be a map",
            id="values list",
        ),
        pytest.param(
            {},
            {"valueFiles": ["none.yaml"]},
            PathNotFound,
            "spec.source.helm.valueFiles[0]: app/none.yaml",
            id="missing file",
        ),
        pytest.param(
            {},
            {"valueFiles": ["no*.yaml"]},
            PathNotFound,
            "spec.source.helm.valueFiles[0]",
            id="glob without match",
        ),
        pytest.param(
            {},
            {"valueFiles": ["$w/a.yaml"]},
            InvalidSpec,
            "no source of this application has ref: w",
            id="unknown ref",
        ),
        pytest.param(
            {},
            {"fileParameters": [{"name": "f", "path": "no.txt"}]},
            PathNotFound,
            "fileParameters[0].path",
            id="missing file parameter",
        ),
        pytest.param(
            {}, {"parameters": [{"name": "a.b", "value": "1"}]}, None, "", id="through a default is fine"
        ),
        pytest.param(
            {},
            {"values": "a: 1", "parameters": [{"name": "a.b", "value": "1"}]},
            InvalidSpec,
            "parameters[0]: a.b goes through",
            id="through a number",
        ),
        pytest.param(
            {}, {"releaseName": "Not_A_Name"}, InvalidSpec, "spec.source.helm.releaseName", id="release name"
        ),
        pytest.param(
            {"app/Chart.yaml": dependent("file://../none")},
            {},
            PathNotFound,
            "dependencies[0] (lib)",
            id="missing dependency",
        ),
        pytest.param(
            {"app/Chart.yaml": dependent("@stable")},
            {},
            InvalidSpec,
            "dependencies[0] (lib)",
            id="repository by alias",
        ),
        pytest.param(
            {"app/Chart.yaml": dependent("https://x.test")},
            {},
            SourceUnreachable,
            "commit it to charts/",
            id="no way to fetch",
        ),
    ],
)
def test_bad_charts_are_refused(render, files, options, error, message):
    """
    A chart that cannot be rendered fails with template, line or field, and without a path of the machine.
    """
    wanted = request(helm=options, kube_version="v1.34.2")
    if error is None:
        assert render(wanted, chart(**files)).manifests
        return

    with pytest.raises(error) as refused:
        render(wanted, chart(**files))

    assert message in str(refused.value)
    assert "/tmp" not in str(refused.value)
