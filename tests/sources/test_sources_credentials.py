"""Who we are to a repository, and where that may be seen: at its own server and nowhere else."""

from __future__ import annotations

import base64
import contextlib
import os
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sources_kit import CANARY, place, with_password

from moorage.model.errors import CredentialsRefused, Error, InvalidConfiguration, SourceUnreachable
from moorage.programs import Program
from moorage.sources.addresses import parse_address
from moorage.sources.connections import authorization, open_connection
from moorage.sources.credentials import (
    Credentials,
    Repository,
    Secret,
    decode_repository_secret,
    find_repository,
    scrub,
    trust,
)
from moorage.sources.settings import GitSettings

SHOP = "https://git.example/shop/app"


def template(url: str, user: str, project: str = "") -> Repository:
    return Repository(url, project=project, credentials=Credentials(username=user, password=Secret("x")))


def test_a_secret_is_decoded_whole():
    """
    Every field of an Argo CD repository Secret that concerns reading is understood.
    """
    decoded = decode_repository_secret(
        {
            "url": b" https://git.example/shop ",
            "type": b"helm",
            "name": b"charts",
            "project": b"team-a",
            "username": b"robot",
            "password": b"p",
            "bearerToken": b"b",
            "sshPrivateKey": b"k",
            "tlsClientCertData": b"cert",
            "tlsClientCertKey": b"key",
            "githubAppID": b"1",
            "githubAppInstallationID": b"2",
            "githubAppPrivateKey": b"g",
            "githubAppEnterpriseBaseUrl": b"https://ghe",
            "insecure": b"true",
            "forceHttpBasicAuth": b"true",
            "enableOCI": b"true",
            "enableLfs": b"true",
            "insecureOCIForceHttp": b"true",
            "proxy": b"http://proxy",
            "noProxy": b"localhost",
        }
    )

    assert decoded == Repository(
        "https://git.example/shop",
        "helm",
        "charts",
        "team-a",
        Credentials(
            "robot",
            Secret("p"),
            Secret("b"),
            Secret("k"),
            "cert",
            Secret("key"),
            "1",
            "2",
            Secret("g"),
            "https://ghe",
            insecure=True,
            force_basic=True,
        ),
        proxy="http://proxy",
        no_proxy="localhost",
        enable_oci=True,
        insecure_http=True,
        enable_lfs=True,
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Secret shop: url is missing"),
        ({"url": "x", "type": "svn"}, "Secret shop: type is svn; it must be git, helm or oci"),
        ({"url": "x", "password": b"\xff\xfe"}, "Secret shop: password is not UTF-8"),
    ],
)
def test_a_wrong_secret_is_named(data, words):
    """
    A Secret that cannot be used says which one it is and which field, without its value.
    """
    with pytest.raises(InvalidConfiguration, match=words):
        decode_repository_secret(data, "shop")


@pytest.mark.parametrize(
    ("templates", "project", "expected"),
    [
        pytest.param([template("https://git.example", "host")], "", "host", id="the host"),
        pytest.param(
            [template("https://git.example", "host"), template("https://git.example/shop", "team")],
            "",
            "team",
            id="the longest prefix",
        ),
        pytest.param(
            [template("https://git.example/shop", "team"), template("https://git.example", "host")],
            "",
            "team",
            id="in any order",
        ),
        pytest.param([template("https://git.example/other", "x")], "", "", id="another path"),
        pytest.param([template("https://git.exam", "x")], "", "", id="a prefix that ends in the host's name"),
        pytest.param([template("http://git.example", "x")], "", "", id="another scheme"),
        pytest.param([template("https://git.example:8443", "x")], "", "", id="another port"),
        pytest.param(
            [
                template("https://git.example/shop", "shared"),
                template("https://git.example", "own", "team-a"),
            ],
            "team-a",
            "own",
            id="the project's own before a longer shared one",
        ),
        pytest.param([template("https://git.example", "x", "team-b")], "team-a", "", id="another project's"),
        pytest.param(
            [template("https://git.example", "x", "team-b")], "", "", id="a project's, for no project"
        ),
    ],
)
def test_templates_by_longest_prefix_and_project(templates, project, expected):
    """
    A repository without credentials takes those of the longest prefix its project may use.
    """
    assert expected == find_repository(SHOP, project, (), templates).credentials.username


def test_a_repository_of_another_project_is_never_used():
    """
    S20, S65: a repository Secret scoped to a project is invisible to the others, which get no shared mirror.
    """
    scoped = template(SHOP, "robot-of-a", "team-a")
    shared = template(SHOP, "shared")

    def found(project, *known):
        return find_repository(SHOP, project, known, ())

    assert found("team-a", shared, scoped).credentials.username == "robot-of-a"
    assert found("team-b", shared, scoped).credentials.username == "shared"
    assert found("team-b", scoped).credentials == Credentials()
    assert found("team-a", scoped).key != found("team-b", scoped).key


