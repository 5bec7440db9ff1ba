# SPDX-License-Identifier: Apache-2.0
"""(a), (b): a backlog drained as fast as can be, beside bare libcurl and a plain bridge in Node.js.
kill: kill -9 in the middle of it."""

import shutil
import subprocess
import time

from report import Row
from stand import (
    ROOT, Recorder, Stuck, await_count, call_of, counting_receiver, ending, measure_drain, median, ratio)

COMMIT_INTERVAL_US = 100_000  # consumer.commit_interval
SECRET = "whsec_" + "aG9va2xpbmUtYmVuY2htYXJrLXNlY3JldC0zMi1ieXRl"


def can_sign(stand, site):
    """Whether this Hookline signs: it refuses secrets where it does not."""
    done = site.cli("subscriptions", "apply", "--dry-run", "-f", "-", check=False, stdin=[{
        "tenant": "tenant-0", "id": "signed", "url": "http://127.0.0.1:9/", "events": ["*"],
        "secrets": [{"id": "a", "scheme": "v1", "secret": SECRET}]}])
    return done.returncode == 0


def drain_once(stand, site, receiver, total, **settings):
    """A new consumer that delivers `total` records."""
    stand.forget_endpoints(site)
    before = receiver.count()
    process = stand.start(site, "consumer", consumer=stand.new_group(), **settings)
    drained = measure_drain(
        process.pid, lambda: receiver.count() - before, total, process.running)
    process.terminate()
    return drained


def drain_peer(stand, site, receiver, total):
    """The bridge in Node.js does the same; None where there is no Node.js."""
    directory = stand.peer
    if directory is None:
        return None
    before = receiver.count()
    group = stand.new_group()["group"]
    with stand.under_test():
        process = stand.spawn([
            "node", directory / "bridge.js", stand.kafka.bootstrap, site.deliveries_topic("tenant-0"), group,
            f"http://127.0.0.1:{receiver.port}"])
    drained = measure_drain(
        process.pid, lambda: receiver.count() - before, total, lambda: process.poll() is None)
    process.terminate()
    process.wait(30)
    return drained


def install_peer(stand):
    """Puts the peer and its packages into the build directory; says why if it cannot."""
    stand.peer = None
    if stand.options.no_peer:
        return "left out by --no-peer"
    if not shutil.which("node") or not shutil.which("npm"):
        return "not measured: no Node.js here"
    directory = ROOT / "build" / "bench-peer"
    source = ROOT / "tests" / "bench" / "peers"
    directory.mkdir(parents=True, exist_ok=True)
    lock = directory / "package-lock.json"
    same = lock.exists() and lock.read_bytes() == (source / "package-lock.json").read_bytes()
    for file in source.iterdir():
        shutil.copy(file, directory)
    if not same or not (directory / "node_modules").exists():
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=directory, text=True,
            capture_output=True)
        if done.returncode != 0:
            lock.unlink()
            return "not measured: npm ci failed: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    stand.peer = directory
    return ""


def in_turn(stand, contestants):
    """Each contestant once a round, forth and then back; the figures of each."""
    figures = {name: [] for name in contestants}
    for pair in range(stand.pairs):
        for name in sorted(contestants, reverse=pair % 2 == 1):
            figures[name].append(contestants[name]())
            cpu = figures[name][-1]
            stand.say(f"    {pair + 1}/{stand.pairs} {name}: {cpu_us(cpu):.1f} µs, {per_second(cpu):.0f}/s")
    return figures


def cpu_us(figures):
    return figures["cpu_us"] if isinstance(figures, dict) else figures.cpu_us


def per_second(figures):
    return figures["per_second"] if isinstance(figures, dict) else figures.per_second


def raw(figures):
    return {name: [f if isinstance(f, dict) else f.raw() for f in runs] for name, runs in figures.items()}


