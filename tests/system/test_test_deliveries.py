# SPDX-License-Identifier: Apache-2.0
"""A test delivery goes to its endpoint once, at once, whatever state that is in; its result tells all, but no
secret; and nothing else changes (docs/contract.md, "Test deliveries")."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import time

import pytest

from harness import Answer, subscription, wait_until
from test_engine import HOOK, QUICK, SESSION, letters, publish, taken
from test_samples import check_headers, schema
from test_signatures import new_secret, secret

BODY = '{"type":"call.ended","note":"مرحبا"}'.encode()
_numbers = itertools.count(1)


@pytest.fixture
def running(site):
    """A site with its events topic, made quick."""
    site.create_events_topic()
    site.configure(**QUICK)
    return site


def ask(site, id="hook", age_s=0.0, body=BODY, **headers):
    """Queues a test of one of acme's endpoints, as the console does; returns its id."""
    test = f"msg_test_{next(_numbers):032d}"
    now = int(time.time() * 1000)
    own = {
        "hookline-id": test, "hookline-tenant": "acme", "hookline-event": "call.ended",
        "hookline-event-at": str(now), "hookline-accepted-at": str(now - int(age_s * 1000)),
        "hookline-registry": str(site.kafka.end(site.topic("subscriptions"))), "hookline-test": "1"}
    own |= {f"hookline-{name}": value for name, value in headers.items()}
    site.kafka.produce(site.deliveries_topic("acme"), body, f"acme/{id}", own, partition=0)
    site.kafka.flush()
    return test


def results_of(site, *tests, timeout=60):
    """The results of these tests, by id; each has one, and it is right by its schema."""
    wanted = set(tests)
    results = site.await_results(len(wanted), lambda r: r["id"] in wanted, timeout)
    for result in results:
        schema("result").validate(result)
        assert result["test"] is True
    assert len(results) == len(wanted)
    return {r["id"]: r for r in results}


def result_of(site, test):
    return results_of(site, test)[test]


def is_test(request):
    return request.id.startswith("msg_test_")


def asked_at(receiver, path="/hook"):
    return [r for r in receiver.at(path) if is_test(r)]


def no_letters(site):
    return site.kafka.consume(site.topic("dead-letters")) == []


# --- What is told --------------------------------------------------------------------------------


