# SPDX-License-Identifier: Apache-2.0
"""What becomes of a delivery for each way in which an endpoint can answer, or not answer: the table of
docs/contract.md, "The request"."""

import email.utils
import statistics
import subprocess
import time
from dataclasses import dataclass, field

import pytest

from harness import FULL, Answer, Receiver, free_port, subscription, wait_until
from test_samples import check_headers, schema

# Five attempts, which take a second; what is measured below is said there.
FAST = {
    "consumer": {"backoff_first": "20ms", "max_attempts": 5},
    "circuit": {"open_first": "50ms", "open_max": "200ms"},
}
HUGE = b"x" * 3_000_000
MOVED = {"location": "/stolen"}
CUT = Answer(200, body=b"half", length=100, close=True)


@dataclass
class Case:
    name: str
    answers: list
    reason: str | None = None  # of the dead letter; None: delivered
    attempts: int = 1
    status: int | None = None
    response: str | None = None
    error: str = ""  # a part of the sentence that says what went wrong
    more: dict = field(default_factory=dict)  # of the subscription
    url: str | None = None


def exhausted(name, *answers, attempts=5, **more):
    return Case(name, list(answers), "attempts_exhausted", attempts, **more)


def rejected(status, name=None, attempts=3, **more):
    answer = Answer(status, body=b"no such hook", headers=MOVED)
    return Case(name or str(status), [answer], "rejected", attempts, status, "no such hook", **more)


def retry_after(value):
    return Answer(503, headers={"Retry-After": value})


def named(*cases):
    assert len({case.name for case in cases}) == len(cases)
    return cases


