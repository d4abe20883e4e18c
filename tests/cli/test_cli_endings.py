"""How commands end: exit codes, errors, colours, pipes, interruptions, and how soon the help comes."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import click
import pytest
from cli_kit import run

import moorage
from moorage.cli import exits
from moorage.cli.exits import Exit, exit_of, remedy_of
from moorage.cli.root import COMMANDS, Root, Row
from moorage.cli.terminal import clean, colour_wanted, table
from moorage.model import errors

MOOR = (sys.executable, "-m", "moorage")


def every_error(root=errors.Error):
    return [root, *(found for kind in root.__subclasses__() for found in every_error(kind))]


def leaves():
    """All errors of the model that may be raised."""
    branches = (errors.Error, errors.Waiting, errors.Transient, errors.Terminal)
    return [e for e in every_error() if e.__module__ == "moorage.model.errors" and e not in branches]


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code(kind):
    """
    Each error ends with a code of the table that is neither success nor a fault of ours.
    """
    assert exit_of(kind("x")) in set(Exit) - {Exit.DONE, Exit.NO, Exit.USAGE, Exit.BUG}
    assert isinstance(remedy_of(kind("x")), str)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exits.TimedOut("x"), 124),
        (exits.Missing("x"), 7),
        (exits.Denied("x"), 6),
        (exits.Busy("x"), 3),
        (exits.Exists("x"), 5),
        (errors.PathNotFound("x"), 7),
        (errors.RevisionNotFound("x"), 7),
        (errors.NotPermitted("x"), 6),
        (errors.CredentialsRefused("x"), 6),
        (errors.ClusterUnreachable("x"), 4),
        (errors.SourceUnreachable("x"), 4),
        (errors.InvalidManifest("x"), 5),
        (errors.LiveStateUnknown("x"), 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_exit_codes_are_these(error, code):
    """
    Scripts may rely on the codes: they do not change.
    """
    assert exit_of(error) == code


def test_every_code_has_a_meaning():
    """
    No exit code is without its sentence in the reference.
    """
    assert {code for code, _ in exits.codes()} == set(Exit)


def ending(raised):
    """Return a command line with one command that raises something."""

    @click.command()
    def command():
        raise raised

    root = Root("moor", rows={"x": Row("", "", "")})
    root.get_command = lambda ctx, name: command
    return root


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        pytest.param(errors.InvalidSpec("a: b"), 5, "Error: a: b\n", id="ours"),
        pytest.param(errors.InvalidSpec("a\x1b[2Jb"), 5, "Error: a�[2Jb\n", id="control characters"),
        pytest.param(KeyboardInterrupt(), 130, "", id="interrupted"),
        pytest.param(click.Abort(), 130, "", id="aborted"),
        pytest.param(FileNotFoundError(2, "No such file", "f"), 7, "Error: f: No such file\n", id="no file"),
        pytest.param(PermissionError(13, "Denied", "f"), 5, "Error: f: Denied\n", id="unreadable"),
        pytest.param(BrokenPipeError(32, "x"), 141, "", id="pipe"),
        pytest.param(RuntimeError("odd"), 70, "RuntimeError: odd", id="a bug"),
    ],
)
def test_what_is_raised_becomes_an_ending(raised, code, told):
    """
    Errors become a message and a code; only a fault of our own is told with its traceback.
    """
    result = click.testing.CliRunner().invoke(ending(raised), ["x"])

    assert result.exit_code == code
    assert told in result.stderr
    assert ("Traceback" in result.stderr) == (code == 70)
    assert ("\x1b" in result.stderr) is False


def test_a_remedy_is_told_below_the_message():
    """
    Where an error cannot know what to do, the table does.
    """
    result = click.testing.CliRunner().invoke(ending(errors.ClusterUnreachable("no answer")), ["x"])

    assert result.stderr.splitlines() == [
        "Error: no answer",
        f"       {remedy_of(errors.ClusterUnreachable(''))}",
    ]


def test_unknown_commands_are_usage_errors():
    """
    A wrong command line ends with 2 and says where the help is.
    """
    result = run("nonsense")

    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr


def test_an_unreachable_cluster_is_told(tmp_path):
    """
    A cluster that does not answer is one message with a remedy, and the code that trying again may help.
    """
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {token: t}}]\n"
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\n"
    )

    result = run("app", "list", "--kubeconfig", str(kubeconfig))

    assert result.exit_code == 4
    assert "http://127.0.0.1:1 cannot be reached" in result.stderr
    assert "--kubeconfig" in result.stderr


def test_a_missing_kubeconfig_is_told(tmp_path):
    """
    A kubeconfig that is not there is named, and the code says that a person must act.
    """
    result = run("app", "list", "--kubeconfig", str(tmp_path / "none"))

    assert result.exit_code == 5
    assert str(tmp_path / "none") in result.stderr


def test_help_loads_nothing_heavy():
    """
    The root of `moor` imports no command and no heavy library, so that help comes at once.
    """
    modules = "import sys, moorage.cli.root; print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True).stdout.split()
    )

    heavy = {"rich", "aiohttp", "yaml", "orjson", "asyncio", "msgspec", "starlette", "moorage.engine"}
    assert heavy & loaded == set()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there(name):
    """
    Each command of the table can be imported and has a help of its own.
    """
    result = run(name, "--help")

    assert result.exit_code == 0, result.output
    assert "Usage: moor" in result.stdout


def test_the_version_is_the_package_s():
    """
    `moor --version` tells the version of pyproject.toml.
    """
    project = tomllib.loads((Path(moorage.__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert run("--version").stdout == f"moor {project['version']}\n"
    assert f"moorage    {project['version']}" in run("version").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    """
    Each shell gets a script that asks moor itself.
    """
    result = run("completion", shell)

    assert result.exit_code == 0
    assert "_MOOR_COMPLETE" in result.stdout


def test_completion_answers():
    """
    What the script asks is answered with commands, options and choices.
    """
    env = {"_MOOR_COMPLETE": "bash_complete", "COMP_WORDS": "moor app li", "COMP_CWORD": "2"}

    assert run(env=env).stdout == "plain,list\n"


def test_settings_tell_their_origin(tmp_path):
    """
    Each setting is listed with its value and whether that is a default, a file's or a variable's.
    """
    file = tmp_path / "moor.toml"
    file.write_text("[serve]\nnamespace = 'gitops'\n")

    result = run("settings", "--settings", str(file), env={"MOORAGE_LOG_LEVEL": "debug"})

    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
    assert rows["serve.namespace"] == ["serve.namespace", "gitops", str(file), "MOORAGE_SERVE_NAMESPACE"]
    assert rows["log.level"] == ["log.level", "debug", "MOORAGE_LOG_LEVEL", "MOORAGE_LOG_LEVEL"]
    assert rows["limits.passes"][2] == "default"
    assert run("settings", "-o", "json").exit_code == run("settings", "-o", "yaml").exit_code == 0


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "expected"),
    [
        pytest.param("auto", {}, True, True, id="terminal"),
        pytest.param("auto", {}, False, False, id="pipe"),
        pytest.param("auto", {"NO_COLOR": "1"}, True, False, id="NO_COLOR"),
        pytest.param("auto", {"NO_COLOR": ""}, True, True, id="NO_COLOR empty"),
        pytest.param("auto", {"TERM": "dumb"}, True, False, id="dumb"),
        pytest.param("always", {"NO_COLOR": "1"}, False, True, id="always"),
        pytest.param("never", {}, True, False, id="never"),
    ],
)
def test_when_there_are_colours(choice, environment, terminal, expected):
    """
    Colours are for terminals, unless NO_COLOR or a flag says otherwise.
    """
    assert expected == colour_wanted(choice, environment, terminal)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("web", "web", id="plain"),
        pytest.param("grün → 東", "grün → 東", id="letters"),
        pytest.param("a\x1b]0;x\x07b", "a�]0;x�b", id="escape"),
        pytest.param("a\rb\nc", "a�b�c", id="lines"),
        pytest.param("a\x9bb\u202ec", "a�b�c", id="C1 and direction"),
    ],
)
def test_foreign_text_cannot_steer_a_terminal(text, expected):
    """
    Control and direction characters are replaced, everything people can read stays.
    """
    assert expected == clean(text)


def test_columns_are_as_wide_as_their_cells():
    """
    Cells are cut nowhere, wide letters count twice, and nothing trails.
    """
    rows = [("東", "a" * 200), ("\x1b", "")]

    assert table(("A", "B"), rows).splitlines() == ["A   B", "東  " + "a" * 200, "�"]


def test_json_steers_no_terminal(tmp_path):
    """
    JSON stays the same value, with control and direction characters escaped.
    """
    body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: "\\x1b\\x9b\\u202e"}\n'

    result = run("render", "-", "-o", "json", stdin=body)

    assert re.search("[\x1b\x9b\u202e]", result.stdout) is None
    assert '"x":"\\u001b\\u009b\\u202e"' in result.stdout


def test_a_reader_that_stops_is_no_error(tmp_path):
    """
    When the reader of a pipe goes away the command ends quietly with 141.
    """
    (tmp_path / "many.yaml").write_text(
        "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{n}}}\n" for n in range(3000))
    )
    command = subprocess.Popen(
        [*MOOR, "render", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    command.stdout.readline()
    command.stdout.close()
    errors_told = command.stderr.read()
    command.stderr.close()

    assert (command.wait(30), errors_told) == (141, "")


def test_ctrl_c_ends_a_waiting_command(shop):
    """
    Ctrl-C while a command watches ends it with 130 and without a traceback.
    """
    command = subprocess.Popen(
        [*MOOR, "app", "list", "--watch", "-l", "t=nobody", "-o", "json", "--kubeconfig", shop.kubeconfig],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A shell that starts something in the background makes it deaf to Ctrl-C, and so its children.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert command.stdout.readline() == "{\n"  # it listed, and goes on to watch
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=30)

    assert command.returncode == 130
    assert "Traceback" not in told
