"""
To which application does a live resource belong, and how is that written down?

Annotations name the application *and* the resource. An object that some
controller copied carries the annotation of its original; since the annotation
does not name the copy, the copy belongs to nobody. Labels cannot tell.
"""

from __future__ import annotations

from enum import StrEnum

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.model.words import INSTALLATION_ID_ANNOTATION, TRACKING_ID_ANNOTATION

_LABEL_LIMIT = 63


class Tracking(StrEnum):
    """The ways to mark a resource as an application's, in Argo CD's words."""

    ANNOTATION = "annotation"
    LABEL = "label"
    ANNOTATION_AND_LABEL = "annotation+label"


def tracking_id(instance: str, group: str, kind: str, namespace: str, name: str) -> str:
    """Return the id that names an application and one resource: ``shop:apps/Deployment:web/frontend``."""
    return f"{instance}:{group}/{kind}:{namespace}/{name}"


def track(
    body: Json,
    instance: str,
    method: Tracking,
    label_key: str,
    destination_namespace: str,
    installation_id: str = "",
) -> Json:
    """
    Return `body` marked as a resource of an application.

    Definitions of kinds get no marks: several applications may ship the same
    one, and none of them may prune it.

    Args:
        body: A manifest that has its namespace already, if it is to have one.
        instance: The application's instance name.
        method: Which marks to write.
        label_key: The label to write when the method asks for one.
        destination_namespace: Stands in the id of resources without namespace.
        installation_id: Tells installations apart; empty when there is one.
    """
    group, kind = group_of(body["apiVersion"]), body["kind"]
    if kind == "CustomResourceDefinition" and group == "apiextensions.k8s.io":
        return body
    metadata = dict(body["metadata"])
    if method is not Tracking.LABEL:
        namespace = metadata.get("namespace") or destination_namespace
        annotations = _mapping(metadata.get("annotations"))
        name = metadata.get("name") or metadata.get("generateName") or ""
        annotations[TRACKING_ID_ANNOTATION] = tracking_id(instance, group, kind, namespace, name)
        if installation_id:
            annotations[INSTALLATION_ID_ANNOTATION] = installation_id
        metadata["annotations"] = annotations
    if method is not Tracking.ANNOTATION:
        labels = _mapping(metadata.get("labels"))
        labels[label_key] = _as_label(instance)
        metadata["labels"] = labels
    return {**body, "metadata": metadata}


def owner(body: Json, method: Tracking, label_key: str, installation_id: str = "") -> str | None:
    """
    Return the instance name of the application a live object belongs to, or None.

    Malformed marks mean that nobody owns it, and so does an owner reference: what
    a controller made belongs to its owner, whatever marks were copied along. With
    annotations the mark must name this very object; the namespace of a
    cluster-scoped one is not compared.
    """
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("ownerReferences"):
        return None
    if method is Tracking.LABEL:
        labels = metadata.get("labels")
        value = labels.get(label_key) if isinstance(labels, dict) else None
        return value if value and isinstance(value, str) else None
    annotations = metadata.get("annotations")
    if not isinstance(annotations, dict):
        return None
    mark = annotations.get(TRACKING_ID_ANNOTATION)
    if mark is None or not isinstance(mark, str):
        return None
    if installation_id and annotations.get(INSTALLATION_ID_ANNOTATION) != installation_id:
        return None
    return _owner_named_by(mark, body, metadata)


def _owner_named_by(mark: str, body: Json, metadata: Json) -> str | None:
    instance, _, rest = mark.partition(":")
    # Names of roles may contain colons, so only the first two separate parts.
    group_kind, _, place = rest.partition(":")
    namespace, sep, name = place.partition("/")
    if not sep or not instance or metadata.get("name") != name:
        return None
    if group_kind != f"{group_of(str(body.get('apiVersion')))}/{body.get('kind')}":
        return None
    if metadata.get("namespace") and metadata["namespace"] != namespace:
        return None
    return instance


def _as_label(instance: str) -> str:
    # A label value must not end in a separator, which cutting may leave behind.
    return instance if len(instance) <= _LABEL_LIMIT else instance[:_LABEL_LIMIT].rstrip("-_.")


def _mapping(value: object) -> Json:
    return dict(value) if isinstance(value, dict) else {}
