"""
Who acts, when several Moorages look after one namespace?

A Lease of the control namespace says so. One process holds it and renews it; the
others wait, and take over when it was not renewed for a while. Clocks of machines
are not compared: a waiting process counts from when it saw the Lease change.

Who holds it stops writing some seconds before others may take over, whether it
has noticed its loss or not: `check` is asked before every write. A process that
was paused for a minute therefore wakes up and writes nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

import structlog

from moorage.cluster.answers import Conflicted, NotFound
from moorage.cluster.http import Api
from moorage.model.errors import Error, LeaseLost
from moorage.model.manifest import Json

log = structlog.get_logger()
NAME = "moorage"
HELD_SECONDS = 15.0
ON_THE_WAY_SECONDS = 5.0
"""How long before others may take over a holder writes nothing new: what is on its way by then has arrived."""


def _seconds() -> float:
    return asyncio.get_running_loop().time()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Lease:
    """
    The right to act for a namespace. `holder` is who has it, as far as is known.

    Args:
        api: A client of its own: `check` does not hold for it, and no crowd of
            requests is before a renewal.
        identity: What this process calls itself; no other has the same.
        seconds: A clock that only goes up.
        now: The date and time, for people who read the Lease.
    """

    api: Api
    namespace: str
    identity: str
    seconds: Callable[[], float] = _seconds
    now: Callable[[], datetime] = _now
    look_seconds: float = 2.0
    renew_seconds: float = 5.0
    answer_seconds: float = 5.0
    holder: str = ""
    _seen: Json = field(default_factory=dict)
    _changed_at: float = 0.0
    _renewed_at: float | None = None

    async def acquire(self) -> None:
        """Return once this process holds the Lease."""
        told = ""
        while not await self._try():
            if self.holder != told:
                told = self.holder
                log.info("Another Moorage acts for this namespace; waiting to take over", holder=told)
            await asyncio.sleep(self.look_seconds)
        log.debug("The lease is ours", identity=self.identity)

    async def keep(self) -> None:
        """Renew until cancelled. Raises LeaseLost when that failed for too long or somebody else has it."""
        renewed = True
        while True:
            await asyncio.sleep(self.renew_seconds if renewed else self.look_seconds)
            try:
                async with asyncio.timeout(max(self._left(), self.answer_seconds)):
                    renewed = await self._try()
            except TimeoutError:
                renewed = False
            if not renewed and self.holder not in ("", self.identity):
                raise LeaseLost(f"{self.holder} holds the lease of namespace {self.namespace} now")
            self.check()

    def check(self) -> None:
        """Raise LeaseLost when another process may act soon, or does. Before the Lease was held all is allowed."""
        if self._renewed_at is not None and self._left() <= 0:
            raise LeaseLost(
                f"the lease of namespace {self.namespace} was not renewed for "
                f"{self.seconds() - self._renewed_at:.0f} s; another process may act by now"
            )

    def _left(self) -> float:
        """Return for how many seconds this process may still write."""
        renewed_at = float("-inf") if self._renewed_at is None else self._renewed_at
        return renewed_at + HELD_SECONDS - ON_THE_WAY_SECONDS - self.seconds()

    async def release(self) -> None:
        """Let the Lease go, so that a waiting process need not count."""
        if self.holder != self.identity:
            return
        try:
            await self._put(claim(self._seen, "", self.now()))
        except Error as error:
            log.debug("The lease was not let go", error=str(error))

    async def _try(self) -> bool:
        try:
            return await self._claim()
        except Conflicted:
            if not self.holder:
                # Somebody was faster. Who it was tells the next look, if the Lease is still there by then.
                self.holder, self._changed_at = "another process", self.seconds()
            return False
        except NotFound:
            return False
        except Error as error:
            log.warning("The lease cannot be asked for", reason=error.reason, error=str(error))
            return False

    async def _claim(self) -> bool:
        try:
            found: Json = await self.api.get(self._path(NAME), kind="Lease", timeout=self.answer_seconds)
        except NotFound:
            if self._is_held_by_another():
                return False  # somebody deleted it, and who held it does not know that yet
            found = {}
        if found.get("spec") != self._seen.get("spec"):
            self._changed_at = self.seconds()
        self._seen = found
        self.holder = str((found.get("spec") or {}).get("holderIdentity") or "")
        if self._is_held_by_another():
            return False
        began = self.seconds()
        self._seen = await self._put(claim(found, self.identity, self.now()))
        self.holder, self._renewed_at, self._changed_at = self.identity, began, began
        return True

    def _is_held_by_another(self) -> bool:
        held = self.seconds() - self._changed_at < HELD_SECONDS
        return self.holder not in ("", self.identity) and held

    async def _put(self, body: Json) -> Json:
        new = "resourceVersion" not in body["metadata"]
        path = self._path("" if new else NAME)
        answer = await self.api.request(
            "POST" if new else "PUT", path, body=body, kind="Lease", repeat=False, timeout=self.answer_seconds
        )
        written: Json = answer.json()
        return written

    def _path(self, name: str) -> str:
        base = f"/apis/coordination.k8s.io/v1/namespaces/{quote(self.namespace)}/leases"
        return f"{base}/{name}" if name else base


def claim(found: Json, identity: str, now: datetime) -> Json:
    """Return the Lease as `identity` writes it over what was found; an empty identity lets it go."""
    spec = found.get("spec") or {}
    time = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    same = spec.get("holderIdentity") == identity
    metadata: Json = {"name": NAME}
    if found:
        metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": int(HELD_SECONDS),
            "acquireTime": spec.get("acquireTime") if same else time,
            "renewTime": time,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (0 if same or not found else 1),
        },
    }
