"""
The users' configuration, folded into one immutable value that a pass keeps.

Projects, clusters, repositories and the settings of ``argocd-cm`` are watched
like anything else; every change makes a new `Config`. What is wrong in one
object is kept as its fault and stops only what uses it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.cluster.settings import KindRule
from moorage.control.decode import decode_project, strings
from moorage.engine.track import Tracking
from moorage.formats.yaml import load_all
from moorage.model.application import Destination
from moorage.model.errors import Error, InvalidConfiguration, InvalidSpec
from moorage.model.identity import IN_CLUSTER
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Json
from moorage.model.project import Project
from moorage.model.words import INSTANCE_LABEL, SECRET_TYPE_LABEL


@dataclass(frozen=True, slots=True)
class Cluster:
    """A destination: where it is, which project owns it, and the data of its Secret (None: the own cluster)."""

    server: str
    name: str
    project: str = ""
    namespaces: tuple[str, ...] = ()
    cluster_resources: bool = True
    data: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Config:
    """What all passes go by; equal inputs make equal configurations."""

    namespace: str
    projects: Mapping[str, Project | Error] = field(default_factory=dict)
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    repositories: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    repository_faults: tuple[str, ...] = ()
    known_hosts: str = ""
    certificates: Mapping[str, str] = field(default_factory=dict)
    tracking: Tracking = Tracking.ANNOTATION
    label_key: str = INSTANCE_LABEL
    installation_id: str = ""
    exclusions: tuple[KindRule, ...] | None = None
    inclusions: tuple[KindRule, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    status_fields: str = "all"
    webhook_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()

    def project(self, name: str) -> Project:
        """Return a project. Raises InvalidSpec when there is none, or its own fault."""
        found = self.projects.get(name)
        if isinstance(found, Project):
            return found
        if found is not None:
            raise InvalidSpec(f"project {name}: {found}")
        raise InvalidSpec(f"spec.project: project {name!r} does not exist in namespace {self.namespace}")

    def cluster(self, destination: Destination, project: Project) -> Cluster:
        """Return the cluster a destination means. Raises InvalidSpec when there is none for this project."""
        if destination.server:
            found = self.clusters.get(destination.server)
        else:
            named = [c for c in self.clusters.values() if c.name == destination.name]
            if len(named) > 1:
                raise InvalidSpec(
                    f"spec.destination.name: {len(named)} clusters are called {destination.name!r}; use server"
                )
            found = named[0] if named else None
        where = destination.server or destination.name
        if found is None:
            raise InvalidSpec(
                f"spec.destination: there is no cluster {where!r}; add its Secret to namespace {self.namespace}"
            )
        if found.project and found.project != project.name:
            raise InvalidSpec(f"spec.destination: cluster {where!r} belongs to project {found.project}")
        if project.only_project_clusters and found.project != project.name:
            raise InvalidSpec(
                f"spec.destination: project {project.name} permits only its own clusters, {where!r} is not one"
            )
        return found


def fold(
    namespace: str, projects: Iterable[Json], secrets: Iterable[Json], config_maps: Iterable[Json]
) -> Config:
    """Return the configuration that these objects make."""
    faults: list[str] = []
    maps = {m["metadata"]["name"]: m.get("data") or {} for m in config_maps}
    settings = maps.get("argocd-cm", {})
    secrets = list(secrets)
    clusters, repositories = _destinations(settings, secrets, faults)
    webhook = next((decode_secret(s) for s in secrets if s["metadata"]["name"] == "argocd-secret"), {})
    return Config(
        namespace=namespace,
        projects=_projects(projects),
        clusters=clusters,
        repositories=repositories,
        known_hosts=maps.get("argocd-ssh-known-hosts-cm", {}).get("ssh_known_hosts", ""),
        certificates=dict(maps.get("argocd-tls-certs-cm", {})),
        tracking=_tracking(settings.get("application.resourceTrackingMethod", ""), faults),
        label_key=settings.get("application.instanceLabelKey") or INSTANCE_LABEL,
        installation_id=settings.get("installationID") or "",
        exclusions=_exclusions(settings, faults),
        inclusions=_kind_rules(settings, "resource.inclusions", faults) or (),
        ignore=_ignore_rules(settings, faults),
        status_fields=_status_fields(settings, faults),
        webhook_secrets={k: v for k, v in webhook.items() if k.startswith("webhook.")},
        faults=tuple(faults),
    )


def decode_secret(secret: Json) -> dict[str, str]:
    """Return the texts of a Secret; values that are not text are left out."""
    out: dict[str, str] = dict(secret.get("stringData") or {})
    for name, value in (secret.get("data") or {}).items():
        try:
            out[name] = base64.b64decode(value or "", validate=True).decode()
        except (ValueError, TypeError):
            continue
    return out


def _projects(bodies: Iterable[Json]) -> dict[str, Project | Error]:
    projects: dict[str, Project | Error] = {}
    for body in bodies:
        try:
            projects[body["metadata"]["name"]] = decode_project(body)
        except Error as error:
            projects[body["metadata"]["name"]] = error
    return projects


def _destinations(
    settings: Mapping[str, str], secrets: Iterable[Json], faults: list[str]
) -> tuple[dict[str, Cluster], tuple[Mapping[str, str], ...]]:
    clusters: dict[str, Cluster] = {}
    repositories: list[Mapping[str, str]] = []
    if settings.get("cluster.inClusterEnabled") != "false":
        clusters[IN_CLUSTER] = Cluster(IN_CLUSTER, "in-cluster")
    for secret in sorted(secrets, key=lambda s: str(s["metadata"]["name"])):
        kind = (secret["metadata"].get("labels") or {}).get(SECRET_TYPE_LABEL)
        data = decode_secret(secret)
        if kind == "cluster":
            server = data.get("server", "").rstrip("/")
            if not server:
                faults.append(f"Secret {secret['metadata']['name']}: field server is missing")
                continue
            clusters[server] = _cluster(server, data)
        elif kind in ("repository", "repo-creds"):
            repositories.append({**data, ".secret-type": kind, ".secret-name": secret["metadata"]["name"]})
    return clusters, tuple(repositories)


def _cluster(server: str, data: Mapping[str, str]) -> Cluster:
    namespaces = tuple(n.strip() for n in data.get("namespaces", "").split(",") if n.strip())
    own = server == IN_CLUSTER and not data.get("config")
    return Cluster(
        server,
        data.get("name") or server,
        data.get("project", ""),
        namespaces,
        not namespaces or data.get("clusterResources") == "true",
        None if own else data,
    )


def _tracking(word: str, faults: list[str]) -> Tracking:
    if not word:
        return Tracking.ANNOTATION
    try:
        return Tracking(word)
    except ValueError:
        faults.append(f"argocd-cm: application.resourceTrackingMethod: {word!r} is not a tracking method")
        return Tracking.ANNOTATION


def _status_fields(settings: Mapping[str, str], faults: list[str]) -> str:
    text = settings.get("resource.compareoptions")
    if not text:
        return "all"
    try:
        value = _yaml(text, "resource.compareoptions").get("ignoreResourceStatusField") or "all"
    except Error as error:
        faults.append(str(error))
        return "all"
    return {"crd": "crd", "none": "none", "off": "none"}.get(str(value), "all")


ALWAYS_EXCLUDED = (
    KindRule(("", "events.k8s.io"), ("Event",)),
    KindRule(("metrics.k8s.io",), ("*",)),
    KindRule(("coordination.k8s.io",), ("Lease",)),
)
"""Kinds that nobody declares and that change all the time, excluded whatever is configured."""

PREFIX = "resource.customizations.ignoreDifferences."


def _ignore_rules(settings: Mapping[str, str], faults: list[str]) -> tuple[IgnoreRule, ...]:
    rules: list[IgnoreRule] = []
    for name in sorted(settings):
        if not name.startswith(PREFIX):
            continue
        try:
            rules.append(_ignore_rule(name, settings[name]))
        except Error as error:
            faults.append(str(error))
    return tuple(rules)


def _ignore_rule(name: str, text: str) -> IgnoreRule:
    value, where = _yaml(text, name), f"argocd-cm: {name}"
    target = name.removeprefix(PREFIX)
    group, sep, kind = target.rpartition("_")
    return IgnoreRule(
        group="*" if target == "all" else group if sep else "",
        kind="*" if target == "all" else kind,
        json_pointers=tuple(strings(value.get("jsonPointers"), f"{where}.jsonPointers")),
        jq_paths=tuple(strings(value.get("jqPathExpressions"), f"{where}.jqPathExpressions")),
        managers=tuple(strings(value.get("managedFieldsManagers"), f"{where}.managedFieldsManagers")),
    )


def _exclusions(settings: Mapping[str, str], faults: list[str]) -> tuple[KindRule, ...] | None:
    """Return the kinds that are not watched; None leaves it to the defaults. A list replaces all but the core of them."""
    rules = _kind_rules(settings, "resource.exclusions", faults)
    return None if rules is None else (*ALWAYS_EXCLUDED, *rules)


def _kind_rules(settings: Mapping[str, str], name: str, faults: list[str]) -> tuple[KindRule, ...] | None:
    """Return a list of rules about kinds; None when there is none, or one that cannot be read."""
    if not (text := settings.get(name, "").strip()):
        return None
    try:
        documents = load_all(text, origin=f"argocd-cm {name}")
        entries: Any = documents[0].value if documents else []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise InvalidConfiguration(f"argocd-cm: {name}: must be a list of apiGroups, kinds and clusters")
        return tuple(
            KindRule(*(_texts(entry, part, name) for part in ("apiGroups", "kinds", "clusters")))
            for entry in entries
        )
    except Error as error:
        faults.append(str(error))
        return None


def _texts(entry: Mapping[str, Any], part: str, name: str) -> tuple[str, ...]:
    value = entry.get(part) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidConfiguration(f"argocd-cm: {name}: {part} must be a list of text")
    return tuple(value)


def _yaml(text: str, name: str) -> Mapping[str, Any]:
    documents = load_all(text, origin=f"argocd-cm {name}")
    value = documents[0].value if documents else {}
    if not isinstance(value, dict):
        raise InvalidConfiguration(f"argocd-cm: {name}: must be an object")
    return value
