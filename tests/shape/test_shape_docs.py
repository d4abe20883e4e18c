"""The docs say what the code does, in the form the style guide asks for."""

from __future__ import annotations

import ast
import re
import shlex

import click
import pytest
import yaml
from repository_files import (
    DOCS,
    ROOT,
    SOURCE,
    blocks,
    headings,
    name_of,
    pages,
    prose,
    text_of,
    tool,
    tree_of,
)

from moorage.cli.root import moor
from moorage.control.decode import decode_application, decode_project
from moorage.engine.options import resource_options
from moorage.formats.yaml import load_all
from moorage.sources.credentials import decode_repository_secret

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SENTENCE_END = re.compile(r"(?<![A-Z0-9…])[.!?] (?=[A-Z`*\[])")
BRANCHES = {"Error", "Waiting", "Transient", "Terminal"}
EVERY_PAGE = [pytest.param(page, id=name_of(page)) for page in pages()]
WRITTEN = [pytest.param(page, id=name_of(page)) for page in pages() if page.name != "cli.md"]
"""Every page but the one that is made of the commands' own help."""


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_a_page_has_one_title(page):
    """
    A page begins with its title, and has no second one.
    """
    titles = [line for _, line in prose(page) if line.startswith("# ")]

    assert len(titles) == 1
    assert text_of(page).startswith("# ")


@pytest.mark.parametrize("page", WRITTEN)
def test_one_sentence_a_line(page):
    """
    A sentence begins on a line of its own, so that a change of it is a change of one line.
    """
    found = [
        f"{number}: {line}"
        for number, line in prose(page)
        if not line.startswith(("|", "- ", "#", "<")) and SENTENCE_END.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_links_lead_somewhere(page):
    """
    A relative link leads to a file of the repository, and its anchor to a heading of that page.
    """
    lost = []
    for target in LINK.findall(text_of(page)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        if not aim.is_file() or (anchor and anchor not in headings(aim)):
            lost.append(target)

    assert lost == []


def test_every_page_has_its_place():
    """
    Every page stands in the navigation, and nothing else does.
    """
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

    assert sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")) == sorted(_leaves(nav))


def _leaves(nav):
    if isinstance(nav, str):
        return [nav]
    return [leaf for each in (nav.values() if isinstance(nav, dict) else nav) for leaf in _leaves(each)]


@pytest.mark.parametrize(
    "block", [pytest.param(each, id=f"{each.page}:{each.line}") for each in blocks("yaml")]
)
def test_yaml_of_the_docs_is_accepted(block):
    """
    Every YAML of the docs is read by our own parser; what it declares is decoded without an error or a warning.
    """
    for document in load_all(block.text, origin=block.page):
        _decode(document.value)


def _decode(body):
    if not {"apiVersion", "kind", "spec"} <= body.keys() and body.get("kind") != "Secret":
        return
    assert resource_options(body).unknown == ()
    if body["kind"] == "Application":
        assert decode_application(body).warnings == ()
    elif body["kind"] == "AppProject":
        decode_project(body)
    elif "repo" in (body["metadata"].get("labels") or {}).get("argocd.argoproj.io/secret-type", ""):
        decode_repository_secret(body["stringData"], body["metadata"]["name"])


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_made_regions_are_current(page):
    """
    The tables that are made from the code (settings, words, metrics, routes, exit codes, health) are what the code says now.
    """
    assert tool("reference").remade(text_of(page)) == text_of(page), (
        "run: .venv/bin/python tools/reference.py"
    )


def test_everything_that_can_be_made_is_shown():
    """
    Every table that can be made from the code stands on some page.
    """
    reference = tool("reference")
    shown = {found[2] for page in pages() for found in reference.REGION.finditer(text_of(page))}

    assert set(reference.MADE) == shown


def test_every_reason_has_its_heading():
    """
    Every word that an error may carry has a heading in the reference of reasons, and no other word has.
    """
    page = DOCS / "reference/reasons.md"
    told = {line.removeprefix("### ") for _, line in prose(page) if line.startswith("### ")}

    assert _reasons() - BRANCHES == told


def _reasons():
    """Return the words that classes of the house give as their reason."""
    return {
        statement.value.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id == "reason" for name in statement.targets)
        and isinstance(statement.value, ast.Constant)
    }


def test_every_option_has_its_place():
    """
    Every sync and compare option that is read is named in the reference of sync options.
    """
    tree = tree_of(SOURCE / "engine/options.py")
    words = {
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value[0].isupper()
    }
    page = text_of(DOCS / "reference/sync-options.md")

    assert {"ServerSideApply", "CreateNamespace", "IgnoreExtraneous"} <= words
    assert sorted(word for word in words if f"`{word}`" not in page) == []


def _commands():
    for language in ("sh", "text", "yaml", "console"):
        for block in blocks(language):
            if "[OPTIONS]" in block.text:
                continue
            for line in block.text.replace("\\\n", " ").splitlines():
                found = re.match(r"\s*(?:\$ |.*\| )?moor ([^|>]*)", line)
                if found:
                    yield pytest.param(found[1], id=f"{block.page}: moor {found[1]}")


@pytest.mark.parametrize("line", sorted(_commands(), key=lambda each: str(each.id)))
def test_commands_of_the_docs_exist(line):
    """
    Every `moor` command of the docs exists, with every option it is given.
    """
    words = [word for word in shlex.split(line, comments=True) if word != "&"]
    command, context = moor, click.Context(moor)
    while isinstance(command, click.Group) and words:
        command = command.get_command(context, words.pop(0))
        assert command is not None, line
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}

    assert set() == given - known


def test_every_command_has_its_place():
    """
    Every command of `moor` is named on some page of the docs.
    """
    everything = "\n".join(text_of(page) for page in pages())
    missing = [name for name in _names(moor, "moor") if not re.search(rf"{name}\b", everything)]

    assert missing == []


def _names(command, name):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from _names(command.get_command(context, each), f"{name} {each}")
    else:
        yield name
