# SPDX-License-Identifier: Apache-2.0
"""With console.handshake_origin an endpoint is asked whether it wants requests before a subscription gets its URL,
and has to agree."""

import concurrent.futures
import socket
import subprocess
import time

import pytest

from api import Api
from harness import Answer, Receiver, wait_until
from test_api import OWN, new, registry

ORIGIN = "hookline.example.com"
ON = {"handshake_origin": ORIGIN, "handshake_rate": 600}


@pytest.fixture
def api(site):
    return Api(site, console=ON)


def allow(origin=ORIGIN, rate=None, status=200, **more):
    headers = {"WebHook-Allowed-Origin": origin} if origin is not None else {}
    if rate is not None:
        headers["WebHook-Allowed-Rate"] = rate
    return Answer(status, headers=headers, **more)


def asked(receiver, path="/hook"):
    return [r for r in receiver.at(path) if r.method == "OPTIONS"]


def test_who_agrees_is_taken(api, site, receiver):
    receiver.behave("/hook", allow())
    receiver.behave("/other?a=b", allow("*", status=204))
    given = new(url=receiver.url(), headers={"x-api-key": "k3ys3cret"},
                auth={"basic": {"username": "u", "password": "pa55w0rd"}})
    api.ok("POST", OWN, given, headers={"idempotency-key": "k"})
    request, = asked(receiver)
    assert request.headers["webhook-request-origin"] == ORIGIN
    assert request.headers["webhook-request-rate"] == "600"
    assert request.headers["user-agent"].startswith("Hookline/")
    assert request.body == b""
    # Nobody has said yet that it wants to know those.
    for name in ("x-api-key", "authorization", "webhook-signature", "content-type"):
        assert name not in request.headers
    # Nothing else asks: not the same request again, nor what leaves the URL alone.
    api.ok("POST", OWN, given, headers={"idempotency-key": "k"})
    api.ok("PATCH", OWN + "/orders", {"name": "n", "headers": {"x-api-key": "other"}})
    api.ok("PUT", OWN + "/orders", new(url=receiver.url()))
    for act in ("disable", "enable", "reset", "rotate-secret"):
        api.ok("POST", f"{OWN}/orders/{act}")
    assert len(receiver.requests) == 1
    api.ok("PATCH", OWN + "/orders", {"url": receiver.url("/other?a=b")})
    assert len(asked(receiver, "/other?a=b")) == 1
    api.ok("PUT", OWN + "/orders", new(url=receiver.url()))
    assert len(asked(receiver)) == 2
    assert registry(site)["acme/orders"]["url"] == receiver.url()


REFUSALS = {
    "status": (allow(status=405), "with 405, and not with 2xx"),
    "server": (allow(status=500), "with 500"),
    "redirect": (Answer(301, headers={"Location": "/yes", "WebHook-Allowed-Origin": "*"}), "with 301"),
    "missing": (allow(None, body=b"h1dden"), "with 200, but without WebHook-Allowed-Origin"),
    "only the rate": (allow(None, "100"), "without WebHook-Allowed-Origin"),
    "another": (allow("other.example"), 'is other.example, and neither "hookline.example.com" nor "*"'),
    "several": (allow("*, h1dden"), "is something else"),
    "rate 0": (allow(rate="0"), "WebHook-Allowed-Rate"),
    "no rate": (allow(rate="h1dden"), "WebHook-Allowed-Rate"),
    "drop": (Answer(drop=True), "did not answer the handshake (broken)"),
    "no HTTP": (Answer(raw=b"h1dden\r\n\r\n", close=True), "did not answer the handshake (broken)"),
    "hang": (Answer(hang=True), "did not answer the handshake (timeout)"),
    "slow": (allow(delay=3), "(timeout)"),
    "after too many others": (Answer(headers={f"x-{n}": "v" for n in range(40)} | {"WebHook-Allowed-Origin": "*"}),
                     "without WebHook-Allowed-Origin"),
}


@pytest.mark.parametrize("which", REFUSALS)
def test_who_does_not_agree_is_not(api, site, receiver, which):
    answer, said = REFUSALS[which]
    receiver.behave("/hook", answer)
    receiver.behave("/first", allow())
    reply = api.call("POST", OWN, new(url=receiver.url(), timeout_ms=1000))
    assert reply.status == 422 and said in reply.json["detail"], reply
    assert [e["pointer"] for e in reply.json["errors"]] == ["/url"]
    assert "h1dden" not in reply.body.decode() + api.console.log()
    assert registry(site) == {} and not site.kafka.partitions(site.deliveries_topic("acme"))
    api.ok("POST", OWN, new(url=receiver.url("/first"), timeout_ms=1000))
    assert said in api.refused(422, "PATCH", OWN + "/orders", {"url": receiver.url()})
    assert registry(site)["acme/orders"]["url"] == receiver.url("/first")
    assert receiver.at("/yes") == []


def test_who_is_not_there(site, receiver):
    api = Api(site, console=ON, egress={"allow_private": False})
    for url, said in ((receiver.url(), "(blocked)"), ("http://no-such-host.invalid/", "(dns)")):
        assert said in api.refused(422, "POST", OWN, new(url=url))
    assert receiver.connections == 0
    api.start(console=ON)
    assert "(connect)" in api.refused(422, "POST", OWN, new(url="http://127.0.0.1:1/"))
    assert registry(site) == {}


