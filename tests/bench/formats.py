# SPDX-License-Identifier: Apache-2.0
"""formats: what each format and choice of fields costs a delivery, beside raw; and raw beside an earlier program."""

import contextlib
import os

from drain import drain_once, in_turn, middle, pair_ratio, raw
from report import Row
from stand import counting_receiver, ending

MEMBERS = 18  # of an event, beside its type and its call: as many as one of the platform has

WAYS = {
    "raw": {},
    "standard": {"format": "standard"},
    "cloudevents": {"format": "cloudevents"},
    "cloudevents-structured": {"format": "cloudevents-structured"},
    "form": {"format": "form"},
    "xml": {"format": "xml"},
    "raw, 3 fields": {"fields": {"include": ["/type", "/callID", "/n"]}},
    "raw, HTTP Basic": {"auth": {"basic": {"username": "hookline", "password": "benchmark"}}},
}
BEFORE = "raw, before"


@contextlib.contextmanager
def program(path):
    kept = os.environ.get("HOOKLINE_BIN")
    os.environ["HOOKLINE_BIN"] = str(path)
    try:
        yield
    finally:
        os.environ.pop("HOOKLINE_BIN")
        if kept is not None:
            os.environ["HOOKLINE_BIN"] = kept


def scenario_formats(stand):
    total = stand.size(200_000, 20_000)
    site, receiver = stand.site(), counting_receiver(stand, 1)

    def drain(**fields):
        stand.subscribe(site, receiver, 1, 1, **fields)
        return drain_once(stand, site, receiver, total, results={"publish": "none"})

    def drain_before():
        stand.subscribe(site, receiver, 1, 1)
        with program(stand.options.before):
            return drain_once(stand, site, receiver, total, results={"publish": "none"})

    contestants = {name: lambda fields=fields: drain(**fields) for name, fields in WAYS.items()}
    if stand.options.before:
        contestants[BEFORE] = drain_before
    with ending(site, receiver):
        stand.subscribe(site, receiver, 1, 1)
        stand.fill(*stand.deliveries(site, 1, 1, total, members=MEMBERS))
        figures = in_turn(stand, contestants)
    stand.raw["formats"] = raw(figures)
    return list(rows(figures))


def rows(figures):
    for name in WAYS:
        yield Row("formats", f"{name}: CPU per delivery", middle(figures[name]), "µs")
        if name != "raw":
            yield Row("formats", "  ÷ raw", pair_ratio(figures[name], figures["raw"]), "×")
    if BEFORE in figures:
        yield Row("formats", "raw ÷ raw, before", pair_ratio(figures["raw"], figures[BEFORE]), "×", 1.05)
    else:
        yield Row("formats", "raw ÷ raw, before", None, "×", note="--before PROGRAM names an earlier one")
