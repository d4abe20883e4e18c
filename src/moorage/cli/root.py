"""
The root of the command line: which commands there are, and how every command ends.

A command is named here by the path of its module and imported when it is
called, so that ``moor --help`` imports none of them. Endings are here too:
errors of the house become a message and an exit code, and nothing is printed
with a traceback but a fault of our own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

import click

from moorage import __version__
from moorage.cli.exits import Exit, exit_of, remedy_of
from moorage.cli.terminal import clean, colour_wanted
from moorage.model.errors import Error

COMPLETE_VARIABLE = "_MOOR_COMPLETE"


class Row(NamedTuple):
    """One command: where it is, what its help says first, and under which heading it stands."""

    where: str
    help: str
    heading: str


RUN, ASK, LOOK, SELF = (
    "Run it",
    "Ask a cluster about applications",
    "Look at files, folders and repositories, with no server",
    "About this program",
)
COMMANDS: dict[str, Row] = {
    "demo": Row("moorage.cli.demo:demo", "Run everything on a sandbox cluster, to try Moorage.", RUN),
    "serve": Row("moorage.cli.running:serve", "Run Moorage against a cluster.", RUN),
    "sandbox": Row(
        "moorage.cli.running:sandbox", "Run a Kubernetes API in one process, to try and to test.", RUN
    ),
    "crds": Row("moorage.cli.running:crds", "Print the definitions a cluster needs first.", RUN),
    "app": Row("moorage.cli.app:app", "List, look at, change and sync applications.", ASK),
    "render": Row("moorage.cli.render:render", "Print the manifests of a folder or repository.", LOOK),
    "diff": Row("moorage.cli.diff:diff", "Print the fields in which target and live differ.", LOOK),
    "plan": Row("moorage.cli.plan:plan", "Print what a sync would do, step by step.", LOOK),
    "health": Row("moorage.cli.health:health", "Print how objects do.", LOOK),
    "settings": Row("moorage.cli.settings:settings", "List every setting with its value and origin.", SELF),
    "completion": Row("moorage.cli.completion:completion", "Print a shell's completion script.", SELF),
    "version": Row("moorage.cli.version:version", "Print the version.", SELF),
}


class Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def __init__(self, *args: Any, rows: dict[str, Row], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.rows = rows

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        row = self.rows.get(cmd_name)
        if row is None:
            return None
        module, _, name = row.where.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.rows))
        for heading in dict.fromkeys(row.heading for row in self.rows.values()):
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{n:{width}}", row.help) for n, row in self.rows.items() if row.heading == heading]
                )


class Root(Lazy):
    """The group that ends the process: `main` never raises anything but SystemExit."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        arguments = list(sys.argv[1:] if args is None else args)
        name = prog_name or "moor"
        if instruction := os.environ.get(complete_var or COMPLETE_VARIABLE):
            from click.shell_completion import shell_complete

            sys.exit(shell_complete(self, {}, name, complete_var or COMPLETE_VARIABLE, instruction))
        extra.pop("standalone_mode", None)
        extra.pop("windows_expand_args", None)
        sys.exit(self._ended(arguments, name, extra))

    def _ended(self, arguments: list[str], name: str, extra: dict[str, Any]) -> int:
        try:
            code = self._run(arguments, name, extra)
            sys.stdout.flush()
        except BrokenPipeError:
            return _stop_writing()
        except OSError as error:
            if error.errno != errno.EPIPE:
                return _explain_bug(error)
            return _stop_writing()
        return code

    def _run(self, arguments: list[str], name: str, extra: dict[str, Any]) -> int:
        try:
            with self.make_context(name, arguments, **extra) as ctx:
                self.invoke(ctx)
        except click.exceptions.Exit as ending:
            return ending.exit_code
        except click.ClickException as error:
            error.show()
            return int(Exit.USAGE)
        except (KeyboardInterrupt, click.Abort):
            click.echo(file=sys.stderr)
            return int(Exit.INTERRUPTED)
        except Error as error:
            return _explain(error)
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            click.echo(_prefixed(f"{error.filename}: {error.strerror}"), err=True)
            return int(Exit.NOT_FOUND if isinstance(error, FileNotFoundError) else Exit.TERMINAL)
        except Exception as error:
            return _explain_bug(error)
        return int(Exit.DONE)


def _explain(error: Error) -> int:
    click.echo(_prefixed(clean(str(error), lines=True)), err=True)
    if remedy := remedy_of(error):
        click.echo(f"       {remedy}", err=True)
    return int(exit_of(error))


def _explain_bug(error: BaseException) -> int:
    import traceback

    click.echo(clean("".join(traceback.format_exception(error)), lines=True), err=True, nl=False)
    click.echo(_prefixed("this is a fault of Moorage; please report it with the lines above"), err=True)
    return int(Exit.BUG)


def _prefixed(text: str) -> str:
    return f"{click.style('Error:', fg='red', bold=True)} {text}"


def _stop_writing() -> int:
    # What is still buffered must not be written when the interpreter ends: nobody reads it, and
    # the interpreter would tell of it. A stream without a descriptor (in tests) needs no care.
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return int(Exit.PIPE)


@click.command(
    cls=Root,
    rows=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Colours; auto: on a terminal unless NO_COLOR is set.",
)
@click.version_option(__version__, message="moor %(version)s")
@click.pass_context
def moor(ctx: click.Context, color: str) -> None:
    """
    Moorage: what Git declares, your clusters are.

    Try `moor demo` first.
    """
    ctx.color = colour_wanted(color, os.environ, sys.stdout.isatty())
