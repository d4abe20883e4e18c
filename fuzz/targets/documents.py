"""YAML and JSON files, and what in them is a manifest."""

from __future__ import annotations

import orjson

from fuzz.target import Target, json_bytes
from moorage.formats import json, yaml
from moorage.render.documents import encode
from moorage.render.request import RenderLimits

_LIMITS = yaml.Limits(nodes=20_000, documents=500)
_MANIFEST_LIMITS = RenderLimits()


def read_yaml(data: bytes) -> None:
    """Read a text as a file of a repository is read; what was read is written and read again now and then."""
    documents = yaml.load_all(data, origin="app/web.yaml", strict=len(data) % 3 > 0, limits=_LIMITS)
    if len(data) % 16 == 0:
        again = yaml.load_all(yaml.dump_all([document.value for document in documents]), limits=_LIMITS)
        assert [d.value for d in again] == [d.value for d in documents], (
            "written and read again it is another"
        )


def read_json(data: bytes) -> None:
    """Read a JSON text strictly."""
    json.load(data, origin="app/web.json")


def read_manifests(data: bytes) -> None:
    """Check the documents of a file as manifests."""
    value = orjson.loads(data)
    encode([(yaml.Document(value, 1), "app/web.yaml")], "shop", _MANIFEST_LIMITS)


_DEPLOYMENT = b"""# A workload.
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web, on: yes}}
spec:
  replicas: 0x3
  template:
    spec: &spec
      containers:
        - name: "web\\u0021"
          image: 'nginx:1.27'
          args: ["--port", 8080, .5, 1e3, ~, 0o17]
          env: [{name: A, value: !!str 1}]
"""
_SEVERAL = b"""---
a: &a {x: 1}
b: &b [*a, *a]
---
<<: *none
---
base: &base {cpu: 1, mem: 2}
web:
  <<: *base
  <<: [*base, {disk: 3}]
  cpu: 4
...
%YAML 1.1
---
text: |+
  one
   two

folded: >-
  three
  four
? key
: !!binary aGVsbG8=
2001-01-01: -.inf
"""
_YAML_WORDS = (
    *(b": ", b"\n", b"- ", b"? ", b"\n  ", b"\n    ", b"|", b">", b"|-\n", b"{", b"}", b"[", b"]", b","),
    *(
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!int ",
        b"!!bool ",
        b"!!float ",
        b"!!binary ",
        b"!!timestamp ",
        b"!!python/x ",
    ),
    *(b"!!map ", b"!!seq ", b"!!null ", b"! ", b"!<x> ", b"!!set ", b"!!omap ", b"!!merge ", b"%TAG ! x\n"),
    *(b"---\n", b"...\n", b"---#x\n", b"%YAML 1.1\n", b"#", b"'", b'"', b"\\x", b"\\u12", b"\\UFFFFFFFF"),
    *(b"0x", b"0b1", b"0o8", b".inf", b".nan", b"1_0", b"1e999", b"-", b"+", b"~", b"yes", b"0889", b"1:30"),
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x00",
        b"\t",
        b"\x85",
        b"\xe2\x80\xa8",
        b"a: b\n",
        b"kind: List\n",
        b"a",
    ),
)
_OBJECTS = (
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {"app": "web"},
            "annotations": {"argocd.argoproj.io/sync-wave": "1"},
            "finalizers": ["a/b"],
        },
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}},
    },
    {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}, "data": {"a": "b"}}
        ],
    },
)

TARGETS = (
    Target("yaml", read_yaml, (_DEPLOYMENT, _SEVERAL, b"- a\n- b: c\n"), _YAML_WORDS, longest=32_768),
    Target(
        "json",
        read_json,
        (*json_bytes(*_OBJECTS), b'{"a": [1, 2.5e3, true, null, "\\u00e9\\ud83d\\ude00"], "b": {"a": {}}}'),
        (
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b'"a":',
            b",",
            b"1",
            b"-",
            b"1e9",
            b"\\ud800",
            b"null",
            b"true",
            b" ",
            b"NaN",
        ),
    ),
    Target("manifests", read_manifests, json_bytes(*_OBJECTS), shape="json"),
)
