"""
Says whether a project lets an application use a source, a destination or a kind.

Deny wins, and what is not allowed is forbidden. Rules and quirks are those of
Argo CD's AppProject; wildcards of a source stay within one path segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from moorage.model.application import Destination
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.project import DestinationRule, KindRule, Project


def application_fault(app: AppKey, project: Project, control_namespace: str) -> str:
    """Return why an application of this namespace may not use the project, or the empty string."""
    if app.namespace == control_namespace:
        return ""
    if any(matches(glob, app.namespace) for glob in project.source_namespaces):
        return ""
    return (
        f"applications in namespace {app.namespace} may not use project {project.name}; "
        f"add the namespace to spec.sourceNamespaces of the project"
    )


def source_fault(repo_url: str, project: Project) -> str:
    """Return why the project forbids a repository, or the empty string."""
    allowed = False
    for glob in project.source_repos:
        if glob.startswith("!"):
            if _matches_repo(glob[1:], repo_url):
                return f"project {project.name} denies repository {repo_url} (spec.sourceRepos has {glob!r})"
            allowed = True
        elif _matches_repo(glob, repo_url):
            allowed = True
    if allowed:
        return ""
    return f"project {project.name} does not allow repository {repo_url}; add it to spec.sourceRepos"


def destination_fault(destination: Destination, server: str, project: Project) -> str:
    """Return why the project forbids a destination (its server already resolved), or the empty string."""
    allowed = False
    for rule in project.destinations:
        denied = any(part.startswith("!") for part in (rule.server, rule.name, rule.namespace))
        if denied and _denies(rule, destination, server):
            return _destination_text(destination, server, project, "denies")
        if not denied and _allows(rule, destination, server):
            allowed = True
    return "" if allowed else _destination_text(destination, server, project, "does not allow")


def _destination_text(destination: Destination, server: str, project: Project, verb: str) -> str:
    return (
        f"project {project.name} {verb} destination {destination.name or server} "
        f"namespace {destination.namespace!r}; see spec.destinations of the project"
    )


def _allows(rule: DestinationRule, destination: Destination, server: str) -> bool:
    by_server = bool(rule.server) and matches(rule.server, server)
    by_name = bool(rule.name) and bool(destination.name) and matches(rule.name, destination.name)
    return (by_server or by_name) and matches(rule.namespace, destination.namespace)


def _denies(rule: DestinationRule, destination: Destination, server: str) -> bool:
    """A rule with a negated part denies what that part names, within its other parts."""

    def part(pattern: str, value: str) -> bool:
        return not pattern or matches(pattern.removeprefix("!"), value)

    return (
        part(rule.server, server)
        and part(rule.name, destination.name)
        and part(rule.namespace, destination.namespace)
    )


def resource_fault(
    key: ResourceKey, project: Project, *, namespaced: bool, server: str, name: str = ""
) -> str:
    """Return why the project forbids a resource, or the empty string."""
    if namespaced:
        fault = _kind_fault(key, project.namespace_kinds_allowed, project.namespace_kinds_denied)
        if fault:
            return f"{key}: {fault} in project {project.name}; see spec.namespaceResource* of the project"
        return destination_fault(Destination(server, name, key.namespace), server, project) and (
            f"{key}: namespace {key.namespace!r} is not permitted in project {project.name}; see spec.destinations"
        )
    fault = _kind_fault(key, project.cluster_kinds_allowed, project.cluster_kinds_denied)
    return (
        f"{key}: {fault} in project {project.name}; see spec.clusterResource* of the project" if fault else ""
    )


def _kind_fault(key: ResourceKey, allowed: Sequence[KindRule] | None, denied: Iterable[KindRule]) -> str:
    if any(_kind_matches(rule, key) for rule in denied):
        return f"kind {key.group_kind} is denied"
    if allowed is None or any(_kind_matches(rule, key) for rule in allowed):
        return ""
    return f"kind {key.group_kind} is not permitted"


def _kind_matches(rule: KindRule, key: ResourceKey) -> bool:
    return (
        matches(rule.group, key.group)
        and matches(rule.kind, key.kind)
        and (not rule.name or matches(rule.name, key.name))
    )


def matches(glob: str, text: str) -> bool:
    """Whether a glob matches a whole text; here ``*`` crosses everything, as in Argo CD's destinations."""
    return glob in ("*", text) or _compiled(glob, False).fullmatch(text) is not None


def _matches_repo(glob: str, url: str) -> bool:
    return glob == "*" or _compiled(_plain(glob), True).fullmatch(_plain(url)) is not None


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix(".git").lower()


@lru_cache(maxsize=4096)
def _compiled(glob: str, segments: bool) -> re.Pattern[str]:
    """Return the pattern of a glob with ``*``, ``**``, ``?``, ``[a-z]`` and ``{a,b}``."""
    one = "[^/]" if segments else "."
    out, i, depth = [], 0, 0
    while i < len(glob):
        c = glob[i]
        if glob.startswith("**", i):
            out.append(".*")
            i += 1
        elif c == "*":
            out.append(one + "*")
        elif c == "?":
            out.append(one)
        elif c == "[" and (end := glob.find("]", i + 1)) > 0:
            out.append("[" + re.escape(glob[i + 1 : end]).replace(r"\-", "-").replace("!", "^", 1) + "]")
            i = end
        elif c == "{" and "}" in glob[i:]:
            out.append("(?:")
            depth += 1
        elif c == "}" and depth:
            out.append(")")
            depth -= 1
        elif c == "," and depth:
            out.append("|")
        else:
            out.append(re.escape(c))
        i += 1
    return re.compile("".join(out), re.DOTALL)
