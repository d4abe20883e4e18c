"""What Git says: objects, the protocol of its reading process, lists of refs, and its complaints."""

from __future__ import annotations

import asyncio
from functools import cache

from fuzz.target import Target
from moorage.model.errors import Error
from moorage.sources import trees
from moorage.sources.credentials import Credentials, Secret, scrub
from moorage.sources.gitfaults import classify, is_damaged
from moorage.sources.objects import Answers, parse_commit
from moorage.sources.refs import check_ref, find_ref, is_short_id, parse_refs
from moorage.sources.trees import Tree, differences

_OID = "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689"
_RAW = bytes.fromhex(_OID)


def read_tree(data: bytes) -> None:
    """Read a raw tree object, alone and as one like another; both must see the same."""
    tree = _read_or_refusal(data)
    alike = _read_or_refusal(data, _LIKE)
    if isinstance(tree, Error) or isinstance(alike, Error):
        assert str(tree) == str(alike), "what a tree is like changes whether it is refused"
        raise tree if isinstance(tree, Error) else AssertionError
    assert dict(tree) == dict(alike), "what a tree is like changes what is in it"
    assert {name: now for name, _, now in differences(_LIKE, tree) if now} == {
        name: entry for name, entry in tree.items() if _LIKE.get(name) != entry
    }, "a difference is overlooked"
    assert all(len(entry.oid) == 40 for entry in tree.values()), "an object id of another length"


def _read_or_refusal(data: bytes, like: Tree | None = None) -> Tree | Error:
    try:
        return trees.read_tree(data, 20, "git.example/shop", like)
    except Error as error:
        return error


def read_commit(data: bytes) -> None:
    """Read a raw commit object."""
    parse_commit(_OID, data)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def read_answers(data: bytes) -> None:
    """Read what the reading process writes, in two pieces, as the answers to three questions; nobody waits on."""
    answers = Answers("git.example/shop", _loop())
    futures = [answers.ask(verb, [_OID]) for verb in ("info", "contents", "info")]
    middle = data.find(b"|")
    answers.data_received(data[: max(middle, 0)])
    answers.data_received(data[middle + 1 :])
    answers.connection_lost(None)
    assert all(future.done() for future in futures), "somebody waits for an answer forever"
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise errors[0]


def read_refs(data: bytes) -> None:
    """Read what a server lists, and look the first line up in it."""
    text = data.decode("utf-8", "surrogateescape")
    asked, _, listed = text.partition("\n")
    table = parse_refs(listed)
    ref = check_ref(asked, "git.example/shop")
    find_ref(table, ref)
    find_ref(table, ref, "web-")
    is_short_id(ref)


def read_complaint(data: bytes) -> None:
    """Make one of our errors of what a failing git says; no secret is in it."""
    said = scrub(data.decode("utf-8", "replace"), Credentials("ann", Secret("hunter2")))
    assert "hunter2" not in said, "a secret was shown"
    is_damaged(said)
    raise classify("git.example/shop", said)


_TREE = b"".join(
    mode + b" " + name + b"\0" + _RAW
    for mode, name in (
        (b"100644", b"Chart.yaml"),
        (b"40000", b"charts"),
        (b"120000", b"link"),
        (b"160000", b"module"),
        (b"100755", b"run me.sh"),
    )
)
_LIKE = trees.read_tree(_TREE, 20, "git.example/shop")
_COMMIT = f"""tree {_OID}
parent {_OID}
parent {_OID}
author Ann Ä <ann@example.com> 1700000000 +0100
committer Bob <bob@example.com> 1700000000 -0500
gpgsig -----BEGIN PGP SIGNATURE-----
 abc
 -----END PGP SIGNATURE-----

Make it so

With a body.
""".encode()
_ANSWERS = (
    f"{_OID} blob 5\n|{_OID} blob 5\nhello\n{_OID} missing\n".encode(),
    f"{_OID} tree 0\n{_OID} missing\n{_OID} ambiguous\n|".encode(),
    f"{_OID} commit 12\n{_OID} com|mit 12\nhello\nworld\n\n{_OID} tag 3\n".encode(),
)
_LISTED = f"""v1.x
ref: refs/heads/main\tHEAD
{_OID}\tHEAD
{_OID}\trefs/heads/main
{_OID}\trefs/tags/v1.2.0
{_OID}\trefs/tags/v1.2.0^{{}}
{_OID}\trefs/tags/web-1.10.0-rc.1
""".encode()
_COMPLAINTS = (
    b"fatal: unable to access 'https://ann:hunter2@git.example/': The requested URL returned error: 403\n",
    b"remote: Repository not found.\nfatal: repository 'https://git.example/x' not found\n",
    b"error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF\n",
    b"Authorization: Basic YW5uOmh1bnRlcjI=\nssh: connect to host x port 22: Connection refused\n",
)
_OIDS = (_OID.encode(), b"5e1c309", b"0" * 40, b"f" * 64)

TARGETS = (
    Target(
        "git-tree",
        read_tree,
        (_TREE, _TREE[:40], b""),
        (
            b"100644 ",
            b"40000 ",
            b"\0",
            b" ",
            _RAW,
            b".git",
            b"git~1",
            b"..",
            b"/",
            b"100644 a\0" + _RAW,
            b"-1 ",
            b"9 ",
        ),
    ),
    Target(
        "git-commit",
        read_commit,
        (_COMMIT, _COMMIT[:60], b"\n\n"),
        (b"tree ", b"parent ", b"author ", b"\n", b"\n\n", b" +0000", b" -1 ", b"> ", b"<", *_OIDS),
    ),
    Target(
        "git-answers",
        read_answers,
        _ANSWERS,
        (
            b" blob ",
            b" missing",
            b"\n",
            b" ",
            b"|",
            b"-1",
            b"9" * 5000,
            b"5",
            b"0x5",
            b" tree ",
            b"\0",
            *_OIDS,
        ),
    ),
    Target(
        "git-refs",
        read_refs,
        (_LISTED, _LISTED.replace(b"v1.x", b"main"), _LISTED.replace(b"v1.x", b">=1.0 <2 || ^3")),
        (
            b"\t",
            b"\n",
            b"refs/",
            b"heads/",
            b"tags/",
            b"^{}",
            b"ref: ",
            b"HEAD",
            b"^",
            b"~",
            b">=",
            b"1.",
            b"x",
            b"||",
            *_OIDS,
        ),
    ),
    Target(
        "git-complaints",
        read_complaint,
        _COMPLAINTS,
        (
            b"fatal: ",
            b"error: ",
            b"returned error: ",
            b"404",
            b"'",
            b"\n",
            b"hunter2",
            b"https://",
            b"@",
            b"\x1b[",
            b"curl ",
        ),
        longest=16_384,
        always_refuses=True,
    ),
)
