"""``moor health``."""

from __future__ import annotations

import click

from moorage.cli import loop
from moorage.cli.exits import Exit, leave
from moorage.cli.output import json_text, output_option
from moorage.cli.places import PLACES
from moorage.cli.terminal import table
from moorage.model.manifest import Manifest


@click.command(epilog=PLACES)
@click.option(
    "-f", "--filename", "places", multiple=True, metavar="PLACE", help="What to look at; may be repeated."
)
@click.argument("more", nargs=-1, metavar="[PLACE]...")
@output_option("table", "json", "name")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something is not Healthy.")
def health(places: tuple[str, ...], more: tuple[str, ...], output: str, exit_code: bool) -> None:
    """
    Print how objects do, as Moorage and Argo CD judge them.

    With -o json one line for each object: key, status and message. The status
    is null for a kind that has no health of its own. What was never applied has
    no status yet, so give live objects: kubectl get all -o yaml | moor health -
    """
    from moorage.cli.places import read_place
    from moorage.cli.wanted import Wanted
    from moorage.engine.health import assess

    wanted = [*places, *more]
    if not wanted:
        raise click.UsageError("name a file, a folder, or - for standard input")
    found: list[Manifest] = []
    for place in wanted:
        found += loop.run(read_place(place, Wanted())).manifests
    rows = []
    for manifest in found:
        judged = assess(manifest.body)
        rows.append(
            (str(manifest.key), str(judged.status) if judged else None, judged.message if judged else "")
        )
    if output == "json":
        for key, status, message in rows:
            click.echo(json_text({"key": key, "status": status, "message": message}))
    elif output == "name":
        for key, status, _ in rows:
            if status not in (None, "Healthy"):
                click.echo(json_text(key)[1:-1])
    else:
        click.echo(table(("RESOURCE", "HEALTH", "MESSAGE"), [(k, s or "-", m) for k, s, m in rows]))
    if exit_code and any(status not in (None, "Healthy") for _, status, _ in rows):
        leave(Exit.NO)
