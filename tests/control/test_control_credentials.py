"""Which rights of a repository an application uses."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from control_bodies import application

from moorage.control.decode import decode_application
from moorage.control.repositories import Repositories
from moorage.sources.door import Sources
from moorage.sources.settings import GitSettings

CHART = {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.*"}


@dataclass
class Found:
    """What a repository said of a chart."""

    revision: str = "1.0.0"


@dataclass
class Asked(Sources):
    """A sources room that remembers for which repositories it was asked for charts."""

    root: object
    asked: list = field(default_factory=list)

    def __post_init__(self) -> None:
        Sources.__init__(self, GitSettings(self.root))

    async def chart(self, repository, name, version, *, fresh=False):
        self.asked.append(repository)
        return Found()


@pytest.mark.parametrize(
    ("helm", "expected"),
    [
        pytest.param(None, False, id="nothing said"),
        pytest.param({}, False, id="no"),
        pytest.param({"passCredentials": False}, False, id="said no"),
        pytest.param({"passCredentials": True}, True, id="said yes"),
        pytest.param({"passCredentials": "true"}, False, id="no boolean is no consent"),
    ],
)
async def test_s18_credentials_are_passed_on_only_when_asked(tmp_path, helm, expected):
    """
    CVE-2021-32690, S18: a chart repository's password goes to other hosts only where the application says passCredentials.
    """
    sources = Asked(tmp_path)
    source = CHART | ({"helm": helm} if helm is not None else {})
    app = decode_application(application(source=source))
    await Repositories(sources, lambda *_: None).resolve(app, fresh=False)

    assert [repository.pass_credentials for repository in sources.asked] == [expected]
