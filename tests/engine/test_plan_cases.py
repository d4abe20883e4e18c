"""Golden cases: manifests in, a plan out, each in one file of tests/cases/plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from deciding import REVISION, SHOP, operation

from moorage.engine.options import sync_options
from moorage.engine.plan import make_plan
from moorage.engine.target import Placement, make_target
from moorage.engine.track import Tracking
from moorage.formats import yaml
from moorage.model.manifest import Manifest
from moorage.model.words import INSTANCE_LABEL

CASES = sorted(Path(__file__).parents[1].joinpath("cases", "plan").glob("*.case"))
_PARTS = re.compile(
    r"^# flags:(?P<flags>.*)\n# target\n(?P<target>[\s\S]*?)^# tracked\n(?P<tracked>[\s\S]*?)^# output\n(?P<output>[\s\S]*)",
    re.MULTILINE,
)
CLUSTER_SCOPED = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


def manifests(text):
    """Return the manifests of some documents."""
    return [Manifest.of(document.value, "case") for document in yaml.load_all(text) if document.value]


def printed(plan):
    """Return a plan as people read it."""
    lines = []
    for step in (*plan.steps, *plan.on_failure):
        lines.append(f"{step.phase} wave {step.wave}")
        for action in step.actions:
            notes = [action.skip_reason, "awaits approval" if action.awaits_approval else ""]
            if action.verb == "hook":
                notes.append(", ".join(sorted(action.delete_policies)))
            told = "; ".join(note for note in notes if note)
            lines.append(f"  {action.verb} {action.resource}{f' ({told})' if told else ''}")
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.stem) for case in CASES])
def test_case(case):
    """
    The manifests and tracked resources of a case make exactly the plan that stands below them.
    """
    parts = _PARTS.match(case.read_text())
    flags = parts["flags"].split()
    placement = Placement(SHOP, "shop", "web", Tracking.ANNOTATION, INSTANCE_LABEL)
    target = make_target(
        manifests(parts["target"]),
        placement,
        lambda kind: kind.kind not in CLUSTER_SCOPED,
        revision=REVISION,
        source_type="Directory",
    )
    tracked = {m.key: m.body for m in manifests(parts["tracked"])}
    asked = operation(prune="prune" in flags, options=sync_options(f for f in flags if "=" in f))

    plan = make_plan(target, tracked, asked, approved="approved" in flags)

    assert parts["output"] == printed(plan)


def test_there_are_cases():
    """
    The folder of cases is found.
    """
    assert len(CASES) >= 8
