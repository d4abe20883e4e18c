"""
Every knob of the process, as one frozen tree.

Read once at start from a TOML file, then ``MOORAGE_*`` variables, then flags;
each room gets its slice as an argument. What the tree does not know is an
error that names the setting and where it came from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from moorage.model.errors import InvalidConfiguration


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Where Moorage listens and which namespace is its own."""

    namespace: str = "argocd"
    listen: str = "127.0.0.1:8080"
    data: str = ""
    stop_seconds: float = 10.0
    application_namespaces: tuple[str, ...] = ()
    lease: bool = True


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How much is done at once, and how much one thing may take."""

    passes: int = 20
    requests_per_cluster: int = 32
    render_workers: int = 2
    render_seconds: float = 60.0
    render_megabytes: int = 1024
    store_megabytes: int = 10240
    webhook_megabytes: int = 10


@dataclass(frozen=True, slots=True)
class GitTuning:
    """How repositories are followed."""

    poll_seconds: float = 120.0
    jitter_seconds: float = 60.0
    fetch_seconds: float = 300.0
    allow_file: bool = False
    partial: bool = True


@dataclass(frozen=True, slots=True)
class ClustersSettings:
    """What cluster Secrets may do."""

    exec_programs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and how."""

    level: str = "info"
    json: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; `origins` says where each value came from."""

    serve: ServeSettings = ServeSettings()
    limits: LimitSettings = LimitSettings()
    git: GitTuning = GitTuning()
    clusters: ClustersSettings = ClustersSettings()
    log: LogSettings = LogSettings()
    origins: Mapping[str, str] = field(default_factory=dict)


def read_settings(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Settings:
    """
    Return the settings that a file, the environment and flags make.

    Args:
        file: A TOML file with a table for each room; None for none.
        environment: ``MOORAGE_SERVE_LISTEN`` sets ``serve.listen``.
        flags: Values by dotted name; None values are left out.

    Raises:
        InvalidConfiguration: A setting is unknown or has the wrong type.
    """
    settings, origins = Settings(), {}
    if file is not None:
        for name, value in _from_file(file):
            settings = _with(settings, name, value, str(file))
            origins[name] = str(file)
    for name in dict(explain(settings)):
        variable = "MOORAGE_" + name.upper().replace(".", "_")
        if variable in environment:
            settings = _with(settings, name, environment[variable], variable)
            origins[name] = variable
    for name, value in (flags or {}).items():
        if value is not None:
            settings = _with(settings, name, value, "flag")
            origins[name] = "flag"
    return replace(settings, origins=origins)


def explain(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Yield each setting by its dotted name, with its value."""
    for room in fields(settings):
        part = getattr(settings, room.name)
        if is_dataclass(part):
            for knob in fields(part):
                yield f"{room.name}.{knob.name}", getattr(part, knob.name)


def _from_file(file: Path) -> Iterator[tuple[str, Any]]:
    try:
        content = tomllib.loads(file.read_text())
    except FileNotFoundError as error:
        raise InvalidConfiguration(f"{file}: no such settings file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{file}: {error}") from error
    for room, part in content.items():
        if not isinstance(part, dict):
            raise InvalidConfiguration(f"{file}: {room} must be a table, as [serve]")
        for knob, value in part.items():
            yield f"{room}.{knob}", value


def _with(settings: Settings, name: str, value: Any, origin: str) -> Settings:
    room, _, knob = name.partition(".")
    part = getattr(settings, room, None)
    known = get_type_hints(type(part)) if is_dataclass(part) and room != "origins" else {}
    if knob not in known:
        raise InvalidConfiguration(f"{origin}: {name} is not a setting; `moor settings` lists them all")
    return replace(settings, **{room: replace(part, **{knob: _typed(value, known[knob], name, origin)})})  # type: ignore[type-var, arg-type]


def _typed(value: Any, wanted: Any, name: str, origin: str) -> Any:
    try:
        if wanted is bool:
            return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        if wanted in (int, float, str):
            return wanted(value)
        return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
    except (ValueError, KeyError, TypeError) as error:
        words = {int: "a whole number", float: "a number", bool: "true or false"}.get(wanted, "a list")
        raise InvalidConfiguration(f"{origin}: {name}: {value!r} is not {words}") from error


_BOOLEANS = {
    "true": True,
    "yes": True,
    "1": True,
    "on": True,
    "false": False,
    "no": False,
    "0": False,
    "off": False,
}
