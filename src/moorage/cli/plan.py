"""``moor plan``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from moorage.cli import loop
from moorage.cli.diff import Asked, Compared, compare_places, rendering_options, wanted_of
from moorage.cli.output import json_text, output_option
from moorage.cli.places import PLACES
from moorage.cli.terminal import clean, table
from moorage.model.operation import Action, Operation, Plan, Verb
from moorage.model.states import Change


class Line(NamedTuple):
    """One action of a plan, as it is printed."""

    phase: str
    wave: int
    action: str
    resource: str
    note: str


@click.command(epilog=PLACES)
@click.argument("place", required=False, default="")
@click.option("--target", default="", metavar="PLACE", help="The same as PLACE.")
@click.option("--live", default="", metavar="PLACE", help="What is there.  [default: nothing]")
@rendering_options
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="Plan the deletion of what is not in the target.",
)
@click.option(
    "--all/--changed", "everything", default=True, help="Print what does not differ too.  [default: --all]"
)
@output_option("table", "json", "name")
def plan(
    place: str,
    target: str,
    live: str,
    application: str,
    namespace: str,
    kubeconfig: str,
    context: str,
    prune: bool,
    everything: bool,
    output: str,
) -> None:
    """
    Print what a sync would do, step by step: phase, wave, action, resource.

    The plan is the one Moorage would follow, hooks and waves included. With
    --live the actions say what differs; without, everything is created.
    """
    if bool(place) == bool(target):
        raise click.UsageError("name the target once: moor plan PLACE, or --target PLACE")
    asked = Asked(place or target, live, wanted_of(application, namespace), kubeconfig, context)
    compared = loop.run(compare_places(asked))
    lines = [line for line in lines_of(compared, prune=prune) if everything or line.action != "none"]
    if output == "json":
        for line in lines:
            click.echo(json_text(line._asdict()))
    elif output == "name":
        for line in lines:
            click.echo(clean(line.resource))
    else:
        click.echo(table(("PHASE", "WAVE", "ACTION", "RESOURCE", "NOTE"), lines))


def lines_of(compared: Compared, *, prune: bool) -> Iterable[Line]:
    """Yield the actions of the plan that would bring live to target, in order."""
    from moorage.engine.plan import make_plan

    targeted = {m.key for m in compared.target.manifests}
    tracked = {d.key: d.live for d in compared.comparison.differences if d.live and d.key not in targeted}
    operation = Operation(id="plan-0-0", revision="", started_at="", prune=prune)
    yield from _lines(make_plan(compared.target, tracked, operation), compared)


def _lines(made: Plan, compared: Compared) -> Iterable[Line]:
    for steps, note in ((made.steps, ""), (made.on_failure, "only when the sync fails")):
        for step in steps:
            for action in step.actions:
                yield Line(
                    str(step.phase),
                    step.wave,
                    _word(action, compared),
                    str(action.resource),
                    action.skip_reason or note,
                )


def _word(action: Action, compared: Compared) -> str:
    if action.skip_reason:
        return "keep"
    if action.verb is not Verb.APPLY:
        return str(action.verb)
    difference = compared.comparison.by_key.get(action.resource)
    return str(difference.change if difference is not None else Change.CREATE)
