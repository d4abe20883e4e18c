"""How a source's blocks become options, and how its renderer is found."""

from __future__ import annotations

import pytest
from rendering import CHART, config_map, decode, request, tree

from moorage.model.errors import InvalidSpec
from moorage.render.options import DirectoryOptions, HelmOptions, Parameter, Patch
from moorage.render.strvals import assign


def test_every_field_is_taken():
    """
    All fields of a Helm block arrive, and an unknown one becomes a warning that names it.
    """
    found = decode(
        {
            "helm": {
                "valueFiles": ["a"],
                "parameters": [{"name": "n", "value": "v", "forceString": True}],
                "fileParameters": [{"name": "f", "path": "p"}],
                "releaseName": "r",
                "values": "x: 1",
                "passCredentials": True,
                "ignoreMissingValueFiles": True,
                "skipCrds": True,
                "skipTests": True,
                "skipSchemaValidation": True,
                "namespace": "ns",
                "kubeVersion": "1.30",
                "apiVersions": ["a/v1"],
                "version": "v3",
                "colour": "red",
            }
        }
    )

    assert (
        HelmOptions(
            ("a",),
            (Parameter("n", "v", True),),
            (("f", "p"),),
            "r",
            "x: 1",
            "v3",
            True,
            True,
            True,
            True,
            True,
            "ns",
            "1.30",
            ("a/v1",),
        )
        == found.options
    )
    assert found.warnings == ("spec.source.helm.colour: unknown field, ignored",)


def test_values_object_beats_values():
    """
    When both are given, valuesObject counts and values does not.
    """
    assert decode({"helm": {"values": "a: 1", "valuesObject": {"b": 2}}}).options.values == '{"b":2}'


def test_patches_and_replicas_are_taken():
    """
    Kustomize's nested fields arrive; a count may be text.
    """
    options = decode(
        {
            "kustomize": {
                "replicas": [{"name": "a", "count": "3"}],
                "patches": [{"patch": "x", "target": {"kind": "A"}}],
            }
        }
    ).options

    assert options.replicas == (("a", "3"),)
    assert (Patch(patch="x", target='{"kind":"A"}'),) == options.patches


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"helm": {}, "kustomize": {}}, "spec.source: helm and kustomize are both given"),
        ({"plugin": {"name": "x"}}, "spec.source.plugin: config management plug-ins are not supported yet"),
        ({"chart": "x", "kustomize": {}}, "spec.source.kustomize: a chart takes a helm block only"),
        ({"helm": {"valueFiles": "a"}}, "spec.source.helm.valueFiles: must be a list of strings"),
        ({"helm": {"parameters": [{"name": 1}]}}, "spec.source.helm.parameters[0].name: must be a string"),
        ({"helm": {"version": "v2"}}, "spec.source.helm.version: only v3 is known"),
        (
            {"kustomize": {"replicas": [{"name": "a", "count": "many"}]}},
            "spec.source.kustomize.replicas[0].count: must be a whole number",
        ),
        (
            {"kustomize": {"commonLabels": {"a": 1}}},
            "spec.source.kustomize.commonLabels: must be a map of strings",
        ),
        ({"directory": {"recurse": "yes"}}, "spec.source.directory.recurse: must be true or false"),
        (
            {"directory": {"jsonnet": {"libs": ["x"]}}},
            "spec.source.directory.jsonnet: Jsonnet is not supported yet",
        ),
    ],
)
def test_wrong_fields_are_named(source, message):
    """
    A block that cannot be is refused with the path of its field.
    """
    with pytest.raises(InvalidSpec) as refused:
        decode(source)

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("files", "source", "expected"),
    [
        pytest.param({"app/a.yaml": config_map("a")}, {}, "Directory", id="plain"),
        pytest.param(
            {"app/Kustomization": "resources: [a.yaml]", "app/a.yaml": config_map("a")},
            {},
            "Kustomize",
            id="kustomization",
        ),
        pytest.param(dict(CHART), {}, "Helm", id="chart"),
        pytest.param(
            {"app/kustomization.yml": "resources: [a.yaml]", "app/a.yaml": config_map("a")},
            {"directory": {"recurse": False}},
            "Directory",
            id="block wins",
        ),
    ],
)
def test_type_is_detected(render, files, source, expected):
    """
    A block decides the renderer, else what lies in the folder.
    """
    result = render(request(**source), tree(files))

    assert expected == result.source_type


def test_overrides_in_the_folder_are_merged(render):
    """
    Override files are merged over the source, the application's own last, and cannot change where files come from.
    """
    files = {
        "app/a.yaml": config_map("a"),
        "app/b.yaml": config_map("b"),
        "app/c.yaml": config_map("c"),
        "app/.argocd-source.yaml": "path: other\ndirectory: {include: a.yaml, exclude: a.yaml}",
        "app/.argocd-source-web.yaml": "directory: {include: '{a,b}.yaml'}",
        "app/.argocd-source-other.yaml": "directory: {include: c.yaml}",
    }

    result = render(request(), tree(files))

    assert [m.key.name for m in result.manifests] == ["b"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("a", "1", {"a": 1}),
        ("a", "007", {"a": "007"}),
        ("a", "0", {"a": 0}),
        ("a", "True", {"a": True}),
        ("a", "null", {"a": None}),
        ("a", "1.5", {"a": "1.5"}),
        ("a", "x,y", {"a": "x,y"}),
        ("a", "x\\,y", {"a": "x,y"}),
        ("a", "{}", {"a": []}),
        ("a", "{1,b,true}", {"a": [1, "b", True]}),
        ("a.b", "c=d", {"a": {"b": "c=d"}}),
        ("a\\.b/c", "1", {"a.b/c": 1}),
        ("a[1].b", "x", {"a": [None, {"b": "x"}]}),
        ("a[0][1]", "x", {"a": [[None, "x"]]}),
        ("k.z", "2", {"k": {"y": 1, "z": 2}}),
    ],
)
def test_parameters_follow_helms_syntax(name, value, expected):
    """
    A parameter sets what ``helm --set`` would set.
    """
    values = {"k": {"y": 1}} if name.startswith("k") else {}

    assign(values, name, value, "here")

    assert expected == values


def test_forced_text_stays_text():
    """
    With forceString a number, boolean or null stays text.
    """
    values: dict[str, object] = {}

    assign(values, "a", "{1,true,null}", "here", as_text=True)

    assert values == {"a": ["1", "true", "null"]}


@pytest.mark.parametrize(
    "name", ["a[999999999]", "a[65537]", "a[-1]", "a[x]", "", ".", "a..b", "a[", ".".join("a" * 40), "s.x"]
)
def test_cve_2022_36055_hostile_parameters_are_refused(name):
    """
    CVE-2022-36055, S12: a huge index, deep nesting or a malformed name is a clean error, not memory.
    """
    with pytest.raises(InvalidSpec):
        assign({"s": "text"}, name, "1", "here")


def test_options_have_defaults():
    """
    An absent block means plain defaults.
    """
    assert DirectoryOptions() == decode({"directory": {}}).options
