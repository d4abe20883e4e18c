"""The real kubectl against the sandbox: each command that people use does what it does elsewhere."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from sandbox_kit import KUBECTL, Running, running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("kubectl")) as made:
        yield made


def namespace(cluster: Running, name: str) -> str:
    """Make a namespace for one test and return its name."""
    cluster.kubectl("create", "namespace", name)
    return name


def deployment(name="web", image="nginx:1.25", **spec):
    """Return a Deployment of two replicas."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def config(name="settings", **data):
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def many(*objects):
    """Return a list for `kubectl apply -f -`."""
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def test_version_says_that_this_is_a_sandbox(cluster):
    """
    `kubectl version` shows a server that nobody takes for a real one.
    """
    told = cluster.json("version")

    assert f"{told['serverVersion']['major']}.{told['serverVersion']['minor']}" == "1.37"
    assert "sandbox" in told["serverVersion"]["gitVersion"]


def test_discovery_lists_kinds_groups_and_address(cluster):
    """
    api-resources, api-versions and cluster-info find everything there is.
    """
    assert "deployments.apps" in cluster.kubectl("api-resources", "-o", "name").splitlines()
    assert re.search(r"^pods +po +v1 +true +Pod$", cluster.kubectl("api-resources"), re.M)
    assert {"v1", "apps/v1", "batch/v1"} <= set(cluster.kubectl("api-versions").splitlines())
    assert cluster.sandbox.url in cluster.kubectl("cluster-info")


def test_everything_is_refused_without_the_token(cluster):
    """
    A client that knows the address and the certificate and no token learns nothing.
    """
    told = cluster.kubectl("get", "pods", "--token=wrong", fails=1)

    assert "You must be logged in to the server" in told


def test_create_makes_objects_of_many_kinds(cluster):
    """
    `kubectl create KIND` works, although it sends protobuf.
    """
    shop = namespace(cluster, "create")
    for what in (
        "configmap made --from-literal=a=b",
        "secret generic made --from-literal=a=b",
        "deployment made --image=nginx --replicas=2 --port=80",
        "service clusterip made --tcp=80:8080",
        "job made --image=busybox -- true",
        "cronjob made --image=busybox --schedule=@hourly -- true",
        "serviceaccount made",
        "role made --verb=get --resource=pods",
        "rolebinding made --role=made --serviceaccount=create:made",
        "ingress made --rule=shop.example/cart=made:80",
        "quota made --hard=pods=3",
        "poddisruptionbudget made --selector=app=made --min-available=50%",
    ):
        assert "created" in cluster.kubectl("-n", shop, "create", *what.split())

    made = cluster.json("-n", shop, "get", "deployment", "made")
    ingress = cluster.json("-n", shop, "get", "ingress", "made")
    service = cluster.json("-n", shop, "get", "service", "made")
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP"}
    ]
    assert "generateName" not in made["metadata"]
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["number"] == 80
    assert service["spec"]["ports"][0]["targetPort"] == 8080
    assert cluster.json("-n", shop, "get", "secret", "made")["data"]["a"] == "Yg=="


def test_get_shows_objects_in_every_form(cluster):
    """
    get prints tables, wide tables, names, YAML, JSON, JSONPath and columns of one's own.
    """
    shop = namespace(cluster, "forms")
    get = ("-n", shop, "get", "deployments")
    cluster.kubectl(
        "-n", shop, "apply", "-f", "-", stdin=many(deployment("web"), deployment("cart", replicas=3))
    )
    cluster.kubectl("-n", shop, "rollout", "status", "deployment/web", "--timeout=20s")

    assert re.search(r"^web +2/2 +2 +2 +\d+s$", cluster.kubectl(*get), re.M)
    assert re.search(r"^web +2/2 .* main +nginx:1.25 +app=web$", cluster.kubectl(*get, "-o", "wide"), re.M)
    assert re.search(r"^web .* app=web$", cluster.kubectl(*get, "--show-labels"), re.M)
    assert cluster.kubectl(*get, "-o", "name").split() == ["deployment.apps/cart", "deployment.apps/web"]
    assert [
        each["metadata"]["name"] for each in yaml.safe_load(cluster.kubectl(*get, "-o", "yaml"))["items"]
    ] == ["cart", "web"]
    assert cluster.kubectl(*get, "web", "-o", "jsonpath={.status.readyReplicas}") == "2"
    columns = "custom-columns=NAME:.metadata.name,REPLICAS:.spec.replicas"
    assert cluster.kubectl(*get, "-o", columns).split() == ["NAME", "REPLICAS", "cart", "3", "web", "2"]
    ordered = cluster.kubectl(*get, "--no-headers", "--sort-by={.spec.replicas}")
    assert re.findall(r"^\w+", ordered, re.M) == ["web", "cart"]
    assert "pod/web-" in cluster.kubectl("-n", shop, "get", "all")


