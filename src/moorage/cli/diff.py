"""``moor diff``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import click

from moorage.cli import loop
from moorage.cli.cluster import access_to, cluster_options, open_cluster
from moorage.cli.comparing import (
    SchemaOf,
    builtin_schemas,
    compare_all,
    differs,
    placed,
    rules_of,
    sides,
    target_of,
)
from moorage.cli.exits import Exit, leave
from moorage.cli.output import output_option
from moorage.cli.places import CLUSTER, PLACES, read_application, read_place
from moorage.cli.showing import OUTPUTS, show
from moorage.cli.wanted import Wanted
from moorage.engine.compare import Rules
from moorage.model.errors import InvalidSpec
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Manifest
from moorage.model.states import Comparison, TargetState

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared: two places, and how the target's is to be rendered."""

    target: str
    live: str
    wanted: Wanted = field(default_factory=Wanted)
    kubeconfig: str = ""
    context: str = ""
    exact: bool | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Both states, how they differ, and by which rules."""

    target: TargetState
    live: tuple[Manifest, ...]
    comparison: Comparison
    rules: Rules


async def compare_places(asked: Asked) -> Compared:
    """
    Return how two places differ. Live objects of a cluster are those the target names.

    Raises:
        InvalidSpec: The target is a cluster, or both places are standard input.
    """
    if asked.target == CLUSTER:
        raise InvalidSpec("--target: a cluster cannot be the target; swap --live and --target")
    if asked.target == asked.live == "-":
        raise InvalidSpec("--live and --target: standard input can be read once; name a file for one of them")
    found = (await read_place(asked.target, asked.wanted)).manifests
    namespace = asked.wanted.namespace
    if asked.live == CLUSTER:
        return await _with_cluster(asked, found, namespace or "default")
    live = (await read_place(asked.live, asked.wanted)).manifests if asked.live else ()
    return _compared(
        asked, placed(found, [m.key for m in live], namespace), live, builtin_schemas(), whole=True
    )


async def _with_cluster(asked: Asked, found: Iterable[Manifest], namespace: str) -> Compared:
    async with open_cluster(access_to(asked.kubeconfig, asked.context)) as cluster:
        named = [_scoped(m, cluster.kinds.scoped(m.key)) for m in placed(found, (), namespace)]
        live = await cluster.get_all((m.key, m.api_version) for m in named)
        await cluster.learn((m.key.group, m.api_version.rpartition("/")[2]) for m in named)
        return _compared(asked, named, live, cluster.schema_of, whole=False)


def _scoped(manifest: Manifest, key: ResourceKey) -> Manifest:
    return Manifest(key, manifest.body, manifest.origin)


def _compared(
    asked: Asked, named: Iterable[Manifest], live: Iterable[Manifest], schema_of: SchemaOf, *, whole: bool
) -> Compared:
    target, live = target_of(named), tuple(live)
    rules = rules_of(schema_of, exact=asked.exact)
    return Compared(target, live, compare_all(target, live, rules, whole=whole), rules)


def rendering_options(command: F) -> F:
    """Add the options that say how a place is rendered, and which cluster is meant."""
    for option in (
        click.option(
            "--app", "application", metavar="FILE", default="", help="An Application to render for."
        ),
        click.option("-n", "--namespace", default="", help="The namespace of manifests that name none."),
        cluster_options,
    ):
        command = option(command)
    return command


def wanted_of(application: str, namespace: str) -> Wanted:
    """Return how to render for the options of `rendering_options`."""
    if not application:
        return Wanted(namespace=namespace)
    wanted = Wanted.of_application(read_application(application))
    return replace(wanted, namespace=namespace or wanted.namespace)


@click.command(epilog=PLACES)
@click.option("--target", required=True, metavar="PLACE", help="What should be.")
@click.option("--live", default=CLUSTER, show_default=True, metavar="PLACE", help="What is.")
@rendering_options
@click.option(
    "--exact/--predicted",
    default=None,
    help="Compare all fields, or with what live would be after an apply.  [default: predicted for objects of a server]",
)
@click.option("-U", "--lines", default=3, show_default=True, help="Lines around a change.")
@click.option(
    "--exit-code/--no-exit-code", default=True, show_default=True, help="Exit with 1 when something differs."
)
@output_option(*OUTPUTS)
def diff(
    target: str,
    live: str,
    application: str,
    namespace: str,
    kubeconfig: str,
    context: str,
    exact: bool | None,
    lines: int,
    exit_code: bool,
    output: str,
) -> None:
    """
    Print the fields in which target and live differ.

    What an API server defaulted, or another controller set, is no difference.
    Values of Secrets are masked. With -o json one line for each object that
    differs: key, change (create, update, prune), and fields with path, live
    and target. Exits with 0 when nothing differs, with 1 when something does.
    """
    asked = Asked(target, live, wanted_of(application, namespace), kubeconfig, context, exact)
    compared = loop.run(compare_places(asked))
    changed = differs(compared.comparison)
    show((sides(difference, compared.rules) for difference in changed), output, lines)
    if changed and exit_code:
        leave(Exit.NO)
