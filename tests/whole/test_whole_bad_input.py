"""What people get wrong in Git: it is named with place and remedy, nothing is half-done, and mending it is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.whole.manifests import config, text

from moorage.model.manifest import Json
from moorage.settings import LimitSettings
from moorage.testing.gitserver import run_git
from moorage.testing.world import NAMESPACE, World, world

Files = dict[str, str | bytes | None]
TWO = text(config("settings", v="2"))
KUSTOMIZATION = "resources: [a.yaml]\n"
CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
ENDLESS = '{{ define "again" }}{{ include "again" . }}{{ end }}{{ range until 100000 }}{{ range until 100000 }}{{ $x := sha256sum "x" }}{{ end }}{{ end }}'
HUGE = 'a: {{ range until 100000 }}{{ repeat 1000000 "x" }}{{ end }}'
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"


@dataclass(frozen=True)
class Mistake:
    """What is pushed over an application in sync, which words must be said of it, and what mends it."""

    bad: Files
    words: tuple[str, ...]
    good: Files = field(default_factory=dict)
    first: Files = field(default_factory=dict)


def directory(content: str | bytes, *words: str) -> Mistake:
    """Return a mistake in one more file of a plain directory; deleting the file mends it."""
    return Mistake({"app/bad.yaml": content, "app/a.yaml": TWO}, words, {"app/bad.yaml": None})


def chart(template: str, *words: str) -> Mistake:
    """Return a mistake in a template of a chart."""
    first: Files = {"app/Chart.yaml": CHART, "app/a.yaml": None, "app/templates/a.yaml": text(config(v="1"))}
    bad: Files = {"app/templates/bad.yaml": template, "app/templates/a.yaml": TWO}
    return Mistake(bad, words, {"app/templates/bad.yaml": None}, first)


def kustomize(kustomization: str, *words: str) -> Mistake:
    """Return a mistake in a kustomization."""
    bad: Files = {"app/kustomization.yaml": kustomization, "app/a.yaml": TWO}
    good: Files = {"app/kustomization.yaml": KUSTOMIZATION}
    return Mistake(bad, words, good, good)


def big(size: int) -> str:
    return text(config("big", v="x" * size))


MISTAKES = {
    "broken YAML": directory(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x\n", "InvalidManifest", "app/bad.yaml:"
    ),
    "a tab in YAML": directory(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", "InvalidManifest", "app/bad.yaml:4"
    ),
    "a key given twice": directory(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  name: y\n",
        "InvalidManifest",
        "app/bad.yaml:5",
    ),
    "no kind": directory(
        "apiVersion: v1\nmetadata: {name: x}\n", "InvalidManifest", "app/bad.yaml:1", "kind", "add it"
    ),
    "no name": directory(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "InvalidManifest", "metadata.name", "add it"
    ),
    "a label that is a number": directory(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: 1}}\n",
        "InvalidManifest",
        "app/bad.yaml:1",
        "metadata.labels",
        "quote",
    ),
    "two objects with one key": directory(
        TWO, "DuplicateResource", "ConfigMap/default/settings", "app/a.yaml:1", "app/bad.yaml:1", "remove one"
    ),
    "an unknown kind": directory(
        "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: x}\n",
        "UnknownKind",
        "Nothing.example.com",
        "install the definition",
    ),
    "an object over 1.5 MB": directory(
        big(1_500_001),
        "InvalidManifest",
        "app/bad.yaml:1",
        "ConfigMap/default/big",
        "1500000",
        "make it smaller",
    ),
    "an LFS pointer": directory(POINTER, "SourceRefused", "app/bad.yaml", "LFS"),
    "a chart that fails": chart('{{ fail "set image.tag" }}', "RenderFailed", "bad.yaml:1", "set image.tag"),
    "a template that cannot be read": chart(
        "a: {{ .Values.x", "RenderFailed", "bad.yaml:1", "unclosed action"
    ),
    "a template that is no YAML": chart("kind: ConfigMap\n- a\n", "bad.yaml", "line"),
    "a chart that never ends": chart(ENDLESS, "LimitExceeded", "1 s", "look for a loop"),
    "a chart of gigabytes": chart(HUGE, "LimitExceeded", "split the application"),
    "a chart without a version": Mistake(
        {"app/Chart.yaml": "apiVersion: v2\nname: shop\n", "app/templates/a.yaml": TWO},
        ("InvalidManifest", "app/Chart.yaml", "version"),
        {"app/Chart.yaml": CHART},
        chart("").first,
    ),
    "a base outside": kustomize(
        "resources: [../../elsewhere]\n", "PathEscapes", "app/kustomization.yaml", "../../elsewhere", "inside"
    ),
    "a base that is not there": kustomize(
        "resources: [a.yaml, absent.yaml]\n", "RenderFailed", "app/absent.yaml", "no such file"
    ),
    "a remote base": kustomize(
        "resources: ['https://example.com/base?ref=v1']\n",
        "InvalidSpec",
        "app/kustomization.yaml: resources[0]",
        "copy them into the repository",
    ),
    "an unknown field of a kustomization": kustomize(
        "resources: [a.yaml]\nresorces: [b.yaml]\n", "RenderFailed", "resorces"
    ),
    "a path that is not there": Mistake(
        {"app/a.yaml": None, "elsewhere/a.yaml": TWO}, ("PathNotFound", "app"), {"app/a.yaml": TWO}
    ),
}


@pytest_asyncio.fixture
async def quick(tmp_path: Path) -> AsyncIterator[World]:
    """Give a running world in which a rendering may take a second."""
    async with world(tmp_path, started=False) as built:
        built.settings = replace(built.settings, limits=LimitSettings(render_seconds=1.0))
        await built.start()
        yield built


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_is_named_and_harms_nothing(quick: World, mistake: Mistake) -> None:
    """
    A mistake in Git is a condition with its place and a remedy; the commit's other changes wait
    with it, what runs stays, and the commit that mends it is applied.
    """
    quick.commit({"app/a.yaml": text(config(v="1")), **mistake.first})
    await quick.declare("app", "app")
    await quick.settled("app")
    before = len(quick.requests)

    await quick.push(mistake.bad)
    said = await quick.condition("app", mistake.words[0])

    missing = [word for word in mistake.words if word not in said]
    assert not missing, said
    assert writes(quick, before) == []
    assert await value(quick) == "1"

    await quick.push(mistake.good)
    await quick.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "2")
    await quick.settled("app")
    assert not quick.status("app").get("conditions")


async def test_a_submodule_is_named(here: World) -> None:
    """
    A submodule in the path is refused by name: its files would be missing without a word.
    """
    here.commit({"app/a.yaml": text(config(v="1"))})
    source = {"repoURL": here.git.url("repo"), "path": "app", "targetRevision": "main"}
    await here.declare("app", "app", source={**source, "directory": {"recurse": True}})
    await here.settled("app")

    folder = here.git.root / "repo.git"
    blob = run_git(folder, "rev-parse", "main:app/a.yaml")
    listing = f"100644 blob {blob}\ta.yaml\n160000 commit {'1' * 40}\tvendored\n"
    inner = run_git(folder, "mktree", "--missing", stdin=listing.encode())
    tree = run_git(folder, "mktree", stdin=f"040000 tree {inner}\tapp\n".encode())
    bad = run_git(folder, "commit-tree", "-p", "main", "-m", "Add a submodule", tree)
    run_git(folder, "update-ref", "refs/heads/main", bad)
    await here.tell(bad)
    said = await here.condition("app", "SourceRefused")

    assert "app/vendored" in said
    assert "submodule" in said
    await here.push({"app/vendored": None, "app/a.yaml": TWO})
    await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "2")
    await here.settled("app")


async def test_a_rewritten_repository_is_followed(here: World) -> None:
    """
    After a forced push with another history, what it says is applied, and what it lacks is pruned.
    """
    here.commit({"app/a.yaml": text(config("old", v="1"), config(v="1"))})
    await here.declare("app", "app")
    await here.settled("app")

    folder = here.git.root / "repo.git"
    run_git(folder, "update-ref", "-d", "refs/heads/main")
    after = here.commit({"app/a.yaml": TWO})
    run_git(folder, "reflog", "expire", "--expire=now", "--all")
    run_git(folder, "gc", "--quiet", "--prune=now")
    await here.tell(after)

    await here.vanishes("ConfigMap", "old")
    await here.settled("app")
    assert await value(here) == "2"
    assert here.status("app")["sync"]["revision"] == after


async def test_a_ref_that_went_is_named(here: World) -> None:
    """
    When the branch is deleted the application says so and keeps what it declared; pushed again, it goes on.
    """
    first = here.commit({"app/a.yaml": text(config(v="1"))})
    folder = here.git.root / "repo.git"
    run_git(folder, "update-ref", "refs/heads/release", first)
    source = {"repoURL": here.git.url("repo"), "path": "app", "targetRevision": "release"}
    await here.declare("app", "app", source=source)
    await here.settled("app")

    run_git(folder, "update-ref", "-d", "refs/heads/release")
    await refresh(here, "app")
    said = await here.condition("app", "RevisionNotFound")
    assert "release" in said
    assert here.git.url("repo") in said
    assert await value(here) == "1"

    after = here.commit({"app/a.yaml": TWO})
    run_git(folder, "update-ref", "refs/heads/release", after)
    await refresh(here, "app")
    await here.settled("app")
    assert await value(here) == "2"


SPECS: dict[str, tuple[Json, tuple[str, ...]]] = {
    "no such project": ({"project": "absent"}, ("InvalidSpec", "spec.project", "'absent'", NAMESPACE)),
    "no such cluster": (
        {"destination": {"name": "absent", "namespace": "default"}},
        ("InvalidSpec", "spec.destination", "'absent'", "add its Secret"),
    ),
    "several sources": (
        {"sources": [{"repoURL": "https://example.com/a"}, {"repoURL": "https://example.com/b"}]},
        ("InvalidSpec", "spec.sources"),
    ),
    "a plug-in": (
        {"source": {"path": "app", "plugin": {"name": "x"}}},
        ("InvalidSpec", "spec.source.plugin"),
    ),
    "a scheme that is not opened": (
        {"source": {"repoURL": "ext::sh -c true", "path": "app"}},
        ("SourceRefused", "ext"),
    ),
    "a path outside": (
        {"source": {"path": "../etc"}},
        ("SourceRefused", "'../etc'", "stay inside"),
    ),
}


@pytest.mark.parametrize(("spec", "words"), SPECS.values(), ids=SPECS)
async def test_a_spec_that_cannot_be_is_named(here: World, spec: Json, words: tuple[str, ...]) -> None:
    """
    A field of an Application that asks for something impossible is named; corrected, the application syncs.
    """
    here.commit({"app/a.yaml": text(config(v="1"))})
    source = {
        "repoURL": here.git.url("repo"),
        "targetRevision": "main",
        "path": "app",
        **spec.get("source", {}),
    }
    await here.declare("app", "app", **{**spec, "source": source})
    said = await here.condition("app", words[0])

    missing = [word for word in words if word not in said]
    assert not missing, said
    assert here.status("app")["sync"]["status"] == "Unknown"
    assert writes(here, 0) == []

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)
    await here.declare("app", "app")
    await here.settled("app")
    assert not here.status("app").get("conditions")


async def refresh(here: World, name: str) -> None:
    """Ask for a refresh as a person does."""
    patch = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    await here.patch("Application", name, patch, NAMESPACE)


async def value(here: World) -> str | None:
    """Return what the ConfigMap in the cluster says."""
    body = await here.get("ConfigMap", "settings")
    return body["data"]["v"] if body else None


def writes(here: World, since: int) -> list[str]:
    """Return what Moorage wrote about declared resources."""
    return [f"{seen.method} {seen.path}" for seen in here.sent(since) if seen.method != "GET"]
