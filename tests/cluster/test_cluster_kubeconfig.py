"""What kubeconfigs, service accounts and cluster Secrets mean, and how their faults are told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from moorage.cluster.credentials import Access, ExecPlugin, Hidden
from moorage.cluster.kubeconfig import in_cluster, read_kubeconfig
from moorage.cluster.proxies import proxy_for
from moorage.cluster.secret import access_of_secret
from moorage.cluster.settings import ClusterSettings
from moorage.model.errors import InvalidConfiguration

CANARY = "canary-4711"
PEM = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
DATA = base64.b64encode(PEM).decode()
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "login"}


def config(
    name: str = "a",
    *,
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    current: str | None = None,
) -> dict[str, Any]:
    """Return a kubeconfig of one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name if current is None else current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **(context or {})}}],
    }


def write(path: Path, body: Any) -> Path:
    path.write_text(body if isinstance(body, str) else yaml.safe_dump(body))
    return path


# --- kubeconfig


def test_a_kubeconfig_says_it_all(tmp_path: Path) -> None:
    """
    Every field that says where the server is and who we are to it arrives.
    """
    body = config(
        cluster={
            "certificate-authority-data": DATA,
            "tls-server-name": "kube.example",
            "proxy-url": "http://proxy:3128",
            "disable-compression": True,
        },
        user={
            "token": CANARY,
            "client-certificate-data": DATA,
            "client-key-data": base64.b64encode(b"key").decode(),
            "as": "jane",
            "as-uid": "7",
            "as-groups": ["dev", "ops"],
            "as-user-extra": {"scopes": ["a", "b"]},
        },
        context={"namespace": "shop"},
    )
    assert read_kubeconfig([write(tmp_path / "config", body)]) == Access(
        "https://a:6443",
        ca=PEM,
        tls_server_name="kube.example",
        proxy_url=Hidden("http://proxy:3128"),
        packed=False,
        token=Hidden(CANARY),
        certificate=PEM,
        private_key=b"key",
        as_user="jane",
        as_uid="7",
        as_groups=("dev", "ops"),
        as_extra=(("scopes", ("a", "b")),),
        namespace="shop",
    )


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"username": "joe", "password": CANARY}, {"username": "joe", "password": Hidden(CANARY)}),
        ({"tokenFile": "secrets/token"}, {"token_file": "{folder}/secrets/token"}),
        ({"tokenFile": "/run/token"}, {"token_file": "/run/token"}),
        ({"token": "t", "tokenFile": "/run/token"}, {"token": Hidden("t")}),
        ({}, {}),
    ],
)
def test_each_way_to_sign_in_is_read(tmp_path: Path, user: dict[str, Any], expected: dict[str, Any]) -> None:
    """
    Tokens, files of tokens and passwords; relative paths are relative to the file that names them.
    """
    access = read_kubeconfig([write(tmp_path / "config", config(user=user))])
    wanted = {k: v.replace("{folder}", str(tmp_path)) if type(v) is str else v for k, v in expected.items()}
    assert access == Access("https://a:6443", **wanted)


def test_files_named_are_read_beside_the_kubeconfig(tmp_path: Path) -> None:
    """
    Certificates may be files, relative to the kubeconfig and not to where we run.
    """
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text(name)
    body = config(
        cluster={"certificate-authority": "ca.pem"},
        user={"client-certificate": "cert.pem", "client-key": "key.pem"},
    )
    access = read_kubeconfig([write(tmp_path / "config", body)])
    assert (access.ca, access.certificate, access.private_key) == (b"ca", b"cert", b"key")
    assert access.ca_file == str(tmp_path / "ca.pem")


def test_several_files_are_one(tmp_path: Path) -> None:
    """
    The first file that defines a name or a current context wins; files that are not there do not matter.
    """
    first = write(tmp_path / "first", {**config("a", user={"token": "first"}), "current-context": ""})
    second = config("b", user={"token": "b"}, current="b")
    second["users"].append({"name": "a", "user": {"token": "second"}})
    paths = [tmp_path / "missing", first, write(tmp_path / "second", second)]
    assert read_kubeconfig(paths).token == "b"
    assert read_kubeconfig(paths, "a").token == "first"


