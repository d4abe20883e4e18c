"""What the API server would refuse, and in which words."""

from __future__ import annotations

import copy

import pytest

from moorage.sandbox.defaults import default
from moorage.sandbox.shapes import Decoding, shape_of
from moorage.sandbox.validation import validate


def obj(api_version, kind, **parts):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, **parts}


def changed(body, path, value):
    """Return a deep copy with `value` at a dotted path; None takes the field away."""
    result = copy.deepcopy(body)
    *way, last = path.split(".")
    inner = result
    for part in way:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    if value is None:
        del inner[last]
    elif isinstance(inner, list):
        inner[int(last)] = value
    else:
        inner[last] = value
    return result


def told(body, before=None):
    causes = validate(default(body), default(before) if before else None)
    return [(cause["field"], cause["message"]) for cause in causes]


TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "nginx"}]},
}
SELECTOR = {"matchLabels": {"app": "web"}}
DEPLOYMENT = obj("apps/v1", "Deployment", spec={"selector": SELECTOR, "template": TEMPLATE})
STATEFUL_SET = obj(
    "apps/v1", "StatefulSet", spec={"serviceName": "x", "selector": SELECTOR, "template": TEMPLATE}
)
JOB = obj("batch/v1", "Job", spec={"template": changed(TEMPLATE, "spec.restartPolicy", "Never")})
SERVICE = obj("v1", "Service", spec={"ports": [{"port": 80}], "clusterIP": "10.96.0.10"})
CLAIM = obj(
    "v1",
    "PersistentVolumeClaim",
    spec={
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "a",
        "resources": {"requests": {"storage": "1Gi"}},
    },
)
INGRESS = obj(
    "networking.k8s.io/v1",
    "Ingress",
    spec={
        "rules": [
            {
                "host": "a.example",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "w", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ]
    },
)
ROLE_BINDING = obj(
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    roleRef={"kind": "Role", "name": "r"},
    subjects=[{"kind": "User", "name": "u"}],
)
SECRET = obj("v1", "Secret", data={"a": "Yg=="})
CONFIG_MAP = obj("v1", "ConfigMap", data={"a": "b"})
POD = obj("v1", "Pod", spec=TEMPLATE["spec"])


@pytest.mark.parametrize(
    "body",
    [DEPLOYMENT, STATEFUL_SET, JOB, SERVICE, CLAIM, INGRESS, ROLE_BINDING, SECRET, CONFIG_MAP, POD],
    ids=lambda body: body["kind"],
)
def test_good_objects_pass(body):
    """
    An object as people write it is not refused, at creation or again unchanged.
    """
    assert told(body) == []
    assert told(body, body) == []


CONTAINER = "spec.template.spec.containers.0"
SHOWN = "spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("body", "path", "value", "field", "message"),
    [
        (DEPLOYMENT, "spec.selector", None, "spec.selector", "Required value"),
        (
            DEPLOYMENT,
            "spec.selector",
            {},
            "spec.selector",
            "Invalid value: {}: empty selector is invalid for deployment",
        ),
        (
            DEPLOYMENT,
            "spec.template.metadata.labels",
            {"app": "other"},
            "spec.template.metadata.labels",
            'Invalid value: {"app":"other"}: `selector` does not match template `labels`',
        ),
        (DEPLOYMENT, "spec.template.spec.containers", [], "spec.template.spec.containers", "Required value"),
        (DEPLOYMENT, f"{CONTAINER}.image", "", f"{SHOWN}.image", "Required value"),
        (
            DEPLOYMENT,
            f"{CONTAINER}.ports",
            [{"containerPort": 99999}],
            f"{SHOWN}.ports[0].containerPort",
            "Invalid value: 99999: must be between 1 and 65535, inclusive",
        ),
        (
            DEPLOYMENT,
            f"{CONTAINER}.volumeMounts",
            [{"name": "data", "mountPath": "/data"}],
            f"{SHOWN}.volumeMounts[0].name",
            'Not found: "data"',
        ),
        (
            DEPLOYMENT,
            f"{CONTAINER}.livenessProbe",
            {"periodSeconds": 1},
            f"{SHOWN}.livenessProbe",
            "Required value: must specify a handler type",
        ),
        (
            DEPLOYMENT,
            f"{CONTAINER}.resources",
            {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
            f"{SHOWN}.resources.requests",
            'Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            DEPLOYMENT,
            "spec.template.spec.restartPolicy",
            "Never",
            "spec.template.spec.restartPolicy",
            'Unsupported value: "Never": supported values: "Always"',
        ),
        (
            DEPLOYMENT,
            "spec.replicas",
            -1,
            "spec.replicas",
            "Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            JOB,
            "spec.template.spec.restartPolicy",
            "Always",
            "spec.template.spec.restartPolicy",
            'Required value: valid values: "OnFailure", "Never"',
        ),
        (SERVICE, "spec.ports", [], "spec.ports", "Required value"),
        (
            SERVICE,
            "spec.ports",
            [{"port": 80}, {"port": 81, "name": "b"}],
            "spec.ports[0].name",
            "Required value",
        ),
        (
            SERVICE,
            "spec.type",
            "Magic",
            "spec.type",
            'Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
        ),
        (
            INGRESS,
            "spec.rules.0.http.paths.0.path",
            "x",
            "spec.rules[0].http.paths[0].path",
            'Invalid value: "x": must be an absolute path',
        ),
        (
            CLAIM,
            "spec.accessModes",
            [],
            "spec.accessModes",
            "Required value: at least 1 access mode is required",
        ),
        (SECRET, "type", "kubernetes.io/tls", "data[tls.crt]", "Required value"),
        (ROLE_BINDING, "roleRef.name", "", "roleRef.name", "Required value"),
    ],
)
def test_faults_are_named_by_field(body, path, value, field, message):
    """
    What is wrong is said with the field it is in and the server's own words.
    """
    assert (field, message) in told(changed(body, path, value))


@pytest.mark.parametrize(
    ("body", "path", "value", "field", "ends"),
    [
        (DEPLOYMENT, "spec.selector.matchLabels.tier", "a", "spec.selector", "field is immutable"),
        (JOB, "spec.template.spec.containers.0.image", "other", "spec.template", "field is immutable"),
        (JOB, "spec.completions", 3, "spec.completions", "field is immutable"),
        (SERVICE, "spec.clusterIP", "10.96.0.11", "spec.clusterIPs[0]", "may not change once set"),
        (
            STATEFUL_SET,
            "spec.serviceName",
            "other",
            "spec.serviceName",
            "field is immutable",
        ),
        (
            CLAIM,
            "spec.storageClassName",
            "b",
            "spec",
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        ),
        (ROLE_BINDING, "roleRef.name", "other", "roleRef", "field is immutable"),
        (SECRET, "type", "other", "type", "field is immutable"),
        (POD, "spec.containers.0.image", "other", "", ""),
        ({**CLAIM, "status": {"phase": "Bound"}}, "spec.resources.requests.storage", "2Gi", "", ""),
    ],
)
def test_fields_that_may_not_change(body, path, value, field, ends):
    """
    A change of a field fixed at creation is refused; other changes of the same object are not.
    """
    after = changed(body, path, value)
    if body is DEPLOYMENT:
        after = changed(after, "spec.template.metadata.labels.tier", "a")

    found = told(after, body)

    assert bool(field) == bool(found)
    assert all(field == where and what.endswith(ends) for where, what in found)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_immutable_data_stays(kind):
    """
    Once immutable, neither the data nor the mark may change.
    """
    before = obj("v1", kind, data={"a": "Yg=="}, immutable=True)

    found = told(obj("v1", kind, data={"a": "Yw=="}), before)

    assert [field for field, _ in found] == ["immutable", "data"]


def test_secret_values_are_not_told():
    """
    S: a message about a Secret never holds what is in it.
    """
    secret = obj("v1", "Secret", data={"a": "not base64: hunter2"})
    decoding = Decoding()
    decoding.read(secret, shape_of("v1", "Secret"))

    assert decoding.faults == ["illegal base64 data at input byte 3"]
    assert "hunter2" not in str(told(secret))


def test_status_is_taken_as_it_is():
    """
    Writing the status does not judge the rest of the object again.
    """
    assert validate(obj("apps/v1", "Deployment", spec={}), None, "status") == []
