# SPDX-License-Identifier: Apache-2.0
"""What comparable systems are known to lose, or to choke on: each is a test of ours. All run against a
real Kafka, and would fail on the system that had the loss.

 # | loss | system | test
---|------|--------|-----
 1 | a dead letter could not be written, the offset was committed all the same | Knative |
   | test_01_dead_letter_that_cannot_be_written
 2 | an acknowledgement after a revoke moves the group past undelivered records | Redpanda Connect 4477 |
   | test_02_acknowledgement_after_revoke; tests/component/kafka/test_consumer_rebalance.c
 3 | a gap in offsets (transaction markers) jams the tracker | Knative 4452 |
   | test_03_gaps_in_offsets
 4 | a refused record that is followed by a success is skipped for ever | Vector 24543 |
   | test_04_refused_record_before_a_success
 5 | a storm of 429 grows memory | Vector 17276 | test_05_storm_of_429
 6 | retry state lost at each rebalance, so retried 184 times and never dead | Knative 3746 |
   | test_06_attempts_are_counted_over_rebalances
 7 | a rebalance un-pauses what was paused | Spring 2222 | test_07_rebalance_does_not_unpause
 8 | an endpoint slower than max.poll.interval.ms evicts the consumer, all is redelivered | Aiven 265 |
   | test_08_endpoint_slower_than_the_poll_interval
 9 | memory grows with 300 000 records of backlog at the start | Knative 1732 |
   | test_backlog.py::test_backlog_at_start (300 000 with HOOKLINE_TEST_SIZE=full)
10 | commit metadata over 4 096 bytes stalls the group | parallel-consumer 647 |
   | test_10_more_ranges_than_the_metadata_hold
11 | 3xx counted as success | Aiven | test_11_redirects_are_no_success; test_verdicts.py::test_verdicts
12 | a subscription deleted with work in flight fails for ever | Svix 1511 |
   | test_12_subscription_deleted_with_work_in_flight; with a backlog behind its bookmark:
   | test_engine.py::test_a_subscription_deleted_with_a_backlog
13 | the broker goes away and comes back, with its disk full in between | Redpanda Connect 919 |
   | test_13_disk_full; it only goes away: test_outage.py::test_kafka_is_lost_in_mid_flow
14 | shutdown during a wait for a retry loses or duplicates | Dapr 3529 |
   | test_14_shutdown_while_a_retry_waits
15 | a huge or dripping response pins a slot | Svix, Hook0 | test_15_responses_do_not_pin_slots
"""

import resource
import signal
import time

import pytest

from harness import FULL, Answer, Site, subscription, wait_until
from test_engine import QUICK, SESSION, await_taken, check_taken, letters, numbers_of, publish, taken
from test_kill import assigned


@pytest.fixture
def quick(site):
    site.create_events_topic()
    site.configure(**QUICK)
    return site


def committed(site, tenant="acme"):
    return site.kafka.committed(site.consumer_group, site.deliveries_topic(tenant))[0]


def await_done(site, *tenants):
    site.await_no_lag(*(tenants or ["acme"]))


