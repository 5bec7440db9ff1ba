# SPDX-License-Identifier: Apache-2.0
"""profile: where the CPU of a delivery, and of an event in the bridge, goes, by perf."""

import re
import shutil
import signal
import subprocess

from report import Row
from stand import WAIT_S, Ends, await_count, counting_receiver, cpu_of, ending, subscription

FAN_OUT = 10
LEAST_SHARE = 0.01
FUNCTIONS = 30
NAMES = {"[kernel.kallsyms]": "kernel", "[unknown]": "unknown"}


def scenario_profile(stand):
    if not shutil.which("perf"):
        return [Row("profile", "where the microseconds go", None, note="not measured: perf is not installed")]
    runs = {"delivery (all results)": profile_consumer(stand), "event at fan-out 10": profile_bridge(stand)}
    stand.raw["profile"] = runs
    rows = []
    for unit, run in runs.items():
        if not run["parts"]:
            rows.append(Row("profile", f"CPU per {unit}", None, note="not measured: perf saw nothing"))
            continue
        rows.append(Row("profile", f"CPU per {unit}", run["cpu_us"], "µs"))
        rows += [Row("profile", f"  {name}", share * run["cpu_us"], "µs")
                 for name, share in run["parts"].items() if share >= LEAST_SHARE]
    return rows


def profile_consumer(stand):
    total = stand.size(500_000, 20_000)
    site, receiver = stand.site(), counting_receiver(stand, 1)
    with ending(site, receiver):
        stand.subscribe(site, receiver, 1, 1)
        stand.fill(*stand.deliveries(site, 1, 1, total))
        process = stand.start(site, "consumer")
        return watch(stand, process, receiver.count, total, 1)


def profile_bridge(stand):
    tenants, events = 10, stand.size(100_000, 15_000)
    site = stand.site()
    with ending(site):
        site.create_events_topic(partitions=4)
        site.subscribe(*(
            subscription(f"tenant-{t}", f"s-{s}", "http://127.0.0.1:9/")
            for t in range(tenants) for s in range(FAN_OUT)))
        stand.fill(*stand.events(site, tenants, events))
        ends = Ends(stand.kafka, [site.deliveries_topic(f"tenant-{t}") for t in range(tenants)])
        process = stand.start(site, "bridge")
        run = watch(stand, process, ends.count, events * FAN_OUT, FAN_OUT)
        ends.close()
        return run


def watch(stand, process, count, total, per):
    """perf looks on from a tenth to 95 % of a drain; `per` counts are one unit."""
    began = await_count(count, total // 10, process.running, 60), cpu_of(process.pid)
    file = stand.new_directory("perf") / "data"
    perf = stand.spawn(
        ["perf", "record", "-q", "-e", "cpu-clock", "-F", 1999, "-o", file, "-p", process.pid],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended = await_count(count, total * 95 // 100, process.running, 60), cpu_of(process.pid)
    perf.send_signal(signal.SIGINT)
    perf.wait(WAIT_S)
    used = (ended[1] - began[1]).whole * 1e6 * per / (ended[0] - began[0])
    return {"cpu_us": used, "parts": shares(file, "dso"),
            "functions": dict(list(shares(file, "dso,symbol").items())[:FUNCTIONS])}


def shares(file, sort):
    """perf's report: what to its share, the largest first."""
    report = subprocess.run(
        ["perf", "report", "-i", file, "--stdio", "--no-children", "--sort", sort], text=True,
        capture_output=True, stdin=subprocess.DEVNULL).stdout
    found = {}
    for line in report.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+(.*\S)", line)
        if match:
            name = re.sub(r"( -)+$", "", re.sub(r"\s+", " ", match.group(2)))
            name = NAMES.get(name, re.sub(r"\.so[.\d]*", "", name))
            found[name] = found.get(name, 0) + float(match.group(1)) / 100
    return found
