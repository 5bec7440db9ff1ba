# SPDX-License-Identifier: Apache-2.0
"""kill -9, again and again: each event reaches each subscription at least once, in order per call."""

import random
import signal
import threading
import time
from collections import defaultdict

import pytest

from harness import FULL, Answer, Receiver, subscription, wait_until

EVENTS, TENANTS, RATE = (20_000, 50, 200) if FULL else (3_000, 10, 100)
SESSION = "6s"  # the broker's minimum: so long nobody serves what a killed process had
LIFE = ["created", "ringing", "ringing", "answered", "ended"]  # of a call
SUBSCRIPTIONS = {  # of each tenant
    "all": {"*"},
    "calls": {"call.*"},
    "rings": {"call.ringing", "call.created"},
    "ends": {"call.ended", "agent.login"},
}
CANONICAL = {"created": "call.created", "ringing": "call.ringing", "answered": "call.answered",
             "ended": "call.ended"}


def wants(patterns, type):
    return bool(patterns & {"*", "call.*", CANONICAL[type]})


def make_events():
    """(tenant, call, number, type): calls of all tenants interleaved, each one's numbers ascend."""
    chance = random.Random(1)
    waiting = [(f"tenant-{c % TENANTS}", f"call-{c}", iter(LIFE)) for c in range(EVENTS // len(LIFE))]
    running, number = [], 0
    while waiting or running:
        while waiting and len(running) < 3 * TENANTS:
            running.append(waiting.pop(0))
        tenant, call, rest = running[chance.randrange(len(running))]
        type = next(rest, None)
        if type is None:
            running.remove((tenant, call, rest))
            continue
        yield tenant, call, number, type
        number += 1


class Arrivals:
    """What the receiver got: for each subscription and call the numbers in order of arrival."""

    def __init__(self):
        self.numbers = defaultdict(list)
        self.ids = defaultdict(set)
        self.count = 0

    def __call__(self, request):
        event = request.json()
        subscription = request.path[1:]
        self.numbers[subscription, event["callID"]].append(event["n"])
        self.ids[subscription, event["n"]].add(request.id)
        self.count += 1


class Killer(threading.Thread):
    """Kills a process again and again, each time up to a few seconds after it was seen to do some
    work, and starts it again at once."""

    def __init__(self, process, metric, seed):
        super().__init__(name=f"killer of {process.name}", daemon=True)
        self.process, self.metric = process, metric
        self.chance = random.Random(seed)
        self.kills, self.fault = 0, None
        self.stopping = threading.Event()

    def working(self):
        assert self.process.running(), f"{self.process.name} ended by itself"
        return self.stopping.is_set() or self.process.metric(self.metric)

    def run(self):
        try:
            while not self.stopping.is_set():
                wait_until(self.working, 120, f"{self.process.name} works again")
                if self.stopping.wait(self.chance.uniform(0, 3)):
                    break
                self.process.kill9()
                self.kills += 1
                self.process.start(ready=False)
        except BaseException as fault:
            self.fault = fault

    def stop(self):
        self.stopping.set()
        self.join(150)
        assert not self.is_alive()
        if self.fault:
            raise self.fault


@pytest.fixture
def arrivals():
    return Arrivals()


@pytest.fixture
def receiver(arrivals):
    receiver = Receiver(sink=arrivals)
    yield receiver
    receiver.close()


def test_nothing_is_lost_or_out_of_order_when_processes_are_killed(site, receiver, arrivals):
    kafka = site.kafka
    site.create_events_topic(partitions=4)
    site.configure(
        consumer={"session_timeout": SESSION}, bridge={"session_timeout": SESSION},
        ttl={"events": ["*=24h"]})  # none becomes too late meanwhile
    site.subscribe(*(
        subscription(f"tenant-{t}", id, receiver.url(f"/tenant-{t}/{id}"), *patterns)
        for t in range(TENANTS) for id, patterns in SUBSCRIPTIONS.items()))
    bridge, consumer = site.start_roles()
    killers = [Killer(bridge, "hookline_events_consumed_total", 1),
               Killer(consumer, "hookline_deliveries_total", 2)]
    expected = defaultdict(list)
    began = time.monotonic()
    restart = threading.Thread(target=lambda: (kafka.kill(), kafka.start()))
    for killer in killers:
        killer.start()
    for tenant, call, number, type in make_events():
        # A real publisher's pace, so that the kills fall among the events.
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        if number == EVENTS // 2:
            restart.start()
        site.publish({"type": type, "callID": call, "n": number}, tenant, key=call)
        for id, patterns in SUBSCRIPTIONS.items():
            if wants(patterns, type):
                expected[f"{tenant}/{id}", call].append(number)
    kafka.flush()
    restart.join()
    for killer in killers:
        killer.stop()
    bridge.await_ready()
    consumer.await_ready()
    wanted = sum(map(len, expected.values()))
    wait_until(lambda: len(arrivals.ids) >= wanted, 240,
               lambda: f"{wanted} deliveries (has {len(arrivals.ids)})")
    site.await_no_lag(*(f"tenant-{t}" for t in range(TENANTS)), timeout=120)

    repeats = arrivals.count - len(arrivals.ids)
    written = sum(kafka.end(site.deliveries_topic(f"tenant-{t}")) for t in range(TENANTS))
    kills = [killer.kills for killer in killers]
    print(f"\n{EVENTS} events, {wanted} deliveries to {TENANTS * len(SUBSCRIPTIONS)} subscriptions; "
          f"bridge killed {kills[0]} times, consumer {kills[1]} times, broker once, in "
          f"{time.monotonic() - began:.0f} s: nothing lost, {repeats} repeats "
          f"({written - wanted} by the bridge)")
    assert set(arrivals.numbers) == set(expected)
    for place, numbers in arrivals.numbers.items():
        first = list(dict.fromkeys(numbers))  # repeats left out
        assert first == expected[place], place
    assert all(len(ids) == 1 for ids in arrivals.ids.values())  # a repeat has the same id
    assert min(kills) >= 1
    assert kafka.consume(site.topic("dead-letters")) == []


def test_a_consumer_that_stood_still(site, receiver, arrivals):
    """Longer than its session lasts: another takes over, and when it wakes up it starts nothing of
    what is not its own any more, joins again and works."""
    calls, events = 40, 1200 if FULL else 600
    tenants = [f"tenant-{t}" for t in range(4)]
    site.create_events_topic(partitions=2)
    site.configure(consumer={"session_timeout": SESSION})
    receiver.behave("/hook", Answer(delay=0.01))
    site.subscribe(*(subscription(t, "hook", receiver.url()) for t in tenants))
    _, first = site.start_roles()
    second = site.start("consumer")
    wait_until(lambda: min(assigned(first), assigned(second)) == 2, what="both have partitions")

    def publish(numbers):
        for n in numbers:
            call = n % calls
            site.publish({"type": "ended", "callID": f"call-{call}", "n": n}, tenants[call % 4],
                         key=f"call-{call}")
        site.kafka.flush()

    publish(range(events // 2))
    wait_until(lambda: len(arrivals.ids) > events // 10, what="work is under way")
    first.signal(signal.SIGSTOP)
    publish(range(events // 2, events))
    wait_until(lambda: len(arrivals.ids) == events, what="the other one has taken over")
    first.signal(signal.SIGCONT)
    wait_until(lambda: "partitions lost" in first.log(), what="it notices")
    before = first.metric("hookline_deliveries_total")
    wait_until(lambda: min(assigned(first), assigned(second)) == 2, what="both have partitions again")
    publish(range(events, events + 200))
    wait_until(lambda: len(arrivals.ids) == events + 200, what="all events")
    assert first.metric("hookline_deliveries_total") > before
    site.await_no_lag(*tenants)
    for (_, call), numbers in arrivals.numbers.items():
        number = int(call[5:])
        assert list(dict.fromkeys(numbers)) == list(range(number, events + 200, calls))
    print(f"\n{arrivals.count - events - 200} of {events + 200} repeated")


def assigned(process):
    """How many partitions its log says it has: with each rebalance some come, some go."""
    count = 0
    for line in process.log().splitlines():
        if "hookline starts" in line:
            count = 0
        elif "partitions assigned" in line:
            count += int(line.rpartition("partitions=")[2])
        elif "partitions revoked" in line or "partitions lost" in line:
            count -= int(line.rpartition("partitions=")[2])
    return count
