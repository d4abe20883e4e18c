"""How do databases, queues and search clusters do, as told by their operators?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    P,
    S,
    Table,
    annotation,
    by_word,
    condition,
    conditions,
    in_order_of_clauses,
    in_order_of_conditions,
    items,
    number,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json

_POSTGRES_PHASES = by_word(
    "status.phase",
    "Cluster in healthy state → Healthy,"
    " Setting up primary|Creating a new replica|Upgrading cluster"
    "|Waiting for the instances to become active|Promoting to primary cluster → Progressing,"
    " Switchover in progress|Failing over|Cluster upgrade delayed|Waiting for user action"
    "|Primary instance is being restarted in-place|Primary instance is being restarted without a switchover"
    "|Online upgrade in progress|Applying configuration|Upgrading Postgres major version → Degraded,"
    " Unable to create required cluster objects"
    "|Cluster cannot proceed to reconciliation due to an unknown plugin being required"
    "|Cluster has incomplete or invalid image catalog"
    "|Cluster is unrecoverable and needs manual intervention → Suspended, else Unknown",
)


def _postgres(body: Json) -> Health | None:
    if annotation(body, "cnpg.io/reconciliationLoop") == "disabled":
        return Health(S, "the cluster's reconciliation is disabled")
    if not conditions(body):
        return Health(P, "waiting for the first conditions")
    hibernating = condition(body, "cnpg.io/hibernation")
    if hibernating is not None:
        return Health(S if hibernating.get("status") == "True" else D, text(hibernating, "message"))
    return _POSTGRES_PHASES(body)


def _elasticsearch(body: Json) -> Health:
    wanted = sum(number(nodes, "count") for nodes in items(body, "spec", "nodeSets"))
    available = number(body, "status", "availableNodes")
    if available < wanted:
        return Health(P, f"{available} of {wanted} nodes are available")
    match text(body, "status", "phase"):
        case "Ready":
            return _COLOUR(body) or HEALTHY
        case "ApplyingChanges" | "MigratingData":
            return Health(P, "Elasticsearch is applying changes")
        case "Invalid":
            return Health(D, "the specification is invalid")
    return _UNKNOWN(body) or HEALTHY


def _rabbit(body: Json) -> Health:
    reconciled = condition(body, "ReconcileSuccess")
    if text(reconciled, "status") == "False":
        return Health(D, text(reconciled, "message"))
    parts = (condition(body, "ClusterAvailable"), condition(body, "AllReplicasReady"))
    if all(text(part, "status") == "True" for part in parts):
        return HEALTHY
    return Health(P, next((text(p, "message") for p in parts if text(p, "status") != "True"), ""))


def _mariadb(body: Json) -> Health:
    found = conditions(body)
    if not found:
        return Health(P, "waiting for the first conditions")
    bad = next((c for c in found if c.get("status") == "False"), None)
    if bad is None:
        return HEALTHY
    return Health(D if bad.get("reason") == "Failed" else P, text(bad, "message"))


_COLOUR = by_word("status.health", "green → Healthy, yellow → Progressing, red → Degraded, else Unknown")
_UNKNOWN = by_word("status.phase", "Ready → Healthy, else Unknown")
_KAFKA_PART = in_order_of_conditions("NotReady=True → Degraded, Ready=True → Healthy, else Progressing")
_CONFLUENT = by_word("status.phase", "RUNNING → Healthy, PROVISIONING → Progressing, else Progressing")
_RABBIT_PART = in_order_of_conditions(
    "Ready=True/SuccessfulCreateOrUpdate → Healthy, Ready=False/FailedCreateOrUpdate → Degraded, else Unknown"
)
_ALTINITY = by_word("status.status", "Completed → Healthy, InProgress → Progressing, else Degraded")

TABLE: Table = {
    ("postgresql.cnpg.io", "Cluster"): _postgres,
    ("acid.zalan.do", "postgresql"): by_word(
        "status.PostgresClusterStatus",
        "Running → Healthy, |Creating|Updating → Progressing, else Degraded",
    ),
    ("pxc.percona.com", "PerconaXtraDBCluster"): by_word(
        "status.state",
        "|initializing → Progressing, ready → Healthy, paused → Unknown, stopping|error → Degraded, else Unknown",
    ),
    ("psmdb.percona.com", "PerconaServerMongoDB"): by_word(
        "status.state",
        "|initializing|stopping → Progressing, ready → Healthy, error → Degraded, paused → Suspended, else Unknown",
        "status.message",
    ),
    ("k8s.mariadb.com", "MariaDB"): _mariadb,
    ("mariadb.mmontes.io", "MariaDB"): _mariadb,
    **{
        ("k8s.mariadb.com", kind): in_order_of_conditions(
            "Ready=True → Healthy, Ready=* → Degraded, else Progressing"
        )
        for kind in ("Database", "Grant", "User")
    },
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): _elasticsearch,
    ("beat.k8s.elastic.co", "Beat"): _COLOUR,
    ("logstash.k8s.elastic.co", "Logstash"): by_word(
        "status.health", "green → Healthy, yellow → Progressing, red → Degraded, else Progressing"
    ),
    ("kafka.strimzi.io", "Kafka"): in_order_of_clauses(
        "NotReady=True/!Creating → Degraded, Ready=True → Healthy, else Progressing"
    ),
    **{
        ("kafka.strimzi.io", kind): _KAFKA_PART
        for kind in ("KafkaBridge", "KafkaConnect", "KafkaConnector", "KafkaTopic", "KafkaUser")
    },
    **{
        ("platform.confluent.io", kind): _CONFLUENT
        for kind in ("Connect", "ControlCenter", "Kafka", "KsqlDB", "SchemaRegistry", "Zookeeper")
    },
    ("rabbitmq.com", "RabbitmqCluster"): _rabbit,
    **{
        ("rabbitmq.com", kind): _RABBIT_PART
        for kind in ("Binding", "Exchange", "Permission", "Policy", "Queue", "Shovel", "User", "Vhost")
    },
    ("clickhouse.altinity.com", "ClickHouseInstallation"): _ALTINITY,
    ("clickhouse-keeper.altinity.com", "ClickHouseKeeperInstallation"): _ALTINITY,
}
