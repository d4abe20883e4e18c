"""What the API server would add to objects of built-in kinds."""

from __future__ import annotations

import pytest

from moorage.model.manifest import digest
from moorage.sandbox.defaults import default, fill
from moorage.sandbox.preparing import prepare
from moorage.sandbox.shapes import Decoding, shape_of


def obj(api_version, kind, **parts):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, **parts}


CONTAINER = {
    "name": "web",
    "image": "nginx:1.27",
    "ports": [{"containerPort": 80}],
    "readinessProbe": {"httpGet": {"port": 80}},
    "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
}
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "serviceAccountName": "web",
        "containers": [CONTAINER],
        "volumes": [
            {"name": "config", "configMap": {"name": "c"}},
            {"name": "secret", "secret": {"secretName": "s"}},
            {"name": "host", "hostPath": {"path": "/x"}},
            {"name": "tmp"},
        ],
    },
}
DEPLOYMENT = obj(
    "apps/v1", "Deployment", spec={"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
)


def at(body, path):
    for part in path.split("."):
        body = body[int(part)] if part.isdigit() else body[part]
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.replicas", 1),
        ("spec.revisionHistoryLimit", 10),
        ("spec.progressDeadlineSeconds", 600),
        (
            "spec.strategy",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        ),
        ("spec.template.spec.restartPolicy", "Always"),
        ("spec.template.spec.dnsPolicy", "ClusterFirst"),
        ("spec.template.spec.schedulerName", "default-scheduler"),
        ("spec.template.spec.securityContext", {}),
        ("spec.template.spec.terminationGracePeriodSeconds", 30),
        ("spec.template.spec.serviceAccount", "web"),
        ("spec.template.spec.containers.0.resources", {}),
        ("spec.template.spec.containers.0.imagePullPolicy", "IfNotPresent"),
        ("spec.template.spec.containers.0.terminationMessagePath", "/dev/termination-log"),
        ("spec.template.spec.containers.0.terminationMessagePolicy", "File"),
        ("spec.template.spec.containers.0.ports.0.protocol", "TCP"),
        ("spec.template.spec.containers.0.readinessProbe.periodSeconds", 10),
        (
            "spec.template.spec.containers.0.readinessProbe.httpGet",
            {"path": "/", "port": 80, "scheme": "HTTP"},
        ),
        ("spec.template.spec.containers.0.env.0.valueFrom.fieldRef.apiVersion", "v1"),
        ("spec.template.spec.volumes.0.configMap.defaultMode", 420),
        ("spec.template.spec.volumes.1.secret.defaultMode", 420),
        ("spec.template.spec.volumes.2.hostPath.type", ""),
        ("spec.template.spec.volumes.3.emptyDir", {}),
        ("status", {}),
    ],
)
def test_deployment_defaults(path, value):
    """
    A deployment that says only what it must gets what the API server would add.
    """
    assert value == at(default(DEPLOYMENT), path)


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:00", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image, policy):
    """
    Images that may move are pulled each time, fixed ones once.
    """
    pod = obj("v1", "Pod", spec={"containers": [{"name": "c", "image": image}]})

    assert policy == at(default(pod), "spec.containers.0.imagePullPolicy")


