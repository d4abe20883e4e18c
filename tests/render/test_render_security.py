"""The published weaknesses of renderers, each as the invariant that prevents it."""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
from pathlib import Path

import pytest
from rendering import CHART, chart, config_map, link, request, tree, within

import moorage
from moorage.model.errors import (
    Error,
    InvalidManifest,
    InvalidSpec,
    LimitExceeded,
    PathEscapes,
    RenderFailed,
    Terminal,
)
from moorage.render import archives, layout
from moorage.render.pool import RenderSettings
from moorage.render.request import Entry
from moorage.render.tools import kustomize_command

CANARY = "canary-of-another-tenant"


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Path:
    """A file of the render host that no rendering may show."""
    file = tmp_path_factory.mktemp("host") / "secret.yaml"
    file.write_text(config_map(CANARY))
    return file


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "../../x",
        "a/../../x",
        "../../../../../../etc/passwd",
        "..\\x",
        "x\0y",
        "https://h.test/v.yaml",
        "$none/x",
    ],
)
@pytest.mark.parametrize("field", ["valueFiles", "fileParameters"])
def test_cve_2022_24348_value_files_stay_inside(render, field, path):
    """
    CVE-2022-24348, CVE-2022-24731, S1: a value file or file parameter outside is refused, with no content in the answer.
    """
    options = (
        {"valueFiles": [path]} if field == "valueFiles" else {"fileParameters": [{"name": "f", "path": path}]}
    )

    with pytest.raises(Terminal) as refused:
        render(request(helm=options), chart())

    assert f"spec.source.helm.{field}[0]" in str(refused.value)
    assert "root:" not in str(refused.value)


@pytest.mark.parametrize("ignore", [True, False])
def test_s6_outside_files_that_exist_and_that_do_not_are_alike(render, outside, ignore):
    """
    S6: the refusal of a path outside does not tell whether something is there.
    """

    def refusal(path: str) -> str:
        with pytest.raises(PathEscapes) as refused:
            render(request(helm={"valueFiles": [path], "ignoreMissingValueFiles": ignore}), chart())
        return str(refused.value).replace(path, "PATH")

    assert refusal(f"../..{outside}") == refusal(f"../..{outside}.none")


LINKS = [
    pytest.param({"app/l.yaml": link("../../other/b.yaml")}, id="relative"),
    pytest.param({"app/l.yaml": link("/etc/passwd")}, id="absolute"),
    pytest.param({"app/l.yaml": link("m.yaml"), "app/m.yaml": link("l.yaml")}, id="loop"),
    pytest.param({"app/l.yaml": link("m.yaml"), "app/m.yaml": link("../../b")}, id="link to link to outside"),
    pytest.param({"app/d": link("../..")}, id="folder outside"),
    pytest.param({"app/d": link(".")}, id="folder that holds it"),
    pytest.param({"app/d": link("../lib"), "lib/x": link("../../../etc")}, id="outside in a linked folder"),
    pytest.param({"app/Chart.lock": link("../../x")}, id="CVE-2025-53547 linked Chart.lock"),
]


@pytest.mark.parametrize("files", LINKS)
@pytest.mark.parametrize("kind", ["helm", "kustomize"])
def test_s2_links_that_leave_or_loop_are_refused(render, kind, files):
    """
    S2, CVE-2022-24904, CVE-2022-31036: a link out of the snapshot, absolute or in a circle is refused before rendering.
    """
    given = (
        dict(CHART)
        if kind == "helm"
        else {"app/kustomization.yaml": "resources: [a.yaml]", "app/a.yaml": config_map("a")}
    )

    with pytest.raises(PathEscapes):
        render(request(), tree({**given, **files}))


@pytest.mark.parametrize("files", LINKS[:4])
def test_cve_2022_24904_links_of_plain_folders_stay_inside(render, files):
    """
    CVE-2022-24904, S2: a plain folder's links out are refused too.
    """
    with pytest.raises(PathEscapes):
        render(request(), tree({"app/a.yaml": config_map("a"), **files}))


