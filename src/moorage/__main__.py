"""``moor``, and ``python -m moorage``: hands the command line to `moorage.cli.root`."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command of this process's arguments and exit with its code."""
    from moorage.cli.root import moor

    moor.main(prog_name="moor")


if __name__ == "__main__":
    main()
