# SPDX-License-Identifier: Apache-2.0
"""Kafka goes away and comes back; processes are told to stop. Nothing is lost, nobody gives up."""

import signal
import threading
import time
from collections import defaultdict

import pytest

from harness import FULL, Answer, Site, subscription, wait_until

OUTAGE_S = 30 if FULL else 10


@pytest.fixture(scope="module")
def own_kafka(new_kafka):
    """One that may be down without harm to other tests; not started."""
    kafka = new_kafka()
    yield kafka
    kafka.remove()


@pytest.fixture
def own_site(own_kafka, tmp_path):
    site = Site(own_kafka, tmp_path)
    yield site
    site.close()


@pytest.fixture
def running_kafka(own_kafka):
    own_kafka.start()
    return own_kafka


def publish(site, numbers, tenants=("acme",), calls=40):
    for n in numbers:
        call = f"call-{n % calls}"
        # Of a type that outlives any outage here.
        site.publish({"type": "ended", "callID": call, "n": n}, tenants[n % calls % len(tenants)], key=call)


def check_arrivals(requests, count, calls=40):
    """All have come, first arrivals of each call in order. Returns how many were repeats."""
    numbers = [r.json()["n"] for r in requests]
    first = list(dict.fromkeys(numbers))
    assert sorted(first) == list(range(count))
    by_call = defaultdict(list)
    for n in first:
        by_call[n % calls].append(n)
    assert all(of_call == sorted(of_call) for of_call in by_call.values())
    return len(numbers) - len(first)


# --- Kafka goes away -----------------------------------------------------------------------------


def test_kafka_is_down_at_start(own_kafka, own_site, receiver):
    site = own_site
    own_kafka.stop()
    roles = site.start_roles(ready=False)
    for role in roles:
        wait_until(lambda: role.probe("/livez")[0] == 200, what=f"{role.name} is alive")
        wait_until(lambda: any("level=warn" in line and own_kafka.bootstrap in line
                               for line in role.log().splitlines()),
                   what=f"{role.name} says which brokers it waits for")
        assert role.probe("/readyz")[0] == 503
        assert role.probe("/livez")[0] == 200
        assert role.probe("/metrics")[0] == 200
        assert len(role.log().splitlines()) < 30  # it says so, and does not flood the log
    own_kafka.start()
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url()))
    for role in roles:
        role.await_ready()
    publish(site, range(10))
    site.kafka.flush()
    check_arrivals(receiver.await_requests(10), 10)
    assert all(role.running() for role in roles)


def test_events_topic_is_made_later(running_kafka, own_site, receiver):
    site = own_site
    bridge, _ = site.start_roles(ready=False)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    wait_until(lambda: "events topics subscribed" in bridge.log(), what="the bridge waits for its topic")
    site.create_events_topic()
    publish(site, range(3))
    site.kafka.flush()
    receiver.await_requests(3)


def test_kafka_is_lost_in_mid_flow(running_kafka, own_site, receiver):
    site, kafka = own_site, running_kafka
    tenants = ("acme", "other")
    site.create_events_topic(partitions=2)
    site.subscribe(*(subscription(t, "hook", receiver.url()) for t in tenants))
    receiver.behave("/hook", Answer(delay=0.02))
    roles = site.start_roles()
    publish(site, range(1000), tenants)
    receiver.await_requests(100)
    publish(site, range(1000, 2000), tenants)
    kafka.kill()
    lost = time.monotonic()
    publish(site, range(2000, 2500), tenants)  # this producer waits too
    while time.monotonic() < lost + OUTAGE_S:
        for role in roles:
            assert role.running()
            assert role.probe("/livez")[0] == 200
        time.sleep(0.2)
    kafka.start()
    began = time.monotonic()
    publish(site, range(2500, 3000), tenants)
    kafka.flush()
    wait_until(lambda: len({r.id for r in receiver.requests}) >= 3000, 120,
               lambda: f"3000 events (has {len({r.id for r in receiver.requests})})")
    recovered = time.monotonic() - began
    site.await_no_lag(*tenants, timeout=120)
    repeats = check_arrivals(receiver.requests, 3000)
    print(f"\nKafka away for {OUTAGE_S} s: all delivered {recovered:.1f} s after it was back, "
          f"{repeats} of 3000 repeated")
    assert all(role.running() for role in roles)
    for role in roles:
        role.await_ready()
    assert kafka.consume(site.topic("dead-letters")) == []


def test_stop_while_kafka_is_down(running_kafka, own_site, receiver):
    """Roles end in reasonable time, with work under way that Kafka cannot take; nothing is lost."""
    site, kafka = own_site, running_kafka
    # They could not leave their groups: so long their successors wait.
    site.configure(bridge={"session_timeout": "6s"}, consumer={"session_timeout": "6s"})
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url()))
    receiver.behave("/hook", Answer(delay=0.1))
    roles = site.start_roles()
    publish(site, range(600))
    receiver.await_requests(50)
    kafka.kill()
    began = time.monotonic()
    for role in roles:
        role.signal(signal.SIGTERM)
    took = {}
    for role in roles:
        assert role.wait(60) == 0
        took[role.name] = time.monotonic() - began
    print("\nSIGTERM while Kafka is down: " + ", ".join(f"{n} {s:.1f} s" for n, s in took.items()))
    assert max(took.values()) < 30
    kafka.start()
    kafka.flush()
    for role in roles:
        role.start()
    wait_until(lambda: len({r.id for r in receiver.requests}) >= 600, 120, "all events")
    check_arrivals(receiver.requests, 600)


