"""
Who are we to a repository: what do Argo CD's repository Secrets say?

A credential is decoded here from a Secret and leaves only as part of a
request. Its secret parts are of a type that does not print, so that it cannot
reach a log, a message or a repr by accident.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import quote

from moorage.model.errors import InvalidConfiguration
from moorage.sources.addresses import Address, normal_form, shown

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """A value that is used but never shown: printing, logging and pickling it give nothing away."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value: T = value

    def reveal(self) -> T:
        """Return the value itself, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __repr__(self) -> str:
        return "Secret(…)" if self._value else "Secret()"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


def _nothing() -> Secret[str]:
    return Secret("")


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    Everything that proves who we are to one server, and how we know that server.

    Empty fields are not used. `ca` and `known_hosts` are how the server is
    verified; `insecure` is the visible way out of that, for one connection.
    """

    username: str = ""
    password: Secret[str] = field(default_factory=_nothing)
    bearer_token: Secret[str] = field(default_factory=_nothing)
    ssh_private_key: Secret[str] = field(default_factory=_nothing)
    tls_cert: str = ""
    tls_key: Secret[str] = field(default_factory=_nothing)
    github_app_id: str = ""
    github_installation_id: str = ""
    github_private_key: Secret[str] = field(default_factory=_nothing)
    github_base_url: str = ""
    ca: str = ""
    known_hosts: str = ""
    insecure: bool = False
    force_basic: bool = False

    @property
    def proving(self) -> bool:
        """Whether there is anything here that must not go to another server."""
        return any(getattr(self, part.name) for part in fields(self) if part.name in _PROOFS)


_PROOFS = frozenset(
    {"username", "password", "bearer_token", "ssh_private_key", "tls_cert", "tls_key", "github_private_key"}
)


@dataclass(frozen=True, slots=True)
class Repository:
    """
    One configured repository, or a template for all whose URL begins with its own.

    Two repositories with the same `key` share a mirror: the same address seen
    with the same project's rights.
    """

    url: str
    type: str = "git"
    name: str = ""
    project: str = ""
    credentials: Credentials = Credentials()
    proxy: str = ""
    no_proxy: str = ""
    enable_oci: bool = False
    insecure_http: bool = False
    enable_lfs: bool = False
    pass_credentials: bool = False

    @property
    def key(self) -> str:
        return _key(self.type, self.project, self.url)

    def __str__(self) -> str:
        return shown(self.url)


@lru_cache(maxsize=10_000)
def _key(kind: str, project: str, url: str) -> str:
    text = f"{kind}\n{project}\n{normal_form(url)}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def decode_repository_secret(data: Mapping[str, str | bytes], name: str = "") -> Repository:
    """
    Return the repository a Secret labelled ``repository`` or ``repo-creds`` describes.

    Args:
        data: The Secret's data, decoded from base64.
        name: The Secret's name, for messages.
    """
    text = {key: _text(value, f"Secret {name or '?'}: {key}") for key, value in data.items()}
    get = text.get
    url = get("url", "").strip()
    if not url:
        raise InvalidConfiguration(
            f"Secret {name or '?'}: url is missing; a repository Secret names its repository"
        )
    kind = get("type", "") or "git"
    if kind not in ("git", "helm", "oci"):
        raise InvalidConfiguration(
            f"Secret {name or '?'}: type is {shown(kind)}; it must be git, helm or oci"
        )
    return Repository(
        url=url,
        type=kind,
        name=get("name", ""),
        project=get("project", ""),
        credentials=_decode_credentials(text),
        proxy=get("proxy", ""),
        no_proxy=get("noProxy", ""),
        enable_oci=_true(get("enableOCI")),
        insecure_http=_true(get("insecureOCIForceHttp")),
        enable_lfs=_true(get("enableLfs")),
    )


