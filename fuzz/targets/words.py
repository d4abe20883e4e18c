"""Short texts with a grammar: durations, schedules, quantities, versions, selectors, addresses, option words."""

from __future__ import annotations

from datetime import datetime, timedelta

from fuzz.target import Target
from moorage.engine.cron import parse_schedule
from moorage.engine.duration import format_duration, parse_duration
from moorage.engine.options import resource_options, sync_options
from moorage.engine.quantity import canonical, parse_quantity, shortest
from moorage.formats import semver
from moorage.model.errors import Error
from moorage.sandbox.answers import Failure
from moorage.sandbox.selectors import field_selector, label_selector
from moorage.sources.addresses import normal_form, parse_address, place_of, same_repository

_SCHEMES = frozenset({"https", "http", "ssh", "file", "oci"})
_NOW = datetime(2026, 2, 28, 23, 59)
_BODY = {
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "n": "5"}},
    "status": {"phase": "x"},
}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def read_duration(data: bytes) -> None:
    """Read a duration; what is written of it says the same."""
    length = parse_duration(_text(data))
    assert parse_duration(format_duration(length)) == length, "written and read again it is another"


def read_schedule(data: bytes) -> None:
    """Read a schedule, and ask it when it fired and fires."""
    schedule = parse_schedule(_text(data))
    schedule.last(_NOW, timedelta(days=3))
    fires = schedule.next(_NOW, timedelta(days=60))
    assert fires is None or fires > _NOW, "it fires in the past"


def read_quantity(data: bytes) -> None:
    """Read a quantity; its canonical form says the same."""
    text = _text(data)
    amount = parse_quantity(text)
    assert parse_quantity(canonical(text)).nanos == amount.nanos, "the canonical form is another amount"
    shortest(text)


def read_version(data: bytes) -> None:
    """Read a constraint, and choose the highest of some versions; then the same text as a version."""
    text = _text(data)
    constraint = semver.parse_constraint(text)
    if constraint is not None:
        semver.highest(constraint, ("v1.2.3", "1.10.0-rc.1", "2.0.0+x", "web-3.0.0", text))
    semver.is_constraint(text)
    semver.satisfies(semver.Version(1, 2, 3), text)


def read_selector(data: bytes) -> None:
    """Read a text as a label selector and as a field selector, and try an object."""
    text = _text(data)
    for selects in (label_selector(text), field_selector(text, "pods")):
        if selects is not None:
            selects(_BODY)


def read_address(data: bytes) -> None:
    """Read a repository address; it is the same as itself."""
    text = _text(data)
    normal_form(text)
    place_of(text)
    assert same_repository(text, text), "an address is not the same as itself"
    str(parse_address(text, _SCHEMES))


def read_options(data: bytes) -> None:
    """Read option words, of an application and of a resource; what is not known is kept and never refused."""
    text = _text(data)
    sync_options(text.split(","))
    annotations = {"argocd.argoproj.io/sync-options": text, "argocd.argoproj.io/compare-options": text[::-1]}
    resource_options({"metadata": {"annotations": annotations}})


def _words(text: str) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in text.split())


_VERSIONS = (
    b"1.2.3",
    b">=1.2 <2 || ^3.0.0-0",
    b"~1.2.x",
    b"1.2 - 1.4",
    b"v1.2.3-rc.1+build",
    b"!=1.2.3, >1",
    b"*",
)
_SELECTORS = (
    b"app=web,tier!=x",
    b"app in (web, api),!gone",
    b"n > 4,n<9",
    b"metadata.name=web,status.phase!=Running",
    b"app",
)
_ADDRESSES = (
    *(
        b"https://git.example:8443/a/b.git",
        b"git@git.example:a/b",
        b"ssh://git@[::1]:22/a",
        b"oci://r.example/x",
    ),
    *(b"file:///srv/a", b"https://ann@dev.azure.com/a/_git/b%20c", b"git@ssh.dev.azure.com:v3/a/b"),
)

TARGETS = (
    Target(
        "duration",
        read_duration,
        (b"1h30m", b"-1.5s", b"300ms", b"0", b"1us2ns"),
        (*_words("h m s ms us \u00b5s \u03bcs ns . - + 0 1 9 1.5 .5 99999999999999999"), b" "),
        (ValueError,),
    ),
    Target(
        "schedule",
        read_schedule,
        (b"*/15 2-4 29 feb sun", b"0 0 * * *", b"@daily", b"5,10-20/3 ? 1 1-12/5 mon-fri"),
        (*_words("* */ - , / ? 0 59 60 31 jan sun @hourly \u00b2 \u0663 7 */0 1-"), b" "),
        (ValueError,),
    ),
    Target(
        "quantity",
        read_quantity,
        (b"100m", b"1.5Gi", b"15e-1", b"-2Ki", b"1E"),
        _words("m k M G T P E Ki Mi Ei n u e E e9 e-9 . + - 0 1 9 1024 99999999999999999999 \u0663"),
        (ValueError,),
    ),
    Target(
        "version",
        read_version,
        _VERSIONS,
        (
            *_words("1 2 0 . x * - + v >= <= > < = != ~ ~> ^ || , rc alpha.1 99999999999999999 \u0663"),
            b" ",
            b" - ",
        ),
        (ValueError,),
    ),
    Target(
        "selector",
        read_selector,
        _SELECTORS,
        (*_words("a app in notin ( ) , = == != ! > < 4 metadata.name \u00b2"), b" ", b" in ", b"\n"),
        (Failure,),
        longest_message=200_000,  # as the API server's own: they repeat what was asked
    ),
    Target(
        "address",
        read_address,
        _ADDRESSES,
        (
            *_words(
                ": // / @ [ ] .. % %2e %00 - :: ? # git ssh:// https:// file:// \\ 99999 ::1 \u2100 \u3002"
            ),
            b" ",
        ),
        (Error,),
        longest=16_384,
    ),
    Target(
        "options",
        read_options,
        (b"CreateNamespace=true, Prune=confirm", b"IgnoreExtraneous", b"Replace=maybe,Force"),
        _words("= , true false Prune ServerSideDiff=true Validate \u00e9"),
        (),
    ),
)