def scenario_a(stand):
    total = stand.size(500_000, 20_000)
    site, receiver = stand.site(), counting_receiver(stand, 1)
    with ending(site, receiver):
        signs = can_sign(stand, site)
        stand.subscribe(site, receiver, 1, 1, **({"secrets": []} if signs else {}))
        stand.fill(*stand.deliveries(site, 1, 1, total))
        missing = install_peer(stand)

        contestants = {
            "floor": lambda: stand.floor(receiver.port, total),
            "floor, signed": lambda: stand.floor(receiver.port, total, signed=True),
            "plain": lambda: drain_once(stand, site, receiver, total, results={"publish": "none"}),
            "plain, results": lambda: drain_once(stand, site, receiver, total, results={"publish": "all"}),
        }
        if stand.peer:
            contestants["peer"] = lambda: drain_peer(stand, site, receiver, total)
        figures = in_turn(stand, contestants)
        if signs:
            stand.subscribe(site, receiver, 1, 1, secrets=[{"id": "a", "scheme": "v1", "secret": SECRET}])
            figures |= in_turn(stand, {
                "floor, signed": contestants["floor, signed"],
                "signed, results": lambda: drain_once(
                    stand, site, receiver, total, results={"publish": "all"})})
    stand.raw["a"] = raw(figures)
    return rows_a(stand, figures, signs, missing)


def middle(runs, value=cpu_us):
    return median([value(run) for run in runs])


def pair_ratio(runs, bases):
    """The median of the pairs' ratios."""
    return median([ratio(cpu_us(run), cpu_us(base)) for run, base in zip(runs, bases, strict=True)])


def rows_a(stand, figures, signs, missing):
    plain, floor = figures["plain"], figures["floor"]
    rows = [
        Row("a", "floor: bare libcurl, CPU per request", middle(floor), "µs"),
        Row("a", "floor, signed", middle(figures["floor, signed"]), "µs"),
        Row("a", "plain, no results: CPU per delivery", middle(plain), "µs"),
        Row("a", "  of which our own thread", middle(plain, lambda d: d.own_us), "µs"),
        Row("a", "  of which the client library's threads", middle(plain, lambda d: d.others_us), "µs"),
        Row("a", "plain, all results: CPU per delivery", middle(figures["plain, results"]), "µs"),
        Row("a", "plain: deliveries per second", middle(plain, per_second), "1/s"),
        Row("a", "plain: memory at the end", middle(plain, lambda d: d.rss_mb), "MiB"),
        Row("a", "plain ÷ floor", pair_ratio(plain, floor), "×", 1.4)]
    if signs:
        rows.append(Row("a", "signed, all results ÷ signed floor", pair_ratio(
            figures["signed, results"], figures["floor, signed"]), "×", 1.5))
    else:
        rows.append(Row("a", "signed, all results ÷ signed floor", None, "×", note="signing: not supported yet"))
    if missing:
        rows.append(Row("a", "plain ÷ Node.js bridge", None, "×", note=missing))
    else:
        rows += [
            Row("a", "Node.js bridge: CPU per delivery", middle(figures["peer"]), "µs"),
            Row("a", "Node.js bridge: deliveries per second", middle(figures["peer"], per_second), "1/s"),
            Row("a", "plain ÷ Node.js bridge", pair_ratio(plain, figures["peer"]), "×", 1.0)]
    stand.drained["a"] = middle(plain)
    return rows


def scenario_b(stand):
    total, endpoints, tenants = stand.size(500_000, 20_000), 100, 10
    site, receiver = stand.site(), counting_receiver(stand, endpoints)
    with ending(site, receiver):
        signs = can_sign(stand, site)
        stand.subscribe(site, receiver, tenants, endpoints, **({"secrets": []} if signs else {}))
        stand.fill(*stand.deliveries(site, tenants, endpoints, total))
        figures = in_turn(stand, {
            "floor": lambda: stand.floor(receiver.port, total, endpoints),
            "plain": lambda: drain_once(stand, site, receiver, total, results={"publish": "none"})})
    stand.raw["b"] = raw(figures)
    plain = middle(figures["plain"])
    rows = [
        Row("b", "floor over 100 addresses: CPU per request", middle(figures["floor"]), "µs"),
        Row("b", "100 endpoints, plain: CPU per delivery", plain, "µs"),
        Row("b", "deliveries per second", middle(figures["plain"], per_second), "1/s"),
        Row("b", "÷ floor over 100 addresses", pair_ratio(figures["plain"], figures["floor"]), "×")]
    if "a" in stand.drained:
        rows.append(Row("b", "100 endpoints ÷ one endpoint", ratio(plain, stand.drained["a"]), "×", 1.3))
    else:
        rows.append(Row("b", "100 endpoints ÷ one endpoint", None, "×", note="needs (a) in the same run"))
    return rows


