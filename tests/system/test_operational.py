# SPDX-License-Identifier: Apache-2.0
"""Operational events: a tenant is told of its endpoints that fail, work again or are disabled, by those
of its subscriptions that ask for it (docs/contract.md, "Operational events")."""

import time

import pytest

from harness import subscription, wait_until
from test_engine import HOOK, QUICK, SESSION, publish
from test_samples import check_headers, schema

NOTICE_S = 2
PATH = "/hook?token=secret"  # which no event may tell
FAILING, RECOVERED, DISABLED = (
    f"hookline.endpoint.{what}" for what in ("failing", "recovered", "disabled"))


@pytest.fixture
def told(site, receiver):
    """Of acme: an endpoint /hook, and /ops which asks to be told of it; who is not to be told, too."""
    site.create_events_topic()
    site.configure(**QUICK)
    site.configure(circuit={"notice_after": f"{NOTICE_S}s"})
    site.subscribe(
        subscription("acme", "hook", receiver.url(PATH), "*", "hookline.*",
                     name="The CRM"),
        subscription("acme", "ops", receiver.url("/ops"), "hookline.*"),
        subscription("acme", "all", receiver.url("/all"), "*"),
        subscription("acme", "gone-only", receiver.url("/disabled"), DISABLED),
        subscription("other", "ops", receiver.url("/other"), "*", "hookline.*"))
    return site


def events_at(receiver, path="/ops"):
    return [r.json() for r in receiver.at(path) if r.headers["hookline-event"].startswith("hookline.")]


def types_at(receiver, path="/ops"):
    return [event["type"] for event in events_at(receiver, path)]


def written(site):
    return [r.json() for r in site.kafka.consume(site.topic("operational-events"))]


def await_told(receiver, *types, timeout=60):
    wait_until(lambda: types_at(receiver) == [*types], timeout,
               lambda: f"told {types} (is {types_at(receiver)})", 0.1)


def check_quiet(receiver):
    """Nobody was told who has not asked, is another tenant, or is the one that it is about."""
    for path in ("/all", "/other", PATH):
        assert types_at(receiver, path) == [], path