def test_01_dead_letter_that_cannot_be_written(quick, receiver):
    site = quick
    site.configure(consumer={"session_timeout": SESSION, "retry_4xx": 1})
    receiver.behave("/hook", lambda r: 404 if r.json()["n"] == 0 else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    dead_letters = site.topic("dead-letters")
    site.kafka.configure_topic(dead_letters, max_message_bytes=1)  # nothing can be written
    publish(site, range(30))
    await_taken(receiver, 28)  # one waits behind it in its call
    wait_until(lambda: consumer.metric("hookline_dead_letter_publish_failures_total") >= 2,
               what="it is refused again and again")
    assert committed(site) in (None, 0)
    consumer.kill9()
    assert site.kafka.consume(dead_letters) == []
    site.kafka.configure_topic(dead_letters, max_message_bytes=1_000_000)
    consumer.start()
    assert set(numbers_of(letters(site, "rejected", 1))) == {0}
    await_taken(receiver, 29)
    check_taken(taken(receiver), range(1, 30))
    await_done(site)


def test_02_acknowledgement_after_revoke(quick, receiver):
    """The first consumer stands still with requests under way, another takes over, and then the first
    reads the answers to its requests."""
    site, hangs = quick, [True]
    site.configure(consumer={"session_timeout": SESSION, "window_first": 32, "timeout": "60s"})

    def respond(request):
        if request.json()["n"] == 0 and hangs[0]:
            return Answer(hang=True)
        return Answer(delay=2) if len(receiver.requests) <= 20 else 200

    receiver.behave("/hook", respond)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, first = site.start_roles()
    second = site.start("consumer")
    wait_until(lambda: assigned(first) + assigned(second) == 1, what="one of them has the partition")
    owner, other = (first, second) if assigned(first) else (second, first)
    publish(site, range(20))
    receiver.await_requests(20)
    owner.signal(signal.SIGSTOP)
    taken_over = other.log().count("partition taken over")
    wait_until(lambda: other.log().count("partition taken over") > taken_over, what="the other has it")
    receiver.await_requests(2, where=lambda r: r.json()["n"] == 0)
    owner.signal(signal.SIGCONT)
    wait_until(lambda: "partitions lost" in owner.log() or "partitions revoked" in owner.log(),
               what="it notices")
    time.sleep(0.5)
    for each in (owner, other):
        each.kill9()
    hangs[0] = False
    other.start()
    await_taken(receiver, 20)
    check_taken(taken(receiver), range(20))
    await_done(site)


def test_03_gaps_in_offsets(quick, receiver):
    """Markers of transactions, and what was aborted, in the events topic and in a delivery topic; read
    live, and in catch-up."""
    site, kafka, number = quick, quick.kafka, iter(range(1000))
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()

    def write(transactions):
        for i in range(transactions):
            events = [{"topic": site.events_topic, "headers": {"tenant-id": "acme"}, "key": "call-0",
                       "value": {"type": "ended", "callID": "call-0", "n": next(number)}} for _ in range(3)]
            kafka.transaction("events", *events)
            kafka.transaction("events", events[0], abort=True)
            kafka.transaction("deliveries", {
                "topic": site.deliveries_topic("acme"), "key": "acme/hook", "value": "{}"}, abort=True)

    write(4)
    await_taken(receiver, 12)
    receiver.behave("/hook", 503)
    write(4)
    consumer.await_endpoint("acme/hook", state="behind")
    receiver.behave("/hook", 200)
    await_taken(receiver, 24)
    last = next(number)
    publish(site, [last], calls=1)  # so that no marker is the last offset
    await_taken(receiver, last + 1)
    await_done(site)
    assert consumer.terminate() == 0
    consumer.start()
    publish(site, [last + 1], calls=1)
    await_taken(receiver, last + 2)
    assert check_taken(taken(receiver), range(last + 2), calls=1) == 0
    await_done(site)


def test_04_refused_record_before_a_success(quick, receiver):
    site = quick
    site.configure(consumer={"session_timeout": SESSION, "backoff_first": "500ms", "backoff_max": "500ms"})
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] == 0 else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, range(15))  # one per call
    await_taken(receiver, 14)
    receiver.await_requests(3, where=lambda r: r.json()["n"] == 0)
    consumer.kill9()
    receiver.behave("/hook", 200)
    consumer.start()
    await_taken(receiver, 15)
    check_taken(taken(receiver), range(15))
    await_done(site)


