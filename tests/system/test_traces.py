# SPDX-License-Identifier: Apache-2.0
"""Traces (W3C Trace Context): an event's trace goes on to the receiver, with a span of each attempt's own, and stands in
results and log lines (docs/contract.md, "The request")."""

import json
import re

import pytest

from harness import subscription, wait_until
from test_engine import QUICK
from test_samples import schema

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"


@pytest.fixture
def traced(site, receiver):
    """Of acme: an endpoint /with that wants traces, and /without."""
    site.create_events_topic()
    site.configure(**QUICK, log={"level": "debug", "format": "json"})
    site.subscribe(subscription("acme", "with", receiver.url("/with"), trace=True),
                   subscription("acme", "without", receiver.url("/without")))
    site.bridge, site.consumer = site.start_roles()
    return site


def publish(site, number, **headers):
    site.publish({"type": "call.ended", "callID": f"c{number}", "n": number}, "acme", headers=headers)
    site.kafka.flush()


def logged(site, message):
    lines = (json.loads(line) for line in site.consumer.log_path.read_text().splitlines())
    return [line for line in lines if line["msg"] == message]


def await_logged(site, message, count):
    wait_until(lambda: len(logged(site, message)) >= count, 20, f"{count} lines {message}")
    return logged(site, message)


def split(request):
    version, trace, span, flags = re.fullmatch(
        "([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", request.headers["traceparent"]).groups()
    assert version == "00"
    return trace, span, flags


def test_a_span_for_each_attempt(traced, receiver):
    receiver.behave("/with", 500, 500, 200)
    publish(traced, 1, traceparent=f"00-{TRACE}-{PARENT}-01", tracestate=STATE)
    requests = receiver.await_requests(3, "/with")
    spans = [split(request)[1] for request in requests]
    assert {split(request)[::2] for request in requests} == {(TRACE, "01")}
    assert len({*spans, PARENT, "0" * 16}) == 5
    assert {request.headers["tracestate"] for request in requests} == {STATE}
    plain, = receiver.await_requests(1, "/without")
    assert "traceparent" not in plain.headers and "tracestate" not in plain.headers

    results = traced.await_results(4)
    for result in results:
        schema("result").validate(result)
    assert {r["trace_id"] for r in results} == {TRACE}
    assert [r["span_id"] for r in sorted(results, key=lambda r: r["attempt"]) if r["subscription"] == "with"] == spans
    lines = await_logged(traced, "attempt", 4)
    assert {line["trace_id"] for line in lines} == {TRACE}
    assert [line["span_id"] for line in lines if line["endpoint"] == "acme/with"] == spans
    assert [line["outcome"] for line in lines if line["endpoint"] == "acme/with"] == ["retry", "retry", "delivered"]
    # One that is not told of it has spans, too.
    other, = (line for line in lines if line["endpoint"] == "acme/without")
    assert re.fullmatch("[0-9a-f]{16}", other["span_id"]) and other["span_id"] not in spans


def test_dead_letters(traced, receiver):
    receiver.behave("/with", 410)
    publish(traced, 1, traceparent=f"00-{TRACE}-{PARENT}-00", tracestate=STATE)
    letter, = traced.await_dead_letters(1)
    request, = receiver.at("/with")
    # As the event had it: whoever replays it goes on from there.
    assert (letter.text("traceparent"), letter.text("tracestate")) == (f"00-{TRACE}-{PARENT}-00", STATE)
    line, = await_logged(traced, "dead letter", 1)
    assert (line["trace_id"], line["span_id"], line["reason"]) == (TRACE, split(request)[1], "gone")
    assert split(request)[2] == "00"
    publish(traced, 2, traceparent=f"00-{TRACE}-{PARENT}-00")  # disabled now: no attempt, and no span
    line = await_logged(traced, "dead letter", 2)[-1]
    assert line["trace_id"] == TRACE and "span_id" not in line


def test_what_is_not_passed_on(traced, receiver):
    cases = [
        ({"traceparent": f"00-{'0' * 32}-{PARENT}-01", "tracestate": STATE}, False, None),
        ({"traceparent": f"ff-{TRACE}-{PARENT}-01"}, False, None),
        ({"traceparent": "nonsense"}, False, None),
        ({"tracestate": STATE}, False, None),
        ({}, False, None),
        ({"traceparent": f"00-{TRACE}-{PARENT}-01\r\nx-evil: 1", "tracestate": STATE}, False, None),
        ({"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b\r\nx-evil: 1"}, True, None),
        ({"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=" + "v" * 600}, True, None),
        ({"traceparent": f"cc-{TRACE}-{PARENT}-ff-more", "tracestate": STATE}, True, STATE),
    ]
    for number, (headers, _, _) in enumerate(cases):
        publish(traced, number, **headers)
    requests = {r.json()["n"]: r for r in receiver.await_requests(len(cases), "/with")}
    for number, (_, continued, state) in enumerate(cases):
        headers = requests[number].headers
        assert ("traceparent" in headers, headers.get("tracestate")) == (continued, state), number
        assert "x-evil" not in headers
    assert split(requests[8])[2] == "03"  # of flags those that are known
    results = {r["id"]: r for r in traced.await_results(2 * len(cases))}
    assert {n for n, r in requests.items() if "trace_id" in results[r.id]} == {6, 7, 8}
