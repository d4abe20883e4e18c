"""
Which kinds does a Kubernetes 1.37 server have built in, and what do they look like?

Asked by discovery, the store, defaulting and validation of the sandbox, and by
commands that work without a cluster. A row of the table is one kind of one
group; its first version is the preferred one. Kinds defined by custom resources
are not here.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

from moorage.model.manifest import Json

if TYPE_CHECKING:
    from moorage.engine.merge.schema import Schemas

VERSION = "1.37"

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CREATE_ONLY = ("create",)
READ_ONLY = ("get", "list")
NO_COLLECTION = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind as discovery tells of it: how it is addressed, and what may be done with it."""

    group: str
    versions: tuple[str, ...]
    kind: str
    plural: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def version(self) -> str:
        """The version a server answers with when it may choose."""
        return self.versions[0]

    @property
    def api_version(self) -> str:
        """The preferred ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored(self) -> bool:
        """Whether objects of this kind can be listed; reviews and bindings are only answered."""
        return "list" in self.verbs


# group and versions: rows of "Kind plural scope [short=a,b] [in=categories] [sub=subresources] [verbs=name]"
_TABLE: dict[str, str] = {
    "/v1": """
        Binding bindings namespaced verbs=create
        ComponentStatus componentstatuses cluster short=cs verbs=read
        ConfigMap configmaps namespaced short=cm
        Endpoints endpoints namespaced short=ep
        Event events namespaced short=ev
        LimitRange limitranges namespaced short=limits
        Namespace namespaces cluster short=ns sub=finalize,status verbs=single
        Node nodes cluster short=no sub=proxy,status
        PersistentVolumeClaim persistentvolumeclaims namespaced short=pvc sub=status
        PersistentVolume persistentvolumes cluster short=pv sub=status
        Pod pods namespaced short=po in=all sub=attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status
        PodTemplate podtemplates namespaced
        ReplicationController replicationcontrollers namespaced short=rc in=all sub=scale,status
        ResourceQuota resourcequotas namespaced short=quota sub=status
        Secret secrets namespaced
        ServiceAccount serviceaccounts namespaced short=sa sub=token
        Service services namespaced short=svc in=all sub=proxy,status
    """,
    "apiregistration.k8s.io/v1": """
        APIService apiservices cluster in=api-extensions sub=status
    """,
    "apps/v1": """
        ControllerRevision controllerrevisions namespaced
        DaemonSet daemonsets namespaced short=ds in=all sub=status
        Deployment deployments namespaced short=deploy in=all sub=scale,status
        ReplicaSet replicasets namespaced short=rs in=all sub=scale,status
        StatefulSet statefulsets namespaced short=sts in=all sub=scale,status
    """,
    "events.k8s.io/v1": """
        Event events namespaced short=ev
    """,
    "authentication.k8s.io/v1": """
        SelfSubjectReview selfsubjectreviews cluster verbs=create
        TokenReview tokenreviews cluster verbs=create
    """,
    "authorization.k8s.io/v1": """
        LocalSubjectAccessReview localsubjectaccessreviews namespaced verbs=create
        SelfSubjectAccessReview selfsubjectaccessreviews cluster verbs=create
        SelfSubjectRulesReview selfsubjectrulesreviews cluster verbs=create
        SubjectAccessReview subjectaccessreviews cluster verbs=create
    """,
    "autoscaling/v2,v1": """
        HorizontalPodAutoscaler horizontalpodautoscalers namespaced short=hpa in=all sub=status
    """,
    "batch/v1": """
        CronJob cronjobs namespaced short=cj in=all sub=status
        Job jobs namespaced in=all sub=status
    """,
    "certificates.k8s.io/v1": """
        CertificateSigningRequest certificatesigningrequests cluster short=csr sub=approval,status
        ClusterTrustBundle clustertrustbundles cluster
        PodCertificateRequest podcertificaterequests namespaced sub=status
    """,
    "networking.k8s.io/v1": """
        IngressClass ingressclasses cluster
        Ingress ingresses namespaced short=ing sub=status
        IPAddress ipaddresses cluster short=ip
        NetworkPolicy networkpolicies namespaced short=netpol
        ServiceCIDR servicecidrs cluster sub=status
    """,
    "policy/v1": """
        PodDisruptionBudget poddisruptionbudgets namespaced short=pdb sub=status
    """,
    "rbac.authorization.k8s.io/v1": """
        ClusterRoleBinding clusterrolebindings cluster
        ClusterRole clusterroles cluster
        RoleBinding rolebindings namespaced
        Role roles namespaced
    """,
    "storage.k8s.io/v1": """
        CSIDriver csidrivers cluster
        CSINode csinodes cluster sub=status
        CSIStorageCapacity csistoragecapacities namespaced
        StorageClass storageclasses cluster short=sc
        VolumeAttachment volumeattachments cluster sub=status
        VolumeAttributesClass volumeattributesclasses cluster short=vac
    """,
    "admissionregistration.k8s.io/v1": """
        MutatingAdmissionPolicy mutatingadmissionpolicies cluster in=api-extensions
        MutatingAdmissionPolicyBinding mutatingadmissionpolicybindings cluster in=api-extensions
        MutatingWebhookConfiguration mutatingwebhookconfigurations cluster in=api-extensions
        ValidatingAdmissionPolicy validatingadmissionpolicies cluster in=api-extensions sub=status
        ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cluster in=api-extensions
        ValidatingWebhookConfiguration validatingwebhookconfigurations cluster in=api-extensions
    """,
    "apiextensions.k8s.io/v1": """
        CustomResourceDefinition customresourcedefinitions cluster short=crd,crds in=api-extensions sub=status
    """,
    "scheduling.k8s.io/v1": """
        PriorityClass priorityclasses cluster short=pc
    """,
    "coordination.k8s.io/v1": """
        Lease leases namespaced
    """,
    "node.k8s.io/v1": """
        RuntimeClass runtimeclasses cluster
    """,
    "discovery.k8s.io/v1": """
        EndpointSlice endpointslices namespaced
    """,
    "resource.k8s.io/v1": """
        DeviceClass deviceclasses cluster
        DeviceTaintRule devicetaintrules cluster sub=status
        ResourceClaim resourceclaims namespaced sub=status
        ResourceClaimTemplate resourceclaimtemplates namespaced
        ResourceSlice resourceslices cluster
    """,
    "flowcontrol.apiserver.k8s.io/v1": """
        FlowSchema flowschemas cluster sub=status
        PriorityLevelConfiguration prioritylevelconfigurations cluster sub=status
    """,
    "storagemigration.k8s.io/v1": """
        StorageVersionMigration storageversionmigrations cluster sub=status
    """,
}

_VERBS = {"create": CREATE_ONLY, "read": READ_ONLY, "single": NO_COLLECTION}


def _kind(group_versions: str, row: str) -> Kind:
    group, _, versions = group_versions.partition("/")
    name, plural, scope, *rest = row.split()
    options = dict(option.split("=", 1) for option in rest)

    def listed(option: str) -> tuple[str, ...]:
        return tuple(options[option].split(",")) if option in options else ()

    return Kind(
        group,
        tuple(versions.split(",")),
        name,
        plural,
        scope == "namespaced",
        listed("short"),
        listed("in"),
        listed("sub"),
        _VERBS[options["verbs"]] if "verbs" in options else ALL_VERBS,
    )


BUILTIN: tuple[Kind, ...] = tuple(
    _kind(group_versions, row) for group_versions, rows in _TABLE.items() for row in rows.strip().splitlines()
)
"""Every built-in kind, groups in the order a server lists them."""

_BY_PLURAL = {(kind.group, kind.plural): kind for kind in BUILTIN}
_BY_KIND = {(kind.group, kind.kind): kind for kind in BUILTIN}


def by_plural(group: str, plural: str) -> Kind | None:
    """Return the kind served under ``/apis/<group>/…/<plural>``, or None when it is not built in."""
    return _BY_PLURAL.get((group, plural))


def by_kind(group: str, kind: str) -> Kind | None:
    """Return the built-in kind of that group and name, or None."""
    return _BY_KIND.get((group, kind))


_INNER = ("items", "additionalProperties")


@cache
def definitions() -> Mapping[str, Any]:
    """Return ``components.schemas`` of the built-in kinds as OpenAPI v3 publishes them; never change it."""
    known = unpacked("kubernetes")
    for name, chosen in unpacked("enums").items():
        fields = known[name]["properties"]
        for field, told in chosen.items():
            inner = {part: {**fields[field][part], **told[part]} for part in _INNER if part in told}
            fields[field] |= {**told, **inner}
    return known


@cache
def zeroes_written() -> Mapping[str, list[str]]:
    """Return by definition the fields that are written back even when they are false, 0 or empty."""
    return unpacked("zeroes")


@cache
def _blanks() -> Mapping[str, Json]:
    return unpacked("blanks")


def blank(api_version: str, kind: str) -> Json:
    """Return the empty object of a built-in kind, as its Go type is written; ``{}`` for others."""
    group, _, version = api_version.rpartition("/")
    name = definition_names().get((group, version, kind), "")
    return _blank(name)


def _blank(name: str) -> Json:
    properties = definitions().get(name, {}).get("properties", {})
    filled: Json = {}
    for field, zero in _blanks().get(name, {}).items():
        if zero == {}:
            schema = properties.get(field, {})
            reference = (schema.get("allOf") or [schema])[0].get("$ref", "")
            zero = _blank(reference.rpartition("/")[2])
        filled[field] = zero
    return filled


def unpacked(name: str) -> dict[str, Any]:
    """Return a table of data that is kept packed beside the code."""
    packed = files("moorage.sandbox").joinpath("data", f"{name}-{VERSION}.json.gz").read_bytes()
    content: dict[str, Any] = orjson.loads(gzip.decompress(packed))
    return content


@cache
def definition_names() -> Mapping[tuple[str, str, str], str]:
    """Return the name of the definition of each (group, version, kind)."""
    names: dict[tuple[str, str, str], str] = {}
    for name, schema in definitions().items():
        known = schema.get("x-kubernetes-group-version-kind", ())
        # Shared types such as DeleteOptions name every group; they are the definition of none.
        if len(known) == 1:
            names[known[0]["group"], known[0]["version"], known[0]["kind"]] = name
    return names


@cache
def builtin_schemas() -> Schemas:
    """Return the schemas of the built-in kinds in the form the merge engine reads."""
    from moorage.engine.merge.schema import Schemas

    return Schemas(definitions())
