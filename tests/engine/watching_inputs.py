"""Watches a function: it must leave its inputs as they were."""

from __future__ import annotations

import functools
import hashlib
import inspect


def digest_of(values):
    """Return a digest of what some values say; containers say what they hold, in their order."""
    return hashlib.sha256(repr(values).encode(errors="backslashreplace")).hexdigest()


def watched(function):
    """Return the function with a digest of its inputs taken before and after each call."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        before = digest_of((args, kwargs))
        try:
            return function(*args, **kwargs)
        finally:
            assert before == digest_of((args, kwargs)), f"{function.__qualname__} changed its inputs"

    return call


def decides(value):
    """Return whether a global of a test module is a function of floor 2."""
    module = getattr(value, "__module__", None) or ""
    return module.startswith("moorage.engine") and (
        inspect.isfunction(value) or hasattr(value, "cache_parameters")
    )
