"""Which finalizers keep an application until the hooks of its deletion ran."""

from __future__ import annotations

from dataclasses import replace

import pytest
from control_bodies import application

from moorage.control.decode import decode_application
from moorage.control.farewell import after, finalizers_with_hooks
from moorage.model.identity import AppKey
from moorage.model.manifest import Json, Manifest
from moorage.model.operation import Phase
from moorage.model.states import TargetState

PRE = ("pre-delete-finalizer.argocd.argoproj.io", "pre-delete-finalizer.argocd.argoproj.io/cleanup")
POST = ("post-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io/cleanup")
MINE = "example.com/mine"


def hook(phase: str) -> Manifest:
    body: Json = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": phase.lower(),
            "namespace": "web",
            "annotations": {"argocd.argoproj.io/hook": phase},
        },
    }
    return Manifest.of(body)


@pytest.mark.parametrize(
    ("has", "hooks", "wanted"),
    [
        pytest.param((), (), (), id="no hooks"),
        pytest.param((MINE,), ("PostSync",), (MINE,), id="hooks of a sync"),
        pytest.param((MINE,), ("PreDelete",), (MINE, *PRE), id="a hook of one phase"),
        pytest.param((), ("PreDelete", "PostDelete"), (*PRE, *POST), id="hooks of both"),
        pytest.param((*PRE, MINE), ("PreDelete",), (*PRE, MINE), id="already so, in any order"),
        pytest.param((MINE, *PRE, *POST), ("PreDelete",), (MINE, *PRE), id="hooks that left Git"),
        pytest.param((PRE[0],), ("PreDelete",), PRE, id="one of two is missing"),
    ],
)
def test_finalizers_follow_the_hooks(
    has: tuple[str, ...], hooks: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    """
    An application has the finalizers of the phases it declares hooks of, and keeps those of others.
    """
    app = replace(decode_application(application()), finalizers=has)
    target = TargetState(AppKey("argocd", "shop"), "abc", (), tuple(hook(phase) for phase in hooks))

    assert finalizers_with_hooks(app, target) == wanted


@pytest.mark.parametrize(
    ("has", "cleaned", "left"),
    [
        (PRE + POST, False, (PRE[1], *POST)),
        ((*POST, PRE[1]), True, POST),
        ((PRE[0],), True, ()),
    ],
)
def test_a_step_is_over_with_its_finalizer(
    has: tuple[str, ...], cleaned: bool, left: tuple[str, ...]
) -> None:
    """
    Hooks that ran leave the cleanup to be done, then nothing; no step adds a finalizer, which no server would take.
    """
    app = replace(decode_application(application()), finalizers=has)

    assert after(app, Phase.PRE_DELETE, cleaned=cleaned) == left
