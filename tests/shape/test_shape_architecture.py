"""The page about the architecture shows the house as it is."""

from __future__ import annotations

import ast
import configparser
import re

from repository_files import DOCS, ROOT, SOURCE, text_of, tree_of

PAGE = text_of(DOCS / "explanation/architecture.md")


def layers():
    """Return the floors of the import contract, the highest first, each with its rooms."""
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    lines = contract["importlinter:contract:floors"]["layers"].split()
    return re.split(r"\s(?!\|)(?<!\|\s)", " ".join(lines))


def section(heading):
    """Return what stands under a heading of the page."""
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def first_cells(text):
    """Return the names in the first column of a table."""
    return [name for row in re.findall(r"^\| (`.*?) \|", text, re.M) for name in re.findall(r"`(\w+)`", row)]


def test_floors_are_drawn_in_their_order():
    """
    The picture names every room of the import contract, from the highest floor to the lowest.
    """
    drawn = PAGE.partition("```text\n")[2].partition("```")[0]
    picture = "\n".join(line[:47] for line in drawn.splitlines())
    floors = [floor.split(" | ") for floor in layers() if floor != "__main__"]
    places = [[re.search(rf"\b{room}\b", picture).start() for room in rooms] for rooms in floors]
    lines = [picture.count("\n", 0, place) for rooms in places for place in rooms]

    assert sorted(lines) == lines


def test_every_room_is_explained():
    """
    The table of rooms has every folder of the house that holds code, and no other.
    """
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}

    assert sorted(first_cells(section("The rooms"))) == sorted(rooms)


def test_every_value_exists():
    """
    The values of the table are classes of the model.
    """
    classes = {
        node.name
        for path in (SOURCE / "model").glob("*.py")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    }

    assert set(first_cells(section("The values"))) <= classes
    assert len(first_cells(section("The values"))) > 10
