# SPDX-License-Identifier: Apache-2.0
"""Three consumers in one group that are killed, told to stop, stand still and are restarted in turn, while
events flow to 100 endpoints of which some fail: what docs/bookmarks.md promises of order, repeats and limits,
as the endpoints see it."""

import random
import signal
import threading
import time
from bisect import bisect
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import pytest

from harness import FULL, WAIT_S, Answer, Receiver, merge, subscription, wait_until
from test_engine import QUICK, SESSION

EVENTS, RATE = (50_000, 250) if FULL else (6_000, 150)
TENANTS, CALLS = 10, 10  # calls of each tenant
SESSION_S, TIMEOUT_S, WINDOW = 6, 4, 8
COMMIT_S = 0.1  # consumer.commit_interval
RECORD_S = 1.0  # how often an endpoint that catches up writes where it is
LATE_S = 0.2  # for so much longer than the next one a request may have been on its way


@dataclass(frozen=True)
class Mood:
    """How an endpoint behaves, and what its subscription asks for."""

    delay: float = 0.005
    fails: float = 0.0  # which part of the requests
    hesitates: float = 0.0  # which part takes longer than a rebalance waits
    away: bool = False  # for some seconds, again and again
    window: int = 0
    rate: int = 0
    burst: int = 5

    def limits(self):
        window = {"max_in_flight": self.window} if self.window else {}
        rate = {"rate_limit": {"per_second": self.rate, "burst": self.burst}} if self.rate else {}
        return window | rate


MOODS = [  # of a tenant's endpoints
    Mood(), Mood(delay=0.05), Mood(fails=0.05), Mood(away=True), Mood(delay=0.3, hesitates=0.02),
    Mood(delay=0.05, window=2), Mood(delay=0.05, window=2, fails=0.05), Mood(window=1, away=True),
    Mood(rate=20), Mood(rate=20, away=True)]
ENDPOINTS = {f"/tenant-{t}/e{i}": mood for t in range(TENANTS) for i, mood in enumerate(MOODS)}


def make_events():
    """(tenant, call, number, which endpoint): the endpoint after that one gets it, too."""
    chance = random.Random(1)
    for n in range(EVENTS):
        yield f"tenant-{n % TENANTS}", f"call-{chance.randrange(CALLS)}", n, chance.randrange(len(MOODS))


class Endpoints:
    """What they answer, and what they got: all requests of a path, and those of a path and number, in order
    of arrival."""

    def __init__(self):
        self.at, self.of = defaultdict(list), defaultdict(list)
        self.chance = random.Random(2)
        self.phases = {path: self.chance.uniform(0, 15) for path in ENDPOINTS}
        self.all_there = False

    def __call__(self, request):
        self.at[request.path].append(request)
        self.of[request.path, request.json()["n"]].append(request)

    def respond(self, request):
        mood = ENDPOINTS[request.path]
        if mood.away and not self.all_there and (request.at + self.phases[request.path]) % 15 < 5:
            return 503
        if self.chance.random() < mood.fails:
            return Answer(self.chance.choice((500, 503)), delay=mood.delay)
        return Answer(delay=3 if self.chance.random() < mood.hesitates else mood.delay)

    def taken(self, path, n):
        return [r for r in self.of[path, n] if r.status == 200]


# --- Disturbances --------------------------------------------------------------------------------


@dataclass(eq=False)
class Crash:
    """A process that could not record what it knew: killed, stopped for longer than its session lasts, or its
    requests cancelled at the end of a drain. Times are Unix times."""

    kind: str
    process: object
    since: float  # what it learnt from then on is not recorded
    until: float  # what was on its way to it is answered by then
    over: float  # it, or the others, go on

    def explains(self, first, again):
        """That these two, which are the same delivery, were both taken."""
        from_then = self.since - (0 if self.kind == "cancel" else RECORD_S) - LATE_S
        unrecorded = from_then < first.ended < self.until + LATE_S and again.at > self.since
        sent_late = self.kind == "stop" and self.over < again.at < self.over + TIMEOUT_S
        return unrecorded or sent_late

    def excuses(self, at):
        """That an endpoint got too much: what was on its way met what the next owner sends."""
        return self.kind != "cancel" and self.since < at < self.over + TIMEOUT_S


def logged(process, text):
    """(time, line) of each such message."""
    return [(datetime.fromisoformat(line[5:].split()[0]).timestamp(), line)
            for line in process.log().splitlines() if f'msg="{text}' in line]


def unrecorded_since(process):
    """Now, or when it began to give its partitions back, if it does: it commits when all is settled."""
    assigned = logged(process, "partitions assigned")[-1][0]
    return min(at for at in [*(at for at, _ in logged(process, "partitions revoked")), time.time()]
               if at >= assigned)


