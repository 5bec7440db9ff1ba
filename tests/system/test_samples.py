# SPDX-License-Identifier: Apache-2.0
"""An event on Kafka reaches exactly the webhooks that asked for it, with its bytes unchanged; what is
no event becomes a dead letter and holds up nothing."""

import functools
import json
import re
import time

import jsonschema
import pytest

from harness import ROOT, Answer, subscription, wait_until

SAMPLES = (ROOT / "tests" / "data" / "samples.ndjson").read_bytes().splitlines()
# What docs/contract.md, "Events in", makes of their types.
TYPES = [
    "call.created", "call.ringing", "call.ringing", "call.answered", "call.ended", "call.ended",
    "call.created", "call.answered", "agent.login", "agent.logout", "call.ended", "call.ended"]
AGENTS = {"agent.login", "agent.logout"}
SECRET = "k-0123 é"


@functools.cache
def schema(name):
    parsed = json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(parsed)
    return jsonschema.Draft202012Validator(
        parsed, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def check_headers(record, name):
    """Validates a record's headers; they are text, and no name stands twice."""
    schema(name).validate({header: value.decode() for header, value in record.headers.items()})


def wanted(*types):
    return [line for line, type in zip(SAMPLES, TYPES) if not types or type in types]


@pytest.fixture
def running(site, receiver):
    """Two tenants with several subscriptions; bridge and consumer are ready."""
    def hook(tenant, id, *events, **more):
        return subscription(tenant, id, receiver.url(f"/{tenant}/{id}"), *events, **more)

    site.create_events_topic(partitions=2)
    site.subscribe(
        hook("acme", "all", headers={"x-api-key": SECRET, "User-Agent": "own/1"}),
        hook("acme", "calls", "call.*"),
        hook("acme", "rings", "call.ringing", "call.created"),
        hook("acme", "agents", "agent.login", "agent.logout", ordering="none"),
        hook("acme", "nothing", "call.rung", "ringing"),
        hook("acme", "off", enabled=False),
        hook("other", "all"),
        hook("other", "calls", "call.*"))
    site.start_roles()
    return site


def expect(receiver, expected):
    """Waits for the requests of a tenant's subscriptions and compares them; forgets them."""
    receiver.await_requests(sum(map(len, expected.values())))
    got = {}
    for request in receiver.requests:
        got.setdefault(request.path, []).append(request.body)
    assert {path: sorted(bodies) for path, bodies in got.items()} == {
        path: sorted(bodies) for path, bodies in expected.items() if bodies}
    receiver.clear()


ACME = {
    "/acme/all": wanted(),
    "/acme/calls": wanted(*set(TYPES) - AGENTS),
    "/acme/rings": wanted("call.ringing", "call.created"),
    "/acme/agents": wanted(*AGENTS),
}
OTHER = {"/other/all": wanted(), "/other/calls": wanted(*set(TYPES) - AGENTS)}


def check_requests(requests):
    now = time.time()
    for request in requests:
        headers = request.headers
        assert request.method == "POST"
        assert headers["content-type"] == "application/json"
        assert re.fullmatch(r"msg_[0-9a-f]{32}", headers["webhook-id"])
        assert re.fullmatch(r"[0-9]{10}", headers["webhook-timestamp"])
        assert now - 60 <= int(headers["webhook-timestamp"]) <= now + 1
        assert headers["hookline-event"] == TYPES[SAMPLES.index(request.body)]
        assert headers["hookline-attempt"] == "1"
        tenant, id = request.path.split("/")[1:]
        assert headers["hookline-tenant"] == tenant
        own = id == "all" and tenant == "acme"
        assert headers.get("x-api-key") == (SECRET if own else None)
        assert re.fullmatch(r"own/1" if own else r"Hookline/\d\S*", headers["user-agent"])
        allowed = {"host", "content-type", "content-length", "user-agent", "webhook-id",
                   "webhook-timestamp", "hookline-event", "hookline-attempt", "hookline-tenant"}
        assert set(headers) - {"x-api-key"} == allowed
    ids = [request.id for request in requests]
    assert len(set(ids)) == len(ids)


def check_records(site, requests):
    """Delivery and result records are as documented, and speak of the same deliveries."""
    delivered = {request.id: request for request in requests}
    deliveries = [record for tenant in ("acme", "other")
                  for record in site.kafka.consume(site.deliveries_topic(tenant))]
    assert {record.text("hookline-id") for record in deliveries} == set(delivered)
    for record in deliveries:
        check_headers(record, "delivery-headers")
        request = delivered[record.text("hookline-id")]
        assert record.value == request.body
        assert "/" + record.key.decode() == request.path
        assert record.text("hookline-tenant") == request.headers["hookline-tenant"]
    results = {result["id"]: result for result in site.await_results(len(delivered))}
    assert set(results) == set(delivered)
    for result in results.values():
        schema("result").validate(result)
        request = delivered[result["id"]]
        assert request.path == f"/{result['tenant']}/{result['subscription']}"
        assert (result["outcome"], result["attempt"], result["status"]) == ("delivered", 1, 200)
        assert result["event"] == request.headers["hookline-event"]


def test_samples_reach_who_asked(running, receiver, tmp_path):
    site = running
    file = tmp_path / "samples.ndjson"
    file.write_bytes(b"\n".join(SAMPLES) + b"\n")
    requests = []

    published = site.cli("publish", "--tenant", "acme", file)
    assert b"12 records" in published.stderr
    receiver.await_requests(sum(map(len, ACME.values())))
    requests += receiver.requests
    expect(receiver, ACME)

    site.kafka.kcat("-P", "-t", site.events_topic, "-H", "tenant-id=acme", "-l", file)
    receiver.await_requests(sum(map(len, ACME.values())))
    requests += receiver.requests
    expect(receiver, ACME)

    site.kafka.kcat("-P", "-t", site.events_topic, "-H", "tenant-id=other",
                    stdin=b"\n".join(SAMPLES) + b"\n")
    receiver.await_requests(sum(map(len, OTHER.values())))
    requests += receiver.requests
    expect(receiver, OTHER)

    check_requests(requests)
    check_records(site, requests)
    site.await_no_lag("acme", "other")
    assert receiver.requests == []  # nothing came late
    assert site.kafka.consume(site.topic("dead-letters")) == []


def test_order_of_a_call(running, receiver):
    """Events of a call arrive in order even if the endpoint answers slowly, and others overtake."""
    site = running
    receiver.behave("/acme/all", Answer(delay=0.05))
    for i in range(60):
        event = {"type": "ringing", "callID": f"call-{i % 3}", "n": i}
        site.publish(event, "acme", key=f"call-{i % 3}")
    site.kafka.flush()
    requests = receiver.await_requests(60, "/acme/all")
    for call in range(3):
        numbers = [r.json()["n"] for r in requests if r.json()["callID"] == f"call-{call}"]
        assert numbers == list(range(call, 60, 3))


def bad_input():
    """(value, headers, reason, what the detail names, type that is known)"""
    acme = {"tenant-id": "acme"}
    ringing = b'{"type":"ringing","callID":"c"}'
    return [
        (b'{"type":"ringing",', acme, "invalid_event", ""),
        (b"ringing", acme, "invalid_event", ""),
        (b'["ringing"]', acme, "invalid_event", "object"),
        (b"", acme, "invalid_event", ""),
        (b'{"type":"ringing","callerIdName":"\xff\xfe"}', acme, "invalid_event", "UTF-8"),
        (b'{"callID":"c"}', acme, "invalid_event", "type"),
        (b'{"type":"bad type"}', acme, "invalid_event", "type"),
        (b'{"type":"ringing","a":1,"a":2}', acme, "invalid_event", ""),
        (b'{"type":"ringing","a":' + b"[" * 40 + b"]" * 40 + b"}", acme, "invalid_event", ""),
        (b'{"type":"ringing","a":123456789012345678901234567890}', acme, "invalid_event", ""),
        (b'{"type":"ringing","pad":"' + b"x" * 300_000 + b'"}', acme, "event_too_large", "262144"),
        (ringing, {}, "tenant_unresolved", "tenant"),
        (ringing, {"tenant-id": "Not A Tenant"}, "tenant_unresolved", "tenant"),
        (ringing, {"tenant-id": ""}, "tenant_unresolved", "tenant"),
    ]


def test_bad_input_becomes_dead_letters_and_holds_up_nothing(running, receiver):
    site = running
    bad = bad_input()
    good = []
    for i, (value, headers, _, _) in enumerate(bad):
        site.kafka.produce(site.events_topic, value, key=f"bad-{i}", headers=headers, partition=0)
        good.append(b'{"type":"ringing","n":%d}' % i)
        site.publish(good[-1], "acme", key=f"good-{i}")
    site.kafka.flush()
    expect(receiver, {f"/acme/{id}": good for id in ("all", "calls", "rings")})

    letters = {r.key: r for r in site.await_dead_letters(len(bad))}
    assert len(letters) == len(bad)
    for i, (value, headers, reason, detail) in enumerate(bad):
        letter = letters[b"bad-%d" % i]
        check_headers(letter, "dead-letter-headers")
        assert letter.text("hookline-reason") == reason, value[:80]
        assert detail in letter.text("hookline-detail")
        assert letter.value == (value[:65536] if reason == "event_too_large" else value)
        assert letter.text("tenant-id") == headers.get("tenant-id")
        assert letter.text("hookline-source").startswith(f"{site.events_topic}/0/")
        tenant = None if reason == "tenant_unresolved" else "acme"
        assert letter.text("hookline-tenant") == tenant
    bridge = site.processes[0]
    assert bridge.metric("hookline_events_invalid_total", reason="invalid_event") == 10
    assert bridge.metric("hookline_events_invalid_total", reason="event_too_large") == 1
    assert bridge.metric("hookline_events_invalid_total", reason="tenant_unresolved") == 3
    site.await_no_lag("acme")


def test_bad_lines_among_the_samples_seen_with_kcat(running, receiver, tmp_path):
    """As a user would: lines of a file with kcat, and kcat to read the dead letters."""
    site = running
    bad = [b'{"type":"ringing"', b'{"type":"ringing","callerIdName":"\xff"}',
           b'{"type":"ringing","pad":"' + b"x" * 300_000 + b'"}', b'{"data":"33333"}']
    lines = SAMPLES[:6] + bad + SAMPLES[6:]
    file = tmp_path / "mixed.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    site.cli("publish", "--tenant", "acme", file)
    expect(receiver, ACME)
    site.kafka.kcat("-P", "-t", site.events_topic, "-H", "tenant-id=acme", "-l", file)
    expect(receiver, ACME)
    site.kafka.kcat("-P", "-t", site.events_topic, stdin=SAMPLES[0] + b"\n")  # no tenant

    letters = "dead-letters of 2 x 4 + 1 lines"
    read = functools.partial(site.kafka.kcat, "-C", "-e", "-q", "-t", site.topic("dead-letters"))
    wait_until(lambda: read("-f", "%T\n").count(b"\n") == 9, what=letters)
    seen = []
    for headers in read("-f", "%h\n").decode().splitlines():
        fields = dict(field.partition("=")[::2] for field in headers.split(",") if "=" in field)
        seen.append((fields["hookline-reason"], fields.get("hookline-tenant")))
    assert sorted(seen, key=str) == sorted(
        2 * [("invalid_event", "acme")] * 3 + 2 * [("event_too_large", "acme")] +
        [("tenant_unresolved", None)], key=str)
    sizes = sorted(int(size) for size in read("-f", "%S\n").split())
    assert sizes == sorted(2 * [len(bad[0]), len(bad[1]), 65536, len(bad[3])] + [len(SAMPLES[0])])


def test_cloudevents(running, receiver):
    site = running
    binary = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/switch", "ce_type": "ringing",
              "content-type": "application/json", "ce_subject": "b"}
    body = b'{ "callID": "c-1", "n": 1 }'
    site.publish(body, "acme", headers=binary)
    structured = (b'{"specversion":"1.0","id":"2","source":"/switch","type":"com.example.call.held",'
                  b'"datacontenttype":"application/json","data":{"callID":"c-2"}}')
    site.publish(structured, "acme", headers={"content-type": "application/cloudevents+json"})
    coded = (b'{"specversion":"1.0","id":"3","source":"/switch","type":"created",'
             b'"data_base64":"eyJjYWxsSUQiOiJjLTMifQ=="}')
    site.publish(coded, "acme", headers={"content-type": "application/cloudevents+json"})
    no_json = (b'{"specversion":"1.0","id":"4","source":"/switch","type":"created",'
               b'"data_base64":"AAAA"}')
    site.publish(no_json, "acme", headers={"content-type": "application/cloudevents+json"})
    site.kafka.flush()

    requests = receiver.await_requests(3, "/acme/all")
    assert {r.body: r.headers["hookline-event"] for r in requests} == {
        body: "call.ringing", structured: "com.example.call.held", coded: "call.created"}
    assert {r.headers["content-type"] for r in requests} == {"application/json"}
    letter, = site.await_dead_letters(1)
    assert (letter.value, letter.text("hookline-reason")) == (no_json, "invalid_event")

    records = {r.value: r for r in site.kafka.consume(site.deliveries_topic("acme"))}
    for record in records.values():
        check_headers(record, "delivery-headers")
    assert records[body].text("ce_subject") == "b"
    assert records[body].text("hookline-order-key") == "c-1"
    assert records[structured].text("hookline-order-key") == "c-2"
    assert records[coded].text("hookline-order-key") == "c-3"


def test_the_tenant_is_in_topic_key_and_header(running, receiver):
    """A delivery of one tenant in another's topic is never delivered."""
    site = running
    site.publish(SAMPLES[0], "acme")
    site.kafka.flush()
    receiver.await_requests(3)
    record = site.kafka.consume(site.deliveries_topic("acme"))[0]
    receiver.clear()
    headers = dict(record.headers)
    site.kafka.produce(site.deliveries_topic("other"), record.value, record.key, headers)
    site.kafka.produce(site.deliveries_topic("acme"), record.value, "other/all", headers)
    site.kafka.produce(site.deliveries_topic("acme"), b"garbage", "acme/all", {"hookline-tenant": "acme"})
    site.kafka.flush()
    letters = site.await_dead_letters(3)
    reasons = [letter.text("hookline-reason") for letter in letters]
    assert sorted(reasons) == ["invalid_event", "tenant_unresolved", "tenant_unresolved"]
    for letter in letters:
        check_headers(letter, "dead-letter-headers")
    site.publish(SAMPLES[1], "acme")
    site.kafka.flush()
    receiver.await_requests(3)
    assert {r.body for r in receiver.requests} == {SAMPLES[1]}
