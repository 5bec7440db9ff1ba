# SPDX-License-Identifier: Apache-2.0
"""What users see of the delivery engine: endpoints that fail, pause, come back, or go for good
(docs/contract.md, docs/bookmarks.md). Times are compressed by settings."""

import email.utils
import json
import statistics
import time
from collections import Counter, defaultdict

import pytest

from harness import FULL, Answer, subscription, wait_until
from test_samples import check_headers, schema

# All in tenths of a second. The circuit asks often enough that no test has to wait for it.
QUICK = {
    "consumer": {
        "backoff_first": "50ms", "backoff_max": "400ms", "retry_horizon": "1s", "timeout": "2s",
        "connect_timeout": "2s"},
    "circuit": {"open_first": "100ms", "open_max": "400ms"},
}
SESSION = "6s"  # the broker's minimum
HOOK = "acme/hook"


@pytest.fixture
def engine(site):
    """A site with its events topic, made quick."""
    site.create_events_topic()
    site.configure(**QUICK)
    return site


def publish(site, numbers, calls=20, tenant="acme", type="ended"):
    for n in numbers:
        call = f"call-{n % calls}"
        site.publish({"type": type, "callID": call, "n": n}, tenant, key=call)
    site.kafka.flush()


def numbers_of(records):
    return [r.json()["n"] for r in records]


def taken(receiver, path="/hook"):
    """The numbers of the events that an endpoint has taken, in that order."""
    return numbers_of(r for r in receiver.at(path) if r.status == 200)


def await_taken(receiver, count, path="/hook", timeout=120):
    wait_until(lambda: len(set(taken(receiver, path))) >= count, timeout,
               lambda: f"{count} taken at {path} (has {len(set(taken(receiver, path)))})")


def check_taken(numbers, wanted, calls=20):
    """All of `wanted` were taken, first arrivals of each call in order. Returns the repeats."""
    first = list(dict.fromkeys(numbers))
    assert sorted(first) == sorted(wanted)
    by_call = defaultdict(list)
    for n in first:
        by_call[n % calls].append(n)
    assert all(of_call == sorted(of_call) for of_call in by_call.values())
    return len(numbers) - len(first)


def letters(site, reason, count, key=HOOK, timeout=60):
    """All dead letters of an endpoint for a reason, at least `count`."""
    return site.await_dead_letters(
        count, lambda r: r.key == key.encode() and r.text("hookline-reason") == reason, timeout)


def await_recovered(site, key=HOOK):
    """It is live again, and nothing is to be remembered of it."""
    site.await_state(key, lambda state: state is None)


# --- Neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["hang", "slow"])
def test_a_bad_endpoint_does_not_slow_another_of_its_tenant(engine, receiver, fault):
    """Both lie in one partition, and get the same events."""
    site, (count, probes) = engine, (20_000, 300) if FULL else (3_000, 100)
    site.configure(consumer={"max_held": 1000})  # else it would hold them all for the slow one
    receiver.behave("/bad", Answer(hang=True) if fault == "hang" else Answer(delay=1))
    site.subscribe(
        subscription("acme", "bad", receiver.url("/bad")),
        subscription("acme", "good", receiver.url("/good")))
    _, consumer = site.start_roles()
    publish(site, range(count))
    await_taken(receiver, count, "/good")
    consumer.await_endpoint("acme/bad", state="behind")

    latencies = []
    for n in range(count, count + probes):
        sent = time.time()
        publish(site, [n])
        request, = receiver.await_requests(1, "/good", where=lambda r, n=n: b'"n": %d}' % n in r.body)
        latencies.append(request.at - sent)
    median, p99 = statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]
    left = count - len(taken(receiver, "/bad"))
    print(f"\nneighbour of an endpoint that is {fault!r}, with {left} before it: median "
          f"{median * 1000:.1f} ms, p99 {p99 * 1000:.0f} ms")
    assert left > 0
    assert median < 0.1
    assert p99 < 0.5

    receiver.behave("/bad", 200)
    await_taken(receiver, count + probes, "/bad")
    site.await_no_lag("acme")
    await_recovered(site, "acme/bad")
    for path in ("/bad", "/good"):
        assert check_taken(taken(receiver, path), range(count + probes)) == 0


