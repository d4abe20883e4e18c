"""What the world does wrong: hosts, credentials and API servers. It is said, nothing is lost, and it ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from tests.whole.manifests import config, text, workload

from moorage.sandbox.server import Fault
from moorage.testing.world import NAMESPACE, Seen, World, world

CANARY = "c4nary-0f-a-p4ssword"
TWO = text(config(v="2"))


async def test_a_git_host_that_is_down(here: World) -> None:
    """
    While the Git host is down the application keeps its status and its drift is healed; back, the push is applied.
    """
    await synced(here)
    here.git.broken = 503
    here.commit({"app/a.yaml": TWO})
    await refresh(here)
    said = await here.condition("app", "SourceUnreachable")
    await here.delete("ConfigMap", "settings")
    await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "1")

    assert here.git.url("repo") in said
    assert "503" in said
    assert here.status("app")["sync"]["status"] != "Unknown"

    here.git.broken = None
    await refresh(here)
    await arrived(here)


async def test_wrong_credentials(here: World) -> None:
    """
    A host that refuses the credentials is named, the password is not; the corrected Secret is enough.
    """
    await synced(here)
    here.git.users = {"person": CANARY}
    here.commit({"app/a.yaml": TWO})
    await here.put(repository_secret(here, "wr0ng-" + CANARY))
    said = await here.condition("app", "CredentialsRefused")

    assert here.git.url("repo") in said
    assert CANARY not in orjson.dumps(here.status("app")).decode()
    assert await value(here) == "1"

    await here.put(repository_secret(here, CANARY))
    await arrived(here)


async def test_an_admission_refusal(here: World) -> None:
    """
    What an admission webhook refuses is told in its words on the resource; the wave behind it does not begin.
    """
    message = 'admission webhook "policy.example.com" denied the request: label team is missing'
    here.fault = writing("settings", lambda: refusal(403, "Forbidden", message))
    here.commit(
        {
            "app/a.yaml": text(
                config(v="2"), workload("Deployment", "web", {"argocd.argoproj.io/sync-wave": "1"})
            )
        }
    )
    await here.declare("app", "app", syncPolicy={"automated": {}, "retry": {"limit": 0}})
    said = await here.condition("app", "policy.example.com")

    results = here.status("app")["operationState"]["syncResult"]["resources"]
    assert "label team is missing" in said
    assert [(r["name"], r["status"]) for r in results] == [("settings", "SyncFailed")]
    assert message in results[0]["message"]
    assert await here.get("Deployment", "web") is None

    here.fault = lambda seen: None
    await here.patch("Application", "app", {"operation": {"sync": {}}}, NAMESPACE)
    await arrived(here)


async def test_a_value_the_server_refuses(here: World) -> None:
    """
    A field the API server does not accept is named with the object; the commit that mends it is applied.
    """
    await synced(here)
    here.commit({"app/web.yaml": text(workload("Deployment", "web", replicas="many"))})
    await refresh(here)
    said = await here.condition("app", "spec.replicas")

    assert "Deployment/default/web" in said
    await here.push({"app/web.yaml": text(workload("Deployment", "web", replicas=1)), "app/a.yaml": TWO})
    await arrived(here)
    assert not here.status("app").get("conditions")


PASSING: dict[str, Callable[[], Fault]] = {
    "429 with Retry-After": lambda: Fault(status=429, headers={"Retry-After": "1"}),
    "500": lambda: Fault(status=500),
    "500 after it was done": lambda: Fault(status=500, after=True),
    "503": lambda: Fault(status=503),
    "504": lambda: Fault(status=504),
    "a conflict": lambda: Fault(status=409),
    "an answer that is cut": lambda: Fault(cut=10),
    "an answer that is no JSON": lambda: Fault(status=502, body=b"<html>Bad Gateway</html>"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_a_write_that_fails_once_is_done_in_the_end(here: World, fault: Callable[[], Fault]) -> None:
    """
    A write that meets a passing fault of the API server is repeated, and the sync ends as if nothing had been.
    """
    await synced(here)
    left = [fault()]
    here.fault = writing("settings", lambda: left.pop() if left else None)
    await here.push({"app/a.yaml": TWO})

    await arrived(here)
    assert left == []
    assert here.status("app")["operationState"]["phase"] == "Succeeded"
    assert not here.status("app").get("conditions")


async def test_a_slow_server(here: World) -> None:
    """
    A slow API server makes a sync slow and nothing else.
    """
    here.fault = lambda seen: None if seen.watches else Fault(delay=0.05)
    here.commit({"app/a.yaml": text(config(v="2"), workload("Deployment", "web"))})
    await here.declare("app", "app")

    await arrived(here)


async def test_a_cluster_that_goes_on_failing_is_said(here: World) -> None:
    """
    While every write fails the operation waits and tells why; it goes on where it was once they succeed.
    """
    await synced(here)
    here.fault = writing("settings", lambda: Fault(status=409))
    await here.push({"app/a.yaml": TWO})
    said = await here.condition("app", "ApiConflict")
    running = here.status("app")["operationState"]["phase"]

    here.fault = lambda seen: None
    await refresh(here)
    await arrived(here)
    assert "ConfigMap" in said or "settings" in said
    assert running == "Running"
    assert not here.status("app").get("conditions")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda: Fault(cut=0), id="cut at once"),
        pytest.param(lambda: Fault(cut=40), id="cut in a line"),
        pytest.param(lambda: Fault(status=410), id="410"),
        pytest.param(lambda: Fault(status=500), id="500"),
    ],
)
async def test_watches_that_break_lose_nothing(tmp_path: Path, fault: Callable[[], Fault]) -> None:
    """
    Watches that are cut or refused at first are opened again, and what happens meanwhile is seen and healed.
    """
    async with world(tmp_path, started=False) as here:
        broken: set[str] = set()

        def once_each(seen: Seen) -> Fault | None:
            if not seen.watches or seen.path in broken:
                return None
            broken.add(seen.path)
            return fault()

        here.fault = once_each
        await here.start()
        await synced(here)
        await here.patch("ConfigMap", "settings", {"data": {"v": "mine"}})
        await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "1")
        await here.push({"app/a.yaml": TWO})
        await arrived(here)

    assert "/api/v1/configmaps" in broken


async def test_the_control_namespace_comes_later(tmp_path: Path) -> None:
    """
    Started before its namespace exists, Moorage makes the default project once there is an Application.
    """
    async with world(tmp_path, started=False) as here:
        await here.delete("Namespace", NAMESPACE, "")
        await here.vanishes("Namespace", NAMESPACE, "")
        await here.start()
        here.commit({"app/a.yaml": TWO})

        await here.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        await here.declare("app", "app")
        await arrived(here)

        assert await here.get("AppProject", "default", NAMESPACE) is not None


async def test_a_namespace_that_comes_later(here: World) -> None:
    """
    A missing namespace is named with the remedy; made by a person, the next sync goes through.
    """
    here.commit({"app/a.yaml": TWO})
    await here.declare("app", "app", namespace="later")
    said = await here.condition("app", "'later'")
    await here.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}})
    await here.patch("Application", "app", {"operation": {"sync": {}}}, NAMESPACE)

    await here.settled("app")
    assert "CreateNamespace=true" in said
    assert await here.get("ConfigMap", "settings", "later") is not None


async def synced(here: World) -> None:
    """Bring one application with one ConfigMap to Synced."""
    here.commit({"app/a.yaml": text(config(v="1"))})
    await here.declare("app", "app")
    await here.settled("app")


async def arrived(here: World) -> None:
    """Return once the second version is there and the application is settled."""
    await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "2")
    await here.settled("app")


async def refresh(here: World) -> None:
    """Ask for a refresh as a person does."""
    patch = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    await here.patch("Application", "app", patch, NAMESPACE)


async def value(here: World) -> str | None:
    """Return what the ConfigMap in the cluster says."""
    body = await here.get("ConfigMap", "settings")
    return body["data"]["v"] if body else None


def writing(name: str, fault: Callable[[], Fault | None]) -> Callable[[Seen], Fault | None]:
    """Return faults for writes of one object."""
    return lambda seen: fault() if seen.method != "GET" and seen.path.endswith(f"/{name}") else None


def refusal(code: int, reason: str, message: str) -> Fault:
    """Return an answer in the API server's form."""
    status = {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
    return Fault(status=code, body=orjson.dumps(status))


def repository_secret(here: World, password: str) -> dict[str, object]:
    """Return a repository Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "repo",
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "stringData": {"url": here.git.url("repo"), "username": "person", "password": password},
    }
