# SPDX-License-Identifier: Apache-2.0
"""Requests are signed with the subscription's secrets, which lie sealed in Kafka."""

import base64
import hashlib
import hmac
import json
import os
import time

import pytest

from harness import subscription, wait_until


def new_secret():
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def secret(id, value, **more):
    return {"id": id, "secret": value} | more


def signature(value, request):
    """As a receiver makes it (Standard Webhooks 1.0.0)."""
    key = base64.b64decode(value.removeprefix("whsec_"))
    signed = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signatures(request):
    return request.headers["webhook-signature"].split(" ")


def is_signed(request, *secrets):
    """With exactly these, in this order, and now."""
    assert abs(request.at - int(request.headers["webhook-timestamp"])) <= 2
    return signatures(request) == [signature(value, request) for value in secrets]


@pytest.fixture
def keys(site, tmp_path):
    """keys("k2", "k1") makes the site's key file have these, the first sealing."""
    made = {}
    path = tmp_path / "keys"

    def write(*ids):
        lines = [f"{id} {made.setdefault(id, base64.b64encode(os.urandom(32)).decode())}\n" for id in ids]
        path.write_text("# keys of secrets\n" + "".join(lines))
        site.configure(secrets={"key_file": str(path)})
    return write


def publish(site, *numbers):
    for n in numbers:
        site.publish({"type": "call.ended", "callID": f"c{n}", "n": n}, "acme")
    site.kafka.flush()


def registry_text(site):
    return b"".join(r.value or b"" for r in site.kafka.consume(site.topic("subscriptions"))).decode()


def test_signed_and_sealed(site, receiver, keys):
    """And nothing that anybody can read has the secret in it."""
    keys("k1")
    site.create_events_topic()
    site.configure(log={"level": "debug"})
    value, header = new_secret(), "Bearer hunter2hunter2"
    hook = subscription("acme", "hook", receiver.url(), secrets=[secret("a", value)],
                        headers={"authorization": header})
    applied = site.subscribe(hook)
    _, consumer = site.start_roles()
    publish(site, 0)
    request, = receiver.await_requests(1)
    assert is_signed(request, value)
    assert request.headers["authorization"] == header

    stored = site.kafka.latest(site.topic("subscriptions"))[b"acme/hook"].json()
    assert stored["secrets"][0]["secret"].startswith("sealed:k1:")
    assert stored["headers"]["authorization"].startswith("sealed:k1:")
    again = site.subscribe(hook)
    assert b"1 unchanged" in again.stdout
    assert b"1 unchanged" in site.subscribe({k: v for k, v in hook.items() if k != "secrets"}).stdout

    shown = site.cli("subscriptions", "get", "acme", "hook").stdout
    assert json.loads(shown)["secrets"] == [{"id": "a", "secret": "***"}]
    listed = site.cli("subscriptions", "list", "--json").stdout
    results = b"".join(r.value for r in site.kafka.consume(site.topic("results")))
    everything = [applied.stdout, applied.stderr, again.stdout, shown, listed, results,
                  consumer.probe("/endpoints")[1].encode(), consumer.log().encode(),
                  registry_text(site).encode()]
    for text in everything:
        assert value[6:].encode() not in text and header.encode() not in text


