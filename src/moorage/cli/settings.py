"""``moor settings``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from moorage.cli.output import json_text, output_option, yaml_text
from moorage.cli.terminal import table


@click.command()
@click.option(
    "--settings", "file", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file of settings."
)
@output_option("table", "json", "yaml")
def settings(file: Path | None, output: str) -> None:
    """
    List each setting with its value and where that came from.

    A setting is set by a flag of `moor serve`, else by the variable in the last
    column, else by the file, else it has its default.
    """
    from moorage.settings import explain, read_settings

    read = read_settings(file, os.environ)
    rows = [
        {
            "setting": name,
            "value": value,
            "origin": read.origins.get(name, "default"),
            "variable": "MOORAGE_" + name.upper().replace(".", "_"),
        }
        for name, value in explain(read)
    ]
    if output == "json":
        click.echo(json_text(rows, indent=True))
    elif output == "yaml":
        click.echo(yaml_text([[{**r, "value": _plain(r["value"])} for r in rows]]), nl=False)
    else:
        shown = [(r["setting"], _shown(r["value"]), r["origin"], r["variable"]) for r in rows]
        click.echo(table(("SETTING", "VALUE", "ORIGIN", "VARIABLE"), shown))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "(none)"
    return f"{value:g}" if isinstance(value, float) else str(value) or "(empty)"
