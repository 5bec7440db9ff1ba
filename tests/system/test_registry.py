# SPDX-License-Identifier: Apache-2.0
"""Subscriptions are applied, changed and deleted by command, and running roles follow."""

import json
import time

import pytest

from harness import Answer, subscription, wait_until

SOON_S = 5  # within so long a running bridge and consumer follow a change
NEW_TENANT_S = 10


@pytest.fixture
def hook(receiver):
    """hook("acme", "a", "call.*") is a subscription whose path is /acme/a."""
    def make(tenant, id, *events, path=None, **more):
        return subscription(tenant, id, receiver.url(path or f"/{tenant}/{id}"), *events, **more)
    return make


def plan(done):
    """What an apply printed: the set of its lines that begin with + ~ or -, without details."""
    return {" ".join(line.split()[:2]) for line in done.stdout.decode().splitlines()
            if line[:1] in ("+", "~", "-")}


def listed(site, *args):
    return json.loads(site.cli("subscriptions", "list", "--json", *args).stdout)


def names(site, *args):
    return [(s["tenant"], s["id"]) for s in listed(site, *args)]


# --- The command ---------------------------------------------------------------------------------


def test_apply_plan_prune_delete(site, hook):
    a, b, c = hook("acme", "a"), hook("acme", "b", "call.*"), hook("other", "c")
    dry = site.subscribe(a, b, c, args=["--dry-run"])
    assert plan(dry) == {"+ acme/a", "+ acme/b", "+ other/c"}
    assert b"nothing written" in dry.stdout
    assert site.topic("subscriptions") not in site.kafka.topics()

    assert plan(site.subscribe(a, b, c)) == {"+ acme/a", "+ acme/b", "+ other/c"}
    assert {site.deliveries_topic("acme"), site.deliveries_topic("other")} <= site.kafka.topics()
    written = site.kafka.latest(site.topic("subscriptions"))
    assert set(written) == {b"acme", b"other", b"acme/a", b"acme/b", b"other/c"}
    assert written[b"acme"].json() == {"tenant": "acme", "partitions": 1}
    first = written[b"acme/a"].json()
    assert (first["version"], first["created_at"]) == (1, first["updated_at"])

    again = site.subscribe(a, b, c)
    assert plan(again) == set()
    assert b"3 unchanged" in again.stdout

    changed = b | {"events": ["call.ended"], "timeout_ms": 900}
    assert plan(site.subscribe(changed, args=["--dry-run"])) == {"~ acme/b"}
    assert plan(site.subscribe(changed)) == {"~ acme/b"}  # what the file does not have stays
    assert names(site) == [("acme", "a"), ("acme", "b"), ("other", "c")]
    second = site.kafka.latest(site.topic("subscriptions"))[b"acme/b"].json()
    assert (second["version"], second["events"]) == (2, ["call.ended"])
    assert second["created_at"] <= second["updated_at"]

    pruned = site.subscribe(changed, args=["--prune", "--tenant", "acme", "--dry-run"])
    assert plan(pruned) == {"- acme/a"}
    assert plan(site.subscribe(changed, args=["--prune", "--tenant", "acme"])) == {"- acme/a"}
    assert names(site) == [("acme", "b"), ("other", "c")]
    assert names(site, "--tenant", "other") == [("other", "c")]

    site.cli("subscriptions", "delete", "other", "c")
    assert names(site) == [("acme", "b")]
    missing = site.cli("subscriptions", "delete", "other", "c", check=False)
    assert (missing.returncode, b"other/c" in missing.stderr) == (1, True)
    assert site.cli("subscriptions", "get", "other", "c", check=False).returncode == 1


def test_header_values_are_never_shown(site, hook):
    secret = "s3cr3t-value"
    applied = site.subscribe(hook("acme", "a", headers={"x-api-key": secret}))
    got = site.cli("subscriptions", "get", "acme", "a")
    shown = site.cli("subscriptions", "list", "--json")
    changed = site.subscribe(hook("acme", "a", headers={"x-api-key": secret + "2"}))
    assert plan(changed) == {"~ acme/a"}
    for done in (applied, got, shown, changed):
        assert secret.encode() not in done.stdout + done.stderr
    assert "x-api-key" in json.loads(got.stdout)["headers"]


