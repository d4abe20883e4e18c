"""
How to sign in to one API server: a value that says it all and never prints it.

`Access` is made by `kubeconfig` (files, a service account, a cluster Secret)
or directly, and consumed by `http` alone. Reading the environment is not done
here: what an exec plug-in may see of it is handed in as a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from moorage.model.errors import InvalidConfiguration

_LONGEST_ADDRESS = 2048


class Hidden(str):
    """A text that must not be seen: it is itself when used and ``***`` when printed by `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***" if self else "''"


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """
    A program that answers with credentials (an ExecCredential).

    `environment` is what the program sees of the world besides its own
    variables. `cluster` is what it is told when it asks for cluster facts.
    """

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, Hidden], ...] = ()
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    provide_cluster_info: bool = False
    config: object = field(default=None, repr=False)
    folder: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """
    One API server and who we are to it.

    At most one way of signing in counts, in this order: `token`, `token_file`,
    `username`, `plugin`; a client certificate may stand beside any of them.
    `namespaces` narrows what may be watched; empty means all of the cluster.
    `ca_file` is where `ca` came from: it is read again when the server turns out
    to be of another authority. `packed` is whether the server may pack long
    answers, which saves traffic and costs it time.
    """

    server: str
    ca: bytes = b""
    ca_file: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: Hidden = Hidden("")  # noqa: RUF009
    packed: bool = True
    token: Hidden = Hidden("")  # noqa: RUF009
    token_file: str = ""
    username: str = ""
    password: Hidden = Hidden("")  # noqa: RUF009
    certificate: bytes = field(default=b"", repr=False)
    private_key: bytes = field(default=b"", repr=False)
    plugin: ExecPlugin | None = None
    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
    namespaces: tuple[str, ...] = ()
    cluster_resources: bool = True
    namespace: str = "default"

    def __post_init__(self) -> None:
        _check_server(self.server)
        for what, text in self._header_texts():
            if not text.isprintable():
                raise InvalidConfiguration(f"{self.server}: {what} holds control characters; remove them")
        if self.proxy_url and _scheme(self.proxy_url) not in ("http", "https"):
            raise InvalidConfiguration(
                f"{self.server}: the proxy address must begin with http:// or https://; other proxies are not supported"
            )

    def _header_texts(self) -> tuple[tuple[str, str], ...]:
        extra = tuple(
            ("impersonated extra", text) for name, values in self.as_extra for text in (name, *values)
        )
        groups = tuple(("impersonated group", group) for group in self.as_groups)
        return (
            ("the token", self.token),
            ("the user name", self.username),
            ("the impersonated user", self.as_user),
            ("the impersonated uid", self.as_uid),
            *groups,
            *extra,
        )


def _scheme(address: str) -> str:
    try:
        return urlsplit(address).scheme
    except ValueError:
        return ""


def _check_server(server: str) -> None:
    if not server.isprintable() or " " in server:
        raise InvalidConfiguration("a cluster's server address holds spaces or control characters")
    if len(server) > _LONGEST_ADDRESS:
        raise InvalidConfiguration(
            f"a cluster's server address has {len(server)} characters; write https://host:port"
        )
    try:
        parts = urlsplit(server)
        _ = parts.port
    except ValueError as error:
        raise InvalidConfiguration(
            f"a cluster's server address is no address ({error}); write https://host:port"
        ) from None
    if parts.username or parts.password:
        raise InvalidConfiguration(
            f"the server address of {parts.hostname} holds a user name or password; give them as credentials instead"
        )
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise InvalidConfiguration(f"{server!r} is not the address of an API server; write https://host:port")
    if parts.query or parts.fragment:
        raise InvalidConfiguration(f"{server!r}: a server address has no query and no fragment")


def read_token(path: str) -> Hidden:
    """Return the token a file holds now; service account tokens are replaced while we run."""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise InvalidConfiguration(f"the token file {path} cannot be read: {_reason(error)}") from error
    if not token or not token.isprintable():
        raise InvalidConfiguration(f"the token file {path} does not hold a token")
    return Hidden(token)


def _reason(error: Exception) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "it is not plain text"
