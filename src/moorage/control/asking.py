"""
Where only the server knows how an apply would end, it is asked.

Differences are found without a request. Those of kinds that webhooks or
policies may change are candidates only: a dry-run tells what a sync would
really do, once for each version of manifest, live object and admission. So an
application in sync costs no request, and one whose declared fields a webhook
overrides is in sync. An application asks always or never by Argo CD's compare
option ``ServerSideDiff``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from moorage.cluster.apply import Writer
from moorage.control.observing import Notebook
from moorage.control.rules import Ruled
from moorage.engine.compare import changes, with_differences
from moorage.engine.merge.takeover import left_by, predecessors
from moorage.engine.options import merge_options, resource_options
from moorage.model.application import Application, SyncOptions
from moorage.model.errors import Error, Terminal
from moorage.model.identity import GroupKind
from moorage.model.manifest import Json, Manifest
from moorage.model.states import Change, Comparison, Difference
from moorage.model.words import FIELD_MANAGER, MIGRATION_MANAGER_ANNOTATION

SIDE_BY_SIDE = 16


class Server(Protocol):
    """Whom is asked: a session of the controller, or a command's cluster."""

    @property
    def writer(self) -> Writer: ...

    def admission_of(self, kind: GroupKind) -> int | None:
        """Return what version of its admission may change objects of a kind; None when nothing does."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One difference with what it takes to ask about it."""

    difference: Difference
    target: Manifest
    live: Json
    options: SyncOptions
    subject: tuple[Manifest, str, str, int]


async def asked(
    comparison: Comparison, app: Application, rules: Ruled, server: Server, notes: Notebook
) -> Comparison:
    """Return a comparison in which the server had its say about what cannot be predicted."""
    questions = list(_questions(comparison, app, rules, server))
    notes.asked = {q.target.key: q.subject for q in questions if notes.asked.get(q.target.key) == q.subject}
    news: list[Difference] = []
    waiting = iter([q for q in questions if q.target.key not in notes.asked])

    async def ask() -> None:
        for question in waiting:
            answer = await _answer(question, server.writer, rules)
            if answer is not None:
                notes.asked[question.target.key] = question.subject
                news.append(answer)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(SIDE_BY_SIDE, len(questions))):
            group.create_task(ask())
    if not news:
        return comparison
    notes.compared = with_differences(comparison, news)
    return notes.compared


def _questions(comparison: Comparison, app: Application, rules: Ruled, server: Server) -> Iterable[_Question]:
    candidates = [d for d in comparison.differences if d.change is Change.UPDATE]
    if not candidates:
        return
    whole = resource_options({"metadata": {"annotations": dict(app.annotations)}}).server_side_diff
    for difference in candidates:
        target, live = difference.target, difference.live
        if target is None or live is None:
            continue
        own = resource_options(target.body)
        wanted = whole if own.server_side_diff is None else own.server_side_diff
        admission = server.admission_of(target.key.group_kind)
        options = merge_options(app.options, own)
        if wanted is False or (admission is None and not wanted) or not _can_tell(live, app, options):
            continue
        version = str(live["metadata"].get("resourceVersion") or "")
        yield _Question(
            difference, target, live, options, (target, version, rules.fingerprint, admission or 0)
        )


def _can_tell(live: Json, app: Application, options: SyncOptions) -> bool:
    """Whether a dry-run shows what the sync would do: one that replaces, or takes ownership over first, does more."""
    if options.replace:
        return False
    if not options.server_side_apply or not options.client_side_apply_migration:
        return True
    managed = live["metadata"].get("managedFields") or []
    former = predecessors(app.annotations.get(MIGRATION_MANAGER_ANNOTATION) or "")
    return not left_by(managed, predecessors=former, applier=FIELD_MANAGER)


async def _answer(question: _Question, writer: Writer, rules: Ruled) -> Difference | None:
    """Return the difference as the server sees it; None when it could not be asked, and is to be asked again."""
    difference, body = question.difference, question.target.body
    try:
        if question.options.server_side_apply:
            written = await writer.server_side_apply(body, dry_run=True)
        else:
            written = await writer.client_side_apply(
                body, live=question.live, validate=question.options.validate, dry_run=True
            )
    except Terminal:
        return difference  # a webhook without dry-run, or no permission: the prediction is all there is
    except Error:
        return None
    told = replace(rules.rules, predict=lambda *_: written.body)
    fields = tuple(str(change) for change in changes(question.target, question.live, told))
    if not fields:
        return replace(difference, fields=(), change=Change.NONE)
    return replace(difference, fields=fields, predicted=written.body)
