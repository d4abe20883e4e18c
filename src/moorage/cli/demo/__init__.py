"""
``moor demo``: the whole house on a laptop.

A sandbox cluster, a Git server with a repository made on the spot, and Moorage
between them, in one process. What is there stays until ``--fresh``.
"""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Run everything on a sandbox cluster, to try Moorage.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".moor/demo"),
    show_default=True,
    help="Where cluster, repository and work folder are kept.",
)
@click.option("--fresh", is_flag=True, help="Forget an earlier demo and start from nothing.")
@click.option("--until-ready", is_flag=True, help="End once everything is Synced and Healthy.")
def demo(folder: Path, fresh: bool, until_ready: bool) -> None:
    """
    Run Moorage, a sandbox cluster and a Git server, all in this process.

    Nothing else is needed: no cluster, no account, no network. The terminal says
    what to try; Ctrl-C ends everything, and the next demo goes on from there.
    """
    from moorage.cli.demo.story import tell
    from moorage.cli.running import run_until_signal

    run_until_signal(lambda: tell(folder.absolute(), fresh=fresh, until_ready=until_ready))
