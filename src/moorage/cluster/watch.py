"""
One kind's watch as a state machine: what a line or an answer means, and what to ask next.

The states::

    Empty ──▶ Listing ──▶ Watching          pages, then a watch from their version
      │          ▲            │
      └─▶ StreamingList ──────┘             one stream gives list and watch
                 ▲
                 └── Empty ◀── (410 anywhere)

`watch_step` is a pure function of one event; it returns the next state and what
that means for a store. A store that obeys keeps what it has while a new list is
gathered and swaps when told `Completed`, so a list is taken whole or not at
all. `LineSplitter` makes lines of pieces; how a stream is cut never matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from moorage.cluster.records import went_back
from moorage.model.errors import ApiFailed

# --- states


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is known, or what is known is too old: the next request is a new list."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Pages are being read. `token` names the next one."""

    token: str


@dataclass(frozen=True, slots=True)
class StreamingList:
    """A stream is giving the whole list; a bookmark will end it."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The store is complete up to `version`, and a watch from there goes on."""

    version: str


State = Empty | Listing | StreamingList | Watching

# --- events


@dataclass(frozen=True, slots=True)
class StreamAsked:
    """A streaming list was begun."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: tuple[msgspec.Raw, ...]
    version: str
    token: str


@dataclass(frozen=True, slots=True)
class TooOld:
    """The server answered 410: our version or token is older than its memory."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ended, for whatever reason."""


Event = StreamAsked | Page | TooOld | Cut | bytes
"""What can happen; bytes are one line of a stream."""

# --- changes


@dataclass(frozen=True, slots=True)
class Began:
    """A new list begins: gather aside. What was gathered before and not completed is void."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """An object of the new list."""

    body: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Completed:
    """The new list is whole as of `version`: it replaces what the store has of this kind up to there."""

    version: str


@dataclass(frozen=True, slots=True)
class Put:
    """An object was added or changed."""

    body: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Removed:
    """An object is gone; this is how it was last."""

    body: msgspec.Raw


Change = Began | Gathered | Completed | Put | Removed


class _Metadata(msgspec.Struct):
    resourceVersion: str = ""  # noqa: N815 the API's name
    annotations: dict[str, str] | None = None


class _Head(msgspec.Struct):
    metadata: _Metadata | None = None
    code: int = 0


class _ListMetadata(msgspec.Struct):
    resourceVersion: str = ""  # noqa: N815 the API's name
    token: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


_line = msgspec.json.Decoder(_Line)
_head = msgspec.json.Decoder(_Head)
_list = msgspec.json.Decoder(_List)
_INITIAL_END = "k8s.io/initial-events-end"


class WatchFault(ApiFailed):
    """The server ended a watch with an error of its own."""


def watch_step(state: State, event: Event) -> tuple[State, tuple[Change, ...]]:
    """
    Return the state after an event and what the store must do.

    Raises WatchFault when a line is an error other than 410, or is not an event at all.
    """
    match event:
        case bytes():
            return _read_line(state, event)
        case StreamAsked():
            return StreamingList(), (Began(),)
        case Page():
            begun: tuple[Change, ...] = () if isinstance(state, Listing) else (Began(),)
            changes = (*begun, *map(Gathered, event.items))
            if event.token:
                return Listing(event.token), changes
            return Watching(event.version), (*changes, Completed(event.version))
        case TooOld():
            return Empty(), ()
        case Cut():
            # A list that was cut is void; a watch goes on where it was.
            return (state if isinstance(state, Watching) else Empty()), ()


def read_page(body: bytes) -> Page:
    """Return the page in a list answer, its objects not yet decoded. Raises WatchFault when it is none."""
    try:
        listed = _list.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WatchFault("the API server answered a list request with something else") from error
    items = tuple(msgspec.Raw(bytes(item)) for item in listed.items or ())
    return Page(items, listed.metadata.resourceVersion, listed.metadata.token)


def _read_line(state: State, line: bytes) -> tuple[State, tuple[Change, ...]]:
    try:
        event = _line.decode(line)
        head = _head.decode(event.object)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WatchFault("a watch gave a line that is not an event") from error
    if event.type == "ERROR":
        if head.code in (410, 504):
            return Empty(), ()
        raise WatchFault(f"the API server ended a watch with error {head.code}")
    metadata = head.metadata or _Metadata()
    if isinstance(state, Watching) and went_back(metadata.resourceVersion, state.version):
        # The server counts anew, as after a backup was restored, so this is not what happened next.
        return Empty(), ()
    if event.type == "BOOKMARK":
        ends = (metadata.annotations or {}).get(_INITIAL_END) == "true"
        if isinstance(state, StreamingList):
            return (
                (Watching(metadata.resourceVersion), (Completed(metadata.resourceVersion),))
                if ends
                else (state, ())
            )
        return Watching(metadata.resourceVersion), ()
    # The bytes of the line are freed once the object is copied out of it.
    body = msgspec.Raw(bytes(event.object))
    if isinstance(state, StreamingList):
        return state, (Gathered(body),)
    change: Change = Removed(body) if event.type == "DELETED" else Put(body)
    return Watching(metadata.resourceVersion), (change,)


class LineSplitter:
    """
    Makes lines of pieces. The same bytes give the same lines, however they are cut.

    Raises WatchFault when a line grows beyond `limit` bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Give the lines that end in this piece; empty lines are left out."""
        *lines, rest = piece.split(b"\n")
        if lines:
            if self._rest:
                lines[0] = b"".join((*self._rest, lines[0]))
                self._rest, self._held = [], 0
            yield from (line for line in lines if line and not line.isspace())
        if rest:
            self._held += len(rest)
            if self._held > self._limit:
                raise WatchFault(f"a watch gave a line of more than {self._limit} bytes")
            self._rest.append(rest)
