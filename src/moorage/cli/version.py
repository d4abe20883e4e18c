"""``moor version``."""

from __future__ import annotations

import platform

import click

from moorage import __version__
from moorage.cli.output import json_text, output_option


@click.command()
@output_option("text", "json")
def version(output: str) -> None:
    """Print the version of Moorage, of Python, and of the tools it renders with."""
    from moorage.render.tools import versions

    found = {"moorage": __version__, "python": platform.python_version(), "renderers": versions()}
    if output == "json":
        click.echo(json_text(found))
        return
    for name, value in found.items():
        click.echo(f"{name:9}  {value}")