def test_mistakes_in_a_file_are_all_named_and_nothing_is_written(site, hook):
    done = site.subscribe(
        hook("acme", "good"), hook("Acme", "a"), hook("acme", "b") | {"id": "a b"},
        hook("acme", "c") | {"url": "ftp://x/"},
        hook("acme", "d", "call ringing"), hook("acme", "e", headers={"webhook-id": "x"}),
        hook("acme", "f", evnts=[]), hook("acme", "good"), hook("acme", "g", timeout_ms=10**9),
        hook("acme", "h", headers={"x": "a\r\nb"}), check=False)
    assert done.returncode == 2
    text = done.stderr.decode()
    for pointer in ("/1/tenant", "/2/id", "/3/url", "/4/events/0", "/5/headers/webhook-id", "/6/evnts",
                    "/7/id", "/8/timeout_ms", "/9/headers/x"):
        assert f"{pointer}:" in text, (pointer, text)
    assert "did you mean" in text  # evnts
    assert len(text.splitlines()) == 9, text
    assert site.topic("subscriptions") not in site.kafka.topics()

    site.directory.joinpath("broken.json").write_text('[{"tenant": "acme",\n "id": }]')
    broken = site.cli("subscriptions", "apply", "-f", site.directory / "broken.json", check=False)
    assert broken.returncode == 2
    assert b"broken.json:2:" in broken.stderr


def test_apply_reads_standard_input(site, hook):
    text = json.dumps({"subscriptions": [hook("acme", "a")]})
    assert plan(site.cli("subscriptions", "apply", "-f", "-", stdin=text)) == {"+ acme/a"}


# --- Running roles -------------------------------------------------------------------------------


class Flow:
    """Publishes numbered events and tells which of them came where."""

    def __init__(self, site, receiver):
        self.site, self.receiver, self.next = site, receiver, 0

    def publish(self, tenant="acme", count=1):
        for _ in range(count):
            self.site.publish({"type": "ringing", "n": self.next}, tenant, key=f"k{self.next}")
            self.next += 1
        self.site.kafka.flush()
        return self.next - 1

    def at(self, path):
        return {r.json()["n"] for r in self.receiver.at(path)}

    def until(self, holds, what, timeout=SOON_S, tenant="acme"):
        """Publishes until an event published now meets `holds(number)`; how long that took."""
        began = time.monotonic()

        def one():
            n = self.publish(tenant)
            deadline = time.monotonic() + 0.3
            while time.monotonic() < deadline:
                if holds(n):
                    return True
                time.sleep(0.01)
            return False

        wait_until(one, timeout, what)
        return time.monotonic() - began


@pytest.fixture
def flow(site, receiver, hook):
    """A running site with one subscription, whose first event has come."""
    site.create_events_topic(partitions=2)
    site.subscribe(hook("acme", "first"))
    site.start_roles()
    flow = Flow(site, receiver)
    n = flow.publish()
    receiver.await_requests(1, "/acme/first", where=lambda r: r.json()["n"] == n)
    return flow


def test_running_roles_follow_changes(flow, site, receiver, hook):
    took = {}
    site.subscribe(hook("acme", "second"))
    took["new"] = flow.until(lambda n: n in flow.at("/acme/second"), "the new subscription gets events")

    site.subscribe(hook("acme", "second", path="/moved", headers={"x-version": "2"}))
    took["changed URL"] = flow.until(lambda n: n in flow.at("/moved"), "events go to the changed URL")
    assert receiver.at("/moved")[-1].headers["x-version"] == "2"
    seen = len(receiver.at("/acme/second"))

    site.subscribe(hook("acme", "second", "call.ended", path="/moved"))
    took["changed events"] = flow.until(
        lambda n: n in flow.at("/acme/first") and n not in flow.at("/moved"), "ringing is left out")

    site.subscribe(hook("acme", "second", path="/moved", enabled=False))
    last = flow.publish(count=5)
    receiver.await_requests(1, "/acme/first", where=lambda r: r.json()["n"] == last)
    site.await_no_lag("acme")
    assert last not in flow.at("/moved")

    site.subscribe(hook("acme", "second", path="/moved"))
    took["enabled"] = flow.until(lambda n: n in flow.at("/moved"), "enabled again")
    assert last not in flow.at("/moved")  # none is kept for one that is not enabled

    site.cli("subscriptions", "delete", "acme", "second")
    took["deleted"] = flow.until(
        lambda n: n in flow.at("/acme/first") and n not in flow.at("/moved"), "deleted: no events")
    last = flow.publish(count=5)
    receiver.await_requests(1, "/acme/first", where=lambda r: r.json()["n"] == last)
    site.await_no_lag("acme")
    assert last not in flow.at("/moved")
    assert len(receiver.at("/acme/second")) == seen
    print("\nfollowed after: " + ", ".join(f"{what} {s:.2f} s" for what, s in took.items()))