def test_get_selects_by_label_field_and_namespace(cluster):
    """
    Selectors and --all-namespaces choose the same objects as on a real cluster.
    """
    here, there = namespace(cluster, "select-here"), namespace(cluster, "select-there")
    for where, tier in ((here, "front"), (there, "back")):
        labelled = config(a="1")
        labelled["metadata"]["labels"] = {"tier": tier}
        cluster.kubectl("-n", where, "apply", "-f", "-", stdin=labelled)

    def names(*arguments):
        columns = "custom-columns=:.metadata.namespace,:.metadata.name"
        return cluster.kubectl("get", "configmaps", "--no-headers", "-o", columns, *arguments).split()

    assert [here, "settings", there, "settings"] == names("-A", "-l", "tier")
    assert [there, "settings"] == names("-A", "-l", "tier in (back, none)")
    assert [here, "settings"] == names("-A", "-l", "tier,tier!=back")
    assert [there, "settings"] == names(
        "-A", "--field-selector", f"metadata.namespace={there},metadata.name=settings"
    )
    assert [here, "settings"] == names("-n", here, "--field-selector=metadata.name!=kube-root-ca.crt")
    assert "No resources found" in cluster.kubectl(
        "-n", here, "get", "pods", "--field-selector=status.phase=Failed"
    )


def test_pages_hold_the_whole_list(cluster):
    """
    A list fetched in pages is the list.
    """
    shop = namespace(cluster, "pages")
    cluster.kubectl("-n", shop, "apply", "-f", "-", stdin=many(*(config(f"c{n}") for n in range(7))))

    paged = cluster.kubectl("-n", shop, "get", "configmaps", "--chunk-size=3", "-o", "name").split()

    assert [*(f"configmap/c{n}" for n in range(7)), "configmap/kube-root-ca.crt"] == paged


def test_watch_prints_changes_as_they_come(cluster):
    """
    get --watch shows what is there and then each change.
    """
    shop = namespace(cluster, "watch")
    cluster.kubectl("-n", shop, "apply", "-f", "-", stdin=config(a="1"))
    follow = ["-n", shop, "get", "configmap", "settings", "--watch", "-o", "jsonpath={.data}{'\\n'}"]
    with subprocess.Popen(
        [KUBECTL, *follow], env=cluster.environment, stdout=subprocess.PIPE, text=True
    ) as seen:
        first = seen.stdout.readline()
        cluster.kubectl("-n", shop, "patch", "configmap", "settings", "-p", '{"data":{"a":"2"}}')
        second = seen.stdout.readline()
        seen.terminate()

    assert [first, second] == ['{"a":"1"}\n', '{"a":"2"}\n']


def test_describe_tells_of_workloads(cluster):
    """
    describe finds the parts of a workload: its replica sets, pods, endpoints and events.
    """
    shop = namespace(cluster, "describe")
    cluster.kubectl("-n", shop, "apply", "-f", "-", stdin=deployment())
    cluster.kubectl("-n", shop, "expose", "deployment", "web", "--port=80")
    cluster.kubectl("-n", shop, "rollout", "status", "deployment/web", "--timeout=20s")

    told = cluster.kubectl("-n", shop, "describe", "deployment", "web")
    assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in told
    assert re.search(r"^NewReplicaSet: +web-\w+ \(2/2 replicas created\)$", told, re.M)
    assert re.search(r"Normal +ScalingReplicaSet .*Scaled up replica set web-\w+ from 0 to 2", told)
    assert re.search(
        r"^Ready +True", cluster.kubectl("-n", shop, "describe", "pods").replace("  Ready", "Ready"), re.M
    )
    assert re.search(
        r"^Endpoints: +10[\d.]+:80,10[\d.]+:80$",
        cluster.kubectl("-n", shop, "describe", "service", "web"),
        re.M,
    )
    assert "Status:       Active" in cluster.kubectl("describe", "namespace", shop)


