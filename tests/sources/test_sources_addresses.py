"""Which URLs are opened, which mean the same repository, and which IP addresses are never connected to."""

from __future__ import annotations

import asyncio
import socket

import pytest
from sources_kit import place, room

from moorage.model.errors import Error, SourceRefused, SourceUnreachable
from moorage.sources.addresses import normal_form, parse_address, place_of, same_repository, shown
from moorage.sources.credentials import Repository
from moorage.sources.network import check_ip, look_up
from moorage.sources.outward import Outward
from moorage.sources.settings import GitSettings

SCHEMES = frozenset({"https", "http", "ssh"})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.example/shop/app.git", "https://git.example/shop/app.git"),
        ("https://Git.Example:443/shop", "https://git.example/shop"),
        ("https://git.example:8443/shop", "https://git.example:8443/shop"),
        ("ssh://git@git.example/shop", "ssh://git@git.example/shop"),
        ("git@git.example:shop/app.git", "ssh://git@git.example/shop/app.git"),
        ("ssh://git@git.example:2222/shop", "ssh://git@git.example:2222/shop"),
        ("https://robot@git.example/shop", "https://robot@git.example/shop"),
        ("https://[::1]/shop", "https://[::1]/shop"),
        (" https://git.example/shop\n", "https://git.example/shop"),
    ],
)
def test_addresses_programs_are_given(url, expected):
    """
    A URL becomes the one checked spelling that git is given.
    """
    assert expected == parse_address(url, SCHEMES).url


REFUSED = [
    "",
    "--upload-pack=x",
    "-oProxyCommand=x",
    "ext::sh -c x",
    "ext::sh%20-c%20x",
    "fd::17/foo",
    "file:///etc",
    "/etc/passwd",
    "./shop",
    "../shop",
    "a'b",
    "ssh://-oProxyCommand=x/y",
    "ssh://git@-oProxyCommand=x/y",
    "ssh://-l@git.example/y",
    "git@-x:y",
    "-x@git.example:y",
    "https://git.example/-x",
    "git://git.example/x",
    "ftp://git.example/x",
    "https://user:pass@git.example/x",
    "https://git.example/x?y=1",
    "https://git.example/x#y",
    "https://a.test%0ahost=b.test/x",
    "https://a.test/%0dx",
    "https://a.test/x%1b[2J",
    "https://a.test/x\r\ny",
    "https://a.test/x y",
    "https://a.test/\u2028x",
    "https://git.example/../x",
    "https://git.example/a/%2e%2e/x",
    "https://git.example\\@evil.test/x",
    "https://git.example:99999/x",
    "https:///x",
    "https://ho_st!/x",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_cve_2025_21613_addresses_are_refused_before_a_process_starts(tmp_path, url):
    """
    CVE-2025-21613, CVE-2017-1000117, CVE-2020-5260, CVE-2024-52006, S21, S53: options, helpers, local paths,
    passwords and hidden control characters in a URL are refused by text alone.
    """
    async with room(tmp_path) as sources:
        ran = sources.stats()["programs"]
        with pytest.raises(SourceRefused) as refused:
            sources.repository(url)

        assert sources.stats()["programs"] == ran
    assert "pass@" not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("https://git.example/shop", "https://GIT.example:443/shop.git/", True),
        ("git@git.example:shop", "ssh://git@git.example/shop.git", True),
        ("https://git.example/shop", "ssh://git@git.example/shop", False),
        ("https://git.example/shop", "https://git.example/Shop", False),
        ("https://git.example:8443/shop", "https://git.example/shop", False),
        ("https://git.example/a//b", "https://git.example/a/b", True),
        ("not a url", "not a url", True),
    ],
)
def test_spellings_of_one_repository(a, b, expected):
    """
    Two spellings mean one repository when transport, user, host, port and path agree.
    """
    assert expected == same_repository(a, b)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/Shop/App.git",
        "git@git.example:shop/app",
        "ssh://git@git.example:2222/shop/app.git/",
    ],
)
def test_webhooks_are_matched_by_place(url):
    """
    S49: what a webhook names is compared by host and path as text, whatever the transport.
    """
    assert place_of(url) == "git.example/shop/app"


@pytest.mark.parametrize(
    "text", ["https://h/(a+)+$", "https://h/.*", "https://h/" + "a" * 100_000, "::" * 10_000]
)
def test_cve_2026_44937_urls_are_never_patterns(text):
    """
    CVE-2026-44937, CVE-2023-46402, S49: text of a webhook costs time in proportion to its length and matches only itself.
    """
    assert place_of(text) != place_of("https://h/aaa")
    assert len(normal_form(text)) <= len(text) + 1


