# SPDX-License-Identifier: Apache-2.0
"""registry: what many subscriptions cost the bridge, per event and at the start."""

import json
import time

from fan import start_up_cpu
from report import Row
from stand import Ends, await_count, cpu_of, ending, median, ratio, rss_mb, subscription

FEW = 10
LOADED_TENANTS = 100


def scenario_registry(stand):
    many, loaded = stand.size(10_000, 1_000), stand.size(100_000, 2_000)
    events = stand.size(100_000, 10_000)
    pairs = [(one_of(stand, FEW, events), one_of(stand, many, events)) for _ in range(stand.pairs)]
    load = [load_once(stand, loaded) for _ in range(stand.pairs)]
    stand.raw["registry"] = {"pairs": pairs, "load": load}
    return [
        Row("registry", f"one of {FEW} subscriptions wants the event: our thread, CPU per event",
            median([few for few, _ in pairs]), "µs"),
        Row("registry", f"one of {many}", median([most for _, most in pairs]), "µs"),
        Row("registry", "  ÷", median([ratio(most, few) for few, most in pairs]), "×", 3.0),
        Row("registry", f"{loaded} subscriptions: until ready", median([run["ready_s"] for run in load]), "s", 10),
        Row("registry", "  memory", median([run["rss_mb"] for run in load]), "MiB", 381,
            note="400 MB"),
        Row("registry", "  CPU", median([run["cpu_s"] for run in load]), "s")]


def full(tenant, id, *events):
    """A subscription that says as much as a usual one does."""
    return subscription(
        tenant, id, f"https://hooks.example.com/{tenant}/{id}", *events, name=f"Webhook {id} of {tenant}",
        headers={"x-api-key": "0123456789abcdef0123456789abcdef"},
        filter={"type": ["ended", "hangup"], "queueName": [{"prefix": "Sales"}, {"exists": False}]},
        secrets=[{"id": "a", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYE="}],
        version=1, created_at="2026-03-02T08:14:05.318Z", updated_at="2026-03-02T08:14:05.318Z")


def one_of(stand, count, events):
    """The subscriptions of a tenant ask for types of their own, but for one, which gets all events."""
    site = stand.site()
    site.configure(subscriptions={"max_per_tenant": 100_000})
    with ending(site):
        site.create_events_topic(partitions=4)
        site.subscribe(*(
            full("tenant-0", f"s-{n}", f"app.type-{n}" if n else "*") for n in range(count)),
            args=("--timeout=100s",))
        start_up = start_up_cpu(stand, site)
        stand.fill(*stand.events(site, 1, events))
        ends = Ends(stand.kafka, [site.deliveries_topic("tenant-0")])
        process = stand.start(site, "bridge")
        await_count(ends.count, events, process.running, 60)
        used = cpu_of(process.pid) - start_up
        ends.close()
    own_us = used.own * 1e6 / events
    stand.say(f"    one of {count}: {own_us:.1f} µs of our thread per event")
    return own_us


def load_once(stand, count):
    site = stand.site()
    site.configure(subscriptions={"max_per_tenant": 100_000})
    with ending(site):
        site.create_events_topic()
        site.subscribe(full("tenant-0", "first", "*"))  # makes the topics
        for n in range(count):
            tenant = f"tenant-{n % LOADED_TENANTS}"
            stand.kafka.produce(
                site.topic("subscriptions"), json.dumps(full(tenant, f"s-{n}", "call.*", "agent.*")),
                f"{tenant}/s-{n}")
        stand.kafka.flush()
        began = time.monotonic()
        process = stand.start(site, "bridge")
        process.await_ready()
        run = {"ready_s": time.monotonic() - began, "rss_mb": rss_mb(process.pid),
               "cpu_s": cpu_of(process.pid).whole}
        stand.say(f"    {count} subscriptions: ready after {run['ready_s']:.1f} s, {run['rss_mb']:.0f} MiB")
        return run
