# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks; dev/bench is how to call it. docs/performance.md says what is measured."""

import argparse
import pathlib
import signal
import sys
import time

from costs import scenario_profile
from dead import scenario_e
from drain import scenario_a, scenario_b, scenario_kill
from fan import scenario_f
from formats import scenario_formats
from growth import scenario_scale
from paced import scenario_c, scenario_d, scenario_small
from registry import scenario_registry
from report import (
    Row, circumstances, measurement, print_table, read_json, write_document, write_json)
from stand import ROOT, Stand, Stuck

SCENARIOS = {
    "a": (scenario_a, "drain to one fast receiver, beside bare libcurl and a bridge in Node.js"),
    "b": (scenario_b, "the same over 100 endpoints"),
    "c": (scenario_c, "latency at 1 000/s from the delivery topic and from the events topic"),
    "d": (scenario_d, "noisy neighbours: 100 endpoints, 10 hang, 5 answer 503"),
    "small": (scenario_small, "noisy neighbours: 10 endpoints at 500/s, one hangs"),
    "e": (scenario_e, "a dead endpoint with a backlog, that comes back"),
    "f": (scenario_f, "the bridge at fan-out 1, 10 and 100"),
    "registry": (scenario_registry, "the bridge with many subscriptions"),
    "formats": (scenario_formats, "what each format costs, beside raw"),
    "kill": (scenario_kill, "kill -9 in the middle of a drain"),
    "profile": (scenario_profile, "where the CPU goes, by perf"),
    "scale": (scenario_scale, "growth with endpoints, tenants and held deliveries"),
}


def path_and_value(text):
    path, found, value = text.partition("=")
    if not found or "." not in path:
        raise argparse.ArgumentTypeError("must be section.name=value")
    words = {"true": True, "false": False}
    return path, int(value) if value.lstrip("-").isdigit() else words.get(value, value)


def parse():
    parser = argparse.ArgumentParser(
        prog="dev/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures Hookline on a real Kafka; docs/performance.md explains.",
        epilog="scenarios (all, if none is named):\n" + "\n".join(
            f"  {name:6} {about}" for name, (_, about) in SCENARIOS.items()))
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", choices=[[], *SCENARIOS])
    parser.add_argument("--quick", action="store_true",
                        help="small sizes, one pair, under 3 minutes: proves that everything works")
    parser.add_argument("--pairs", type=int, help="interleaved pairs to take the median of (5; quick: 1)")
    parser.add_argument("--set", action="append", default=[], type=path_and_value, metavar="PATH=VALUE",
                        help="a setting for all processes of Hookline")
    parser.add_argument("--no-peer", action="store_true", help="leave the bridge in Node.js out")
    parser.add_argument("--before", type=pathlib.Path, metavar="PROGRAM",
                        help="an earlier hookline, beside which (formats) measures this one")
    parser.add_argument("--json", type=pathlib.Path,
                        help="where all figures go, beside those of other scenarios that it has "
                             "(build/bench.json; quick: build/bench-quick.json)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--programs", default=ROOT / "build" / "release" / "bench", type=pathlib.Path,
                        help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write and options.quick:
        parser.error("--write wants the full size: figures of --quick say nothing")
    options.json = options.json or ROOT / "build" / ("bench-quick.json" if options.quick else "bench.json")
    return options


def run_scenario(stand, name):
    scenario, about = SCENARIOS[name]
    stand.say(f"({name}) {about}")
    began = time.monotonic()
    try:
        rows = scenario(stand)
    except (Stuck, AssertionError) as fault:
        first = str(fault).splitlines()[0]
        stand.say(f"    {fault}")
        rows = [Row(name, about, None, "", 0, note=f"not measured: {first}")]
    stand.say(f"    {time.monotonic() - began:.0f} s")
    return rows


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the clean-up
    stand = Stand(options)
    rows, found = [], {}
    try:
        stand.start_kafka()
        for name in options.scenarios or SCENARIOS:
            of_scenario = run_scenario(stand, name)
            found[name] = measurement(circumstances(stand), of_scenario, stand.raw.get(name))
            rows += of_scenario
    finally:
        stand.close()
    print_table(rows)
    measured = found if options.quick else read_json(options.json) | found
    write_json(options.json, measured)
    if options.write:
        write_document(measured, {name: about for name, (_, about) in SCENARIOS.items()})
    failed = sum(row.verdict is False for row in rows)
    print(f"\n{failed} targets missed" if failed else "\nall targets reached")
    # At quick size the figures mean nothing; only what could not be measured is a failure then.
    broken = any(row.value is None and row.limit is not None for row in rows)
    return 1 if broken or (failed and not options.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