KINDS = [
    pytest.param(
        obj("v1", "Service", spec={"ports": [{"port": 80}], "selector": {"app": "web"}}),
        {
            "spec.type": "ClusterIP",
            "spec.sessionAffinity": "None",
            "spec.internalTrafficPolicy": "Cluster",
            "spec.ports.0": {"port": 80, "protocol": "TCP", "targetPort": 80},
            "status": {"loadBalancer": {}},
        },
        id="Service",
    ),
    pytest.param(
        obj("v1", "Service", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}),
        {"spec.externalTrafficPolicy": "Cluster", "spec.allocateLoadBalancerNodePorts": True},
        id="LoadBalancer",
    ),
    pytest.param(
        obj("v1", "Secret", stringData={"a": "b"}, data={"c": "ZA=="}),
        {"type": "Opaque", "data": {"a": "Yg==", "c": "ZA=="}},
        id="Secret",
    ),
    pytest.param(
        obj("v1", "Namespace"),
        {
            "metadata.labels": {"kubernetes.io/metadata.name": "x"},
            "status.phase": "Active",
        },
        id="Namespace",
    ),
    pytest.param(
        obj("batch/v1", "Job", spec={"template": TEMPLATE}),
        {
            "spec.backoffLimit": 6,
            "spec.completions": 1,
            "spec.parallelism": 1,
            "spec.completionMode": "NonIndexed",
            "spec.suspend": False,
            "spec.podReplacementPolicy": "TerminatingOrFailed",
        },
        id="Job",
    ),
    pytest.param(
        obj(
            "batch/v1",
            "CronJob",
            spec={"schedule": "* * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}},
        ),
        {
            "spec.concurrencyPolicy": "Allow",
            "spec.successfulJobsHistoryLimit": 3,
            "spec.failedJobsHistoryLimit": 1,
            "spec.jobTemplate.spec.template.spec.dnsPolicy": "ClusterFirst",
        },
        id="CronJob",
    ),
    pytest.param(
        obj(
            "apps/v1",
            "StatefulSet",
            spec={
                "serviceName": "x",
                "template": TEMPLATE,
                "volumeClaimTemplates": [{"metadata": {"name": "d"}}],
            },
        ),
        {
            "spec.podManagementPolicy": "OrderedReady",
            "spec.updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"partition": 0, "maxUnavailable": 1},
            },
            "spec.persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "spec.volumeClaimTemplates.0.kind": "PersistentVolumeClaim",
            "spec.volumeClaimTemplates.0.spec.volumeMode": "Filesystem",
            "spec.volumeClaimTemplates.0.status": {"phase": "Pending"},
        },
        id="StatefulSet",
    ),
    pytest.param(
        obj("apps/v1", "DaemonSet", spec={"template": TEMPLATE}),
        {
            "spec.updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            }
        },
        id="DaemonSet",
    ),
    pytest.param(
        obj(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            spec={"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]},
        ),
        {"spec.policyTypes": ["Ingress", "Egress"], "spec.egress.0.ports.0.protocol": "TCP"},
        id="NetworkPolicy",
    ),
    pytest.param(
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            spec={"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "w"}},
        ),
        {"spec.minReplicas": 1, "spec.metrics.0.resource.target.averageUtilization": 80},
        id="HorizontalPodAutoscaler",
    ),
    pytest.param(
        obj(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            roleRef={"kind": "Role", "name": "r"},
            subjects=[
                {"kind": "User", "name": "u"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
        ),
        {
            "roleRef.apiGroup": "rbac.authorization.k8s.io",
            "subjects.0.apiGroup": "rbac.authorization.k8s.io",
            "subjects.1": {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
        },
        id="RoleBinding",
    ),
    pytest.param(
        obj(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            webhooks=[
                {"name": "a.b.c", "clientConfig": {"service": {"name": "s", "namespace": "n"}}, "rules": [{}]}
            ],
        ),
        {
            "webhooks.0.failurePolicy": "Fail",
            "webhooks.0.matchPolicy": "Equivalent",
            "webhooks.0.namespaceSelector": {},
            "webhooks.0.timeoutSeconds": 10,
            "webhooks.0.clientConfig.service.port": 443,
            "webhooks.0.rules.0.scope": "*",
        },
        id="ValidatingWebhookConfiguration",
    ),
    pytest.param(
        obj(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            spec={"names": {"kind": "Widget", "plural": "widgets"}},
        ),
        {
            "spec.names": {
                "kind": "Widget",
                "plural": "widgets",
                "singular": "widget",
                "listKind": "WidgetList",
            },
            "spec.conversion": {"strategy": "None"},
        },
        id="CustomResourceDefinition",
    ),
]


@pytest.mark.parametrize(("body", "expected"), KINDS)
def test_defaults_of_other_kinds(body, expected):
    """
    Each built-in kind gets its own defaults.
    """
    filled = default(body)

    assert expected == {path: at(filled, path) for path in expected}


@pytest.mark.parametrize(
    "body", [case.values[0] for case in KINDS] + [DEPLOYMENT], ids=lambda body: body["kind"]
)
def test_default_is_pure_and_settles(body):
    """
    The body passed in is not changed, and defaulting twice is defaulting once.
    """
    before = digest(body)

    filled = default(body)

    assert before == digest(body)
    assert filled == default(filled)


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        pytest.param({"paused": False, "minReadySeconds": 0}, {}, id="zeroes Go leaves out"),
        pytest.param({"replicas": 0}, {"replicas": 0}, id="zeroes behind pointers stay"),
        pytest.param({"strategy": None, "template": {}}, {"template": {}}, id="nulls"),
        pytest.param({"selector": {"matchLabels": {}}}, {"selector": {}}, id="empty maps in structs"),
        pytest.param({"replicas": 2.0}, {"replicas": 2}, id="whole floats"),
        pytest.param(
            {"strategy": {"rollingUpdate": {"maxSurge": "1", "maxUnavailable": 0}}},
            {"strategy": {"rollingUpdate": {"maxSurge": "1", "maxUnavailable": 0}}},
            id="numbers or words stay as they are",
        ),
    ],
)
def test_empty_fields_go_as_go_would_drop_them(spec, kept):
    """
    A decoded body has no nulls, no empty lists and maps, and no zeroes that Go leaves out.
    """
    shape = shape_of("apps/v1", "Deployment")
    assert shape is not None

    read = Decoding().read(obj("apps/v1", "Deployment", spec=spec), shape)

    assert kept == read["spec"]


def test_resources_are_canonical():
    """
    Quantities are stored in canonical form, numbers as text; limits stand for absent requests in pods.
    """
    resources = {"limits": {"cpu": 1, "memory": "1024Mi"}, "requests": {"cpu": 0.5}}
    pod = obj("v1", "Pod", spec={"containers": [{"name": "c", "image": "i", "resources": resources}]})

    stored = at(default(pod), "spec.containers.0.resources")

    assert stored == {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}


def test_decoding_names_unknown_fields_and_wrong_types():
    """
    Fields nobody knows are named by path; what cannot be decoded is told as Go tells it.
    """
    shape = shape_of("apps/v1", "Deployment")
    assert shape is not None
    decoding = Decoding()
    spec = {"replicas": "3", "replica": 1, "template": {"spec": {"containers": [{"imagee": "x"}]}}}

    decoding.read(obj("apps/v1", "Deployment", spec=spec), shape)

    assert decoding.unknown == ["spec.replica", "spec.template.spec.containers[0].imagee"]
    told = "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    assert [told] == decoding.faults


def test_new_service_has_an_address_that_stays():
    """
    A service gets its address with its uid, in the answer to the request, and keeps it through updates.
    """
    service = obj("v1", "Service", spec={"type": "NodePort", "ports": [{"port": 80}]})
    service["metadata"]["uid"] = "0001"
    again = {**service, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}

    for each in (service, again):
        fill(each)
        prepare(each, None)

    assert service["spec"]["clusterIP"].startswith("10.")
    assert [service["spec"]["clusterIP"]] == service["spec"]["clusterIPs"]
    assert 30000 <= service["spec"]["ports"][0]["nodePort"] <= 32767
    assert service["spec"] == again["spec"]


def test_new_job_selects_its_own_pods():
    """
    A job's pods are told from those of other jobs by a label with the job's uid, given once.
    """
    job = default(obj("batch/v1", "Job", spec={"template": TEMPLATE}))
    job["metadata"]["uid"] = "0001"

    fill(job)
    prepare(job, None)

    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "0001"}}
    assert job["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] == "0001"


def test_status_of_a_new_object_is_dropped():
    """
    What a client says of the status at creation does not count: only controllers report.
    """
    deployment = default({**DEPLOYMENT, "status": {"readyReplicas": 7}})
    deployment["metadata"] = {**deployment["metadata"], "uid": "0001"}

    fill(deployment)

    assert deployment["status"] == {}


def test_other_kinds_are_left_alone():
    """
    A body of a kind that is not built in comes back as it is.
    """
    widget = obj("example.org/v1", "Widget", spec={"size": None})

    assert default(widget) is widget