class Owners:
    """Which process had which tenant's partition when, as the logs say; and which endpoints had a state in
    the endpoints topic, as those have that are behind."""

    def __init__(self, consumers, states):
        self.owners, self.states = defaultdict(list), defaultdict(list)
        for process in consumers:
            for at, line in logged(process, "partition taken over"):
                self.owners[line.partition("deliveries.")[2].split()[0]].append((at, process))
        for entries in self.owners.values():
            entries.sort(key=lambda entry: entry[0])
        for record in states:
            self.states["/" + record.key.decode()].append((record.timestamp_ms / 1000, record.value))

    @staticmethod
    def last(entries, at):
        """What was the case at that time."""
        after = bisect(entries, at, key=lambda entry: entry[0])
        return entries[after - 1][1] if after else None

    def had(self, crash, path):
        """Whether the process that crashed owned an endpoint."""
        return self.last(self.owners[path.split("/")[1]], crash.since) is crash.process

    def was_behind(self, crash, path):
        return self.last(self.states[path], crash.since) is not None


class Chaos(threading.Thread):
    """Disturbs a consumer again and again, in rounds of all kinds in random order: at least one round, and
    until told to end."""

    def __init__(self, consumers, seed):
        super().__init__(name="chaos", daemon=True)
        self.consumers, self.chance = consumers, random.Random(seed)
        self.took = defaultdict(list)  # by kind: seconds until all was well again
        self.crashes, self.fault = [], None
        self.ending = threading.Event()

    def kill(self):
        process = self.chance.choice(self.consumers)
        since = unrecorded_since(process)
        process.kill9()
        dead = time.time()
        process.start()
        self.crashes.append(Crash("kill", process, since, dead, time.time()))

    def stand_still(self):
        process = self.chance.choice(self.consumers)
        since, stopped = unrecorded_since(process), time.time()
        process.signal(signal.SIGSTOP)
        time.sleep(SESSION_S + self.chance.uniform(2, 3))
        over = time.time()
        self.crashes.append(Crash("stop", process, since, stopped + TIMEOUT_S, over))
        process.signal(signal.SIGCONT)
        wait_until(lambda: logged(process, "partitions assigned")[-1][0] > over, 2 * WAIT_S,
                   f"{process.name} has joined again")

    def terminate(self):
        self.restart(self.chance.choice(self.consumers))

    def roll(self):
        for process in self.consumers:
            self.restart(process)

    def restart(self, process):
        assert process.terminate() == 0
        process.start()

    def run(self):
        kinds = [self.kill, self.stand_still, self.terminate, self.roll]
        try:
            while True:
                for disturb in self.chance.sample(kinds, len(kinds)):
                    if self.ending.wait(self.chance.uniform(0.5, 2.5)) and len(self.took) == len(kinds):
                        return
                    began = time.monotonic()
                    disturb()
                    self.took[disturb.__name__].append(time.monotonic() - began)
        except BaseException as fault:
            self.fault = fault

    def end(self):
        self.ending.set()
        self.join(300)
        assert not self.is_alive()
        if self.fault:
            raise self.fault

    def all_crashes(self):
        """With the drains that came to no end."""
        cancelled = [Crash("cancel", process, at, at, at) for process in self.consumers
                     for at in sorted({at for at, _ in logged(process, "requests cancelled")})]
        return sorted(self.crashes + cancelled, key=lambda crash: crash.since)


# --- Checks --------------------------------------------------------------------------------------


def check_order(endpoints, expected):
    """No attempt came before all that are before it in its call were taken: that is more than first arrivals
    in order, and needs no exception for what was in flight at a kill."""
    for (path, call), numbers in expected.items():
        taken = 0.0
        for n in numbers:
            assert endpoints.of[path, n][0].at >= taken, (path, call, n)
            taken = max(taken, endpoints.taken(path, n)[0].ended)


def check_repeats(endpoints, crashes, owners):
    """Each is explained by a crash of the process that had the endpoint, and together they are no more than
    what those processes had in flight, and had learnt since they last wrote it down: in a commit, or in the
    state of an endpoint that is behind. Returns a line for each crash."""
    repeats, lines, most = defaultdict(list), [], 0
    for path, n in endpoints.of:
        for first, again in pairwise(endpoints.taken(path, n)):
            causes = [c for c in crashes if owners.had(c, path) and c.explains(first, again)]
            assert causes, (path, n, first.at, first.ended, again.at)
            repeats[causes[-1]].append(causes[-1].since - first.ended)
    for crash in crashes:
        flying = learnt = 0
        for path, requests in endpoints.at.items():
            if not owners.had(crash, path):
                continue
            flying += sum(r.at <= crash.since < r.ended for r in requests)
            if crash.kind != "cancel":  # else all that is known is written down
                written = crash.since - (RECORD_S if owners.was_behind(crash, path) else COMMIT_S)
                learnt += sum(r.status == 200 and written < r.ended <= crash.since for r in requests)
        most += flying + learnt
        if crash.kind != "cancel" or repeats[crash]:
            lines.append(f"{crash.kind} of {crash.process.name}, {flying} in flight and {learnt} perhaps not "
                         f"written down: {len(repeats[crash])} repeats, taken up to "
                         f"{max([0, *repeats[crash]]):.2f} s before")
    total = sum(map(len, repeats.values()))
    cut_short = sum(crash.kind == "cancel" for crash in crashes)
    lines.append(f"{total} repeats, of {most} that there might be; {cut_short} drains were cut short")
    assert total <= most, lines
    return lines


