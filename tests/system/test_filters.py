# SPDX-License-Identifier: Apache-2.0
"""Subscriptions with filters get the events that match, and no others."""

import time

from harness import subscription, wait_until


def publish(site, *events):
    for event in events:
        site.publish(event, "acme")
    site.kafka.flush()


def call(n, **more):
    return {"type": "call.ended", "callID": f"c{n}", "n": n} | more


def test_only_what_matches(site, receiver):
    site.create_events_topic()
    inbound = {"direction": ["inbound"], "queueName": [{"prefix": "Sales"}]}
    site.subscribe(
        subscription("acme", "sales", receiver.url("/sales"), filter=inbound),
        subscription("acme", "long", receiver.url("/long"), "call.ended",
                     filter={"hookline:type": ["call.ended"], "duration": [{"numeric": [">=", 60]}]}),
        subscription("acme", "all", receiver.url("/all")))
    bridge, _ = site.start_roles()
    publish(site,
            call(0, direction="inbound", queueName="Sales EN", duration=30),
            call(1, direction="outbound", queueName="Sales EN", duration=60.0),
            call(2, direction="inbound", queueName="Support", duration=59.9),
            call(3, direction="inbound", queueName="Sales", duration=3600),
            call(4, queueName="Sales", duration="60"),
            {"type": "call.ringing", "callID": "c5", "n": 5, "direction": "inbound", "queueName": "Sales",
             "duration": 100})
    receiver.await_requests(6, "/all")
    site.await_no_lag("acme")
    numbers = {path: [r.json()["n"] for r in receiver.at(path)] for path in ("/sales", "/long", "/all")}
    assert sorted(numbers["/sales"]) == [0, 3, 5]
    assert sorted(numbers["/long"]) == [1, 3]
    assert bridge.metric("hookline_deliveries_filtered_total") == 3 + 3
    assert site.kafka.consume(site.topic("dead-letters")) == []


def test_an_event_that_no_filter_wants_is_done(site, receiver):
    site.create_events_topic()
    site.subscribe(subscription("acme", "sales", receiver.url(), filter={"direction": ["inbound"]}))
    site.start_roles()
    publish(site, *(call(n, direction="outbound") for n in range(100)), call(100, direction="inbound"))
    request, = receiver.await_requests(1)
    assert request.json()["n"] == 100
    site.await_no_lag("acme")


def test_a_changed_filter_is_in_force_within_a_second(site, receiver):
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url(), filter={"n": [0]}))
    site.start_roles()
    publish(site, call(0))
    receiver.await_requests(1)
    site.subscribe(subscription("acme", "hook", receiver.url(), filter={"n": [{"numeric": [">", 1]}]}))
    applied = time.time()
    wait_until(lambda: publish(site, call(2)) or len(receiver.requests) > 1, what="the new filter", interval=0.05)
    assert time.time() - applied < 5  # a second, on a machine that does nothing else
    publish(site, call(0), call(3))
    receiver.await_requests(1, where=lambda r: r.json()["n"] == 3)
    assert len([r for r in receiver.requests if r.json()["n"] == 0]) == 1


def test_a_filter_that_is_wrong(site, receiver):
    done = site.subscribe(
        subscription("acme", "a", receiver.url(), filter={"duration": [{"numeric": ["=>", 60]}]}),
        subscription("acme", "b", receiver.url(), filter={"direction": "inbound"}), check=False)
    assert done.returncode == 2
    text = done.stderr.decode()
    assert "/0/filter/duration/0/numeric" in text and "/1/filter/direction: " in text
