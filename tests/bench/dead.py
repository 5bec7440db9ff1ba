# SPDX-License-Identifier: Apache-2.0
"""(e): one endpoint is dead with a long backlog, and comes back. What its neighbours feel is compared with
what they feel of the same endpoint when it is well and gets as many records."""

import json
import math
import time

from drain import disorder
from paced import WARM_UP_US, first_arrivals, latencies_ms
from report import Row
from stand import (
    Ends, Recorder, Stuck, await_count, cpu_of, ending, free_port, median, percentile, ratio, subscription)

DEAD = 0
ENDPOINTS = 10
RATE = 450  # events a second of all neighbours


def scenario_e(stand):
    backlog, seconds = stand.size(100_000, 5_000), stand.size(30, 4)
    runs = [run_once(stand, backlog, seconds, number % 2) for number in range(stand.pairs)]
    stand.raw["e"] = runs
    return rows_e(runs, backlog)


def run_once(stand, backlog, seconds, well_first):
    port = free_port()
    site, good = stand.site(), Recorder(stand)
    with ending(site, good):
        # All of one tenant, so that they share a partition: the worst place to be a neighbour.
        site.subscribe(*(
            subscription("tenant-0", f"e-{e}", good.url(e) if e != DEAD else f"http://127.0.0.1:{port}/{e}")
            for e in range(ENDPOINTS)))
        process = stand.start(site, "consumer")
        process.await_ready()
        run = Run(stand, site, process, good, backlog, seconds)
        phases = {"before": run.phase("before")}
        if well_first:
            receiver = Recorder(stand, port=port)
            with ending(receiver):
                phases["well"] = run.well(receiver)
        phases["comes in"] = run.phase("comes in", fill=True)
        phases["dead"] = run.phase("dead")
        receiver = Recorder(stand, port=port)
        with ending(receiver):
            receiver.record()  # at once: the next probe may be on its way
            phases["comes back"] = run.comes_back(receiver)
            if not well_first:
                phases["well"] = run.well(receiver)
        return phases


def rows_e(runs, backlog):
    def middle(phase, what):
        return median([run[phase][what] for run in runs])

    rows = [
        Row("e", "p99 of the neighbours before", middle("before", "p99"), "ms"),
        Row("e", "p99 of the neighbours, well", middle("well", "p99"), "ms",
            note="the endpoint is well, and as many come in for it at the same pace")]
    for name, beside in (("comes in", "well"), ("dead", "before"), ("comes back", "well")):
        rows += [
            Row("e", f"p99 of the neighbours, {name}", middle(name, "p99"), "ms"),
            Row("e", f"  ÷ {beside}",
                median([ratio(run[name]["p99"], run[beside]["p99"]) for run in runs]), "×", 1.5),
            Row("e", f"  of {sum(run[name]['expected'] for run in runs)} not delivered",
                sum(run[name]["missing"] for run in runs), "", 0)]
    cpu = median([ratio(run["dead"]["cpu_s"], run["before"]["cpu_s"]) for run in runs])
    written = max(sum(run["dead"]["written"].values()) / run["dead"]["seconds"] for run in runs)
    letters = sum(run["comes back"]["dead_letters"] for run in runs)
    return rows + [
        Row("e", "CPU while dead ÷ before", cpu, "×", 1.1),
        Row("e", "records written for the dead one, per second", written, "1/s", 1.0,
            note="results, dead letters and endpoint states: no more than its probes"),
        Row("e", f"of {backlog * len(runs)} events, lost to it", sum(run["comes back"]["lost"] for run in runs),
            "", 0, note=f"{letters} became dead letters" if letters else ""),
        Row("e", "back: until its first request", middle("comes back", "first_s"), "s",
            note="until the circuit's next probe"),
        Row("e", "back: until all had arrived", middle("comes back", "all_s"), "s"),
        Row("e", "back: until live", middle("comes back", "live_s"), "s"),
        Row("e", "back: deliveries per second", middle("comes back", "per_second"), "1/s"),
        Row("e", "back: out of order within a call", sum(run["comes back"]["disorder"] for run in runs), "", 0)]


def now_us():
    return time.time_ns() // 1000


def endpoint_state(process):
    """What the process says of the dead endpoint, if it says such a thing."""
    status, text = process.probe("/endpoints")
    if status != 200:
        return {}
    try:
        listed = json.loads(text)
    except ValueError:
        return {}
    listed = listed.get("endpoints", []) if isinstance(listed, dict) else listed
    return next((e for e in listed if e.get("endpoint") == f"tenant-0/e-{DEAD}"), {})


