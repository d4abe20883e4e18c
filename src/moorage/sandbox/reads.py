"""
How objects are read: one, or a list by namespace, selector and page.

Lists are joined from the JSON each entry keeps, so reading costs no encoding.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import islice

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import answers, asking, bodies, selectors, table
from moorage.sandbox.answers import Answer
from moorage.sandbox.requests import Request, Target
from moorage.sandbox.resources import Resource
from moorage.sandbox.store import Collection, Entry, Key, Store


def one(resource: Resource, entry: Entry, request: Request, code: int = 200) -> Answer:
    """Return one object in the form the client accepts."""
    form = table.form_of(request.accept)
    if form is table.Form.OBJECT:
        return Answer(code, resource.head + resource.tail(entry))
    body = resource.shown(entry.body)
    if form is table.Form.METADATA:
        return answers.json_answer(table.partial(body), code)
    version = entry.body["metadata"].get("resourceVersion", "")
    return answers.json_answer(table.table(resource, [body], {"resourceVersion": version}, request), code)


def selection(request: Request, resource: Resource) -> selectors.Matches | None:
    """Return the test of a request's label and field selectors, None when it asks for all."""
    fields = request.query.get("fieldSelector", "")
    selectable = resource.selectable if resource.custom or resource.conversion else None
    by_fields = selectors.field_selector(fields, resource.plural, selectable) if fields else None
    if by_fields is not None and resource.conversion is not None:
        by_fields = selectors.of_shown(by_fields, resource.shown)
    return selectors.both(selectors.label_selector(request.query.get("labelSelector", "")), by_fields)


def matching(
    collection: Collection, namespace: str, test: selectors.Matches | None
) -> Iterator[tuple[Key, Entry]]:
    """Return the selected objects in order."""
    objects = collection.objects
    for key in collection.ordered(namespace):
        entry = objects[key]
        if test is None or test(entry.body):
            yield key, entry


def many(store: Store, resource: Resource, target: Target, request: Request) -> Answer:
    """Return a list, or one page of it. Raises Failure (400, 410)."""
    collection = store.collection(*resource.place)
    asking.check_list(request)
    limit = max(0, request.number("limit") or 0)
    version, start = store.version, None
    if token := request.query.get("continue"):
        version, start = _read_token(token)
        if version < collection.floor:
            raise answers.expired(
                "The provided continue parameter is too old to display a consistent list result. "
                "You can start a new list without the continue parameter."
            )
    else:
        _check_version(store, collection, request)
        if request.query.get("resourceVersionMatch") == "Exact":
            version = int(request.query["resourceVersion"])
    test = selection(request, resource)
    keys, objects = _at(collection, version, target.namespace)
    begin = bisect_right(keys, start) if start is not None else 0
    page, more = _page(keys, objects, begin, limit, test)
    entries = [objects[key] for key in page]
    meta: Json = {"resourceVersion": str(version)}
    if resource.custom and table.form_of(request.accept) is table.Form.OBJECT:
        # A list of a custom kind always has the field, as it has no Go type that leaves it out.
        meta["continue"] = ""
    if more:
        meta["continue"] = _token(version, page[-1])
        if test is None:
            meta["remainingItemCount"] = len(keys) - begin - len(page)
    return _list_answer(resource, entries, meta, request)


def _at(collection: Collection, version: int, namespace: str) -> tuple[list[Key], Mapping[Key, Entry]]:
    """Return keys in order and objects as they were at a version that is still remembered."""
    if not collection.log or collection.log[-1].version <= version:
        return collection.ordered(namespace), collection.objects
    objects = dict(collection.objects)
    for change in reversed(list(collection.since(version))):
        if change.previous is None:
            objects.pop(change.key, None)
        else:
            objects[change.key] = change.previous
    return sorted(key for key in objects if not namespace or key[0] == namespace), objects


def _page(
    keys: list[Key],
    objects: Mapping[Key, Entry],
    begin: int,
    limit: int,
    test: selectors.Matches | None,
) -> tuple[list[Key], bool]:
    """Return the selected keys from one place on, `limit` at most (0 is all), and whether there are more."""
    if test is None:
        end = begin + limit if limit else len(keys)
        return keys[begin:end], end < len(keys)
    page: list[Key] = []
    for key in islice(keys, begin, None):
        if test(objects[key].body):
            if limit and len(page) == limit:
                return page, True
            page.append(key)
    return page, False


def _list_answer(resource: Resource, entries: list[Entry], meta: Json, request: Request) -> Answer:
    form = table.form_of(request.accept)
    if form is table.Form.OBJECT:
        opening = (
            f'{{"kind":"{resource.list_kind}","apiVersion":"{resource.api_version}","metadata":'.encode()
        )
        item = resource.head if resource.custom else b"{"
        joined = (b"," + item).join(map(resource.tail, entries))
        items = item + joined if entries else b""
        return Answer(200, b"".join((opening, orjson.dumps(meta), b',"items":[', items, b"]}")))
    bodies = [resource.shown(entry.body) for entry in entries]
    if form is table.Form.METADATA:
        return answers.json_answer(table.partial_list(bodies, meta))
    return answers.json_answer(table.table(resource, bodies, meta, request))


def _check_version(store: Store, collection: Collection, request: Request) -> None:
    told = request.query.get("resourceVersion", "")
    match = request.query.get("resourceVersionMatch", "")
    if not told or told == "0":
        return
    version = request.number("resourceVersion") or 0
    if version > store.version:
        raise answers.Failure(
            504,
            "Timeout",
            f"Too large resource version: {version}, current: {store.version}",
            {
                "causes": [answers.Cause("ResourceVersionTooLarge", "Too large resource version")],
                "retryAfterSeconds": 1,
            },
        )
    if match == "Exact" and version < collection.floor:
        raise answers.expired("The resourceVersion for the provided list is too old.")


def _token(version: int, key: Key) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([version, *key])).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, Key]:
    text = b""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        version, namespace, name = orjson.loads(text)
    except (ValueError, TypeError, binascii.Error) as wrong:
        told = bodies.json_fault(text) if isinstance(wrong, orjson.JSONDecodeError) else "unrecognized token"
        raise answers.bad_request(f"invalid continue token: continue key is not valid: {told}") from None
    return int(version), (namespace, name)
