"""
Waits for an application to become something, and tells what happens meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from moorage.cli.app.door import Applications, key_of
from moorage.cli.app.results import result_line
from moorage.cli.app.standing import Standing
from moorage.cli.exits import Missing, TimedOut
from moorage.cli.terminal import clean, word
from moorage.model.manifest import Json

if TYPE_CHECKING:
    from rich.status import Status

StillMissing = Callable[[Json], tuple[str, ...]]
"""An Application → what does not hold yet; empty ends the waiting."""


async def until(
    apps: Applications,
    body: Json,
    missing: StillMissing,
    *,
    timeout: float = 0.0,
    tell: Callable[[Json], None] = lambda body: None,
    gone_is_good: bool = False,
) -> Json:
    """
    Return the Application once nothing is missing any more.

    Args:
        body: As it is known now; older versions are never looked at.
        missing: Says what does not hold yet.
        timeout: Seconds; zero waits for ever.
        tell: Hears of each version.
        gone_is_good: Whether it is a success when the Application is deleted.

    Raises:
        TimedOut: Time passed; the message says what was still missing.
        Missing: It was deleted.
    """
    latest = body
    try:
        async with asyncio.timeout(timeout or None):
            tell(latest)
            if not missing(latest):
                return latest
            async with apps.watch(latest) as news:
                while True:
                    event, latest = await news.next()
                    if event == "deleted":
                        if gone_is_good:
                            return latest
                        raise Missing(f"application {key_of(latest)} was deleted meanwhile")
                    tell(latest)
                    if not missing(latest):
                        return latest
    except TimeoutError:
        left = "; ".join(missing(latest)) or "nothing was heard of it"
        raise TimedOut(f"application {key_of(latest)}: {timeout:g} s passed: {left}") from None


class Progress:
    """
    Tells on standard error how an operation goes: its phase, then each resource as its result comes.

    On a terminal the last line says what is waited for.
    """

    def __init__(self, status: Status | None = None) -> None:
        self._told: set[str] = set()
        self._status = status

    def __call__(self, body: Json) -> None:
        state = (body.get("status") or {}).get("operationState") or {}
        standing = Standing.of(body)
        name = clean(key_of(body).name)
        if body.get("operation") or not state:
            self._say(f"{name}: requested", ())
            return
        for result in (state.get("syncResult") or {}).get("resources") or ():
            self._once(result_line(result))
        self._say(f"{name}: {standing.phase} {clean(standing.message)}", (standing.phase, standing.message))

    def _once(self, line: str) -> None:
        if line in self._told:
            return
        self._told.add(line)
        if self._status is None:
            click.echo(line, err=True)
        else:
            from rich.text import Text

            # The console knows of the moving line and writes above it.
            self._status.console.print(Text.from_ansi(line), soft_wrap=True)

    def _say(self, text: str, painted: tuple[str, ...]) -> None:
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(text))
        elif painted:
            self._once(f"{word(painted[0])}: {clean(painted[1])}")


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Json], None]]:
    """Open a display of progress, with a moving line when standard error is a terminal."""
    if quiet:
        yield lambda body: None
        return
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console

    ctx = click.get_current_context(silent=True)
    plain = ctx is not None and ctx.color is False
    with Console(stderr=True, highlight=False, no_color=plain or None).status("…") as status:
        yield Progress(status)
