"""How servers are reached through a proxy, and which are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sources_charts import CHART, HelmServer
from sources_kit import place, room

from moorage.model.errors import SourceUnreachable
from moorage.sources.credentials import Repository


async def test_git_through_a_proxy(tmp_path):
    """
    A repository with a proxy is read through it, also where its name means nothing here.
    """
    async with place(tmp_path) as at:
        hidden = Repository("http://git.invalid/shop.git", proxy=f"http://127.0.0.1:{at.server.port}")

        assert await at.sources.resolve(hidden, "main") == at.git("rev-parse", "main")
        assert at.server.seen


async def test_charts_through_a_proxy(tmp_path):
    """
    A chart repository with a proxy is read through it.
    """
    async with HelmServer() as proxy, room(tmp_path) as sources:
        hidden = Repository("http://charts.invalid", "helm", proxy=proxy.url)
        files = await (await sources.chart(hidden, "web", "1.0.0")).read("")

    assert set(files) == set(CHART)


@pytest.mark.parametrize(
    ("exempt", "direct"),
    [
        ("charts.invalid", True),
        ("localhost, .invalid", True),
        ("*.invalid", True),
        ("CHARTS.invalid", True),
        ("arts.invalid", False),
        ("other.invalid", False),
        ("", False),
    ],
)
async def test_hosts_that_need_no_proxy(tmp_path, exempt, direct):
    """
    A host or domain in noProxy is reached directly; a name that merely ends alike is not.
    """
    async with HelmServer() as proxy, room(tmp_path) as sources:
        hidden = replace(Repository("http://charts.invalid", "helm"), proxy=proxy.url, no_proxy=exempt)
        if direct:
            with pytest.raises(SourceUnreachable, match="cannot be resolved"):
                await sources.chart(hidden, "web", "1.0.0")
        else:
            await sources.chart(hidden, "web", "1.0.0")

    assert bool(proxy.asked) is not direct