def test_05_storm_of_429(quick, receiver):
    site, count, tenants = quick, 60_000 if FULL else 12_000, [f"t{i}" for i in range(4)]
    receiver.behave("/hook", Answer(429, body=b"slow down" * 1000))
    site.subscribe(*(subscription(t, "hook", receiver.url()) for t in tenants))
    _, consumer = site.start_roles()
    before = consumer.rss_mb()
    for n in range(count):
        site.publish({"type": "ended", "callID": f"c-{n}", "n": n, "pad": "x" * 600}, tenants[n % 4],
                     key=f"c-{n}")
    site.kafka.flush()
    site.kafka.await_no_lag(site.bridge_group, site.events_topic)
    await_done(site, *tenants)  # passed over
    time.sleep(2)
    storm, peak = len(receiver.requests), consumer.peak_rss_mb()
    assert peak < 150
    assert storm < 500
    receiver.behave("/hook", 200)
    wait_until(lambda: consumer.metric("hookline_deliveries_total") >= count, 120, "all are delivered")
    assert sorted(taken(receiver)) == list(range(count))
    print(f"\n{count} deliveries to endpoints that answer 429: {storm} requests; memory {before:.0f} MB, at "
          f"most {peak:.0f} MB, {consumer.peak_rss_mb():.0f} MB in catch-up")
    assert consumer.peak_rss_mb() < 150


def test_06_attempts_are_counted_over_rebalances(quick, receiver):
    site, attempts = quick, 8
    site.configure(consumer={
        "backoff_first": "1s", "backoff_max": "1s", "max_attempts": attempts, "retry_horizon": "10s"})
    receiver.behave("/hook", 500)
    site.subscribe(
        subscription("acme", "hook", receiver.url()), subscription("other", "hook", receiver.url("/o")))
    _, first = site.start_roles()
    publish(site, [0])
    receiver.await_requests(1)
    rebalances, second = 0, None
    while site.kafka.end(site.topic("dead-letters")) == 0 and rebalances < 20:
        if second is None:
            second = site.start("consumer")
        elif second.running():
            assert second.terminate() == 0
        else:
            second.start()
        rebalances += 1
    letter, = letters(site, "attempts_exhausted", 1)
    assert letter.text("hookline-attempts") == str(attempts)
    tried = [int(r.headers["hookline-attempt"]) for r in receiver.at("/hook")]
    print(f"\nattempts over {rebalances} rebalances: {tried}")
    assert rebalances >= 3
    assert tried == list(range(1, attempts + 1))
    await_done(site)


def test_07_rebalance_does_not_unpause(quick, receiver):
    """Neither an endpoint that is paused by its owner, nor one that asked for it by Retry-After, nor the
    limit of what a process holds."""
    site, tenants = quick, [f"t{i}" for i in range(4)]
    held_limit, flying_limit = 100, 10
    site.configure(consumer={
        "max_held": held_limit, "max_in_flight": flying_limit, "endpoint_window": flying_limit,
        "timeout": "60s"})
    receiver.behave("/hang", Answer(hang=True))
    receiver.behave("/later", Answer(429, headers={"Retry-After": "600"}), 200)
    site.subscribe(
        subscription("acme", "paused", receiver.url("/paused"), paused=True),
        subscription("acme", "later", receiver.url("/later")),
        *(subscription(t, "hook", receiver.url("/hang")) for t in tenants))
    _, first = site.start_roles()
    publish(site, [0])
    receiver.await_requests(1, "/later")
    publish(site, range(1, 50))
    for tenant in tenants:
        publish(site, range(200), tenant=tenant)

    def check():
        for process in filter(lambda p: p.role == "consumer" and p.running(), site.processes):
            held = sum(process.metric("hookline_deliveries_held", state=s) for s in (
                "queued", "in_flight", "waiting", "recording"))
            assert held <= held_limit
            assert process.metric("hookline_deliveries_in_flight") <= flying_limit
        assert receiver.at("/paused") == []
        assert len(receiver.at("/later")) == 1

    site.await_state("acme/paused", lambda s: s and s["state"] == "behind")
    check()
    second = site.start("consumer")
    for _ in range(2):
        publish(site, range(50, 60))
        time.sleep(1)
        check()
        assert second.terminate() == 0
        time.sleep(1)
        check()
        second.start()
    check()


