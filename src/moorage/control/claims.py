"""
Which application declares which object, and whom nobody has asked yet?

An object may move from one application to another in one commit. The one that
loses it must not delete it before the other takes it over, so pruning asks here
first: what another application declares stays, and while an application that
the commit concerns has not been read at it, nothing is pruned.

An index, kept as targets change: no answer costs work for all applications.
Losing it costs time alone; after a restart all applications are read once, and
pruning waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from moorage.model.identity import AppKey, ResourceKey
from moorage.model.manifest import Manifest
from moorage.model.states import LiveState, TargetState

MOST_UNDECIDED_SECONDS = 120.0
"""How long anything waits for others to be read; whoever takes longer than that is not working."""

_ANYWHERE = ""
"""Stands for the cluster of an application whose destination is not known yet."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What an application declares, and in which cluster."""

    server: str
    manifests: tuple[Manifest, ...]


@dataclass(slots=True)
class _Awaited:
    """An application to be read anew: because of what happened at `order`, by a pass begun after `known`."""

    order: int
    known: int
    resolved: bool = False


@dataclass(slots=True)
class Claims:
    """
    What applications declare, by cluster, and which of them are still to be read.

    `ask_again` is called with each application that waited for one that was read, or left
    something to one that declares less by now.
    Moments are counted, not measured: a later one is a larger number.
    """

    ask_again: Callable[[AppKey], None] = lambda _: None
    moment: int = 0
    _held: dict[AppKey, _Held] = field(default_factory=dict)
    _owners: dict[str, dict[ResourceKey, AppKey | frozenset[AppKey]]] = field(default_factory=dict)
    _servers: dict[AppKey, str] = field(default_factory=dict)
    _awaited: dict[str, dict[AppKey, _Awaited]] = field(default_factory=dict)
    _moves: dict[int, None] = field(default_factory=dict)
    _waiters: dict[AppKey | int, set[AppKey]] = field(default_factory=dict)
    _leavers: dict[AppKey, set[AppKey]] = field(default_factory=dict)

    # Who declares what

    def declare(self, app: AppKey, server: str, manifests: tuple[Manifest, ...]) -> None:
        """Note what an application declares from now on; it has been read by that."""
        before = self._held.get(app)
        if before is None or before.manifests is not manifests or before.server != server:
            self._replace(app, before, _Held(server, manifests))
        entry = self._entry(app)
        if entry is not None and entry.resolved:
            self.give_up(app)

    def forget(self, app: AppKey) -> None:
        """Drop an application that is gone or is being deleted: it declares nothing any more."""
        if (before := self._held.get(app)) is not None:
            self._replace(app, before, None)
        self.give_up(app)
        self._servers.pop(app, None)

    def of_others(
        self, app: AppKey, server: str, keys: Iterable[ResourceKey]
    ) -> Mapping[ResourceKey, AppKey]:
        """Return which of some resources of a cluster another application declares, with the first that does."""
        owners = self._owners.get(server, {})
        found: dict[ResourceKey, AppKey] = {}
        for key in keys:
            holders = owners.get(key)
            others = [a for a in _several(holders) if a != app]
            if others:
                found[key] = min(others)
        return found

    def let_go(self, app: AppKey, server: str, key: ResourceKey) -> bool:
        """Whether an application is known to declare a resource of a cluster no longer."""
        return app in self._held and app not in _several(self._owners.get(server, {}).get(key))

    def leave(self, app: AppKey, holders: Iterable[AppKey]) -> None:
        """Note that an application left resources to others: it is asked again when one of them gives some up."""
        for holder in holders:
            self._leavers.setdefault(holder, set()).add(app)

    def _replace(self, app: AppKey, before: _Held | None, after: _Held | None) -> None:
        old = {m.key for m in before.manifests} if before else set()
        new = {m.key for m in after.manifests} if after else set()
        moved = before is not None and after is not None and before.server != after.server
        gone = old if moved else old - new
        if before is not None:
            self._remove(app, before.server, gone)
        if gone:
            for other in sorted(self._leavers.pop(app, ())):
                self.ask_again(other)
        if after is None:
            self._held.pop(app, None)
            return
        self._held[app] = after
        owners = self._owners.setdefault(after.server, {})
        for key in new if moved else new - old:
            holders = owners.get(key)
            owners[key] = app if holders is None else frozenset({*_several(holders), app})

    def _remove(self, app: AppKey, server: str, keys: Iterable[ResourceKey]) -> None:
        owners = self._owners[server]
        for key in keys:
            left = frozenset(_several(owners.get(key))) - {app}
            if not left:
                owners.pop(key, None)
            else:
                owners[key] = left if len(left) > 1 else next(iter(left))

    # Who is still to be read

    def moving(self) -> int:
        """Note that a ref moved; whom that concerns is told to `moved`, with the number returned."""
        self.moment += 1
        self._moves[self.moment] = None
        return self.moment

    def moved(self, number: int, concerned: Iterable[AppKey]) -> None:
        """Note whom a move concerns: they are to be read anew."""
        for app in concerned:
            self.expect(app, since=number)
        self._moves.pop(number, None)
        self._wake(number)

    def expect(self, app: AppKey, *, since: int = 0) -> None:
        """Note that an application is to be read anew, because of something at a moment, or now."""
        self.moment += 1
        waiting = self._awaited.setdefault(self._servers.get(app, _ANYWHERE), {})
        entry = waiting.pop(app, None)
        order = since or self.moment
        waiting[app] = _Awaited(min(order, entry.order) if entry else order, self.moment)

    def located(self, app: AppKey, server: str) -> None:
        """Note the cluster of an application: nobody in another cluster waits for it."""
        before = self._servers.get(app, _ANYWHERE)
        if before == server:
            return
        self._servers[app] = server
        entry = self._awaited.get(before, {}).pop(app, None)
        if entry is not None:
            self._awaited.setdefault(server, {})[app] = entry
            self._wake(app)

    def resolved(self, app: AppKey, as_of: int) -> None:
        """Note that a pass begun at a moment looked at what the application's ref means."""
        entry = self._entry(app)
        if entry is not None and entry.known <= as_of:
            entry.resolved = True

    def give_up(self, app: AppKey) -> None:
        """Wait no longer for an application: it was read, or cannot be."""
        self._awaited.get(self._servers.get(app, _ANYWHERE), {}).pop(app, None)
        self._wake(app)

    def wait(self, app: AppKey, server: str, until: int) -> bool:
        """
        Whether somebody who may declare resources of a cluster is still to be read.

        Counts what happened until a moment, so that later commits of others delay
        nobody. If so, the application is woken when that may have changed.
        """
        blocker = self._blocker(app, server, until)
        if blocker is None:
            return False
        self._waiters.setdefault(blocker, set()).add(app)
        return True

    def _blocker(self, app: AppKey, server: str, until: int) -> AppKey | int | None:
        # The last one is read last: whoever is woken by it need not wait for many others in turn.
        for waiting in (self._awaited.get(_ANYWHERE, {}), self._awaited.get(server, {})):
            for other, entry in reversed(waiting.items()):
                if entry.order <= until and other != app:
                    return other
        return next((number for number in self._moves if number <= until), None)

    def _entry(self, app: AppKey) -> _Awaited | None:
        return self._awaited.get(self._servers.get(app, _ANYWHERE), {}).get(app)

    def _wake(self, blocker: AppKey | int) -> None:
        for app in sorted(self._waiters.pop(blocker, ())):
            self.ask_again(app)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the pass of one application asks about the others in its cluster."""

    claims: Claims
    app: AppKey
    server: str
    namespace: str

    def keep(self, target: TargetState, live: LiveState) -> Mapping[ResourceKey, str]:
        """Return what is tracked, not targeted and declared by another application, with that one's instance."""
        left = live.tracked.difference(m.key for m in target.manifests)
        found = self.claims.of_others(self.app, self.server, left) if left else {}
        self.claims.leave(self.app, found.values())
        return {key: other.instance(self.namespace) for key, other in found.items()}

    def undecided(self, until: int) -> bool:
        """Whether somebody is still to be read who may declare something, because of what happened until then."""
        return self.claims.wait(self.app, self.server, until)

    def let_go(self, instance: str, key: ResourceKey) -> bool:
        """Whether the application that tracks a resource declares it no longer: it is free to be taken over."""
        return self.claims.let_go(AppKey.from_instance(instance, self.namespace), self.server, key)


def _several(holders: AppKey | frozenset[AppKey] | None) -> Iterable[AppKey]:
    """Return holders one by one. Nearly always there is one, which is kept without a set around it."""
    if holders is None:
        return ()
    return (holders,) if isinstance(holders, AppKey) else holders