def test_s2_links_within_the_repository_work(render):
    """
    S2: a link that stays inside is followed, also to another folder.
    """
    plain = render(request(), tree({"app/l.yaml": link("../other/b.yaml"), "other/b.yaml": config_map("b")}))
    helm = render(
        request(helm={"valueFiles": ["l.yaml"]}),
        chart(**{"app/l.yaml": link("../v.yaml"), "v.yaml": "linked: yes"}),
    )

    assert [m.key.name for m in plain.manifests] == ["b"]
    assert '"linked":true' in helm.encoded[0][0].decode().replace("\\", "")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("resources: [../../../proc/self/environ]", id="CVE-2022-24877 resource"),
        pytest.param("bases: [../../x]", id="base"),
        pytest.param("components: [../../x]", id="component"),
        pytest.param("crds: [/etc/passwd]", id="absolute crd"),
        pytest.param("configurations: [../../c.yaml]", id="configuration"),
        pytest.param("patches: [{path: ../../p.yaml}]", id="patch"),
        pytest.param("patchesStrategicMerge: [../../p.yaml]", id="strategic patch"),
        pytest.param(
            "patchesJson6902: [{path: ../../p.yaml, target: {version: v1, kind: X, name: x}}]",
            id="json patch",
        ),
        pytest.param("replacements: [{path: ../../r.yaml}]", id="replacement"),
        pytest.param(
            "configMapGenerator: [{name: a, files: ['k=../../../etc/passwd']}]", id="generator file"
        ),
        pytest.param("secretGenerator: [{name: a, envs: [../../e]}]", id="generator env"),
        pytest.param("generators: [../../g.yaml]", id="generator"),
        pytest.param("transformers: [../../t.yaml]", id="transformer"),
        pytest.param("openapi: {path: ../../o.json}", id="openapi"),
    ],
)
def test_s1_kustomizations_stay_inside(render, text):
    """
    S1: every field of a kustomization that names a file is refused when it leads out, naming file and field.
    """
    with pytest.raises(PathEscapes, match=r"^app/kustomization\.yaml: \w+"):
        render(request(), tree({"app/kustomization.yaml": text}))


@pytest.mark.parametrize(
    "address",
    [
        "https://h.test/x.yaml",
        "http://h.test/x",
        "git@h.test:a/b",
        "ssh://git@h.test/a",
        "github.com/a/b",
        "github.com/a/b//c?ref=main",
        "git::https://h.test/a",
        "h.test/a.git//x",
        "file:///x",
    ],
)
@pytest.mark.parametrize("field", ["resources", "components", "bases"])
def test_s11_remote_bases_are_refused(render, field, address):
    """
    S11: a base elsewhere is refused before anything runs.
    """
    with pytest.raises(InvalidSpec, match=rf"^app/kustomization\.yaml: {field}\[0\]: remote"):
        render(request(), tree({"app/kustomization.yaml": f"{field}: ['{address}']"}))


def test_cve_2022_24878_bases_in_a_circle_are_refused(render):
    """
    CVE-2022-24878, S12: kustomizations that include each other fail in time, naming the way round.
    """
    files = {"app/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../app]"}

    with pytest.raises(InvalidManifest, match="app → b → app"):
        render(request(), tree(files))


@pytest.mark.parametrize(
    "text",
    [
        "transformers: [p.yaml]",
        "generators: ['apiVersion: x/v1\n\nkind: Program\n\nmetadata: {name: a, annotations: {config.kubernetes.io/function: \"exec: {path: ./x}\"}}\n']",
        "helmCharts: [{name: x, repo: https://h.test}]",
    ],
)
def test_s54_kustomize_starts_no_programs(render, text):
    """
    S54, S56: generators and transformers that would run a program are refused.
    """
    program = "apiVersion: x.test/v1\nkind: Program\nmetadata:\n  name: a\n  annotations: {config.kubernetes.io/function: 'exec: {path: ./x.sh}'}\n"

    with pytest.raises(InvalidSpec):
        render(request(), tree({"app/kustomization.yaml": text, "app/p.yaml": program}))


@pytest.mark.parametrize(
    "text",
    [
        "name: ..\nversion: 1.0.0",
        "name: a/b\nversion: 1.0.0",
        "name: shop\nversion: /../../x",
        'name: "a\\nb"\nversion: 1.0.0',
        "name: shop\nversion: 1.0.0\ndependencies: [{name: ../x, version: 1.0.0}]",
        "name: shop\nversion: 1.0.0\ndependencies: [{name: x, version: '/../x'}]",
        'name: shop\nversion: 1.0.0\ndependencies: [{name: x, version: 1.0.0, alias: "a\\nb"}]',
        "name: shop\nversion: 1.0.0\ndependencies: [{name: x, version: 1.0.0, alias: ../y}]",
        "name: shop\nversion: 1.0.0\ndependencies: [1]",
        "- shop",
        "",
    ],
)
def test_s4_chart_names_are_names(render, text):
    """
    S4, CVE-2020-15186, CVE-2024-25620: chart, alias and version that could become a path are refused before Helm starts.
    """
    with pytest.raises(InvalidManifest, match=r"^app/Chart\.yaml"):
        render(
            request(helm={}),
            chart(**{"app/Chart.yaml": f"apiVersion: v2\n{text}" if text[:1] == "n" else text}),
        )


