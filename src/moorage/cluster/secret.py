"""
Where an `Access` comes from that a cluster Secret of Argo CD's shape describes.

Errors name the Secret, the field and the remedy, and never what a field holds.
A cluster Secret may be a tenant's, so it may name neither files nor programs,
except programs that the settings list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from moorage.cluster.credentials import Access, ExecPlugin, Hidden
from moorage.cluster.exec_plugin import VERSIONS
from moorage.cluster.parts import Part
from moorage.cluster.proxies import is_here
from moorage.cluster.settings import ClusterSettings
from moorage.model.errors import InvalidConfiguration

_VARIABLES = (
    "AWS_",
    "AAD_",
    "AZURE_",
    "CLOUDSDK_",
    "GCP_",
    "GOOGLE_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
_PLACES = ("PATH", "HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables every program sees: where programs and their settings are, and how to reach the outside."""
_IDENTITIES = ("AWS_", "AAD_", "AZURE_", "CLOUDSDK_", "GCP_", "GOOGLE_")
"""Variables that say who we are in a cloud: roles, and where the tokens that prove it are."""
_ADDRESSES = ("HOST", "ENDPOINT", "URL", "PROXY", "CA_BUNDLE", "CONFIG", "FILE", "PROCESS")
"""What is in the name of a variable that leads a program elsewhere, or to other files."""
_ASK_ONLY_THEIR_CLOUD = frozenset({"argocd-k8s-auth", "gke-gcloud-auth-plugin"})
"""Programs that take no address as an argument."""


def access_of_secret(
    data: Mapping[str, str],
    settings: ClusterSettings,
    *,
    name: str = "cluster Secret",
    environment: Mapping[str, str] | None = None,
) -> Access:
    """
    Return the access an Argo CD cluster Secret gives.

    Args:
        data: The Secret's data, decoded.
        settings: Says which programs such a Secret may name.
        name: How messages call the Secret.
        environment: This process's variables; a program gets those it needs.
    """
    config = _secret_config(data, name)
    tls = config.inner("tlsClientConfig")
    server = (data.get("server") or "").strip()
    if not server:
        raise InvalidConfiguration(f"{name}: data.server is empty; write the address of the API server")
    certificate, private_key, authority = (
        tls.decoded(field, tls.text(field)) for field in ("certData", "keyData", "caData")
    )
    if bool(certificate) != bool(private_key):
        raise tls.fault("keyData", "and certData go together; one is missing")
    if tls.flag("insecure") and authority:
        raise tls.fault("insecure", "and caData exclude each other; remove one")
    return Access(
        server=server.rstrip("/"),
        ca=authority,
        insecure=tls.flag("insecure"),
        tls_server_name=tls.text("serverName"),
        proxy_url=Hidden(config.text("proxyUrl")),
        packed=not (config.flag("disableCompression") or is_here(server)),
        token=Hidden(config.text("bearerToken")),
        username=config.text("username"),
        password=Hidden(config.text("password")),
        certificate=certificate,
        private_key=private_key,
        plugin=_secret_plugin(config, settings, environment or {}),
        namespaces=tuple(
            sorted({ns.strip() for ns in (data.get("namespaces") or "").split(",") if ns.strip()})
        ),
        cluster_resources=not data.get("namespaces") or data.get("clusterResources") == "true",
    )


def _secret_config(data: Mapping[str, str], name: str) -> Part:
    try:
        body = orjson.loads(data.get("config") or "{}")
    except orjson.JSONDecodeError:
        raise InvalidConfiguration(f"{name}: data.config is not JSON") from None
    if not isinstance(body, dict):
        raise InvalidConfiguration(f"{name}: data.config must be a JSON object")
    return Part(name, "config", body)


def _secret_plugin(
    config: Part, settings: ClusterSettings, environment: Mapping[str, str]
) -> ExecPlugin | None:
    if config.body.get("awsAuthConfig"):
        return _aws_plugin(config.inner("awsAuthConfig"), settings, environment)
    if not config.body.get("execProviderConfig"):
        return None
    spec = config.inner("execProviderConfig")
    command = _allowed(spec, spec.text("command"), settings)
    version = spec.text("apiVersion") or VERSIONS[0]
    if version not in VERSIONS:
        raise spec.fault("apiVersion", f"must be one of {', '.join(VERSIONS)}")
    variables = spec.inner("env")
    return ExecPlugin(
        command=command,
        args=spec.texts("args"),
        env=tuple((name, Hidden(_harmless(variables, name))) for name in sorted(variables.body)),
        api_version=version,
        install_hint=spec.text("installHint"),
        provide_cluster_info=spec.flag("provideClusterInfo"),
        config=spec.body.get("config"),
        environment=_environment_for(command, variables.body, environment),
    )


def _harmless(variables: Part, name: str) -> str:
    """Return a variable's value, if its name is one that cannot make a program run other code."""
    if not name.startswith(_VARIABLES):
        raise variables.fault(
            name, f"may not be set by a Secret; allowed are names with {', '.join(_VARIABLES)}"
        )
    return variables.text(name)


def _aws_plugin(spec: Part, settings: ClusterSettings, environment: Mapping[str, str]) -> ExecPlugin:
    """Return the plug-in for an EKS cluster: Argo CD's own program where allowed, else the AWS CLI."""
    cluster, role, profile = (spec.text(field) for field in ("clusterName", "roleARN", "profile"))
    if not cluster:
        raise spec.fault("clusterName", "is empty; write the name of the EKS cluster")
    if "argocd-k8s-auth" in settings.exec_programs:
        command = "argocd-k8s-auth"
        args = ["aws", "--cluster-name", cluster, *(["--role-arn", role] if role else [])]
        args += ["--profile", profile] if profile else []
    else:
        command = _allowed(spec, "aws", settings)
        args = ["eks", "get-token", "--cluster-name", cluster, "--output", "json"]
        args += ["--role-arn", role] if role else []
        args += ["--profile", profile] if profile else []
    seen = _named(environment, *_PLACES, *_IDENTITIES)
    return ExecPlugin(command, tuple(args), api_version=VERSIONS[1], environment=seen)


def _environment_for(command: str, asked: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables of ours that a program of a Secret's choice sees.

    Who we are in a cloud it may see only when nobody can have it prove that to an
    address of a tenant's choice: not by arguments, nor by variables.
    """
    leads_away = any(word in name for name in asked for word in _ADDRESSES)
    if Path(command).name in _ASK_ONLY_THEIR_CLOUD and not leads_away:
        return _named(environment, *_PLACES, *_IDENTITIES)
    return _named(environment, *_PLACES)


def _named(environment: Mapping[str, str], *beginnings: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.upper().startswith(beginnings)}


def _allowed(spec: Part, command: str, settings: ClusterSettings) -> str:
    if command not in settings.exec_programs:
        raise spec.fault(
            "command",
            f"names the program {command!r}, which cluster Secrets may not run; an operator can allow it in the settings (exec_programs)",
        )
    return command