def test_a_context_may_join_parts_of_different_files(tmp_path: Path) -> None:
    """
    A context of one file may name a cluster and a user of others, each with its own folder.
    """
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ca.pem").write_text("ca of sub")
    one = write(tmp_path / "one", {"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]})
    cluster = {"server": "https://c:6443", "certificate-authority": "ca.pem"}
    two = write(tmp_path / "sub" / "two", {"clusters": [{"name": "c", "cluster": cluster}]})
    three = write(tmp_path / "three", {"users": [{"name": "u", "user": {"token": "t"}}]})
    access = read_kubeconfig([one, two, three], "x")
    assert (access.server, access.ca, access.token) == ("https://c:6443", b"ca of sub", "t")


def test_an_exec_plug_in_is_read_in_full(tmp_path: Path) -> None:
    """
    Command, arguments, variables, hint and cluster facts of a plug-in arrive; its environment is handed in.
    """
    facts = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    spec = {
        **EXEC,
        "args": ["--for", "me"],
        "env": [{"name": "MODE", "value": CANARY}],
        "installHint": "get it from example.com",
        "provideClusterInfo": True,
        "interactiveMode": "IfAvailable",
    }
    body = config(cluster={"extensions": [facts]}, user={"exec": spec})
    access = read_kubeconfig([write(tmp_path / "config", body)], environment={"PATH": "/bin"})
    assert access.plugin == ExecPlugin(
        "login",
        ("--for", "me"),
        (("MODE", Hidden(CANARY)),),
        "client.authentication.k8s.io/v1",
        "get it from example.com",
        True,
        {"audience": "x"},
        str(tmp_path),
        {"PATH": "/bin"},
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param("a: [", r"config:\d+:\d+: .*cannot be read as a kubeconfig", id="not YAML"),
        pytest.param("just text", "holds no mapping", id="no mapping"),
        pytest.param(
            config(current=""), "current-context is empty; name a context with --context", id="none"
        ),
        pytest.param(config(current="b"), "contexts has no 'b'; there are a", id="unknown context"),
        pytest.param(
            config(context={"cluster": "z"}), "clusters has no 'z'; there are a", id="unknown cluster"
        ),
        pytest.param(config(context={"user": "z"}), "users has no 'z'; there are a", id="unknown user"),
        pytest.param(
            config(cluster={"server": ""}), r"clusters\[a\].cluster.server is empty", id="no server"
        ),
        pytest.param(
            config(cluster={"server": 7}),
            r"clusters\[a\].cluster.server must be a text",
            id="server a number",
        ),
        pytest.param(
            config(cluster={"insecure-skip-tls-verify": "yes"}),
            r"clusters\[a\].cluster.insecure-skip-tls-verify must be true or false",
            id="flag a text",
        ),
        pytest.param(
            config(cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": DATA}),
            "exclude each other; remove one",
            id="insecure with an authority",
        ),
        pytest.param(
            config(cluster={"certificate-authority": "nowhere.pem"}),
            r"certificate-authority names .*nowhere.pem, which cannot be read: No such file",
            id="authority not there",
        ),
        pytest.param(
            config(cluster={"certificate-authority-data": "%%%"}),
            "certificate-authority-data is not base64",
            id="not base64",
        ),
        pytest.param(
            config(user={"client-certificate-data": DATA}),
            r"users\[a\].user.client-key is missing",
            id="no key",
        ),
        pytest.param(
            config(user={"auth-provider": {"name": "gcp"}}),
            "auth-provider is no longer supported",
            id="provider",
        ),
        pytest.param(
            config(user={"as-groups": "dev"}), "as-groups must be a list of texts", id="groups a text"
        ),
        pytest.param(config(user={"exec": "login"}), "exec must be a mapping", id="exec a text"),
        pytest.param(
            config(user={"exec": {**EXEC, "command": ""}}), "exec.command is empty", id="no command"
        ),
        pytest.param(
            config(user={"exec": {**EXEC, "apiVersion": "v7"}}),
            "exec.apiVersion must be one of",
            id="version",
        ),
        pytest.param(
            config(user={"exec": {**EXEC, "interactiveMode": "Always"}}),
            "nobody is there to be asked",
            id="asks",
        ),
        pytest.param(config(user={"exec": {**EXEC, "env": ["A=b"]}}), "exec.env must be a list", id="env"),
        pytest.param(
            config(cluster={"proxy-url": "socks5://proxy:1080"}),
            "must begin with http:// or https://",
            id="socks",
        ),
        pytest.param(
            config(user={"token": "a\nb"}), "the token holds control characters", id="token of two lines"
        ),
    ],
)
def test_a_fault_names_file_field_and_remedy(tmp_path: Path, body: Any, says: str) -> None:
    """
    Whatever is wrong with a kubeconfig, the message says where and what to do.
    """
    with pytest.raises(InvalidConfiguration, match=says):
        read_kubeconfig([write(tmp_path / "config", body)])


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    """
    One file that is missing, and several of which none is there, are both told with the remedy.
    """
    with pytest.raises(InvalidConfiguration, match=r"cannot be read: No such file.*--kubeconfig"):
        read_kubeconfig([tmp_path / "none"])
    with pytest.raises(
        InvalidConfiguration, match=r"none of .*one, .*two exists; name one with --kubeconfig"
    ):
        read_kubeconfig([tmp_path / "one", tmp_path / "two"])


def test_a_huge_file_is_no_kubeconfig(tmp_path: Path) -> None:
    """
    A file beyond any sense is not even read.
    """
    with pytest.raises(InvalidConfiguration, match="larger than"):
        read_kubeconfig([write(tmp_path / "config", "a: " + "x" * 5_000_000)])


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    """
    A kubeconfig is data: tags that would build Python objects are refused.
    """
    with pytest.raises(InvalidConfiguration, match="tags that name program objects are not allowed"):
        read_kubeconfig([write(tmp_path / "config", "a: !!python/object/apply:os.system ['true']")])


# --- proxies


@pytest.mark.parametrize(
    ("server", "environment", "expected"),
    [
        ("https://kube.example:6443", {"HTTPS_PROXY": "http://proxy:1"}, "http://proxy:1"),
        ("https://kube.example", {"https_proxy": "proxy:1"}, "http://proxy:1"),
        ("http://kube.example", {"HTTPS_PROXY": "http://proxy:1"}, ""),
        ("http://kube.example", {"HTTP_PROXY": "http://proxy:1"}, "http://proxy:1"),
        ("https://kube.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "*"}, ""),
        ("https://kube.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "other, .example"}, ""),
        ("https://kube.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "example"}, ""),
        ("https://kube.example", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "ample"}, "http://proxy:1"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://proxy:1", "no_proxy": "10.0.0.0/8"}, ""),
        ("https://11.1.2.3", {"HTTPS_PROXY": "http://proxy:1", "no_proxy": "10.0.0.0/8"}, "http://proxy:1"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://proxy:1"}, ""),
        ("https://[::1]:6443", {"HTTPS_PROXY": "http://proxy:1"}, ""),
        ("https://localhost", {"HTTPS_PROXY": "http://proxy:1"}, ""),
        ("https://kube.example", {}, ""),
    ],
)
def test_the_usual_variables_name_the_proxy(server: str, environment: dict[str, str], expected: str) -> None:
    """
    Where a kubeconfig names no proxy, the variables do, with the exceptions they list and for no loopback.
    """
    assert proxy_for(server, environment) == expected


def test_a_proxy_of_the_kubeconfig_comes_first(tmp_path: Path) -> None:
    """
    The environment's proxy serves only where the kubeconfig names none.
    """
    environment = {"HTTPS_PROXY": "http://of-the-environment:1"}
    plain = write(tmp_path / "plain", config())
    own = write(tmp_path / "own", config(cluster={"proxy-url": "http://own:2"}))
    assert read_kubeconfig([plain], environment=environment).proxy_url == "http://of-the-environment:1"
    assert read_kubeconfig([own], environment=environment).proxy_url == "http://own:2"


# --- service account


def account(folder: Path, **files: str) -> str:
    for name, text in {"token": "t", "ca.crt": "ca", "namespace": "argocd\n", **files}.items():
        (folder / name).write_text(text)
    return str(folder)


def test_a_pod_signs_in_with_its_account(tmp_path: Path) -> None:
    """
    In a cluster everything comes from the mounted folder; token and authority stay files, as they are replaced.
    """
    access = in_cluster("10.0.0.1", "443", account(tmp_path))
    assert access == Access(
        "https://10.0.0.1:443",
        ca=b"ca",
        ca_file=str(tmp_path / "ca.crt"),
        token_file=str(tmp_path / "token"),
        namespace="argocd",
    )
    assert in_cluster("fd00::1", "", account(tmp_path)).server == "https://[fd00::1]:443"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "token").unlink(), "token file .*/token cannot be read: No such file"),
        (lambda folder: (folder / "token").write_text(""), "does not hold a token"),
        (lambda folder: (folder / "token").write_bytes(b"\xff"), "it is not plain text"),
        (lambda folder: (folder / "ca.crt").unlink(), "ca.crt cannot be read: No such file"),
    ],
)
def test_an_account_that_is_not_whole_is_told(
    tmp_path: Path, spoil: Callable[[Path], Any], says: str
) -> None:
    """
    A folder without token or authority is named, with what is missing.
    """
    folder = account(tmp_path)
    spoil(tmp_path)
    with pytest.raises(InvalidConfiguration, match=says):
        in_cluster("10.0.0.1", "443", folder)


def test_outside_a_cluster_the_way_in_is_told() -> None:
    """
    Without the pod's variables the message says what to name instead.
    """
    with pytest.raises(InvalidConfiguration, match=r"KUBERNETES_SERVICE_HOST is not set; .*--kubeconfig"):
        in_cluster("", "")


# --- cluster Secrets


def secret(server: str = "https://far:6443", **config_of: Any) -> dict[str, str]:
    return {"name": "far", "server": server, "config": orjson.dumps(config_of).decode()}


ALLOWING = ClusterSettings(exec_programs=("aws", "gke-gcloud-auth-plugin", "argocd-k8s-auth"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(secret(bearerToken="t"), {"token": Hidden("t")}, id="bearer"),
        pytest.param(
            secret(username="u", password="p"), {"username": "u", "password": Hidden("p")}, id="basic"
        ),
        pytest.param(
            secret(tlsClientConfig={"caData": DATA, "certData": DATA, "keyData": DATA, "serverName": "s"}),
            {"ca": PEM, "certificate": PEM, "private_key": PEM, "tls_server_name": "s"},
            id="TLS",
        ),
        pytest.param(secret(tlsClientConfig={"insecure": True}), {"insecure": True}, id="insecure"),
        pytest.param(secret(proxyUrl="http://p:1"), {"proxy_url": Hidden("http://p:1")}, id="proxy"),
        pytest.param(secret(disableCompression=True), {"packed": False}, id="nothing packed"),
        pytest.param(
            {**secret(), "namespaces": "b, a,,a"},
            {"namespaces": ("a", "b"), "cluster_resources": False},
            id="namespaces",
        ),
        pytest.param(
            {**secret(), "namespaces": "a", "clusterResources": "true"},
            {"namespaces": ("a",), "cluster_resources": True},
            id="namespaces and cluster kinds",
        ),
        pytest.param({"server": "https://far:6443"}, {}, id="no config at all"),
        pytest.param(secret(server="https://far:6443/"), {}, id="a slash at the end"),
    ],
)
def test_a_cluster_secret_says_it_all(data: dict[str, str], expected: dict[str, Any]) -> None:
    """
    Each field of Argo CD's cluster Secret arrives with its meaning.
    """
    assert access_of_secret(data, ClusterSettings()) == Access("https://far:6443", **expected)


@pytest.mark.parametrize(
    ("allowed", "config_of", "command", "args"),
    [
        pytest.param(
            ("aws",),
            {"awsAuthConfig": {"clusterName": "c", "roleARN": "r", "profile": "p"}},
            "aws",
            "eks get-token --cluster-name c --output json --role-arn r --profile p",
            id="EKS by the AWS CLI",
        ),
        pytest.param(
            ("aws", "argocd-k8s-auth"),
            {"awsAuthConfig": {"clusterName": "c", "roleARN": "r"}},
            "argocd-k8s-auth",
            "aws --cluster-name c --role-arn r",
            id="EKS by Argo CD's program",
        ),
        pytest.param(
            ("argocd-k8s-auth",),
            {
                "execProviderConfig": {
                    "command": "argocd-k8s-auth",
                    "args": ["gcp"],
                    "apiVersion": "client.authentication.k8s.io/v1beta1",
                }
            },
            "argocd-k8s-auth",
            "gcp",
            id="GKE by exec",
        ),
    ],
)
def test_clouds_sign_in_by_a_program_that_is_allowed(
    allowed: tuple[str, ...], config_of: dict[str, Any], command: str, args: str
) -> None:
    """
    AWS and GCP clusters get their tokens from a program, by argument list, when the operator allows it.
    """
    access = access_of_secret(secret(**config_of), ClusterSettings(exec_programs=allowed))
    assert access.plugin is not None
    assert (access.plugin.command, " ".join(access.plugin.args)) == (command, args)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param({"config": "{}"}, "the Secret: data.server is empty", id="no server"),
        pytest.param({"server": "https://x", "config": "{"}, "data.config is not JSON", id="not JSON"),
        pytest.param(
            {"server": "https://x", "config": "[]"}, "data.config must be a JSON object", id="a list"
        ),
        pytest.param(secret(bearerToken=7), "config.bearerToken must be a text", id="token a number"),
        pytest.param(
            secret(tlsClientConfig={"certData": DATA}), "keyData and certData go together", id="no key"
        ),
        pytest.param(
            secret(tlsClientConfig={"caData": DATA, "insecure": True}),
            "exclude each other",
            id="insecure and CA",
        ),
        pytest.param(secret(tlsClientConfig={"caData": "%"}), "caData is not base64", id="not base64"),
        pytest.param(
            secret(execProviderConfig={"command": "sh", "args": ["-c", "evil"]}),
            "the program 'sh', which cluster Secrets may not run; an operator can allow it",
            id="a program of the tenant's choice",
        ),
        pytest.param(
            secret(execProviderConfig={"command": "/tmp/aws"}), "may not run", id="an allowed name elsewhere"
        ),
        pytest.param(
            secret(execProviderConfig={"command": "aws", "env": {"LD_PRELOAD": "/tmp/evil.so"}}),
            "env.LD_PRELOAD may not be set by a Secret",
            id="a variable that loads code",
        ),
        pytest.param(
            secret(execProviderConfig={"command": "aws", "env": {"PATH": "/tmp"}}),
            "env.PATH may not be set",
            id="the search path",
        ),
        pytest.param(secret(awsAuthConfig={"roleARN": "r"}), "clusterName is empty", id="EKS without a name"),
        pytest.param(
            secret(server="https://u:canary-4711@x"), "holds a user name or password", id="password"
        ),
        pytest.param(secret(bearerToken="a\r\nX-Evil: b"), "control characters", id="header smuggled"),
    ],
)
def test_a_fault_in_a_cluster_secret_is_named(data: dict[str, str], says: str) -> None:
    """
    S59: a tenant's Secret can neither choose programs nor files, and what is wrong with it is told without values.
    """
    with pytest.raises(InvalidConfiguration, match=says) as caught:
        access_of_secret(data, ALLOWING, name="the Secret")
    assert CANARY not in str(caught.value)