def test_stop_before_kafka_was_ever_there(own_kafka, own_site):
    own_kafka.stop()
    roles = own_site.start_roles(ready=False)
    for role in roles:
        wait_until(lambda: role.probe("/livez")[0] == 200, what=f"{role.name} is alive")
    began = time.monotonic()
    assert [role.terminate(30) for role in roles] == [0, 0]
    assert time.monotonic() - began < 25


# --- Processes are told to stop ------------------------------------------------------------------


@pytest.fixture
def slow(site, receiver):
    """The first requests take a while; consumer is ready."""
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url()))
    return site


def test_sigterm_drains(slow, receiver):
    site = slow
    receiver.behave("/hook", Answer(delay=3), 200)
    _, consumer = site.start_roles(consumer={"drain_timeout": "20s"})
    for n in range(3):  # of one call: two wait behind the first
        publish(site, [n], calls=1)
    site.kafka.flush()
    first, = receiver.await_requests(1)
    site.kafka.await_no_lag(site.bridge_group, site.events_topic)
    began = time.monotonic()
    assert consumer.terminate() == 0
    took = time.monotonic() - began
    assert first.status == 200  # it was waited for
    assert took < 15
    assert len(receiver.requests) == 1  # nothing new was started
    assert site.kafka.committed(site.consumer_group, site.deliveries_topic("acme")) == {0: 1}
    consumer.start()
    receiver.await_requests(3)
    site.await_no_lag("acme")
    assert check_arrivals(receiver.requests, 3, calls=1) == 0
    print(f"\ndrained in {took:.1f} s")


def test_drain_timeout(slow, receiver):
    site = slow
    receiver.behave("/hook", Answer(hang=True), 200)
    _, consumer = site.start_roles(consumer={"drain_timeout": "2s"})
    publish(site, [0])
    site.kafka.flush()
    receiver.await_requests(1)
    began = time.monotonic()
    assert consumer.terminate() == 0
    assert 1.9 < time.monotonic() - began < 12
    consumer.start()
    first, again = receiver.await_requests(2)  # it was not done
    assert first.id == again.id


@pytest.mark.parametrize("between", ["the first is heard", "nothing"])
def test_second_sigterm_ends_at_once(slow, receiver, between):
    """Also where it comes before the group has asked for the partitions back."""
    site = slow
    receiver.behave("/hook", Answer(hang=True), 200)
    _, consumer = site.start_roles(consumer={"drain_timeout": "5m", "timeout": "1m"})
    publish(site, [0])
    site.kafka.flush()
    receiver.await_requests(1)
    consumer.signal(signal.SIGTERM)
    if between != "nothing":
        wait_until(lambda: "consumer stops" in consumer.log(), what="the first signal is heard")
        assert consumer.running()
    began = time.monotonic()
    consumer.signal(signal.SIGINT)
    assert consumer.wait() == 0
    assert time.monotonic() - began < 30, "it waited for the request, which has a minute"
    consumer.start()
    receiver.await_requests(2)


def test_restarts_in_good_order(site, receiver):
    """A rolling update in mid-flow: two of each role, each restarted in turn. What was in flight is
    waited for, and what was done ahead of something that waits is committed too: no repeats."""
    count, tenants = (20_000 if FULL else 4_000), [f"t{t}" for t in range(8)]
    site.create_events_topic(partitions=4)
    site.subscribe(*(subscription(t, "hook", receiver.url()) for t in tenants))
    receiver.behave("/hook", Answer(delay=0.03))
    roles = [*site.start_roles(), *site.start_roles()]
    published = threading.Event()

    def flow():
        began = time.monotonic()
        for n in range(count):
            time.sleep(max(0.0, began + n / 400 - time.monotonic()))
            publish(site, [n], tenants)
        site.kafka.flush()
        published.set()

    thread = threading.Thread(target=flow)
    thread.start()
    restarts = 0
    for role in roles * 10:
        if published.is_set():
            break
        seen = len(receiver.requests)
        assert role.terminate() == 0
        role.start()
        receiver.await_requests(seen + 50)
        restarts += 1
    thread.join()
    wait_until(lambda: len({r.id for r in receiver.requests}) >= count, 120,
               lambda: f"{count} events (has {len({r.id for r in receiver.requests})})")
    site.await_no_lag(*tenants)
    repeats = check_arrivals(receiver.requests, count)
    print(f"\n{restarts} restarts in good order among {count} events: {repeats} repeats")
    assert restarts >= 2
    assert repeats == 0
    by_bridge = sum(map(site.kafka.end, map(site.deliveries_topic, tenants))) - count
    assert by_bridge == 0


def test_rolling_update_with_new_ones_first(site, receiver):
    """As Kubernetes does it: a new process is started, and as soon as it is ready an old one has to go, which may be in
    the middle of the rebalance that the new one causes."""
    tenants = [f"t{t}" for t in range(4)]
    site.create_events_topic(partitions=4)
    site.subscribe(*(subscription(t, "hook", receiver.url()) for t in tenants))
    roles = [*site.start_roles(), *site.start_roles()]
    stop, count = threading.Event(), 0

    def flow():
        nonlocal count
        began = time.monotonic()
        while not stop.is_set():
            while count < (time.monotonic() - began) * 200:
                publish(site, [count], tenants)
                count += 1
            stop.wait(0.01)
        site.kafka.flush()

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        for _ in range(4 if FULL else 2):
            for old in list(roles):
                new = site.start(old.role, consumer={"drain_timeout": "20s"})
                roles.remove(old)
                roles.append(new)
                assert old.terminate() == 0
    finally:
        stop.set()
        thread.join()
    receiver.await_requests(count, timeout=120)
    site.await_no_lag(*tenants)
    times = defaultdict(int)
    for request in receiver.requests:
        times[request.id] += 1
    assert len(times) == count
    assert not [id for id, n in times.items() if n > 1], "what is stopped in good order repeats nothing"
