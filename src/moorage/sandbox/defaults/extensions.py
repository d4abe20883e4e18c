"""
What does the server add to what extends it: definitions, webhooks, policies, drivers?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.defaults.filling import fill_in, spec_of, with_status


def custom_resource(body: Json) -> None:
    spec = spec_of(body)
    names = spec.setdefault("names", {})
    if kind := names.get("kind"):
        fill_in(names, singular=kind.lower(), listKind=f"{kind}List")
    conversion = spec.setdefault("conversion", {})
    fill_in(conversion, strategy="None")
    if client := (conversion.get("webhook") or {}).get("clientConfig", {}).get("service"):
        fill_in(client, port=443)


def webhooks(body: Json) -> None:
    mutating = body["kind"].startswith("Mutating")
    for webhook in body.get("webhooks", ()):
        fill_in(webhook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        fill_in(webhook, namespaceSelector={}, objectSelector={})
        if mutating:
            fill_in(webhook, reinvocationPolicy="Never")
        for rule in webhook.get("rules", ()):
            fill_in(rule, scope="*")
        if service := webhook.get("clientConfig", {}).get("service"):
            fill_in(service, port=443)


def admission_policy(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, failurePolicy="Fail")
    match = spec.setdefault("matchConstraints", {})
    _match_resources(match)


def admission_binding(body: Json) -> None:
    if match := spec_of(body).get("matchResources"):
        _match_resources(match)


def _match_resources(match: Json) -> None:
    fill_in(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for rule in [*match.get("resourceRules", ()), *match.get("excludeResourceRules", ())]:
        fill_in(rule, scope="*")


def api_service(body: Json) -> None:
    if service := spec_of(body).get("service"):
        fill_in(service, port=443)
    with_status(body)


def priority_class(body: Json) -> None:
    fill_in(body, preemptionPolicy="PreemptLowerPriority")


def csi_driver(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, attachRequired=True, podInfoOnMount=False, storageCapacity=False, requiresRepublish=False)
    fill_in(spec, fsGroupPolicy="ReadWriteOnceWithFSType", seLinuxMount=False)
    fill_in(spec, preventPodSchedulingIfMissing=False)
    fill_in(spec, volumeLifecycleModes=["Persistent"])


def flow_schema(body: Json) -> None:
    fill_in(spec_of(body), matchingPrecedence=1000)
    with_status(body)
