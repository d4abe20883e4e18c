"""Custom resources become values, or the field that is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest
from control_bodies import SERVER, application

from moorage.control.decode import decode_application, decode_project
from moorage.model.errors import InvalidSpec


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"source": None}, "spec.source.repoURL", id="no source"),
        pytest.param({"source": "x"}, "spec.source: must be an object", id="source a text"),
        pytest.param({"source": {"path": "x"}}, "spec.source.repoURL", id="no repository"),
        pytest.param({"source": {"repoURL": 5}}, "spec.source.repoURL", id="a number for a URL"),
        pytest.param({"destination": {}}, "spec.destination.server: missing", id="no destination"),
        pytest.param(
            {"destination": {"server": SERVER, "name": "x"}}, "keep one of them", id="server and name"
        ),
        pytest.param({"sources": [{"repoURL": "a"}, {"repoURL": "b"}]}, "spec.sources", id="several sources"),
        pytest.param({"sourceHydrator": {"drySource": {}}}, "spec.sourceHydrator", id="hydrator"),
        pytest.param({"revisionHistoryLimit": -1}, "spec.revisionHistoryLimit", id="negative limit"),
        pytest.param(
            {"syncPolicy": {"syncOptions": "A=b"}}, "spec.syncPolicy.syncOptions", id="options a text"
        ),
        pytest.param(
            {"syncPolicy": {"retry": {"backoff": {"duration": "soon"}}}},
            "spec.syncPolicy.retry",
            id="no duration",
        ),
        pytest.param(
            {"ignoreDifferences": [{"group": "apps"}]},
            "spec.ignoreDifferences[0].kind",
            id="rule without kind",
        ),
    ],
)
def test_a_wrong_field_is_named(spec: dict[str, Any], words: str) -> None:
    """
    What cannot be is refused with the field's path in the message.
    """
    with pytest.raises(InvalidSpec) as refused:
        decode_application(application(**spec))

    assert words in str(refused.value)


def test_an_unknown_option_is_a_warning() -> None:
    """
    A spelling error in an option is told and stops nothing.
    """
    app = decode_application(application(syncPolicy={"syncOptions": ["CreateNamspace=true"]}))

    assert any("CreateNamspace=true" in warning for warning in app.warnings)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"automated": {}}, (False, False, False), id="plain"),
        pytest.param({"automated": {"prune": True, "selfHeal": True}}, (True, True, False), id="all"),
        pytest.param({"automated": {"enabled": False, "prune": True}}, None, id="switched off"),
    ],
)
def test_automation_is_as_declared(policy: dict[str, Any], expected: tuple[bool, bool, bool] | None) -> None:
    """
    An application syncs by itself exactly as its policy says.
    """
    automated = decode_application(application(syncPolicy=policy)).automated

    told = automated and (automated.prune, automated.self_heal, automated.allow_empty)
    assert told == expected


def test_a_window_must_allow_or_deny() -> None:
    """
    A sync window of another kind is refused with its place in the list.
    """
    spec = {"syncWindows": [{"kind": "maybe", "schedule": "* * * * *", "duration": "1h"}]}

    with pytest.raises(InvalidSpec, match=r"spec.syncWindows\[0\].kind"):
        decode_project({"metadata": {"name": "p"}, "spec": spec})
