"""Who we are to a server: headers, programs, files that change, TLS; and that no secret is ever shown."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from cluster_certificates import Authority, server_side
from cluster_kit import a_server, an_api, json_answer, quick, status_body

from moorage.cluster.answers import SignInRefused
from moorage.cluster.credentials import Access, ExecPlugin, Hidden
from moorage.cluster.exec_plugin import parse_credential, run_plugin, scrub
from moorage.cluster.signin import SignIn
from moorage.model.errors import ClusterUnreachable, CredentialsRefused, Error, InvalidConfiguration

CANARY = "canary-token-4711-abcdefghijkl"
V1 = "client.authentication.k8s.io/v1"


class Gate:
    """A server that lets in whom it is told to, and notes the headers of everybody."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = set(tokens)
        self.seen: list[Any] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.seen.append(request.headers)
        told = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens and told not in self.tokens:
            return json_answer(status_body(401, "Unauthorized", "Unauthorized"), 401)
        return json_answer({"fine": True})


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def __call__(self) -> float:
        return self.seconds


def program(folder: Path, code: str) -> ExecPlugin:
    """Return a plug-in that runs Python; each run adds a line to the file `runs`."""
    script = folder / "plugin.py"
    note = f"open({str(folder / 'runs')!r}, 'a').write('x\\n')"
    script.write_text(f"import json, os, sys\n{note}\n{code}\n")
    return ExecPlugin(
        sys.executable, (str(script),), folder=str(folder), environment={"PATH": "/usr/bin:/bin"}
    )


def credential(token: str = CANARY, **status: Any) -> str:
    body = {"apiVersion": V1, "kind": "ExecCredential", "status": {"token": token, **status}}
    return f"print({orjson.dumps(body).decode()!r})"


def runs(folder: Path) -> int:
    file = folder / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


# --- headers


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"token": Hidden("t")}, "Bearer t"),
        ({"username": "joe", "password": Hidden("pässword")}, "Basic am9lOnDDpHNzd29yZA=="),
        ({"token": Hidden("t"), "username": "joe"}, "Bearer t"),
        ({}, None),
    ],
)
async def test_each_way_to_sign_in_has_its_header(changes: dict[str, Any], header: str | None) -> None:
    """
    Bearer, basic, or nothing; a token comes before a password.
    """
    gate = Gate()
    async with a_server(gate) as url, an_api(Access(url, **changes)) as api:
        await api.get("/x")
    assert gate.seen[0].get("Authorization") == header


async def test_impersonation_goes_with_every_request() -> None:
    """
    User, uid, each group and each extra value are told with requests and with streams.
    """
    gate = Gate()
    who = {
        "as_user": "jane@example.com",
        "as_uid": "7",
        "as_groups": ("dev", "ops"),
        "as_extra": (("example.com/scope", ("a", "b")),),
    }
    async with a_server(gate) as url, an_api(Access(url, token=Hidden("t"), **who)) as api:
        await api.get("/x")
        async with api.stream("/y", {}, idle_seconds=5) as pieces:
            assert b"".join([piece async for piece in pieces])
    for headers in gate.seen:
        assert headers["Impersonate-User"] == "jane@example.com"
        assert headers["Impersonate-Uid"] == "7"
        assert headers.getall("Impersonate-Group") == ["dev", "ops"]
        assert headers.getall("Impersonate-Extra-example.com%2Fscope") == ["a", "b"]
        assert headers["User-Agent"] == "moorage"


@pytest.mark.parametrize(
    "changes",
    [
        {"token": Hidden("a\r\nImpersonate-User: root")},
        {"username": "a\nb"},
        {"as_user": "a\r\nb"},
        {"as_uid": "\x00"},
        {"as_groups": ("fine", "a\nb")},
        {"as_extra": (("scope", ("a\nb",)),)},
        {"as_extra": (("sc\nope", ("a",)),)},
    ],
)
def test_no_header_can_be_smuggled(changes: dict[str, Any]) -> None:
    """
    Control characters in anything that becomes a header are refused when the access is made.
    """
    with pytest.raises(InvalidConfiguration, match="holds control characters; remove them"):
        Access("https://a", **changes)


