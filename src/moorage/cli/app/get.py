"""``moor app get``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from moorage.cli import loop
from moorage.cli.app.door import Applications, Where, asks_cluster, key_of
from moorage.cli.app.following import until
from moorage.cli.app.results import result_line
from moorage.cli.app.standing import Standing, destination_of, source_of, sync_policy
from moorage.cli.output import output_option, print_objects
from moorage.cli.terminal import clean, table, word
from moorage.model.manifest import Json
from moorage.model.words import REFRESH_ANNOTATION


@click.command()
@click.argument("name")
@click.option("--refresh", is_flag=True, help="Have Git and cluster looked at again first.")
@click.option("--hard-refresh", is_flag=True, help="The same, and render anew.")
@click.option("--show-operation", is_flag=True, help="Print the last operation with its results.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds to wait for a refresh.")
@click.option("-w", "--watch", is_flag=True, help="Go on, and print it again at each change.")
@output_option("text", "wide", "name", "json", "yaml")
@asks_cluster
def get(
    where: Where,
    name: str,
    refresh: bool,
    hard_refresh: bool,
    show_operation: bool,
    timeout: float,
    watch: bool,
    output: str,
) -> None:
    """Print one application, with its conditions and resources."""

    async def run() -> None:
        async with where.open() as apps:
            body = await apps.get(where.key(name))
            if refresh or hard_refresh:
                body = await refreshed(apps, body, hard=hard_refresh, timeout=timeout)
            _print(body, output, operation=show_operation)
            if not watch:
                return
            async with apps.watch(body) as news:
                while True:
                    event, changed = await news.next()
                    if event == "deleted":
                        click.echo(f"{clean(str(key_of(body)))} is gone.", err=True)
                        return
                    if changed["metadata"].get("resourceVersion") != body["metadata"].get("resourceVersion"):
                        body = changed
                        click.echo()
                        _print(body, output, operation=show_operation)

    loop.run(run())


async def refreshed(apps: Applications, body: Json, *, hard: bool, timeout: float) -> Json:
    """Ask for a refresh and return the Application once it was made. Raises TimedOut."""
    mark = {"metadata": {"annotations": {REFRESH_ANNOTATION: "hard" if hard else "normal"}}}
    asked = await apps.patch(key_of(body), mark)

    def waits_for(seen: Json) -> tuple[str, ...]:
        marked = REFRESH_ANNOTATION in (seen["metadata"].get("annotations") or {})
        return ("nobody took the refresh; does moor serve run?",) if marked else ()

    return await until(apps, asked, waits_for, timeout=timeout)


def _print(body: Json, output: str, *, operation: bool) -> None:
    if output in ("json", "yaml"):
        print_objects([body], output, single=True)
    elif output == "name":
        click.echo(clean(str(key_of(body))))
    else:
        for line in panel(body, operation=operation):
            click.echo(line)
        rows = list(_resources(body, wide=output == "wide"))
        if rows:
            headings = ("GROUP", "KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH", "MESSAGE")
            click.echo()
            click.echo(table((*headings, "WAVE") if output == "wide" else headings, rows))


def panel(body: Json, *, operation: bool = False) -> Iterator[str]:
    """Yield the lines that say what an application is and how it stands."""
    standing, source, spec = Standing.of(body), source_of(body), body.get("spec") or {}
    status = body.get("status") or {}
    state = status.get("operationState") or {}
    lines = [
        ("Name", str(key_of(body))),
        ("Project", spec.get("project") or "default"),
        ("Cluster", destination_of(body)),
        ("Namespace", (spec.get("destination") or {}).get("namespace") or ""),
        ("Repository", source.get("repoURL") or ""),
        ("Chart" if source.get("chart") else "Path", source.get("chart") or source.get("path") or "."),
        ("Target", source.get("targetRevision") or "HEAD"),
        ("Sync policy", sync_policy(spec)),
    ]
    for name, value in lines:
        yield f"{name + ':':13}{clean(value)}"
    revision = f" to {clean(standing.revision[:8])}" if standing.revision else ""
    yield f"{'Sync:':13}{word(standing.sync)}{revision}"
    message = (status.get("health") or {}).get("message")
    yield f"{'Health:':13}{word(standing.health)}{f' ({clean(message)})' if message else ''}"
    if state:
        yield f"{'Operation:':13}{word(standing.phase)} {clean(standing.message)}"
    if operation and state:
        yield f"{'Started:':13}{clean(state.get('startedAt') or '')}"
        yield f"{'Finished:':13}{clean(state.get('finishedAt') or '')}"
        for result in (state.get("syncResult") or {}).get("resources") or ():
            yield "  " + result_line(result)
    for condition in status.get("conditions") or ():
        yield f"{'Condition:':13}{clean(condition.get('type'))}: {clean(condition.get('message'))}"


def _resources(body: Json, *, wide: bool) -> Iterator[tuple[object, ...]]:
    results = {
        (r.get("group", ""), r.get("kind"), r.get("namespace", ""), r.get("name")): r.get("message")
        for r in ((body.get("status") or {}).get("operationState") or {})
        .get("syncResult", {})
        .get("resources")
        or ()
    }
    for resource in (body.get("status") or {}).get("resources") or ():
        place = (
            resource.get("group", ""),
            resource.get("kind"),
            resource.get("namespace", ""),
            resource.get("name"),
        )
        health = resource.get("health") or {}
        state = f"{resource.get('status') or 'Unknown'}"
        told = results.get(place) or ""
        if resource.get("requiresPruning") and not told.startswith("ignored ("):
            told = "requires pruning"
        message = health.get("message") or told
        line = (*place, state, health.get("status") or "", message or "")
        yield (*line, resource.get("syncWave", 0)) if wide else line
