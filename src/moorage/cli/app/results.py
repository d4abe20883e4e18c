"""How one result of a sync reads as a line."""

from __future__ import annotations

from moorage.cli.terminal import clean, word
from moorage.model.manifest import Json


def result_line(result: Json) -> str:
    """Return what became of one resource of a sync, as a line."""
    name = "/".join(p for p in (result.get("kind"), result.get("namespace"), result.get("name")) if p)
    said = result.get("hookPhase") if result.get("hookType") else result.get("status")
    return f"{clean(result.get('syncPhase') or ''):8}  {word(said or ''):10}  {clean(name)}  {clean(result.get('message') or '')}".rstrip()
