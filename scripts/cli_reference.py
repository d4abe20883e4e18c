#!/usr/bin/env python
"""
Writes docs/reference/cli.md from the commands themselves: scripts/cli_reference.py [--check]

With --check it writes nothing and fails when the page is not what it would write.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from moorage.cli.root import moor

PAGE = Path(__file__).parents[1] / "docs/reference/cli.md"

BEGINNING = """\
# Command line

`moor` has three families of commands: those that run Moorage, those that ask a cluster about its applications, and those that look at files, folders and repositories and need no server.

```console
$ moor app list
$ moor app diff web
$ moor render ./apps/web | moor diff --target - --live cluster
$ kubectl get all --all-namespaces -o yaml | moor health - -o json
```

This page is made from the commands by `scripts/cli_reference.py`; a test compares them.

## What all commands have in common

Results go to standard output, everything else to standard error.
`-o json` prints one JSON value a line where there are many results, and one object or `List` for Applications.
Colours are for terminals: `NO_COLOR`, `TERM=dumb` and `--color never` turn them off, `--color always` keeps them in a pipe.
Names and messages that come from a cluster or repository are cleaned of control characters before they are printed; values of Secrets are masked in every diff.

`moor app` asks the cluster that holds the Applications, with the rights of the kubeconfig, as `argocd --core` does.
Flags are named as in Argo CD where they mean the same.

How every command ends is in [Exit codes](exit-codes.md); what the words of a plan and a diff mean is in [The words](../explanation/words.md).

"""


def page() -> str:
    """Return the whole page."""
    parts = [part.rstrip() for part in _commands(moor, click.Context(moor, info_name="moor"))]
    return BEGINNING + "\n\n".join(parts) + "\n"


def _commands(command: click.Command, ctx: click.Context) -> Iterator[str]:
    yield _section(command, ctx)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _commands(inner, click.Context(inner, info_name=name, parent=ctx))


def _section(command: click.Command, ctx: click.Context) -> str:
    path = ctx.command_path
    lines = [f"{'#' * min(2 + path.count(' '), 4)} {path}", "", "```text"]
    lines += [" ".join([path, *command.collect_usage_pieces(ctx)]), "```", ""]
    lines += [_text(part) for part in (command.help, command.epilog) if part]
    options = [p for p in command.get_params(ctx) if isinstance(p, click.Option) and not p.hidden]
    shown = [row for option in options if (row := option.get_help_record(ctx)) and "--help" not in row[0]]
    if shown:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{_cell(name)}` | {_cell(help)} |" for name, help in shown]
    return "\n".join(lines)


def _text(help: str) -> str:
    """Return the words of a help text: paragraphs, and as code what must stay as it is."""
    out = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(help)):
        if paragraph.startswith("\b"):
            out.append("```console\n" + paragraph.removeprefix("\b\n") + "\n```\n")
        else:
            out.append(" ".join(paragraph.split()) + "\n")
    return "\n".join(out)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write the page, or compare it."""
    made = page()
    if "--check" in sys.argv:
        return int(not PAGE.is_file() or PAGE.read_text() != made)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