def test_a_circuit_spares_the_endpoint(engine, receiver):
    """While it fails it gets one request from time to time, and its other deliveries are not charged
    for that. What it is left alone for stands in its state."""
    site, count = engine, 200
    site.configure(circuit={"open_first": "500ms", "open_max": "500ms"})  # with jitter 250 to 500 ms
    receiver.behave("/hook", 503)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, range(count), calls=count)
    state = site.await_state(HOOK, lambda s: s and "open_until" in s)
    schema("endpoint-state").validate(state)
    assert state["state"] == "behind"
    assert state["reason"]
    assert state["trips"] >= 1
    site.await_no_lag("acme")  # what is passed over is done with, as far as Kafka goes

    began, before = time.time(), len(receiver.requests)
    time.sleep(4)
    ended, probes = time.time(), len(receiver.requests) - before
    shown = consumer.endpoint(HOOK)
    assert (shown["state"], shown["circuit"] != "closed", shown["in_flight"] <= 1) == (
        "behind", True, True), shown
    assert shown["last_error"]["text"] == "it answered 503"
    assert (ended - began) / 0.5 / 2 - 1 <= probes <= (ended - began) / 0.25 + 1
    assert consumer.metric("hookline_circuit_trips_total") >= probes

    receiver.behave("/hook", 200)
    await_taken(receiver, count)
    assert check_taken(taken(receiver), range(count), count) == 0
    tried = Counter()
    for request in receiver.requests:
        tried[request.id] += 1
        assert request.headers["hookline-attempt"] == str(tried[request.id])
    failed = sum(times > 1 for times in tried.values())
    print(f"\n{before} requests until left alone, {probes} probes in 4 s; {failed} of {count} deliveries "
          "were tried more than once")
    assert failed <= 12  # those in flight when it tripped, and those that the probes were
    await_recovered(site)
    assert site.kafka.consume(site.topic("dead-letters")) == []


# --- Pauses --------------------------------------------------------------------------------------


def test_paused_by_its_owner(engine, receiver):
    """All is kept, over a restart too, and comes in order afterwards."""
    site = engine
    hook = subscription("acme", "hook", receiver.url())
    site.subscribe(hook, subscription("acme", "other", receiver.url("/other")))
    _, consumer = site.start_roles()
    publish(site, range(20))
    await_taken(receiver, 20)
    site.subscribe(hook | {"paused": True})
    publish(site, [20])
    # Whether it knows: the pause starts when the next event is passed over.
    wait_until(lambda: site.endpoint_state(HOOK) or publish(site, [len(set(numbers_of(receiver.requests)))]),
               what="the consumer knows of the pause", interval=0.3)
    known = len(taken(receiver))
    first = max(numbers_of(receiver.at("/other"))) + 1
    publish(site, range(first, first + 200))
    await_taken(receiver, first + 200, "/other")
    site.await_no_lag("acme")
    state = site.await_state(HOOK, lambda s: s and s["state"] == "behind")
    assert "paused" in state["reason"]
    assert consumer.terminate() == 0
    consumer.start()
    publish(site, range(first + 200, first + 300))
    await_taken(receiver, first + 300, "/other")
    assert len(receiver.at("/hook")) == known

    site.subscribe(hook | {"paused": False})
    await_taken(receiver, first + 300)
    assert check_taken(taken(receiver), range(first + 300)) == 0
    await_recovered(site)


def pause_once(receiver, seconds, form="seconds"):
    """The first request is answered with Retry-After; returns a list that then has until when."""
    until = []

    def respond(_request):
        if until:
            return 200
        now = time.time()
        until.append(now + seconds if form == "seconds" else int(now + seconds))
        value = str(seconds) if form == "seconds" else email.utils.formatdate(now + seconds, usegmt=True)
        return Answer(503, headers={"Retry-After": value})

    receiver.behave("/hook", respond)
    return until


