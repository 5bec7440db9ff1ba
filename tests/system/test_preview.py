# SPDX-License-Identifier: Apache-2.0
"""The console shows the request that an event would become, exactly, without secrets, and sends nothing."""

import base64
import contextlib
import json
import os
import re

import pytest
from standardwebhooks.webhooks import Webhook

from api import Api
from test_api import OWN, new, registry
from test_signatures import new_secret, secret

FORMATS = ["raw", "standard", "cloudevents", "cloudevents-structured", "form", "xml"]
# What differs between two deliveries of the same event.
ITS_OWN = {"webhook-id", "webhook-timestamp", "webhook-signature", "traceparent"}
HEADERS = {"ce_id": "e-1", "ce_source": "/pbx", "ce_type": "call.ended", "ce_time": "2026-03-02T08:14:05Z",
           "ce_shard": "7", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
EVENT = {"type": "call.ended", "callID": "c-1", "note": "مرحبا <&>", "password": "hunter2hunter2", "n": [1, {"a": None}]}


@pytest.fixture
def api(site):
    return Api(site)


@pytest.fixture
def sealed(site, tmp_path):
    """A console that seals, with one subscription in each format."""
    for key in ("k1", "k2"):
        (tmp_path / key).write_text(f"{key} {base64.b64encode(os.urandom(32)).decode()}\n")
    site.configure(secrets={"key_file": str(tmp_path / "k1")})
    return Api(site)


def shown(api, id, body=None, **more):
    return api.ok("POST", f"{OWN}/{id}/preview", body, token="operator", **more)


def without_time(body):
    """Of the format `standard`, where it is that of the record."""
    return re.sub(r'^(\{"type":"[^"]+","timestamp":)"[^"]+"', r"\1", body)


def check_signature(value, body, headers):
    """The library reads the body as JSON when its signature was right."""
    with contextlib.suppress(json.JSONDecodeError):
        Webhook(value).verify(body, headers)


def test_what_is_shown_is_what_goes_out(sealed, site, receiver):
    api, value = sealed, new_secret()
    site.create_events_topic()
    site.start_roles()
    for name in FORMATS:
        api.ok("POST", OWN, new(
            name, receiver.url(f"/{name}?key=s3cret"), format=name, trace=True, headers={"x-api-key": "k3ys3cret"},
            auth={"basic": {"username": "u", "password": "pa55w0rd"}}, secrets=[secret("a", value)]))
    before = registry(site)
    previews = {name: shown(api, name, {"body": EVENT, "headers": HEADERS}) for name in FORMATS}
    assert receiver.connections == 0 and registry(site) == before
    assert not site.kafka.end(site.deliveries_topic("acme"))

    site.publish(json.dumps(EVENT, ensure_ascii=False), "acme", headers=HEADERS)
    for request in receiver.await_requests(len(FORMATS)):
        name = request.path.strip("/").partition("?")[0]
        preview = previews[name]
        assert preview["method"] == request.method == "POST"
        assert preview["url"] == receiver.url(f"/{name}?***")
        assert "hunter2" not in preview["body"]
        assert without_time(preview["body"]) == without_time(request.body.decode()), name
        sent = {n: v for n, v in request.headers.items() if n not in ITS_OWN | {"host", "content-length"}}
        would = {n: v for n, v in preview["headers"].items() if n not in ITS_OWN}
        hidden = {"x-api-key", "authorization"}
        assert {n: v for n, v in sent.items() if n not in hidden} == {
            n: v for n, v in would.items() if n not in hidden}, name
        assert {would[n] for n in hidden} == {"***"} and hidden <= set(sent)
        check_signature(value, request.body, request.headers)
        check_signature(value, preview["body"], preview["headers"])
        assert preview["headers"]["webhook-id"].startswith("msg_preview_")
        trace_ids = {h["traceparent"].split("-")[1] for h in (HEADERS, request.headers, preview["headers"])}
        assert len(trace_ids) == 1


def test_what_is_left_out_is_filled_in(api):
    api.ok("POST", OWN, new(events=["app.own", "call.ringing"], format="cloudevents"))
    preview = shown(api, "orders")
    assert preview["headers"]["hookline-event"] == preview["headers"]["ce-type"] == "call.ringing"
    assert preview["headers"]["ce-partitionkey"] and json.loads(preview["body"])
    assert shown(api, "orders", {"type": "agent.login"})["headers"]["hookline-event"] == "agent.login"
    assert shown(api, "orders", {"body": {}, "headers": {"ce_type": "app.x"}})["headers"]["hookline-event"] == "app.x"
    envelope = {"specversion": "1.0", "id": "e", "source": "/s", "type": "app.y", "data": {"callID": "c"}}
    preview = shown(api, "orders", {"body": envelope, "headers": {"content-type": "application/cloudevents+json"}})
    assert (preview["headers"]["ce-type"], preview["headers"]["ce-source"]) == ("app.y", "/s")
    assert preview["headers"]["ce-partitionkey"] == "c" and json.loads(preview["body"]) == {"callID": "c"}
    # Disabled ones, too: nothing is sent.
    api.ok("POST", OWN + "/orders/disable")
    shown(api, "orders")


def test_what_cannot_be_rendered(api):
    path = OWN + "/orders/preview"
    api.ok("POST", OWN, new(format="form"))
    many = {"n" * 10000: list(range(1000))}
    for body, said in (
            ({"body": many}, "bytes as a form"),
            ({"type": "app.own"}, "no sample"),
            ({"body": {"a": {}}, "headers": {"content-type": "application/cloudevents+json"}}, "/body"),
            ({"body": {}, "headers": {"content-type": "application/cloudevents-batch+json"}}, "/body"),
            ({"body": {}, "headers": {"ce_type": "a b"}}, "/type")):
        assert said in api.refused(422, "POST", path, body, token="operator"), said
    deep = b'{"body":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}"
    assert "nested deeper" in api.refused(422, "POST", path, data=deep, token="operator")
    for body, pointers in (
            ({"type": "a b", "body": 1, "headers": [], "x": 1}, {"/type", "/body", "/headers", "/x"}),
            ({"headers": {f"h{n}": "" for n in range(33)}}, {"/headers"}),
            ({"headers": {"a": "v" * 1025}}, {"/headers"}),
            ({"headers": {"a\nb": "v"}}, {"/headers"}),
            ({"subscription": {}}, {"/subscription"})):
        errors = api.call("POST", path, body).json["errors"]
        assert {e["pointer"] for e in errors} == pointers
    # A header's value may be anything; the request's cannot.
    headers = {"ce_a": "x\r\ny: z", "ce_b": "é\t%", "traceparent": "00\r\nx: y"}
    api.ok("POST", OWN, new("ce", format="cloudevents", trace=True))
    got = shown(api, "ce", {"body": {}, "headers": headers})["headers"]
    assert "ce-a" not in got and "traceparent" not in got and "\n" not in json.dumps(got)


def test_who_may(api):
    """It is signed, and says what one likes: so it takes the role that may have a test sent."""
    api.ok("POST", OWN, new())
    given = {"subscription": new()}
    for path, body in ((OWN + "/orders/preview", {}), ("/tenants/acme/preview", given)):
        assert "needs the role operator" in api.refused(403, "POST", path, body, token="viewer")
        api.refused(401, "POST", path, body, token=None)
        api.refused(404, "POST", path, body, token="other")
        api.ok("POST", path, body, token="operator")
        api.ok("POST", path, body, token="root")
    assert "no subscription" in api.refused(404, "POST", OWN + "/nothing/preview")


def test_secrets_that_do_not_open(sealed, site, tmp_path):
    sealed.ok("POST", OWN, new())
    sealed.start(secrets={"key_file": str(tmp_path / "k2")})
    assert "sealed with key k1" in sealed.refused(422, "POST", OWN + "/orders/preview")
    sealed.start(secrets={"key_file": ""})
    assert "no key file" in sealed.refused(422, "POST", OWN + "/orders/preview")


def test_of_one_that_does_not_exist(api, site):
    path = "/tenants/acme/preview"
    given = new(headers={"x-api-key": "k3ys3cret"}, secrets=[secret("a", value := new_secret())])
    site.hidden |= {value.encode(), b"k3ys3cret"}
    preview = api.ok("POST", path, {"subscription": given, "type": "call.ended", "body": {"callID": "c"}})
    assert preview["headers"]["x-api-key"] == "***" and preview["body"] == '{"callID":"c"}'
    Webhook(value).verify(preview["body"], preview["headers"])
    # Without secrets it would get one.
    preview = api.ok("POST", path, {"subscription": {"url": "https://hooks.example.com/", "events": ["*"]}})
    assert preview["headers"]["webhook-signature"].startswith("v1,")
    for body, pointers in (
            ({}, {"/subscription"}),
            ({"subscription": []}, {"/subscription"}),
            ({"subscription": {}}, {"/subscription/url", "/subscription/events"}),
            ({"subscription": new(ulr="x")}, {"/subscription/ulr"}),
            ({"subscription": new(tenant="other")}, {"/subscription/tenant"}),
            ({"subscription": new(headers={"x": "***"})}, {"/subscription/headers/x"}),
            ({"subscription": new(headers={"x": "sealed:k1:AAAA"})}, {"/subscription/headers/x"}),
            ({"subscription": new(), "body": 1, "x": 1}, {"/body", "/x"})):
        errors = api.call("POST", path, body).json["errors"]
        assert {e["pointer"] for e in errors} == pointers, errors
    assert registry(site) == {} and api.ok("GET", OWN)["subscriptions"] == []
    assert not site.kafka.partitions(site.deliveries_topic("acme"))


def test_a_test_leaves_out_what_is_denied(api, site, receiver):
    """As deliveries do."""
    site.start("consumer")
    api.ok("POST", OWN, new(url=receiver.url()))
    body = {"callID": "c", "password": "hunter2"}
    preview = shown(api, "orders", {"body": body})
    api.ok("POST", OWN + "/orders/test", {"body": body})
    request, = receiver.await_requests(1)
    assert request.body.decode() == preview["body"] == '{"callID":"c"}'
