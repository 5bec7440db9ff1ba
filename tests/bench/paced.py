# SPDX-License-Identifier: Apache-2.0
"""(c): latency at a steady 1 000/s. (d), small: what good endpoints feel of bad ones."""

from report import Row
from stand import Recorder, Stuck, await_count, ending, median, percentile, ratio

WARM_UP_US = 1_000_000


def first_arrivals(arrivals, wanted=lambda arrival: True):
    """Of each event the first request, without repeats and second attempts."""
    first = {}
    for arrival in arrivals:
        if wanted(arrival):
            first.setdefault((arrival.endpoint, arrival.number), arrival)
    return list(first.values())


def latencies_ms(arrivals):
    return sorted(a.latency_ms for a in arrivals)


# --- (c) -----------------------------------------------------------------------------------------


def scenario_c(stand):
    rate, seconds = 1000, stand.size(30, 4)
    routes = {"delivery topic": from_deliveries, "events topic": from_events}
    runs = {name: [] for name in routes}
    for pair in range(stand.pairs):
        for name, route in routes.items():
            run = route(stand, rate, seconds)
            runs[name].append(run)
            stand.say(f"    {pair + 1}/{stand.pairs} {name}: p50 {run['p50']:.2f} ms, p99 {run['p99']:.2f} ms")
    stand.raw["c"] = runs
    limits = {"delivery topic": (3, 15), "events topic": (8, 30)}
    rows = []
    for name, of_route in runs.items():
        for percent, limit in zip(("p50", "p99"), limits[name], strict=True):
            rows.append(Row("c", f"{name} to request received, {percent}",
                            median([run[percent] for run in of_route]), "ms", limit))
        rows.append(Row("c", f"  of which until the broker's acknowledgement, p50",
                        median([run["ack_p50_us"] for run in of_route]) / 1000, "ms"))
        rows.append(Row("c", f"  of {rate * seconds} events not received",
                        max(run["missing"] for run in of_route), "", 0))
    return rows


def from_deliveries(stand, rate, seconds):
    site, receiver = stand.site(), Recorder(stand)
    with ending(site, receiver):
        stand.subscribe(site, receiver, 10, 10)
        process = stand.start(site, "consumer")
        process.await_ready()
        args = stand.deliveries(site, 10, 10, rate * seconds, rate=rate)
        return measure_latency(stand, receiver, [process], args, rate * seconds)


def from_events(stand, rate, seconds):
    site, receiver = stand.site(), Recorder(stand)
    with ending(site, receiver):
        site.create_events_topic(partitions=4)
        stand.subscribe(site, receiver, 10, 10)
        processes = [stand.start(site, role) for role in ("bridge", "consumer")]
        for process in processes:
            process.await_ready()
        return measure_latency(
            stand, receiver, processes, stand.events(site, 10, rate * seconds, rate), rate * seconds)


def measure_latency(stand, receiver, processes, args, total):
    receiver.record()
    produced = stand.finish(stand.producer(*args))
    try:
        await_count(receiver.count, total, lambda: all(p.running() for p in processes), 10)
    except Stuck as fault:
        stand.say(f"    c: {fault}")
    arrivals = first_arrivals(receiver.arrivals())
    start = min((a.sent_us for a in arrivals), default=0)
    values = latencies_ms([a for a in arrivals if a.sent_us - start > WARM_UP_US])
    return {"p50": percentile(values, 50), "p99": percentile(values, 99), "missing": total - len(arrivals),
            "ack_p50_us": produced["ack_p50_us"], "producer_late_us": produced["latest_us"]}


# --- (d) and small -------------------------------------------------------------------------------


class Noise:
    """Endpoints in some tenants, of which some hang and some refuse."""

    def __init__(self, endpoints, tenants, rate, seconds, hanging, hang_ms, refusing=()):
        self.endpoints, self.tenants, self.rate, self.seconds = endpoints, tenants, rate, seconds
        self.hanging, self.hang_ms, self.refusing = set(hanging), hang_ms, set(refusing)
        self.good = set(range(endpoints)) - self.hanging - self.refusing

    @property
    def total(self):
        return self.rate * self.seconds

    def expected(self):
        """How many events go to good endpoints: record n goes to endpoint n % endpoints."""
        rounds, rest = divmod(self.total, self.endpoints)
        return rounds * len(self.good) + sum(e < rest for e in self.good)


