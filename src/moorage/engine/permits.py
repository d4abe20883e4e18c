"""
Says whether a project lets an application use a source, a destination or a kind.

Deny wins, and what is not allowed is forbidden. Rules and quirks are those of
Argo CD's AppProject; wildcards of a source stay within one path segment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote

from moorage.model.application import Destination
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.project import KindRule, Project


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
            if _matches_repo(glob[1:], repo_url, unreadable=True):
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
        parts = (rule.server, server), (rule.name, destination.name), (rule.namespace, destination.namespace)
        if any(_denied(pattern, text) for pattern, text in parts):
            return _destination_text(destination, server, project, "denies")
        by_server, by_name = (bool(text) and _permitted(pattern, text) for pattern, text in parts[:2])
        allowed = allowed or ((by_server or by_name) and _permitted(*parts[2]))
    return "" if allowed else _destination_text(destination, server, project, "does not allow")


def _destination_text(destination: Destination, server: str, project: Project, verb: str) -> str:
    return (
        f"project {project.name} {verb} destination {destination.name or server} "
        f"namespace {destination.namespace!r}; see spec.destinations of the project"
    )


def _denied(pattern: str, text: str) -> bool:
    """Whether a negated part of a rule names this; then it is denied whatever the rule's other parts say."""
    return pattern.startswith("!") and bool(text) and matches(pattern[1:], text, unreadable=True)


def _permitted(pattern: str, text: str) -> bool:
    """Whether a part of a rule lets this pass; a negated part does what it does not name."""
    if pattern.startswith("!"):
        return not matches(pattern[1:], text, unreadable=True)
    return bool(pattern) and matches(pattern, text)


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
    if any(_kind_matches(rule, key, unreadable=True) for rule in denied):
        return f"kind {key.group_kind} is denied"
    if allowed is None or any(_kind_matches(rule, key) for rule in allowed):
        return ""
    return f"kind {key.group_kind} is not permitted"


def _kind_matches(rule: KindRule, key: ResourceKey, *, unreadable: bool = False) -> bool:
    return (
        matches(rule.group, key.group, unreadable=unreadable)
        and matches(rule.kind, key.kind, unreadable=unreadable)
        and (not rule.name or matches(rule.name, key.name, unreadable=unreadable))
    )


def matches(glob: str, text: str, *, unreadable: bool = False) -> bool:
    """
    Whether a glob matches a whole text; here ``*`` crosses everything, as in Argo CD's destinations.

    `unreadable` is the answer for a glob that cannot be read: what denies says
    yes, what allows says no.
    """
    if glob in ("*", text):
        return True
    pattern = _compiled(glob, False)
    return unreadable if pattern is None else pattern.fullmatch(text) is not None


def _matches_repo(glob: str, url: str, *, unreadable: bool = False) -> bool:
    if glob == "*":
        return True
    pattern = _compiled(plain_url(glob), True)
    return unreadable if pattern is None else pattern.fullmatch(plain_url(url)) is not None


_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^/:@]+):(?!/)(?P<path>.+)", re.DOTALL)
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^@/]*)@)?(?P<place>[^/]*)(?P<path>.*)", re.DOTALL
)
_OWN_PORTS = {"https": ":443", "http": ":80", "ssh": ":22", "git": ":9418"}


@lru_cache(maxsize=4096)
def plain_url(url: str) -> str:
    """
    Return the one way to write the address of a repository, of many that Git understands.

    Rules compare addresses as text; without this an owner in the address, a port
    that goes without saying, ``..`` or an encoded letter would walk around a denial.
    """
    text = url.strip().lower()
    if "://" not in text and (scp := _SCP.fullmatch(text)):
        text = f"ssh://{scp['user'] or 'git'}@{scp['host']}/{scp['path']}"
    if (parts := _URL.fullmatch(text)) is None:
        return _plain_path(text)
    scheme, user, place = parts["scheme"], parts["user"], parts["place"]
    place = place.removesuffix(_OWN_PORTS.get(scheme, ":")).removesuffix(".")
    owner = f"{user.partition(':')[0]}@" if user and scheme == "ssh" else ""
    return f"{scheme}://{owner}{place}{_plain_path(parts['path'])}"


def _plain_path(path: str) -> str:
    kept: list[str] = []
    for segment in unquote(path).split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    lead = "/" if path.startswith("/") and kept else ""
    return (lead + "/".join(kept)).removesuffix(".git")


@lru_cache(maxsize=4096)
def _compiled(glob: str, segments: bool) -> re.Pattern[str] | None:
    """Return the pattern of a glob with ``*``, ``**``, ``?``, ``[a-z]`` and ``{a,b}``; None when it cannot be read."""
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
        elif c == "[" and (end := glob.find("]", i + 2)) > 0:
            out.append(_letters(glob[i + 1 : end]))
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
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:
        return None


def _letters(inside: str) -> str:
    negated = inside[0] in "!^" and len(inside) > 1
    letters = re.escape(inside[1:] if negated else inside).replace(r"\-", "-")
    return f"[{'^' if negated else ''}{letters}]"
