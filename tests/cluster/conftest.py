# SPDX-License-Identifier: Apache-2.0
"""Hookline on a real Kubernetes: one installation for all tests, which are run in their order."""

import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import threading
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from harness import RUN, Answer, Kafka, Receiver, binary, wait_until  # noqa: E402

RELEASE = "hookline"
WAIT = 300


def command(*args, check=True, stdin=None, timeout=WAIT):
    done = subprocess.run([*map(str, args)], capture_output=True, text=True, input=stdin, timeout=timeout)
    assert not check or done.returncode == 0, f"{shlex.join(map(str, args))}\n{done.stdout}{done.stderr}"
    return done


class Cluster:
    """A namespace that lets restricted pods in only, Kafka beside it with TLS and SCRAM, and a receiver."""

    def __init__(self, kafka, receiver, helm):
        self.kafka, self.receiver, self.program = kafka, receiver, helm
        self.namespace = f"hookline-test-{os.getpid()}"
        self.image = os.environ["HOOKLINE_TEST_IMAGE"]
        self.sent = 0
        self.values = {}
        self._times, self._counted = {}, 0

    # Kubernetes.

    def kubectl(self, *args, **more):
        return command("kubectl", "-n", self.namespace, *args, **more)

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json").stdout)

    def helm(self, *args, **more):
        return command(self.program, "-n", self.namespace, *args, **more)

    def pods(self, component=None):
        """Those that are not about to go."""
        selector = f"app.kubernetes.io/instance={RELEASE}" + (f",app.kubernetes.io/component={component}" if component else "")
        return [pod for pod in self.get("pods", "-l", selector)["items"] if "deletionTimestamp" not in pod["metadata"]]

    def names(self, component):
        return {pod["metadata"]["name"] for pod in self.pods(component)}

    def rolled_out(self):
        for each in self.get("deployments")["items"]:
            self.kubectl("rollout", "status", f"deployment/{each['metadata']['name']}", f"--timeout={WAIT}s", timeout=2 * WAIT)

    def install(self, what="install", **changes):
        self.values = merge(self.values, changes)
        file = self.kafka.directory / "values.yaml"
        file.write_text(yaml.safe_dump(self.values))
        return self.helm(what, RELEASE, ROOT / "helm" / "hookline", "-f", file, "--wait", "--timeout", f"{WAIT}s",
                         timeout=2 * WAIT)

    def cli(self, *args):
        """The program in a pod: as an operator has it."""
        return self.kubectl("exec", f"deployment/{RELEASE}-bridge", "--", "/usr/bin/hookline", *args).stdout

    # Events.

    def publish(self, count, tenant="acme", pad=0):
        """Returns the numbers of the events; each is of a call of its own."""
        numbers = range(self.sent, self.sent + count)
        self.sent += count
        for n in numbers:
            body = {"type": "call.ended", "callID": f"c{n}", "n": n, "sent": time.time(), "pad": "x" * pad}
            self.kafka.produce("calls", json.dumps(body), f"c{n}", {"tenant-id": tenant})
        self.kafka.flush()
        return numbers

    def delivered(self):
        """How often each event has come to the first endpoint."""
        requests = self.receiver.requests
        for request in requests[self._counted:]:
            if request.path == "/crm":
                n = request.json()["n"]
                self._times[n] = self._times.get(n, 0) + 1
        self._counted = len(requests)
        return self._times

    def await_delivered(self, numbers, timeout=WAIT):
        wanted = set(numbers)
        wait_until(lambda: wanted <= self.delivered().keys(), timeout,
                   lambda: f"{len(wanted - self.delivered().keys())} of {len(wanted)} events to be delivered")

    def assert_once(self, numbers):
        """None of them came twice; says where it was repeated, if one did."""
        twice = [n for n in numbers if self.delivered()[n] > 1]
        if not twice:
            return
        ids = {}
        for record in self.kafka.consume("hookline.deliveries.acme"):
            ids[record.text("hookline-id")] = ids.get(record.text("hookline-id"), 0) + 1
        made = sum(count - 1 for count in ids.values())
        raise AssertionError(f"{len(twice)} of {len(numbers)} events came more than once, such as {twice[:5]}; "
                             f"{made} delivery records were made twice, by bridges")

    @contextlib.contextmanager
    def flow(self, rate):
        """Publishes all the time; afterwards waits until all have come. Yields the list of their numbers."""
        numbers, stop = [], threading.Event()

        def publish():
            began = time.monotonic()
            while not stop.is_set():
                due = int((time.monotonic() - began) * rate) - len(numbers)
                numbers.extend(self.publish(max(due, 0)))
                stop.wait(0.02)

        thread = threading.Thread(target=publish)
        thread.start()
        time.sleep(2)
        try:
            yield numbers
            time.sleep(2)
        finally:
            stop.set()
            thread.join()
        self.await_delivered(numbers)


