"""``moor app create`` and ``moor app set``."""

from __future__ import annotations

from typing import Any

import click

from moorage.cli import loop
from moorage.cli.app.door import API_VERSION, Applications, Where, asks_cluster, key_of
from moorage.cli.app.spec import spec_options, take_flags, with_flags
from moorage.cli.exits import Exists
from moorage.cli.output import output_option, print_objects
from moorage.cli.places import read_application
from moorage.cli.terminal import clean
from moorage.engine.merge.jsonmerge import three_way_merge
from moorage.model.errors import ApiConflict, InvalidSpec
from moorage.model.identity import IN_CLUSTER
from moorage.model.manifest import Json, with_value
from moorage.model.words import CASCADE_FINALIZER


@click.command()
@click.argument("name", required=False, default="")
@click.option("-f", "--file", "file", default="", help="An Application to begin with; - is standard input.")
@click.option("--upsert", is_flag=True, help="Change the application when there is one.")
@click.option("--set-finalizer", is_flag=True, help="Have its resources deleted with it.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label; may be repeated.")
@click.option("--annotations", multiple=True, metavar="NAME=VALUE", help="An annotation; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Print the Application, and ask no cluster.")
@spec_options
@output_option("text", "json", "yaml", "name")
@asks_cluster
def create(
    where: Where,
    name: str,
    file: str,
    upsert: bool,
    set_finalizer: bool,
    labels: tuple[str, ...],
    annotations: tuple[str, ...],
    dry_run: bool,
    output: str,
    **flags: Any,
) -> None:
    """
    Create an application from flags, from a file, or from a file and flags.

    \b
    moor app create guestbook --repo https://github.com/argoproj/argocd-example-apps \\
      --path guestbook --dest-namespace guestbook --sync-policy automated
    """
    body = read_application(file) if file else {"metadata": {}, "spec": {}}
    body = {"apiVersion": API_VERSION, "kind": "Application", **body}
    if not name and not body["metadata"].get("name"):
        raise click.UsageError("name the application")
    if name:
        key = where.key(name)
        body = with_value(body, ("metadata", "name"), key.name)
        body = with_value(body, ("metadata", "namespace"), key.namespace)
    elif not body["metadata"].get("namespace"):
        body = with_value(body, ("metadata", "namespace"), where.home)
    for part, pairs in (("labels", labels), ("annotations", annotations)):
        for key_text, value in map(_pair, pairs):
            body = with_value(body, ("metadata", part, key_text), value)
    if set_finalizer:
        known = body["metadata"].get("finalizers") or []
        body = with_value(body, ("metadata", "finalizers"), list(dict.fromkeys([*known, CASCADE_FINALIZER])))
    body = {**body, "spec": with_defaults(with_flags(body.get("spec") or {}, take_flags(flags)))}
    _check(body)
    if dry_run:
        print_objects([body], "json" if output == "json" else "yaml", single=True)
        return

    async def run() -> tuple[Json, str]:
        async with where.open() as apps:
            return await _create(apps, body, upsert=upsert)

    created, word = loop.run(run())
    _print(created, output, word)


def with_defaults(spec: Json) -> Json:
    """Return a specification with the project and cluster of those who name none."""
    if not spec.get("project"):
        spec = {"project": "default", **spec}
    destination = spec.get("destination") or {}
    if not destination.get("server") and not destination.get("name"):
        spec = with_value(spec, ("destination", "server"), IN_CLUSTER)
    return spec


async def _create(apps: Applications, body: Json, *, upsert: bool) -> tuple[Json, str]:
    try:
        return await apps.create(body), "created"
    except ApiConflict as error:
        key = key_of(body)
        if not upsert:
            raise Exists(
                f"application {key} exists already; change it with moor app set {key.name}, or say --upsert"
            ) from error
        known = await apps.get(key)
        metadata = {k: v for k, v in body["metadata"].items() if k in ("labels", "annotations", "finalizers")}
        patch = {"metadata": metadata, "spec": _patch(known.get("spec") or {}, body["spec"])}
        return await apps.patch(key, patch), "changed"


@click.command(name="set")
@click.argument("name")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label; may be repeated.")
@spec_options
@output_option("text", "json", "yaml", "name")
@asks_cluster
def set_app(where: Where, name: str, labels: tuple[str, ...], output: str, **flags: Any) -> None:
    """Change fields of an application; what no flag names stays."""
    given = take_flags(flags)
    if not given and not labels:
        raise click.UsageError("say what to change; moor app set --help lists the flags")

    async def run() -> tuple[Json, str]:
        async with where.open() as apps:
            body = await apps.get(where.key(name))
            spec = with_flags(body.get("spec") or {}, given)
            _check({**body, "spec": spec})
            patch: Json = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"]}}
            if labels:
                patch["metadata"]["labels"] = dict(map(_pair, labels))
            if spec == body.get("spec") and not labels:
                return body, "unchanged"
            return await apps.patch(key_of(body), {**patch, "spec": _patch(body["spec"], spec)}), "changed"

    changed, word = loop.run(run())
    _print(changed, output, word)


def _patch(old: Json, new: Json) -> Json:
    """Return the merge patch that turns one specification into another."""
    return three_way_merge(old, new, old)


def _check(body: Json) -> None:
    """Refuse what Moorage could not use, before it is written. Raises InvalidSpec naming the field."""
    from moorage.control.decode import decode_application

    decode_application(body)


def _pair(text: str) -> tuple[str, str]:
    name, sep, value = text.partition("=")
    if not sep or not name:
        raise InvalidSpec(f"{text!r}: write NAME=VALUE")
    return name, value


def _print(body: Json, output: str, word: str) -> None:
    if output in ("json", "yaml"):
        print_objects([body], output, single=True)
    else:
        name = clean(str(key_of(body)))
        click.echo(name if output == "name" else f"{name}: {word}")