def test_own_credentials_come_before_templates():
    """
    A repository that has credentials of its own never takes a template's.
    """
    own = template(SHOP, "own")

    assert find_repository(SHOP, "", [own], [template("https://git.example", "host")]) == own


def test_one_repository_spelled_in_many_ways():
    """
    A Secret is found for its URL with or without ``.git``, slash, default port and capital letters of the host.
    """
    own = template("https://Git.Example:443/shop/app.git/", "own")

    assert find_repository(SHOP, "", [own], ()).credentials.username == "own"


def test_trust_is_by_host():
    """
    The authority and host keys of a host are added where the repository names none itself.
    """
    address = parse_address(SHOP, frozenset({"https"}))

    given = trust(Repository(SHOP), address, {"git.example": "PEM", "other": "x"}, "host keys")

    assert (given.credentials.ca, given.credentials.known_hosts) == ("PEM", "host keys")


@pytest.mark.parametrize(
    ("credentials", "token", "expected"),
    [
        (Credentials(), "", ""),
        (Credentials(username="u"), "", ""),
        (Credentials(username="u", password=Secret("p")), "", "Basic dTpw"),
        (Credentials(username="u", force_basic=True), "", "Basic dTo="),
        (Credentials(bearer_token=Secret("t")), "", "Bearer t"),
        (Credentials(password=Secret("p\n")), "", "Basic OnA="),
        (Credentials(), "app", "Basic " + base64.b64encode(b"x-access-token:app").decode()),
    ],
)
def test_the_authorization_header(credentials, token, expected):
    """
    Basic, bearer and GitHub App tokens each become the header their servers want; a trailing newline is forgiven.
    """
    assert expected == authorization(credentials, token)


@pytest.mark.parametrize("wrong", ["a\rb", "a\nHost: evil", "a\x1b[2J", "a\0b"])
def test_control_characters_in_credentials_are_refused(wrong):
    """
    S21: a password, user name or token with control characters is refused before any request, unshown.
    """
    for credentials in (
        Credentials(username=wrong, password=Secret("p")),
        Credentials(username="u", password=Secret(wrong)),
        Credentials(bearer_token=Secret(wrong)),
    ):
        with pytest.raises(InvalidConfiguration) as refused:
            authorization(credentials)
        assert wrong not in str(refused.value)


def test_secrets_do_not_print():
    """
    S14: repr, str, format and pickle of a credential give nothing away.
    """
    credentials = Credentials(password=Secret(CANARY), bearer_token=Secret(CANARY))
    shown = f"{credentials} {credentials!r} {credentials.password} {[credentials.password]} {Repository('x', credentials=credentials)!r}"

    assert CANARY not in shown
    with pytest.raises(TypeError):
        pickle.dumps(credentials)


@pytest.mark.parametrize(
    "words",
    [
        f"fatal: {CANARY}",
        f"Authorization: Basic {base64.b64encode(f'robot:{CANARY}'.encode()).decode()}",
        f"https://robot:{CANARY}@git.example/x",
        "https://someone:elses@git.example/x",
        "authorization: Bearer elses",
    ],
)
def test_what_programs_say_is_scrubbed(words):
    """
    CVE-2023-25163, S17: a program's words lose every spelling of a credential before anyone sees them.
    """
    scrubbed = scrub(f"{words} \x1b[2J end", with_password(Repository("x")).credentials)

    assert CANARY not in scrubbed
    assert "elses" not in scrubbed
    assert "\x1b" not in scrubbed
    assert base64.b64encode(f"robot:{CANARY}".encode()).decode() not in scrubbed
    assert scrubbed.endswith("end") or "…" in scrubbed


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
async def test_signing_in_over_http(tmp_path, scheme):
    """
    A server that wants a password or a bearer token gets it in the header of each request.
    """
    async with place(tmp_path, users={"robot": CANARY}, tokens=frozenset({CANARY})) as at:
        if scheme == "basic":
            shop = with_password(at.shop)
        else:
            shop = replace(at.shop, credentials=Credentials(bearer_token=Secret(CANARY)))

        assert at.git("rev-parse", "main") == await at.sources.resolve(shop, "main")
        assert {seen.authorization for seen in at.server.seen} == {authorization(shop.credentials)}


@pytest.mark.parametrize("users", [{"robot": "another"}, {"somebody": CANARY}])
async def test_wrong_credentials_are_told(tmp_path, users):
    """
    A refused password is CredentialsRefused naming repository and remedy, and never the password.
    """
    async with place(tmp_path, users=users) as at:
        with pytest.raises(CredentialsRefused, match="check the username, password or token") as refused:
            await at.sources.resolve(with_password(at.shop), "main")

    assert CANARY not in str(refused.value)
    assert at.url in str(refused.value)


