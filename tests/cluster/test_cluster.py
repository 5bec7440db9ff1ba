# SPDX-License-Identifier: Apache-2.0
"""Hookline on a real Kubernetes, from install to uninstall: a story, each test a chapter."""

import json
import statistics
import subprocess
import time

from conftest import RELEASE, Answer, command, wait_until
from standardwebhooks import Webhook


def all_names(cluster):
    return cluster.names("bridge") | cluster.names("consumer-default") | cluster.names("console")


def test_install(cluster):
    done = cluster.install("install")
    assert "Hookline 0.1.0 is installed as hookline" in done.stdout
    assert len(cluster.pods("bridge")) == len(cluster.pods("consumer-default")) == 2
    for pod in cluster.pods():
        assert all(each["ready"] for each in pod["status"]["containerStatuses"]), pod["metadata"]["name"]
        assert sum(each["restartCount"] for each in pod["status"]["containerStatuses"]) == 0, pod["metadata"]["name"]


def test_helm_test(cluster):
    cluster.helm("test", RELEASE, "--timeout", "2m")


def test_subscriptions_were_applied(cluster):
    assert "crm" in cluster.cli("subscriptions", "list")
    assert cluster.get("jobs")["items"] == [], "the Job is gone when it is done"
    assert cluster.secret.encode() not in b"".join(record.value or b"" for record in cluster.kafka.consume("hookline.subscriptions"))


def test_events_are_delivered_and_signed(cluster):
    numbers = cluster.publish(200)
    cluster.await_delivered(numbers)
    assert set(cluster.delivered().values()) == {1}
    request = cluster.receiver.requests[0]
    Webhook(cluster.secret).verify(request.body, request.headers)


def test_the_commands_of_the_notes(cluster):
    """Typed as they are printed."""
    notes = cluster.helm("get", "notes", RELEASE).stdout
    lines = [line.strip() for line in notes.splitlines() if line.startswith("  ") and line.split()[0] in ("kubectl", "helm", "curl")]
    assert len(lines) == 5, notes
    link = cluster.kafka.directory / "bin" / "helm"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(cluster.program)
    for line in lines:
        if line.endswith("&"):
            forward = subprocess.Popen(["bash", "-c", "exec " + line.removesuffix("&")], stdout=subprocess.PIPE, text=True)
            assert "Forwarding from" in forward.stdout.readline()
            continue
        done = command("bash", "-c", f"PATH={link.parent}:$PATH; {line}")
        if line.startswith("curl"):
            assert json.loads(done.stdout)["openapi"].startswith("3.1")
            forward.terminate()
            forward.wait()


def test_the_api(cluster):
    """Through its Service, by a pod's eyes: with the token of the Secret."""
    address = cluster.get("service", f"{RELEASE}-console")["spec"]["clusterIP"]
    done = command("curl", "-s", "-H", f"authorization: Bearer {cluster.token}", f"http://{address}:9480/api/v1/status")
    assert json.loads(done.stdout)["registry"]["subscriptions"] == 1


def test_a_pod_is_deleted(cluster):
    before = cluster.names("consumer-default")
    with cluster.flow(100) as numbers:
        cluster.kubectl("delete", "pod", sorted(before)[0])
        cluster.rolled_out()
    assert cluster.names("consumer-default") != before
    cluster.assert_once(numbers)


def test_a_pod_is_killed(cluster):
    with cluster.flow(100):
        cluster.kubectl("delete", "pod", sorted(cluster.names("consumer-default"))[0], "--grace-period=0", "--force")
        cluster.rolled_out()


def test_a_broker_is_killed(cluster):
    with cluster.flow(100):
        cluster.kafka.kill("--node", "2")
        time.sleep(10)
        cluster.kafka.start()
    assert all(each["restartCount"] == 0 for pod in cluster.pods("bridge") for each in pod["status"]["containerStatuses"])


def test_upgrade(cluster):
    """A changed setting replaces pods, as its checksum is on them; nothing is lost or repeated."""
    before = cluster.names("bridge") | cluster.names("consumer-default")
    with cluster.flow(100) as numbers:
        cluster.install("upgrade", config={"log": {"level": "debug"}})
        cluster.rolled_out()
        time.sleep(5)
    assert not before & (cluster.names("bridge") | cluster.names("consumer-default"))
    cluster.assert_once(numbers)
    same = all_names(cluster)
    cluster.install("upgrade")
    assert all_names(cluster) == same, "an upgrade that changes nothing replaces no pod"


def test_rollback(cluster):
    before = cluster.names("bridge")
    with cluster.flow(100) as numbers:
        cluster.helm("rollback", RELEASE, "1", "--wait", "--timeout", "5m")
        cluster.rolled_out()
    assert not before & cluster.names("bridge")
    cluster.assert_once(numbers)
    cluster.values.pop("config")


