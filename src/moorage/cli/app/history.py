"""``moor app history``."""

from __future__ import annotations

import click

from moorage.cli import loop
from moorage.cli.app.door import Where, asks_cluster
from moorage.cli.output import json_text, output_option, yaml_text
from moorage.cli.terminal import table
from moorage.model.manifest import Json


@click.command()
@click.argument("name")
@output_option("table", "id", "json", "yaml")
@asks_cluster
def history(where: Where, name: str, output: str) -> None:
    """Print what was deployed when, the latest last."""

    async def run() -> Json:
        async with where.open() as apps:
            return await apps.get(where.key(name))

    entries = (loop.run(run()).get("status") or {}).get("history") or []
    if output == "json":
        click.echo(json_text(entries, indent=True))
    elif output == "yaml":
        click.echo(yaml_text([entries]), nl=False)
    elif output == "id":
        for entry in entries:
            click.echo(f"{entry.get('id')}")
    else:
        rows = [
            (
                entry.get("id"),
                entry.get("deployedAt"),
                str(entry.get("revision") or "")[:8],
                (entry.get("source") or {}).get("targetRevision"),
                _who(entry.get("initiatedBy") or {}),
            )
            for entry in entries
        ]
        click.echo(table(("ID", "DEPLOYED", "REVISION", "TARGET", "BY"), rows))


def _who(initiated: Json) -> str:
    return "automated" if initiated.get("automated") else str(initiated.get("username") or "")
