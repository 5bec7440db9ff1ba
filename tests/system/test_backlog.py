# SPDX-License-Identifier: Apache-2.0
"""A consumer that starts with a long backlog: its memory stays flat, and the lag goes to 0."""

import time

import pytest

from harness import FULL, Answer, Receiver, subscription, wait_until

EVENTS = 300_000 if FULL else 30_000
PEAK_MB = 150
PAD = "x" * 600  # an event is then as large as those of a call platform


class Numbers:
    """Which events came, as bits, and how many requests."""

    def __init__(self):
        self.seen = bytearray(EVENTS)
        self.count = 0

    def __call__(self, request):
        self.seen[int(request.body[6:14])] = 1
        self.count += 1


def event(n, call):
    return b'{"n": %8d,"type":"ended","callID":"%s","pad":"%s"}' % (n, call.encode(), PAD.encode())


@pytest.fixture
def numbers():
    return Numbers()


@pytest.fixture
def receiver(numbers):
    receiver = Receiver(sink=numbers)
    yield receiver
    receiver.close()


def publish_backlog(site, tenants):
    """Events of all tenants, through the bridge into their topics."""
    began = time.monotonic()
    site.start("bridge")
    for n in range(EVENTS):
        call = f"call-{n // 5}"
        site.publish(event(n, call), f"tenant-{n // 5 % tenants}", key=call)
    site.kafka.flush()
    site.kafka.await_no_lag(site.bridge_group, site.events_topic, timeout=300)
    return time.monotonic() - began


# With one tenant all of it lies in one partition, for one endpoint. With many, each partition has its
# own queue of what was fetched ahead.
@pytest.mark.parametrize("tenants", [1, 10] + [100] * FULL)
def test_backlog_at_start(site, receiver, numbers, tenants):
    site.create_events_topic(partitions=4)
    names = [f"tenant-{t}" for t in range(tenants)]
    site.subscribe(*(subscription(name, "hook", receiver.url(f"/{name}")) for name in names))
    published_s = publish_backlog(site, tenants)

    began = time.monotonic()
    consumer = site.start("consumer")
    wait_until(lambda: numbers.count >= EVENTS, 600, lambda: f"{EVENTS} requests (has {numbers.count})")
    delivered_s = time.monotonic() - began
    site.await_no_lag(*names)
    peak = consumer.peak_rss_mb()
    print(f"\n{EVENTS} events of {tenants} tenants published and fanned out in {published_s:.1f} s; "
          f"delivered in {delivered_s:.1f} s ({EVENTS / delivered_s:.0f}/s); consumer's memory at "
          f"most {peak:.0f} MB, {consumer.rss_mb():.0f} MB at the end")
    assert peak < PEAK_MB
    assert numbers.seen.count(1) == EVENTS
    assert numbers.count == EVENTS  # nobody was killed, so nothing was repeated


def test_memory_while_endpoints_hang(site, receiver, numbers):
    """The most that a consumer holds: all it may, for endpoints that take nothing, until it leaves
    them alone."""
    tenants = 20
    receiver.behave("/hang", Answer(hang=True))
    site.create_events_topic(partitions=4)
    site.subscribe(*(
        subscription(f"tenant-{t}", "hook", receiver.url("/hang")) for t in range(tenants)))
    publish_backlog(site, tenants)
    consumer = site.start("consumer", consumer={
        "drain_timeout": "1s", "timeout": "3s", "connect_timeout": "3s", "retry_horizon": "3s"})

    def held():
        return sum(consumer.metric("hookline_deliveries_held", state=state) or 0 for state in (
            "queued", "in_flight", "waiting"))

    wait_until(lambda: held() > 9000, what=lambda: f"the process is full (holds {held():.0f})")
    wait_until(lambda: consumer.metric("hookline_endpoints", state="behind") == tenants and held() <= tenants,
               120, lambda: f"none is held for endpoints that are left alone (holds {held():.0f})")
    # What is passed over is committed: it costs neither memory nor lag.
    site.await_no_lag(*(f"tenant-{t}" for t in range(tenants)))
    peak = consumer.peak_rss_mb()
    print(f"\n{EVENTS} deliveries for {tenants} endpoints that hang: consumer's memory at most "
          f"{peak:.0f} MB")
    assert peak < PEAK_MB
    assert consumer.metric("hookline_deliveries_total") == 0
