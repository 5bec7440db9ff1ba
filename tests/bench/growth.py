# SPDX-License-Identifier: Apache-2.0
"""scale: how the cost grows with endpoints, tenants and held deliveries."""

import time

from drain import drain_once
from report import Row
from stand import Recorder, Stuck, await_count, counting_receiver, cpu_of, ending, measure_drain, rss_mb

ADDRESSES = 100


def scenario_scale(stand):
    shapes = stand.size(
        # endpoints at 10 tenants, tenants at 1 000 endpoints, and both
        [(10, 10), (100, 10), (1_000, 10), (10_000, 10), (1_000, 1), (1_000, 100), (1_000, 1_000),
         (10_000, 1_000)],
        [(10, 1), (100, 10)])
    rows, raw = [], {"shapes": [], "held": []}
    for endpoints, tenants in shapes:
        run = shape_once(stand, endpoints, tenants)
        raw["shapes"].append(run)
        rows += shape_rows(run)
    for held in stand.size([100, 1_000, 10_000, 100_000], [100, 1_000]):
        run = held_once(stand, held)
        raw["held"].append(run)
        rows += [
            Row("scale", f"{held} held: CPU per delivery", run["cpu_us"], "µs"),
            Row("scale", "  memory", run["rss_mb"], "MiB")]
    endpoints, tenants = shapes[-1]
    missing = through_one_process(stand, endpoints, tenants)
    raw["one process"] = missing
    rows.append(Row("scale", f"bridge and consumer in one process, {endpoints} endpoints, {tenants} tenants: "
                    "deliveries missing", missing, "", 0))
    stand.raw["scale"] = raw
    return rows


def shape_rows(run):
    rows = [
        Row("scale", f"{run['endpoints']} endpoints, {run['tenants']} tenants: until ready", run["ready_s"], "s"),
        Row("scale", "  idle: CPU", run["idle_cpu"] * 100, "% of a core"),
        Row("scale", "  idle: memory", run["idle_mb"], "MiB")]
    if run["fault"]:
        return rows + [Row("scale", "  busy", None, "", 0, note=run["fault"])]
    return rows + [
        Row("scale", "  busy: CPU per delivery", run["busy"]["cpu_us"], "µs"),
        Row("scale", "  busy: deliveries per second", run["busy"]["per_second"], "1/s"),
        Row("scale", "  busy: memory", run["busy"]["rss_mb"], "MiB")]


def shape_once(stand, endpoints, tenants):
    total, idle_s = stand.size(200_000, 10_000), stand.size(20, 2)
    site, receiver = stand.site(), counting_receiver(stand, min(endpoints, ADDRESSES))
    with ending(site, receiver):
        stand.subscribe(site, receiver, tenants, endpoints)
        began = time.monotonic()
        process = stand.start(site, "consumer")
        process.await_ready()
        ready_s = time.monotonic() - began
        time.sleep(stand.size(10, 1))
        before = cpu_of(process.pid)
        time.sleep(idle_s)
        idle, idle_mb = cpu_of(process.pid) - before, rss_mb(process.pid)
        process.terminate()
        stand.fill(*stand.deliveries(site, tenants, endpoints, total))
        run = {"endpoints": endpoints, "tenants": tenants, "ready_s": ready_s, "idle_cpu": idle.whole / idle_s,
               "idle_mb": idle_mb, "fault": ""}
        try:
            run["busy"] = drain_once(stand, site, receiver, total).raw()
            stand.say(f"    {endpoints} endpoints, {tenants} tenants: ready after {ready_s:.1f} s, idle "
                      f"{idle_mb:.0f} MiB, busy {run['busy']['cpu_us']:.1f} µs")
        except Stuck as fault:
            run["fault"] = str(fault)
            stand.say(f"    {endpoints} endpoints, {tenants} tenants: {fault}")
        return run


def held_once(stand, held):
    """A backlog for endpoints that take their time, so that as much is held as may be."""
    total, endpoints, tenants = stand.size(200_000, 10_000), 100, 10
    site, receiver = stand.site(), Recorder(stand)
    with ending(site, receiver):
        stand.subscribe(site, receiver, tenants, endpoints)
        receiver.behave(range(endpoints), delay_ms=5)
        stand.fill(*stand.deliveries(site, tenants, endpoints, total))
        process = stand.start(site, "consumer", consumer={
            "max_held": held, "max_held_size": "4GiB", "max_in_flight": min(held, 1000)})
        return measure_drain(process.pid, receiver.count, total, process.running).raw() | {"held": held}


def through_one_process(stand, endpoints, tenants):
    """Events for all tenants through a bridge and a consumer on one loop; how many did not arrive."""
    site, receiver = stand.site(), counting_receiver(stand, min(endpoints, ADDRESSES))
    with ending(site, receiver):
        site.create_events_topic(partitions=4)
        stand.subscribe(site, receiver, tenants, endpoints)
        process = stand.start(site, "run")
        process.await_ready()
        before, events = receiver.count(), 2 * tenants
        stand.fill(*stand.events(site, tenants, events))
        wanted = 2 * endpoints
        try:
            await_count(lambda: receiver.count() - before, wanted, process.running, 60, 0.1)
        except Stuck as fault:
            stand.say(f"    {fault}")
        return wanted - (receiver.count() - before)