# --- files of tokens


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    """
    A token that was replaced is used after a minute at most, and at once when the old one is refused.
    """
    file = tmp_path / "token"
    file.write_text("first\n")
    clock = Clock()
    sign_in = SignIn(Access("http://a", token_file=str(file)), 1.0, clock=clock)
    await sign_in.refresh()
    assert sign_in.headers == {"Authorization": "Bearer first"}
    file.write_text("second\n")
    clock.seconds += 30
    await sign_in.refresh()
    assert sign_in.headers == {"Authorization": "Bearer first"}
    clock.seconds += 31
    await sign_in.refresh()
    assert sign_in.headers == {"Authorization": "Bearer second"}


async def test_a_refused_token_is_replaced_from_its_file_within_the_request(tmp_path: Path) -> None:
    """
    A rotated token costs no failed request: the 401 is answered with the new one.
    """
    file = tmp_path / "token"
    file.write_text("old")
    gate = Gate("old")
    async with a_server(gate) as url, an_api(Access(url, token_file=str(file))) as api:
        await api.get("/x")
        gate.tokens = {"new"}
        file.write_text("new")
        assert await api.get("/x") == {"fine": True}
        async with api.stream("/x", {}, idle_seconds=5) as pieces:
            assert b"".join([piece async for piece in pieces])
        gate.tokens = {"other"}
        with pytest.raises(SignInRefused):
            await api.get("/x")


# --- programs


async def test_a_program_is_asked_once_until_its_answer_expires(tmp_path: Path) -> None:
    """
    Any number of requests share one run; half a minute before it expires the program is asked again.
    """
    clock = Clock()
    expires = (clock.now() + timedelta(seconds=300)).isoformat().replace("+00:00", "Z")
    plugin = program(tmp_path, credential(expirationTimestamp=expires))
    sign_in = SignIn(Access("http://a", plugin=plugin), 20.0, now=clock.now, clock=clock)
    await asyncio.gather(*(sign_in.refresh() for _ in range(8)))
    assert sign_in.headers == {"Authorization": f"Bearer {CANARY}"}
    clock.seconds += 269
    await sign_in.refresh()
    assert runs(tmp_path) == 1
    clock.seconds += 2
    await sign_in.refresh()
    assert runs(tmp_path) == 2