def find_repository(
    url: str,
    project: str,
    repositories: Iterable[Repository],
    templates: Iterable[Repository],
    kind: str = "git",
) -> Repository:
    """
    Return the repository to use for a URL on behalf of a project.

    The project's own repository comes before one without a project; one of
    another project is never used. What a repository lacks in credentials
    comes from the template with the longest matching prefix, of the same
    project before the shared ones.
    """
    normal = normal_form(url)
    found = None
    for candidate in repositories:
        if candidate.project in ("", project) and normal_form(candidate.url) == normal:
            if candidate.project == project:
                found = candidate
                break
            found = candidate
    chosen = found or Repository(url=url, type=kind)
    if chosen.credentials.proving:
        return chosen
    template = _longest_template(normal, project, templates)
    if template is None:
        return chosen
    return replace(
        chosen,
        project=chosen.project or template.project,
        credentials=_filled(chosen.credentials, template.credentials),
        proxy=chosen.proxy or template.proxy,
        no_proxy=chosen.no_proxy or template.no_proxy,
        enable_oci=chosen.enable_oci or template.enable_oci,
    )


def trust(
    repository: Repository, address: Address, tls_certs: Mapping[str, str], known_hosts: str
) -> Repository:
    """Return the repository with the certificates and host keys configured for its host."""
    credentials = repository.credentials
    ca = credentials.ca or tls_certs.get(address.host, "")
    hosts = credentials.known_hosts or known_hosts
    return replace(repository, credentials=replace(credentials, ca=ca, known_hosts=hosts))


def scrub(text: str, credentials: Credentials) -> str:
    """Return a program's or server's words without any secret they may repeat, bounded and printable."""
    for part in fields(credentials):
        value = getattr(credentials, part.name)
        if isinstance(value, Secret) and value:
            for spelling in _spellings(value.reveal(), credentials.username):
                text = text.replace(spelling, "…")
    text = re.sub(r"(?i)(authorization:\s*)[^\r\n]+", r"\1…", text)
    text = re.sub(r"//[^/@\s]*@", "//", text)
    text = re.sub(r"[^\n\t -~\u00a1-\ud7ff]", "?", text)
    return text if len(text) <= 2000 else text[:2000] + "…"


def _spellings(value: str, username: str) -> list[str]:
    pair = base64.b64encode(f"{username}:{value}".encode()).decode()
    return [part for part in (pair, value, quote(value, safe="")) if len(part) >= 3]


def _longest_template(normal: str, project: str, templates: Iterable[Repository]) -> Repository | None:
    best: tuple[bool, int] | None = None
    found = None
    for template in templates:
        prefix = normal_form(template.url)
        if template.project not in ("", project) or not _is_prefix(prefix, normal):
            continue
        rank = (template.project == project, len(prefix))
        if best is None or rank > best:
            best, found = rank, template
    return found


def _is_prefix(prefix: str, normal: str) -> bool:
    if not normal.startswith(prefix):
        return False
    # A prefix that ends within the host would hand the credential to
    # another server: https://git.example must not match git.example.evil.
    _, _, rest = prefix.partition("://")
    return "/" in rest or normal[len(prefix) :][:1] in ("", "/")


def _filled(own: Credentials, template: Credentials) -> Credentials:
    changes = {
        part.name: getattr(template, part.name)
        for part in fields(own)
        if not getattr(own, part.name) and getattr(template, part.name)
    }
    return replace(own, **changes)


def _decode_credentials(text: Mapping[str, str]) -> Credentials:
    get = text.get
    return Credentials(
        username=get("username", ""),
        password=Secret(get("password", "")),
        bearer_token=Secret(get("bearerToken", "")),
        ssh_private_key=Secret(get("sshPrivateKey", "")),
        tls_cert=get("tlsClientCertData", ""),
        tls_key=Secret(get("tlsClientCertKey", "")),
        github_app_id=get("githubAppID", ""),
        github_installation_id=get("githubAppInstallationID", ""),
        github_private_key=Secret(get("githubAppPrivateKey", "")),
        github_base_url=get("githubAppEnterpriseBaseUrl", ""),
        insecure=_true(get("insecure")) or _true(get("insecureIgnoreHostKey")),
        force_basic=_true(get("forceHttpBasicAuth")),
    )


def _true(text: str | None) -> bool:
    return (text or "").strip().lower() in ("true", "1", "t")


def _text(value: str | bytes, what: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{what} is not UTF-8 text") from error
