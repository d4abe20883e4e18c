"""
How does the API server say what is wrong with a field?

Builders of causes with the server's reasons and words, and the tests of names
and numbers that many kinds share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from moorage.sandbox.answers import Cause
from moorage.sandbox.metadata import LABEL_RULE, value_fault

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+", re.ASCII)
_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", re.ASCII)

IMMUTABLE = "field is immutable"
CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
DNS_1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def required(path: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", path)


def invalid(path: str, value: Any, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", path)


def forbidden(path: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", path)


def duplicate(path: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", path)


def not_found(path: str, value: Any) -> Cause:
    return Cause("FieldValueNotFound", f"Not found: {shown(value)}", path)


def unsupported(path: str, value: Any, known: Iterable[str]) -> Cause:
    names = ", ".join(f'"{name}"' for name in known)
    return Cause(
        "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {names}", path
    )


def shown(value: Any) -> str:
    """Return a value as messages print it: JSON."""
    return orjson.dumps(value).decode()


def one_of(value: Any, known: Sequence[str], path: str) -> list[Cause]:
    """Return what is wrong with a word of which only some are allowed; an absent one is not."""
    return [] if value is None or value in known else [unsupported(path, value, known)]


def dns_label(value: str, path: str) -> list[Cause]:
    """Return what is wrong with a name that becomes one part of a host name."""
    if not value:
        return [required(path)]
    if len(value) > 63:
        return [invalid(path, value, "must be no more than 63 bytes")]
    return [] if _DNS_LABEL.fullmatch(value) else [invalid(path, value, LABEL_RULE)]


def is_subdomain(value: str) -> bool:
    """Return whether a text is a host name in lower case."""
    return len(value) <= 253 and _DNS_SUBDOMAIN.fullmatch(value) is not None


def config_key(value: str, path: str) -> list[Cause]:
    """Return what is wrong with a key of a ConfigMap or Secret, which may become a file name."""
    if len(value) > 253:
        return [invalid(path, value, "must be no more than 253 bytes")]
    if value in (".", "..") or value.startswith(".."):
        return [
            invalid(path, value, f"must not {'be' if value in ('.', '..') else 'start with'} '{value[:2]}'")
        ]
    return [] if _CONFIG_KEY.fullmatch(value) else [invalid(path, value, CONFIG_KEY_RULE)]


def port_number(value: Any, path: str) -> list[Cause]:
    """Return what is wrong with a port number."""
    right = isinstance(value, int) and 1 <= value <= 65535
    return [] if right else [invalid(path, value or 0, "must be between 1 and 65535, inclusive")]


def port_name(value: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of a port."""
    if len(value) > 15:
        return [invalid(path, value, "must be no more than 15 characters")]
    if not _PORT_NAME.fullmatch(value) or "--" in value:
        return [
            invalid(path, value, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
        ]
    if not re.search("[a-z]", value):
        return [invalid(path, value, "must contain at least one letter (a-z)")]
    return []


def port(value: Any, path: str) -> list[Cause]:
    """Return what is wrong with a port given by number or name."""
    return port_name(value, path) if isinstance(value, str) else port_number(value, path)


def not_negative(value: Any, path: str) -> list[Cause]:
    """Return what is wrong with a count."""
    wrong = isinstance(value, int) and value < 0
    return [invalid(path, value, "must be greater than or equal to 0")] if wrong else []


def labels(values: dict[str, str] | None, path: str) -> list[Cause]:
    """Return what is wrong with the values of labels or of a selector."""
    return [invalid(path, value, told) for value in (values or {}).values() if (told := value_fault(value))]


def unchanged(before: Any, after: Any, path: str, why: str = IMMUTABLE) -> list[Cause]:
    """Return a cause when a value that may not change did."""
    return [] if before == after else [invalid(path, after, why)]