def seconds(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(text[19:-1])


def test_failing_and_recovered(told, receiver):
    site = told
    receiver.behave(PATH, 503)
    _, consumer = site.start_roles()
    began = time.time()
    publish(site, range(20))
    await_told(receiver, FAILING)
    event, = events_at(receiver)
    schema("operational-event").validate(event)
    assert event["tenant"] == "acme"
    assert (event["subscription"], event["name"], event["host"]) == ("hook", "The CRM", "127.0.0.1")
    assert event["last_error"] == "it answered 503"
    assert "secret" not in str(event) and "/hook" not in str(event)
    assert NOTICE_S <= seconds(event["at"]) - seconds(event["since"]) < NOTICE_S + 3
    assert began - 1 <= seconds(event["since"])
    request, = receiver.at("/ops")
    assert request.headers["webhook-id"].startswith("msg_")
    record, = site.kafka.consume(site.topic("operational-events"))
    assert (record.key, record.value) == (b"acme/hook", request.body)
    state = site.await_state(HOOK, lambda s: s and s.get("told") == "failing")
    schema("endpoint-state").validate(state)

    time.sleep(3 * NOTICE_S)  # once, and not with each probe
    assert types_at(receiver) == [FAILING]
    assert consumer.metric("hookline_notices_total", event="failing") == 1

    receiver.behave(PATH, 200)
    await_told(receiver, FAILING, RECOVERED)
    recovered = events_at(receiver)[1]
    schema("operational-event").validate(recovered)
    assert "last_error" not in recovered
    assert seconds(recovered["since"]) >= seconds(event["at"])
    site.await_state(HOOK, lambda s: s is None)
    site.await_no_lag("acme")
    time.sleep(1)
    assert types_at(receiver) == [FAILING, RECOVERED]
    check_quiet(receiver)
    for each in site.kafka.consume(site.deliveries_topic("acme")):
        check_headers(each, "delivery-headers")


def test_a_short_outage_is_not_told(told, receiver):
    site = told
    receiver.behave(PATH, 503)
    site.start_roles()
    publish(site, range(20))
    site.await_state(HOOK, lambda s: s and "open_until" in s)
    receiver.behave(PATH, 200)
    site.await_state(HOOK, lambda s: s is None)
    time.sleep(NOTICE_S + 1)
    assert written(site) == []


def test_disabled_and_recovered_after_a_reset(told, receiver):
    site = told
    receiver.behave(PATH, lambda r: 410 if r.json()["n"] < 10 else 200)
    _, consumer = site.start_roles()
    publish(site, range(10))
    await_told(receiver, DISABLED)
    event, = events_at(receiver)
    schema("operational-event").validate(event)
    assert "410" in event["reason"]
    wait_until(lambda: types_at(receiver, "/disabled") == [DISABLED], what="who asked for that type only")
    site.await_state(HOOK, lambda s: s and s["state"] == "disabled" and s.get("told") == "disabled")
    assert consumer.terminate() == 0
    consumer.start()
    time.sleep(2)
    assert types_at(receiver) == [DISABLED]

    site.cli("subscriptions", "reset", "acme", "hook")
    site.await_state(HOOK, lambda s: s == {"state": "live", "told": "disabled"})
    assert consumer.terminate() == 0  # it is not forgotten that the bad news has to be taken back
    consumer.start()
    publish(site, range(10, 20))
    await_told(receiver, DISABLED, RECOVERED)
    site.await_state(HOOK, lambda s: s is None)
    assert types_at(receiver, "/disabled") == [DISABLED]
    check_quiet(receiver)


def test_restarts_neither_repeat_nor_forget(told, receiver):
    """In good order nothing comes twice; after a kill at the worst moment once more, with another id."""
    site = told
    site.configure(consumer={"session_timeout": SESSION})
    receiver.behave(PATH, 503)
    _, consumer = site.start_roles()
    publish(site, range(20))
    site.await_state(HOOK, lambda s: s and "open_until" in s)
    assert consumer.terminate() == 0  # before it is due: the next one tells
    consumer.start()
    await_told(receiver, FAILING)
    site.await_state(HOOK, lambda s: s and s.get("told") == "failing")
    assert consumer.terminate() == 0
    consumer.start()
    consumer.await_endpoint(HOOK, state="behind")
    time.sleep(NOTICE_S + 2)
    assert types_at(receiver) == [FAILING]
    consumer.kill9()
    receiver.behave(PATH, 200)
    consumer.start()
    wait_until(lambda: RECOVERED in types_at(receiver), 60, "recovered")
    consumer.kill9()
    consumer.start()
    publish(site, range(20, 30))
    site.await_state(HOOK, lambda s: s is None)
    site.await_no_lag("acme")
    events = [e["type"] for e in written(site)]
    assert events[0] == FAILING
    assert events.count(FAILING) == 1
    assert 1 <= events.count(RECOVERED) <= 2
    check_quiet(receiver)


def test_nobody_else_can_say_so(told, receiver):
    """An event of a user's topic with such a type is none; and garbage on our topic holds up nothing."""
    site = told
    site.start_roles()
    site.publish({"type": FAILING, "tenant": "acme", "subscription": "x", "n": 0}, "acme", key="a")
    site.publish({"n": 1}, "acme", key="a", headers={"ce_type": "hookline.x"})
    site.kafka.produce(site.topic("operational-events"), b"garbage", "acme/x")
    site.kafka.flush()
    publish(site, [2])
    letters = site.await_dead_letters(3)
    for each in letters:
        check_headers(each, "dead-letter-headers")
        assert each.text("hookline-reason") == "invalid_event"
    details = sorted(each.text("hookline-detail") for each in letters)
    assert sum("begins with hookline.: these types are Hookline's own" in d for d in details) == 2
    receiver.await_requests(1, "/all")
    site.await_no_lag("acme")
    assert types_at(receiver) == []
    check_quiet(receiver)
