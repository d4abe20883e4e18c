"""
Which objects of a namespace bear a label? Answered without looking at all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Pair = tuple[str, str]


class Labelled:
    """Names filed under labels, by namespace."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, Pair], dict[str, None]] = {}

    def file(self, namespace: str, name: str, pairs: Iterable[Pair]) -> None:
        """Find the name under these labels from now on."""
        for pair in pairs:
            self._names.setdefault((namespace, pair), {})[name] = None

    def drop(self, namespace: str, name: str, pairs: Iterable[Pair]) -> None:
        """Find the name under these labels no more."""
        for pair in pairs:
            held = self._names.get((namespace, pair))
            if held is not None:
                held.pop(name, None)
                if not held:
                    del self._names[namespace, pair]

    def under(self, namespace: str, pair: Pair) -> list[str]:
        """Return the names filed under one label."""
        return list(self._names.get((namespace, pair), ()))

    def candidates(self, namespace: str, selector: Mapping[str, str]) -> list[str]:
        """Return the names under the rarest label of a selector (not empty): all who bear all are among them."""
        nobody: dict[str, None] = {}
        rarest = min((self._names.get((namespace, pair), nobody) for pair in selector.items()), key=len)
        return list(rarest)