def test_a_new_tenant_is_picked_up(flow, site, hook):
    """Also by a consumer that had no tenant at all."""
    site.subscribe(hook("later", "hook"))
    took = flow.until(lambda n: n in flow.at("/later/hook"), "the new tenant gets events",
                      NEW_TENANT_S, "later")
    site.await_no_lag("acme", "later")
    numbers = flow.at("/later/hook")
    assert numbers == set(range(1, flow.next))  # none of those published meanwhile is lost
    print(f"\nnew tenant: first event after {took:.1f} s")


def test_roles_that_start_with_an_empty_registry(site, receiver, hook):
    site.create_events_topic()
    roles = site.start_roles()
    site.subscribe(hook("acme", "first"))
    flow = Flow(site, receiver)
    flow.until(lambda n: n in flow.at("/acme/first"), "the first tenant gets events", NEW_TENANT_S)
    assert [role.probe("/readyz")[0] for role in roles] == [200, 200]


def test_deliveries_of_a_subscription_that_goes(flow, site, receiver, hook):
    """Deleted or disabled with work in flight and behind it: dead letters, and no request after."""
    def delete():
        site.cli("subscriptions", "delete", "acme", "deleted")

    def disable():
        site.subscribe(hook("acme", "disabled", enabled=False))

    for id, reason, end in (
            ("deleted", "subscription_deleted", delete), ("disabled", "endpoint_disabled", disable)):
        path = f"/acme/{id}"
        receiver.behave(path, Answer(500, delay=4))
        site.subscribe(hook("acme", id, "case." + id))
        wait_until(lambda: site.processes[0].metric("hookline_registry_subscriptions") >= 2, what="known")
        for n in range(5):
            site.publish({"type": "case." + id, "n": n}, "acme", key="one call")
        site.kafka.flush()
        receiver.await_requests(1, path)
        site.kafka.await_no_lag(site.bridge_group, site.events_topic)
        end()
        letters = site.await_dead_letters(
            5, lambda r: r.key == f"acme/{id}".encode() and r.text("hookline-reason") == reason)
        assert sorted(r.json()["n"] for r in letters) == list(range(5))
        site.await_no_lag("acme")
        assert len(receiver.at(path)) == 1


def test_garbage_in_the_registry_is_skipped(flow, site, receiver, hook):
    bridge, consumer = site.processes
    garbage = [
        (b"acme/first", b"{"), (b"acme/first", b"[]"), (b"acme/first", b'{"id":"first","tenant":"acme"}'),
        (b"acme/first", json.dumps(hook("other", "first"))), (b"acme", b'{"tenant":"acme"}'),
    (b"No Key", b"{}"), (b"acme/x/y", b"{}"), (b"acme/first", b"x" * 10_000),
        (b"acme/\xff", b"{}")]
    for key, value in garbage:
        site.kafka.produce(site.topic("subscriptions"), value, key)
    site.kafka.flush()
    site.subscribe(hook("acme", "second"))
    flow.until(lambda n: n in flow.at("/acme/first") and n in flow.at("/acme/second"),
               "the last good record holds, and those behind the garbage")
    for role in (bridge, consumer):
        assert role.metric("hookline_registry_records_invalid_total") == len(garbage)
        assert "registry record skipped" in role.log()
    assert names(site) == [("acme", "first"), ("acme", "second")]


def test_a_restarted_role_knows_everything(flow, site, receiver, hook):
    site.subscribe(hook("acme", "second"), hook("other", "hook"))
    site.cli("subscriptions", "delete", "acme", "first")
    for role in site.processes:
        assert role.terminate() == 0
    for role in site.processes:
        role.start()
    last = flow.publish()
    flow.publish("other")
    receiver.await_requests(1, "/acme/second", where=lambda r: r.json()["n"] == last)
    receiver.await_requests(1, "/other/hook", where=lambda r: r.json()["n"] == last + 1)
    site.await_no_lag("acme", "other")
    assert last not in flow.at("/acme/first")
    assert site.processes[0].metric("hookline_registry_subscriptions") == 2


def test_a_role_for_some_tenants(site, receiver, hook):
    """consumer.tenants: pools of consumers in one group, each serves its own."""
    site.create_events_topic()
    site.subscribe(hook("big-one", "a"), hook("big-two", "a"), hook("small", "a"))
    site.start("bridge")
    big = site.start("consumer", consumer={"tenants": ["big-*"]})
    flow = Flow(site, receiver)
    for tenant in ("big-one", "big-two", "small"):
        flow.publish(tenant)
    receiver.await_requests(2)
    site.await_no_lag("big-one", "big-two")
    assert receiver.at("/small/a") == []
    small = site.start("consumer", consumer={"tenants": ["small"]})
    receiver.await_requests(1, "/small/a")
    site.await_no_lag("small")
    assert (big.metric("hookline_deliveries_total"), small.metric("hookline_deliveries_total")) == (2, 1)
