"""``moor app list``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from moorage.cli import loop
from moorage.cli.app.door import Where, asks_cluster, key_of
from moorage.cli.app.standing import Standing, destination_of, source_of, sync_policy
from moorage.cli.output import output_option, print_objects
from moorage.cli.terminal import clean, table
from moorage.model.manifest import Json

HEADINGS = ("NAME", "PROJECT", "SYNC", "HEALTH", "REVISION")
WIDE = ("CLUSTER", "NAMESPACE", "POLICY", "CONDITIONS", "REPO", "PATH", "TARGET")


@click.command(name="list")
@click.option("-l", "--selector", default="", help="Only those whose labels match.")
@click.option("-p", "--project", "projects", multiple=True, help="Only those of a project; may be repeated.")
@click.option("-r", "--repo", default="", help="Only those of a repository.")
@click.option("-c", "--cluster", default="", help="Only those that go to a cluster, by name or address.")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="In all namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Go on, and print each change as it happens.")
@output_option("table", "wide", "name", "json", "yaml")
@asks_cluster
def list_apps(
    where: Where,
    selector: str,
    projects: tuple[str, ...],
    repo: str,
    cluster: str,
    everywhere: bool,
    watch: bool,
    output: str,
) -> None:
    """List applications."""

    def wanted(body: Json) -> bool:
        spec = body.get("spec") or {}
        destination = spec.get("destination") or {}
        return (
            (not projects or (spec.get("project") or "default") in projects)
            and (not repo or source_of(body).get("repoURL") == repo)
            and (not cluster or cluster in (destination.get("name"), destination.get("server")))
        )

    async def run() -> None:
        async with where.open() as apps:
            found = [b for b in await apps.every(selector=selector, everywhere=everywhere) if wanted(b)]
            _print(found, output, where)
            if not watch:
                return
            known = {key_of(body): body["metadata"].get("resourceVersion") for body in found}
            async with apps.watch(everywhere=everywhere, selector=selector) as news:
                while True:
                    event, body = await news.next()
                    same = known.get(key_of(body)) == body["metadata"].get("resourceVersion")
                    if wanted(body) and not (event == "added" and same):
                        _print_change(event, body, output, where)

    loop.run(run())


def row(body: Json, where: Where, *, wide: bool) -> Sequence[str]:
    """Return an application as a row of the table."""
    standing, key, source = Standing.of(body), key_of(body), source_of(body)
    spec = body.get("spec") or {}
    name = key.name if key.namespace == where.home else str(key)
    short = (
        name,
        str(spec.get("project") or "default"),
        standing.sync,
        standing.health,
        standing.revision[:8],
    )
    if not wide:
        return short
    return (
        *short,
        destination_of(body),
        str((spec.get("destination") or {}).get("namespace") or ""),
        sync_policy(spec),
        ",".join(standing.conditions) or "<none>",
        str(source.get("repoURL") or ""),
        str(source.get("chart") or source.get("path") or ""),
        str(source.get("targetRevision") or "HEAD"),
    )


def _print(bodies: Iterable[Json], output: str, where: Where) -> None:
    if output in ("json", "yaml"):
        print_objects(bodies, output)
    elif output == "name":
        for body in bodies:
            click.echo(clean(str(key_of(body))))
    else:
        wide = output == "wide"
        rows = [row(body, where, wide=wide) for body in bodies]
        if rows:
            click.echo(table(HEADINGS + WIDE if wide else HEADINGS, rows))
        else:
            click.echo(f"No applications in namespace {where.home}.", err=True)


def _print_change(event: str, body: Json, output: str, where: Where) -> None:
    if output in ("json", "yaml"):
        print_objects([body], output, single=True)
    elif output == "name":
        click.echo(f"{clean(str(key_of(body)))} {event}")
    else:
        wide = output == "wide"
        lines = table(HEADINGS + WIDE if wide else HEADINGS, [row(body, where, wide=wide)])
        click.echo(lines.splitlines()[1] + ("  (deleted)" if event == "deleted" else ""))
