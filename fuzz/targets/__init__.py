"""Every target, in the order of the table. A new parser of what others write belongs in here."""

from __future__ import annotations

from fuzz.target import Target
from fuzz.targets import charts, cluster, documents, git, specs, webhooks, wire, words

TARGETS: tuple[Target, ...] = (
    *documents.TARGETS,
    *git.TARGETS,
    *webhooks.TARGETS,
    *cluster.TARGETS,
    *wire.TARGETS,
    *specs.TARGETS,
    *charts.TARGETS,
    *words.TARGETS,
)
BY_NAME = {target.name: target for target in TARGETS}