def test_client_side_apply_removes_what_is_no_longer_declared(cluster):
    """
    apply creates, sees that nothing changed, changes, and removes what it once set and no more.
    """
    shop = namespace(cluster, "apply")
    apply = ("-n", shop, "apply", "-f", "-")
    cluster.kubectl("-n", shop, "create", "-f", "-", "--save-config", stdin=config(mine="1", gone="2"))
    cluster.kubectl("-n", shop, "patch", "configmap", "settings", "-p", '{"data":{"others":"3"}}')

    assert "unchanged" in cluster.kubectl(*apply, stdin=config(mine="1", gone="2"))
    assert "configured" in cluster.kubectl(*apply, stdin=config(mine="4"))
    assert cluster.json("-n", shop, "get", "configmap", "settings")["data"] == {"mine": "4", "others": "3"}
    assert 'mine: "4"' in cluster.kubectl("-n", shop, "apply", "view-last-applied", "configmap/settings")


def test_server_side_apply_knows_owners(cluster):
    """
    Two managers that want different values conflict, unless one insists.
    """
    shop = namespace(cluster, "owners")
    apply = ("-n", shop, "apply", "--server-side", "-f", "-", "--field-manager")
    assert "serverside-applied" in cluster.kubectl(*apply, "first", stdin=config(a="1", b="1"))

    refused = cluster.kubectl(*apply, "second", fails=1, stdin=config(a="2"))
    cluster.kubectl(*apply, "second", "--force-conflicts", stdin=config(a="2"))
    cluster.kubectl(*apply, "first", stdin=config())

    assert 'conflict with "first": .data.a' in refused
    assert cluster.json("-n", shop, "get", "configmap", "settings")["data"] == {"a": "2"}


def test_diff_says_what_an_apply_would_change(cluster):
    """
    diff is silent and exits 0 without differences, prints them and exits 1 with some.
    """
    shop = namespace(cluster, "diff")
    cluster.kubectl("-n", shop, "apply", "-f", "-", stdin=deployment())

    assert cluster.kubectl("-n", shop, "diff", "-f", "-", stdin=deployment()) == ""
    told = cluster.kubectl("-n", shop, "diff", "-f", "-", stdin=deployment(image="nginx:1.26"), fails=1)
    assert {"+      - image: nginx:1.26", "-      - image: nginx:1.25"} <= set(told.splitlines())
    dry = cluster.kubectl(
        "-n", shop, "apply", "-f", "-", "--dry-run=server", stdin=deployment(image="nginx:1.26")
    )
    assert "configured (server dry run)" in dry
    assert cluster.kubectl("-n", shop, "diff", "-f", "-", stdin=deployment()) == ""


def test_edit_sends_back_what_the_editor_wrote(cluster):
    """
    edit opens an editor on the object and stores the result.
    """
    shop = namespace(cluster, "edit")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=config(a="before"))
    editor = cluster.folder / "editor"
    editor.write_text('sed -i s/before/after/ "$1"\n')

    told = cluster.kubectl("-n", shop, "edit", "configmap", "settings", KUBE_EDITOR=f"sh {editor}")

    assert "configmap/settings edited" in told
    assert cluster.json("-n", shop, "get", "configmap", "settings")["data"] == {"a": "after"}


