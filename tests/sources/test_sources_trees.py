"""What reading one folder of a Git repository promises, however little of it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.model.errors import SourceRefused
from moorage.sources.trees import EMPTY, Entry, Tree, differences, read_tree

MODES = (0o100644, 0o100755, 0o40000, 0o120000, 0o160000)
# Ids that look like entries, so that a search finds what is none.
OIDS = (
    "61" * 20,
    "2061003130303634342062" + "00" * 9,
    "00" * 20,
    "20" * 20,
    "313030363434206100" + "61" * 11,
)
entries = st.builds(Entry, st.sampled_from(MODES), st.sampled_from(OIDS))
folders = st.dictionaries(st.sampled_from(["a", "b", "a b", "100644 a", "ab", "b.yaml", "zz", "ä"]), entries)


def raw(folder, order=sorted) -> bytes:
    return b"".join(
        b"%o %b\0%b" % (folder[name].mode, name.encode(), bytes.fromhex(folder[name].oid))
        for name in order(folder)
    )


def read(content: bytes, like: Tree | None = None) -> Tree:
    return read_tree(content, 20, "git.example/shop", like)


def many(count: int, **changed: str) -> bytes:
    return raw({f"a{at:05}": Entry(0o40000, changed.get(f"a{at:05}", "11" * 20)) for at in range(count)})


@given(folders)
def test_trees_are_read_as_they_were_written(folder):
    """
    Every name has its mode and id, whether it is searched for or all are read, and other names are not there.
    """
    tree = read(raw(folder))
    searched = Tree(tree.raw, 20, tree.starts)

    assert folder == dict(tree)
    assert len(folder) == len(tree)
    for name in (*folder, "none", "a\0", "\ud800"):
        searched._asked = -1_000_000
        assert folder.get(name) == searched.get(name)


@given(folders, folders)
def test_likeness_changes_nothing(before, after):
    """
    A tree that is read as one like another is the tree it would be alone, and differs in the names that differ.
    """
    like = read(raw(before))

    tree = read(raw(after), like)

    assert after == dict(tree)
    assert read(raw(after)).starts == tree.starts
    expected = {
        name: (before.get(name), after.get(name))
        for name in {*before, *after}
        if before.get(name) != after.get(name)
    }
    assert expected == {name: (was, now) for name, was, now in differences(like, tree)}


@given(folders, folders, st.binary(max_size=30), st.integers(0, 200))
def test_likeness_hides_no_damage(before, after, noise, at):
    """
    What is refused alone is refused with the same words as a tree like another.
    """
    content = raw(after)
    content = content[:at] + noise + content[at:]
    outcomes = []
    for like in (None, read(raw(before)), read(raw(after))):
        try:
            outcomes.append(dict(read(content, like)))
        except SourceRefused as refused:
            outcomes.append(str(refused))

    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        pytest.param(b"100644 a00003\0" + b"x" * 20, "twice", id="a name that is there already"),
        pytest.param(b"100644 b\0" + b"x" * 20 + b"100644 b\0" + b"y" * 20, "twice", id="a new name twice"),
        pytest.param(b"40000 .GIT\0" + b"x" * 20, "not allowed", id="a git folder"),
        pytest.param(b"40000 x/y\0" + b"x" * 20, "not allowed", id="a name with a slash"),
        pytest.param(b"40000 short\0xyz", "damaged", id="a cut id"),
    ],
)
@pytest.mark.parametrize("where", ["first", "last"])
def test_refusals_hold_for_what_differs(extra, word, where):
    """
    A change to a big folder that no honest tree holds is refused, although only the change is read.
    """
    plain = many(500)
    changed = extra + plain if where == "first" else plain + extra

    with pytest.raises(SourceRefused, match=word):
        read(changed, read(plain))


def test_only_the_change_of_a_big_folder_is_read():
    """
    After a commit to one of thousands of folders one entry is read, and the places of entries are shared.
    """
    before = read(many(5_000))

    after = read(many(5_000, a02500="22" * 20), before)

    assert after.starts is before.starts
    assert [("a02500", Entry(0o40000, "11" * 20), Entry(0o40000, "22" * 20))] == list(
        differences(before, after)
    )
    assert after["a02500"].oid == "22" * 20
    assert after._entries is None


def test_all_differs_from_nothing():
    """
    Against the empty tree every name is new, or gone.
    """
    tree = read(many(3))

    assert {"a00000", "a00001", "a00002"} == {
        name for name, was, _ in differences(EMPTY, tree) if was is None
    }
    assert {"a00000", "a00001", "a00002"} == {
        name for name, _, now in differences(tree, EMPTY) if now is None
    }
