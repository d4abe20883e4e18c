"""
Where an `Access` comes from: kubeconfig files, or the pod's service account.

Errors name the file, the field and the remedy, and never what a field holds.
A kubeconfig is a person's own file and may name programs and other files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from moorage.cluster.credentials import Access, ExecPlugin, Hidden, read_token
from moorage.cluster.exec_plugin import VERSIONS
from moorage.cluster.parts import Part
from moorage.cluster.proxies import is_here, proxy_for
from moorage.formats import yaml
from moorage.model.errors import InvalidConfiguration, RenderFailed

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_SIZE_LIMIT = 4 * 1024 * 1024
_SHOWN_NAMES, _SHOWN_NAME = 50, 100


def read_kubeconfig(
    paths: Sequence[str | Path], context: str = "", environment: Mapping[str, str] | None = None
) -> Access:
    """
    Return the access a kubeconfig gives in a context; the current one when none is named.

    Args:
        paths: One file, or several as in ``KUBECONFIG``: the first to define a name wins.
        context: The context to use instead of ``current-context``.
        environment: The variables exec plug-ins may see; none are read here.
    """
    files = [_load(Path(path)) for path in paths if Path(path).exists() or len(paths) == 1]
    if not files:
        raise InvalidConfiguration(
            f"no kubeconfig: none of {', '.join(map(str, paths))} exists; name one with --kubeconfig"
        )
    names = ", ".join(part.file for part in files)
    chosen = context or next((name for part in files if (name := part.text("current-context"))), "")
    if not chosen:
        raise InvalidConfiguration(f"{names}: current-context is empty; name a context with --context")
    entry = _entry(files, "contexts", "context", chosen)
    cluster = _entry(files, "clusters", "cluster", entry.text("cluster"))
    user_name = entry.text("user")
    user = _entry(files, "users", "user", user_name) if user_name else Part(names, "users", {})
    return _access(entry, cluster, user, environment or {})


def _load(path: Path) -> Part:
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            raise InvalidConfiguration(f"{path} is larger than {_SIZE_LIMIT} bytes and no kubeconfig")
        body = yaml.load(path.read_bytes(), origin=str(path), strict=False)
    except OSError as error:
        raise InvalidConfiguration(
            f"{path} cannot be read: {error.strerror}; name a kubeconfig with --kubeconfig"
        ) from error
    except RenderFailed as error:
        raise InvalidConfiguration(f"{error}; it cannot be read as a kubeconfig") from None
    if not isinstance(body, dict):
        raise InvalidConfiguration(f"{path} is not a kubeconfig: it holds no mapping")
    return Part(str(path), "config", body)


def _entry(files: Iterable[Part], field: str, kind: str, name: str) -> Part:
    known: list[str] = []
    at = ""
    for part in files:
        at = at or part.file
        for item in part.body.get(field) or []:
            if not isinstance(item, dict):
                continue
            if item.get("name") == name:
                return Part(part.file, f"{field}[{name}]", {kind: item.get(kind)}).inner(kind)
            known.append(str(item.get("name"))[:_SHOWN_NAME])
    shown = sorted(set(known))[:_SHOWN_NAMES]
    raise InvalidConfiguration(
        f"{at}: {field} has no {name[:_SHOWN_NAME]!r}" + (f"; there are {', '.join(shown)}" if shown else "")
    )


def _access(context: Part, cluster: Part, user: Part, environment: Mapping[str, str]) -> Access:
    server = cluster.text("server")
    if not server:
        raise cluster.fault("server", "is empty; write the address of the API server")
    insecure = cluster.flag("insecure-skip-tls-verify")
    authority = cluster.content("certificate-authority")
    if insecure and authority:
        raise cluster.fault(
            "insecure-skip-tls-verify", "and a certificate authority exclude each other; remove one"
        )
    certificate, private_key = user.content("client-certificate"), user.content("client-key")
    if bool(certificate) != bool(private_key):
        missing = "client-key" if certificate else "client-certificate"
        raise user.fault(missing, "is missing; a certificate and its key go together")
    if user.body.get("auth-provider"):
        raise user.fault("auth-provider", "is no longer supported; use an exec plug-in")
    extra = user.inner("as-user-extra")
    token = user.text("token").strip()
    return Access(
        server=server.rstrip("/"),
        ca=authority,
        ca_file="" if cluster.text("certificate-authority-data") else cluster.path("certificate-authority"),
        insecure=insecure,
        tls_server_name=cluster.text("tls-server-name"),
        proxy_url=Hidden(cluster.text("proxy-url") or proxy_for(server, environment)),
        packed=not (cluster.flag("disable-compression") or is_here(server)),
        token=Hidden(token),
        token_file="" if token else user.path("tokenFile"),
        username=user.text("username"),
        password=Hidden(user.text("password")),
        certificate=certificate,
        private_key=private_key,
        plugin=_plugin(cluster, user, environment) if user.body.get("exec") else None,
        as_user=user.text("as"),
        as_uid=user.text("as-uid"),
        as_groups=user.texts("as-groups"),
        as_extra=tuple((name, extra.texts(name)) for name in sorted(extra.body)),
        namespace=context.text("namespace") or "default",
    )


def _plugin(cluster: Part, user: Part, environment: Mapping[str, str]) -> ExecPlugin:
    spec = user.inner("exec")
    command = spec.text("command")
    if not command:
        raise spec.fault("command", "is empty; name the program to run")
    version = spec.text("apiVersion")
    if version not in VERSIONS:
        raise spec.fault("apiVersion", f"must be one of {', '.join(VERSIONS)}")
    if spec.text("interactiveMode") == "Always":
        raise spec.fault(
            "interactiveMode", "is Always, and nobody is there to be asked; sign in by another way"
        )
    extensions = cluster.body.get("extensions") or []
    config = next(
        (
            item.get("extension")
            for item in extensions
            if isinstance(item, dict) and item.get("name") == "client.authentication.k8s.io/exec"
        ),
        None,
    )
    return ExecPlugin(
        command=command,
        args=spec.texts("args"),
        env=_variables(spec),
        api_version=version,
        install_hint=spec.text("installHint"),
        provide_cluster_info=spec.flag("provideClusterInfo"),
        config=config,
        folder=str(Path(spec.file).parent),
        environment=dict(environment),
    )


def _variables(spec: Part) -> tuple[tuple[str, Hidden], ...]:
    found = []
    for item in spec.body.get("env") or []:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise spec.fault("env", "must be a list of name and value")
        found.append((item["name"], Hidden(item.get("value") or "")))
    return tuple(found)


def in_cluster(
    host: str, port: str, folder: str = SERVICE_ACCOUNT, environment: Mapping[str, str] | None = None
) -> Access:
    """
    Return the access of the service account a pod runs as.

    Args:
        host: The API server's address, as the pod's environment names it.
        port: Its port.
        folder: Where the token, the authority and the namespace are mounted.
        environment: May name a proxy, as everywhere.
    """
    if not host:
        raise InvalidConfiguration(
            "not in a cluster: KUBERNETES_SERVICE_HOST is not set; name a kubeconfig with --kubeconfig"
        )
    token_file = str(Path(folder) / "token")
    read_token(token_file)
    authority_file = Path(folder) / "ca.crt"
    try:
        authority = authority_file.read_bytes()
    except OSError as error:
        raise InvalidConfiguration(f"{authority_file} cannot be read: {error.strerror}") from error
    namespace = Path(folder) / "namespace"
    server = f"https://{f'[{host}]' if ':' in host else host}:{port or 443}"
    return Access(
        server=server,
        proxy_url=Hidden(proxy_for(server, environment or {})),
        ca=authority,
        ca_file=str(authority_file),
        token_file=token_file,
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )
