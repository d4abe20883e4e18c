"""
Target and live become a comparison: what would a sync do to each resource?

The controller asks this once a pass. How the live object would look after an
apply comes in as a function (`Predict`), because that depends on how the
application is applied; rules about what counts as a difference come in as
`Rules`. Nothing here knows clusters or Git.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from moorage.engine.diff import FieldChange, diff
from moorage.engine.health import assess
from moorage.engine.ignoring import JqDelete, apply_ignore_rules
from moorage.engine.masking import is_secret, mask_secrets
from moorage.engine.normalize import normalize
from moorage.engine.options import resource_options
from moorage.engine.order import is_hook
from moorage.model.equality import same
from moorage.model.health import Health
from moorage.model.identity import ResourceKey
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Json, Manifest
from moorage.model.states import Change, Comparison, Difference, LiveState, SyncStatus, TargetState

Predict = Callable[[Json, Manifest], Json]
"""(live, target) → live as it would be after an apply."""

Assess = Callable[[Json], Health | None]
Owner = Callable[[Json], str | None]
"""A live object → the instance name of the application that tracks it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a comparison must know beside the two states."""

    predict: Predict
    instance: str
    owner: Owner
    ignore: tuple[IgnoreRule, ...] = ()
    jq: JqDelete | None = None
    assess: Assess = assess
    status_fields: str = "all"


Known = Mapping[ResourceKey, Difference]
"""Differences of an earlier pass that still hold: same target, same version of the live object."""


def compare(
    target: TargetState,
    live: LiveState,
    rules: Rules,
    known: Known | None = None,
    elsewhere: Mapping[ResourceKey, str] | None = None,
) -> Comparison:
    """
    Return what a sync would do to each resource of an application.

    Args:
        target: The rendered manifests; hooks in it are not compared.
        live: What the cluster holds for the application. Where its knowledge
            has gaps the verdict is Unknown and nothing is listed as absent.
        rules: How to predict and what to ignore.
        known: Differences that need no second look.
        elsewhere: Resources that another application declares, with its name.

    Returns:
        One `Difference` per resource in key order. The order of the input
        never matters.
    """
    known, others = known or {}, elsewhere or {}
    differences: list[Difference] = []
    targeted = set()
    for manifest in target.manifests:
        targeted.add(manifest.key)
        if (before := known.get(manifest.key)) is not None:
            differences.append(before)
        elif manifest.key.group_kind not in live.gaps:
            differences.append(_compare_one(manifest, live.objects.get(manifest.key), rules))
    targeted.update(hook.key for hook in target.hooks)
    for key in live.tracked - targeted:
        body = live.objects[key]
        if not is_hook(body):
            differences.append(_extraneous(key, body, rules, others.get(key, "")))
    differences.sort(key=lambda d: d.key)
    return Comparison(
        _verdict(differences, live),
        tuple(differences),
        {difference.key: difference for difference in differences},
    )


def with_differences(comparison: Comparison, news: Iterable[Difference]) -> Comparison:
    """Return a comparison in which some differences were looked at again, by other means."""
    by_key = {**comparison.by_key, **{d.key: d for d in news}}
    differences = tuple(by_key[d.key] for d in comparison.differences)
    status = comparison.status
    if status is not SyncStatus.UNKNOWN:
        status = _verdict_of(differences)
    return Comparison(status, differences, by_key)


def _verdict(differences: list[Difference], live: LiveState) -> SyncStatus:
    return _verdict_of(differences) if live.complete else SyncStatus.UNKNOWN


def _verdict_of(differences: Iterable[Difference]) -> SyncStatus:
    if any(d.out_of_sync for d in differences):
        return SyncStatus.OUT_OF_SYNC
    return SyncStatus.SYNCED


def _compare_one(target: Manifest, live: Json | None, rules: Rules) -> Difference:
    version = target.api_version.rpartition("/")[2]
    if live is None:
        return Difference(target.key, Change.CREATE, version, target=target)
    owner = rules.owner(live)
    shared = owner if owner is not None and owner != rules.instance else ""
    fields = tuple(str(change) for change in changes(target, live, rules))
    return Difference(
        target.key,
        Change.UPDATE if fields else Change.NONE,
        version,
        fields,
        rules.assess(live),
        live,
        target,
        shared_with=shared,
    )


def changes(target: Manifest, live: Json, rules: Rules) -> tuple[FieldChange, ...]:
    """
    Return the fields of `live` that an apply of `target` would change, by the rules.

    Values of Secrets are masked: a difference is shown to people who may not read them.
    """
    predicted = rules.predict(live, target)
    if same(predicted, live):
        return ()
    after, before = normalize(predicted, rules.status_fields), normalize(live, rules.status_fields)
    if rules.ignore:
        after, before = apply_ignore_rules(after, before, rules.ignore, rules.jq)
    if same(after, before):
        return ()
    if is_secret(target.body) or is_secret(live):
        masked = mask_secrets((before, after))
        return diff(masked[0], masked[1])
    return diff(before, after)


def _extraneous(key: ResourceKey, live: Json, rules: Rules, declared_by: str) -> Difference:
    options = resource_options(live)
    return Difference(
        key,
        Change.PRUNE,
        str(live["apiVersion"]).rpartition("/")[2],
        health=rules.assess(live),
        live=live,
        ignored=options.ignore_extraneous,
        shared_with=declared_by,
    )
