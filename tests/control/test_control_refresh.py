"""Which applications does a commit concern?"""

from __future__ import annotations

from moorage.control.refresh import Following, Index
from moorage.model.identity import AppKey

MAIN = Following("git.example.com/shop", "main")
ONE, TWO, THREE = (AppKey("argocd", name) for name in ("one", "two", "three"))


def index() -> Index:
    """Return an index of three followers of one ref that read different paths."""
    built = Index()
    for app, paths in ((ONE, ["one"]), (TWO, ["two", "shared/base"]), (THREE, ["."])):
        built.follow(app, MAIN)
        built.read(app, paths)
    return built


def test_only_readers_of_what_changed_are_concerned() -> None:
    """
    A changed file concerns who reads it, its folder or a folder above it.
    """
    assert index().concerned(MAIN, ["two/deep/file.yaml"]) == {TWO, THREE}
    assert index().concerned(MAIN, ["shared/base/kustomization.yaml", "one/a.yaml"]) == {ONE, TWO, THREE}


def test_a_name_that_only_begins_alike_is_another() -> None:
    """
    `one-more` is not below `one`.
    """
    assert index().concerned(MAIN, ["one-more/a.yaml"]) == {THREE}


def test_unknown_changes_concern_everybody() -> None:
    """
    When nobody knows what changed, every follower looks.
    """
    assert index().concerned(MAIN, None) == {ONE, TWO, THREE}


def test_who_was_never_rendered_is_always_concerned() -> None:
    """
    An application whose reads are not known yet looks at every move.
    """
    built = index()
    new = AppKey("argocd", "new")
    built.follow(new, MAIN)

    assert built.concerned(MAIN, ["one/a.yaml"]) == {ONE, THREE, new}


def test_following_another_ref_forgets_the_first() -> None:
    """
    An application that follows something else is not told of what it followed before.
    """
    built = index()
    built.follow(ONE, Following(MAIN.repository, "next"))

    assert built.concerned(MAIN, ["one/a.yaml"]) == {THREE}
    assert built.followers(MAIN) == {TWO, THREE}


def test_the_last_follower_takes_the_repository_along() -> None:
    """
    A repository nobody follows is not looked at any more.
    """
    built = index()
    for app in (ONE, TWO, THREE):
        built.forget(app)

    assert built.repositories == frozenset()
    assert built.refs(MAIN.repository) == frozenset()