def test_08_endpoint_slower_than_the_poll_interval(quick, receiver):
    """Than max.poll.interval.ms in a full run, than the session's time-out in any."""
    site, seconds = quick, 50 if FULL else 9
    site.configure(
        kafka={"properties": ["max.poll.interval.ms=45000"]},
        consumer={"session_timeout": SESSION, "timeout": "60s"})
    receiver.behave("/slow", Answer(delay=seconds))
    site.subscribe(subscription("acme", "slow", receiver.url("/slow")))
    _, consumer = site.start_roles()
    publish(site, range(3))
    await_taken(receiver, 3, "/slow")
    await_done(site)
    assert sorted(taken(receiver, "/slow")) == [0, 1, 2]
    assert len(receiver.requests) == 3
    assert not consumer.metric("hookline_kafka_rebalances_total", event="lost")
    assert "revoked" not in consumer.log()


def test_10_more_ranges_than_the_metadata_hold(quick, receiver):
    """Every second delivery is done, the others wait: the group goes on, also over a crash."""
    site, count = quick, 6000 if FULL else 4000
    site.configure(consumer={
        "session_timeout": SESSION, "backoff_first": "20s", "backoff_max": "20s", "retry_horizon": "60s"})
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] % 2 == 0 else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, range(count), calls=count)
    await_taken(receiver, count // 2)
    receiver.await_requests(count)
    def metadata():
        return site.kafka.committed_metadata(site.consumer_group, site.deliveries_topic("acme"))
    wait_until(lambda: len(metadata()) > 2000, what="a note of many ranges is committed", interval=0.2)
    noted = metadata()
    assert len(noted) <= 4096
    assert committed(site) == 0
    consumer.kill9()
    receiver.behave("/hook", 200)
    consumer.start()
    await_taken(receiver, count)
    await_done(site)
    repeats = check_taken(taken(receiver), range(count), calls=count)
    print(f"\n{count // 2} ranges, {len(noted)} bytes of them committed: {repeats} repeats after a crash")
    assert repeats < count // 2
    publish(site, [count], calls=count)
    await_taken(receiver, count + 1)
    await_done(site)


def test_11_redirects_are_no_success(quick, receiver):
    site = quick
    for status in (301, 302, 303, 307, 308):
        receiver.behave(f"/{status}", Answer(status, headers={"location": receiver.url("/elsewhere")}))
        site.subscribe(subscription("acme", f"s{status}", receiver.url(f"/{status}")))
    _, consumer = site.start_roles()
    publish(site, [0])
    dead = site.await_dead_letters(5)
    assert {r.text("hookline-reason") for r in dead} == {"rejected"}
    assert sorted(r.text("hookline-status") for r in dead) == ["301", "302", "303", "307", "308"]
    assert receiver.at("/elsewhere") == []
    assert not consumer.metric("hookline_deliveries_total", result="delivered")


def test_12_subscription_deleted_with_work_in_flight(quick, receiver):
    site = quick
    receiver.behave("/hook", Answer(500, delay=1.5))
    site.subscribe(
        subscription("acme", "hook", receiver.url()), subscription("acme", "good", receiver.url("/good")))
    site.start_roles()
    publish(site, range(20), calls=5)  # some in flight, some behind them in their calls
    receiver.await_requests(1, "/hook")
    await_taken(receiver, 20, "/good")
    site.cli("subscriptions", "delete", "acme", "hook")
    assert sorted(numbers_of(letters(site, "subscription_deleted", 20))) == list(range(20))
    asked = len(receiver.at("/hook"))
    publish(site, [20], calls=5)
    await_taken(receiver, 21, "/good")
    await_done(site)
    assert len(receiver.at("/hook")) == asked <= 8


@pytest.fixture
def small_disk(new_kafka, tmp_path):
    """A Kafka of its own, whose disk may be full."""
    kafka = new_kafka()
    kafka.start()
    site = Site(kafka, tmp_path)
    yield site
    site.close()
    kafka.remove()


def test_13_disk_full(small_disk, receiver):
    """The broker cannot write, which ends it; it comes back, with room."""
    site, kafka = small_disk, small_disk.kafka
    site.configure(**QUICK)
    site.create_events_topic()
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] % 7 == 0 and
                    r.headers["hookline-attempt"] == "1" else Answer(delay=0.02))
    site.subscribe(subscription("acme", "hook", receiver.url()))
    roles = site.start_roles()
    publish(site, range(500))
    receiver.await_requests(100)
    pid, = kafka.pids()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))  # any write fails
    for n in range(500, 700):
        site.publish({"type": "ended", "callID": f"call-{n % 20}", "n": n}, "acme", key=f"call-{n % 20}")
    wait_until(lambda: "not running" in kafka.script("status", check=False).stdout, 120, "it ends by itself")
    time.sleep(2)
    assert all(role.running() and role.probe("/livez")[0] == 200 for role in roles)
    kafka.start()
    kafka.flush()
    publish(site, range(700, 800))
    await_taken(receiver, 800, timeout=180)
    await_done(site)
    repeats = check_taken(taken(receiver), range(800))
    print(f"\n{repeats} repeats")
    assert all(role.running() for role in roles)
    assert kafka.consume(site.topic("dead-letters")) == []


