"""
What does a YAML text say, read the way Kubernetes reads it?

Everything that reads manifests asks here: the renderers, the sandbox, the
command line. The events come from libyaml; no constructor that could make
anything but plain JSON values is ever involved. Size, depth, the number of
documents and what aliases expand to are bounded while reading, so a few lines
of anchors cannot stand for a billion nodes.

Errors name file, line and column and say what to do; they never quote content.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import yaml
from yaml._yaml import CParser

from moorage.formats.scalars import NotJson, Scalar, key_text, resolve
from moorage.formats.yaml_writing import dump, dump_all
from moorage.model.errors import InvalidManifest, LimitExceeded

__all__ = ["Document", "Limits", "dump", "dump_all", "iterate", "load", "load_all"]

_MISSING: Any = object()
_MERGE: Any = object()
_CACHED_SCALARS = 5_000
_STR, _BINARY = "tag:yaml.org,2002:str", "tag:yaml.org,2002:binary"
_TYPED = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))
_PYTHON = "tag:yaml.org,2002:python/"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one text may hold; `nodes` counts every node an alias stands for each time it is used."""

    size: int = 50 * 1024 * 1024
    depth: int = 200
    documents: int = 50_000
    nodes: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text: its JSON value and the line it begins at (counted from 1)."""

    value: Any
    line: int


def load_all(
    text: str | bytes, *, origin: str = "", strict: bool = True, limits: Limits = Limits()
) -> list[Document]:
    """
    Return the documents of a text, empty ones included as null.

    Args:
        text: UTF-8 or UTF-16 bytes, or text.
        origin: The file name used in errors.
        strict: Whether a key given twice is an error; otherwise the last wins.
        limits: When to stop reading.

    Raises:
        InvalidManifest: the text is not YAML, or not JSON-compatible.
        LimitExceeded: it is larger or deeper than allowed.
    """
    return list(iterate(text, origin=origin, strict=strict, limits=limits))


def load(text: str | bytes, *, origin: str = "", strict: bool = True, limits: Limits = Limits()) -> Any:
    """Return the value of the only document of a text; null when there is none."""
    documents = load_all(text, origin=origin, strict=strict, limits=limits)
    if len(documents) > 1:
        where = f"{origin}:{documents[1].line}" if origin else f"line {documents[1].line}"
        raise InvalidManifest(f"{where}: a second document begins here, one is allowed; remove it")
    return documents[0].value if documents else None


def iterate(
    text: str | bytes,
    *,
    origin: str = "",
    strict: bool = True,
    limits: Limits = Limits(),
    scalars: dict[str, Any] | None = None,
) -> Iterator[Document]:
    """
    Yield the documents of a text one by one; what came before an error has been yielded.

    Args:
        text: UTF-8 or UTF-16 bytes, or text.
        origin: The file name used in errors.
        strict: Whether a key given twice is an error; otherwise the last wins.
        limits: When to stop reading.
        scalars: An empty dict that whoever reads many texts passes with each:
            their words are much the same, and each is understood once.
    """
    if len(text) > limits.size:
        raise LimitExceeded(
            f"{origin or 'YAML'}: larger than the {limits.size} bytes allowed; split it into several files"
        )
    reader = _Reader(_separated(text), origin, strict, limits, {} if scalars is None else scalars)
    try:
        yield from reader.documents()
    except yaml.YAMLError as error:
        raise InvalidManifest(_explain(error, origin)) from None
    except UnicodeError:
        raise InvalidManifest(f"{origin or 'YAML'}: not UTF-8 text; save the file as UTF-8") from None


def _separated(text: str | bytes) -> str | bytes:
    # kubectl and Helm take a separator with a comment right behind it; YAML wants a space.
    if isinstance(text, bytes):
        return text.replace(b"\n---#", b"\n--- #") if b"\n---#" in text else text
    return text.replace("\n---#", "\n--- #") if "\n---#" in text else text


class _Anchored(NamedTuple):
    value: Any
    size: int
    height: int


class _Reader:
    """Builds values from libyaml's events; one object reads one text."""

    def __init__(
        self, text: str | bytes, origin: str, strict: bool, limits: Limits, scalars: dict[str, Any]
    ) -> None:
        self._parser = CParser(text)
        self._origin = origin
        self._strict = strict
        self._limits = limits
        self._nodes = 0
        self._scalars = scalars
        self._merged: dict[int, set[str]] = {}
        self._anchors: dict[str, _Anchored] = {}
        self._stack: list[tuple[Any, Any, str | None, int, int]] = []
        self._deepest = self._line = 0

    def documents(self) -> Iterator[Document]:
        count = 0
        while True:
            event = self._parser.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if isinstance(event, yaml.DocumentStartEvent):
                count += 1
                if count > self._limits.documents:
                    self._too_much(event, f"more than {self._limits.documents} documents")
                yield self._document()

    def _document(self) -> Document:
        # The hot loop: one turn for each node. `container` is the dict or list
        # being filled, `key` the key whose value comes next; both wait on the
        # stack while an inner container is read.
        next_event = self._parser.get_event
        cached = self._scalars.get
        self._begin()
        container: Any = None
        key: Any = _MISSING
        while True:
            event: Any = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if event.tag is None and not event.style:
                    value = cached(event.value, _MISSING)
                    if value is _MISSING:
                        value = self._plain(event)
                else:
                    value = event.value if event.tag is None else self._tagged(event)
                self._nodes += 1
                if event.anchor:
                    self._anchors[event.anchor] = _Anchored(value, 1, 0)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                container, key = self._open(event, container, key), _MISSING
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                value = container
                container, key = self._close(value)
            elif kind is yaml.AliasEvent:
                value = self._alias(event)
            else:  # the document's end
                return Document(None if key is _MISSING else key, self._line)
            if container.__class__ is dict:
                if key is _MISSING:
                    plain = value.__class__ is str and value not in container and value != "<<"
                    key = value if plain else self._key(event, value, container)
                    continue
                if key is _MERGE:
                    self._merge(event, container, value)
                else:
                    container[key] = value
                key = _MISSING
            elif container is None:
                # The root is complete; only the document's end event can follow.
                key, self._line = value, self._line or event.start_mark.line + 1
            else:
                container.append(value)
            if self._nodes > self._limits.nodes:
                self._too_much(event, f"aliases expand to more than {self._limits.nodes} nodes")

    def _begin(self) -> None:
        self._anchors.clear()
        self._merged.clear()
        self._stack.clear()
        self._deepest = self._line = 0

    def _open(self, event: Any, container: Any, key: Any) -> Any:
        """Put what is being filled aside and return the container that an event begins."""
        if key is _MISSING and container.__class__ is dict:
            self._fail(event, "a map key must be a scalar")
        if event.tag is not None:
            self._check_tag(event)
        anchor = event.anchor
        self._stack.append((container, key, anchor, self._nodes, self._deepest))
        self._nodes += 1
        depth = len(self._stack)
        if anchor or depth > self._deepest:
            self._deepest = depth
            self._check_depth(event, depth)
        if not self._line:
            self._line = event.start_mark.line + 1
        return {} if type(event) is yaml.MappingStartEvent else []

    def _close(self, value: Any) -> tuple[Any, Any]:
        """Return what was being filled, and at which key, before the container that is complete now."""
        container, key, anchor, nodes_before, deepest_before = self._stack.pop()
        if anchor:
            height = self._deepest - len(self._stack)
            self._anchors[anchor] = _Anchored(value, self._nodes - nodes_before, height)
            self._deepest = max(self._deepest, deepest_before)
        return container, key

    def _alias(self, event: Any) -> Any:
        """Return what an alias stands for, counted as if it were written out."""
        known = self._anchors.get(event.anchor)
        if known is None:
            self._fail(event, "this alias names no finished anchor above it")
        self._nodes += known.size
        self._deepest = max(self._deepest, len(self._stack) + known.height)
        self._check_depth(event, self._deepest)
        return known.value

    def _key(self, event: Any, value: Any, container: dict[str, Any]) -> Any:
        if value.__class__ is not str:
            if isinstance(value, (dict, list)):
                self._fail(event, "a map key must be a scalar")
            value = key_text(value)
        elif value == "<<" and type(event) is yaml.ScalarEvent and not event.style and event.tag is None:
            return _MERGE
        if value in container:
            merged = self._merged.get(id(container), ())
            if value in merged:
                self._merged[id(container)].discard(value)
            elif self._strict:
                above = (str(frame[1]) for frame in self._stack if frame[1].__class__ is str)
                path = ".".join([*above, value])
                self._fail(event, f"the field {path} is given twice; remove one")
        return value

    def _merge(self, event: Any, container: dict[str, Any], value: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        merged = self._merged.setdefault(id(container), set())
        for source in sources:
            if not isinstance(source, dict):
                self._fail(event, "a merge key (<<) takes a map or a list of maps")
            for name, item in source.items():
                if name not in container:
                    container[name] = item
                    merged.add(name)

    def _plain(self, event: Any) -> Scalar:
        try:
            value = resolve(event.value)
        except NotJson:
            self._fail(event, "infinity and not-a-number are not JSON; quote it if text is meant")
        if len(self._scalars) < _CACHED_SCALARS:
            self._scalars[event.value] = value
        return value

    def _tagged(self, event: Any) -> Any:
        self._check_tag(event)
        if event.tag in _TYPED or (not event.style and event.tag not in (_STR, _BINARY, "!")):
            return self._plain(event)
        if event.tag == _BINARY:
            try:
                return base64.b64decode(event.value).decode()
            except ValueError:
                self._fail(event, "!!binary must be base64 of UTF-8 text")
        return event.value

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag.startswith(_PYTHON):
            self._fail(event, "tags that name program objects are not allowed; remove the tag")

    def _check_depth(self, event: Any, depth: int) -> None:
        if depth > self._limits.depth:
            self._too_much(event, f"nested deeper than {self._limits.depth} levels")

    def _fail(self, event: Any, message: str) -> NoReturn:
        raise InvalidManifest(f"{_position(self._origin, event.start_mark)}: {message}")

    def _too_much(self, event: Any, message: str) -> NoReturn:
        raise LimitExceeded(f"{_position(self._origin, event.start_mark)}: {message}")


def _position(origin: str, mark: Any) -> str:
    return f"{origin or 'YAML'}:{mark.line + 1}:{mark.column + 1}"


def _explain(error: yaml.YAMLError, origin: str) -> str:
    # libyaml's problems are fixed sentences without any of the text.
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        hint = "check indentation, quotes and tabs on this line and the one above"
        return f"{_position(origin, error.problem_mark)}: {error.problem}; {hint}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{origin or 'YAML'}: {error.reason} at position {error.position}; save the file as UTF-8 text"
    return f"{origin or 'YAML'}: not YAML"
