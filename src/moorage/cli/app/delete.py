"""``moor app delete``."""

from __future__ import annotations

import sys

import click

from moorage.cli import loop
from moorage.cli.app.door import Applications, Where, asks_cluster, key_of
from moorage.cli.app.following import until
from moorage.cli.exits import Exit, leave
from moorage.cli.terminal import clean
from moorage.model.errors import InvalidSpec
from moorage.model.identity import AppKey
from moorage.model.manifest import Json
from moorage.model.words import (
    CASCADE_BACKGROUND_FINALIZER,
    CASCADE_FINALIZER,
    CASCADE_FOREGROUND_FINALIZER,
)

_CASCADES = (CASCADE_FINALIZER, CASCADE_FOREGROUND_FINALIZER, CASCADE_BACKGROUND_FINALIZER)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--cascade/--no-cascade", default=True, show_default=True, help="Delete its resources too, or leave them."
)
@click.option(
    "-p",
    "--propagation-policy",
    type=click.Choice(["foreground", "background"]),
    default="foreground",
    show_default=True,
    help="Wait for what the resources own, or not.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", "waiting", is_flag=True, help="Wait until it is gone.")
@click.option("--timeout", type=float, default=0.0, help="Seconds to wait.  [default: for ever]")
@asks_cluster
def delete(
    where: Where,
    names: tuple[str, ...],
    cascade: bool,
    propagation_policy: str,
    yes: bool,
    waiting: bool,
    timeout: float,
) -> None:
    """
    Delete applications, with their resources or without.

    A cascading deletion is done by Moorage: the application stays until its
    resources are gone.
    """
    keys = [where.key(name) for name in names]
    policy = propagation_policy if cascade else ""
    if not yes:
        _ask(keys, cascade=cascade)

    async def run() -> None:
        async with where.open() as apps:
            for key in keys:
                await _delete(apps, await apps.get(key), policy, waiting=waiting, timeout=timeout)

    loop.run(run())


def _ask(keys: list[AppKey], *, cascade: bool) -> None:
    if not sys.stdin.isatty():
        raise InvalidSpec("deleting asks first, and there is no terminal to ask on; say --yes")
    what = "and all of its resources" if cascade else "and leave its resources"
    for key in keys:
        if not click.confirm(f"Delete application {clean(str(key))} {what}?", err=True):
            leave(Exit.NO)


async def _delete(apps: Applications, body: Json, policy: str, *, waiting: bool, timeout: float) -> None:
    key = key_of(body)
    finalizers = with_cascade(body["metadata"].get("finalizers") or [], policy)
    if finalizers != (body["metadata"].get("finalizers") or []):
        version = body["metadata"]["resourceVersion"]
        body = await apps.patch(
            key, {"metadata": {"resourceVersion": version, "finalizers": finalizers or None}}
        )
    await apps.delete(key)
    if waiting:
        await until(apps, body, lambda seen: ("it is still there",), timeout=timeout, gone_is_good=True)
    click.echo(f"{clean(str(key))}: {'deleted' if waiting or not policy else 'is being deleted'}")


def with_cascade(finalizers: list[str], policy: str) -> list[str]:
    """Return finalizers that ask for a cascade of this kind; none when the policy is empty."""
    others = [name for name in finalizers if name not in _CASCADES]
    if not policy:
        return others
    if policy == "background":
        return [*others, CASCADE_BACKGROUND_FINALIZER]
    kept = next((n for n in finalizers if n in (CASCADE_FINALIZER, CASCADE_FOREGROUND_FINALIZER)), "")
    return finalizers if kept and len(others) == len(finalizers) - 1 else [*others, CASCADE_FINALIZER]
