"""
Which real repositories there are, and how an Application names each part of them.

The folder of fixtures holds one folder for each repository; nothing in them is
changed, but for what a story says it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORIES = (
    "argocd-example-apps",
    "cert-manager",
    "ingress-nginx",
    "kube-prometheus",
    "microservices-demo",
)
# Jsonnet and plug-ins are not there yet; `apps` names all of them at another host.
LEFT_OUT = frozenset({"apps", "plugins", "jsonnet-guestbook", "jsonnet-guestbook-tla"})
NEEDING_MORE = ("-blue-green", "-helm-dependency", "-service-mesh-istio")


@dataclass(frozen=True, slots=True)
class Fixture:
    """
    One Application to be: its name, which is its namespace too, and its source.

    `alone` says that it declares cluster-wide objects that another one declares as
    well, so that it must be deleted before that one comes.
    """

    name: str
    repository: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    alone: bool = False

    @property
    def needs_more(self) -> bool:
        """Whether it names something that is not there, and so shows an error first."""
        return self.name.endswith(NEEDING_MORE)


def load(folder: Path) -> dict[str, str | bytes | None]:
    """Return the files of a repository by their path in it."""
    files: dict[str, str | bytes | None] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and ".git" not in file.relative_to(folder).parts:
            files[str(file.relative_to(folder))] = file.read_bytes()
    return files


def fixtures(root: Path, *, pretended: bool = False) -> tuple[Fixture, ...]:
    """
    Return every Application that is made of the repositories below a folder.

    With `pretended` pods an API server asks APIs of the cluster in vain that they
    serve, so the one such APIService is left out.
    """
    return (*_examples(root), *_shop(root), *_platform(root, pretended))


def _examples(root: Path) -> Iterator[Fixture]:
    for folder in sorted((root / "argocd-example-apps").iterdir()):
        if folder.is_dir() and folder.name not in LEFT_OUT:
            yield Fixture(f"example-{folder.name}", "argocd-example-apps", folder.name)


def _shop(root: Path) -> Iterator[Fixture]:
    yield Fixture("shop-manifests", "microservices-demo", "kubernetes-manifests")
    yield Fixture("shop-chart", "microservices-demo", "helm-chart")
    yield Fixture("shop-kustomize", "microservices-demo", "kustomize")
    for folder in sorted((root / "microservices-demo/kustomize/components").iterdir()):
        if folder.is_dir():
            component: dict[str, Any] = {"kustomize": {"components": [f"components/{folder.name}"]}}
            yield Fixture(f"shop-{folder.name}", "microservices-demo", "kustomize", component)


def _platform(root: Path, pretended: bool) -> Iterator[Fixture]:
    crds = {"helm": {"parameters": [{"name": "crds.enabled", "value": "true"}]}}
    setup = {"recurse": True, **({"exclude": "prometheusAdapter-apiService.yaml"} if pretended else {})}
    yield Fixture("kube-prometheus", "kube-prometheus", "manifests", {"directory": setup})
    yield Fixture("cert-manager", "cert-manager", "deploy/charts/cert-manager", crds)
    yield Fixture("ingress-nginx-chart", "ingress-nginx", "charts/ingress-nginx", alone=True)
    # Their Jobs delete themselves once they are done, so Git would never be what the cluster is.
    lasting = {
        "target": {"kind": "Job"},
        "patch": '[{"op": "remove", "path": "/spec/ttlSecondsAfterFinished"}]',
    }
    provider = root / "ingress-nginx/deploy/static/provider"
    for folder in sorted(provider.iterdir()):
        yield Fixture(
            f"ingress-nginx-{folder.name}",
            "ingress-nginx",
            f"deploy/static/provider/{folder.name}",
            {"kustomize": {"patches": [lasting]}},
            alone=True,
        )
