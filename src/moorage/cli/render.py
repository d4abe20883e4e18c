"""``moor render``."""

from __future__ import annotations

from dataclasses import replace

import click

from moorage.cli import loop
from moorage.cli.output import json_text, output_option, yaml_text
from moorage.cli.terminal import clean


@click.command()
@click.argument("place", required=False, default="")
@click.option(
    "--app",
    "application",
    metavar="FILE",
    default="",
    help="An Application whose source, destination and name to render for; - is standard input.",
)
@click.option("--path", "inner", default="", help="The path in the folder or repository.")
@click.option("--revision", default="", help="The branch, tag, commit or version constraint.")
@click.option("--name", default="", help="The application's name, Helm's release.  [default: the folder's]")
@click.option("-n", "--namespace", default="", help="The destination's namespace.  [default: default]")
@click.option("--kube-version", default="", help="The destination's version, for Helm.")
@click.option("-a", "--api-versions", multiple=True, help="An API version of the destination, for Helm.")
@output_option("yaml", "json", "name")
def render(
    place: str,
    application: str,
    inner: str,
    revision: str,
    name: str,
    namespace: str,
    kube_version: str,
    api_versions: tuple[str, ...],
    output: str,
) -> None:
    """
    Print the manifests of a folder or repository, as an application would have them.

    PLACE is a folder, or a repository: https://host/shop.git//path?ref=v1. With
    --app it may be left out; the application's own repository is read then. A
    folder given beside --app is the source's folder, or the repository it is in;
    with --path it is the repository, which no base or value file may leave.

    Secrets are printed as they are.
    """
    from moorage.cli.places import read_application, read_place
    from moorage.cli.repositories import render_repository
    from moorage.cli.wanted import Remote, Wanted

    wanted = Wanted.of_application(read_application(application)) if application else Wanted()
    wanted = replace(
        wanted,
        name=name or wanted.name,
        namespace=namespace or wanted.namespace,
        kube_version=kube_version,
        api_versions=api_versions,
    )
    if not place and not application:
        raise click.UsageError("name a folder or repository, or an application with --app")
    source = wanted.source
    remote = Remote.parse(place) if place else Remote(str(source["repoURL"]))
    if remote is not None:
        path = inner or (str(source.get("path") or ".") if remote.path == "." else remote.path)
        ref = revision or (
            str(source.get("targetRevision") or "HEAD") if remote.ref == "HEAD" else remote.ref
        )
        found = loop.run(render_repository(Remote(remote.url, path, ref), wanted))
    else:
        found = loop.run(read_place(place, replace(wanted, inner=inner)))
    for warning in found.warnings:
        click.echo(f"{click.style('Warning:', fg='yellow')} {clean(warning)}", err=True)
    if output == "json":
        for manifest in found.manifests:
            click.echo(json_text(manifest.body))
    elif output == "name":
        for manifest in found.manifests:
            click.echo(clean(str(manifest.key)))
    else:
        for at, manifest in enumerate(found.manifests):
            click.echo(("---\n" if at else "") + yaml_text([manifest.body]), nl=False)
