"""What plain folders render to."""

from __future__ import annotations

import pytest
from rendering import config_map, limits, opened, request, tree

from moorage.model.errors import DuplicateResource, InvalidManifest, InvalidSpec, LimitExceeded, PathNotFound
from moorage.render.pool import RenderSettings

FOLDER = {
    "app/b.yaml": config_map("b"),
    "app/a.yml": config_map("a1") + "---\n" + config_map("a2") + "---\n# nothing\n",
    "app/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
    "app/sub/d.yaml": config_map("d"),
    "app/sub/deep/e.yaml": config_map("e"),
    "app/notes.txt": config_map("txt"),
    "app/skipped.yaml": "# +argocd:skip-file-rendering\n" + config_map("skipped"),
    "app/values.yaml": "image: x\n",
    "app/template.yaml": "{{ if }}\nnot: [yaml",
    "app/list.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: l1}}\n- {apiVersion: v1, kind: Secret, metadata: {name: l2}}\n",
    "other/x.yaml": config_map("x"),
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, "a1 a2 b c l1 l2", id="one level"),
        pytest.param({"recurse": True}, "a1 a2 b c l1 l2 d e", id="recurse"),
        pytest.param({"recurse": True, "include": "{sub/*,*.json}"}, "c d", id="include"),
        pytest.param(
            {"recurse": True, "include": "**/*.yaml", "exclude": "{b,list}.yaml"}, "d e", id="exclude wins"
        ),
        pytest.param({"recurse": True, "exclude": "sub/**"}, "a1 a2 b c l1 l2", id="exclude a folder"),
        pytest.param(
            {"disableExtensionFilter": True, "exclude": "list.yaml"}, "a1 a2 b c txt", id="all files"
        ),
        pytest.param({"include": "nothing.yaml"}, "", id="nothing chosen"),
    ],
)
def test_files_are_chosen(render, options, expected):
    """
    Extensions, recursion and globs choose the files; lists are unpacked, skipped and other files left out.
    """
    result = render(request(directory=options), tree(FOLDER))

    assert expected.split() == [m.key.name for m in result.manifests]
    assert result.source_type == "Directory"


def test_origins_name_file_and_line(render):
    """
    Every manifest says in which file and line it begins.
    """
    result = render(request(directory={"include": "a.yml"}), tree(FOLDER))

    assert [m.origin for m in result.manifests] == ["app/a.yml:1", "app/a.yml:7"]


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        pytest.param(
            {"a.yaml": "kind: X\nmetadata: {name: a}"},
            InvalidManifest,
            "app/a.yaml:1: apiVersion is missing",
            id="no apiVersion",
        ),
        pytest.param(
            {"a.yaml": "apiVersion: v1\nmetadata: {name: a}"},
            InvalidManifest,
            "app/a.yaml:1: kind is missing",
            id="no kind",
        ),
        pytest.param(
            {"a.yaml": "apiVersion: v1\nkind: X\nmetadata: {}"},
            InvalidManifest,
            "metadata.name of the X is missing",
            id="no name",
        ),
        pytest.param(
            {"a.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: 1}"},
            InvalidManifest,
            "metadata.name of the X is not text",
            id="number as name",
        ),
        pytest.param(
            {"a.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: a, annotations: {b: on}}"},
            InvalidManifest,
            "metadata.annotations of X/a: b is a boolean, not text; quote the value",
            id="boolean annotation",
        ),
        pytest.param(
            {"a.yaml": config_map("a") + "---\nx: ["}, InvalidManifest, "app/a.yaml:8:1", id="broken document"
        ),
        pytest.param(
            {"a.yaml": "apiVersion: v1\nkind: X\nmetadata: ["},
            InvalidManifest,
            "app/a.yaml:4:1",
            id="broken manifest",
        ),
        pytest.param(
            {"a.yaml": config_map("a") + "---\n- 1"},
            InvalidManifest,
            "app/a.yaml:7: not a Kubernetes object but a list",
            id="list",
        ),
        pytest.param({"a.json": "{,}"}, InvalidManifest, "app/a.json:1:2", id="broken JSON"),
        pytest.param(
            {"a.yaml": config_map("a"), "b.yaml": "---\n" + config_map("a")},
            DuplicateResource,
            "ConfigMap/shop/a: given twice, at app/a.yaml:1 and app/b.yaml:2; remove one",
            id="two with one key",
        ),
        pytest.param(
            {"a.jsonnet": "{}"}, InvalidSpec, "app/a.jsonnet: Jsonnet is not supported yet", id="jsonnet"
        ),
        pytest.param(
            {"a.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"},
            InvalidManifest,
            "app/a.yaml: holds a Git LFS pointer",
            id="LFS pointer",
        ),
        pytest.param(
            {"a.yaml": config_map("big", v="x" * 1_600_000)},
            InvalidManifest,
            "app/a.yaml:1: ConfigMap/shop/big has 16000",
            id="over 1.5 MB",
        ),
    ],
)
def test_bad_files_are_refused_with_their_place(render, files, error, message):
    """
    A file that cannot be a manifest fails the rendering with file, line, field and remedy.
    """
    with pytest.raises(error) as refused:
        render(request(), tree({f"app/{name}": text for name, text in files.items()}))

    assert message in str(refused.value)


def test_missing_folder_is_named(render):
    """
    A path that is not in the repository is an error of its own.
    """
    with pytest.raises(PathNotFound, match="gone: no such folder"):
        render(request("gone"), tree(FOLDER))


def test_cve_2022_31016_too_many_bytes_fail_one_application():
    """
    CVE-2022-31016, S7: a folder over its limit fails, and its neighbour renders in the same pool.
    """
    settings = RenderSettings(workers=1, limits=limits(directory=10_000))
    files = tree({"app/a.yaml": config_map("a", v="x" * 11_000), "near/b.yaml": config_map("b")})

    with opened(settings) as render:
        with pytest.raises(LimitExceeded, match="more than the 10000 allowed"):
            render(request(), files)
        result = render(request("near"), files)

    assert [m.key.name for m in result.manifests] == ["b"]


def test_big_folders_go_to_a_worker(render):
    """
    A folder too big for the calling process gives the same manifests and errors from a worker.
    """
    files = {f"app/{n}.yaml": config_map(f"m{n}", v="x" * 30_000) for n in range(12)}

    result = render(request(), tree(files))
    with pytest.raises(InvalidManifest, match=r"app/z.yaml:1: kind is missing"):
        render(request(), tree({**files, "app/z.yaml": "apiVersion: v1"}))

    assert len(result.manifests) == 12
