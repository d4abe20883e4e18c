"""``moor app sync`` and ``moor app terminate-op``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from moorage.cli import loop
from moorage.cli.app.door import Applications, Where, asks_cluster, key_of
from moorage.cli.app.following import progress, until
from moorage.cli.app.requests import SyncFlags, is_running, operation
from moorage.cli.app.standing import FAILED, Standing
from moorage.cli.exits import Busy, Exit, leave
from moorage.cli.output import output_option, print_objects
from moorage.cli.terminal import clean, word
from moorage.model.errors import ApiConflict, InvalidSpec
from moorage.model.identity import AppKey
from moorage.model.manifest import Json

_TRIES = 8
FLAGS = (
    click.option("--revision", default="", help="Sync this revision instead of the application's target."),
    click.option("--prune", is_flag=True, help="Delete what is tracked and not declared any more."),
    click.option("--dry-run", is_flag=True, help="Ask the cluster whether it would go, and change nothing."),
    click.option("--force", is_flag=True, help="Delete and create again what cannot be changed."),
    click.option("--replace", is_flag=True, help="Replace objects instead of applying them."),
    click.option(
        "--server-side/--client-side", default=None, help="How to apply.  [default: the application's]"
    ),
    click.option("--apply-out-of-sync-only", "out_of_sync_only", is_flag=True, help="Only what differs."),
    click.option(
        "--strategy", type=click.Choice(["hook", "apply"]), default=None, help="apply: without hooks."
    ),
    click.option("--sync-option", "options", multiple=True, metavar="WORD=VALUE", help="A sync option."),
    click.option(
        "--resource", "resources", multiple=True, metavar="GROUP:KIND:NAME", help="Only this; ! excludes."
    ),
    click.option(
        "--info", "infos", multiple=True, metavar="NAME=VALUE", help="A note kept with the operation."
    ),
    click.option("--retry-limit", type=int, default=None, help="How often to try again; -1 for ever."),
    click.option("--retry-backoff-duration", "retry_duration", default="", help="The first delay, as 5s."),
    click.option(
        "--retry-backoff-factor", "retry_factor", type=int, default=None, help="Each delay times this."
    ),
    click.option("--retry-backoff-max-duration", "retry_max", default="", help="The longest delay, as 3m."),
    click.option("--retry-refresh", is_flag=True, help="Try again with the latest revision."),
)


def _flagged(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(FLAGS):
        command = option(command)
    return command


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-l", "--selector", default="", help="All applications whose labels match.")
@click.option("--async", "unwatched", is_flag=True, help="Ask for it, and do not wait.")
@click.option("--timeout", type=float, default=0.0, help="Seconds to wait.  [default: for ever]")
@_flagged
@output_option("text", "json", "yaml", "name")
@asks_cluster
def sync(
    where: Where,
    names: tuple[str, ...],
    selector: str,
    unwatched: bool,
    timeout: float,
    output: str,
    **flags: Any,
) -> None:
    """
    Make the cluster what Git declares, and tell how it goes.

    Progress is told on standard error. Exits with 1 when the sync failed, with
    124 when --timeout passed; the sync goes on then, as it does after Ctrl-C.
    """
    wanted = SyncFlags(**{**flags, "strategy": flags["strategy"] or ""})

    async def run() -> list[Json]:
        async with where.open() as apps:
            keys = await _keys(apps, where, names, selector)
            asked = [await request(apps, key, wanted) for key in keys]
            if unwatched:
                return asked
            with progress(quiet=False) as tell:
                return [await finished(apps, body, timeout, tell) for body in asked]

    done = loop.run(run())
    _print(done, output, unwatched=unwatched)
    if not unwatched and any(Standing.of(body).phase in FAILED for body in done):
        leave(Exit.NO)


async def _keys(apps: Applications, where: Where, names: tuple[str, ...], selector: str) -> list[AppKey]:
    if bool(names) == bool(selector):
        raise click.UsageError("name applications, or choose them with --selector")
    if names:
        return [where.key(name) for name in names]
    found = [key_of(body) for body in await apps.every(selector=selector)]
    if not found:
        raise InvalidSpec(f"--selector {selector!r}: matches no application")
    return found


async def request(apps: Applications, key: AppKey, flags: SyncFlags) -> Json:
    """
    Ask for a sync and return the Application with the request.

    Raises:
        Busy: An operation is under way already.
    """
    for attempt in range(_TRIES):
        body = await apps.get(key)
        if is_running(body):
            raise Busy(
                f"application {key}: another operation is under way; wait for it (moor app wait {key.name} "
                f"--operation) or stop it (moor app terminate-op {key.name})"
            )
        asked = operation(body, flags, os.environ.get("USER") or "moor")
        version = body["metadata"]["resourceVersion"]
        try:
            return await apps.patch(key, {"metadata": {"resourceVersion": version}, "operation": asked})
        except ApiConflict:
            # Its status was written between reading and asking.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def finished(apps: Applications, asked: Json, timeout: float, tell: Callable[[Json], None]) -> Json:
    """Return the Application once the operation that was asked for is over. Raises TimedOut."""

    def missing(body: Json) -> tuple[str, ...]:
        if body.get("operation"):
            return ("nobody took the operation up; does moor serve run?",)
        standing = Standing.of(body)
        return (f"operation {standing.phase}: {standing.message}",) if standing.running else ()

    return await until(apps, asked, missing, timeout=timeout, tell=tell)


def _print(bodies: list[Json], output: str, *, unwatched: bool) -> None:
    if output in ("json", "yaml"):
        print_objects(bodies, output, single=len(bodies) == 1)
        return
    for body in bodies:
        key, state = key_of(body), (body.get("status") or {}).get("operationState") or {}
        if output == "name":
            click.echo(clean(str(key)))
        elif unwatched:
            click.echo(f"{clean(str(key))}: sync requested")
        else:
            revision = str((state.get("syncResult") or {}).get("revision") or "")[:8]
            told = f"{word(state.get('phase') or 'Unknown')} at {clean(revision)}"
            click.echo(f"{clean(str(key))}: {told}: {clean(state.get('message') or '')}")


@click.command(name="terminate-op")
@click.argument("name")
@asks_cluster
def terminate(where: Where, name: str) -> None:
    """Stop a running sync; what it did so far stays."""

    async def run() -> None:
        async with where.open() as apps:
            key = where.key(name)
            body = await apps.get(key)
            if not is_running(body):
                raise InvalidSpec(f"application {key}: no operation is under way")
            if body.get("operation"):
                await apps.patch(key, {"operation": None})
            else:
                await apps.patch(key, {"status": {"operationState": {"phase": "Terminating"}}})
            click.echo(f"{clean(str(key))}: the operation is being stopped")

    loop.run(run())