def test_14_shutdown_while_a_retry_waits(quick, receiver):
    site = quick
    site.configure(consumer={"backoff_first": "8s", "backoff_max": "8s", "retry_horizon": "20s"})
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] % 5 == 0 and
                    r.headers["hookline-attempt"] == "1" else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site, range(40))  # two per call
    receiver.await_requests(36)
    wait_until(lambda: consumer.metric("hookline_deliveries_held", state="waiting") >= 4, what="they wait")
    began = time.monotonic()
    assert consumer.terminate() == 0
    assert time.monotonic() - began < 3.5  # it does not wait for them
    consumer.start()
    await_taken(receiver, 40)
    assert check_taken(taken(receiver), range(40)) == 0
    for n in range(0, 40, 5):
        tries = [r for r in receiver.requests if r.json()["n"] == n]
        assert [r.headers["hookline-attempt"] for r in tries] == ["1", "2"]
        assert tries[1].at - tries[0].at >= 3.9
    await_done(site)


@pytest.mark.parametrize("answer", [
    pytest.param(Answer(200, body=b"x" * 50_000_000), id="huge"),
    pytest.param(Answer(200, body=b"x" * 1000, drip=0.2), id="drips"),
    pytest.param(Answer(500, body=b"x" * 1000, drip=0.2), id="drips-500")])
def test_15_responses_do_not_pin_slots(quick, receiver, answer):
    """As many as the process may have in flight, for each of many deliveries."""
    site = quick
    site.configure(consumer={
        "max_in_flight": 4, "endpoint_window": 4, "timeout": "1s", "connect_timeout": "1s"})
    receiver.behave("/bad", answer)
    site.subscribe(
        subscription("acme", "bad", receiver.url("/bad")),
        subscription("other", "hook", receiver.url("/good")))
    _, consumer = site.start_roles()
    publish(site, range(20))
    receiver.await_requests(4, "/bad")
    publish(site, range(20), tenant="other")
    began = time.monotonic()
    await_taken(receiver, 20, "/good")
    assert time.monotonic() - began < 20  # of 24 and more, if each kept its slot for the whole time
    receiver.behave("/bad", 200)
    await_done(site, "acme", "other")
    assert consumer.peak_rss_mb() < 100
    assert site.kafka.consume(site.topic("dead-letters")) == []