class Run:
    def __init__(self, stand, site, process, good, backlog, seconds):
        self.stand, self.site, self.process, self.good = stand, site, process, good
        self.backlog, self.seconds = backlog, seconds
        self._from = self._before = self._written_to_dead = 0

    def _neighbours(self, seconds):
        """Starts their events; each phase has numbers of its own."""
        count = RATE * seconds
        self._before = self.good.count()
        args = self.stand.deliveries(
            self.site, 1, ENDPOINTS, count, rate=RATE, first=1, last=ENDPOINTS - 1, **{"from": self._from})
        self._from += count
        self.good.record()
        return self.stand.producer(*args)

    def _fill(self):
        """Writes a backlog for the one endpoint; returns from when to when."""
        start_us = now_us()
        # Not as fast as a producer can: the neighbours' records lie in the same partition, behind.
        self.stand.fill(*self.stand.deliveries(
            self.site, 1, ENDPOINTS, self.backlog, rate=2 * self.backlog // self.seconds, first=DEAD, last=DEAD,
            **{"from": self._written_to_dead}))
        self._written_to_dead += self.backlog
        return start_us, now_us()

    def _written(self):
        """Records in our topics so far; each delivery to a neighbour has one in the results."""
        counts = {}
        for name in ("results", "dead-letters", "endpoints"):
            if self.stand.kafka.partitions(self.site.topic(name)):
                ends = Ends(self.stand.kafka, [self.site.topic(name)])
                counts[name] = ends.count()
                ends.close()
        return counts

    def _judge(self, count, window=None):
        """Of the events sent in the window; without one, of all after a warm-up."""
        first = first_arrivals(self.good.arrivals())
        from_us, to_us = window or (min((a.sent_us for a in first), default=0) + WARM_UP_US, math.inf)
        values = latencies_ms([a for a in first if from_us < a.sent_us < to_us])
        values += [self.seconds * 1000.0] * (count - len(first))  # later than all that came
        return {"p50": percentile(values, 50), "p99": percentile(values, 99), "expected": count,
                "missing": count - len(first)}

    def _finish(self, producer):
        """Waits until what the neighbours were sent has arrived; returns how many that is."""
        count = self.stand.finish(producer)["records"]
        try:
            await_count(lambda: self.good.count() - self._before, count, self.process.running,
                        self.stand.size(30, 5), 0.1)
        except Stuck as fault:
            self.stand.say(f"    e: {fault}")
        return count

    def _say(self, name, figures):
        self.stand.say(f"    {name}: p50 {figures['p50']:.2f} ms, p99 {figures['p99']:.2f} ms")
        return figures

    def phase(self, name, fill=False):
        """The neighbours' events for a while, and in the middle of them a backlog for the one endpoint."""
        cpu, written = cpu_of(self.process.pid), self._written()
        began = time.monotonic()
        producer = self._neighbours(self.seconds)
        window = None
        if fill:
            time.sleep(self.seconds / 4)
            window = self._fill()
        count = self._finish(producer)
        used = cpu_of(self.process.pid) - cpu
        after = self._written()
        written = {topic: after[topic] - written.get(topic, 0) for topic in after}
        written["results"] = max(0, written.get("results", 0) - count)
        return self._say(name, self._judge(count, window) | {
            "cpu_s": used.whole, "written": written, "seconds": time.monotonic() - began})

    def well(self, receiver):
        had = receiver.count()
        figures = self.phase("well", fill=True)
        await_count(lambda: receiver.count() - had, self.backlog, self.process.running, self.stand.size(60, 10), 0.1)
        return figures

    def comes_back(self, receiver):
        """Its receiver has started; the neighbours' events go on until all has arrived there."""
        wanted = max(1, self.backlog - self._written().get("dead-letters", 0))
        up_us = now_us()
        producer = self._neighbours(600)
        try:
            # A circuit may be open for as long as a minute.
            await_count(receiver.count, wanted, self.process.running, self.stand.size(120, 10), 0.05)
        except Stuck as fault:
            self.stand.say(f"    e: {fault}")
        live_s = self._await_live(up_us)
        time.sleep(2)
        producer.terminate()
        count = self._finish(producer)
        arrivals = receiver.arrivals()
        unrecorded = receiver.count() - len(arrivals)
        at = [a.at_us for a in arrivals] or [math.nan]
        return self._say("comes back", self._judge(count, (at[0], at[-1])) | {
            "lost": self.backlog - unrecorded - len({a.number for a in arrivals}),
            "dead_letters": self._written().get("dead-letters", 0),
            "first_s": (at[0] - up_us) / 1e6, "all_s": (at[-1] - up_us) / 1e6, "live_s": live_s,
            "disorder": disorder(arrivals, 1), "per_second": ratio(len(arrivals), (at[-1] - at[0]) / 1e6)})

    def _await_live(self, up_us):
        """When the process said that the endpoint is live, if it says such things."""
        for _ in range(100):
            state = endpoint_state(self.process).get("state")
            if state is None:
                return math.nan
            if state == "live":
                return (now_us() - up_us) / 1e6
            time.sleep(0.1)
        return math.nan
