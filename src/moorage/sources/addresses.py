"""
Which repository does a URL mean, and may it be opened at all?

Everything outside names repositories by text. Here the text becomes an
`Address` once, checked against a list of allowed schemes; programs and
connections are only ever given what an `Address` holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from moorage.model.errors import SourceRefused

DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "oci": 443}

_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_SCP = re.compile(
    r"(?:(?P<user>[A-Za-z0-9._+-]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<path>[^:].*)"
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER = re.compile(r"[A-Za-z0-9._+][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """
    One repository's place: scheme, user, host, port and path, all checked.

    `url` is what a program may be given; `normal` is equal for all ways of
    writing the same repository with the same transport; `place` leaves the
    transport and the user out and is how webhooks are compared.
    """

    scheme: str
    user: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        if self.scheme == "file":
            return f"file://{self.path}"
        return f"{self.scheme}://{self._login}{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """The scheme, host and port a credential is bound to."""
        return self.scheme, self.host, self.port

    @property
    def normal(self) -> str:
        login = f"{self.user}@" if self.scheme == "ssh" and self.user else ""
        return f"{self.scheme}://{login}{self.authority}{_trimmed(self.path)}"

    @property
    def place(self) -> str:
        return f"{self.host}{_trimmed(self.path)}".lower()

    @property
    def _login(self) -> str:
        return f"{self.user}@" if self.user else ""

    def __str__(self) -> str:
        return self.url


def parse_address(text: str, schemes: frozenset[str]) -> Address:
    """
    Return the address a repository URL means.

    Raises:
        SourceRefused: for a scheme that is not allowed, a password or control
            character in the URL, or anything a program could take for an option.
    """
    text = text.strip()
    _refuse_disguises(text)
    if "://" not in text:
        address = _parse_scp(text)
    else:
        address = _parse_url(text)
    if address.scheme not in schemes:
        allowed = ", ".join(sorted(schemes))
        raise SourceRefused(
            f"repository {shown(text)}: scheme {address.scheme} is not allowed (allowed: {allowed})"
        )
    return address


def same_repository(a: str, b: str) -> bool:
    """Return whether two URLs mean the same repository over the same transport."""
    try:
        return _lenient(a).normal == _lenient(b).normal
    except SourceRefused:
        return a == b


def normal_form(text: str) -> str:
    """Return the one spelling of a repository URL, or the text itself when it is not a URL."""
    try:
        return _lenient(text).normal
    except SourceRefused:
        return text


def place_of(text: str) -> str | None:
    """Return host and path of a repository URL, for comparing across transports, or None."""
    try:
        return _lenient(text).place
    except SourceRefused:
        return None


def shown(text: str) -> str:
    """Return a URL as a message may show it: no user part, no control characters, bounded."""
    text = re.sub(r"(?<=//)[^/@]*@", "", _CONTROL.sub("?", text))
    return text if len(text) <= 200 else text[:200] + "…"


def _lenient(text: str) -> Address:
    return parse_address(text, frozenset({"https", "http", "ssh", "file", "oci"}))


def _refuse_disguises(text: str) -> None:
    if not text:
        raise SourceRefused("repository URL is empty")
    if _CONTROL.search(text):
        raise SourceRefused(
            f"repository {shown(text)}: control characters and spaces are not allowed in a URL"
        )
    if text.startswith("-"):
        raise SourceRefused(f"repository {shown(text)}: a URL cannot begin with a dash")
    if "::" in text.partition("/")[0] and not text.startswith("["):
        raise SourceRefused(f"repository {shown(text)}: remote helpers (<name>::<address>) are not allowed")
    if "\\" in text:
        raise SourceRefused(f"repository {shown(text)}: a URL cannot contain a backslash")


def _parse_scp(text: str) -> Address:
    match = _SCP.fullmatch(text)
    if match is None or text.startswith(("/", ".")):
        raise SourceRefused(
            f"repository {shown(text)}: not a repository URL; write https://host/path, "
            "ssh://git@host/path or git@host:path"
        )
    return _checked(
        "ssh", match["user"] or "", match["host"].strip("[]"), 22, "/" + match["path"].lstrip("/"), text
    )


def _parse_url(text: str) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise SourceRefused(f"repository {shown(text)}: not a URL ({shown(str(error))})") from error
    scheme = parts.scheme.lower()
    if scheme == "file":
        return _parse_file(parts.netloc, parts.path, text)
    if parts.password is not None:
        raise SourceRefused(
            f"repository {shown(text)}: a URL cannot hold a password; put it in a repository Secret"
        )
    if parts.query or parts.fragment:
        raise SourceRefused(f"repository {shown(text)}: a repository URL has no query and no fragment")
    if scheme not in DEFAULT_PORTS:
        return Address(scheme or "?", "", parts.hostname or "", 0, parts.path)
    return _checked(
        scheme, parts.username or "", parts.hostname or "", port or DEFAULT_PORTS[scheme], parts.path, text
    )


def _parse_file(host: str, path: str, text: str) -> Address:
    if host not in ("", "localhost") or not path.startswith("/") or ".." in path.split("/"):
        raise SourceRefused(f"repository {shown(text)}: a file URL names an absolute local path without ..")
    return Address("file", "", "", 0, path)


def _checked(scheme: str, user: str, host: str, port: int, path: str, text: str) -> Address:
    if not _HOST.fullmatch(host):
        raise SourceRefused(f"repository {shown(text)}: {shown(host) or 'an empty host'} is not a host name")
    if user and not _USER.fullmatch(user):
        raise SourceRefused(f"repository {shown(text)}: the user name has characters that are not allowed")
    decoded = unquote(path)
    if _CONTROL.search(decoded.replace(" ", "")) or ".." in decoded.split("/"):
        raise SourceRefused(f"repository {shown(text)}: the path has control characters or .. in it")
    if decoded.startswith("/-"):
        raise SourceRefused(f"repository {shown(text)}: the path cannot begin with a dash")
    return Address(scheme, user, host.lower().rstrip("."), port, path or "/")


def _trimmed(path: str) -> str:
    path = re.sub(r"/{2,}", "/", path).rstrip("/")
    return path.removesuffix(".git").rstrip("/")