def test_the_rate_that_it_allows(api, receiver):
    def made(rate, **given):
        receiver.behave("/hook", allow(rate=rate))
        limit = api.ok("POST", OWN, new(f"s{len(api.ok('GET', OWN)['subscriptions'])}", receiver.url(), **given))
        return limit.get("rate_limit")

    assert made(None) is None and made("*") is None
    assert made("120") == {"per_second": 2}
    assert made("30") == {"per_second": 0.5}
    assert made("999999999") == {"per_second": 10000}
    assert made("120", rate_limit={"per_second": 5, "burst": 3}) == {"per_second": 2, "burst": 3}
    assert made("120", rate_limit={"per_second": 1}) == {"per_second": 1}
    assert made("*", rate_limit={"per_second": 5}) == {"per_second": 5}
    assert made("1")["per_second"] == pytest.approx(1 / 60)
    receiver.behave("/new", allow(rate="60"))
    changed = api.ok("PATCH", OWN + "/s0", {"url": receiver.url("/new")})
    assert changed["rate_limit"] == {"per_second": 1}
    assert api.ok("GET", OWN + "/s0")["rate_limit"] == {"per_second": 1}


def test_without_the_rate(site, receiver):
    receiver.behave("/hook", allow())
    api = Api(site, console={"handshake_origin": ORIGIN})
    api.ok("POST", OWN, new(url=receiver.url()))
    assert "webhook-request-rate" not in asked(receiver)[0].headers


def test_its_tls_settings_apply(api, site):
    certificate, key = site.directory / "cert.pem", site.directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    receiver = Receiver(tls=(certificate, key))
    receiver.behave("/hook", allow())
    assert "(tls)" in api.refused(422, "POST", OWN, new(url=receiver.url()))
    api.ok("POST", OWN, new(url=receiver.url(), tls={"ca": certificate.read_text()}))
    assert len(asked(receiver)) == 1
    receiver.close()


def test_a_client_that_goes_away(api, site, receiver):
    """What it asked for is done all the same, as with every change."""
    receiver.behave("/hook", allow(delay=1))
    body = b'{"id":"orders","url":"%s","events":["*"]}' % receiver.url().encode()
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(b"POST /api/v1%s HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %s\r\n"
                       b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
                           OWN.encode(), api.tokens["admin"].encode(), len(body), body))
        receiver.await_requests(1)
    wait_until(lambda: api.call("GET", OWN + "/orders").status == 200, 20, "it is there")
    assert len(receiver.requests) == 1


def test_a_process_that_ends_meanwhile(api, site, receiver):
    """Nothing was written, and whoever asks again is served."""
    receiver.behave("/hook", Answer(hang=True), Answer(hang=True), allow())
    given = new(url=receiver.url())
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reply = pool.submit(api.call, "POST", OWN, given)
        receiver.await_requests(1)
        began = time.monotonic()
        assert api.console.terminate(10) == 0
        assert time.monotonic() - began < 5
        assert reply.result().status == 503
        api.console.start()
        reply = pool.submit(api.call, "POST", OWN, given)
        receiver.await_requests(2)
        api.console.kill9()
        assert isinstance(reply.exception(), OSError)
        api.console.start()
    assert registry(site) == {}
    assert api.ok("POST", OWN, given)["version"] == 1
    assert len(receiver.requests) == 3


def test_a_change_that_comes_first(api, receiver):
    """While an endpoint is asked nobody else has to wait; If-Match holds for what was there when it is written."""
    receiver.behave("/slow", allow(delay=2))
    for path in ("/hook", "/fast"):
        receiver.behave(path, allow())
    api.ok("POST", OWN, new(url=receiver.url()))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        replies = [pool.submit(api.call, "PATCH", OWN + "/orders", {"url": receiver.url("/slow")}, headers=headers)
                   for headers in ({"if-match": '"1"'}, {})]
        receiver.await_requests(2, "/slow")
        assert api.ok("PATCH", OWN + "/orders", {"url": receiver.url("/fast")})["version"] == 2
        conditional, other = [reply.result() for reply in replies]
    assert conditional.status == 412 and other.status == 200
    assert other.json["url"] == receiver.url("/slow") and other.json["version"] == 3


def test_how_many_at_a_time(api, receiver):
    """Of one tenant 8; another one is asked all the same."""
    receiver.behave("/hang", Answer(hang=True))
    receiver.behave("/hook", allow())
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        replies = [pool.submit(api.call, "POST", OWN, new(f"s{n}", receiver.url("/hang"), timeout_ms=4000))
                   for n in range(12)]
        receiver.await_requests(8, "/hang")
        other = api.call("POST", "/tenants/other/subscriptions", new(url=receiver.url()), token="other")
        assert other.status == 201
        replies = [reply.result() for reply in replies]
    refused = [r for r in replies if r.status == 429]
    assert len(refused) == 4 and all(int(r.headers["retry-after"]) >= 1 for r in refused)
    assert [r.status for r in replies].count(422) == 8
    receiver.behave("/hang", allow())
    api.ok("POST", OWN, new("s0", receiver.url("/hang")))


def test_a_wrong_origin_is_said_at_the_start(site):
    for console in ({"handshake_origin": "https://a.example"}, {"handshake_origin": "a b"}, {"handshake_rate": -1}):
        site.configure(console=console)
        done = site.cli("check", check=False)
        assert done.returncode == 2 and b"console.handshake" in done.stderr + done.stdout