def merge(base, changes):
    return {**base, **{key: merge(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
                       for key, value in changes.items()}}


def create_secret(cluster, name, **files):
    """`files`: a key's text, with _ for the dot."""
    data = {key.replace("_", "."): text for key, text in files.items()}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}))


@pytest.fixture(scope="session")
def cluster():
    host = os.environ["HOOKLINE_TEST_HOST"]
    helm = command(ROOT / "dev" / "tool", "helm4", timeout=1200).stdout.strip()
    kafka = Kafka(RUN / f"{os.getpid()}-cluster-kafka", nodes=3, host=host, secure=True)
    receiver = Receiver(host=host)
    cluster = Cluster(kafka, receiver, helm)
    try:
        kafka.start("--clean")
        kafka.create_topic("calls", 4)
        command("kubectl", "create", "namespace", cluster.namespace)
        command("kubectl", "label", "namespace", cluster.namespace, "pod-security.kubernetes.io/enforce=restricted")
        create_secret(cluster, "kafka-ca", ca_crt=kafka.authority.read_text())
        create_secret(cluster, "kafka-user", username="hookline", password=kafka.password)
        create_secret(cluster, "hookline-keys", keys="k1 " + "QUFB" * 10 + "QUE=\n")
        tokens = kafka.directory / "tokens.json"
        cluster.token = command(binary(), "token", "create", "--name", "root", "--role", "admin", "--tenant", "*",
                                "--file", tokens).stdout.strip()
        create_secret(cluster, "tokens", tokens_json=tokens.read_text())
        cluster.secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        create_secret(cluster, "acme-hooks", secret=cluster.secret)
        repository, _, tag = cluster.image.rpartition(":")
        cluster.values = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never" if "KIND" not in os.environ else "IfNotPresent"},
            "kafka": {"brokers": kafka.bootstrap, "tls": {"enabled": True, "existingSecret": "kafka-ca"},
                      "sasl": {"mechanism": "SCRAM-SHA-512", "existingSecret": "kafka-user"}},
            "topics": {"events": ["calls"], "replication_factor": 3, "tenant_partitions": 6, "config": ["min.insync.replicas=2"]},
            "egress": {"allow_http": True, "allow_private": True},
            "secrets": {"existingSecret": "hookline-keys"},
            "common": {"resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}}},
            "console": {"enabled": True, "tokensSecret": "tokens"},
            "subscriptions": {
                "existingSecrets": ["acme-hooks"],
                # Many endpoints, so that all consumers have some.
                "items": [{"tenant": "acme", "id": "crm", "url": receiver.url("/crm"), "events": ["call.*"],
                           "secret_file": "/etc/hookline/subscription-secrets/acme-hooks/secret"}]}}
        yield cluster
    finally:
        command("kubectl", "delete", "namespace", cluster.namespace, "--ignore-not-found", "--wait=false", check=False)
        receiver.close()
        kafka.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What pods said, in the report of a test that failed; what comes after it in the story is not tried."""
    report = (yield).get_result()
    cluster = item.funcargs.get("cluster")
    if report.failed and cluster:
        pods = cluster.kubectl("get", "pods", "-o", "wide", check=False).stdout
        report.sections.append(("pods", pods))
        for line in pods.splitlines()[1:]:
            name = line.split()[0]
            report.sections.append((f"log of {name}", cluster.kubectl("logs", name, "--tail=25", check=False).stdout))
        item.session.shouldstop = f"{item.name} failed, and what comes after builds on it"