def test_what_messages_show_of_a_url():
    """
    S82: a URL in a message has no user part, no control characters and a bounded length.
    """
    assert shown("https://robot:secret@git.example/\x1b[2J") == "https://git.example/?[2J"
    assert len(shown("https://h/" + "x" * 1000)) == 201


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254",
        "169.254.0.1",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_s62_metadata_and_link_local_are_never_opened(ip):
    """
    CVE-2026-32828, S62: link-local, metadata and multicast addresses are refused in every disguise, whatever is allowed.
    """
    with pytest.raises(SourceRefused, match="an address Moorage never connects to"):
        check_ip(ip, "git.example", allow_private=True)


@pytest.mark.parametrize(
    ("ip", "private"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("192.168.1.1", True),
        ("::1", True),
        ("fd12::1", True),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::a00:1", True),
        ("140.82.112.3", False),
        ("2606:50c0:8000::153", False),
    ],
)
def test_s62_private_addresses_where_forbidden(ip, private):
    """
    S62: private addresses are refused where the operator forbids them, also inside IPv6; public ones never are.
    """
    check_ip(ip, "git.example", allow_private=True)
    if private:
        with pytest.raises(SourceRefused, match="private address"):
            check_ip(ip, "git.example", allow_private=False)
    else:
        check_ip(ip, "git.example", allow_private=False)


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "localhost"])
async def test_s62_odd_notations_are_judged_as_resolved(host):
    """
    S62: an address in octal, hexadecimal, one number or by name is judged by where it leads.
    """
    with pytest.raises(Error):
        await look_up(host, 443, allow_private=False)


@pytest.fixture
def resolver(monkeypatch):
    """Answers of a name server that change: one list of addresses a question."""
    answers: dict[str, list[list[str]]] = {}

    async def getaddrinfo(_, host, port, **__):
        found = answers.get(host)
        if found is None:
            raise socket.gaierror("unknown name")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in (found.pop(0) if len(found) > 1 else found[0])
        ]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return answers


async def test_s62_a_name_is_judged_by_all_its_addresses(resolver):
    """
    S62: a name that leads to a forbidden address among others is refused, and an unknown one is unreachable.
    """
    resolver["git.example"] = [["140.82.112.3", "169.254.169.254"]]

    with pytest.raises(SourceRefused, match="host git"):
        await look_up("git.example", 443, allow_private=True)
    with pytest.raises(SourceUnreachable, match="cannot be resolved"):
        await look_up("nowhere.example", 443, allow_private=True)


@pytest.mark.parametrize("kind", ["git", "helm"])
async def test_s62_a_repository_that_leads_to_the_metadata_service(tmp_path, resolver, kind):
    """
    S62: a repository whose name resolves to the metadata service is refused for Git and charts, before a connection.
    """
    resolver["git.example"] = [["169.254.169.254"]]
    async with room(tmp_path) as sources:
        repository = sources.repository("http://git.example/shop", kind=kind)
        asked = (
            sources.resolve(repository, "main")
            if kind == "git"
            else sources.chart(repository, "web", "1.0.0")
        )
        with pytest.raises(SourceRefused, match="never connects to"):
            await asked


async def test_s62_a_second_answer_of_the_name_server_changes_nothing(tmp_path, resolver):
    """
    S62: git connects to the address that was judged, not to what the name leads to a moment later.
    """
    async with place(tmp_path) as at:
        resolver["git.example"] = [["127.0.0.1"], ["169.254.169.254"]]
        url = f"http://git.example:{at.server.port}/shop.git"
        mirror = at.sources._mirror(at.sources.repository(url))

        assert at.git("rev-parse", "main") == (await mirror.look()).refs["HEAD"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/x",
        "file:///etc/passwd",
        "gopher://h/x",
        "http://user:pass@h.example/x",
        "http://h.example/\r\nHost: x",
        "http:///x",
    ],
)
async def test_s62_http_to_such_addresses_is_not_begun(tmp_path, url):
    """
    S53, S62: chart and registry addresses pass the same gate when they are written as numbers or hold a login.
    """
    async with Outward(GitSettings(tmp_path), Repository("https://h.example", "helm")) as outward:
        with pytest.raises(SourceRefused) as refused:
            await outward.get(url, 1000)

    assert "pass" not in str(refused.value).replace("password", "")
