"""What the client promises about requests: where they go, what is repeated, and what a failure says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from cluster_kit import a_server, an_api, json_answer, quick, status_body

from moorage.cluster.answers import (
    Conflicted,
    Expired,
    Forbidden,
    NotFound,
    ObjectRefused,
    ServerFault,
    SignInRefused,
    error_of,
)
from moorage.cluster.credentials import Access, Hidden
from moorage.cluster.http import APPLY_PATCH, MERGE_PATCH, Api
from moorage.model.errors import ApiFailed, ClusterUnreachable, InvalidConfiguration, Terminal, Transient

TOKEN = "canary-token-4711"


class Script:
    """A server that gives one answer after another, the last for ever, and notes what it was asked."""

    def __init__(self, *answers: Callable[[], web.Response] | web.Response) -> None:
        self.answers = list(answers)
        self.asked: list[web.BaseRequest] = []

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request)
        await request.read()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer() if callable(answer) else answer


def refusal(code: int, **headers: str) -> Callable[[], web.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: json_answer(status_body(code, message=f"said {code}"), code, named)


def fine() -> web.Response:
    return json_answer({"fine": True})


REFUSED = "the API server refuses the credentials (why); renew the token, password or certificate"


@pytest.mark.parametrize(
    ("code", "kind", "branch"),
    [
        (400, ObjectRefused, Terminal),
        (401, SignInRefused, Terminal),
        (403, Forbidden, Terminal),
        (404, NotFound, Terminal),
        (405, ObjectRefused, Terminal),
        (408, ServerFault, Transient),
        (409, Conflicted, Transient),
        (410, Expired, Transient),
        (413, ObjectRefused, Terminal),
        (422, ObjectRefused, Terminal),
        (429, ServerFault, Transient),
        (500, ServerFault, Transient),
        (503, ServerFault, Transient),
        (599, ServerFault, Transient),
    ],
)
def test_each_code_has_one_meaning(code: int, kind: type, branch: type) -> None:
    """
    The table of codes: which error, and whether waiting can help. The error keeps the server's Status.
    """
    error = error_of(code, b'{"message": "why", "reason": "Because"}', "GET /api")
    assert type(error) is kind
    assert isinstance(error, branch)
    assert str(error) == ("why" if code != 401 else REFUSED)
    assert (error.status.code, error.status.reason) == (code, "Because")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "GET /api was answered with 502"),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>"),
        (b"\x1b[31mred\x00", "�[31mred�"),
        (b'{"message": "a\\u001b[2Jb"}', "a�[2Jb"),
        (b"\xff\xfe", "��"),
    ],
)
def test_an_answer_that_is_no_status_is_still_told(body: bytes, says: str) -> None:
    """
    Whatever a proxy answers in between, the message is readable and holds no control characters.
    """
    assert str(error_of(502, body, "GET /api")) == says


def test_a_refusal_told_as_a_fault_is_a_refusal() -> None:
    """
    A misspelt field in a server-side apply comes with a 500, and is a refusal all the same.
    """
    said = (
        b'{"message": "failed to create typed patch object (a/b; v1, Kind=Pod): .spec.x: field not declared"}'
    )
    assert type(error_of(500, said, "PATCH /")) is ObjectRefused


@pytest.mark.parametrize(
    ("method", "content_type", "code", "times"),
    [
        ("GET", "", 500, 3),
        ("PUT", "application/json", 502, 3),
        ("DELETE", "application/json", 504, 3),
        ("PATCH", APPLY_PATCH, 500, 3),
        ("PATCH", MERGE_PATCH, 500, 1),
        ("POST", "application/json", 500, 1),
        ("POST", "application/json", 504, 1),
        ("POST", "application/json", 429, 3),
        ("POST", "application/json", 503, 3),
        ("PATCH", MERGE_PATCH, 429, 3),
        ("GET", "", 410, 1),
        ("GET", "", 404, 1),
        ("PATCH", APPLY_PATCH, 409, 1),
        ("PATCH", APPLY_PATCH, 422, 1),
    ],
)
async def test_only_what_may_be_repeated_is(method: str, content_type: str, code: int, times: int) -> None:
    """
    A request is sent again when the server did not begin it, or when doing it twice is doing it once.
    """
    script = Script(refusal(code), refusal(code), fine)
    async with a_server(script) as url, an_api(Access(url)) as api:
        body = {"a": 1} if content_type else None
        if times == 3:
            answer = await api.request(method, "/x", body=body, content_type=content_type)
            assert answer.json() == {"fine": True}
        else:
            with pytest.raises((ObjectRefused, Conflicted, ServerFault)):
                await api.request(method, "/x", body=body, content_type=content_type)
        assert len(script.asked) == times


async def test_retry_after_is_heeded() -> None:
    """
    A server that names the seconds is not asked again before.
    """
    script = Script(refusal(429, Retry_After="1"), fine)
    async with a_server(script) as url, an_api(Access(url), quick(retry_limit_seconds=1.0)) as api:
        began = time.monotonic()
        await api.get("/x")
        assert 0.75 < time.monotonic() - began < 3.0


async def test_a_wait_that_is_asked_for_has_an_end() -> None:
    """
    A server cannot make us wait an hour: what it asks for is capped by the settings.
    """
    script = Script(refusal(503, Retry_After="3600"), fine)
    async with a_server(script) as url, an_api(Access(url), quick(retry_limit_seconds=0.1)) as api:
        async with asyncio.timeout(5):
            await api.get("/x")


async def test_a_slow_server_is_told_by_its_name_and_time() -> None:
    """
    No answer in time is a trouble of the cluster's that names server and seconds.
    """

    async def slow(request: web.BaseRequest) -> web.Response:
        await asyncio.Event().wait()
        return fine()

    async with a_server(slow) as url, an_api(Access(url), quick(timeout_seconds=0.1)) as api:
        with pytest.raises(ClusterUnreachable, match=r"127\.0\.0\.1:\d+ did not answer within 0\.1 s"):
            await api.request("POST", "/x", body={})


async def test_a_body_that_is_cut_is_no_answer() -> None:
    """
    Half a body never counts as a whole one: a GET is asked again, a POST is told to have failed.
    """
    asked = 0

    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked != 1 and request.method == "GET":
            return fine()
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"half": ')
        assert request.transport is not None
        request.transport.close()
        return response

    async with a_server(cut) as url, an_api(Access(url)) as api:
        assert await api.get("/x") == {"fine": True}
        with pytest.raises(ClusterUnreachable, match="cannot be reached"):
            await api.request("POST", "/x", body={})


async def test_a_server_that_is_not_there_is_named() -> None:
    """
    A refused connection says which server, and why in the system's words.
    """
    async with an_api(Access("http://127.0.0.1:1")) as api:
        with pytest.raises(ClusterUnreachable) as caught:
            await api.get("/version")
    assert str(caught.value) == "http://127.0.0.1:1 cannot be reached: Connection refused"


async def test_an_answer_that_is_not_json_is_a_fault() -> None:
    """
    A page of a proxy with a good code is not taken for an object.
    """
    script = Script(lambda: web.Response(text="<html>welcome</html>"))
    async with a_server(script) as url, an_api(Access(url)) as api:
        with pytest.raises(ApiFailed, match="answered 200 with something that is not JSON"):
            await api.get("/x")


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(code: int) -> None:
    """
    A credential goes to the server it was given for and nowhere else, whatever that server says.
    """
    elsewhere = Script(fine)
    async with a_server(elsewhere) as other:
        script = Script(refusal(code, Location=f"{other}/x"))
        async with a_server(script) as url, an_api(Access(url, token=Hidden(TOKEN))) as api:
            with pytest.raises(ObjectRefused, match=f"redirect \\({code}\\), which is not followed"):
                await api.get("/x")
    assert elsewhere.asked == []


@pytest.mark.parametrize("path", ["@elsewhere.example/x", "elsewhere", "", ".example.com/x", ":80/x"])
async def test_a_path_cannot_lead_to_another_host(path: str) -> None:
    """
    What a server names as a path of its own is refused when it would change the host behind the address.
    """
    async with an_api(Access("https://api.example", token=Hidden(TOKEN))) as api:
        with pytest.raises(ApiFailed, match="no path of its own"):
            await api.get(path)


@pytest.mark.parametrize("path", ["/a\r\nX: y", "/a b", "/a\x00", "/ä"])
async def test_control_characters_in_a_path_are_refused(path: str) -> None:
    """
    Nothing can be smuggled into a request line.
    """
    async with an_api(Access("https://api.example")) as api:
        with pytest.raises(InvalidConfiguration, match="not escaped"):
            await api.get(path)


async def test_query_values_arrive_as_they_were_given() -> None:
    """
    Parameters are escaped once, whatever they hold.
    """
    script = Script(fine)
    value = "a=b&c d+ü/%41#"
    async with a_server(script) as url, an_api(Access(url)) as api:
        await api.get("/x", {"labelSelector": value})
    assert script.asked[0].query["labelSelector"] == value


async def test_at_most_so_many_requests_run_at_once() -> None:
    """
    The limit of the settings holds for any number of askers.
    """
    running, most, full = 0, 0, asyncio.Event()

    async def count(request: web.BaseRequest) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            full.set()
        await full.wait()
        for _ in range(100):
            # Everybody else who could begin has the time to.
            await asyncio.sleep(0)
        running -= 1
        return fine()

    async with a_server(count) as url, an_api(Access(url), quick(requests=4)) as api:
        await asyncio.gather(*(api.get("/x") for _ in range(20)))
    assert most == 4


async def test_each_request_is_observed_with_its_code() -> None:
    """
    Who counts requests hears verb, kind and code of each, also of those without an answer.
    """
    seen: list[tuple[str, str, int]] = []
    script = Script(refusal(503), fine)
    async with a_server(script) as url:
        api = Api(Access(url), quick(), lambda *what: seen.append(what))
        await api.request("GET", "/x", kind="ConfigMap")
        await api.close()
    api = Api(Access("http://127.0.0.1:1"), quick(retries=0), lambda *what: seen.append(what))
    with pytest.raises(ClusterUnreachable):
        await api.request("GET", "/x", kind="Pod")
    await api.close()
    assert seen == [("GET", "ConfigMap", 503), ("GET", "ConfigMap", 200), ("GET", "Pod", 0)]


async def test_large_and_small_bodies_arrive_whole() -> None:
    """
    A body of megabytes arrives as it was, also when it has to be sent twice.
    """
    sizes: list[int] = []

    async def read(request: web.BaseRequest) -> web.Response:
        sizes.append(len(await request.read()))
        return refusal(503)() if len(sizes) == 1 else fine()

    async with a_server(read) as url, an_api(Access(url)) as api:
        await api.request("PUT", "/x", body=b"x" * 900_000)
    assert sizes == [900_000, 900_000]
    received: list[int] = []

    async def large(request: web.BaseRequest) -> web.Response:
        total = 0
        async for piece in request.content.iter_any():
            total += len(piece)
        received.append(total)
        return refusal(503)() if len(received) == 1 else fine()

    async with a_server(large) as url, an_api(Access(url)) as api:
        await api.request("PUT", "/x", body=b"x" * 3_000_000)
    assert received == [3_000_000, 3_000_000]


@pytest.mark.parametrize(
    "server",
    [
        "https://user:canary-password@host",
        "ftp://host",
        "host:6443",
        "https://",
        "https://host/?a=b",
        "https://host/#x",
        "https://ho st",
        "https://host\n",
    ],
)
def test_a_server_address_that_is_none_is_refused(server: str) -> None:
    """
    An address with credentials, another scheme or odd characters is refused without repeating a password.
    """
    with pytest.raises(InvalidConfiguration) as caught:
        Access(server)
    assert "canary-password" not in str(caught.value)


async def test_a_stream_that_breaks_is_a_trouble_of_the_cluster() -> None:
    """
    A connection that is dropped within a stream is told as such, after the pieces that came.
    """

    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        assert request.transport is not None
        request.transport.close()
        return response

    pieces: list[bytes] = []
    async with a_server(broken) as url, an_api(Access(url)) as api:
        with pytest.raises(ClusterUnreachable):
            async with api.stream("/x", {}, idle_seconds=5) as stream:
                pieces.extend([piece async for piece in stream])
    assert pieces in ([], [b"first"])


async def test_a_stream_that_falls_silent_ends() -> None:
    """
    A stream without a byte for the idle time is given up.
    """

    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with a_server(silent) as url, an_api(Access(url)) as api:
        with pytest.raises(ClusterUnreachable, match="fell silent"):
            async with api.stream("/x", {}, idle_seconds=0.1) as stream:
                assert [piece async for piece in stream] == []


async def test_a_proxy_is_asked_instead_of_the_server() -> None:
    """
    Where a proxy is configured, requests go to it and name the server; what it answers counts.
    """
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"fine": true}')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    access = Access("http://kube.example", proxy_url=Hidden(address), token=Hidden(TOKEN))
    async with server, an_api(access) as api:
        assert await api.get("/version") == {"fine": True}
    assert asked[0].startswith(b"GET http://kube.example/version HTTP/1.1\r\n")
    assert f"Authorization: Bearer {TOKEN}".encode() in asked[0]


async def test_what_every_request_says_of_itself() -> None:
    """
    Each request names the server it is for, who sends it, and whether the answer may be packed.
    """
    for packed, expected in ((True, "gzip"), (False, "identity")):
        script = Script(fine)
        async with a_server(script) as url, an_api(Access(f"{url}/k8s/clusters/c-1", packed=packed)) as api:
            await api.request("POST", "/api/v1/x", body={}, headers={"If-Match": '"7"'})
        (asked,) = script.asked
        assert asked.path == "/k8s/clusters/c-1/api/v1/x"
        assert asked.headers["Host"] == url.removeprefix("http://")
        assert asked.headers["User-Agent"] == "moorage"
        assert asked.headers["Accept-Encoding"] == expected
        assert asked.headers["If-Match"] == '"7"'


async def test_credentials_that_would_split_a_request_are_refused(tmp_path: Path) -> None:
    """
    A token file that holds several lines cannot smuggle a header into the requests; the message keeps it secret.
    """
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\r\nImpersonate-User: admin\r\n")
    script = Script(fine)
    async with a_server(script) as url, an_api(Access(url, token_file=str(file))) as api:
        with pytest.raises(InvalidConfiguration) as caught:
            await api.get("/x")
    assert TOKEN not in str(caught.value)
    assert script.asked == []
