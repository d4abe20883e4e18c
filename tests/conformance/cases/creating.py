"""Create: what every built-in kind becomes when little is said, and names, versions, and manager words."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    cases,
    config_map,
    create,
    deployment,
    get,
    pod_spec,
    service,
    widget,
)
from tests.conformance.exchange import Case


def _object(api_version: str, kind: str, name: str = "x", **fields: Json) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


_LABELS = {"matchLabels": {"app": "x"}}
_TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": pod_spec()}
_NEVER = {"spec": pod_spec(restartPolicy="Never")}
_RBAC = "rbac.authorization.k8s.io"
_HOOK = {
    "name": "a.example.com",
    "clientConfig": {"service": {"name": "hook", "namespace": "default"}},
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "rules": [
        {
            "apiGroups": ["example.com"],
            "apiVersions": ["v1"],
            "resources": ["things"],
            "operations": ["CREATE"],
        }
    ],
}

# One row a kind: what is said. The answer shows what the server adds.
KINDS: dict[str, tuple[str, Json]] = {
    "ConfigMap": ("configmaps", config_map("x", a="1")),
    "ConfigMap with nothing": ("configmaps", config_map("x")),
    "ConfigMap immutable": ("configmaps", config_map("x", a="1") | {"immutable": True}),
    "ConfigMap binary": ("configmaps", config_map("x") | {"binaryData": {"a": "AAEC"}}),
    "Secret": ("secrets", _object("v1", "Secret", data={"a": "YQ=="})),
    "Secret by stringData": ("secrets", _object("v1", "Secret", stringData={"a": "plain", "b": "ü"})),
    "Secret stringData over data": (
        "secrets",
        _object("v1", "Secret", data={"a": "YQ=="}, stringData={"a": "new"}),
    ),
    "Secret typed": (
        "secrets",
        _object(
            "v1", "Secret", type="kubernetes.io/basic-auth", stringData={"username": "u", "password": "p"}
        ),
    ),
    "ServiceAccount": ("serviceaccounts", _object("v1", "ServiceAccount")),
    "Service": ("services", service()),
    "Service with two ports": (
        "services",
        service(
            "x", {"name": "a", "port": 80, "targetPort": "http"}, {"name": "b", "port": 53, "protocol": "UDP"}
        ),
    ),
    "Service headless": ("services", service("x", clusterIP="None")),
    "Service of type NodePort": ("services", service("x", type="NodePort")),
    "Service of type LoadBalancer": ("services", service("x", type="LoadBalancer")),
    "Service of type ExternalName": (
        "services",
        _object("v1", "Service", spec={"type": "ExternalName", "externalName": "example.com"}),
    ),
    "Service with affinity": ("services", service("x", sessionAffinity="ClientIP")),
    "Service with local traffic": ("services", service("x", type="NodePort", externalTrafficPolicy="Local")),
    "Endpoints": (
        "endpoints",
        _object("v1", "Endpoints", subsets=[{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]),
    ),
    "EndpointSlice": (
        "endpointslices",
        _object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.1.2.3"]}],
            ports=[{"port": 80}],
        ),
    ),
    "Pod": ("pods", _object("v1", "Pod", spec=pod_spec())),
    "Pod with latest image": ("pods", _object("v1", "Pod", spec=pod_spec({"name": "a", "image": "nginx"}))),
    "Pod with a digest": (
        "pods",
        _object("v1", "Pod", spec=pod_spec({"name": "a", "image": "nginx@sha256:" + "0" * 64})),
    ),
    "Pod with probes": (
        "pods",
        _object(
            "v1",
            "Pod",
            spec=pod_spec(
                {
                    "name": "a",
                    "image": "nginx:1",
                    "livenessProbe": {"httpGet": {"port": 80}},
                    "readinessProbe": {"tcpSocket": {"port": "http"}},
                    "startupProbe": {"grpc": {"port": 9}},
                    "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/stop"}}},
                }
            ),
        ),
    ),
    "Pod with ports": (
        "pods",
        _object(
            "v1", "Pod", spec=pod_spec({"name": "a", "image": "nginx:1", "ports": [{"containerPort": 80}]})
        ),
    ),
    "Pod on the host network": (
        "pods",
        _object(
            "v1",
            "Pod",
            spec=pod_spec(
                {"name": "a", "image": "nginx:1", "ports": [{"containerPort": 80}]}, hostNetwork=True
            ),
        ),
    ),
    "Pod with limits": (
        "pods",
        _object(
            "v1",
            "Pod",
            spec=pod_spec(
                {
                    "name": "a",
                    "image": "nginx:1",
                    "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "100m"}},
                }
            ),
        ),
    ),
    "Pod with volumes": (
        "pods",
        _object(
            "v1",
            "Pod",
            spec=pod_spec(
                serviceAccountName="default",
                volumes=[
                    {"name": "a", "secret": {"secretName": "s"}},
                    {"name": "b", "configMap": {"name": "c"}},
                    {"name": "c", "emptyDir": {}},
                    {"name": "d", "hostPath": {"path": "/d"}},
                    {
                        "name": "e",
                        "downwardAPI": {
                            "items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]
                        },
                    },
                    {"name": "f", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                ],
            ),
        ),
    ),
    "Pod with environment": (
        "pods",
        _object(
            "v1",
            "Pod",
            spec=pod_spec(
                {
                    "name": "a",
                    "image": "nginx:1",
                    "env": [
                        {"name": "A", "value": "1"},
                        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
                        {"name": "E"},
                    ],
                    "envFrom": [{"configMapRef": {"name": "c"}}],
                }
            ),
        ),
    ),
    "Pod with init containers": (
        "pods",
        _object("v1", "Pod", spec=pod_spec(initContainers=[{"name": "i", "image": "init"}])),
    ),
    "Pod with old account field": ("pods", _object("v1", "Pod", spec=pod_spec(serviceAccount="robot"))),
    "Pod with tolerations": (
        "pods",
        _object("v1", "Pod", spec=pod_spec(tolerations=[{"key": "a", "operator": "Exists"}])),
    ),
    "PodTemplate": ("podtemplates", _object("v1", "PodTemplate", template=_TEMPLATE)),
    "ReplicationController": (
        "replicationcontrollers",
        _object("v1", "ReplicationController", spec={"replicas": 0, "template": _TEMPLATE}),
    ),
    "LimitRange": (
        "limitranges",
        _object(
            "v1",
            "LimitRange",
            spec={"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]},
        ),
    ),
    "ResourceQuota": (
        "resourcequotas",
        _object("v1", "ResourceQuota", spec={"hard": {"pods": "10", "cpu": "4000m"}}),
    ),
    "PersistentVolumeClaim": (
        "persistentvolumeclaims",
        _object(
            "v1",
            "PersistentVolumeClaim",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}},
        ),
    ),
    "PersistentVolume": (
        "persistentvolumes",
        _object(
            "v1",
            "PersistentVolume",
            "{ns}",
            spec={
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": "/a"},
                "storageClassName": "none-such",
            },
        ),
    ),
    "Namespace": ("namespaces", _object("v1", "Namespace", "{ns}-more")),
    "Deployment": ("deployments", deployment()),
    "Deployment recreating": ("deployments", deployment(strategy={"type": "Recreate"})),
    "Deployment with a part of the strategy": (
        "deployments",
        deployment(strategy={"rollingUpdate": {"maxSurge": 1}}),
    ),
    "ReplicaSet": (
        "replicasets",
        _object("apps/v1", "ReplicaSet", spec={"replicas": 0, "selector": _LABELS, "template": _TEMPLATE}),
    ),
    "StatefulSet": (
        "statefulsets",
        _object(
            "apps/v1", "StatefulSet", spec={"serviceName": "x", "selector": _LABELS, "template": _TEMPLATE}
        ),
    ),
    "StatefulSet with a claim": (
        "statefulsets",
        _object(
            "apps/v1",
            "StatefulSet",
            spec={
                "serviceName": "x",
                "replicas": 0,
                "selector": _LABELS,
                "template": _TEMPLATE,
                "volumeClaimTemplates": [
                    {
                        "metadata": {"name": "data"},
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1Gi"}},
                        },
                    }
                ],
            },
        ),
    ),
    "DaemonSet": (
        "daemonsets",
        _object("apps/v1", "DaemonSet", spec={"selector": _LABELS, "template": _TEMPLATE}),
    ),
    "ControllerRevision": (
        "controllerrevisions",
        _object("apps/v1", "ControllerRevision", revision=1, data={"spec": {"a": 1}}),
    ),
    "CronJob": (
        "cronjobs",
        _object(
            "batch/v1",
            "CronJob",
            spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": _NEVER}}},
        ),
    ),
    "Job suspended": ("jobs", _object("batch/v1", "Job", spec={"suspend": True, "template": _NEVER})),
    "Ingress": (
        "ingresses",
        _object(
            "networking.k8s.io/v1",
            "Ingress",
            spec={"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}},
        ),
    ),
    "IngressClass": (
        "ingressclasses",
        _object(
            "networking.k8s.io/v1",
            "IngressClass",
            "{ns}",
            spec={
                "controller": "example.com/c",
                "parameters": {"apiGroup": "example.com", "kind": "P", "name": "p"},
            },
        ),
    ),
    "NetworkPolicy": (
        "networkpolicies",
        _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            spec={"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
        ),
    ),
    "NetworkPolicy for egress": (
        "networkpolicies",
        _object("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "egress": [{}]}),
    ),
    "PodDisruptionBudget": (
        "poddisruptionbudgets",
        _object("policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": _LABELS}),
    ),
    "Role": (
        "roles",
        _object(f"{_RBAC}/v1", "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    ),
    "Role without rules": ("roles", _object(f"{_RBAC}/v1", "Role")),
    "RoleBinding": (
        "rolebindings",
        _object(
            f"{_RBAC}/v1",
            "RoleBinding",
            roleRef={"apiGroup": _RBAC, "kind": "Role", "name": "r"},
            subjects=[
                {"kind": "User", "name": "u"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
        ),
    ),
    "RoleBinding without a group": (
        "rolebindings",
        _object(f"{_RBAC}/v1", "RoleBinding", roleRef={"kind": "Role", "name": "r"}),
    ),
    "ClusterRole": (
        "clusterroles",
        _object(f"{_RBAC}/v1", "ClusterRole", "{ns}", rules=[{"nonResourceURLs": ["/x"], "verbs": ["get"]}]),
    ),
    "ClusterRoleBinding": (
        "clusterrolebindings",
        _object(
            f"{_RBAC}/v1",
            "ClusterRoleBinding",
            "{ns}",
            roleRef={"kind": "ClusterRole", "name": "r"},
            subjects=[{"kind": "Group", "name": "g"}],
        ),
    ),
    "HorizontalPodAutoscaler": (
        "horizontalpodautoscalers",
        _object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
                "maxReplicas": 3,
            },
        ),
    ),
    "HorizontalPodAutoscaler with behaviour": (
        "horizontalpodautoscalers",
        _object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            spec={
                "scaleTargetRef": {"kind": "Deployment", "name": "x"},
                "maxReplicas": 3,
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
            },
        ),
    ),
    "Lease": ("leases", _object("coordination.k8s.io/v1", "Lease", spec={"holderIdentity": "me"})),
    "StorageClass": (
        "storageclasses",
        _object("storage.k8s.io/v1", "StorageClass", "{ns}", provisioner="example.com/p"),
    ),
    "CSIDriver": ("csidrivers", _object("storage.k8s.io/v1", "CSIDriver", "{ns}.example.com", spec={})),
    "PriorityClass": ("priorityclasses", _object("scheduling.k8s.io/v1", "PriorityClass", "{ns}", value=10)),
    "RuntimeClass": ("runtimeclasses", _object("node.k8s.io/v1", "RuntimeClass", "{ns}", handler="h")),
    "ValidatingWebhookConfiguration": (
        "validatingwebhookconfigurations",
        _object(
            "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "{ns}", webhooks=[_HOOK]
        ),
    ),
    "MutatingWebhookConfiguration": (
        "mutatingwebhookconfigurations",
        _object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "{ns}", webhooks=[_HOOK]),
    ),
    "Widget": ("widgets", widget()),
}

_NAMES: dict[str, Json] = {
    "with labels and annotations": {"name": "x", "labels": {"a": "b"}, "annotations": {"c": "d"}},
    "with finalizers": {"name": "x", "finalizers": ["example.com/keep"]},
    "with an owner": {
        "name": "x",
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "1-2-3"}],
    },
    "with the namespace named": {"name": "x", "namespace": "{ns}"},
    "with a generated name": {"generateName": "made-"},
    "with server fields": {"name": "x", "uid": "given", "generation": 7, "selfLink": "/x"},
    "with a creation time": {"name": "x", "creationTimestamp": "2001-01-01T00:00:00Z"},
    "with a null creation time": {"name": "x", "creationTimestamp": None},
    "with managers given": {
        "name": "x",
        "managedFields": [
            {
                "manager": "me",
                "operation": "Apply",
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {"f:a": {}}},
            }
        ],
    },
    "with empty managers": {"name": "x", "managedFields": []},
    "with a long name": {"name": "x" * 63 + "." + "y" * 63},
}

CASES: tuple[Case, ...] = (
    *cases(
        "defaults",
        {
            kind: [
                create(plural, body),
            ]
            for kind, (plural, body) in KINDS.items()
        },
    ),
    *cases(
        "create",
        {
            name: [
                create(
                    "configmaps",
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}},
                )
            ]
            for name, meta in _NAMES.items()
        },
    ),
    *cases(
        "create",
        {
            "again": [create("configmaps", config_map()), create("configmaps", config_map())],
            "and read": [create("configmaps", config_map("x", a="1")), get("configmaps", "x")],
            "with a manager": [create("configmaps", config_map("x", a="1"), fieldManager="me")],
            "custom with a manager": [
                create("widgets", widget("x", keyed=[{"name": "a"}]), fieldManager="me")
            ],
            "without kind and version": [
                create("configmaps", {"metadata": {"name": "x"}, "data": {"a": "1"}})
            ],
            "with null values": [
                create("configmaps", {"metadata": {"name": "x", "labels": None}, "data": {"a": None}})
            ],
            "deployment with null values": [
                create("deployments", deployment("x", replicas=None) | {"status": None}),
            ],
            "with a status it may not set": [
                create("deployments", deployment() | {"status": {"replicas": 9}})
            ],
            "widget with a status it may not set": [
                create("widgets", widget() | {"status": {"phase": "Done"}})
            ],
            "with an empty list": [create("pods", {"metadata": {"name": "x"}, "spec": pod_spec(volumes=[])})],
            "managers of a deployment": [
                create("deployments", deployment("x", {"name": "a", "image": "a:1", "env": [{"name": "A"}]}))
            ],
            "managers of a service": [
                create("services", service("x", {"port": 80}, {"name": "b", "port": 81}))
            ],
        },
    ),
)
