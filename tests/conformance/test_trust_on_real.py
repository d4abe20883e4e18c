"""How a cluster and Moorage know each other changes while it runs: certificates, authorities and tokens."""

from __future__ import annotations

import asyncio
import json

from tests.conformance.house import LONG_SECONDS, RealHands, RealScene, config, deleted, text

from moorage.model.manifest import Json


async def test_a_certificate_that_is_renewed(scene: RealScene) -> None:
    """
    An API server that comes back with another certificate of the same authority is trusted as before.
    """
    await scene.register_edge()
    await synced(scene, scene.edge)
    await scene.edge.plane.replace_certificate(same_authority=True)
    await restarted(scene.edge)

    await goes_on(scene, scene.edge)


async def test_an_authority_that_is_replaced(scene: RealScene) -> None:
    """
    A cluster of another authority is not trusted, and that is said, until its Secret holds the new one.

    Its Application is Unknown for that time, and nothing is written. Then all is in order, without a restart.
    """
    await scene.register_edge()
    await synced(scene, scene.edge)
    await scene.edge.plane.replace_certificate()
    await restarted(scene.edge)
    said = await scene.condition(scene.name, "its certificate is not trusted")
    await scene.until(lambda: scene.status(scene.name)["sync"]["status"] == "Unknown")
    scene.count_from_here()

    assert scene.edge.plane.url in said
    await drifted(scene, scene.edge)
    assert scene.acts(scene.edge.plane) == []
    await scene.register_edge()
    await goes_on(scene, scene.edge)


async def test_an_authority_of_the_own_cluster_that_is_replaced(scene: RealScene) -> None:
    """
    The own API server is trusted again, without a restart, once the kubeconfig's file holds its new authority.
    """
    await synced(scene, scene.home)
    await scene.home.plane.replace_certificate()
    failed = unanswered(scene, code=0)
    await restarted(scene.home, renew=False)
    await asyncio.wait_for(failed.wait(), LONG_SECONDS)

    scene.home.renew()
    await goes_on(scene, scene.home)


async def test_a_token_of_the_own_cluster_that_is_rotated(scene: RealScene) -> None:
    """
    With another token in the kubeconfig's file Moorage goes on, without a restart, after the old one was refused.
    """
    await synced(scene, scene.home)
    refused = unanswered(scene, code=401)
    await scene.home.plane.rotate_token()
    await asyncio.wait_for(refused.wait(), LONG_SECONDS)

    scene.home.renew()
    await goes_on(scene, scene.home)


async def test_a_token_that_a_program_gives_is_rotated(scene: RealScene) -> None:
    """
    A program is asked for another token when the API server refuses the one it gave; nobody has to do anything.

    While it gives the old one still, the Application says that the token is refused.
    """
    program(scene)
    await scene.register_edge(execProviderConfig=plug_in(scene))
    await synced(scene, scene.edge)
    await scene.edge.plane.rotate_token()
    await scene.condition(scene.name, "the API server refuses the credentials")
    await scene.until(lambda: scene.status(scene.name)["sync"]["status"] == "Unknown")
    scene.edge.renew()

    await drifted(scene, scene.edge)
    program(scene)
    await goes_on(scene, scene.edge)


# --- how it is told


async def synced(scene: RealScene, person: RealHands) -> None:
    """Bring an Application of two ConfigMaps in order on a plane."""
    files = {"app/settings.yaml": text(config("settings", v="1")), "app/other.yaml": text(config("other"))}
    await asyncio.to_thread(scene.commit, files)
    await scene.declare_on(person)
    await scene.settled(scene.name, within=LONG_SECONDS)


async def goes_on(scene: RealScene, person: RealHands) -> None:
    """Push a change, and see it and what drifted in order, with nothing deleted and no error left."""
    after = await scene.push({"app/settings.yaml": text(config("settings", v="2"))})
    await scene.until(lambda: scene.status(scene.name)["sync"].get("revision") == after, within=LONG_SECONDS)
    await scene.settled(scene.name, within=LONG_SECONDS)
    settings, other = [await person.get("ConfigMap", name, scene.name) for name in ("settings", "other")]
    assert settings["data"] == {"v": "2"}
    assert other is not None
    assert deleted(scene.acts(person.plane)) == []
    # What is in sync may still wait for the last of its watches to come back.
    await scene.until(lambda: not scene.told(), within=LONG_SECONDS)


async def drifted(scene: RealScene, person: RealHands) -> None:
    """Take away and change what the Application declares, as a person does."""
    await person.delete("ConfigMap", "other", scene.name)
    await person.patch("ConfigMap", "settings", {"data": {"v": "drifted"}}, scene.name)


async def restarted(person: RealHands, *, renew: bool = True) -> None:
    """Start a plane's API server again, so that nobody is connected any more; a person trusts it with `renew`."""
    await person.plane.stop_apiserver()
    await person.plane.start_apiserver()
    if renew:
        person.renew()


def unanswered(scene: RealScene, *, code: int) -> asyncio.Event:
    """Return what is set once a request of Moorage's to any plane got this for an answer; 0 is none."""
    heard = asyncio.Event()

    def answered(verb: str, kind: str, got: int) -> None:
        if got == code:
            heard.set()

    scene.answered = answered
    return heard


def plug_in(scene: RealScene) -> Json:
    """Return what a cluster Secret says to have a program asked for a token."""
    return {"command": str(scene.token_program), "apiVersion": "client.authentication.k8s.io/v1"}


def program(scene: RealScene) -> None:
    """Write the program: it gives the edge plane's token of now, for good."""
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": scene.edge.plane.token},
    }
    fresh = scene.token_program.with_suffix(".new")
    fresh.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
    fresh.chmod(0o700)
    fresh.replace(scene.token_program)