# --- kill -9 -------------------------------------------------------------------------------------


def scenario_kill(stand):
    total = stand.size(500_000, 20_000)
    runs = [kill_once(stand, total) for _ in range(stand.pairs)]
    stand.raw["kill"] = runs
    worst = max(runs, key=lambda run: run["repeats"] - run["bound"])
    return [
        Row("kill", "lost after kill -9 in mid-drain", max(run["lost"] for run in runs), "", 0),
        Row("kill", "out of order, first arrivals", max(run["disorder"] for run in runs), "", 0),
        Row("kill", "repeats", worst["repeats"], "", worst["bound"],
            note=f"{worst['in_flight']:.0f} in flight, {worst['in_interval']} in the fullest 100 ms"),
        Row("kill", "until the first delivery after the restart", median([r["back_s"] for r in runs]), "s",
            note="the session timeout of the killed member, 6 s, is part of it")]


def kill_once(stand, total):
    site, receiver = stand.site(), Recorder(stand)
    settings = {"consumer": stand.new_group() | {"session_timeout": "6s"}}
    with ending(site, receiver):
        stand.subscribe(site, receiver, 1, 1)
        stand.fill(*stand.deliveries(site, 1, 1, total))
        receiver.record()
        process = stand.start(site, "consumer", **settings)
        await_count(receiver.count, total // 3, process.running, 60, 0.005)
        in_flight = in_flight_of(process)
        process.kill9()
        killed_us = time.time_ns() // 1000
        with stand.under_test():
            process.start(ready=False)
        # The last ones may be in the middle of repeats: what has arrived tells.
        numbers = set()

        def distinct():
            count = receiver.count()
            if count < total:
                return count
            numbers.update(a.number for a in receiver.arrivals())
            return len(numbers)

        try:
            await_count(distinct, total, process.running, 60, 0.5)
        except Stuck as fault:
            stand.say(f"    kill: {fault}")
        time.sleep(1)
        return judge_kill(receiver.arrivals(), total, in_flight, killed_us)


def in_flight_of(process):
    held = process.metric("hookline_deliveries_held", state="in_flight")
    return (process.metric("hookline_deliveries_in_flight") if held is None else held) or 0


def fastest(at_us, window_us):
    """The most arrivals in any such stretch of time."""
    most = first = 0
    for last, at in enumerate(at_us):
        while at - at_us[first] > window_us:
            first += 1
        most = max(most, last - first + 1)
    return most


def judge_kill(arrivals, total, in_flight, killed_us):
    numbers = {a.number for a in arrivals}
    interval = fastest([a.at_us for a in arrivals if a.at_us <= killed_us], COMMIT_INTERVAL_US)
    # What was in the sockets comes after the kill, too.
    back = [a.at_us for a in arrivals if a.at_us > killed_us + 200_000]
    return {
        "lost": total - len(numbers), "repeats": len(arrivals) - len(numbers), "in_flight": in_flight,
        "in_interval": interval, "bound": in_flight + interval, "disorder": disorder(arrivals, 1),
        "back_s": (min(back) - killed_us) / 1e6 if back else float("nan")}


def disorder(arrivals, span):
    """How many events came first after a later one of their call and endpoint; `span` endpoints took
    the numbers in turn."""
    highest, seen, count = {}, set(), 0
    for arrival in arrivals:
        if (arrival.endpoint, arrival.number) in seen:
            continue
        seen.add((arrival.endpoint, arrival.number))
        key = arrival.endpoint, call_of(arrival.number // span)
        count += arrival.number < highest.get(key, -1)
        highest[key] = max(arrival.number, highest.get(key, -1))
    return count
