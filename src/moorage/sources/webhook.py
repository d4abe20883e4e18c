"""
What does a Git host tell us has changed, and can we believe it is that host?

A payload becomes `RevisionSeen` values and nothing more: text to be compared
with what is configured, never a pattern, a path or a place to go to. Where a
secret is configured a payload must prove it; where none is, the result is
marked as not trusted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from moorage.model.errors import SourceRefused
from moorage.sources.credentials import Secret

_MOST_CHANGES = 100
_MOST_FILES = 10_000
_LONGEST = 2_000


class WebhookRefused(SourceRefused):
    """A webhook that is malformed, too large or not signed as configured; `status` is the HTTP answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def _no_secret() -> Secret[str]:
    return Secret("")


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The shared secrets of argocd-secret, one a provider; an empty one means payloads come unsigned."""

    github: Secret[str] = field(default_factory=_no_secret)
    gitlab: Secret[str] = field(default_factory=_no_secret)
    gogs: Secret[str] = field(default_factory=_no_secret)
    bitbucket_uuid: Secret[str] = field(default_factory=_no_secret)
    bitbucket_server: Secret[str] = field(default_factory=_no_secret)
    azure_username: Secret[str] = field(default_factory=_no_secret)
    azure_password: Secret[str] = field(default_factory=_no_secret)
    body_limit: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RevisionSeen:
    """
    Somebody says that a ref of a repository moved.

    `trusted` tells whether they proved who they are. Even then the revision
    is a hint: what a ref means is asked of the repository itself.
    """

    urls: tuple[str, ...]
    ref: str
    kind: Literal["branch", "tag"] = "branch"
    revision: str | None = None
    before: str | None = None
    changed_files: frozenset[str] | None = None
    default_branch: str | None = None
    trusted: bool = False

    @property
    def deleted(self) -> bool:
        return self.revision is None


Json = Mapping[str, Any]


def parse_webhook(
    headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets
) -> tuple[RevisionSeen, ...]:
    """
    Return what a webhook tells of; nothing for pings and events that move no ref.

    Raises:
        WebhookRefused: for a payload that is too large, malformed, of an
            unknown provider, or not signed with the configured secret.
    """
    if len(body) > secrets.body_limit:
        raise WebhookRefused(f"webhook: the body has more than {secrets.body_limit} bytes", 413)
    lowered = {name.lower(): value for name, value in headers.items()}
    for header, provider in _PROVIDERS:
        if header in lowered:
            trusted = provider.proves(lowered, body, secrets)
            if trusted is False:
                raise WebhookRefused("webhook: it is not signed with the configured secret", 401)
            if lowered[header].lower() not in provider.events and provider.events:
                return ()
            return tuple(_named(seen, trusted is True) for seen in _read(provider, body, lowered))
    raise WebhookRefused("webhook: no provider sends such a request", 400)


@dataclass(frozen=True, slots=True)
class _Provider:
    events: frozenset[str]
    proves: Callable[[Mapping[str, str], bytes, WebhookSecrets], bool | None]
    read: Callable[[Json], list[RevisionSeen]]


def _read(provider: _Provider, body: bytes, headers: Mapping[str, str]) -> list[RevisionSeen]:
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise WebhookRefused("webhook: choose application/json as its content type", 415)
    try:
        payload = orjson.loads(body)
        return provider.read(payload)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise WebhookRefused("webhook: the body is not what its provider sends", 400) from error


def _named(seen: RevisionSeen, trusted: bool) -> RevisionSeen:
    given = (*seen.urls, seen.ref, seen.revision, seen.before, seen.default_branch)
    # The readers take what a payload gives: `false` or a list where a text should be is refused here.
    texts = [text for text in given if text is not None]
    if not seen.ref or not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        raise WebhookRefused("webhook: the body is not what its provider sends", 400)
    return RevisionSeen(
        seen.urls,
        seen.ref,
        seen.kind,
        _nonzero(seen.revision),
        _nonzero(seen.before),
        seen.changed_files,
        seen.default_branch,
        trusted,
    )


def _nonzero(oid: str | None) -> str | None:
    return oid if oid and oid.strip("0") else None


# Proofs: True proven, False refuted, None when no secret is configured.


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _signed(secret: Secret[str], body: bytes, given: str) -> bool | None:
    if not secret:
        return None
    wanted = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return _same(given.removeprefix("sha256=").lower(), wanted)


def _github_proves(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets) -> bool | None:
    return _signed(secrets.github, body, headers.get("x-hub-signature-256", ""))


def _gitlab_proves(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets) -> bool | None:
    return _same(headers.get("x-gitlab-token", ""), secrets.gitlab.reveal()) if secrets.gitlab else None


def _gogs_proves(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets) -> bool | None:
    given = headers.get("x-gitea-signature") or headers.get("x-gogs-signature", "")
    return _signed(secrets.gogs, body, given)


def _bitbucket_proves(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets) -> bool | None:
    wanted = secrets.bitbucket_uuid
    return _same(headers.get("x-hook-uuid", ""), wanted.reveal()) if wanted else None


def _bitbucket_server_proves(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets) -> bool | None:
    return _signed(secrets.bitbucket_server, body, headers.get("x-hub-signature", ""))


def _azure_proves(headers: Mapping[str, str], body: bytes, secrets: WebhookSecrets) -> bool | None:
    if not secrets.azure_username and not secrets.azure_password:
        return None
    pair = f"{secrets.azure_username.reveal()}:{secrets.azure_password.reveal()}"
    return _same(headers.get("authorization", ""), "Basic " + base64.b64encode(pair.encode()).decode())


# Payloads


def _ref(full: str) -> tuple[str, Literal["branch", "tag"]] | None:
    if full.startswith("refs/heads/"):
        return full.removeprefix("refs/heads/"), "branch"
    return (full.removeprefix("refs/tags/"), "tag") if full.startswith("refs/tags/") else None


def _urls(*values: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _read_github(payload: Json) -> list[RevisionSeen]:
    repository = payload["repository"]
    get = repository.get
    urls = _urls(get("html_url"), get("clone_url"), get("ssh_url"), get("git_ssh_url"), get("git_http_url"))
    return _push(payload, urls, get("default_branch"))


def _read_gitlab(payload: Json) -> list[RevisionSeen]:
    get = payload["project"].get
    urls = _urls(get("web_url"), get("git_http_url"), get("git_ssh_url"))
    return _push(payload, urls, get("default_branch"))


def _push(payload: Json, urls: tuple[str, ...], default_branch: str | None) -> list[RevisionSeen]:
    named = _ref(payload["ref"])
    if named is None:
        return []
    files = _changed(payload)
    return [RevisionSeen(urls, *named, payload.get("after"), payload.get("before"), files, default_branch)]


def _changed(payload: Json) -> frozenset[str] | None:
    commits = payload.get("commits")
    if not commits or len(commits) > _MOST_CHANGES:
        return None
    files: set[str] = set()
    for commit in commits:
        for kind in ("added", "modified", "removed"):
            files.update(str(path) for path in commit.get(kind) or ())
    return frozenset(files) if len(files) <= _MOST_FILES else None


def _read_bitbucket(payload: Json) -> list[RevisionSeen]:
    urls = _urls(payload["repository"]["links"]["html"]["href"])
    seen = []
    for change in payload["push"]["changes"][:_MOST_CHANGES]:
        old, new = change.get("old"), change.get("new")
        place = new or old
        kind: Literal["branch", "tag"] = "tag" if "tag" in place["type"] else "branch"
        after = new["target"]["hash"] if new else None
        seen.append(RevisionSeen(urls, place["name"], kind, after, old["target"]["hash"] if old else None))
    return seen


def _read_bitbucket_server(payload: Json) -> list[RevisionSeen]:
    links = payload["repository"]["links"]
    urls = _urls(*(link["href"] for link in links.get("clone", ())))
    return [
        RevisionSeen(urls, *named, change.get("toHash"), change.get("fromHash"))
        for change in payload["changes"][:_MOST_CHANGES]
        if (named := _ref(change["reference"]["id"]))
    ]


def _read_azure(payload: Json) -> list[RevisionSeen]:
    if payload.get("eventType") != "git.push":
        return []
    resource = payload["resource"]
    repository = resource["repository"]
    branch = str(repository.get("defaultBranch") or "").removeprefix("refs/heads/") or None
    urls = _urls(repository["remoteUrl"], repository.get("sshUrl"))
    seen = []
    for update in resource["refUpdates"][:_MOST_CHANGES]:
        if named := _ref(update["name"]):
            after, before = update.get("newObjectId"), update.get("oldObjectId")
            seen.append(RevisionSeen(urls, *named, after, before, None, branch))
    return seen


# Gitea and Gogs also send GitHub's header, so they are asked first.
_PROVIDERS: tuple[tuple[str, _Provider], ...] = (
    ("x-gitea-event", _Provider(frozenset({"push", "create"}), _gogs_proves, _read_github)),
    ("x-gogs-event", _Provider(frozenset({"push", "create"}), _gogs_proves, _read_github)),
    ("x-github-event", _Provider(frozenset({"push"}), _github_proves, _read_github)),
    ("x-gitlab-event", _Provider(frozenset({"push hook", "tag push hook"}), _gitlab_proves, _read_gitlab)),
    ("x-hook-uuid", _Provider(frozenset(), _bitbucket_proves, _read_bitbucket)),
    (
        "x-event-key",
        _Provider(frozenset({"repo:refs_changed"}), _bitbucket_server_proves, _read_bitbucket_server),
    ),
    ("x-vss-activityid", _Provider(frozenset(), _azure_proves, _read_azure)),
)
