# SPDX-License-Identifier: Apache-2.0
"""(f): what the bridge takes for an event at fan-out 1, 10 and 100."""

import time

from report import Row
from stand import Ends, await_count, cpu_of, ending, median, subscription

TENANTS = 10
PER_EVENT_US, PER_DELIVERY_US = 12, 4


def scenario_f(stand):
    rows, raw = [], {}
    for fan_out, full, quick in ((1, 300_000, 20_000), (10, 100_000, 5_000), (100, 10_000, 1_000)):
        runs = [bridge_once(stand, fan_out, stand.size(full, quick)) for _ in range(stand.pairs)]
        for run in runs:
            stand.say(f"    fan-out {fan_out}: {run['own_us']:.1f} µs of our thread per event, "
                      f"{run['events_per_second']:.0f} events/s")
        raw[fan_out] = runs
        rows += [
            Row("f", f"fan-out {fan_out}: our thread, CPU per event",
                median([run["own_us"] for run in runs]), "µs", PER_EVENT_US + PER_DELIVERY_US * fan_out),
            Row("f", "  whole process, CPU per event", median([run["cpu_us"] for run in runs]), "µs"),
            Row("f", "  events per second", median([run["events_per_second"] for run in runs]), "1/s")]
    stand.raw["f"] = raw
    return rows


def bridge_once(stand, fan_out, events):
    site = stand.site()
    with ending(site):
        site.create_events_topic(partitions=4)
        site.subscribe(*(
            subscription(f"tenant-{t}", f"s-{s}", "http://127.0.0.1:9/")
            for t in range(TENANTS) for s in range(fan_out)))
        start_up = start_up_cpu(stand, site)
        stand.fill(*stand.events(site, TENANTS, events))
        ends = Ends(stand.kafka, [site.deliveries_topic(f"tenant-{t}") for t in range(TENANTS)])
        process = stand.start(site, "bridge")
        began = time.monotonic()
        await_count(ends.count, 1, process.running, 60)
        first = time.monotonic()
        await_count(ends.count, events * fan_out, process.running, 60)
        seconds, used = time.monotonic() - first, cpu_of(process.pid) - start_up
        ends.close()
    return {
        "events": events, "seconds": seconds, "until_first_s": first - began,
        "own_us": used.own * 1e6 / events, "cpu_us": used.whole * 1e6 / events,
        "events_per_second": events / seconds}


def start_up_cpu(stand, site):
    """What a bridge has used when it is ready and had nothing to do. A bridge with a backlog has no
    such moment: thousands of events are under way when the first is acknowledged, and none at the
    end, so that a part of its drain says too little."""
    process = stand.start(site, "bridge")
    process.await_ready()
    used = cpu_of(process.pid)
    process.terminate()
    return used
