"""
Carries out strategic patches: JSON with directives in it.

``$patch`` replaces or deletes a map or an element, ``$setElementOrder/<list>`` gives
the order of a list, the values under ``$deleteFromPrimitiveList/<list>`` leave it, and
``$retainKeys`` clears the other members of a union. `strategic` asks this module, both
to apply a patch and to make one patch of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from moorage.engine.merge.jsonpatch import PatchFailed, not_as_told
from moorage.engine.merge.schema import Schema
from moorage.model.manifest import Json

DIRECTIVE: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
ORDER_PREFIX: Final = "$setElementOrder/"
DELETE_PREFIX: Final = "$deleteFromPrimitiveList/"


def merge_maps(original: Json, patch: Json, schema: Schema, *, applying: bool) -> Json:
    """Return a map with a patch put over it; without `applying` both are patches and directives stay."""
    if DIRECTIVE in patch:
        return _directed(patch)
    merged, rest = dict(original), dict(patch)
    _retain(merged, rest, applying=applying)
    for name in [name for name in rest if name.startswith(ORDER_PREFIX)]:
        _ordered(merged, rest, name, schema, applying=applying)
    for name, value in rest.items():
        if not name.startswith(DELETE_PREFIX):
            _put(merged, name, value, schema, applying=applying)
        elif not applying:
            merged[name] = value
        elif isinstance(held := merged.get(name.removeprefix(DELETE_PREFIX)), list):
            merged[name.removeprefix(DELETE_PREFIX)] = [one for one in held if one not in value]
    return merged


def strategy_of(schema: Schema) -> str:
    """Return how a field is patched: ``merge``, ``replace`` or the empty string; union marks aside."""
    return next((name for name in schema.merge_strategies if name != "retainKeys"), "")


def merge_key_text(element: Any, merge_key: str) -> str:
    """Return what elements of a list are matched by. Raises PatchFailed when the key is absent."""
    if not isinstance(element, dict):
        raise PatchFailed(f"expected an object with {merge_key!r} in the list, got {element!r}")
    if merge_key not in element:
        server = f"map: {printed(element)} does not contain declared merge key: {merge_key}"
        raise not_as_told(f"an element of the list has no merge key {merge_key!r}", server)
    return scalar_text(element[merge_key])


def scalar_text(value: Any) -> str:
    """Return a scalar as text, so that 80 and "80" match as they do in the API server."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def printed(value: Any) -> str:
    """Return a value as the API server prints it in its refusals, which is Go's way."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{printed(one)}' for name, one in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(printed, value))}]"
    return "<nil>" if value is None else scalar_text(value)


def in_order(values: list[Any], order: Sequence[Any], merge_key: str) -> list[Any]:
    """Return `values` in the order of `order`; deletions come last."""
    deletions = [one for one in values if isinstance(one, dict) and one.get(DIRECTIVE) == "delete"]
    kept = [one for one in values if not (isinstance(one, dict) and one.get(DIRECTIVE) == "delete")]
    places = _places(order, merge_key)
    ranks = [places.get(_identity(one, merge_key), -1) for one in kept]
    pairs = list(zip(ranks, kept, strict=True))
    if -1 not in ranks:
        pairs.sort(key=lambda pair: pair[0])
    return [one for _, one in pairs] + deletions


def _directed(patch: Json) -> Json:
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != DIRECTIVE}
    if directive == "delete":
        return {}
    raise not_as_told(
        f"unknown {DIRECTIVE} {directive!r}: a map knows replace and delete",
        f"unknown patch type: {directive} in map: {printed(patch)}",
    )


def _retain(merged: Json, patch: Json, *, applying: bool) -> None:
    if RETAIN_KEYS not in patch:
        return
    retained = patch.pop(RETAIN_KEYS)
    if not applying:
        merged.setdefault(RETAIN_KEYS, retained)
        return
    if not isinstance(retained, list):
        raise PatchFailed(f"{RETAIN_KEYS} must be a list")
    for name, value in patch.items():
        if value is not None and not name.startswith((DELETE_PREFIX, ORDER_PREFIX)) and name not in retained:
            raise PatchFailed(f"{RETAIN_KEYS} does not name {name!r}, which the patch sets")
    for name in [name for name in merged if name not in retained]:
        del merged[name]


def _ordered(merged: Json, patch: Json, directive: str, schema: Schema, *, applying: bool) -> None:
    order = patch.pop(directive)
    name = directive.removeprefix(ORDER_PREFIX)
    if not applying and merged.setdefault(directive, order) != order:
        raise PatchFailed(f"{directive} differs between the two patches")
    if not isinstance(order, list):
        raise PatchFailed(f"{directive} must be a list")
    child = schema.child(name)
    before, added = merged.get(name), patch.pop(name, None)
    for values in (before, added):
        if values is not None and not isinstance(values, list):
            raise PatchFailed(f"{name} must be a list")
    if added is None and before is None:
        return
    _agree(added or [], order, directive, child.merge_key)
    if added is None:
        values = before or []
    elif before is None:
        values = plain(added, nulls=True)
    else:
        values = _merge_lists(before, added, child, applying=applying)
    mine, others = _partition(values, order, child.merge_key)
    served = _refilled(before or [], added or [], child.merge_key) if applying else before or []
    merged[name] = _woven(mine, others, order, served, child.merge_key)


def _refilled(before: list[Any], added: list[Any], merge_key: str) -> list[Any]:
    # The API server puts new elements into the places of deleted ones before it takes
    # the order of the list as the server's, so that order is what others keep to.
    gone = {
        merge_key_text(one, merge_key)
        for one in added
        if isinstance(one, dict) and one.get(DIRECTIVE) == "delete"
    }
    if not gone:
        return before
    kept = [one for one in before if merge_key_text(one, merge_key) not in gone]
    held = {merge_key_text(one, merge_key) for one in kept}
    fresh = [one for one in added if DIRECTIVE not in one and merge_key_text(one, merge_key) not in held]
    return [*kept, *fresh][: len(before)]


def _agree(added: list[Any], order: list[Any], directive: str, merge_key: str) -> None:
    # The order must speak of every element of the patch, in the same sequence.
    places = _places(order, merge_key)
    wanted = [
        places.get(_identity(one, merge_key), -1)
        for one in added
        if not (isinstance(one, dict) and DIRECTIVE in one)
    ]
    if -1 in wanted or wanted != sorted(wanted):
        raise not_as_told(
            f"{directive} does not agree with the order of the list it is for",
            f"The order in patch list:\n{printed(added)}\n doesn't match {ORDER_PREFIX.rstrip('/')} list:\n{printed(order)}\n",
        )


def _put(merged: Json, name: str, value: Any, schema: Schema, *, applying: bool) -> None:
    if value is None and applying:
        merged.pop(name, None)
        return
    held = merged.get(name)
    if isinstance(value, dict) and isinstance(held, dict):
        child = schema.child(name)
        replaced = strategy_of(child) == "replace"
        merged[name] = value if replaced else merge_maps(held, value, child, applying=applying)
    elif isinstance(value, list) and isinstance(held, list):
        merged[name] = _merge_list_field(held, value, schema.child(name), applying=applying)
    elif isinstance(value, dict) and DIRECTIVE in value:
        merged.pop(name, None)
    else:
        merged[name] = plain(value, nulls=not applying)


def _merge_list_field(held: list[Any], value: list[Any], schema: Schema, *, applying: bool) -> list[Any]:
    if strategy_of(schema) == "merge":
        return _merge_lists(held, value, schema, applying=applying)
    return value


def plain(value: Any, *, nulls: bool) -> Any:
    """Return a value of a patch without its directives, and without nulls unless `nulls`."""
    if isinstance(value, dict):
        return {
            name: plain(inner, nulls=nulls)
            for name, inner in value.items()
            if (nulls or inner is not None)
            and not (isinstance(inner, dict) and DIRECTIVE in inner)
            and (nulls or not _is_directive(name))
        }
    if isinstance(value, list):
        return [plain(one, nulls=nulls) for one in value if not (isinstance(one, dict) and DIRECTIVE in one)]
    return value


def _merge_lists(original: list[Any], patch: list[Any], schema: Schema, *, applying: bool) -> list[Any]:
    if not original and not patch:
        return original
    if not isinstance((original or patch)[0], dict):
        merged = _first_of_each([*original, *patch])
        mine, others = _partition(merged, patch, "")
        return _woven(mine, others, patch, original, "")
    key = schema.merge_key
    if not key:
        raise PatchFailed("a list of objects without a merge key cannot be merged")
    original, patch = _directed_elements(original, patch, key) if applying else (original, patch)
    merged = _merge_elements(original, patch, schema, applying=applying)
    mine, others = _partition(merged, patch, key)
    woven = _woven(mine, others, patch, original, key)
    if not applying:
        return woven
    # What came whole from the patch is read like a new object: directives mean nothing in it.
    fresh = {id(one) for one in patch}
    return [_undirected(one) if id(one) in fresh else one for one in woven]


def _undirected(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _undirected(inner)
            for name, inner in value.items()
            if inner is not None and not _is_directive(name)
        }
    return [_undirected(one) for one in value] if isinstance(value, list) else value


def _is_directive(name: str) -> bool:
    return name in (DIRECTIVE, RETAIN_KEYS) or name.startswith((ORDER_PREFIX, DELETE_PREFIX))


def _first_of_each(values: list[Any]) -> list[Any]:
    kept: dict[Any, Any] = {}
    for one in values:
        kept.setdefault(_identity(one, ""), one)
    return list(kept.values())


def _directed_elements(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    ordinary: list[Any] = []
    replace = False
    for element in patch:
        if not isinstance(element, dict):
            raise PatchFailed(f"expected an object with {key!r} in the list, got {element!r}")
        match element.get(DIRECTIVE):
            case None:
                ordinary.append(element)
            case "delete":
                gone = merge_key_text(element, key)
                original = [one for one in original if merge_key_text(one, key) != gone]
            case "replace":
                replace = True
            case other:
                raise not_as_told(
                    f"unknown {DIRECTIVE} {other!r}: an element knows replace and delete",
                    f"unknown patch type: {other} in map: {printed(element)}",
                )
    return (ordinary, []) if replace else (original, ordinary)


def _merge_elements(original: list[Any], patch: list[Any], schema: Schema, *, applying: bool) -> list[Any]:
    key = schema.merge_key
    merged = list(original)
    places: dict[str, int] = {}
    for place, one in enumerate(merged):
        places.setdefault(merge_key_text(one, key), place)
    for element in patch:
        text = merge_key_text(element, key)
        if text in places:
            place = places[text]
            merged[place] = merge_maps(merged[place], element, schema.items, applying=applying)
        else:
            places[text] = len(merged)
            merged.append(element)
    return merged


def _partition(values: list[Any], order: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    places = _places(order, merge_key)
    mine = [one for one in values if _identity(one, merge_key) in places]
    return mine, [one for one in values if _identity(one, merge_key) not in places]


def _woven(
    mine: list[Any], others: list[Any], order: list[Any], server_order: list[Any], merge_key: str
) -> list[Any]:
    """Put what the patch orders and what only the server has into one list."""
    mine = in_order(mine, order, merge_key)
    others = in_order(others, server_order, merge_key)
    places = _places(server_order, merge_key)
    woven: list[Any] = []
    at = 0
    for one in mine:
        place = places.get(_identity(one, merge_key), -1)
        while at < len(others) and 0 <= places.get(_identity(others[at], merge_key), -1) < place:
            woven.append(others[at])
            at += 1
        woven.append(one)
    return woven + others[at:]


def _places(order: Sequence[Any], merge_key: str) -> dict[Any, int]:
    places: dict[Any, int] = {}
    for place, one in enumerate(order):
        places.setdefault(_identity(one, merge_key), place)
    return places


def _identity(value: Any, merge_key: str) -> Any:
    if merge_key:
        return merge_key_text(value, merge_key)
    return (type(value).__name__, scalar_text(value))
