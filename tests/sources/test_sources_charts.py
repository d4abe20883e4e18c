"""Charts from Helm repositories and OCI registries, over real HTTP: which one, from where, and with whose word."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tarfile
from dataclasses import replace

import pytest
from aiohttp import web
from sources_charts import CHART, HelmServer, RegistryServer, WebServer, archive, basic, entry
from sources_kit import CANARY, Clock, room
from sources_tls import Authority

from moorage.model.errors import (
    CredentialsRefused,
    Error,
    LimitExceeded,
    PathEscapes,
    RevisionNotFound,
    SourceRefused,
    SourceUnreachable,
)
from moorage.sources.credentials import Credentials, Repository, Secret
from moorage.sources.outward import Outward

VERSIONS = {
    version: archive(CHART | {"version": version}) for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "v0.5.0")
}
ROBOT = ("robot", CANARY)


def helm(server: WebServer, **changes) -> Repository:
    return replace(Repository(server.url, "helm"), **changes)


def oci(server: WebServer, **changes) -> Repository:
    return replace(Repository(f"oci://127.0.0.1:{server.port}/shop", "helm", insecure_http=True), **changes)


def signed_in(repository: Repository, **changes) -> Repository:
    return replace(repository, credentials=Credentials(username="robot", password=Secret(CANARY)), **changes)


@pytest.fixture
async def sources(tmp_path):
    clock = Clock()
    async with room(tmp_path, clock, archive_bytes=200_000, index_bytes=200_000, ask_timeout=5.0) as made:
        made.clock = clock
        yield made


KINDS = pytest.mark.parametrize(
    ("serve", "reached"),
    [pytest.param(HelmServer, helm, id="helm"), pytest.param(RegistryServer, oci, id="oci")],
)


@KINDS
async def test_a_chart_becomes_files(sources, serve, reached):
    """
    A chart's files come out of its archive without its first folder, and its ids are by content.
    """
    async with serve() as server:
        chart = await sources.chart(reached(server), "web", "1.0.0")
        files = await chart.read("")

    assert {name: file.content.decode() for name, file in files.items()} == CHART
    assert (chart.revision, chart.tree_id) == ("1.0.0", hashlib.sha256(archive()).hexdigest())
    assert set(await chart.read("templates")) == {"templates/app.yaml"}
    assert await chart.object_id("templates") != await chart.object_id("")
    assert await chart.object_id("none") is None


@KINDS
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("1.9.0", "1.9.0"),
        ("1.*", "1.10.0"),
        ("", "1.10.0"),
        ("*", "1.10.0"),
        (">=2.0.0-0", "2.0.0-rc.1"),
        ("<1", "v0.5.0"),
        ("v0.5.0", "v0.5.0"),
    ],
)
async def test_versions_and_constraints(sources, serve, reached, wanted, expected):
    """
    A full version is that very one, a constraint the highest it allows by version, nothing the newest release.
    """
    async with serve(charts=dict(VERSIONS)) as server:
        assert (await sources.chart(reached(server), "web", wanted)).revision == expected


@KINDS
@pytest.mark.parametrize("wanted", ["9.9.9", "9.x", "latest"])
async def test_a_version_that_is_not_there(sources, serve, reached, wanted):
    """
    A version nobody published is RevisionNotFound naming chart, version and repository.
    """
    async with serve() as server:
        with pytest.raises(RevisionNotFound, match="web") as missing:
            await sources.chart(reached(server), "web", wanted)

    assert wanted in str(missing.value)
    assert "127.0.0.1" in str(missing.value)


@KINDS
async def test_a_chart_that_is_not_there(sources, serve, reached):
    """
    A chart nobody published is RevisionNotFound.
    """
    async with serve() as server:
        with pytest.raises(RevisionNotFound, match="nothing"):
            await sources.chart(reached(server), "nothing", "1.*")


@KINDS
async def test_a_chart_is_downloaded_once(sources, serve, reached):
    """
    A hundred who ask for a chart at once cost one download, and a full version is never asked for again.
    """
    async with serve() as server:
        await asyncio.gather(*(sources.chart(reached(server), "web", "1.0.0") for _ in range(100)))
        asked = len(server.asked)
        sources.clock.now += 100_000
        await sources.chart(reached(server), "web", "1.0.0")

        assert asked <= 2
        assert len(server.asked) == asked


async def test_a_constraint_is_asked_again_after_the_interval(sources):
    """
    A constraint is answered from memory within the interval; after it, or when asked afresh, from the repository.
    """
    async with HelmServer(etag='"1"') as server:
        assert (await sources.chart(helm(server), "web", "1.*")).revision == "1.0.0"
        server.charts["1.1.0"], server.etag = archive(), '"2"'
        assert (await sources.chart(helm(server), "web", "1.*")).revision == "1.0.0"
        assert (await sources.chart(helm(server), "web", "1.*", fresh=True)).revision == "1.1.0"
        server.charts["1.2.0"], server.etag = archive(), '"3"'
        sources.clock.now += 1000
        assert (await sources.chart(helm(server), "web", "1.*")).revision == "1.2.0"


async def test_an_unchanged_index_is_not_sent_again(sources):
    """
    An index that did not change since (its ETag) is answered without its content.
    """
    async with HelmServer(etag='"1"') as server:
        await sources.chart(helm(server), "web", "1.*")
        server.index = b"this would be an error"
        assert (await sources.chart(helm(server), "web", "1.*", fresh=True)).revision == "1.0.0"


async def test_many_pages_of_tags(sources):
    """
    A registry's tags are read to the last page; a plus in a version is an underscore there.
    """
    charts = {f"1.{n}.0+build": archive() for n in range(7)}
    async with RegistryServer(charts=charts, page=2) as server:
        assert (await sources.chart(oci(server), "web", "1.*")).revision == "1.6.0+build"


async def test_a_registry_sells_a_token(sources):
    """
    A registry that wants a token gets the one its own token service sells for the password.
    """
    async with RegistryServer(user=ROBOT) as server:
        chart = await sources.chart(signed_in(oci(server)), "web", "1.0.0")

        assert chart.revision == "1.0.0"
        assert server.credentials_at("/token") == {basic(*ROBOT)}
        assert "Bearer good-for-repository:shop/web:pull" in server.credentials_at("/v2/")


@KINDS
async def test_refused_credentials(sources, serve, reached):
    """
    A repository or registry that refuses is CredentialsRefused without the password.
    """
    async with serve(user=("robot", "another")) as server:
        with pytest.raises(CredentialsRefused) as refused:
            await sources.chart(signed_in(reached(server)), "web", "1.0.0")

    assert CANARY not in str(refused.value)


async def test_a_repository_that_wants_a_password(sources):
    """
    The repository's password goes along with its index and archives.
    """
    async with HelmServer(user=ROBOT) as server:
        await sources.chart(signed_in(helm(server)), "web", "1.0.0")

    assert {asked.authorization for asked in server.asked} == {basic(*ROBOT)}


@pytest.mark.parametrize("passed", [False, True])
async def test_cve_2021_32690_archives_elsewhere_get_no_password(sources, passed):
    """
    CVE-2021-32690, S18: an archive at another address is fetched without the password, unless it is to be passed on.
    """
    async with HelmServer() as other, HelmServer(user=ROBOT, elsewhere=other.url) as server:
        await sources.chart(signed_in(helm(server), pass_credentials=passed), "web", "1.0.0")

    assert {asked.authorization for asked in other.asked} == {basic(*ROBOT) if passed else ""}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_cve_2023_32681_redirects_get_no_password(sources, status):
    """
    CVE-2023-32681, CVE-2018-20060, S18: a redirect to another host or port is followed without the password.
    """
    async with HelmServer() as other, HelmServer() as server:
        server.answer = lambda request: web.Response(
            status=status, headers={"Location": f"{other.url}{request.path}"}
        )
        await sources.chart(signed_in(helm(server)), "web", "1.0.0")

    assert {asked.authorization for asked in other.asked} == {""}
    assert {asked.authorization for asked in server.asked} == {basic(*ROBOT)}


async def test_cve_2026_50151_a_token_realm_elsewhere_gets_no_password(sources):
    """
    CVE-2026-50151, CVE-2026-48978, S18: a registry that names another host as its token service gets it no password.
    """
    async with RegistryServer() as other, RegistryServer(user=ROBOT) as server:
        # By name it is another host, though it leads to the same machine.
        server.realm = f"http://localhost:{other.port}/token"
        with contextlib.suppress(Error):
            await sources.chart(signed_in(oci(server)), "web", "1.0.0")

    assert {asked.authorization for asked in other.asked} <= {""}


async def test_s18_a_token_is_not_taken_along_to_another_host(sources):
    """
    S18: blobs a registry keeps elsewhere are fetched without its token or password.
    """
    async with WebServer() as blobs, RegistryServer(user=ROBOT) as server:
        blobs.answer = lambda _: web.Response(body=archive())
        server.answer = lambda request: (
            web.Response(status=307, headers={"Location": f"{blobs.url}/blob"})
            if "/blobs/" in request.path
            else None
        )
        await sources.chart(signed_in(oci(server)), "web", "1.0.0")

    assert {asked.authorization for asked in blobs.asked} == {""}


async def test_s18_no_way_from_https_to_http(sources, tmp_path):
    """
    S18: a redirect from https to http is refused before the second request.
    """
    authority = Authority()
    async with WebServer() as plain, WebServer(tls=authority.server(tmp_path)) as server:
        server.answer = lambda _: web.Response(status=302, headers={"Location": f"{plain.url}/index.yaml"})
        repository = Repository(server.url, "helm", credentials=Credentials(ca=authority.pem))
        with pytest.raises(SourceRefused, match="from https to another scheme"):
            await sources.chart(repository, "web", "1.0.0")

    assert plain.asked == []


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest", SourceRefused),
        ("http://[::ffff:169.254.169.254]/", SourceRefused),
        ("file:///etc/passwd", SourceRefused),
        ("http://u:p@127.0.0.1/", SourceRefused),
        ("/index.yaml", SourceUnreachable),
    ],
)
async def test_s62_redirects_pass_the_gate_again(sources, location, error):
    """
    S62: each redirect is judged like a first address, and a circle of them ends.
    """
    async with WebServer() as server:
        server.answer = lambda _: web.Response(status=302, headers={"Location": location})
        with pytest.raises(error):
            await sources.chart(helm(server), "web", "1.0.0")

    assert len(server.asked) <= 6


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b"#" * 65536)
    return response


@KINDS
async def test_cve_2024_29893_an_endless_answer(sources, serve, reached):
    """
    CVE-2024-29893, S7: an index, list or archive without end stops at the limit while it flows.
    """
    async with serve() as server:
        server.answer = endless
        with pytest.raises(LimitExceeded, match="is larger than"):
            await sources.chart(reached(server), "web", "1.*")


@KINDS
async def test_an_archive_that_is_too_large(sources, serve, reached):
    """
    S7: an archive above the limit is refused with the limit named.
    """
    huge = archive(CHART | {"x": os.urandom(200_000).hex()})
    async with serve(charts={"1.0.0": huge}) as server:
        with pytest.raises(LimitExceeded, match="200000 bytes"):
            await sources.chart(reached(server), "web", "1.0.0")


async def test_a_server_that_never_answers(tmp_path):
    """
    S7: a server that says nothing is given up after the time limit.
    """
    async with room(tmp_path, ask_timeout=0.2) as sources, WebServer() as server:
        stop = asyncio.Event()

        async def silent(_):
            await stop.wait()
            return web.Response()

        server.answer = silent
        with pytest.raises(SourceUnreachable, match=r"no answer in 0\.2 s"):
            await sources.chart(helm(server), "web", "1.0.0")
        stop.set()


@pytest.mark.parametrize(
    ("packed", "error"),
    [
        pytest.param(archive(extra=entry("web/l", tarfile.SYMTYPE, "/etc/passwd")), PathEscapes, id="link"),
        pytest.param(
            archive(extra=entry("web/l", tarfile.LNKTYPE, "/etc/passwd")), PathEscapes, id="hard link"
        ),
        pytest.param(archive(extra=entry("web/d", tarfile.CHRTYPE)), PathEscapes, id="device"),
        pytest.param(archive(extra=entry("web/f", tarfile.FIFOTYPE)), PathEscapes, id="pipe"),
        pytest.param(archive(extra=entry("web/../../x", tarfile.REGTYPE)), PathEscapes, id="dots"),
        pytest.param(
            archive(extra=entry("/etc/x/../../../y", tarfile.REGTYPE)), PathEscapes, id="absolute dots"
        ),
        pytest.param(archive(extra=entry("web/a\\..\\b", tarfile.REGTYPE)), PathEscapes, id="backslash"),
        pytest.param(archive(CHART | {"zeros": "0" * 110_000_000}), LimitExceeded, id="bomb"),
        pytest.param(b"not an archive", Error, id="garbage"),
        pytest.param(archive()[:-40], Error, id="cut"),
        pytest.param(archive({"values.yaml": "x: 1"}), SourceUnreachable, id="no chart in it"),
    ],
)
async def test_cve_2021_21272_archives_that_leave_or_explode(sources, tmp_path, packed, error):
    """
    CVE-2021-21272, CVE-2023-40584, CVE-2025-62156, S3, S7: links, devices, paths outside and bombs are refused,
    and nothing is written but the archive itself.
    """
    async with HelmServer(charts={"1.0.0": packed}) as server:
        with pytest.raises(error):
            await sources.chart(helm(server), "web", "1.0.0")

    written = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} <= {".tgz", ""}


async def test_s75_an_archive_is_the_one_the_index_names(sources):
    """
    S75: an archive whose SHA-256 is not the index's is refused, and not kept.
    """
    async with HelmServer(digests={"1.0.0": "0" * 64}) as server:
        with pytest.raises(SourceUnreachable, match="not the one its index names"):
            await sources.chart(helm(server), "web", "1.0.0")

    assert list((sources.store.root / "charts").iterdir()) == []


async def test_s75_a_blob_is_the_one_its_digest_names(sources):
    """
    S75: a registry that gives another blob than the manifest names by digest is refused.
    """
    async with RegistryServer(swapped={"blob": archive({"Chart.yaml": "evil"})}) as server:
        with pytest.raises(SourceUnreachable, match="gave another content"):
            await sources.chart(oci(server), "web", "1.0.0")


async def test_an_image_is_no_chart(sources):
    """
    An artifact of a registry that is no chart says so.
    """
    async with RegistryServer(media="application/vnd.oci.image.layer.v1.tar+gzip") as server:
        with pytest.raises(SourceUnreachable, match="is not a Helm chart"):
            await sources.chart(oci(server), "web", "1.0.0")


CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


@pytest.mark.parametrize("layers", [1, "x", {"a": 1}, [1, None], [{"mediaType": CHART_LAYER, "digest": 1}]])
async def test_a_manifest_of_another_shape_is_no_chart(sources, layers):
    """
    Whatever a registry gives where layers or a digest should be, it is an error of ours.
    """
    async with RegistryServer() as server:
        server.answer = lambda request: (
            web.json_response({"layers": layers}) if "/manifests/" in request.path else None
        )
        with pytest.raises(SourceUnreachable, match="is not a Helm chart"):
            await sources.chart(oci(server), "web", "1.0.0")


async def test_a_realm_that_is_no_address_is_told(sources):
    """
    A registry whose token service has no address is an error of ours.
    """
    async with RegistryServer(user=ROBOT, realm="https://[token") as server:
        with pytest.raises(SourceUnreachable, match="names no address that sells tokens"):
            await sources.chart(signed_in(oci(server)), "web", "1.0.0")


ENTRY = "- {version: 1.0.0, urls: [charts/web-1.0.0.tgz]}"


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"entries: []",
        b"entries: !!python/object/apply:os.system [id]",
        b"\xff\xfe\x00",
        b"[" * 50_000,
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((c, c) + (c - 1,) * 9)
            for c in range(98, 107)
        ),
        f"entries:\n  web:\n  {ENTRY}\nentries:\n  web:\n  {ENTRY}\n".encode(),
        f"entries:\n  web:\n  {ENTRY}\n  web:\n  {ENTRY}\n".encode(),
        f"entries:\n  web:\n  {ENTRY}\n  {ENTRY.replace('web-', 'wab-')}\n".encode(),
    ],
)
async def test_cve_2020_15185_wrong_indexes_are_one_error(sources, index):
    """
    CVE-2020-15185, CVE-2020-1747, CVE-2019-11253, S8, S77: an index that is not one, is a bomb, makes objects, or
    names a chart or version twice is an error of that repository.
    """
    async with HelmServer(index=index or b" ") as server:
        with pytest.raises(SourceUnreachable, match=r"index\.yaml"):
            await sources.chart(helm(server), "web", "1.0.0")


@pytest.mark.parametrize(
    "entry", ["5", "null", "{}", "{version: 1.0.0}", "{version: 1.0.0, urls: []}", "{version: [], urls: [x]}"]
)
async def test_s12_a_broken_entry_harms_no_other(sources, entry):
    """
    S12: an entry of an index that makes no sense is passed over.
    """
    index = f"entries:\n  other: {entry}\n  web:\n  - {entry}\n  {ENTRY}\n".encode()
    async with HelmServer(index=index) as server:
        assert (await sources.chart(helm(server), "web", "1.*")).revision == "1.0.0"


@KINDS
@pytest.mark.parametrize("name", ["..", "../x", "a/../../b", "/web", "we\nb", "web?x=1", "web#x", "-web"])
async def test_cve_2020_15184_names_are_checked_before_a_request(sources, serve, reached, name):
    """
    CVE-2020-15184, CVE-2024-25620, S4: a chart name that could be a path or more than a name is refused unasked.
    """
    async with serve() as server:
        with pytest.raises(SourceRefused, match="chart"):
            await sources.chart(reached(server), name, "1.0.0")

    assert server.asked == []


@KINDS
@pytest.mark.parametrize("version", ["/../../x", "1.0.0/../x", "..", "1.0.0\n2", "x" * 300])
async def test_cve_2026_35206_versions_are_checked_before_a_request(sources, serve, reached, version):
    """
    CVE-2026-35206, S4: a version that could be a path or more than a version is refused unasked.
    """
    async with serve() as server:
        with pytest.raises(SourceRefused, match="version"):
            await sources.chart(reached(server), "web", version)

    assert server.asked == []


async def test_a_dependency_is_given_as_its_archive(sources):
    """
    Helm's dependencies are given as the archive itself.
    """
    async with HelmServer() as server:
        assert await sources.chart_archive(helm(server), "web", "1.0.0") == archive()


async def test_a_restart_needs_no_second_download(tmp_path):
    """
    What was downloaded before a restart is found by its digest; only its name is asked for again.
    """
    async with HelmServer() as server:
        for _ in range(2):
            async with room(tmp_path) as sources:
                await sources.chart(helm(server), "web", "1.0.0")

    assert [asked.path for asked in server.asked].count("/charts/web-1.0.0.tgz") == 1


async def test_s14_errors_name_no_query(sources):
    """
    CVE-2024-31216, S14: an error about a signed address shows neither its query nor a login.
    """
    async with WebServer() as server, Outward(sources.settings, helm(server)) as outward:
        server.answer = endless
        with pytest.raises(LimitExceeded) as wrong:
            await outward.get(f"{server.url}/blob?sig={CANARY}", 1000)

    assert CANARY not in str(wrong.value)


async def test_a_chart_without_a_name(sources):
    """
    A Helm repository wants a chart's name; the address of a registry may name the chart whole.
    """
    async with HelmServer() as server, RegistryServer() as registry:
        with pytest.raises(SourceRefused, match="not the name of a chart"):
            await sources.chart(helm(server), "", "1.0.0")
        whole = replace(oci(registry), url=f"{oci(registry).url}/web")
        assert (await sources.chart(whole, "", "1.*")).revision == "1.0.0"