def test_patches_of_every_type(cluster):
    """
    Strategic, merge and JSON patches, and a patch of the scale, change what they name.
    """
    shop = namespace(cluster, "patch")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=deployment())

    def patch(change, *arguments):
        cluster.kubectl("-n", shop, "patch", "deployment", "web", *arguments, "-p", json.dumps(change))

    sidecar = {"name": "log", "image": "busybox"}
    patch({"spec": {"template": {"spec": {"containers": [sidecar]}}}})
    patch({"metadata": {"labels": {"app": None, "tier": "front"}}}, "--type=merge")
    patch([{"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 3}], "--type=json")
    patch({"spec": {"replicas": 5}}, "--type=merge", "--subresource=scale")

    made = cluster.json("-n", shop, "get", "deployment", "web")
    assert [each["name"] for each in made["spec"]["template"]["spec"]["containers"]] == ["log", "main"]
    assert made["metadata"]["labels"] == {"tier": "front"}
    assert (made["spec"]["revisionHistoryLimit"], made["spec"]["replicas"]) == (3, 5)
    refused = cluster.kubectl(
        "-n", shop, "patch", "deployment", "web", "--type=merge", "-p", '{"spec":{"selector":null}}', fails=1
    )
    assert "is invalid" in refused


def test_labels_and_annotations_change(cluster):
    """
    label and annotate add, refuse to overwrite unless told to, and remove.
    """
    shop = namespace(cluster, "label")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=config())
    settings = ("-n", shop, "label", "configmap/settings")

    cluster.kubectl(*settings, "tier=front", "team=a")
    assert "already has a value" in cluster.kubectl(*settings, "tier=back", fails=1)
    cluster.kubectl(*settings, "tier=back", "team-", "--overwrite")
    cluster.kubectl("-n", shop, "annotate", "configmap/settings", "note=hello")

    made = cluster.json("-n", shop, "get", "configmap", "settings")["metadata"]
    assert (made["labels"], made["annotations"]) == ({"tier": "back"}, {"note": "hello"})


def test_rollouts_go_on_and_back(cluster):
    """
    rollout status waits, history counts revisions, restart makes a new one and undo returns to an old one.
    """
    shop = namespace(cluster, "rollout")
    web = ("-n", shop, "rollout")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=deployment())
    cluster.kubectl(*web, "status", "deployment/web", "--timeout=20s")
    cluster.kubectl("-n", shop, "set", "image", "deployment/web", "main=nginx:1.26")
    assert "successfully rolled out" in cluster.kubectl(*web, "status", "deployment/web", "--timeout=20s")
    assert re.findall(r"^\d", cluster.kubectl(*web, "history", "deployment/web"), re.M) == ["1", "2"]
    assert "nginx:1.25" in cluster.kubectl(*web, "history", "deployment/web", "--revision=1")

    cluster.kubectl(*web, "undo", "deployment/web")
    cluster.kubectl(*web, "status", "deployment/web", "--timeout=20s")
    cluster.kubectl(*web, "pause", "deployment/web")
    cluster.kubectl(*web, "resume", "deployment/web")
    cluster.kubectl(*web, "restart", "deployment/web")
    cluster.kubectl(*web, "status", "deployment/web", "--timeout=20s")

    made = cluster.json("-n", shop, "get", "deployment", "web")
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.25"
    assert made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "4"


def test_scale_and_autoscale_set_replicas(cluster):
    """
    scale sets replicas at once; an autoscaler keeps them within its bounds.
    """
    shop = namespace(cluster, "scale")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=deployment())
    replicas = ("-n", shop, "wait", "deployment/web", "--timeout=20s")

    cluster.kubectl("-n", shop, "scale", "deployment/web", "--replicas=3", "--current-replicas=2")
    cluster.kubectl(*replicas, "--for=jsonpath={.status.readyReplicas}=3")
    assert re.search(
        r"^web +3 +3 ", cluster.kubectl("-n", shop, "get", "deployment", "web", "--subresource=scale"), re.M
    )
    cluster.kubectl("-n", shop, "autoscale", "deployment/web", "--min=4", "--max=6", "--cpu=50%")
    cluster.kubectl(*replicas, "--for=jsonpath={.status.readyReplicas}=4")

    assert re.search(r"^web +Deployment/web +.* 4 +6 ", cluster.kubectl("-n", shop, "get", "hpa"), re.M)


def test_wait_ends_when_it_is_so_and_not_before(cluster):
    """
    wait returns for a condition, a value, a creation or a deletion; it fails when its time is up.
    """
    shop = namespace(cluster, "wait")
    wait = ("-n", shop, "wait", "--timeout=20s")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=deployment())
    cluster.kubectl("-n", shop, "create", "job", "once", "--image=busybox", "--", "true")

    assert "condition met" in cluster.kubectl(*wait, "--for=condition=Available", "deployment/web")
    assert "condition met" in cluster.kubectl(*wait, "--for=condition=Ready", "pods", "-l", "app=web")
    assert "condition met" in cluster.kubectl(*wait, "--for=condition=complete", "job/once")
    assert "condition met" in cluster.kubectl(*wait, "--for=create", "deployment/web")
    assert "timed out" in cluster.kubectl(
        "-n", shop, "wait", "--timeout=200ms", "--for=condition=Failed", "job/once", fails=1
    )
    cluster.kubectl("-n", shop, "delete", "deployment", "web", "--wait=false")
    cluster.kubectl(*wait, "--for=delete", "pods", "-l", "app=web")