@pytest.mark.parametrize(
    "reference", ["file:///etc/passwd", "/dev/zero", "../x.json", "https://h.test/s.json"]
)
def test_cve_2025_55199_schemas_open_nothing(render, reference):
    """
    CVE-2025-55199, S1, S6: a values schema that refers elsewhere is refused; no file is opened, none is quoted.
    """
    with pytest.raises(PathEscapes, match=r"^values\.schema\.json: \$ref"):
        render(
            request(),
            chart(**{"app/values.schema.json": f'{{"properties": {{"a": {{"$ref": "{reference}"}}}}}}'}),
        )


def test_s12_schemas_that_refer_to_themselves_end(render):
    """
    S12: a chain of references in a schema ends with the chart's own result or error, not the process's.
    """
    chain = ",".join(f'"d{n}": {{"$ref": "#/$defs/d{n + 1}"}}' for n in range(2_000))
    schema = f'{{"$defs": {{{chain}, "d2000": {{"type": "number"}}}}, "properties": {{"a": {{"$ref": "#/$defs/d0"}}}}}}'

    def outcome() -> str:
        try:
            return render(request(), chart(**{"app/values.schema.json": schema})).source_type
        except Error as error:
            return error.reason

    assert outcome() in {"Helm", "RenderFailed", "LimitExceeded"}
    assert render(request(), chart()).manifests


def test_s11_templates_reach_nothing(render):
    """
    S11, CVE-2020-11013, CVE-2023-25165: lookup is empty, names are not resolved, files are the chart's own.
    """
    text = '{{ lookup "v1" "Secret" "" "" | len }}|{{ getHostByName "localhost" }}|{{ .Files.Get "../other.txt" }}|{{ .Files.Get "/etc/passwd" }}|{{ .Files.Get "own.txt" }}|{{ env "HOME" }}'
    files = chart(
        **{
            "app/templates/x.yaml": config_map("x").replace("{}", f"{{v: '{text}'}}"),
            "app/own.txt": "own",
            "other.txt": CANARY,
        }
    )

    with pytest.raises(RenderFailed, match='function "env" not defined'):
        render(request(), files)
    files = chart(
        **{
            "app/templates/x.yaml": config_map("x").replace("{}", f"{{v: '{text.rpartition('|')[0]}'}}"),
            "app/own.txt": "own",
            "other.txt": CANARY,
        }
    )
    found = next(m for m in render(request(), files).manifests if m.key.name == "x")

    assert found.body["data"]["v"] == "0||||own"


def test_s17_a_worker_inherits_no_environment(render, monkeypatch):
    """
    S17: a variable of the process that asks is not in the environment of what it starts.
    """
    monkeypatch.setenv("MOORAGE_CANARY", CANARY)
    read: list[bytes] = []

    async def act(pool):
        await pool.render(request(), chart())
        read.extend(Path(f"/proc/{pid}/environ").read_bytes() for pid in pool.pids)

    within(RenderSettings(workers=1), act)

    assert len(read) == 1
    assert CANARY.encode() not in read[0]


def test_s56_programs_come_from_the_installation(monkeypatch, tmp_path):
    """
    S56: which program builds a kustomization does not depend on PATH when ours is installed.
    """
    kustomize_command.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))

    command = kustomize_command()

    assert os.path.isabs(command[0])
    assert not command[0].startswith(str(tmp_path))


