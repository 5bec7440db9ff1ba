# SPDX-License-Identifier: Apache-2.0
"""Several who write subscriptions at once: no change is lost, and each is there as a whole or not at all."""

import json
import subprocess
import threading
import time
from collections import defaultdict

import pytest
from confluent_kafka import KafkaException, Producer

from harness import FULL, WAIT_S, binary, clean_environment, libconfig, run_cli, subscription, wait_until

URL = "https://hooks.example.com/calls"
ROUNDS = 20 if FULL else 8
BATCH = 400
AT_ONCE_S = 8  # Kafka itself aborts a transaction after 10 to 20 s


class Commands:
    """Runs commands of a site from several threads, each with files of its own."""

    def __init__(self, site, name):
        self.site, self.file = site, site.directory / f"{name}.json"
        self.config = site.directory / f"{name}.conf"
        self.config.write_text(libconfig(site.settings))

    def write(self, subscriptions):
        self.file.write_text(json.dumps(subscriptions))
        return ["subscriptions", "apply", "-f", self.file]

    def apply(self, *subscriptions):
        return run_cli(self.write(list(subscriptions)), config=self.config)

    def begin(self, *subscriptions):
        return subprocess.Popen(
            [binary(), *map(str, self.write(list(subscriptions))), "--config", self.config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment(None))


def writer_id(site):
    return site.prefix + "registry-writer"


def registry(site):
    """The records of the registry in their order, without those that were aborted."""
    return site.kafka.consume(site.topic("subscriptions"))


def histories(site):
    """What each subscription has been, one after the other."""
    found = defaultdict(list)
    for record in registry(site):
        if b"/" in record.key and record.value is not None:
            found[record.key.decode()].append(record.json())
    return found


def check_no_change_is_lost(found):
    """Each was made from the one before: who decides on what is not the last repeats a version."""
    for key, history in found.items():
        assert [s["version"] for s in history] == list(range(1, len(history) + 1)), key


@pytest.fixture
def stranger(site):
    """stranger() is a producer that has taken the registry's transactional id, as a process that hangs or
    dies could have."""
    def make():
        producer = Producer({
            "bootstrap.servers": site.kafka.bootstrap, "transactional.id": writer_id(site), "log_level": 0})
        producer.init_transactions(WAIT_S)
        return producer

    return make


def leave_open(site, producer, *ids):
    """Begins a transaction with these subscriptions, and does not end it."""
    producer.begin_transaction()
    for id in ids:
        producer.produce(site.topic("subscriptions"), json.dumps(subscription("acme", id, URL)), f"acme/{id}")
    assert producer.flush(WAIT_S) == 0


def shown(site):
    return {s["id"] for s in json.loads(site.cli("subscriptions", "list", "--json").stdout)}


def test_two_writers_at_once(site):
    """Each changes its own subscriptions, and one that both change."""
    site.subscribe(subscription("acme", "shared", URL))
    statuses = {"a": [], "b": []}

    def write(name):
        commands = Commands(site, name)
        for n in range(ROUNDS):
            what = f"{name} {n}"
            done = commands.apply(
                *(subscription("acme", f"{name}{i}", URL, name=what) for i in range(3)),
                subscription("acme", "shared", URL, name=what))
            statuses[name].append(done.returncode)
            if done.returncode != 0:
                assert b"another writer came between" in done.stderr, done.stderr

    threads = [threading.Thread(target=write, args=[name]) for name in statuses]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    found = histories(site)
    check_no_change_is_lost(found)
    for name, codes in statuses.items():
        assert set(codes) <= {0, 1} and len(codes) == ROUNDS
        written = codes.count(0)
        assert written >= ROUNDS / 2, codes  # it gets through, though another keeps coming
        for i in range(3):
            names = [s["name"] for s in found[f"acme/{name}{i}"]]
            assert len(names) == written
            assert names == [f"{name} {n}" for n in range(ROUNDS) if codes[n] == 0]
    assert len(found["acme/shared"]) == 1 + sum(codes.count(0) for codes in statuses.values())
    print(f"\n2 x {ROUNDS} changes in {took:.1f} s, given up: "
          f"{sum(codes.count(1) for codes in statuses.values())}")


def test_a_writer_that_is_killed(site):
    """At any moment: what it wrote is there as a whole or not at all, and the next one writes at once."""
    site.subscribe(subscription("acme", "other", URL))
    commands = Commands(site, "killed")

    def batch(what):
        return [subscription("acme", f"s{i}", URL, name=what) for i in range(BATCH)]

    began = time.monotonic()
    assert commands.apply(*batch("first")).returncode == 0
    whole = time.monotonic() - began
    outcomes, slowest = [], 0.0
    for n in range(ROUNDS):
        process = commands.begin(*batch(f"killed {n}"))
        time.sleep(whole * (0.5 + 0.6 * n / ROUNDS))  # before, it reads and waits for its turn
        process.kill()
        process.wait()
        began = time.monotonic()
        site.subscribe(subscription("acme", "other", URL, name=f"after {n}"))
        slowest = max(slowest, time.monotonic() - began)
        names = {s["name"] for s in json.loads(site.cli("subscriptions", "list", "--json").stdout)
                 if s["id"] != "other"}
        assert len(names) == 1, names
        outcomes.append(names == {f"killed {n}"})
    assert slowest < AT_ONCE_S
    found = histories(site)
    check_no_change_is_lost(found)
    assert {len(found[f"acme/s{i}"]) for i in range(BATCH)} == {1 + sum(outcomes)}
    assert len(found["acme/other"]) == 1 + ROUNDS
    print(f"\na change of {BATCH} takes {whole:.2f} s; of {ROUNDS} that were killed {sum(outcomes)} were "
          f"written; the next took {slowest:.2f} s at most")


def test_an_open_transaction_is_not_seen_and_not_waited_for(site, stranger):
    site.create_events_topic()
    site.subscribe(subscription("acme", "first", URL))
    bridge = site.start("bridge")
    dead = stranger()
    leave_open(site, dead, "ghost1", "ghost2")
    assert shown(site) == {"first"}
    began = time.monotonic()
    site.subscribe(subscription("acme", "second", URL))
    assert time.monotonic() - began < AT_ONCE_S
    assert shown(site) == {"first", "second"}
    wait_until(lambda: bridge.metric("hookline_registry_subscriptions") == 2, what="the bridge follows")
    with pytest.raises(KafkaException):  # it was fenced
        dead.commit_transaction(WAIT_S)
    site.subscribe(subscription("acme", "third", URL))
    wait_until(lambda: bridge.metric("hookline_registry_subscriptions") == 3, what="the bridge follows")
    assert shown(site) == {"first", "second", "third"}
    assert set(histories(site)) == {"acme/first", "acme/second", "acme/third"}


def test_what_was_aborted_is_never_seen(site, receiver):
    """By running roles, by those that start when it stands at the end of the topic, and by commands."""
    def abort(id):
        path = json.dumps(subscription("acme", id, receiver.url("/" + id)))
        site.kafka.transaction(writer_id(site), {
            "topic": site.topic("subscriptions"), "key": f"acme/{id}", "value": path}, abort=True)

    site.create_events_topic()
    site.subscribe(subscription("acme", "real", receiver.url("/real")))
    abort("ghost1")
    bridge, consumer = site.start_roles()
    abort("ghost2")
    site.publish({"type": "ringing", "n": 0}, "acme")
    site.kafka.flush()
    receiver.await_requests(1, "/real")
    site.subscribe(subscription("acme", "next", receiver.url("/next")))
    for role in (bridge, consumer):
        wait_until(lambda: role.metric("hookline_registry_subscriptions") == 2, what="both roles follow")
    site.publish({"type": "ringing", "n": 1}, "acme")
    site.kafka.flush()
    receiver.await_requests(2, "/real")
    receiver.await_requests(1, "/next")
    site.await_no_lag("acme")
    assert receiver.at("/ghost1") + receiver.at("/ghost2") == []
    assert shown(site) == {"real", "next"}


def test_who_writes_nothing_fences_nobody(site, stranger):
    site.subscribe(subscription("acme", "first", URL))
    console = stranger()
    leave_open(site, console, "second")
    assert b"1 unchanged" in site.subscribe(subscription("acme", "first", URL)).stdout
    site.subscribe(subscription("acme", "third", URL), args=["--dry-run"])
    site.cli("subscriptions", "get", "acme", "first")
    console.commit_transaction(WAIT_S)
    assert shown(site) == {"first", "second"}


def test_delete_and_reset_and_many(site):
    """More than one transaction takes; and what is deleted and reset, by the same way."""
    many = [subscription("acme", f"s{i}", URL) for i in range(700)]
    assert b"700 added" in site.subscribe(*many).stdout
    deleted = site.cli("subscriptions", "delete", "acme", *(f"s{i}" for i in range(0, 700, 2)))
    assert deleted.stdout == b"350 deleted\n"
    assert site.cli("subscriptions", "reset", "acme", "s1").stdout == b"1 reset\n"
    again = site.subscribe(*many[1::2])
    assert b"350 unchanged" in again.stdout
    assert shown(site) == {f"s{i}" for i in range(1, 700, 2)}


def test_a_full_tenant_whose_subscriptions_are_all_replaced(site):
    """Those that go make room for those that come."""
    site.configure(subscriptions={"max_per_tenant": 2})
    site.subscribe(subscription("acme", "a", URL), subscription("acme", "b", URL))
    site.subscribe(
        subscription("acme", "c", URL), subscription("acme", "d", URL), args=["--prune", "--tenant", "acme"])
    assert shown(site) == {"c", "d"}
