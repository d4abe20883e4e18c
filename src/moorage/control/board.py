"""
What people asked for, as it stands now: applications and configuration, in memory.

Watches the control namespace through reflectors and hands out decoded values.
An object that cannot be decoded is kept with its fault, so that it can be told
on the object itself and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from moorage.cluster.records import at_least, counted
from moorage.control.config import Config, fold
from moorage.control.decode import decode_application
from moorage.model.application import Application
from moorage.model.errors import Error, InvalidSpec
from moorage.model.identity import AppKey
from moorage.model.manifest import Json


@dataclass(frozen=True, slots=True)
class Broken:
    """An Application that cannot be decoded, with the reason."""

    key: AppKey
    body: Json
    fault: Error


Entry = Application | Broken


@dataclass(slots=True)
class Board:
    """
    The applications and the configuration, decoded once for each version seen.

    `on_application(key, before, after)` and `on_config(before, after)` are
    called after each change; both must return at once.
    """

    namespace: str
    on_application: Callable[[AppKey, Entry | None, Entry | None], None] = lambda *_: None
    on_config: Callable[[Config, Config], None] = lambda *_: None
    applications: dict[AppKey, Entry] = field(default_factory=dict)
    config: Config = field(init=False)
    _parts: dict[str, dict[str, Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = Config(self.namespace)

    def answer_seen(self, body: Json, key: AppKey) -> None:
        """
        Take over an Application as the answer to our own write shows it.

        The watch may be quicker than the answer: after the last finalizer is taken
        away it tells the end first, and what it told is not taken back.
        """
        if key in self.applications:
            self.application_seen(body, key)

    def finalizers_seen(self, app: Application, finalizers: tuple[str, ...]) -> None:
        """
        Take over the finalizers that our own write left, where no newer version tells of them.

        What goes with its last finalizer gets none, and a pass before the watch
        tells its end would take every step of the deletion for still to be done.
        """
        known = self.applications.get(app.key)
        if not isinstance(known, Application):
            return
        if (known.uid, known.resource_version) == (app.uid, app.resource_version):
            self.applications[app.key] = replace(known, finalizers=finalizers)

    def application_seen(self, body: Json | None, key: AppKey) -> None:
        """Take over an Application as the watch shows it; None: it is gone."""
        before = self.applications.get(key)
        if body is None:
            self.applications.pop(key, None)
            if before is not None:
                self.on_application(key, before, None)
            return
        if before is not None and not _newer(body, before):
            return
        after = decode(body)
        self.applications[key] = after
        self.on_application(key, before, after)

    def part_seen(self, kind: str, name: str, body: Json | None) -> None:
        """Take over an AppProject, Secret or ConfigMap; the configuration is folded anew."""
        parts = self._parts.setdefault(kind, {})
        if body is None:
            parts.pop(name, None)
        else:
            parts[name] = body
        before, self.config = self.config, self._fold()
        if before != self.config:
            self.on_config(before, self.config)

    def _fold(self) -> Config:
        values = {kind: tuple(parts.values()) for kind, parts in self._parts.items()}
        return fold(
            self.namespace,
            values.get("AppProject", ()),
            values.get("Secret", ()),
            values.get("ConfigMap", ()),
        )


def _newer(body: Json, known: Entry) -> bool:
    version = (
        known.resource_version
        if isinstance(known, Application)
        else known.body["metadata"].get("resourceVersion")
    )
    seen = str(body["metadata"].get("resourceVersion") or "")
    if counted(seen) is not None and counted(str(version)) is not None:
        return not at_least(str(version), seen)
    return seen != version


def decode(body: Json) -> Entry:
    """Return an Application decoded, or what is wrong with it."""
    metadata = body["metadata"]
    key = AppKey(metadata.get("namespace") or "", metadata["name"])
    try:
        return decode_application(body)
    except Error as error:
        return Broken(key, body, error)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        return Broken(key, body, InvalidSpec(f"spec: cannot be understood ({type(error).__name__})"))
