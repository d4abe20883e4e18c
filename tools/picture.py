"""
Draws what a terminal showed as an SVG: ``tools/picture.py FILE.svg < OUTPUT``.

Reads the coloured output of a command (``FORCE_COLOR=1 moor demo``) and writes
a picture of it, for the README. Lines that change from run to run are drawn
as they are: it is a picture of one real run.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 104
TITLE = "make demo"
_FONT_FACES = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Write the picture of standard input."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    Path(arguments[0]).write_text(drawn(sys.stdin.read()))
    return 0


def drawn(output: str) -> str:
    """Return the SVG of a terminal that shows some output; it loads nothing from elsewhere."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in output.strip("\n").split("\n"):
        console.print(Text.from_ansi(line.replace("\r", "")), soft_wrap=False, highlight=False)
    svg = console.export_svg(title=TITLE, unique_id="moorage")
    return "\n".join(line.rstrip() for line in _FONT_FACES.sub("", svg).splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
