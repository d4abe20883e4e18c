"""How a GitHub App signs in, against GitHub's side of the wire."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sources_kit import CANARY, place, room

from moorage.model.errors import CredentialsRefused, InvalidConfiguration, SourceUnreachable
from moorage.sources.credentials import Credentials, Repository, Secret
from moorage.sources.githubapp import GitHubApps, sign_statement
from moorage.sources.settings import GitSettings

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class GitHub:
    """The two calls of GitHub's API that an app makes, with the signature checked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.status = 201
        self.body: object = {"token": CANARY, "expires_at": "2030-01-01T00:00:00Z"}
        self.url = ""

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        if not verified(request.headers["Authorization"].removeprefix("Bearer ")):
            return web.json_response({"message": "bad credentials"}, status=401)
        return web.json_response(self.body, status=self.status)

    async def _installation(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        if request.match_info["kind"] == "orgs":
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response({"id": 77})

    async def __aenter__(self) -> GitHub:
        app = web.Application()
        app.router.add_post("/app/installations/{id}/access_tokens", self._token)
        app.router.add_get("/{kind}/{owner}/installation", self._installation)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def verified(statement: str) -> bool:
    """Return whether the app's public key vouches for a statement."""
    head, claims, signature = statement.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    with contextlib.suppress(Exception):
        KEY.public_key().verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        return True
    return False


def app(github: GitHub, url: str = "https://git.example/shop/app", **changes) -> Repository:
    credentials = Credentials(
        github_app_id="12",
        github_installation_id="34",
        github_private_key=Secret(PEM),
        github_base_url=github.url,
    )
    return Repository(url, credentials=replace(credentials, **changes))


def apps(folder, now=lambda: 1_000_000.0) -> GitHubApps:
    return GitHubApps(GitSettings(folder), now)


def test_the_statement_is_short_lived():
    """
    The app's statement names the app, begins a minute ago for clocks that differ and ends in nine minutes.
    """
    statement = sign_statement(Credentials(github_app_id="12", github_private_key=Secret(PEM)), 1000.0)
    claims = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "=="))

    assert verified(statement)
    assert claims == {"iat": 940, "exp": 1540, "iss": "12"}


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (Credentials(github_private_key=Secret(PEM)), "githubAppID is missing"),
        (Credentials(github_app_id="12", github_private_key=Secret("x")), "githubAppPrivateKey is not a PEM"),
        (
            Credentials(github_app_id="1/2", github_private_key=Secret(PEM)),
            "githubAppID is missing or not an id",
        ),
    ],
)
def test_a_wrong_app_is_told(credentials, words):
    """
    An app without id or with a key that is none is InvalidConfiguration naming the field.
    """
    with pytest.raises(InvalidConfiguration, match=words):
        sign_statement(credentials, 0.0)


async def test_a_token_is_bought_once(tmp_path):
    """
    However many repositories ask, one installation's token is asked for once until shortly before its end.
    """
    now = [1_000_000.0]
    async with GitHub() as github:
        github.body = {"token": CANARY, "expires_at": "1970-01-12T14:46:40Z"}  # 1,003,600 s
        tokens = apps(tmp_path, lambda: now[0])
        assert [await tokens.token(app(github)) for _ in range(3)] == [CANARY] * 3
        assert github.asked == [("POST", "/app/installations/34/access_tokens")]

        now[0] += 3400
        await tokens.token(app(github))
        assert len(github.asked) == 2


async def test_the_installation_is_found(tmp_path):
    """
    Without an installation id the one of the repository's owner is looked for, organisation first, then user.
    """
    async with GitHub() as github:
        await apps(tmp_path).token(app(github, github_installation_id=""))

    assert [path for _, path in github.asked] == [
        "/orgs/shop/installation",
        "/users/shop/installation",
        "/app/installations/77/access_tokens",
    ]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {}, CredentialsRefused),
        (404, {}, CredentialsRefused),
        (500, {"token": CANARY, "expires_at": "2030-01-01T00:00:00Z"}, SourceUnreachable),
        (201, {"token": CANARY, "expires_at": "soon"}, SourceUnreachable),
        (201, [], SourceUnreachable),
    ],
)
async def test_what_github_answers_wrong(tmp_path, status, body, error):
    """
    A refused app says which fields to check, a broken answer is tried again; neither shows token or key.
    """
    async with GitHub() as github:
        github.status, github.body = status, body
        with pytest.raises(error) as wrong:
            await apps(tmp_path).token(app(github))

    assert CANARY not in str(wrong.value)
    assert "PRIVATE KEY" not in str(wrong.value)


async def test_git_signs_in_with_the_apps_token(tmp_path):
    """
    A repository of an app is read with the token as password of ``x-access-token``.
    """
    async with GitHub() as github, place(tmp_path, users={"x-access-token": CANARY}) as at:
        shop = app(github, at.url)
        assert at.git("rev-parse", "main") == await at.sources.resolve(shop, "main")


async def test_s62_the_apps_address_passes_the_gate(tmp_path):
    """
    S62: an Enterprise address that leads to the metadata service is refused before the statement is sent.
    """
    async with room(tmp_path) as sources:
        repository = Repository(
            "https://git.example/shop/app",
            credentials=Credentials(
                github_app_id="1",
                github_installation_id="2",
                github_private_key=Secret(PEM),
                github_base_url="http://169.254.169.254",
            ),
        )
        with pytest.raises(Exception, match="never connects to"):
            await sources._apps.token(repository)
