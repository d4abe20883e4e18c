"""The same Helm steps say the same on the sandbox and on a real server, and leave the same objects."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.agreement import plain
from tests.conformance.cases.words import GROUP, PLACES
from tests.conformance.exchange import Request, Server
from tests.conformance.servers import create_namespace, kubeconfig

# Helm runs in a process of its own: its Go runtime must not meet the threads of the tests.
_HELM = """
import json, sys
from helm_python import Config, HelmError
steps, namespace = json.load(sys.stdin)
said = []
with Config(kubeconfig_path=sys.argv[1], namespace=namespace) as helm:
    for method, arguments, options in steps:
        try:
            said.append(getattr(helm, method)(*arguments, **options))
        except HelmError as failure:
            said.append({"error": str(failure)})
json.dump(said, sys.stdout)
"""
_FILES = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: '4.5'\n",
    "values.yaml": "greeting: hello\nextra: true\nsize: 1\n",
    "templates/all.yaml": f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data:
  greeting: {{{{ .Values.greeting | quote }}}}
  {{{{- if .Values.extra }}}}
  extra: "1"
  {{{{- end }}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{clusterIP: None, selector: {{app: web}}, ports: [{{port: 80}}]}}
---
apiVersion: {GROUP}/v1
kind: Widget
metadata: {{name: thing}}
spec: {{size: {{{{ .Values.size }}}}}}
""",
}
STEPS: tuple[tuple[str, list[Any], dict[str, Any]], ...] = (
    ("upgrade", ["{chart}", "shop", {}], {}),
    ("install", ["{chart}", "shop", {}], {}),
    ("install", ["{chart}", "shop", {}], {}),
    ("status", ["shop"], {}),
    ("upgrade", ["{chart}", "shop", {"greeting": "servus", "extra": False}], {}),
    ("upgrade", ["{chart}", "shop", {"size": 900}], {}),
    ("list", [], {}),
    ("history", ["shop"], {}),
    ("rollback", ["shop"], {"version": 1}),
    ("history", ["shop"], {}),
)
LEFT = (("configmaps", "settings"), ("services", "web"), ("widgets", "thing"))
_UNLIKE = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"(?<=edAt\": \")\d+"), "<time>"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "<server>"),
)


@pytest.mark.timeout(120)
async def test_releases_are_the_same(real: Server, sandbox: Server, prefix: str, tmp_path: Path) -> None:
    """
    Installs, upgrades that remove and that fail, rollbacks and histories are told and done alike.
    """
    chart = tmp_path / "shop"
    for name, text in _FILES.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text)
    namespace = f"{prefix}-helm"

    theirs, ours = await asyncio.gather(
        *(_play(server, namespace, chart, tmp_path) for server in (real, sandbox))
    )

    assert [step for step in zip(theirs, ours, strict=True) if step[0] != step[1]] == []
    assert any("error" not in step for step in json.loads(f"[{','.join(theirs[:2])}]"))


async def _play(server: Server, namespace: str, chart: Path, folder: Path) -> list[str]:
    await create_namespace(server, namespace)
    steps = [
        (method, [str(chart) if each == "{chart}" else each for each in arguments], options)
        for method, arguments, options in STEPS
    ]
    said = await _helm(kubeconfig(server, folder), namespace, steps, folder / f"home-{server.name}")
    objects = [
        plain(await server.ask(Request("GET", f"{PLACES[plural].replace('{ns}', namespace)}/{name}")))
        for plural, name in LEFT
    ]
    said += await _helm(
        kubeconfig(server, folder), namespace, [("uninstall", ["shop"], {})], folder / f"home-{server.name}"
    )
    await server.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    return [_plain(each) for each in (*said, *objects)]


async def _helm(config: Path, namespace: str, steps: list[Any], home: Path) -> list[Any]:
    home.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HELM,
        str(config),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )
    said, complaints = await process.communicate(json.dumps([steps, namespace]).encode())
    assert process.returncode == 0, complaints.decode()
    found: list[Any] = json.loads(said)
    return found


def _plain(told: Any) -> str:
    text = json.dumps(told, sort_keys=True)
    for pattern, put in _UNLIKE:
        text = pattern.sub(put, text)
    return text
