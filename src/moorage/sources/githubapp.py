"""
How does a GitHub App sign in to a repository?

The app signs a short statement with its own key and gets a token for one
installation, good for an hour. The token is remembered until shortly before
it ends, in memory only.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from datetime import datetime

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from moorage.model.errors import CredentialsRefused, InvalidConfiguration, SourceUnreachable
from moorage.sources.addresses import parse_address
from moorage.sources.credentials import Credentials, Repository, Secret
from moorage.sources.outward import Outward
from moorage.sources.settings import GitSettings

_ANSWER_LIMIT = 1_000_000
_EARLY = 300.0


class GitHubApps:
    """The tokens of all installations this process uses. `now` is seconds since 1970."""

    def __init__(self, settings: GitSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._tokens: dict[Credentials, tuple[Secret[str], float]] = {}
        self._asking = asyncio.Lock()

    async def token(self, repository: Repository) -> str:
        """
        Return a token good for a repository's installation.

        Raises:
            CredentialsRefused: when GitHub does not accept the app.
        """
        credentials = repository.credentials
        async with self._asking:
            known = self._tokens.get(credentials)
            if known is not None and known[1] - _EARLY > self._now():
                return known[0].reveal()
            token, ends = await self._ask(repository)
            self._tokens[credentials] = (token, ends)
            return token.reveal()

    async def _ask(self, repository: Repository) -> tuple[Secret[str], float]:
        credentials = repository.credentials
        base = (credentials.github_base_url or "https://api.github.com").rstrip("/")
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {sign_statement(credentials, self._now())}",
        }
        async with Outward(self._settings, repository) as outward:
            installation = credentials.github_installation_id
            if not installation:
                installation = await _find_installation(outward, base, headers, repository)
            _check_number(installation, "githubAppInstallationID")
            url = f"{base}/app/installations/{installation}/access_tokens"
            status, body = await outward.request("POST", url, _ANSWER_LIMIT, headers=headers)
        if status in (401, 403, 404):
            raise CredentialsRefused(
                f"repository {repository}: GitHub refused the app (HTTP {status}); check githubAppID, "
                "githubAppInstallationID and githubAppPrivateKey in its Secret"
            )
        try:
            answer = orjson.loads(body) if status in (200, 201) else {}
            ends = datetime.fromisoformat(answer["expires_at"]).timestamp()
            return Secret(str(answer["token"])), ends
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise SourceUnreachable(
                f"repository {repository}: GitHub gave no token (HTTP {status})"
            ) from error


async def _find_installation(
    outward: Outward, base: str, headers: dict[str, str], repository: Repository
) -> str:
    owner = parse_address(repository.url, frozenset({"https", "http"})).path.strip("/").partition("/")[0]
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", owner):
        raise InvalidConfiguration(f"repository {repository}: its URL names no GitHub owner")
    for kind in ("orgs", "users"):
        status, body = await outward.request(
            "GET", f"{base}/{kind}/{owner}/installation", _ANSWER_LIMIT, headers=headers
        )
        if status == 200:
            return str(orjson.loads(body)["id"])
    raise CredentialsRefused(f"repository {repository}: the GitHub App is not installed for {owner}")


def sign_statement(credentials: Credentials, now: float) -> str:
    """Return the signed statement (a JWT, RS256) by which an app says who it is."""
    _check_number(credentials.github_app_id, "githubAppID")
    try:
        key = load_pem_private_key(credentials.github_private_key.reveal().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise InvalidConfiguration(
            "repository Secret: githubAppPrivateKey is not a PEM private key"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidConfiguration("repository Secret: githubAppPrivateKey is not an RSA key")
    claims = {"iat": int(now) - 60, "exp": int(now) + 540, "iss": credentials.github_app_id}
    unsigned = b".".join(_part(orjson.dumps(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return (unsigned + b"." + _part(key.sign(unsigned, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _check_number(text: str, field: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z._-]{1,40}", text):
        raise InvalidConfiguration(f"repository Secret: {field} is missing or not an id")
