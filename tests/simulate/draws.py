"""
Draws the plan of a seed: who is there, what is declared, what people do, and what goes wrong.

What a plan is, and what its parts mean, is said in `plans`.
"""

from __future__ import annotations

import random

from .plans import (
    WIDGETS,
    Act,
    App,
    Commit,
    Compact,
    Contents,
    Drop,
    GitDown,
    Item,
    Kill,
    Pause,
    Plan,
    Remove,
    Revert,
    Spoil,
    Sync,
    TakeLease,
    Terminate,
    apply,
)
from .wire import OF_WATCHES, Fault, What


def draw(seed: int) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(seed)
    apps = _apps(rng)
    start: dict[str, dict[str, Item]] = {app.name: {} for app in apps}
    for app in apps:
        for item in _items(rng, app, rng.randint(1, 4)):
            start[app.name][item.path] = item
    processes = rng.choice((1, 1, 2))
    acts = _acts(rng, apps, start, processes)
    faults = _faults(rng, rng.choice((0.0, 0.02, 0.05, 0.15)))
    return Plan(seed, apps, start, acts, faults, processes)


POLICIES = (
    "",
    "HookSucceeded",
    "BeforeHookCreation",
    "HookFailed",
    "BeforeHookCreation,HookSucceeded",
    "HookSucceeded,HookFailed",
)


def _apps(rng: random.Random) -> tuple[App, ...]:
    found = []
    for name in ("ant", "bee", "cat")[: rng.randint(1, 3)]:
        options = tuple(o for o in ("ServerSideApply=false", "PruneLast=true") if rng.random() < 0.2)
        namespace = rng.choice(("one", "one", "two", f"of-{name}"))
        if namespace.startswith("of-"):
            options = (*options, "CreateNamespace=true")
        retries = rng.choice((-1, -1, 0, 1, 3))
        found.append(App(name, namespace, options, automated=rng.random() < 0.9, retries=retries))
    return tuple(found)


def _items(rng: random.Random, app: App, count: int) -> list[Item]:
    found: list[Item] = []
    for _ in range(count):
        what = rng.choice(("map", "map", "map", "deployment", "hook", "widget"))
        value, wave = str(rng.randint(1, 9)), rng.choice((0, 0, 0, 1, 2))
        name = f"{app.name}-{rng.choice(('red', 'green', 'blue'))}"
        if what == "map":
            found.append(Item("ConfigMap", name, value, wave))
        elif what == "deployment":
            found.append(Item("Deployment", name, value, wave, fails=rng.random() < 0.1))
        elif what == "hook":
            phase = rng.choice(("PreSync", "Sync", "PostSync", "SyncFail"))
            policy = rng.choice(POLICIES)
            fails = rng.random() < 0.25
            found.append(Item("Job", f"{name}-{phase.lower()}", value, 0, phase, policy, fails))
        elif app.name == "ant":
            # One application owns the definition; its objects come with it.
            found.append(Item("CustomResourceDefinition", WIDGETS))
            found.append(Item("Widget", name, value, wave))
    return found


def _acts(
    rng: random.Random, apps: tuple[App, ...], start: Contents, processes: int
) -> tuple[tuple[float, Act], ...]:
    acts: list[tuple[float, Act]] = []
    contents = {app: dict(items) for app, items in start.items()}
    at = 1.0
    past = [_copied(contents)]
    for _ in range(rng.randint(2, 9)):
        at += rng.choice((0.05, 0.3, 1.0, 3.0, 10.0, 40.0))
        app = rng.choice(apps)
        paths = sorted(contents[app.name])
        what = rng.choice(("commit", "commit", "commit", "revert", "spoil", "remove", "sync", "rest"))
        told = rng.choice((0.0, 0.2, 2.0, -1.0))
        if what == "commit":
            changes = _changes(rng, apps, app, contents)
            past.append(_copied(contents))
            acts.append((at, Commit(changes, told)))
        elif what == "revert" and len(past) > 1:
            contents = _copied(past[-2])
            past.append(_copied(contents))
            acts.append((at, Revert(1, told)))
        elif what == "spoil" and paths:
            acts.append((at, Spoil(app.name, rng.choice(paths))))
        elif what == "remove" and paths:
            acts.append((at, Remove(app.name, rng.choice(paths))))
        elif what == "sync":
            acts.append((at, Sync(app.name)))
        else:
            acts.append(
                (at, _of_processes(rng) if processes > 1 and rng.random() < 0.5 else _rarer(rng, app))
            )
    return tuple(acts)


def _copied(contents: Contents) -> dict[str, dict[str, Item]]:
    return {app: dict(items) for app, items in contents.items()}


def _rarer(rng: random.Random, app: App) -> Act:
    return rng.choice(
        (
            Kill(rng.choice((0.1, 3.0))),
            Kill(rng.choice((0.1, 30.0))),
            Compact(),
            GitDown(rng.choice((1.0, 30.0))),
            Terminate(app.name),
            Drop(app.name, rng.choice((5.0, 60.0))),
        )
    )


def _of_processes(rng: random.Random) -> Act:
    return rng.choice(
        (
            Pause(rng.choice((1.0, 12.0, 18.0))),
            Pause(rng.choice((25.0, 60.0))),
            Kill(rng.choice((0.1, 3.0, 30.0))),
            Kill(rng.choice((0.1, 30.0)), acting=False),
            TakeLease(),
        )
    )


def _changes(
    rng: random.Random, apps: tuple[App, ...], app: App, contents: dict[str, dict[str, Item]]
) -> tuple[tuple[str, Item, bool], ...]:
    changes: list[tuple[str, Item, bool]] = []
    begun = 0
    for _ in range(rng.randint(1, 3)):
        apply(contents, changes[begun:])
        begun = len(changes)
        known = [contents[app.name][p] for p in sorted(contents[app.name])]
        what = rng.choice(("add", "change", "remove", "hand over"))
        if what == "add" or not known:
            others = {p for a in apps if a is not app for p in contents[a.name]}
            new = [item for item in _items(rng, app, 1) if item.path not in others]
            changes += [(app.name, item, True) for item in new]
            continue
        item = rng.choice(known)
        plain = item.kind == "ConfigMap"
        if what == "change":
            fails = item.fails and rng.random() < 0.5
            changes.append((app.name, item._replace(value=str(rng.randint(10, 99)), fails=fails), True))
        elif what == "hand over" and plain:
            heirs = [a.name for a in apps if a.namespace == app.namespace and a is not app]
            changes.append((app.name, item, False))
            changes += [(heir, item, True) for heir in heirs[:1]]
        elif item.kind != "CustomResourceDefinition":
            changes.append((app.name, item, False))
    apply(contents, changes[begun:])
    return tuple(changes)


_OF_REQUESTS = tuple(what for what in What if what not in OF_WATCHES)
_AMOUNTS = {What.SLOW: 2.4, What.LATE_ANSWER: 3.0, What.LATE: 8.0, What.SHORT: 6.0, What.PAST: 12.0}


def _faults(rng: random.Random, share: float) -> dict[int, Fault]:
    faults: dict[int, Fault] = {}
    for number in range(1, 1500):
        if rng.random() < share:
            # Watches are a small part of the requests: a fault of theirs that meets another is no fault.
            what = rng.choice((*_OF_REQUESTS, *OF_WATCHES_SORTED))
            faults[number] = Fault(what, round(rng.uniform(0.5, 2.0) * _AMOUNTS.get(what, 0.0), 1))
    return faults


OF_WATCHES_SORTED = tuple(what for what in What if what in OF_WATCHES)
