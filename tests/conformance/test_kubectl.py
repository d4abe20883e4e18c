"""The same kubectl commands say the same on the sandbox and on a real server, in the two newest minors."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.cases.words import GROUP
from tests.conformance.exchange import Request, Server
from tests.conformance.servers import create_namespace, kubeconfig

NEWEST = Path(sys.executable).parent / "kubectl"
OLDER = Path(os.environ.get("MOORAGE_CONFORMANCE_OLDER_KUBECTL", NEWEST))
Json = Any


@dataclass(frozen=True, slots=True)
class Step:
    """One command; `unordered` when the server lists in any order."""

    words: str
    stdin: Json = None
    unordered: bool = False


def _object(api_version: str, kind: str, **more: Json) -> Json:
    meta = {"name": "x", **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


_CONFIG = _object("v1", "ConfigMap", data={"a": "1", "b": "2"}, metadata={"labels": {"app": "x"}})
_CHANGED = _object("v1", "ConfigMap", data={"a": "3"}, metadata={"labels": {"app": "x"}})
_SECRET = _object("v1", "Secret", stringData={"a": "1"})
_SERVICE = _object(
    "v1", "Service", spec={"clusterIP": "None", "ports": [{"port": 80}], "selector": {"app": "x"}}
)
_DEPLOYMENT = _object(
    "apps/v1",
    "Deployment",
    spec={
        "replicas": 0,
        "selector": {"matchLabels": {"app": "x"}},
        "template": {
            "metadata": {"labels": {"app": "x"}},
            "spec": {"containers": [{"name": "main", "image": "example/app:1"}]},
        },
    },
)
_WIDGET = _object(f"{GROUP}/v1", "Widget", spec={"size": 1, "keyed": [{"name": "a", "port": 1}]})
_BAD_WIDGET = _object(f"{GROUP}/v1", "Widget", spec={"size": 900, "colour": "pink"}, metadata={"name": "y"})
_LIST = {"apiVersion": "v1", "kind": "List", "items": [_CONFIG, _SECRET, _SERVICE, _DEPLOYMENT, _WIDGET]}

STEPS: tuple[Step, ...] = (
    Step("get all"),
    Step("apply -f -", _LIST),
    Step("apply -f -", _LIST),
    Step("diff -f -", _CHANGED),
    Step("apply -f - --dry-run=server -o yaml", _CHANGED),
    Step("apply -f -", _CHANGED),
    Step("apply view-last-applied configmap/x"),
    Step("apply --server-side -f - --field-manager=other", _CONFIG),
    Step("apply --server-side -f - --field-manager=other --force-conflicts", _CONFIG),
    Step("apply -f -", _BAD_WIDGET, unordered=True),
    Step("apply -f -", _object("v1", "ConfigMap", dta={"a": "1"}, metadata={"name": "z"})),
    Step("create -f -", _CONFIG),
    Step("get configmap x -o yaml"),
    Step("get configmaps,secrets,services -l app=x -o wide"),
    Step("get configmap x -o jsonpath={.data}"),
    Step("get configmap x --show-managed-fields -o json"),
    Step("get widgets"),
    Step("get widgets,gadgets -o name"),
    Step("get deployment x -o wide"),
    Step("get service x -o yaml"),
    Step("get nonsense"),
    Step("get configmap none"),
    Step("get configmaps --field-selector=data.a=1"),
    Step("describe configmap x"),
    Step("describe secret x"),
    Step("describe widget x"),
    Step("label configmap x tier=front"),
    Step("label configmap x tier=back"),
    Step("annotate configmap x note=hello"),
    Step('patch configmap x --type=merge -p {"data":{"c":"1"}}'),
    Step('patch configmap x --type=json -p [{"op":"remove","path":"/data/none"}]'),
    Step(
        'patch deployment x -p {"spec":{"template":{"spec":{"containers":[{"name":"main","image":"a:2"}]}}}}'
    ),
    Step("set image deployment/x main=a:3"),
    Step("scale deployment x --replicas=0"),
    Step("rollout status deployment x"),
    Step("rollout pause deployment x"),
    Step("wait --for=jsonpath={.spec.paused}=true deployment/x"),
    Step("create role r --verb=get --resource=pods"),
    Step("create rolebinding r --role=r --user=me"),
    Step("create service clusterip s --tcp=80:8080 --dry-run=server -o name"),
    Step("replace -f -", _CHANGED),
    Step("explain widget.spec --recursive"),
    Step("explain deployment.spec.selector --recursive"),
    Step("explain pod.spec.restartPolicy"),
    Step("explain pod.spec.containers.ports"),
    Step("explain persistentvolumeclaim.spec.accessModes"),
    Step("api-resources --api-group=apps"),
    Step("api-versions", unordered=True),
    Step("auth can-i delete pods"),
    Step("delete configmap x --dry-run=server"),
    Step("delete configmap/x secret/x widget/x"),
    Step("delete deployment x --cascade=orphan"),
    Step("delete configmap x"),
    Step("delete configmap x --ignore-not-found"),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("binary", [NEWEST, OLDER], ids=["newest", "older"])
async def test_commands_say_the_same(
    real: Server, sandbox: Server, binary: Path, prefix: str, tmp_path: Path
) -> None:
    """
    Each command ends with the same code and the same words on both, the command before having done the same.
    """
    namespace = f"{prefix}-kubectl-{'newest' if binary is NEWEST else 'older'}"
    theirs, ours = await asyncio.gather(
        _play(real, binary, namespace, tmp_path), _play(sandbox, binary, namespace, tmp_path)
    )

    different = [
        f"$ kubectl {step.words}\n--- real\n{one}\n--- sandbox\n{other}"
        for step, one, other in zip(STEPS, theirs, ours, strict=True)
        if one != other
    ]
    assert not different, f"{len(different)} of {len(STEPS)}\n" + "\n".join(different)


async def _play(server: Server, binary: Path, namespace: str, folder: Path) -> list[str]:
    await create_namespace(server, namespace)
    config = kubeconfig(server, folder)
    said = []
    for step in STEPS:
        text = await _kubectl(binary, config, folder / f"cache-{server.name}", namespace, step)
        said.append(_plain("\n".join(sorted(text.splitlines())) if step.unordered else text))
    await server.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    return said


async def _kubectl(binary: Path, config: Path, cache: Path, namespace: str, step: Step) -> str:
    command = [
        str(binary),
        f"--kubeconfig={config}",
        f"--cache-dir={cache}",
        "-n",
        namespace,
        *step.words.split(" "),
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(config.parent), "TMPDIR": str(config.parent)},
    )
    given = json.dumps(step.stdin).encode() if step.stdin is not None else b""
    said, _ = await process.communicate(given)
    return f"{said.decode()}({process.returncode})"


_UNLIKE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"(resourceVersion\"?: )\"\d+\""), r"\1<version>"),
    (re.compile(r"(Resource Version: +)\d+"), r"\1<version>"),
    (re.compile(r"/\S*(LIVE|MERGED)-\d+/"), r"\1/"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}"), "<time>"),
    (re.compile(r"(?<= )\d+[smh](?=\s|$)", re.MULTILINE), "<age>"),
    (re.compile(r" +(?=\n)| {2,}"), "  "),
)


def _plain(text: str) -> str:
    for pattern, put in _UNLIKE:
        text = pattern.sub(put, text)
    return text