def test_scale(cluster):
    with cluster.flow(100) as numbers:
        cluster.install("upgrade", consumers={"default": {"replicas": 3}})
        assert len(cluster.pods("consumer-default")) == 3
        cluster.install("upgrade", consumers={"default": {"replicas": 2}})
        wait_until(lambda: len(cluster.pods("consumer-default")) == 2, 60)
    cluster.assert_once(numbers)


def evict(cluster, name):
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": cluster.namespace}}
    return command("kubectl", "create", "--raw", f"/api/v1/namespaces/{cluster.namespace}/pods/{name}/eviction", "-f", "-",
                   stdin=json.dumps(body), check=False)


def test_evictions_within_the_budget(cluster):
    first, second = sorted(cluster.names("consumer-default"))
    with cluster.flow(100) as numbers:
        assert evict(cluster, first).returncode == 0
        refused = evict(cluster, second)
        assert refused.returncode != 0 and "disruption budget" in refused.stderr
        cluster.rolled_out()
        wait_until(lambda: evict(cluster, second).returncode == 0, 120, "the budget allows the next one")
        cluster.rolled_out()
    assert not {first, second} & cluster.names("consumer-default")
    cluster.assert_once(numbers)


def test_rolling_restart_under_load(cluster):
    """Three consumers, 500 deliveries a second: none lost, none twice."""
    cluster.install("upgrade", consumers={"default": {"replicas": 3}}, subscriptions={"items": [
        *cluster.values["subscriptions"]["items"],
        *({"tenant": "acme", "id": f"s{n}", "url": cluster.receiver.url(f"/s{n}"), "events": ["call.*"]} for n in range(4))]})
    assert len(cluster.pods("consumer-default")) == 3
    before = cluster.names("consumer-default")
    seen = len(cluster.receiver.requests)
    with cluster.flow(100) as numbers:
        time.sleep(5)
        cluster.kubectl("rollout", "restart", f"deployment/{RELEASE}-consumer-default")
        cluster.kubectl("rollout", "status", f"deployment/{RELEASE}-consumer-default", "--timeout=4m")
        time.sleep(5)
    wait_until(lambda: len(cluster.receiver.requests) - seen >= 5 * len(numbers), 120, "all five endpoints have all")
    time.sleep(2)
    assert not before & cluster.names("consumer-default")
    requests = cluster.receiver.requests[seen:]
    times, latencies = {}, []
    for request in requests:
        body = request.json()
        key = (request.path, body["n"])
        times[key] = times.get(key, 0) + 1
        latencies.append(request.at - body["sent"])
    repeats = sum(times.values()) - len(times)
    p99 = statistics.quantiles(latencies, n=100)[98]
    print(f"\nrolling restart: {len(times)} deliveries, {repeats} repeats, p50 {statistics.median(latencies):.3f} s, p99 {p99:.3f} s,"
          f" longest {max(latencies):.3f} s")
    assert len(times) == 5 * len(numbers) and repeats == 0
    for n in range(4):
        cluster.cli("subscriptions", "delete", "acme", f"s{n}")
    cluster.values["subscriptions"]["items"] = cluster.values["subscriptions"]["items"][:1]


def test_a_pod_that_is_oom_killed_loses_nothing(cluster):
    """Too little memory for what it may hold, and events that are large."""
    cluster.install("upgrade", consumers={"default": {
        "replicas": 1, "resources": {"limits": {"memory": "24Mi"}, "requests": {"memory": "24Mi"}}}})
    cluster.receiver.behave("/crm", Answer(delay=3))  # so that it holds what it has read
    numbers = cluster.publish(600, pad=150_000)

    def killed():
        return any(state["lastState"].get("terminated", {}).get("reason") == "OOMKilled"
                   for pod in cluster.pods("consumer-default") for state in pod["status"]["containerStatuses"])

    wait_until(killed, 120, "the kernel ends a consumer for its memory")
    cluster.receiver.behave("/crm", 200)
    cluster.install("upgrade", consumers={"default": {"replicas": 2, "resources": {"limits": {"memory": "256Mi"}}}})
    cluster.await_delivered(numbers)


def test_no_dead_letters(cluster):
    assert "0  in all" in cluster.cli("dead-letters", "stats")


def test_uninstall(cluster):
    cluster.helm("uninstall", RELEASE, "--wait", "--timeout", "3m")
    kinds = command("kubectl", "api-resources", "--verbs=list", "--namespaced", "-o", "name").stdout.split()
    kinds = [kind for kind in kinds if not kind.startswith(("events", "pods.metrics"))]
    wait_until(lambda: not cluster.get("pods")["items"], 120, "all pods are gone")
    left = cluster.kubectl("get", ",".join(kinds), "-o", "name", "--ignore-not-found").stdout.split()
    ours = {f"secret/{name}" for name in ("kafka-ca", "kafka-user", "hookline-keys", "tokens", "acme-hooks")}
    assert set(left) == ours | {"configmap/kube-root-ca.crt", "serviceaccount/default"}