def test_each_attempt_is_signed_anew(site, receiver):
    site.create_events_topic()
    site.configure(consumer={"backoff_first": "2500ms", "backoff_max": "2500ms"})
    value = new_secret()
    receiver.behave("/hook", 503, 200)
    applied = site.subscribe(subscription("acme", "hook", receiver.url(), secrets=[secret("a", value)]))
    assert b"secrets.key_file is not set: the secrets of 1 subscriptions are readable" in applied.stderr
    site.start_roles()
    publish(site, 0)
    first, second = receiver.await_requests(2)
    assert is_signed(first, value) and is_signed(second, value)
    assert first.id == second.id
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_rotation_while_events_flow(site, receiver, keys):
    """The receiver changes its secret in between, and never has to refuse a request."""
    keys("k1")
    site.create_events_topic()
    old, new = new_secret(), new_secret()

    def hook(*secrets):
        return subscription("acme", "hook", receiver.url(), secrets=list(secrets))

    site.subscribe(hook(secret("old", old)))
    site.start_roles()
    publish(site, *range(20))
    receiver.await_requests(1)
    site.subscribe(hook(secret("new", new), secret("old", old, expires_at="2100-01-01T00:00:00Z")))
    publish(site, *range(20, 40))
    wait_until(lambda: publish(site, 40) or len(signatures(receiver.requests[-1])) == 2,
               what="both are used", interval=0.2)
    half = len(receiver.requests)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    site.subscribe(hook(secret("new", new), secret("old", old, expires_at=soon)))
    wait_until(lambda: publish(site, 41) or len(signatures(receiver.requests[-1])) == 1,
               what="the old one has expired", interval=0.2)
    requests = receiver.requests
    assert all(signature(old, r) in signatures(r) for r in requests[:half])
    assert is_signed(requests[half - 1], new, old)
    assert is_signed(requests[-1], new)
    for request in requests:
        wanted = [signature(new, request), signature(old, request)]
        assert set(signatures(request)) <= set(wanted)


def test_key_that_is_missing(site, receiver, keys):
    """Nothing is sent with a wrong signature or without one, nobody else suffers, and nothing is lost."""
    keys("k1")
    site.create_events_topic()
    value = new_secret()
    site.subscribe(subscription("acme", "hook", receiver.url(), secrets=[secret("a", value)]),
                   subscription("acme", "open", receiver.url("/open")))
    keys("k2")
    _, consumer = site.start_roles()
    publish(site, *range(50))
    receiver.await_requests(50, "/open")
    shown = consumer.await_endpoint("acme/hook", state="behind")
    assert "sealed with key k1, which is not in the key file" in shown["last_error"]["text"], shown
    assert consumer.metric("hookline_endpoints_sealed") == 1
    assert consumer.probe("/readyz")[0] == 200
    assert "acme/hook" in consumer.log() and "k1" in consumer.log()
    assert receiver.at("/hook") == []
    consumer.terminate()

    keys("k2", "k1")
    site.start("consumer", name="mended")
    requests = receiver.await_requests(50, "/hook")
    assert sorted(r.json()["n"] for r in requests) == list(range(50))
    assert all(is_signed(r, value) for r in requests)


def test_key_change(site, receiver, keys):
    keys("k1")
    site.create_events_topic()
    value = new_secret()
    site.subscribe(subscription("acme", "hook", receiver.url(), secrets=[secret("a", value)]),
                   subscription("acme", "plain", receiver.url("/plain")))
    keys("k2", "k1")
    assert site.cli("subscriptions", "reseal").stdout == b"1 sealed with key k2\n"
    assert site.cli("subscriptions", "reseal", "acme").stdout == b"0 sealed with key k2\n"
    keys("k2")
    site.start_roles()
    publish(site, 0)
    request, = receiver.await_requests(1, "/hook")
    assert is_signed(request, value)
    keys("k3")
    lost = site.cli("subscriptions", "reseal", check=False)
    assert lost.returncode == 1
    assert b"acme/hook: /secrets/a is sealed with key k2, which is not in the key file" in lost.stderr


def test_key_file_that_is_none(site, tmp_path):
    for text, fault in (("", "there is no key in it"), ("k1 c2hvcnQ=\n", "line 1: key k1 is not the base64")):
        (tmp_path / "bad").write_text(text)
        site.configure(secrets={"key_file": str(tmp_path / "bad")})
        done = site.cli("subscriptions", "list", check=False)
        assert done.returncode == 2
        assert f"secrets.key_file: {tmp_path / 'bad'}: {fault}" in done.stderr.decode()
        assert site.cli("check", check=False).returncode == 2
    site.configure(secrets={"key_file": str(tmp_path / "nowhere")})
    done = site.cli("consumer", check=False)
    assert done.returncode == 2 and b"No such file" in done.stderr