def check_windows(endpoints, crashes, owners):
    """Returns by window how many requests an endpoint had at a time at most, and how many came too soon."""
    most, excused = Counter(), 0
    for path, requests in endpoints.at.items():
        window, flying = ENDPOINTS[path].window or WINDOW, 0
        for at, change in sorted([(r.at, 1) for r in requests] + [(r.ended, -1) for r in requests]):
            flying += change
            if change > 0 and flying > window:
                assert any(owners.had(c, path) and c.excuses(at) for c in crashes), (path, at, flying)
                excused += 1
            else:
                most[window] = max(most[window], flying)
    return dict(most), excused


def check_rates(endpoints, crashes, owners):
    """Pours all requests of an endpoint, whoever sent them, into one bucket. Returns the most that was in
    one, and how many came too soon."""
    most, excused = 0, 0
    for path, mood in ENDPOINTS.items():
        level = before = 0.0
        for request in endpoints.at[path] if mood.rate else []:
            level = max(0.0, level - mood.rate * (request.at - before)) + 1
            before = request.at
            if level > mood.burst + mood.rate * LATE_S:
                assert any(owners.had(c, path) and c.excuses(before) for c in crashes), (path, before, level)
                excused += 1
            else:
                most = max(most, level)
    return most, excused


# --- The test ------------------------------------------------------------------------------------


@pytest.fixture
def endpoints():
    return Endpoints()


@pytest.fixture
def receiver(endpoints):
    receiver = Receiver(sink=endpoints)
    yield receiver
    receiver.close()


@pytest.fixture
def group(site, endpoints, receiver):
    """Three consumers, ready, and a bridge."""
    site.create_events_topic(partitions=4)
    site.configure(**merge(QUICK, {
        "consumer": {"session_timeout": SESSION, "timeout": f"{TIMEOUT_S}s", "endpoint_window": WINDOW},
        "ttl": {"events": ["*=24h"]}}))  # none becomes too late meanwhile
    subscriptions = []
    for path, mood in ENDPOINTS.items():
        receiver.behave(path, endpoints.respond)
        tenant, id = path[1:].split("/")
        types = id, f"e{(int(id[1:]) - 1) % len(MOODS)}"
        subscriptions.append(subscription(tenant, id, receiver.url(path), *types, **mood.limits()))
    site.subscribe(*subscriptions)
    _, first = site.start_roles()
    return [first, site.start("consumer"), site.start("consumer")]


def test_a_group_among_disturbances(site, group, endpoints):
    kafka, tenants, expected = site.kafka, [f"tenant-{t}" for t in range(TENANTS)], defaultdict(list)
    chaos = Chaos(group, seed=3)
    chaos.start()
    began = time.monotonic()
    for tenant, call, n, i in make_events():
        # A real publisher's pace, so that the disturbances fall among the events.
        time.sleep(max(0.0, began + n / RATE - time.monotonic()))
        site.publish({"type": f"e{i}", "callID": call, "n": n}, tenant, key=call)
        for name in (f"e{i}", f"e{(i + 1) % len(MOODS)}"):
            expected[f"/{tenant}/{name}", call].append(n)
    kafka.flush()
    chaos.end()
    endpoints.all_there = True
    site.await_no_lag(*tenants, timeout=240)
    states = site.topic("endpoints")
    wait_until(lambda: all(key.startswith(b"@") for key in kafka.latest(states)), 240,
               "nothing is remembered of any endpoint", interval=0.5)
    took = time.monotonic() - began

    wanted = sum(map(len, expected.values()))
    assert kafka.consume(site.topic("dead-letters")) == []
    assert sum(kafka.end(site.deliveries_topic(tenant)) for tenant in tenants) == wanted
    assert [(path, n) for (path, _), numbers in expected.items() for n in numbers
            if not endpoints.taken(path, n)] == []
    assert len(endpoints.of) == wanted
    assert all(len({r.id for r in requests}) == 1 for requests in endpoints.of.values())
    check_order(endpoints, expected)
    crashes = chaos.all_crashes()
    remembered = kafka.consume(states)
    owners = Owners(group, remembered)
    repeats = check_repeats(endpoints, crashes, owners)
    most_flying, too_many = check_windows(endpoints, crashes, owners)
    fullest, too_fast = check_rates(endpoints, crashes, owners)
    behind = {r.key for r in remembered if r.value and r.json().get("state") == "behind"}
    statuses = Counter(r.status for requests in endpoints.of.values() for r in requests)
    print(f"\n{EVENTS} events to {len(ENDPOINTS)} endpoints, of which {len(behind)} were behind, in "
          f"{took:.0f} s: {wanted} deliveries, requests by status {dict(statuses)}")
    for kind, times in chaos.took.items():
        print(f"{kind}: {len(times)} times, {min(times):.1f} to {max(times):.1f} s each")
    print("\n".join(repeats))
    print(f"at a time at most, by window: {most_flying}, and {too_many} too soon; in a bucket for "
          f"{Mood.burst} at most {fullest:.1f}, and {too_fast} too soon")
    assert (most_flying[1], most_flying[2]) == (1, 2)  # they did have to wait
    assert behind
