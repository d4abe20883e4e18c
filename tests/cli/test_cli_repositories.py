"""Commands that read Git repositories: a word on the command line, or an application's own source."""

import pytest
from cli_kit import application, git_repository, lines, run, settled

from moorage.formats.yaml import dump, dump_all

OLD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "blue"}}
NEW = {**OLD, "data": {"colour": "red"}}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository with a tag v1, and a later commit on main."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "shop"
    git_repository(folder, {"web/app.yaml": dump(OLD)}, tag="v1")
    return git_repository(folder, {"web/app.yaml": dump(NEW)})


def test_render_a_repository(repository):
    """
    A repository, a path in it and a ref, in one word, are rendered like a folder.
    """
    latest, tagged = (
        lines(run("render", f"{repository}//web{ref}", "-o", "json")) for ref in ("", "?ref=v1")
    )

    assert latest == [NEW]
    assert tagged == [OLD]


def test_render_an_application_s_own_source(repository, tmp_path):
    """
    With --app alone the application's own repository is read, at its target revision or another.
    """
    source = {"repoURL": repository, "path": "web", "targetRevision": "v1"}
    file = tmp_path / "application.yaml"
    file.write_text(dump_all([application(spec={"source": source})]))

    assert lines(run("render", "--app", str(file), "-o", "json")) == [OLD]
    assert lines(run("render", "--app", str(file), "--revision", "main", "-o", "json")) == [NEW]


@pytest.mark.parametrize(
    ("word", "code", "told"),
    [
        pytest.param("//nowhere", 7, "nowhere", id="no path"),
        pytest.param("//web?ref=v9", 7, "v9", id="no ref"),
        pytest.param("-absent", 5, "shop-absent", id="no repository"),
    ],
)
def test_what_is_not_in_a_repository_is_told(repository, word, code, told):
    """
    A path, ref or repository that is not there is named, with its exit code.
    """
    result = run("render", repository + word)

    assert result.exit_code == code, result.output
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_diff_of_two_revisions(repository):
    """
    Two revisions of a repository can be compared with each other.
    """
    result = run(
        "diff", "--live", f"{repository}//web?ref=v1", "--target", f"{repository}//web", "-o", "json"
    )

    assert lines(result)[0]["fields"] == [{"path": ".data.colour", "live": "blue", "target": "red"}]


def test_diff_of_an_application_reads_its_source(shop, repository):
    """
    `app diff` renders what the application's repository says now, or at another revision.
    """
    marks = {"argocd.argoproj.io/tracking-id": "sourced:/ConfigMap:shop/settings"}
    live = {**OLD, "metadata": {"name": "settings", "annotations": marks}}
    shop.request("POST", "/api/v1/namespaces/shop/configmaps", live)
    shop.add(
        application("sourced", spec={"source": {"repoURL": repository, "path": "web"}}, status=settled())
    )

    latest = shop.moor("app", "diff", "sourced", "-o", "json")
    tagged = shop.moor("app", "diff", "sourced", "--revision", "v1")

    assert latest.exit_code == 1, latest.output
    assert lines(latest)[0]["fields"] == [{"path": ".data.colour", "live": "blue", "target": "red"}]
    assert (tagged.exit_code, tagged.stdout) == (0, "")
