"""
Who bears this token: the sandbox's one user, or a service account?

A service account's token is signed with a key made of the user's token, so it
is good after a restart, and for as long as the account it was made for exists.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox.store import Store

USER = "sandbox"
_ACCOUNT = "system:serviceaccount:"
_HEADER = orjson.dumps({"alg": "HS256", "typ": "JWT"})


class Tokens:
    """Makes and reads the tokens of one sandbox."""

    def __init__(self, store: Store, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._secret = secret.encode()
        self._key = hashlib.sha256(b"service accounts:" + self._secret).digest()
        self._clock = clock

    def issue(self, account: Json, seconds: int | None = None) -> tuple[str, int]:
        """Return a token of a service account and when it ends (0: never), in seconds since 1970."""
        meta = account["metadata"]
        now = int(self._clock())
        told: dict[str, Any] = {
            "iss": "moorage-sandbox",
            "iat": now,
            "sub": f"{_ACCOUNT}{meta['namespace']}:{meta['name']}",
            "uid": meta["uid"],
        }
        if seconds is not None:
            told["exp"] = now + seconds
        signed = f"{_encoded(_HEADER)}.{_encoded(orjson.dumps(told))}"
        return f"{signed}.{_encoded(self._sign(signed))}", told.get("exp", 0)

    def bearer(self, token: str) -> str:
        """Return the name of whoever bears the token, empty when nobody may."""
        if hmac.compare_digest(token.encode(), self._secret):
            return USER
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(signature.encode(), _encoded(self._sign(signed)).encode()):
            return ""
        try:
            told = orjson.loads(_decoded(signed.partition(".")[2]))
        except (ValueError, binascii.Error):
            return ""
        return str(told["sub"]) if self._good(told) else ""

    def _good(self, told: Json) -> bool:
        if "exp" in told and told["exp"] <= self._clock():
            return False
        namespace, _, name = told["sub"].removeprefix(_ACCOUNT).partition(":")
        account = self._store.collection("", "serviceaccounts").objects.get((namespace, name))
        return account is not None and account.body["metadata"]["uid"] == told["uid"]

    def _sign(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")


def user_info(name: str) -> Json:
    """Return what reviews tell of a bearer."""
    if not name.startswith(_ACCOUNT):
        return {"username": name, "groups": ["system:masters", "system:authenticated"]}
    namespace = name.split(":")[2]
    everyone = "system:serviceaccounts"
    return {"username": name, "groups": [everyone, f"{everyone}:{namespace}", "system:authenticated"]}


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