OURS = {
    "PATH": "/usr/local/bin:/usr/bin",
    "HOME": "/home/moorage",
    "https_proxy": "http://proxy:1",
    "AWS_ROLE_ARN": "arn:ours",
    "AZURE_CLIENT_ID": "ours",
    "MOORAGE_SECRET": "canary-4711",
}
PLACES = ["HOME", "PATH", "https_proxy"]


@pytest.mark.parametrize(
    ("config_of", "seen"),
    [
        pytest.param(
            {"awsAuthConfig": {"clusterName": "c"}},
            ["AWS_ROLE_ARN", "AZURE_CLIENT_ID", *PLACES],
            id="a command of our own making",
        ),
        pytest.param(
            {"execProviderConfig": {"command": "argocd-k8s-auth", "args": ["azure"]}},
            ["AWS_ROLE_ARN", "AZURE_CLIENT_ID", *PLACES],
            id="a program that takes no address",
        ),
        pytest.param(
            {"execProviderConfig": {"command": "argocd-k8s-auth", "env": {"AZURE_AUTHORITY_HOST": "x"}}},
            PLACES,
            id="a variable that leads it elsewhere",
        ),
        pytest.param(
            {"execProviderConfig": {"command": "aws", "args": ["--endpoint-url", "https://x"]}},
            PLACES,
            id="a program that takes addresses",
        ),
    ],
)
def test_a_program_sees_who_we_are_only_where_that_stays_in_its_cloud(
    config_of: dict[str, Any], seen: list[str]
) -> None:
    """
    S19: a program finds its way and its proxy, and our identity unless the Secret could have it sent elsewhere.
    """
    access = access_of_secret(secret(**config_of), ALLOWING, environment=OURS)
    assert access.plugin is not None
    assert sorted(access.plugin.environment) == sorted(seen)