async def test_missing_credentials_are_told(tmp_path):
    """
    A server that wants credentials where none are configured is CredentialsRefused, without a prompt.
    """
    async with place(tmp_path, users={"robot": CANARY}) as at:
        with pytest.raises(CredentialsRefused):
            await at.resolve("main")


async def test_changed_credentials_count_at_once(tmp_path):
    """
    A Secret that is corrected is used by the very next question, without waiting out the failure.
    """
    async with place(tmp_path, users={"robot": CANARY}) as at:
        at.sources.set_repositories([with_password(Repository(at.url), "wrong")])
        with pytest.raises(CredentialsRefused):
            await at.resolve("main")
        at.sources.set_repositories([with_password(Repository(at.url))])

        assert at.git("rev-parse", "main") == await at.resolve("main")


async def test_credentials_stay_in_the_environment_of_one_process(tmp_path, monkeypatch):
    """
    S17: a password is in no argument, URL, file of the store, log line or error, whatever the server answers.
    """
    commands: list[tuple[str, ...]] = []
    start = Program.start

    async def recorded(command, *arguments, **options):
        commands.append(tuple(command))
        return await start(command, *arguments, **options)

    monkeypatch.setattr(Program, "start", recorded)
    told: list[str] = []
    with structlog.testing.capture_logs() as logged:
        async with place(tmp_path, users={"robot": CANARY}) as at:
            shop = with_password(at.shop)
            at.sources.follow([(shop, "main")], lambda *news: told.append(repr(news)))
            revision = await at.sources.resolve(shop, "main")
            await (await at.sources.snapshot(shop, revision)).read("")
            for status in (401, 403, 404, 429, 500):
                at.server.broken = status
                with pytest.raises(Error) as wrong:
                    await at.sources.resolve(shop, "main", fresh=True)
                told += [str(wrong.value), repr(wrong.value), repr(wrong.value.__cause__)]
            paths = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
            kept = [str(path) for path in paths if CANARY.encode() in path.read_bytes()]
            environment = Path("/proc/self/environ").read_bytes()

    words = [word for command in commands for word in command] + told + [repr(logged)]
    assert any("ls-remote" in command for command in commands)
    assert any("fetch" in command for command in commands)
    assert [word for word in words if CANARY in str(word) or "robot" in str(word)] == []
    assert kept == []
    assert CANARY.encode() not in environment


@pytest.mark.parametrize("url", ["ssh://git@git.example/shop", "https://git.example/shop"])
async def test_private_files_are_gone_afterwards(tmp_path, url):
    """
    S5: keys and certificates lie in a random folder only this user can read while one command runs, and no longer.
    """
    repository = Repository(
        url,
        credentials=Credentials(
            ssh_private_key=Secret(CANARY),
            tls_cert="CERT",
            tls_key=Secret(CANARY),
            ca="CA",
            known_hosts="HOSTS",
        ),
    )
    settings = GitSettings(tmp_path)
    address = parse_address(url, settings.schemes)
    opened = open_connection(repository, address, settings, tmp_path, ssh="/usr/bin/ssh")
    with contextlib.suppress(SourceUnreachable):
        async with opened as connection:
            files = [path for path in tmp_path.rglob("*") if path.is_file()]
            modes = {oct(path.stat().st_mode & 0o777) for path in [*files, *tmp_path.iterdir()]}
            raise SourceUnreachable("the command failed")

    assert {path.name for path in files} in (
        {"known_hosts", "identity"},
        {"ca.pem", "client.pem", "client.key"},
    )
    assert modes == {"0o600", "0o700"}
    assert list(tmp_path.iterdir()) == []
    assert CANARY not in repr(connection)
    assert os.environ.get("GIT_SSH_COMMAND") is None
    assert not list(Path(tempfile.gettempdir()).glob("git-*/identity"))


async def test_s7_too_many_host_keys_are_refused(tmp_path):
    """
    S7: host keys or authorities beyond reason are refused instead of parsed for ever.
    """
    many = "h ssh-ed25519 AAAA\n" * 300_000
    repository = Repository("ssh://git@git.example/shop", credentials=Credentials(known_hosts=many))
    settings = GitSettings(tmp_path)
    address = parse_address(repository.url, settings.schemes)
    opened = open_connection(repository, address, settings, tmp_path, ssh="/usr/bin/ssh")

    with pytest.raises(InvalidConfiguration, match="more than 4 MB of host keys"):
        await opened.__aenter__()