def test_what_a_result_tells(running, receiver, tmp_path):
    """All that is needed to see what is wrong, and no secret."""
    site = running
    (tmp_path / "keys").write_text(f"k1 {base64.b64encode(os.urandom(32)).decode()}\n")
    site.configure(secrets={"key_file": str(tmp_path / "keys")}, log={"level": "debug"})
    value, header, token, cookie = new_secret(), "Bearer hunter2hunter2", "t0ken-in-the-query", "c00kie"
    receiver.behave("/hook?token=" + token, Answer(
        201, headers={"X-Server": "crm", "Set-Cookie": f"session={cookie}"}, body="merci é".encode(), delay=0.05))
    site.subscribe(subscription(
        "acme", "hook", receiver.url(f"/hook?token={token}"), secrets=[secret("a", value)],
        headers={"Authorization": header, "X-Kind": "crm"}))
    consumer = site.start("consumer")
    asked = time.time()
    test = ask(site)
    request, = receiver.await_requests(1)
    result = result_of(site, test)
    assert request.body == BODY and request.id == test
    assert request.headers["authorization"] == header
    assert request.headers["hookline-attempt"] == "1"

    assert (result["outcome"], result["status"], result["attempt"]) == ("delivered", 201, 1)
    assert (result["tenant"], result["subscription"], result["event"]) == ("acme", "hook", "call.ended")
    assert "error" not in result and "reason" not in result and "source" not in result
    assert result["remote_ip"] == "127.0.0.1"
    assert 50 <= result["duration_ms"]["first_byte"] <= result["duration_ms"]["total"] < 5000
    sent, got = result["exchange"]["request"], result["exchange"]["response"]
    assert sent["method"] == "POST"
    assert sent["url"] == receiver.url("/hook?***")
    assert sent["body"].encode() == BODY
    assert sent["headers"]["authorization"] == sent["headers"]["x-kind"] == "***"
    own = {n: v for n, v in sent["headers"].items() if n not in ("authorization", "x-kind")}
    assert own == {name: request.headers[name] for name in own}
    assert {"content-type", "user-agent", "webhook-id", "webhook-timestamp", "hookline-event",
            "hookline-attempt", "hookline-tenant", "webhook-signature"} == set(own)
    signed = f"{test}.{own['webhook-timestamp']}.".encode() + sent["body"].encode()
    mac = hmac.new(base64.b64decode(value.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert own["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert (got["status"], got["body"]) == (201, "merci é")
    assert got["headers"]["x-server"] == "crm" and got["headers"]["set-cookie"] == "***"

    record, = (r for r in site.kafka.consume(site.topic("results")) if r.json()["id"] == test)
    assert record.key == b"acme/hook"
    assert record.timestamp_ms / 1000 - asked < 5
    for text in (record.value, consumer.log().encode(), consumer.probe("/endpoints")[1].encode()):
        for hidden in (value.removeprefix("whsec_"), header, token, cookie):
            assert hidden.encode() not in text
    check_headers(next(r for r in site.kafka.consume(site.deliveries_topic("acme"))), "delivery-headers")

    site.kafka.await_no_lag(site.consumer_group, site.deliveries_topic("acme"))
    assert consumer.endpoint(HOOK) is None  # it need not even be known
    assert site.endpoint_states(HOOK) == []
    assert consumer.metric("hookline_tests_total", outcome="delivered") == 1
    assert not consumer.metric("hookline_deliveries_total")
    assert not consumer.metric("hookline_delivery_attempts_total")


def test_bodies_and_headers_are_bounded(running, receiver):
    site = running
    headers = {f"x-{i}": "v" * 200 for i in range(60)}
    receiver.behave("/hook", Answer(404, headers=headers, body=b"a" * 5000), Answer(500, body=b"\x00\xff\x01"))
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start("consumer")
    large, binary = ask(site, body=b"b" * 100_000), None
    exchange = result_of(site, large)["exchange"]
    assert exchange["request"]["body"] == "b" * 1024
    assert exchange["response"]["body"] == "a" * 1024
    shown = exchange["response"]["headers"]
    assert len(shown) <= 32 and sum(len(n) + len(v) for n, v in shown.items()) <= 4096
    binary = ask(site, body=b"\x00\xff")
    exchange = result_of(site, binary)["exchange"]
    assert "body" not in exchange["request"] and "body" not in exchange["response"]


def test_that_gets_no_answer(running, receiver):
    site = running
    receiver.behave("/drop", Answer(drop=True))
    receiver.behave("/hang", Answer(hang=True))
    site.subscribe(
        subscription("acme", "drop", receiver.url("/drop")),
        subscription("acme", "hang", receiver.url("/hang"), timeout_ms=500),
        subscription("acme", "refused", "http://127.0.0.1:1/"),
        subscription("acme", "unknown", "https://no-such-host.invalid/"))
    site.start("consumer")
    tests = {id: ask(site, id) for id in ("drop", "hang", "refused", "unknown")}
    results = results_of(site, *tests.values())
    for id, test in tests.items():
        result = results[test]
        assert result["outcome"] == "failed" and result["error"], id
        assert "status" not in result and "response" not in result["exchange"]
        assert result["exchange"]["request"]["headers"]["webhook-id"] == test
    assert results[tests["hang"]]["duration_ms"]["total"] >= 450
    assert len(asked_at(receiver, "/drop")) == 1  # never again
    assert no_letters(site)


# --- Endpoints in whatever state -----------------------------------------------------------------


def failing(site, receiver):
    receiver.behave("/hook", lambda r: 200 if is_test(r) else 503)
    site.configure(circuit={"open_first": "300s", "open_max": "300s"})
    return lambda state: state and "open_until" in state


def pausing(site, receiver):
    receiver.behave(
        "/hook", lambda r: 200 if is_test(r) else Answer(503, headers={"Retry-After": "300"}))
    return lambda state: state and "paused_until" in state


def gone(site, receiver):
    receiver.behave("/hook", lambda r: 200 if is_test(r) else 410)
    return lambda state: state and state["state"] == "disabled"


def slow(site, receiver):
    receiver.behave("/hook", lambda r: 200 if is_test(r) else Answer(delay=1))
    site.configure(consumer={"max_held": 100, "max_in_flight": 64})
    return lambda state: state and state["state"] == "behind"


def is_fixed(state):
    """What of a state does not change by itself."""
    return {name: state.get(name) for name in ("state", "reason", "trips", "paused_until")}


@pytest.mark.parametrize("unwell", [failing, pausing, gone, slow])
def test_endpoint_that_is_unwell(running, receiver, unwell):
    site = running
    has_come = unwell(site, receiver)
    site.subscribe(  # with a neighbour, for which the partition does not wait
        subscription("acme", "hook", receiver.url(), max_in_flight=2),
        subscription("acme", "other", receiver.url("/other")))
    _, consumer = site.start_roles()
    publish(site, range(300), calls=300)
    before = site.await_state(HOOK, has_come)
    shown = consumer.endpoint(HOOK)
    began = time.time()
    test = ask(site)
    result = result_of(site, test)
    assert (result["outcome"], result["status"], result["attempt"]) == ("delivered", 200, 1)
    request, = asked_at(receiver)
    assert request.at - began < 5
    after, seen = site.endpoint_state(HOOK), consumer.endpoint(HOOK)
    assert is_fixed(after) == is_fixed(before)
    assert [seen[name] for name in ("state", "circuit")] == [shown[name] for name in ("state", "circuit")]
    if unwell is not slow:
        assert seen["last_success_at"] == shown["last_success_at"]
        site.await_no_lag("acme")
    assert test.encode() not in b"".join(
        r.headers["hookline-id"] for r in site.kafka.consume(site.topic("dead-letters")))


def test_failed_tests_are_not_held_against_the_endpoint(running, receiver):
    """Nor a 410, nor a Retry-After; and they are not made again."""
    site = running
    receiver.behave("/hook", lambda r: 200 if not is_test(r) else next(answers))
    answers = iter([410, Answer(503, headers={"Retry-After": "300"})] + [500] * 10)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    tests = []
    for status in [410, 503] + [500] * 10:
        tests.append(ask(site))
        result = result_of(site, tests[-1])
        assert (result["outcome"], result["status"]) == ("failed", status)
        assert "reason" not in result and "error" not in result
    publish(site, range(20))
    wait_until(lambda: len(taken(receiver)) == 20, what="deliveries are made as ever")
    assert all(r.headers["hookline-attempt"] == "1" for r in receiver.requests)
    shown = consumer.endpoint(HOOK)
    assert (shown["state"], shown["circuit"], shown["last_error"]) == ("live", "closed", None), shown
    assert site.endpoint_states(HOOK) == [] and no_letters(site)
    assert sorted(r.id for r in asked_at(receiver)) == sorted(tests)
    assert consumer.metric("hookline_tests_total", outcome="failed") == 12
    assert consumer.metric("hookline_deliveries_total") == 20
    site.await_no_lag("acme")


@pytest.mark.parametrize("change", [{"enabled": False}, {"paused": True}])
def test_subscription_that_takes_nothing(running, receiver, change):
    site = running
    site.subscribe(subscription("acme", "hook", receiver.url()) | change)
    site.start_roles()
    assert result_of(site, ask(site))["outcome"] == "delivered"
    assert len(receiver.requests) == 1
    assert site.endpoint_states(HOOK) == [] and no_letters(site)
    site.await_no_lag("acme")


def test_subscription_that_is_not_there(running, receiver):
    """Also one that this consumer has to hear of first."""
    site = running
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start("consumer")
    site.cli("subscriptions", "delete", "acme", "hook")
    result = result_of(site, ask(site))
    assert (result["outcome"], result["attempt"]) == ("failed", 0)
    assert result["error"] == "the subscription does not exist any more"
    assert "exchange" not in result
    site.subscribe(subscription("acme", "hook", receiver.url()))
    assert result_of(site, ask(site))["outcome"] == "delivered"
    assert len(receiver.requests) == 1 and no_letters(site)
    site.kafka.await_no_lag(site.consumer_group, site.deliveries_topic("acme"))


def test_guard_and_seal_apply(running, receiver, tmp_path):
    site = running
    for key in ("k1", "k2"):
        (tmp_path / key).write_text(f"{key} {base64.b64encode(os.urandom(32)).decode()}\n")
    site.configure(secrets={"key_file": str(tmp_path / "k1")})
    site.subscribe(
        subscription("acme", "hook", receiver.url("/inside")),
        subscription("acme", "sealed", receiver.url(), secrets=[secret("a", new_secret())]))
    site.start("consumer", secrets={"key_file": str(tmp_path / "k2")}, egress={"allow_private": False})
    blocked, sealed = ask(site), ask(site, "sealed")
    results = results_of(site, blocked, sealed)
    assert {r["outcome"] for r in results.values()} == {"failed"}
    assert "is not allowed (loopback)" in results[blocked]["error"]
    assert "sealed with key k1" in results[sealed]["error"]
    assert "exchange" not in results[sealed]
    assert receiver.connections == 0 and no_letters(site)


# --- Which are made ------------------------------------------------------------------------------


def test_old_ones_are_dropped(running, receiver):
    """Nobody waits for them any more. One that is no delivery is told so; none is a dead letter."""
    site = running
    site.subscribe(subscription("acme", "hook", receiver.url()))
    old = ask(site, age_s=120)
    consumer = site.start("consumer")
    late = ask(site, age_s=61)
    malformed = ask(site, **{"event-at": "yesterday"})
    good = ask(site, age_s=30)
    results = results_of(site, malformed, good)
    assert results[good]["outcome"] == "delivered"
    assert results[malformed]["outcome"] == "failed"
    assert results[malformed]["error"] == "header hookline-event-at is malformed"
    site.kafka.await_no_lag(site.consumer_group, site.deliveries_topic("acme"))
    assert [r.id for r in receiver.requests] == [good]
    assert site.results(lambda r: r["id"] in (old, late)) == []
    assert consumer.metric("hookline_tests_total", outcome="dropped") == 2
    assert no_letters(site)


@pytest.mark.parametrize("which", ["none", "failures"])
def test_results_are_always_published(running, receiver, which):
    site = running
    site.configure(results={"publish": which})
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.start_roles()
    publish(site, range(5))
    receiver.await_requests(5)
    assert result_of(site, ask(site))["outcome"] == "delivered"
    assert len(site.results()) == 1


def test_many_at_once_to_an_endpoint_that_hangs(running, receiver):
    """8 are made, the others told that they are not; and deliveries flow, to that endpoint too."""
    site, count = running, 500
    receiver.behave("/hook", lambda r: Answer(hang=True) if is_test(r) else 200)
    site.subscribe(
        subscription("acme", "hook", receiver.url(), max_in_flight=1, timeout_ms=5000),
        subscription("acme", "other", receiver.url("/other")))
    _, consumer = site.start_roles()
    publish(site, [0])
    receiver.await_requests(1, "/hook")
    tests = [ask(site) for _ in range(20)]
    refused = site.await_results(12, lambda r: r.get("test") and r.get("error") == "too many tests at a time")
    assert all(r["outcome"] == "failed" and r["attempt"] == 0 for r in refused)
    assert len(asked_at(receiver)) == 8
    began = time.time()
    publish(site, range(1, count))
    for path in ("/hook", "/other"):
        wait_until(lambda path=path: len(taken(receiver, path)) == count, what=f"{path} has all")
    ended = time.time()
    results = results_of(site, *tests)
    hung = [r for r in results.values() if r["attempt"] == 1]
    assert len(hung) == 8 and all(r["outcome"] == "failed" and "exchange" in r for r in hung)
    assert len(asked_at(receiver)) == 8
    assert result_of(site, ask(site, "other"))["outcome"] == "delivered"  # there are places again
    assert consumer.metric("hookline_tests_total", outcome="refused") == 12
    assert consumer.endpoint(HOOK)["state"] == "live"
    print(f"\n{2 * count} deliveries in {ended - began:.1f} s with 8 tests in flight")
    site.await_no_lag("acme")


# --- Takeover ------------------------------------------------------------------------------------


def test_in_flight_when_its_process_dies(running, receiver):
    """The next owner makes it once more, in time; with the same id."""
    site = running
    site.configure(consumer={"session_timeout": SESSION})
    receiver.behave("/hook", Answer(hang=True), 200)
    site.subscribe(subscription("acme", "hook", receiver.url(), timeout_ms=60000))
    consumer = site.start("consumer")
    test = ask(site)
    receiver.await_requests(1)
    consumer.kill9()
    consumer.start()
    assert result_of(site, test)["outcome"] == "delivered"
    assert [r.id for r in receiver.requests] == [test, test]
    site.kafka.await_no_lag(site.consumer_group, site.deliveries_topic("acme"))


def test_stopping_waits_for_it(running, receiver):
    """And it is not made again."""
    site = running
    receiver.behave("/hook", Answer(delay=2))
    site.subscribe(subscription("acme", "hook", receiver.url(), timeout_ms=30000))
    consumer = site.start("consumer")
    test = ask(site)
    receiver.await_requests(1)
    assert consumer.terminate() == 0
    assert result_of(site, test)["outcome"] == "delivered"
    consumer.start()
    other = ask(site)
    assert result_of(site, other)["outcome"] == "delivered"
    assert [r.id for r in receiver.requests] == [test, other]
    assert json.loads(site.kafka.consume(site.topic("results"))[0].value)["id"] == test