def test_programs_are_refused_unless_an_operator_lists_them() -> None:
    """
    S59: by default no cluster Secret runs anything.
    """
    for config_of in ({"awsAuthConfig": {"clusterName": "c"}}, {"execProviderConfig": {"command": "aws"}}):
        with pytest.raises(InvalidConfiguration, match="may not run"):
            access_of_secret(secret(**config_of), ClusterSettings())


# --- nothing is shown


def test_an_access_never_prints_a_secret() -> None:
    """
    Token, password, key, proxy credentials and plug-in variables are in no repr and no str.
    """
    plugin = ExecPlugin("login", ("--token", CANARY), (("T", Hidden(CANARY)),), config={"t": CANARY})
    access = Access(
        "https://a",
        token=Hidden(CANARY),
        password=Hidden(CANARY),
        private_key=CANARY.encode(),
        certificate=CANARY.encode(),
        proxy_url=Hidden(f"http://u:{CANARY}@proxy"),
        plugin=plugin,
    )
    shown = f"{access!r} {access} {plugin!r} {[access]} {access.token!r}"
    assert CANARY not in shown


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://127.0.0.1:6443", False),
        ("https://[::1]:6443", False),
        ("https://localhost:6443", False),
        ("https://10.0.0.1:6443", True),
        ("https://localhost.example", True),
    ],
)
def test_nothing_is_packed_for_a_server_on_this_machine(tmp_path: Path, server: str, expected: bool) -> None:
    """
    Packing saves traffic; where there is none it only costs both sides time.
    """
    path = write(tmp_path / "config", config(cluster={"server": server}))
    assert read_kubeconfig([path]).packed is expected
    assert access_of_secret({"server": server}, ClusterSettings()).packed is expected
