"""The story as a person tells it with commands: Moorage, a cluster and a repository, and ``moor app`` between."""

import asyncio
import contextlib

from cli_kit import cluster, git_repository, lines
from structlog.testing import capture_logs

from moorage.cli.cluster import access_to
from moorage.formats.yaml import dump_all
from moorage.serve import House
from moorage.settings import read_settings

SETTINGS = {"serve.listen": "127.0.0.1:0", "git.allow_file": True, "serve.stop_seconds": 0.5}
LABELS = {"app": "web"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}
MIGRATION = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "migrate-", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}},
}


def replicas(count):
    return {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replicas": count}}


@contextlib.contextmanager
def moorage(made, data):
    """Run Moorage beside the sandbox, on the same loop."""

    async def start():
        settings = read_settings(None, {}, {**SETTINGS, "serve.data": str(data)})
        house = House(settings, access_to(made.kubeconfig, ""))
        running = asyncio.ensure_future(house.run())
        await asyncio.wait(
            [running, asyncio.ensure_future(house.started.wait())], return_when="FIRST_COMPLETED"
        )
        if running.done():
            running.result()
        return running

    async def stop(running):
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    running = asyncio.run_coroutine_threadsafe(start(), made._loop).result(30)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(stop(running), made._loop).result(30)


def test_the_story(tmp_path, monkeypatch):
    """
    Create, sync with a hook, wait, diff, commit, sync again, look at the history, delete with everything.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "shop"
    url = git_repository(folder, {"web/app.yaml": dump_all([DEPLOYMENT, MIGRATION])})
    flags = ("--repo", url, "--path", "web", "--dest-namespace", "shop")

    with capture_logs(), cluster(tmp_path) as made, moorage(made, tmp_path / "data"):

        def app(*arguments, code=0):
            result = made.moor("app", *arguments)
            assert result.exit_code == code, result.output
            return result

        app("create", "web", *flags)
        app("get", "web", "--refresh")
        assert [row["change"] for row in lines(app("diff", "web", "-o", "json", code=1))] == ["create"]
        synced = app("sync", "web", "--timeout", "60")
        assert "PreSync   Succeeded  Job/shop/migrate-" in synced.stderr
        app("wait", "web", "--timeout", "60")
        assert app("diff", "web").stdout == ""
        assert [line["key"].split("/")[0] for line in lines(app("tree", "web", "-o", "json"))] == [
            *("Deployment", "ReplicaSet", "Pod")
        ]

        git_repository(folder, {"web/app.yaml": dump_all([replicas(2), MIGRATION])})
        differs = lines(app("diff", "web", "-o", "json", code=1))
        assert differs[0]["fields"] == [{"path": ".spec.replicas", "live": 1, "target": 2}]
        app("get", "web", "--refresh")
        app("sync", "web", "--timeout", "60")
        app("wait", "web", "--timeout", "60")
        assert app("history", "web", "-o", "id").stdout == "0\n1\n"
        live = made.request("GET", "/apis/apps/v1/namespaces/shop/deployments/web")
        assert live["spec"]["replicas"] == 2

        app("delete", "web", "--yes", "--wait", "--timeout", "60")
        app("get", "web", code=7)
        listed = made.request("GET", "/apis/apps/v1/namespaces/shop/deployments")
        assert listed["items"] == []