CASES = named(
    *(Case(str(status), [status], status=status) for status in (200, 201, 202, 204, 226, 299)),
    *(rejected(status) for status in (300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 409, 422)),
    Case("304", [304], "rejected", 3, 304),
    Case("late-200", [404, 301, 200], attempts=3, status=200),
    rejected(404, "once", attempts=1, more={"retry": {"retry_4xx": 1}}),
    rejected(404, "four", attempts=4, more={"retry": {"retry_4xx": 4}}),
    Case("410", [Answer(410, body="Auf Wiederhören".encode())], "gone", 1, 410, "Auf Wiederhören"),
    Case("410-later", [500, 410], "gone", 2, 410),
    *(exhausted(str(status), status, status=status) for status in (500, 501, 502, 504, 408, 425, 599)),
    exhausted("503", 503, status=503),
    exhausted("429", 429, status=429),
    exhausted("two", 500, attempts=2, status=500, more={"retry": {"max_attempts": 2}}),
    Case("recovers", [500, Answer(drop=True), 408, 200], attempts=4, status=200),
    Case("never", [retry_after("86400")], "expired", 1, 503, more={"ttl_s": {"case.never": 60}}),
    exhausted("nonsense", retry_after("soon"), status=503),
    exhausted("refused", error="connect", url="refused"),
    exhausted("dropped", Answer(drop=True), error="broken"),
    exhausted("hangs", Answer(hang=True), error="timeout", attempts=2,
              more={"timeout_ms": 300, "retry": {"max_attempts": 2}}),
    exhausted("no-http", Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n", close=True), error="broken"),
    # The status alone decides, whatever becomes of the body.
    Case("cut", [CUT], status=200),
    Case("drips", [Answer(200, body=b"x" * 100, drip=0.1)], status=200, more={"timeout_ms": 500}),
    Case("huge-200", [Answer(200, body=HUGE)], status=200),
    exhausted("huge-500", Answer(500, body=HUGE), status=500, response="x" * 1024),
    exhausted("binary", Answer(500, body=b"\xff\x00\x01"), status=500),
    exhausted("umlaut", Answer(500, body="ä".encode() * 1000), status=500, response="ä" * 512),
)


def events_of(case):
    return f"case.{case.name}"


def answers_by_attempt(case):
    return lambda request: case.answers[
        min(int(request.headers["hookline-attempt"]), len(case.answers)) - 1]


def dropping(case):
    return any(isinstance(answer, Answer) and answer.drop for answer in case.answers)


def check_results(case, results):
    """One per attempt: all but the last say when the next is due."""
    assert [r["attempt"] for r in results] == list(range(1, case.attempts + 1)), results
    assert len({r["id"] for r in results}) == 1
    for result in results:
        schema("result").validate(result)
        assert result["subscription"] == case.name
        assert ("status" in result) != ("error" in result)
        assert ("due_at" in result) == (result["outcome"] == "retry")
    last = results[-1]
    assert [r["outcome"] for r in results[:-1]] == ["retry"] * (case.attempts - 1)
    assert last["outcome"] == ("dead_letter" if case.reason else "delivered")
    assert last.get("reason") == case.reason
    assert last.get("status") == case.status
    if case.error:
        assert last["error"]


def check_letter(case, letter, body):
    check_headers(letter, "dead-letter-headers")
    assert letter.value == body
    assert letter.text("hookline-reason") == case.reason
    assert letter.text("hookline-status") == (str(case.status) if case.status else None)
    assert letter.text("hookline-response") == case.response
    assert letter.text("hookline-attempts") == str(case.attempts)
    assert letter.text("hookline-host").startswith("127.0.0.1")
    assert case.error in letter.text("hookline-detail")
    first, last, dead = (int(letter.text(f"hookline-{name}")) for name in (
        "first-attempt-at", "last-attempt-at", "dead-at"))
    assert first <= last <= dead


def test_verdicts(site, receiver):
    site.create_events_topic()
    site.configure(**FAST)
    refused = f"http://127.0.0.1:{free_port()}/hook"
    for case in CASES:
        receiver.behave(f"/{case.name}", answers_by_attempt(case))
    site.subscribe(*(
        subscription("acme", case.name, refused if case.url else receiver.url(f"/{case.name}"),
                     events_of(case), **case.more)
        for case in CASES))
    _, consumer = site.start_roles()
    for case in CASES:
        site.publish({"type": events_of(case), "callID": case.name}, "acme", key=case.name)
    site.kafka.flush()

    receiver.await_requests(sum(case.attempts for case in CASES if not case.url))
    site.await_no_lag("acme")
    by_subscription = {}
    for result in site.results():
        by_subscription.setdefault(result["subscription"], []).append(result)
    letters = {r.key.decode(): r for r in site.kafka.consume(site.topic("dead-letters"))}
    for case in CASES:
        check_results(case, by_subscription[case.name])
        letter = letters.pop(f"acme/{case.name}", None)
        requests = receiver.at(f"/{case.name}")
        if not case.url:
            tried = [int(r.headers["hookline-attempt"]) for r in requests]
            # A kept connection that ends without an answer is replaced within the same attempt.
            assert (sorted(set(tried)) if dropping(case) else tried) == list(
                range(1, case.attempts + 1)), case.name
            assert {r.id for r in requests} == {by_subscription[case.name][0]["id"]}
        if case.reason:
            body = b'{"type": "%s", "callID": "%s"}' % (
                events_of(case).encode(), case.name.encode())
            check_letter(case, letter, body)
        else:
            assert letter is None
    assert letters == {}
    assert receiver.at("/stolen") == []  # no redirect is followed
    assert consumer.metric("hookline_deliveries_total", result="dead_letter") == sum(
        case.reason is not None for case in CASES)


def test_retry_after_pauses_the_endpoint(site, receiver):
    """Until then nothing is sent to it, and nothing else is charged an attempt."""
    asked = {}  # until when the endpoints asked for a pause

    def once(path, answer):
        def respond(request):
            if path in asked:
                return 200
            made, asked[path] = answer(time.time())
            return made
        receiver.behave(f"/{path}", respond)

    once("seconds", lambda now: (Answer(429, headers={"Retry-After": "2"}), now + 2))
    once("date", lambda now: (
        Answer(503, headers={"Retry-After": email.utils.formatdate(now + 3, usegmt=True)}), int(now + 3)))
    site.create_events_topic()
    site.configure(**FAST)
    for path in ("seconds", "date"):
        site.subscribe(subscription("acme", path, receiver.url(f"/{path}"), f"case.{path}"))
    site.start_roles()
    for n, call in enumerate("ab"):
        for path in ("seconds", "date"):
            site.publish({"type": f"case.{path}", "n": n}, "acme", key=call)
        site.kafka.flush()
        receiver.await_requests(2, where=lambda r: r.json()["n"] == 0)
    for path in ("seconds", "date"):
        first, *others = receiver.await_requests(3, f"/{path}")
        assert first.json()["n"] == 0
        assert sorted(r.json()["n"] for r in others) == [0, 1]
        assert asked[path] - 0.05 <= min(r.at for r in others) < asked[path] + 2
        assert {r.json()["n"]: r.headers["hookline-attempt"] for r in others} == {0: "2", 1: "1"}


@pytest.mark.parametrize("fault", ["hang", "refuse"] + ["500"] * FULL)
def test_a_dead_endpoint_does_not_slow_its_neighbour(site, receiver, fault):
    """The backlog of the dead one is more than a process holds for one endpoint."""
    count, probes = (40_000, 300) if FULL else (8_000, 60)
    site.create_events_topic(partitions=2)
    dead = receiver.url("/dead")
    if fault == "refuse":
        dead = f"http://127.0.0.1:{free_port()}/dead"
    receiver.behave("/dead", Answer(hang=True) if fault == "hang" else 500)
    site.subscribe(
        subscription("dead", "hook", dead), subscription("live", "hook", receiver.url("/live")))
    _, consumer = site.start_roles(consumer={"timeout": "2s", "connect_timeout": "2s"})
    for i in range(count):
        site.publish({"type": "ringing", "callID": f"dead-{i % 1000}", "n": i}, "dead", key=f"d-{i}")
    site.kafka.flush()
    site.kafka.await_no_lag(site.bridge_group, site.events_topic)
    # It has got as much as it may before the neighbour calls.
    wait_until(lambda: consumer.metric("hookline_endpoints", state="behind"),
               what="the dead endpoint is behind")

    latencies = []
    for i in range(probes):
        sent = time.time()
        site.publish({"type": "ringing", "callID": f"live-{i}", "n": i}, "live", key=f"l-{i}")
        site.kafka.flush()
        request = receiver.await_requests(i + 1, "/live")[i]
        assert request.json()["n"] == i
        latencies.append(request.at - sent)
    median, worst = statistics.median(latencies), max(latencies)
    print(f"\nneighbour of an endpoint that answers {fault!r}, {count} deliveries behind: "
          f"median {median * 1000:.1f} ms, worst of {probes} {worst * 1000:.0f} ms")
    assert median < 0.25
    assert worst < 2.0
    assert consumer.running()


def test_connections_are_kept_and_replaced(site, receiver):
    """One connection serves many requests; when the endpoint closes it, the next one opens another,
    and no delivery is charged an attempt for that."""
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    for n in range(6):
        site.publish({"type": "ringing", "n": n}, "acme", key="c")
        site.kafka.flush()
        receiver.await_requests(n + 1)
        if n == 2:
            receiver.refuse()
            receiver.listen()
    requests = receiver.requests
    assert [r.headers["hookline-attempt"] for r in requests] == ["1"] * 6
    assert [r.connection for r in requests] == [1, 1, 1, 2, 2, 2]


def first_requests_fail(request):
    """A third of the deliveries fail once or twice before they are taken."""
    n, attempt = request.json()["n"], int(request.headers["hookline-attempt"])
    if attempt <= n * 7 % 5 - 2:
        return [500, Answer(drop=True), 503, 404][n % 4]
    return Answer(200, delay=0.002 * (n % 3))


def test_order_of_a_call_is_kept_over_retries(site, receiver):
    calls, events = 40, 10
    site.create_events_topic(partitions=2)
    site.configure(**FAST)
    receiver.behave("/hook", first_requests_fail)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    for n in range(calls * events):
        call = f"c-{n % calls}"
        site.publish({"type": "ringing", "callID": call, "n": n}, "acme", key=call)
    site.kafka.flush()
    delivered = receiver.await_requests(calls * events, where=lambda r: r.status == 200)
    assert len(delivered) == calls * events
    for call in range(calls):
        tried = [r.json()["n"] for r in receiver.requests if r.json()["n"] % calls == call]
        assert tried == sorted(tried)  # none is even tried before those in front of it are done
        assert sorted(set(tried)) == list(range(call, calls * events, calls))
    assert len(receiver.requests) > len(delivered)


def test_a_dead_letter_lets_its_call_go_on(site, receiver):
    site.create_events_topic()
    site.configure(**FAST)
    receiver.behave("/hook", lambda r: 500 if r.json()["n"] == 1 else 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    for n in range(4):
        site.publish({"type": "ringing", "callID": "c", "n": n}, "acme", key="c")
    site.kafka.flush()
    requests = receiver.await_requests(8)
    assert [r.json()["n"] for r in requests] == [0, 1, 1, 1, 1, 1, 2, 3]
    letter, = site.await_dead_letters(1)
    assert letter.json()["n"] == 1


def test_ordering_none_and_the_window(site, receiver):
    """Without order events of one call are sent side by side, as many as the window allows."""
    site.create_events_topic()
    receiver.behave("/key", lambda r: Answer(delay=1.5 if r.json()["n"] == 0 else 0))
    receiver.behave("/none", Answer(delay=0.5))
    site.subscribe(
        subscription("acme", "key", receiver.url("/key")),
        subscription("acme", "none", receiver.url("/none"), ordering="none"))
    site.start_roles(consumer={"endpoint_window": 8, "window_first": 8})
    for n in range(20):
        site.publish({"type": "ringing", "callID": "c", "n": n}, "acme", key="c")
    site.kafka.flush()
    unordered = receiver.await_requests(20, "/none")
    ordered = receiver.await_requests(20, "/key")
    assert [r.json()["n"] for r in ordered] == list(range(20))
    assert ordered[1].at >= ordered[0].at + 1.5
    # Eight at a time: the ninth starts when the first is answered.
    assert unordered[7].at < unordered[0].at + 0.5 <= unordered[8].at
    assert sorted(r.json()["n"] for r in unordered) == list(range(20))


@pytest.fixture
def certificate(tmp_path):
    """Of 127.0.0.1, signed by itself: (certificate, key)."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True)
    return files


def test_tls(site, certificate):
    """A certificate of an unknown authority is refused, one of http.ca_file is taken."""
    receiver = Receiver(tls=certificate)
    try:
        site.create_events_topic()
        site.configure(**FAST)
        site.subscribe(subscription("acme", "hook", receiver.url()))
        _, consumer = site.start_roles()
        site.publish({"type": "ringing", "n": 0}, "acme")
        site.kafka.flush()
        letter, = site.await_dead_letters(1)
        assert letter.text("hookline-reason") == "attempts_exhausted"
        assert "tls" in letter.text("hookline-detail")
        assert receiver.requests == []

        assert consumer.terminate() == 0
        consumer.write_config({"http": {"ca_file": str(certificate[0])}})
        consumer.start()
        for n in (1, 2):
            site.publish({"type": "ringing", "n": n}, "acme")
            site.kafka.flush()
            receiver.await_requests(n)
        assert [r.json()["n"] for r in receiver.requests] == [1, 2]
        assert {r.connection for r in receiver.requests} == {receiver.connections}  # it is kept
    finally:
        receiver.close()


def test_a_name_that_does_not_exist(site, receiver):
    site.create_events_topic()
    site.configure(**FAST)
    site.subscribe(
        subscription("acme", "nowhere", "http://no-such-host.invalid/hook", retry={"max_attempts": 2}),
        subscription("acme", "hook", receiver.url()))
    site.start_roles()
    site.publish({"type": "ringing"}, "acme")
    site.kafka.flush()
    receiver.await_requests(1)
    letter, = site.await_dead_letters(1)
    assert letter.text("hookline-reason") == "attempts_exhausted"
    assert letter.text("hookline-host") == "no-such-host.invalid"
    assert "dns" in letter.text("hookline-detail") or "timeout" in letter.text("hookline-detail")


@pytest.mark.parametrize("publish, outcomes", [
    ("all", ["delivered", "delivered", "retry"]), ("failures", ["retry"]), ("none", [])])
def test_which_results_are_published(site, receiver, publish, outcomes):
    site.create_events_topic()
    site.configure(results={"publish": publish}, **FAST)
    receiver.behave("/hook", 200, 500, 200)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    for n in range(2):
        site.publish({"type": "ringing", "callID": "c", "n": n}, "acme", key="c")
    site.kafka.flush()
    receiver.await_requests(3)
    site.await_no_lag("acme")
    assert sorted(r["outcome"] for r in site.await_results(len(outcomes))) == outcomes