def packed(*entries: tuple[str, bytes, str], mode: int = 0o644) -> bytes:
    """Return an archive of (name, kind, content or target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, text in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, mode
            if kind == tarfile.REGTYPE:
                entry.size = len(text)
            else:
                entry.linkname = text
            tar.addfile(entry, io.BytesIO(text.encode()) if kind == tarfile.REGTYPE else None)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(packed(("lib/d", tarfile.SYMTYPE, "/"), ("lib/d/x", tarfile.REGTYPE, "x")), id="link"),
        pytest.param(packed(("lib/h", tarfile.LNKTYPE, "/etc/passwd")), id="hard link"),
        pytest.param(packed(("lib/z", tarfile.CHRTYPE, "")), id="device"),
        pytest.param(packed(("lib/../../x", tarfile.REGTYPE, "x")), id="dots"),
        pytest.param(packed(("/lib/../x", tarfile.REGTYPE, "x")), id="absolute with dots"),
    ],
)
def test_s3_archives_hold_files_only(tmp_path, archive):
    """
    S3: links, devices and paths that leave are refused, and nothing outside the chart's folder was written.
    """
    charts = tmp_path / "chart" / "charts"
    charts.mkdir(parents=True)
    (charts / "lib-1.0.0.tgz").write_bytes(archive)

    with pytest.raises(PathEscapes, match=r"^charts/lib-1\.0\.0\.tgz"):
        archives.unpack_all(tmp_path / "chart")

    assert [entry.name for entry in tmp_path.iterdir()] == ["chart"]


def test_s3_modes_are_ours(tmp_path):
    """
    S3, CVE-2023-40584: an entry without any rights is written with ours, so that it can be read and removed.
    """
    charts = tmp_path / "charts"
    charts.mkdir()
    (charts / "lib-1.tgz").write_bytes(packed(("lib/a/x", tarfile.REGTYPE, "x"), mode=0))

    archives.unpack_all(tmp_path)

    file = charts / "lib-1.unpacked" / "a" / "x"
    assert file.read_text() == "x"
    assert stat.S_IMODE(file.stat().st_mode) & 0o400


def test_cve_2023_40584_archives_stop_at_the_cap(render):
    """
    CVE-2023-40584, CVE-2025-32387, S7: an archive of zeros stops while it flows, and nothing remains.
    """
    bomb = packed(("lib/zeros", tarfile.REGTYPE, "\0" * 110_000_000))

    with pytest.raises(LimitExceeded, match="chart archives may unpack to"):
        render(request(), chart(**{"app/charts/lib-1.0.0.tgz": bomb}))


def test_s12_broken_archives_are_clean_errors(render):
    """
    S12: a file that is no archive fails the application that brings it.
    """
    with pytest.raises(RenderFailed, match="not a readable chart archive"):
        render(request(), chart(**{"app/charts/lib-1.0.0.tgz": b"not gzip"}))


def test_s13_nothing_is_written_through_a_link(tmp_path):
    """
    S13: laying out files replaces links by what they mean, so that no later write can follow one.
    """
    layout.write({"a": Entry(b"x"), "d/l": Entry(b"../a", True), "e": Entry(b"d", True)}, tmp_path / "root")

    found = {p.relative_to(tmp_path / "root").as_posix(): p for p in (tmp_path / "root").rglob("*")}
    assert {"a", "d", "d/l"} <= set(found)
    assert not any(path.is_symlink() for path in found.values())


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", "a/./b", "a\0b"])
def test_s13_names_that_are_no_paths_are_refused(tmp_path, name):
    """
    S13, CVE-2026-47680: a tree entry whose name leads elsewhere is refused before it is written.
    """
    with pytest.raises(Terminal):
        layout.write({name: Entry(b"x")}, tmp_path / "root")

    assert [entry.name for entry in tmp_path.iterdir()] == ["root"]


def test_s8_no_unsafe_loader_in_the_source():
    """
    S8, CVE-2020-1747: nothing in the package loads YAML by constructors of objects, or unpickles.
    """
    word = r"unsafe_load|full_load|yaml\.load\((?!.*Safe)|(Unsafe|Full)Loader|^import (pickle|marshal|shelve)"
    sources = {file.name: file.read_text() for file in Path(moorage.__file__).parent.rglob("*.py")}
    direct = {
        name: text
        for name, text in sources.items()
        if re.search(r"^(import yaml|from yaml)", text, re.MULTILINE)
    }

    assert {"yaml.py", "yaml_writing.py"} <= set(direct)
    assert [name for name, text in direct.items() if re.search(word, text, re.MULTILINE)] == []
    assert [
        name
        for name, text in sources.items()
        if re.search(r"^(import|from) (pickle|marshal|shelve)", text, re.MULTILINE)
    ] == []


def test_s77_duplicate_fields_are_errors(render):
    """
    S77: a field given twice in a manifest or a kustomization is refused, naming its place.
    """
    with pytest.raises(InvalidManifest, match=r"app/a\.yaml:7:3: the field data\.k is given twice"):
        render(request(), tree({"app/a.yaml": config_map("a", k="1").replace("  k:", "  k: x\n  k:")}))
    with pytest.raises(InvalidManifest, match=r"kustomization\.yaml:2:1: the field namespace"):
        render(request(), tree({"app/kustomization.yaml": "namespace: a\nnamespace: b"}))
