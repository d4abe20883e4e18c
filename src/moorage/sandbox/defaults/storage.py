"""
What does the server add to volumes, configuration and the places they live in?
"""

from __future__ import annotations

import base64

from moorage.model.manifest import Json
from moorage.sandbox.defaults.filling import fill_in, spec_of, with_status


def claim(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, volumeMode="Filesystem")
    fill_in(spec, resources={})
    body.setdefault("status", {}).setdefault("phase", "Pending")


def volume(body: Json) -> None:
    fill_in(spec_of(body), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if host := body["spec"].get("hostPath"):
        fill_in(host, type="")
    body.setdefault("status", {}).setdefault("phase", "Pending")


def storage_class(body: Json) -> None:
    fill_in(body, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def secret(body: Json) -> None:
    if plain := body.pop("stringData", None):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        body["data"] = {**body.get("data", {}), **encoded}
    fill_in(body, type="Opaque")


def namespace(body: Json) -> None:
    metadata = body.setdefault("metadata", {})
    if name := metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    # A namespace that goes has lost its finalizer on purpose, once it is empty.
    if not metadata.get("deletionTimestamp"):
        spec_of(body)
    body.setdefault("status", {}).setdefault("phase", "Active")


def account(body: Json) -> None:
    # Of the secrets of an account only their names are kept.
    if secrets := body.get("secrets"):
        body["secrets"] = [{"name": each["name"]} if each.get("name") else {} for each in secrets]


def limit_range(body: Json) -> None:
    for limit in spec_of(body).get("limits", ()):
        if limit.get("type") == "Container":
            fill_in(limit.setdefault("default", {}), **limit.get("max", {}))
            fill_in(limit.setdefault("defaultRequest", {}), **{**limit.get("min", {}), **limit["default"]})


def node(body: Json) -> None:
    spec_of(body)
    with_status(body)
