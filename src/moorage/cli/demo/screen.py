"""
What the demo shows: steps as they are done, applications as they change, what to try next.

Plain lines, one for each thing that happened, so that they read the same on a
terminal, in a log and in a recording.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

MARKS = {
    "Synced": "green",
    "Healthy": "green",
    "OutOfSync": "yellow",
    "Progressing": "cyan",
    "Degraded": "red",
}


@dataclass(slots=True)
class Screen:
    """Prints the story. Times are seconds since it began."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    _began: float = field(default_factory=time.monotonic)

    def heading(self, text: str) -> None:
        """Say what comes now."""
        self.console.print(f"\n[bold]{escape(text)}[/bold]")

    def step(self, what: str, detail: str = "") -> None:
        """Say that something was done."""
        self.console.print(
            f" [green]✓[/green] {escape(what):32} [dim]{escape(detail):48}[/dim] {self._clock()}"
        )

    def application(self, name: str, sync: str, health: str, note: str = "") -> None:
        """Say how an application stands now."""
        good = sync == "Synced" and health == "Healthy"
        mark = "[green]✓[/green]" if good else "[yellow]·[/yellow]"
        self.console.print(
            f" {mark} {escape(name):14} {_word(sync, 10)} {_word(health, 12)} [dim]{escape(note):44}[/dim] {self._clock()}"
        )

    def trouble(self, name: str, message: str) -> None:
        """Say what is wrong with an application."""
        self.console.print(f" [red]![/red] {escape(name):14} {escape(message)}", soft_wrap=True)

    def try_next(self, lines: list[tuple[str, str]]) -> None:
        """Say what a person can do now: comment and command."""
        self.console.rule("[bold]Try next[/bold]", align="left")
        for comment, command in lines:
            if comment:
                self.console.print(f"[dim]# {escape(comment)}[/dim]")
            if command:
                self.console.print(f"  [cyan]{escape(command)}[/cyan]", soft_wrap=True)
        self.console.rule()
        self.console.print("Ctrl-C ends everything; the next demo goes on from here.\n")

    def _clock(self) -> str:
        return f"[dim]{time.monotonic() - self._began:5.1f} s[/dim]"


def _word(word: str, width: int) -> str:
    colour = MARKS.get(word, "default")
    return f"[{colour}]{escape(word):{width}}[/{colour}]"


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