def test_logs_of_pretended_pods_say_that_they_are(cluster):
    """
    logs answers for a pod, a workload and a selector, with --tail, --prefix and --follow.
    """
    shop = namespace(cluster, "logs")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=deployment())
    cluster.kubectl("-n", shop, "rollout", "status", "deployment/web", "--timeout=20s")

    told = cluster.kubectl("-n", shop, "logs", "deployment/web")
    assert "sandbox runs no containers" in told
    assert "nginx:1.25" in told
    assert (
        told.splitlines()[-1]
        == cluster.kubectl("-n", shop, "logs", "deployment/web", "--tail=1", "-f").splitlines()[-1]
    )
    assert len(cluster.kubectl("-n", shop, "logs", "-l", "app=web", "--tail=1", "--prefix").splitlines()) == 2
    assert "container other is not valid" in cluster.kubectl(
        "-n", shop, "logs", "deployment/web", "-c", "other", fails=1
    )


def test_events_tell_what_happened(cluster):
    """
    A workload that comes up and one that fails leave events that get and events show.
    """
    shop = namespace(cluster, "events")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=deployment())
    broken = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "broken", "annotations": {"sandbox.moorage.dev/fail": "image-pull"}},
        "spec": {"containers": [{"name": "main", "image": "no.such/image"}]},
    }
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=broken)
    cluster.kubectl("-n", shop, "wait", "deployment/web", "--for=condition=Available", "--timeout=20s")

    told = cluster.kubectl("-n", shop, "get", "events")
    assert re.search(r"Normal +ScalingReplicaSet +deployment/web +Scaled up replica set web-", told)
    assert re.search(r"Normal +SuccessfulCreate +replicaset/web-", told)
    assert re.search(r"Warning +Failed +Pod/broken +.*no.such/image", cluster.kubectl("-n", shop, "events"))


def test_explain_reads_the_published_schema(cluster):
    """
    explain describes kinds and fields from the server's OpenAPI.
    """
    told = cluster.kubectl("explain", "deployment.spec.strategy")

    assert re.search(r"^ +rollingUpdate\t<RollingUpdateDeployment>$", told, re.M)
    assert "enum: Recreate, RollingUpdate" in told or "Recreate" in told
    assert "hostPath" in cluster.kubectl("explain", "pod.spec.volumes", "--recursive")
    assert "OnFailure" in cluster.kubectl("explain", "pod.spec.restartPolicy").partition("ENUM:")[2]


def test_whoever_holds_the_token_may_do_everything(cluster):
    """
    auth can-i says yes, auth whoami names the sandbox's user, create token gives a token.
    """
    assert cluster.kubectl("auth", "can-i", "delete", "pods").strip() == "yes"
    assert "*.*" in cluster.kubectl("auth", "can-i", "--list")
    assert "system:masters" in cluster.kubectl("auth", "whoami")
    assert cluster.kubectl("create", "token", "default").count(".") == 2


def test_delete_waits_until_nothing_is_left(cluster):
    """
    delete returns when the objects, and what they own, are gone; a namespace takes all it holds with it.
    """
    shop = namespace(cluster, "delete")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=many(deployment(), config()))
    cluster.kubectl("-n", shop, "rollout", "status", "deployment/web", "--timeout=20s")

    cluster.kubectl("-n", shop, "delete", "deployment", "web", "--cascade=foreground", "--timeout=20s")
    assert "No resources found" in cluster.kubectl("-n", shop, "get", "all")
    cluster.kubectl("delete", "namespace", shop, "--timeout=20s")
    assert "NotFound" in cluster.kubectl("-n", shop, "get", "configmap", "settings", fails=1)
    assert "NotFound" in cluster.kubectl("get", "namespace", shop, fails=1)


