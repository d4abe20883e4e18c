"""``moor app wait``."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import click

from moorage.cli import loop
from moorage.cli.app.door import Where, asks_cluster, key_of
from moorage.cli.app.following import until
from moorage.cli.app.standing import Goal, Standing, split_resource
from moorage.cli.exits import Missing
from moorage.cli.output import output_option, print_objects
from moorage.cli.terminal import clean, word
from moorage.model.identity import AppKey
from moorage.model.manifest import Json


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-l", "--selector", default="", help="All applications whose labels match.")
@click.option("--sync", "synced", is_flag=True, help="Wait until it is Synced.")
@click.option("--health", is_flag=True, help="Wait until it is Healthy.")
@click.option("--operation", is_flag=True, help="Wait until no operation is under way.")
@click.option("--suspended", is_flag=True, help="Wait until it is Suspended; with --health, or.")
@click.option("--degraded", is_flag=True, help="Wait until it is Degraded; with --health, or.")
@click.option("--delete", "deleted", is_flag=True, help="Wait until it is gone.")
@click.option("--resource", "resources", multiple=True, metavar="GROUP:KIND:NAME", help="Only look at this.")
@click.option("--timeout", type=float, default=0.0, help="Seconds to wait.  [default: for ever]")
@output_option("text", "json", "yaml", "name")
@asks_cluster
def wait(
    where: Where,
    names: tuple[str, ...],
    selector: str,
    synced: bool,
    health: bool,
    operation: bool,
    suspended: bool,
    degraded: bool,
    deleted: bool,
    resources: tuple[str, ...],
    timeout: float,
    output: str,
) -> None:
    """
    Wait until applications are as wanted: Synced, Healthy and at rest, unless flags say otherwise.

    Exits with 124 when --timeout passed; the message says what was missing.
    """
    for pattern in resources:
        split_resource(pattern)
    if bool(names) == bool(selector):
        raise click.UsageError("name applications, or choose them with --selector")
    goal = Goal(synced, health, operation, suspended, degraded, deleted)
    if not goal.named:
        goal = replace(goal, sync=True, health=True, operation=True)
    done = loop.run(_wait(where, names, selector, goal, resources, timeout))
    if output in ("json", "yaml"):
        print_objects(done, output, single=len(done) == 1)
        return
    for body in done:
        standing, name = Standing.of(body), clean(str(key_of(body)))
        told = "deleted" if goal.delete else f"{word(standing.sync)}, {word(standing.health)}"
        click.echo(name if output == "name" else f"{name}: {told}")


async def _wait(
    where: Where,
    names: tuple[str, ...],
    selector: str,
    goal: Goal,
    resources: tuple[str, ...],
    timeout: float,
) -> list[Json]:
    async with where.open() as apps:
        if names:
            keys = [where.key(name) for name in names]
        else:
            keys = [key_of(body) for body in await apps.every(selector=selector)]

        async def one(key: AppKey) -> Json | None:
            try:
                body = await apps.get(key)
            except Missing:
                if goal.delete:
                    return None
                raise
            return await until(
                apps,
                body,
                lambda seen: goal.missing(seen, resources),
                timeout=timeout,
                gone_is_good=goal.delete,
            )

        found = await asyncio.gather(*(one(key) for key in keys))
    return [body for body in found if body is not None]