def check_pause(receiver, until, count):
    first, *others = receiver.requests
    assert first.json()["n"] == 0
    assert until - 0.05 <= min(r.at for r in others) < until + 3
    assert check_taken(taken(receiver), range(count)) == 0
    attempts = {r.json()["n"]: r.headers["hookline-attempt"] for r in others}
    assert attempts == {0: "2"} | {n: "1" for n in range(1, count)}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_beyond_the_horizon(engine, receiver, form):
    """It holds for the whole endpoint, to the second; nothing but the answered delivery is charged."""
    site, count = engine, 100
    until = pause_once(receiver, 3, form)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    publish(site, [0])
    receiver.await_requests(1)
    publish(site, range(1, count))
    state = site.await_state(HOOK, lambda s: s and "bookmark" in s)
    paused_until = time.mktime(time.strptime(state["paused_until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert abs(paused_until - until[0]) <= 1.5
    await_taken(receiver, count)
    check_pause(receiver, until[0], count)
    await_recovered(site)


def test_retry_after_over_a_restart(engine, receiver):
    site, count = engine, 50
    until = pause_once(receiver, 8)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, [0])
    receiver.await_requests(1)
    publish(site, range(1, count // 2))
    assert consumer.terminate() == 0
    consumer.start()
    publish(site, range(count // 2, count))
    await_taken(receiver, count)
    check_pause(receiver, until[0], count)


def test_rate_limit(engine, receiver):
    """Retries count too, and a restart gives nothing extra."""
    site, count, rate, burst = engine, 30, 5, 2
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] % 10 == 0 and
                    r.headers["hookline-attempt"] == "1" else 200)
    site.subscribe(subscription(
        "acme", "hook", receiver.url(), rate_limit={"per_second": rate, "burst": burst}))
    _, consumer = site.start_roles()
    publish(site, range(count))
    await_taken(receiver, count // 2)
    assert consumer.terminate() == 0
    consumer.start()
    await_taken(receiver, count)
    at = [r.at for r in receiver.requests]
    assert len(at) == count + count // 10
    # A request may have been on its way for longer than the one after it: 0.1 s.
    for i in range(len(at)):
        for j in range(i, len(at)):
            assert j - i + 1 <= burst + rate * (at[j] - at[i] + 0.1), (i, j, at)
    assert check_taken(taken(receiver), range(count)) == 0
    print(f"\n{len(at)} requests in {at[-1] - at[0]:.1f} s at {rate}/s")


# --- Disabled ------------------------------------------------------------------------------------


def test_gone_disables_until_reset(engine, receiver):
    site = engine
    receiver.behave("/hook", lambda r: 410 if r.json()["n"] < 30 else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, [0])
    letter, = letters(site, "gone", 1)
    check_headers(letter, "dead-letter-headers")
    state = site.await_state(HOOK, lambda s: s and s["state"] == "disabled")
    schema("endpoint-state").validate(state)
    assert "410" in state["reason"]
    publish(site, range(1, 10))
    letters(site, "endpoint_disabled", 9)
    assert consumer.terminate() == 0
    consumer.start()
    publish(site, range(10, 20))
    disabled = letters(site, "endpoint_disabled", 19)
    assert sorted(numbers_of(disabled)) == list(range(1, 20))
    for each in disabled:
        check_headers(each, "dead-letter-headers")
        assert "410" in each.text("hookline-detail")
    site.await_no_lag("acme")
    assert len(receiver.requests) == 1
    assert consumer.endpoint(HOOK)["state"] == "disabled"

    site.cli("subscriptions", "reset", "acme", "hook")
    site.await_state(HOOK, lambda s: s == {"state": "live", "told": "disabled"})
    publish(site, range(30, 50))
    await_taken(receiver, 20)
    await_recovered(site)
    assert check_taken(taken(receiver), range(30, 50)) == 0
    assert len(letters(site, "endpoint_disabled", 19)) == 19


def test_long_failure_disables(engine, receiver):
    """What waits behind its bookmark become dead letters, too; its neighbour goes on."""
    site, count = engine, 500
    site.configure(circuit={"disable_after": "3s"})
    receiver.behave("/hook", Answer(drop=True))
    site.subscribe(
        subscription("acme", "hook", receiver.url()),
        subscription("acme", "other", receiver.url("/other")))
    _, consumer = site.start_roles()
    began = time.time()
    publish(site, range(count))
    state = site.await_state(HOOK, lambda s: s and s["state"] == "disabled")
    first, last = receiver.at("/hook")[0].at, receiver.at("/hook")[-1].at
    assert last - first >= 2.9
    assert "failed since" in state["reason"]
    await_taken(receiver, count, "/other")
    assert sorted(numbers_of(letters(site, "endpoint_disabled", count))) == list(range(count))
    site.await_no_lag("acme")
    assert consumer.metric("hookline_endpoints_disabled_total", reason="failing") == 1
    print(f"\ndisabled {last - began:.1f} s after the first event")


# --- Time to live --------------------------------------------------------------------------------

LIVES_S = {"call.created": 4, "call.ringing": 2, "call.answered": 8, "call.ended": 72 * 3600}
SLACK_S = 3.0


def test_times_to_live_over_an_outage(engine, receiver):
    """What is too late is a dead letter at the time at which it becomes so, and never sent after; what
    outlives the outage comes in order."""
    site, calls, outage_s = engine, 1000 if FULL else 100, 6
    site.configure(ttl={"events": [f"{type}={s}s" for type, s in LIVES_S.items()] + ["*=24h"]})
    receiver.behave("/hook", 503)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    types = dict(enumerate([*LIVES_S] * calls))
    began = time.time()
    for n, type in types.items():
        call = f"call-{n // 4}"
        site.publish({"type": type[5:], "callID": call, "n": n}, "acme", key=call)
    site.kafka.flush()
    time.sleep(max(0.0, began + outage_s - time.time()))
    receiver.behave("/hook", 200)
    await_taken(receiver, calls)
    published = {r.json()["n"]: r.timestamp_ms / 1000 for r in site.kafka.consume(site.events_topic)}
    wait_until(lambda: len(set(taken(receiver))) + site.kafka.end(site.topic("dead-letters")) >= 4 * calls,
               what="each is delivered or dead")
    site.await_no_lag("acme")

    dead = {r.json()["n"]: r for r in letters(site, "expired", 0)}
    got = taken(receiver)
    assert sorted([*got, *dead]) == sorted(types)  # each once, and nowhere twice
    assert all(list(a) == sorted(a) for a in by_call(got).values())
    assert {n for n in types if types[n] == "call.ended"} <= set(got)
    late = [r.at - published[n] - LIVES_S[types[n]] for r in receiver.requests for n in [r.json()["n"]]]
    assert max(late) < 0.5
    after = []  # how long after its deadline each was given up
    for n, letter in dead.items():
        check_headers(letter, "dead-letter-headers")
        after.append(int(letter.text("hookline-dead-at")) / 1000 - published[n] - LIVES_S[types[n]])
        assert abs(letter.timestamp_ms - int(letter.text("hookline-dead-at"))) < 1000
    print(f"\n{calls} calls, {outage_s} s of outage: {Counter(types[n] for n in dead)} expired, given up "
          f"{min(after):.2f} to {max(after):.2f} s after their deadlines")
    assert -1 < min(after) and max(after) < SLACK_S
    assert {n for n in types if types[n] in ("call.ringing", "call.created")} <= set(dead)
    await_recovered(site)


def by_call(numbers):
    calls = defaultdict(list)
    for n in numbers:
        calls[n // 4].append(n)
    return calls


# --- Set aside -----------------------------------------------------------------------------------


def test_set_aside_over_a_restart(engine, receiver):
    """A delivery whose retry is beyond the horizon holds up its own call and nothing else."""
    site, calls, count = engine, 10, 60
    site.configure(consumer={"backoff_first": "6s", "backoff_max": "6s"})  # with jitter 3 to 6 s
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] == 3 and
                    r.headers["hookline-attempt"] == "1" else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, range(count), calls)
    of_call = list(range(3, count, calls))
    await_taken(receiver, count - len(of_call))
    state = site.await_state(HOOK, lambda s: s and len(s.get("aside", [])) == len(of_call))
    schema("endpoint-state").validate(state)
    assert "bookmark" not in state
    head, *followers = state["aside"]
    assert (head["attempts"], "due" in head) == (1, True)
    assert all(each["attempts"] == 0 and each["lane"] == head["lane"] for each in followers)
    assert set(taken(receiver)).isdisjoint(of_call)
    site.await_no_lag("acme")
    assert consumer.terminate() == 0
    consumer.start()
    await_taken(receiver, count)
    assert check_taken(taken(receiver), range(count), calls) == 0
    tries = [r for r in receiver.requests if r.json()["n"] == 3]
    assert [r.headers["hookline-attempt"] for r in tries] == ["1", "2"]
    assert tries[1].at - tries[0].at >= 2.9
    await_recovered(site)


# --- Processes that end while endpoints are behind ------------------------------------------------


def test_killed_while_endpoints_are_behind(engine, receiver):
    """kill -9 while they fail, and in mid catch-up: nothing is lost, and repeated is at most what lay in
    the queue of each."""
    site, count, paths = engine, 5000 if FULL else 1200, [f"/e{i}" for i in range(4)]
    site.configure(consumer={"session_timeout": SESSION, "endpoint_window": 8})
    for path in paths:
        receiver.behave(path, 503)
    site.subscribe(*(subscription("acme", path[1:], receiver.url(path)) for path in [*paths, "/good"]))
    _, consumer = site.start_roles()
    publish(site, range(count // 2))
    await_taken(receiver, count // 2, "/good")
    for path in paths:
        consumer.await_endpoint("acme" + path, state="behind")
    time.sleep(1)  # in which what the good one took is committed, past what the others did not
    consumer.kill9()
    publish(site, range(count // 2, count))
    consumer.start()
    await_taken(receiver, count, "/good")
    for path in paths:
        receiver.behave(path, Answer(delay=0.01))
    await_taken(receiver, count // 3, paths[0])
    consumer.kill9()
    left = {path: count - len(taken(receiver, path)) for path in paths}
    publish(site, range(count, count + 20))
    consumer.start()
    repeats = {}
    for path in [*paths, "/good"]:
        await_taken(receiver, count + 20, path)
    site.await_no_lag("acme")
    for path in [*paths, "/good"]:
        repeats[path] = check_taken(taken(receiver, path), range(count + 20))
    print(f"\nkilled with {sorted(left.values())} of {count} before them: repeats {repeats}")
    assert max(left.values()) > count // 4
    assert repeats.pop("/good") <= 20
    assert max(repeats.values()) <= 200
    assert site.kafka.consume(site.topic("dead-letters")) == []
    for path in paths:
        await_recovered(site, "acme" + path)


def test_rolling_restart_while_endpoints_are_behind(engine, receiver):
    """At bookmarks of their own, of two tenants, in two consumers: nothing is lost, nothing repeated."""
    site, count, tenants = engine, 1500 if FULL else 500, ("acme", "other")
    broken = {f"/{tenant}/e{i}": 50 * i + 10 for tenant in tenants for i in range(4)}

    def respond(request):
        limit = broken.get(request.path, count * 9)
        return 503 if request.json()["n"] >= limit else Answer(delay=0.005)

    paths = list(broken)
    for path in paths:
        receiver.behave(path, respond)
    site.subscribe(*(subscription(*path[1:].split("/"), receiver.url(path)) for path in paths))
    _, first = site.start_roles()
    second = site.start("consumer")
    for tenant in tenants:
        publish(site, range(count), tenant=tenant)
    bookmarks = {}
    for path in paths:
        state = site.await_state(path[1:], lambda s: s and s["state"] == "behind")
        bookmarks[path] = state["bookmark"]
    assert len(set(bookmarks.values())) > 4
    total = count

    def restart(consumer):
        nonlocal total
        assert consumer.terminate() == 0
        consumer.start()
        for tenant in tenants:
            publish(site, range(total, total + 50), tenant=tenant)
        total += 50

    restart(first)
    restart(second)
    for path in paths[::2]:
        broken.pop(path)
    await_taken(receiver, count // 4, paths[0])
    restart(first)  # in mid catch-up
    for path in paths[1::2]:
        broken.pop(path)
    await_taken(receiver, count // 4, paths[1])
    restart(second)
    for path in paths:
        await_taken(receiver, total, path)
    repeats = {path: check_taken(taken(receiver, path), range(total)) for path in paths}
    print(f"\n4 restarts with {len(paths)} endpoints behind: repeats {repeats}")
    assert set(repeats.values()) == {0}
    for path in paths:
        await_recovered(site, path[1:])
    assert site.kafka.consume(site.topic("dead-letters")) == []


# --- Tenants and subscriptions -------------------------------------------------------------------


def test_a_new_tenant_while_another_is_behind(engine, receiver):
    """It is picked up within 10 s, and the rebalance that this takes repeats nothing of the others."""
    site, count = engine, 300
    receiver.behave("/hook", 503)
    site.subscribe(
        subscription("acme", "hook", receiver.url()), subscription("acme", "good", receiver.url("/good")))
    _, consumer = site.start_roles()
    publish(site, range(count))
    consumer.await_endpoint(HOOK, state="behind")
    site.subscribe(subscription("later", "hook", receiver.url("/later")))
    applied = time.time()
    publish(site, [0], tenant="later")
    # An event that came before the bridge knew the subscription is nobody's.
    wait_until(lambda: receiver.at("/later") or publish(site, [0], tenant="later"), 10, "first event",
               interval=0.2)
    print(f"\nnew tenant: first event after {receiver.at('/later')[0].at - applied:.1f} s")
    receiver.behave("/hook", 200)
    publish(site, range(count, count + 50))
    for path in ("/hook", "/good"):
        await_taken(receiver, count + 50, path)
        assert check_taken(taken(receiver, path), range(count + 50)) == 0


def test_a_tenant_moves_to_another_pool_with_its_backlog(engine, receiver):
    site, count = engine, 300
    receiver.behave("/hook", lambda r: 503 if r.json()["n"] >= 100 else 200)
    site.subscribe(
        subscription("acme", "hook", receiver.url()), subscription("big", "hook", receiver.url("/big")))
    site.start("bridge")
    here = site.start("consumer", consumer={"tenants": ["acme"]})
    there = site.start("consumer", consumer={"tenants": ["b*"]})
    for tenant in ("acme", "big"):
        publish(site, range(count), tenant=tenant)
    here.await_endpoint(HOOK, state="behind")
    await_taken(receiver, count, "/big")
    assert (here.endpoint("big/hook"), there.endpoint(HOOK)) == (None, None)
    before = len(set(taken(receiver)))
    assert 0 < before <= 100
    assert [p.terminate() for p in (here, there)] == [0, 0]
    there.write_config({"consumer": {"tenants": ["acme", "big"]}})
    there.start()
    there.await_endpoint(HOOK, state="behind")
    receiver.behave("/hook", 200)
    await_taken(receiver, count)
    assert check_taken(taken(receiver), range(count)) == 0
    await_recovered(site)


def test_a_subscription_deleted_with_a_backlog(engine, receiver):
    site, count = engine, 500
    receiver.behave("/hook", 503)
    site.subscribe(
        subscription("acme", "hook", receiver.url()), subscription("acme", "good", receiver.url("/good")))
    _, consumer = site.start_roles()
    publish(site, range(count))
    consumer.await_endpoint(HOOK, state="behind")
    await_taken(receiver, count, "/good")
    site.cli("subscriptions", "delete", "acme", "hook")
    dead = letters(site, "subscription_deleted", count)
    assert sorted(numbers_of(dead)) == list(range(count))
    for each in dead:
        check_headers(each, "dead-letter-headers")
    asked = len(receiver.at("/hook"))
    await_recovered(site)
    site.await_no_lag("acme")
    assert len(receiver.at("/hook")) == asked
    assert json.loads(site.cli("subscriptions", "list", "--json").stdout)[0]["id"] == "good"


@pytest.mark.parametrize("how", ["gone", "failing"])
def test_a_subscription_made_again_starts_afresh(engine, receiver, how):
    """What was known of the endpoint of a deleted one is forgotten, so that nothing is left in the
    endpoints topic, and one of the same name is not disabled, or left alone, from the start."""
    site, hook = engine, subscription("acme", "hook", receiver.url())
    site.configure(circuit={"open_first": "20s", "open_max": "20s"})
    receiver.behave("/hook", 410 if how == "gone" else 503)
    site.subscribe(hook)
    _, consumer = site.start_roles()
    publish(site, range(20))
    state = "disabled" if how == "gone" else "behind"
    consumer.await_endpoint(HOOK, state=state)
    site.cli("subscriptions", "delete", "acme", "hook")
    await_recovered(site)
    site.await_no_lag("acme")
    receiver.behave("/hook", 200)
    asked = len(receiver.requests)
    site.subscribe(hook)
    wait_until(lambda: len(receiver.requests) > asked or publish(site, [20]), 10, "it gets events",
               interval=0.3)