def test_replace_and_force_replace(cluster):
    """
    replace stores the object as given; --force deletes it first.
    """
    shop = namespace(cluster, "replace")
    cluster.kubectl("-n", shop, "create", "-f", "-", stdin=config(a="1"))
    before = cluster.json("-n", shop, "get", "configmap", "settings")["metadata"]["uid"]

    cluster.kubectl("-n", shop, "replace", "-f", "-", stdin=config(b="2"))
    same = cluster.json("-n", shop, "get", "configmap", "settings")
    cluster.kubectl("-n", shop, "replace", "--force", "-f", "-", stdin=config(c="3"))
    other = cluster.json("-n", shop, "get", "configmap", "settings")

    assert (before, {"b": "2"}) == (same["metadata"]["uid"], same["data"])
    assert before != other["metadata"]["uid"]
    assert other["data"] == {"c": "3"}


def test_nodes_are_cordoned_and_drained(cluster):
    """
    cordon marks the node; drain evicts its pods.
    """
    shop = namespace(cluster, "drain")
    cluster.kubectl("-n", shop, "run", "lone", "--image=nginx", "--restart=Never")

    cluster.kubectl("cordon", "sandbox")
    assert "SchedulingDisabled" in cluster.kubectl("get", "nodes")
    cluster.kubectl(
        "drain", "sandbox", "--force", "--ignore-daemonsets", "--pod-selector=run=lone", "--timeout=20s"
    )
    cluster.kubectl("uncordon", "sandbox")

    assert "NotFound" in cluster.kubectl("-n", shop, "get", "pod", "lone", fails=1)
    assert "SchedulingDisabled" not in cluster.kubectl("get", "nodes")


def test_what_pretended_pods_cannot_do_is_said(cluster):
    """
    exec and port-forward fail with the reason: nothing runs here.
    """
    shop = namespace(cluster, "pretended")
    cluster.kubectl("-n", shop, "run", "lone", "--image=nginx")
    cluster.kubectl("-n", shop, "wait", "pod/lone", "--for=condition=Ready", "--timeout=20s")

    assert "the sandbox has no exec" in cluster.kubectl("-n", shop, "exec", "lone", "--", "ls", fails=1)
    assert "the sandbox has no portforward" in cluster.kubectl(
        "-n", shop, "port-forward", "pod/lone", ":80", fails=1
    )


def test_custom_kinds_are_kinds_like_any_other(cluster):
    """
    A definition makes a kind that get, explain, apply and wait know, with its columns, at once; it goes with all its objects.
    """
    shop = namespace(cluster, "custom")
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1, "description": "How big it is."},
                    "colour": {"type": "string", "default": "red"},
                },
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
    }
    names = {"plural": "boats", "singular": "boat", "kind": "Boat", "shortNames": ["bo"]}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.harbour.example"},
        "spec": {"group": "harbour.example", "names": names, "scope": "Namespaced", "versions": [version]},
    }
    boat = {
        "apiVersion": "harbour.example/v1",
        "kind": "Boat",
        "metadata": {"name": "anna"},
        "spec": {"size": 3},
    }

    cluster.kubectl("apply", "-f", "-", stdin=definition)
    cluster.kubectl("wait", "crd/boats.harbour.example", "--for=condition=Established", "--timeout=5s")
    cluster.kubectl("-n", shop, "apply", "-f", "-", stdin=boat)

    assert re.search(r"^NAME +SIZE\nanna +3$", cluster.kubectl("-n", shop, "get", "bo"), re.M)
    assert "How big it is." in cluster.kubectl("explain", "boat.spec")
    assert cluster.json("-n", shop, "get", "boat", "anna")["spec"]["colour"] == "red"
    wrong = {**boat, "spec": {"size": 0, "sail": True}}
    refused = cluster.kubectl("-n", shop, "apply", "-f", "-", stdin=wrong, fails=1)
    assert 'unknown field "spec.sail"' in refused
    refused = cluster.kubectl("-n", shop, "apply", "--validate=false", "-f", "-", stdin=wrong, fails=1)
    assert "spec.size in body should be greater than or equal to 1" in refused
    status = '{"status":{"afloat":true},"spec":{"size":9}}'
    cluster.kubectl("-n", shop, "patch", "boat", "anna", "--subresource=status", "--type=merge", "-p", status)
    made = cluster.json("-n", shop, "get", "boat", "anna")
    assert (made["spec"]["size"], made["status"]) == (3, {"afloat": True})
    cluster.kubectl("delete", "crd", "boats.harbour.example", "--timeout=20s")
    assert "NotFound" in cluster.kubectl("get", "boats", fails=1)