async def test_a_refused_credential_is_asked_for_anew_once(tmp_path: Path) -> None:
    """
    A 401 makes the program run again, once for all requests that met it, and not again at each further one.
    """
    gate = Gate("never")
    plugin = program(tmp_path, credential())
    async with a_server(gate) as url, an_api(Access(url, plugin=plugin)) as api:
        answers = await asyncio.gather(*(api.get("/x") for _ in range(6)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {SignInRefused}
        with pytest.raises(SignInRefused):
            await api.get("/x")
    assert runs(tmp_path) == 2


async def test_a_program_that_fails_is_not_run_for_each_that_waits(tmp_path: Path) -> None:
    """
    A hundred watches that wait for a credential do not run a broken program a hundred times.
    """
    clock = Clock()
    plugin = program(tmp_path, "sys.exit(3)")
    sign_in = SignIn(Access("http://a", plugin=plugin), 20.0, now=clock.now, clock=clock)
    answers = await asyncio.gather(*(sign_in.refresh() for _ in range(10)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {CredentialsRefused}
    assert runs(tmp_path) == 1
    clock.seconds += 5
    with pytest.raises(CredentialsRefused):
        await sign_in.refresh()
    assert runs(tmp_path) == 2


async def test_a_program_gets_its_variables_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No shell, no variable of our process but those handed in, no standard input; it is told nobody can be asked.
    """
    monkeypatch.setenv("OUR_SECRET", CANARY)
    code = "json.dump([dict(os.environ), sys.argv[1:], sys.stdin.read()], open('seen.json', 'w'))"
    plugin = program(tmp_path, f"os.chdir({str(tmp_path)!r})\n{code}\n{credential()}")
    plugin = ExecPlugin(
        plugin.command,
        (*plugin.args, "$(touch pwned)", "; rm -rf /", "two words"),
        (("MODE", Hidden("fast")),),
        provide_cluster_info=True,
        config={"audience": "x"},
        environment=plugin.environment,
    )
    access = Access("https://kube.example", ca=b"ca", tls_server_name="name", plugin=plugin)
    assert (await run_plugin(access, plugin, 20.0)).token == CANARY
    environment, args, typed = orjson.loads((tmp_path / "seen.json").read_bytes())
    assert set(environment) - {"LC_CTYPE"} == {"PATH", "MODE", "KUBERNETES_EXEC_INFO"}
    assert args == ["$(touch pwned)", "; rm -rf /", "two words"]
    assert typed == ""
    assert not (tmp_path / "pwned").exists()
    assert orjson.loads(environment["KUBERNETES_EXEC_INFO"]) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://kube.example",
                "certificate-authority-data": "Y2E=",
                "tls-server-name": "name",
                "config": {"audience": "x"},
            },
        },
    }


async def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """
    A program that hangs is killed after its time, and the cluster counts as not reachable.
    """
    plugin = program(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ClusterUnreachable, match=r"gave no credentials for https://a within 0\.5 s"):
        await run_plugin(Access("https://a", plugin=plugin), plugin, 0.5)


@pytest.mark.parametrize("pipe", ["stdout", "stderr"])
async def test_a_program_that_never_stops_printing_is_stopped(tmp_path: Path, pipe: str) -> None:
    """
    More than a credential can be is refused, whichever way it comes, and the program ends.
    """
    plugin = program(tmp_path, f"while True: sys.{pipe}.write('x' * 65536)")
    with pytest.raises(CredentialsRefused, match="printed more than 1048576 bytes"):
        await run_plugin(Access("https://a", plugin=plugin), plugin, 20.0)


async def test_what_a_program_says_is_told_without_secrets(tmp_path: Path) -> None:
    """
    The last line of standard error is shown, with everything that looks like a credential taken out.
    """
    plugin = program(tmp_path, f"sys.stderr.write('noise\\nlogin failed: {CANARY}{CANARY}\\n'); sys.exit(4)")
    with pytest.raises(CredentialsRefused, match=r"ended with exit code 4: login failed: \*\*\*") as caught:
        await run_plugin(Access("https://a", plugin=plugin), plugin, 20.0)
    assert CANARY not in str(caught.value)


async def test_a_program_that_is_not_installed_is_named_with_its_hint() -> None:
    """
    The message says which program is missing and where to get it.
    """
    plugin = ExecPlugin("no-such-login", install_hint="Get it from example.com", environment={"PATH": "/bin"})
    with pytest.raises(
        InvalidConfiguration, match=r"no-such-login is not installed\. Get it from example\.com"
    ):
        await run_plugin(Access("https://a", plugin=plugin), plugin, 1.0)


async def test_a_program_beside_its_kubeconfig_is_found_there(tmp_path: Path) -> None:
    """
    A command with a slash is relative to the kubeconfig, as kubectl has it.
    """
    script = tmp_path / "login"
    script.write_text(f"#!{sys.executable}\n{credential()}\n")
    script.chmod(0o700)
    plugin = ExecPlugin("./login", folder=str(tmp_path), environment={"PATH": "/bin"})
    assert (await run_plugin(Access("https://a", plugin=plugin), plugin, 20.0)).token == CANARY


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (b"", "did not print an ExecCredential"),
        (b"[]", "did not print an ExecCredential"),
        (b'"text"', "did not print an ExecCredential"),
        (
            b'{"apiVersion": "client.authentication.k8s.io/v1", "status": 7}',
            "did not print an ExecCredential",
        ),
        (b'{"apiVersion": "v9", "status": {"token": "t"}}', "answered with apiVersion 'v9', asked was"),
        (b'{"apiVersion": "client.authentication.k8s.io/v1"}', "neither a token nor a certificate"),
        (
            b'{"apiVersion": "client.authentication.k8s.io/v1", "status": {"clientKeyData": "k", "token": "t"}}',
            "neither a token nor a certificate with its key",
        ),
        (
            b'{"apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "a\\nb"}}',
            "token with control characters",
        ),
        (
            b'{"apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t", "expirationTimestamp": "soon"}}',
            "did not print an ExecCredential",
        ),
    ],
)
def test_what_is_no_credential_is_refused(printed: bytes, says: str) -> None:
    """
    Whatever a program prints, it is a credential or a clear refusal.
    """
    with pytest.raises(CredentialsRefused, match=says):
        parse_credential(printed, ExecPlugin("login"))


def test_scrubbing_keeps_words_and_drops_keys() -> None:
    """
    Sentences stay, long runs of letters and digits go, and control characters too.
    """
    assert scrub("a\nExpired token eyJhbGciOiJIUzI1NiIsInR5cCI6.abc\x1b[0m\n") == "Expired token ***?[0m"
    assert scrub("") == ""


# --- TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


HOSTS = ("127.0.0.1",)


async def ask(access: Access) -> Any:
    async with an_api(access, quick(retries=0)) as api:
        return await api.get("/x")


async def test_a_server_of_a_known_authority_is_trusted(tmp_path: Path, authority: Authority) -> None:
    """
    With the right authority and name the request goes through.
    """
    tls = server_side(tmp_path, *authority.issue(*HOSTS))
    async with a_server(Gate(), tls) as url:
        assert await ask(Access(url, ca=authority.pem)) == {"fine": True}


@pytest.mark.parametrize(
    ("served", "trusted", "says"),
    [
        pytest.param(
            lambda a: a.issue(*HOSTS), lambda a: Authority("other").pem, "not trusted", id="other CA"
        ),
        pytest.param(lambda a: a.issue(*HOSTS), lambda a: b"", "not trusted", id="the world's CAs alone"),
        pytest.param(lambda a: a.issue("kube.example"), lambda a: a.pem, "not trusted", id="wrong host"),
        pytest.param(lambda a: a.issue(*HOSTS, days=-1), lambda a: a.pem, "expired", id="expired"),
    ],
)
async def test_a_server_that_cannot_prove_itself_gets_no_credential(
    tmp_path: Path,
    authority: Authority,
    served: Callable[[Authority], tuple[bytes, bytes]],
    trusted: Callable[[Authority], bytes],
    says: str,
) -> None:
    """
    Unknown authority, wrong host, expired: refused before a byte of the request is sent, and said why.
    """
    gate = Gate()
    async with a_server(gate, server_side(tmp_path, *served(authority))) as url:
        with pytest.raises(ClusterUnreachable, match=says):
            await ask(Access(url, ca=trusted(authority), token=Hidden(CANARY)))
    assert gate.seen == []


async def test_an_authority_that_was_replaced_is_followed(tmp_path: Path, authority: Authority) -> None:
    """
    A server of another authority is trusted once the authority's file holds that one, and no sooner.
    """
    file = tmp_path / "ca.crt"
    file.write_bytes(authority.pem)
    other = Authority("other")
    gate = Gate()
    async with a_server(gate, server_side(tmp_path, *other.issue(*HOSTS))) as url:
        access = Access(url, ca=authority.pem, ca_file=str(file), token=Hidden(CANARY))
        async with an_api(access, quick(retries=0)) as api:
            for unusable in (authority.pem, b"half a certifi", None):
                file.write_bytes(unusable) if unusable else file.unlink()
                with pytest.raises(ClusterUnreachable, match="not trusted"):
                    await api.get("/x")
            assert gate.seen == []

            file.write_bytes(other.pem)
            with pytest.raises(ClusterUnreachable, match="not trusted"):
                await api.get("/x")
            assert await api.get("/x") == {"fine": True}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_old_tls_is_refused(tmp_path: Path, authority: Authority) -> None:
    """
    A server that speaks no TLS newer than 1.1 gets no request.
    """
    tls = server_side(tmp_path, *authority.issue(*HOSTS))
    tls.minimum_version, tls.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    gate = Gate()
    async with a_server(gate, tls) as url:
        with pytest.raises(ClusterUnreachable):
            await ask(Access(url, ca=authority.pem, token=Hidden(CANARY)))
    assert gate.seen == []


async def test_a_server_may_go_by_another_name(tmp_path: Path, authority: Authority) -> None:
    """
    `tls-server-name` is what the certificate must be for, and what the server is asked by.
    """
    tls = server_side(tmp_path, *authority.issue("kube.example"))
    asked: list[str | None] = []
    tls.sni_callback = lambda connection, name, context: asked.append(name)
    async with a_server(Gate(), tls) as url:
        assert await ask(Access(url, ca=authority.pem, tls_server_name="kube.example")) == {"fine": True}
        with pytest.raises(ClusterUnreachable, match="not trusted"):
            await ask(Access(url, ca=authority.pem, tls_server_name="other.example"))
    assert asked[0] == "kube.example"


async def test_verification_can_be_switched_off_for_one_server(tmp_path: Path) -> None:
    """
    `insecure-skip-tls-verify` accepts any certificate, for that access only.
    """
    tls = server_side(tmp_path, *Authority("unknown").issue("elsewhere"))
    async with a_server(Gate(), tls) as url:
        assert await ask(Access(url, insecure=True)) == {"fine": True}
        with pytest.raises(ClusterUnreachable):
            await ask(Access(url))


async def test_a_client_certificate_signs_in(tmp_path: Path, authority: Authority) -> None:
    """
    A server that asks for a certificate lets in its bearer and nobody else.
    """
    certificate, key = authority.issue(name="admin")
    tls = server_side(tmp_path, *authority.issue(*HOSTS), clients=authority.pem)
    async with a_server(Gate(), tls) as url:
        assert await ask(Access(url, ca=authority.pem, certificate=certificate, private_key=key)) == {
            "fine": True
        }
        with pytest.raises(ClusterUnreachable):
            await ask(Access(url, ca=authority.pem))


async def test_a_program_may_answer_with_a_certificate(tmp_path: Path, authority: Authority) -> None:
    """
    A plug-in's certificate and key are used for the connection.
    """
    certificate, key = authority.issue(name="admin")
    status = {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}
    plugin = program(tmp_path, credential("", **status))
    tls = server_side(tmp_path, *authority.issue(*HOSTS), clients=authority.pem)
    async with a_server(Gate(), tls) as url:
        assert await ask(Access(url, ca=authority.pem, plugin=plugin)) == {"fine": True}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ca": b"nonsense"}, "the certificate authority is not a PEM certificate"),
        ({"ca": b"\xff"}, "the certificate authority is not a PEM certificate"),
        (
            {"certificate": b"a", "private_key": b"b"},
            "client certificate and its key do not fit or are not PEM",
        ),
    ],
)
async def test_certificates_that_are_none_are_told(changes: dict[str, Any], says: str) -> None:
    """
    What is no PEM is told by its role, never by its content.
    """
    with pytest.raises(InvalidConfiguration, match=says):
        await ask(Access("https://127.0.0.1:1", **changes))


async def test_a_proxy_is_asked_with_its_credentials_and_they_are_not_shown() -> None:
    """
    Requests go through the proxy that is configured; a proxy that is away is told without its password.
    """
    gate = Gate()
    async with a_server(gate) as proxy:
        address = Hidden(proxy.replace("http://", f"http://user:{CANARY}@"))
        assert await ask(Access("http://kube.example:8080", proxy_url=address)) == {"fine": True}
    assert gate.seen[0]["Host"] == "kube.example:8080"
    assert gate.seen[0]["Proxy-Authorization"].startswith("Basic ")
    with pytest.raises(ClusterUnreachable, match="the proxy does not answer") as caught:
        await ask(Access("http://kube.example:8080", proxy_url=Hidden(f"http://u:{CANARY}@127.0.0.1:1")))
    assert CANARY not in str(caught.value)


# --- nothing is shown


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 422, 429, 500])
async def test_no_failure_shows_a_credential(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """
    Whatever goes wrong, neither the error, nor its causes, nor any log holds the token or the password.
    """
    caplog.set_level(logging.DEBUG)

    async def refuse(request: web.BaseRequest) -> web.Response:
        return json_answer(status_body(code, message="no"), code)

    shown: list[str] = []
    for changes in ({"token": Hidden(CANARY)}, {"username": "u", "password": Hidden(CANARY)}):
        async with a_server(refuse) as url, an_api(Access(url, **changes), quick(retries=1)) as api:  # type: ignore[arg-type]
            try:
                await api.request("PATCH", "/x", body={})
            except Error as error:
                cause: BaseException | None = error
                while cause is not None:
                    shown += [str(cause), repr(cause), repr(vars(cause))]
                    cause = cause.__cause__ or cause.__context__
    assert shown
    assert CANARY not in " ".join(shown)
    assert CANARY not in caplog.text
