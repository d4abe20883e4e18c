"""Which commit a name in a spec means, over a real server and as a pure table."""

from __future__ import annotations

import pytest
from sources_kit import place

from moorage.model.errors import RevisionNotFound, SourceRefused
from moorage.sources.refs import RefTable, check_ref, find_ref, is_short_id, parse_refs

A, B, C = "a" * 40, "b" * 40, "c" * 40
LISTED = f"ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/tags/v1.0.0\n{C}\trefs/tags/v1.0.0^{{}}\n"
TABLE = RefTable(
    dict.fromkeys(
        (
            "HEAD",
            "refs/heads/main",
            "refs/heads/1.x",
            "refs/heads/both",
            "refs/tags/both",
            "refs/tags/v1.2.0",
            "refs/tags/v1.10.0",
            "refs/tags/v2.0.0-rc.1",
            "refs/tags/web-3.0.0",
            "refs/pull/7/head",
        ),
        A,
    ),
    "refs/heads/main",
)


def test_annotated_tags_are_peeled():
    """
    An annotated tag means the commit it was made for, and HEAD tells its branch.
    """
    expected = RefTable({"HEAD": A, "refs/heads/main": A, "refs/tags/v1.0.0": C}, "refs/heads/main")

    assert expected == parse_refs(LISTED)


@pytest.mark.parametrize(
    ("ref", "prefix", "expected"),
    [
        pytest.param("", "", "HEAD", id="empty is HEAD"),
        pytest.param("HEAD", "", "HEAD", id="HEAD"),
        pytest.param("main", "", "refs/heads/main", id="branch"),
        pytest.param("v1.2.0", "", "refs/tags/v1.2.0", id="tag"),
        pytest.param("both", "", "refs/heads/both", id="a branch before a tag"),
        pytest.param("refs/tags/both", "", "refs/tags/both", id="full name"),
        pytest.param("refs/pull/7/head", "", "refs/pull/7/head", id="any full name"),
        pytest.param("heads/main", "", None, id="half a name means nothing"),
        pytest.param("v1.*", "", "refs/tags/v1.10.0", id="constraint by version, not text"),
        pytest.param(">=2.0.0-0", "", "refs/tags/v2.0.0-rc.1", id="a pre-release where one is named"),
        pytest.param(">=2", "", None, id="no pre-release where none is named"),
        pytest.param("1.x", "", "refs/tags/v1.10.0", id="a constraint before a branch"),
        pytest.param("9.x", "", None, id="nothing allowed"),
        pytest.param(">=1", "web-", "refs/tags/web-3.0.0", id="tags of one prefix"),
        pytest.param("3.0.0", "web-", "refs/tags/web-3.0.0", id="prefix before an exact version"),
    ],
)
def test_a_name_means_one_ref(ref, prefix, expected):
    """
    A revision in a spec is found by Argo CD's order: constraint, HEAD, full name, branch, tag.
    """
    assert expected == find_ref(TABLE, ref, prefix)


@pytest.mark.parametrize(
    "ref",
    [
        "--output=x",
        "-x",
        "a..b",
        "refs/heads/../../x",
        "a b",
        "a\x1bb",
        "a\nb",
        "main~1",
        "main^",
        "a:b",
        "x.lock",
        "@{-1}",
        "/a",
        "a/",
        "a//b",
        "a\\b",
        ".a",
        "x" * 501,
    ],
)
def test_a_ref_no_program_can_misread(ref):
    """
    Names with a dash in front, control characters or ref arithmetic are refused before git is started.
    """
    with pytest.raises(SourceRefused) as refused:
        check_ref(ref, "shop")

    assert "is not a branch, tag, commit or constraint" in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abcdef1", True), ("abcdef", False), (A, False), ("main", False), ("deadbeef", True)],
)
def test_short_ids_are_told_apart(text, expected):
    """
    Seven or more hexadecimal characters may be a short commit; forty are a whole one.
    """
    assert expected == is_short_id(text)


async def test_every_kind_of_ref_over_http(tmp_path):
    """
    Branch, tag, annotated tag, commit, short commit, HEAD and constraint all give the commit they mean.
    """
    async with place(tmp_path) as at:
        first = at.git("rev-parse", "main")
        at.git("tag", "v1.0.0", first)
        second = at.commit({"web/app.yaml": "kind: Ingress\n"})
        at.git("-c", "user.name=x", "-c", "user.email=x@x", "tag", "-a", "-m", "Two", "v1.1.0", second)
        at.git("branch", "feature/x", first)
        at.git("update-ref", "refs/changes/1", first)

        found = {
            ref: await at.resolve(ref)
            for ref in (
                "main",
                "",
                "HEAD",
                "feature/x",
                "v1.0.0",
                "v1.1.0",
                "1.*",
                first,
                first[:9],
                "refs/changes/1",
                "refs/heads/main",
            )
        }

    assert found == {
        "main": second,
        "": second,
        "HEAD": second,
        "feature/x": first,
        "v1.0.0": first,
        "v1.1.0": second,
        "1.*": second,
        first: first,
        first[:9]: first,
        "refs/changes/1": first,
        "refs/heads/main": second,
    }


async def test_tags_of_one_prefix(tmp_path):
    """
    With a tag prefix only tags that begin with it count, and versions are compared without it.
    """
    async with place(tmp_path) as at:
        first = at.git("rev-parse", "main")
        at.git("tag", "web-1.0.0", first)
        second = at.commit({"x": "1"})
        at.git("tag", "api-9.0.0", second)

        assert first == await at.resolve("*", tag_prefix="web-")
        assert second == await at.resolve("*", tag_prefix="api-")


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("nowhere", "there is no branch, tag or matching version named nowhere"),
        ("9.x", "there is no branch, tag or matching version named 9.x"),
        ("d" * 40, "commit dddddddddddd is not there"),
        ("deadbeef", "no branch, tag or commit is named deadbeef"),
    ],
)
async def test_what_is_not_there_is_named(tmp_path, ref, words):
    """
    A ref or commit that does not exist is an error that names it and the repository, and no password.
    """
    async with place(tmp_path) as at:
        with pytest.raises(RevisionNotFound) as missing:
            await at.resolve(ref)

    assert words in str(missing.value)
    assert at.url in str(missing.value)


async def test_an_empty_repository_says_so(tmp_path):
    """
    A repository without commits is told from one without the ref.
    """
    async with place(tmp_path) as at:
        at.server.create("empty")
        with pytest.raises(RevisionNotFound, match="has no commits; push one to it first"):
            await at.sources.resolve(at.sources.repository(at.server.url("empty")), "HEAD")


async def test_a_branch_that_becomes_a_folder(tmp_path):
    """
    A branch ``a`` that is replaced by ``a/b`` is followed without a conflict of files in the mirror.
    """
    async with place(tmp_path) as at:
        first = at.git("rev-parse", "main")
        at.git("branch", "a", first)
        assert first == await at.resolve("a")

        at.git("branch", "-D", "a")
        second = at.commit({"x": "1"}, branch="a/b")

        assert second == await at.resolve("a/b", fresh=True)
