"""``moor app diff``."""

from __future__ import annotations

import click

from moorage.cli import loop
from moorage.cli.app.door import Where, asks_cluster
from moorage.cli.app.observed import Observed, Wish, observe
from moorage.cli.comparing import differs, sides
from moorage.cli.exits import Exit, Missing, leave
from moorage.cli.output import output_option
from moorage.cli.showing import OUTPUTS, show
from moorage.cli.terminal import clean
from moorage.model.status import ConditionType


@click.command()
@click.argument("name")
@click.option("--revision", default="", help="Compare with this revision.")
@click.option("--local", default="", metavar="FOLDER", help="Compare with a folder of this machine.")
@click.option("-U", "--lines", default=3, show_default=True, help="Lines around a change.")
@click.option(
    "--exit-code/--no-exit-code", default=True, show_default=True, help="Exit with 1 when something differs."
)
@output_option(*OUTPUTS)
@asks_cluster
def diff(
    where: Where, name: str, revision: str, local: str, lines: int, exit_code: bool, output: str
) -> None:
    """
    Print how the cluster differs from what Git declares.

    The target is rendered here and now, as Moorage would: the same renderers,
    permissions, ignore rules and predictions. Values of Secrets are masked.
    Exits with 0 when nothing differs, with 1 when something does.
    """
    if local:
        from pathlib import Path

        if not Path(local).is_dir():
            raise Missing(f"--local {local}: no such folder")

    async def run() -> Observed:
        async with where.open() as apps:
            body = await apps.get(where.key(name))
            return await observe(where, body, Wish(revision, local), apps.api)

    observed = loop.run(run())
    changed = differs(observed.comparison)
    show((sides(difference, observed.rules) for difference in changed), output, lines)
    for condition in observed.app.status.get("conditions") or ():
        if condition.get("type") == ConditionType.SHARED_RESOURCE_WARNING:
            click.echo(f"{click.style('Note:', fg='yellow')} {clean(condition.get('message'))}", err=True)
    if changed and exit_code:
        leave(Exit.NO)