def scenario_d(stand):
    # In each tenant one endpoint hangs; in five of them another one refuses.
    noise = Noise(100, 10, 1000, stand.size(60, 3), hanging=range(0, 100, 10), hang_ms=30_000,
                  refusing=range(5, 55, 10))
    return noisy_rows(stand, "d", noise, "100 endpoints, 10 hang for 30 s, 5 answer 503")


def scenario_small(stand):
    noise = Noise(10, 1, 500, stand.size(60, 3), hanging=[3], hang_ms=10_000)
    return noisy_rows(stand, "small", noise, "10 endpoints of one tenant, one hangs for 10 s")


def noisy_rows(stand, name, noise, title):
    pairs = []
    for pair in range(stand.pairs):
        runs = {}
        for bad in ((False, True) if pair % 2 == 0 else (True, False)):
            runs[bad] = noisy_once(stand, noise, bad)
        pairs.append({"without": runs[False], "with": runs[True]})
        stand.say(f"    {pair + 1}/{stand.pairs} {name}: p99 of the good ones {runs[False]['p99']:.2f} ms "
                  f"without, {runs[True]['p99']:.2f} ms with; {runs[True]['missing']} missing")
    stand.raw[name] = pairs

    def of(which, what):
        return median([pair[which][what] for pair in pairs])

    return [
        Row(name, f"{title}: events of good ones not delivered",
            max(p["with"]["missing"] for p in pairs), "", 0, note=f"of {noise.expected()}"),
        Row(name, "p99 of the good ones, without bad ones", of("without", "p99"), "ms"),
        Row(name, "p99 of the good ones, with bad ones", of("with", "p99"), "ms"),
        Row(name, "p99, with ÷ without", median([
            ratio(p["with"]["p99"], p["without"]["p99"]) for p in pairs]), "×", 1.5),
        Row(name, "throughput of the good ones, with ÷ without", median([
            ratio(p["with"]["in_time"], p["without"]["in_time"]) for p in pairs]), "×", 0.95, least=True),
        Row(name, "CPU per event, with ÷ without", median([
            ratio(p["with"]["cpu_s"], p["without"]["cpu_s"]) for p in pairs]), "×")]


def noisy_once(stand, noise, bad):
    site, receiver = stand.site(), Recorder(stand)
    with ending(site, receiver):
        stand.subscribe(site, receiver, noise.tenants, noise.endpoints)
        if bad:
            receiver.behave(noise.hanging, delay_ms=noise.hang_ms)
            receiver.behave(noise.refusing, status=503)
        process = stand.start(site, "consumer")
        process.await_ready()
        receiver.record()
        before = process.cpu_s()
        producer = stand.producer(*stand.deliveries(
            site, noise.tenants, noise.endpoints, noise.total, rate=noise.rate))

        def good():
            counts = receiver.counts(noise.endpoints)
            return sum(counts[e] for e in noise.good)

        try:
            await_count(good, noise.expected(), process.running, stand.size(30, 8), 0.1)
        except Stuck as fault:
            stand.say(f"    {fault}")
        stand.finish(producer)
        return judge_noise(noise, receiver.arrivals(), process.cpu_s() - before)


def judge_noise(noise, arrivals, cpu_s):
    first = first_arrivals(arrivals, lambda a: a.endpoint in noise.good)
    start = min((a.sent_us for a in first), default=0)
    end = start + noise.seconds * 1_000_000 + WARM_UP_US
    values = latencies_ms([a for a in first if a.sent_us - start > WARM_UP_US])
    # What never came was later than all that did.
    missing = noise.expected() - len(first)
    values += [float("inf")] * missing
    return {"p50": percentile(values, 50), "p99": finite(percentile(values, 99), noise), "missing": missing,
            "in_time": sum(a.at_us <= end for a in first), "cpu_s": cpu_s, "requests": len(arrivals)}


def finite(value, noise):
    """JSON has no infinity: what did not come took longer than the whole run."""
    return min(value, noise.seconds * 1000.0)
