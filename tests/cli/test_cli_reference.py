"""The page docs/reference/cli.md against the commands it is made of."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/cli_reference.py"


def reference():
    """Load the script that makes the page."""
    spec = importlib.util.spec_from_file_location("cli_reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_commands_say():
    """
    The page is up to date; when this fails, run scripts/cli_reference.py and commit the page.
    """
    made = reference()

    assert made.PAGE.read_text() == made.page(), "run scripts/cli_reference.py"


def test_the_page_has_every_command():
    """
    Commands of every family have their place.
    """
    page = reference().PAGE.read_text()

    for command in ("app sync", "app terminate-op", "render", "diff", "plan", "health", "completion"):
        assert f" moor {command}\n" in page
