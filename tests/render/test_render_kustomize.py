"""What kustomizations render to, with every option of an Application."""

from __future__ import annotations

import pytest
from rendering import config_map, decode, request, tree

from moorage.model.errors import InvalidManifest, InvalidSpec, PathNotFound, RenderFailed
from moorage.render.kustomize import edit, parse_image, substitute

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.0"}]}
"""
FILES = {
    "app/kustomization.yaml": "resources: [../base]\ncommonAnnotations: {given: here}\nlabels: [{pairs: {old: x}}]\n",
    "base/kustomization.yaml": "resources: [deployment.yaml]\n",
    "base/deployment.yaml": DEPLOYMENT,
    "parts/extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [map.yaml]\n",
    "parts/extra/map.yaml": config_map("extra"),
    "app/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n",
}
ALL = {
    "namePrefix": "a-",
    "nameSuffix": "-z",
    "namespace": "elsewhere",
    "images": ["nginx=registry.test:5000/nginx:2.0"],
    "replicas": [{"name": "web", "count": 3}],
    "commonLabels": {"team": "sea"},
    "labelWithoutSelector": True,
    "labelIncludeTemplates": True,
    "commonAnnotations": {"rev": "r-$ARGOCD_APP_REVISION", "cost": "$5"},
    "commonAnnotationsEnvsubst": True,
    "components": ["../parts/extra", "../parts/none"],
    "ignoreMissingComponents": True,
    "patches": [
        {"path": "patch.yaml"},
        {
            "patch": '[{"op": "add", "path": "/spec/minReadySeconds", "value": 7}]',
            "target": {"kind": "Deployment"},
        },
    ],
}


def test_every_option_is_applied(render):
    """
    Each field of ``source.kustomize`` shows in the result.
    """
    result = render(request(kustomize=ALL, environment={"ARGOCD_APP_REVISION": "abc"}), tree(FILES))
    found = {m.key.kind: m.body for m in result.manifests}
    deployment = found["Deployment"]

    assert {"Deployment", "ConfigMap"} == set(found)
    assert (deployment["metadata"]["name"], deployment["metadata"]["namespace"]) == ("a-web-z", "elsewhere")
    assert deployment["metadata"]["annotations"] == {"given": "here", "rev": "r-abc", "cost": "$5"}
    assert deployment["metadata"]["labels"] == {"team": "sea", "old": "x"}
    assert deployment["spec"]["selector"]["matchLabels"] == {"app": "web"}
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": "web", "team": "sea"}
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.test:5000/nginx:2.0"
    assert tuple(deployment["spec"][f] for f in ("replicas", "paused", "minReadySeconds")) == (3, True, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx:1", {"name": "nginx", "newTag": "1"}),
        ("nginx=other:1", {"name": "nginx", "newName": "other", "newTag": "1"}),
        ("nginx=other", {"name": "nginx", "newName": "other"}),
        ("r:5000/a/nginx:1", {"name": "r:5000/a/nginx", "newTag": "1"}),
        ("nginx@sha256:aa", {"name": "nginx", "digest": "sha256:aa"}),
        ("nginx=r:5000/n:1@sha256:aa", {"name": "nginx", "newName": "r:5000/n", "digest": "sha256:aa"}),
        ("nginx=nginx:2", {"name": "nginx", "newTag": "2"}),
    ],
)
def test_images_are_understood(text, expected):
    """
    Every way to write an image override means what ``kustomize edit set image`` makes of it.
    """
    assert expected == parse_image(text)


@pytest.mark.parametrize("text", ["nginx", "", "=x", "r:5000/nginx"])
def test_images_without_a_change_are_refused(text):
    """
    An image override that changes nothing is a mistake and named as one.
    """
    with pytest.raises(InvalidSpec, match=r"spec\.source\.kustomize\.images"):
        parse_image(text)


def test_labels_that_are_there_need_force():
    """
    A label the kustomization already sets is overwritten with force, and refused without.
    """
    gentle = decode({"kustomize": {"commonLabels": {"a": "new"}}}).options
    forced = decode({"kustomize": {"commonLabels": {"a": "new"}, "forceCommonLabels": True}}).options
    body = {"commonLabels": {"a": "old", "b": "kept"}}

    with pytest.raises(InvalidSpec, match="forceCommonLabels"):
        edit(body, gentle, {}, bool)

    assert edit(body, forced, {}, bool)["commonLabels"] == {"a": "new", "b": "kept"}
    assert body["commonLabels"] == {"a": "old", "b": "kept"}


def test_only_build_variables_are_replaced():
    """
    Dollars that name no build variable stay as they are.
    """
    assert substitute("$A-${A}-$OTHER-$$-$", {"A": "v"}) == "v-v-$OTHER-$$-$"


def test_options_without_effect_are_warned_about(render):
    """
    A version of Kustomize cannot be chosen, and that is said.
    """
    result = render(request(kustomize={"version": "v4.5.7"}), tree(FILES))

    assert any("kustomize.version: has no effect" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("files", "options", "error", "message"),
    [
        pytest.param(
            {"app/kustomization.yaml": "resources: [none.yaml]"},
            {},
            RenderFailed,
            "none.yaml",
            id="missing resource",
        ),
        pytest.param(
            {"app/kustomization.yaml": "resources: ["},
            {},
            InvalidManifest,
            "app/kustomization.yaml:2:1",
            id="broken",
        ),
        pytest.param({"app/kustomization.yaml": "- a"}, {}, InvalidManifest, "must be a map", id="list"),
        pytest.param(
            {"app/kustomization.yaml": "{}", "app/Kustomization": "{}"},
            {},
            InvalidManifest,
            "keep one of them",
            id="two files",
        ),
        pytest.param(
            {"app/a.yaml": config_map("a")},
            {"namePrefix": "x"},
            PathNotFound,
            "no kustomization.yaml",
            id="none",
        ),
        pytest.param(
            {},
            {"components": ["../parts/none"]},
            PathNotFound,
            "ignoreMissingComponents",
            id="missing component",
        ),
        pytest.param(
            {"app/kustomization.yaml": "helmCharts: [{name: x}]"},
            {},
            InvalidSpec,
            "app/kustomization.yaml: helmCharts",
            id="charts",
        ),
    ],
)
def test_bad_kustomizations_are_refused(render, files, options, error, message):
    """
    A kustomization that cannot be built fails with the file and what to do, and without a path of the machine.
    """
    given = {**({} if files else FILES), **files}

    with pytest.raises(error) as refused:
        render(request(**({"kustomize": options} if options else {})), tree(given))

    assert message in str(refused.value)
    assert "/tmp" not in str(refused.value)
