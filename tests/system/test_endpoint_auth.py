# SPDX-License-Identifier: Apache-2.0
"""Endpoints that want to know who calls: OAuth 2.0 with a token endpoint that has moods, HTTP Basic, and client
certificates before an nginx. And that nobody else gets to know it."""

import base64
import json
import os
import time

import pytest

from api import Api
from harness import TOKEN_PREFIX, WAIT_S, Site, subscription, wait_until
from test_engine import HOOK, QUICK, letters, numbers_of, publish
from test_samples import schema
from test_test_deliveries import ask, result_of
from tls import Authority, Nginx

@pytest.fixture
def running(site):
    """A site with its events topic, made quick."""
    site.create_events_topic()
    site.configure(**QUICK)
    return site


@pytest.fixture
def sealed(running, tmp_path):
    """The same with a key file."""
    (tmp_path / "keys").write_text(f"k1 {base64.b64encode(os.urandom(32)).decode()}\n")
    running.configure(secrets={"key_file": str(tmp_path / "keys")}, log={"level": "debug"})
    return running


def hook(receiver, tokens, **more):
    return subscription("acme", "hook", receiver.url(), auth=tokens.auth(), **more)


def wants_token(receiver, tokens, path="/hook"):
    receiver.behave(path, lambda request: 200 if tokens.accepts(request) else 401)


def await_delivered(site, count):
    """Results of all attempts, when so many were delivered; each is right by its schema."""
    site.await_results(count, lambda result: result["outcome"] == "delivered")
    results = site.results()
    for result in results:
        schema("result").validate(result)
    return results


def first_time(results):
    """Whether each was delivered by its first attempt: none was charged another."""
    return {(r["outcome"], r["attempt"]) for r in results} == {("delivered", 1)}


def publish_while(site, condition, interval=0.02):
    """Publishes events, numbered from 0, for as long as it holds; returns how many."""
    count, deadline = 0, time.monotonic() + WAIT_S
    while condition():
        assert time.monotonic() < deadline
        publish(site, [count])
        count += 1
        time.sleep(interval)
    return count


# --- OAuth 2.0 -----------------------------------------------------------------------------------


def test_tokens_that_expire_while_events_flow(running, receiver, tokens):
    """Tokens of 2 s, several of them: they are renewed in time, so that no request has one that is too old."""
    site = running
    tokens.expires_in = 2
    wants_token(receiver, tokens)
    site.subscribe(hook(receiver, tokens))
    site.start_roles()
    count = publish_while(site, lambda: len(tokens.asked) < 4)
    results = await_delivered(site, count)
    assert first_time(results) and len(results) == count
    assert sorted(numbers_of(receiver.requests)) == list(range(count))
    assert {r.status for r in receiver.requests} == {200}
    used = list(dict.fromkeys(r.headers["authorization"] for r in receiver.requests))
    assert len(used) >= 3 and len(tokens.asked) <= 6


@pytest.mark.parametrize("place", ["header", "body"])
def test_how_a_token_is_asked_for(running, receiver, tokens, place):
    site = running
    tokens.client = ("a client:ü%", "s3cr&t+=: ü%zz")
    wants_token(receiver, tokens)
    more = {"credentials_in": place, "scope": "calls.write b&c", "audience": "https://crm.example/ä"}
    site.subscribe(subscription("acme", "hook", receiver.url(), auth=tokens.auth(**more)))
    site.start_roles()
    publish(site, range(20))
    assert first_time(await_delivered(site, 20))
    asked, = tokens.asked
    assert asked.place == place and asked.client == tokens.client
    assert asked.form["scope"] == more["scope"] and asked.form["audience"] == more["audience"]


def test_client_that_is_refused(running, receiver, tokens):
    """Tried again, and said why, without the secret; delivered when it is put right."""
    site = running
    tokens.refuse = True
    wants_token(receiver, tokens)
    site.subscribe(hook(receiver, tokens))
    _, consumer = site.start_roles()
    publish(site, range(5))
    for result in site.await_results(3, lambda r: r["outcome"] == "retry"):
        assert result["error"] == "The token endpoint answered 401 (invalid_client)"
        assert "status" not in result
    shown = wait_until(lambda: (consumer.endpoint(HOOK) or {}).get("last_error"), what="an error is shown")
    assert shown["text"] == "token: The token endpoint answered 401 (invalid_client)"
    assert receiver.requests == []
    tokens.refuse = False
    results = await_delivered(site, 5)
    assert sorted(numbers_of(receiver.requests)) == list(range(5))
    assert {r["outcome"] for r in results} == {"retry", "delivered"}
    assert letters(site, "rejected", 0) == []


def test_client_secret_that_was_wrong(running, receiver, tokens):
    """`apply` puts it right."""
    site = running
    wants_token(receiver, tokens)
    site.subscribe(subscription("acme", "hook", receiver.url(), auth=tokens.auth(client_secret="not-the-right-one")))
    site.start_roles()
    publish(site, [0])
    site.await_results(1, lambda r: r.get("error") == "The token endpoint answered 401 (invalid_client)")
    site.subscribe(hook(receiver, tokens))
    request, = receiver.await_requests(1)
    assert tokens.accepts(request)


def test_token_endpoint_that_is_slow(running, receiver, tokens):
    """Who comes meanwhile waits for the same token; a time-out is that of the request with the wait for it."""
    site = running
    tokens.delay = 1.5
    wants_token(receiver, tokens)
    site.subscribe(hook(receiver, tokens, timeout_ms=60000))
    site.start_roles()
    publish(site, range(20))
    assert first_time(await_delivered(site, 20))
    assert len(tokens.asked) == 1

    tokens.delay = 60
    site.subscribe(hook(receiver, tokens, timeout_ms=400))
    publish(site, [20])
    slow, *_ = site.await_results(1, lambda r: r["outcome"] == "retry")
    assert slow["error"].startswith("Token endpoint: Operation timed out"), slow
    tokens.delay = 0
    receiver.await_requests(1, where=lambda r: r.json()["n"] == 20 and r.status == 200)


@pytest.mark.parametrize("answer, error", [
    ((200, b"<html>sign in</html>"), "The token endpoint's answer is no JSON object"),
    ((200, b'{"token": "x"}'), "The token endpoint's answer has no access_token"),
    ((200, b'{"access_token": "x\\r\\nx-evil: 1", "token_type": "Bearer"}'),
     "The token endpoint's access_token is no bearer token (RFC 6750)"),
    ((200, b'{"access_token": "x", "token_type": "mac"}'), "The token endpoint's token_type is not Bearer"),
    ((302, b""), "The token endpoint answered 302"),
    ((500, b"\xff" * 200_000), "The token endpoint answered 500"),
], ids=["html", "none", "injection", "mac", "302", "500"])
def test_token_endpoint_that_talks_nonsense(running, receiver, tokens, answer, error):
    site = running
    tokens.answer = answer
    wants_token(receiver, tokens)
    site.subscribe(hook(receiver, tokens))
    site.start_roles()
    publish(site, [0])
    retry, *_ = site.await_results(1, lambda r: r["outcome"] == "retry")
    assert retry["error"] == error
    assert receiver.requests == []
    tokens.answer = None
    request, = receiver.await_requests(1)
    assert request.status == 200 and "x-evil" not in request.headers


def test_tokens_revoked_in_mid_flow(running, receiver, tokens):
    """Each event is delivered, by its first attempt: a request that is made again with a new token is the same one."""
    site = running
    wants_token(receiver, tokens)
    site.subscribe(hook(receiver, tokens))
    site.start_roles()
    publish(site, [10**6])
    receiver.await_requests(1)
    revoked = 0

    def goes_on():
        nonlocal revoked
        # A token that is refused in its first second is taken for one that is not at fault.
        if revoked + 1 == tokens.issued and time.monotonic() > tokens.issued_at + 2.5:
            tokens.revoke()
            revoked += 1
        return tokens.issued < 4

    count = publish_while(site, goes_on) + 1
    results = await_delivered(site, count)
    assert first_time(results) and len(results) == count
    taken = [r for r in receiver.requests if r.status == 200]
    assert len({r.id for r in taken}) == len(taken) == count
    refused = [r for r in receiver.requests if r.status == 401]
    assert len(refused) >= revoked == 3
    assert {r.headers["hookline-attempt"] for r in receiver.requests} == {"1"}
    assert {r.id for r in refused} <= {r.id for r in taken}
    assert len(tokens.asked) == 4


def test_tokens_that_are_never_accepted(running, receiver, tokens):
    """Then 401 is the endpoint's answer like any other: three attempts, and a dead letter."""
    site = running
    receiver.behave("/hook", 401)
    site.subscribe(hook(receiver, tokens))
    site.start_roles()
    publish(site, [0])
    letter, = letters(site, "rejected", 1)
    assert letter.text("hookline-status") == "401" and letter.text("hookline-attempts") == "3"
    assert len(receiver.requests) <= 6 and len(tokens.asked) <= 4


def test_token_endpoint_where_nobody_may_go(running, receiver, tokens):
    """The guard looks at it, too."""
    site = running
    site.subscribe(hook(receiver, tokens))
    site.start("bridge")
    site.start("consumer", egress={"allow_private": False})
    publish(site, [0])
    letter, = letters(site, "blocked_address", 1)
    assert "Token endpoint: " in letter.text("hookline-detail") and "loopback" in letter.text("hookline-detail")
    assert tokens.asked == [] and receiver.connections == 0


def test_stop_while_a_token_is_awaited(running, receiver, tokens):
    """The process ends in good order, and whoever comes next delivers."""
    site = running
    tokens.delay = 60
    wants_token(receiver, tokens)
    site.configure(consumer={"drain_timeout": "500ms"})
    site.subscribe(hook(receiver, tokens, timeout_ms=60000))
    _, consumer = site.start_roles()
    publish(site, range(10))
    wait_until(lambda: tokens.asked, what="a token is asked for")
    assert consumer.terminate() == 0
    tokens.delay = 0
    consumer.start()
    assert {r["outcome"] for r in await_delivered(site, 10)} == {"delivered"}
    assert sorted(numbers_of(receiver.requests)) == list(range(10))


# --- HTTP Basic ----------------------------------------------------------------------------------


def test_basic(sealed, receiver):
    """Of UTF-8 (RFC 7617, 2.1), and with colons in the password."""
    site = sealed
    user, password = "Jürgen €", "pä:sswörd — \"q\" \\"
    site.subscribe(subscription(
        "acme", "hook", receiver.url(), auth={"basic": {"username": user, "password": password}}))
    site.start_roles()
    publish(site, [0])
    request, = receiver.await_requests(1)
    scheme, _, value = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(value, validate=True).decode() == f"{user}:{password}"
    site.await_no_lag("acme")


# --- What is shown -------------------------------------------------------------------------------


def auths(tokens, certificate):
    """Subscriptions with a secret of each kind: fields, and where in them it stands."""
    yield "basic", {"auth": {"basic": {"username": "crm", "password": "hunter2hunter2"}}}, ("auth", "basic", "password")
    yield "oauth2", {"auth": tokens.auth()}, ("auth", "oauth2", "client_secret")
    yield "tls", {"tls": {"client_certificate": certificate.pem, "client_key": certificate.key}}, ("tls", "client_key")


def at(value, path):
    for name in path:
        value = value[name]
    return value


def test_sealed_and_never_shown(sealed, receiver, tokens, authority):
    """In Kafka they are sealed, and wherever a subscription is shown they are "***", which can be written back."""
    site, kinds = sealed, list(auths(tokens, authority.issue("client-shown")))
    hooks = [subscription("acme", id, "https://hooks.example.com/in", **more) for id, more, _ in kinds]
    texts = [site.subscribe(*hooks)]
    again = site.subscribe(*hooks)
    assert b"3 unchanged" in again.stdout
    stored = site.kafka.latest(site.topic("subscriptions"))
    listed = site.cli("subscriptions", "list", "--json")
    api = Api(site)
    for id, more, path in kinds:
        assert at(stored[f"acme/{id}".encode()].json(), path).startswith("sealed:k1:")
        shown = site.cli("subscriptions", "get", "acme", id)
        assert at(json.loads(shown.stdout), path) == "***"
        own = f"/tenants/acme/subscriptions/{id}"
        by_api = api.ok("GET", own)
        assert at(by_api, path) == "***"
        replaced = api.ok("PUT", own, by_api | {"name": "changed"})
        assert at(replaced, path) == "***" and replaced["version"] == 2
        assert at(api.ok("PATCH", own, {"description": "again"}), path) == "***"
        texts.append(shown)
    # A key that is there and a certificate that is another's are no pair.
    other = {"tls": {"client_certificate": authority.issue("client-other").pem, "client_key": "***"}}
    refused = api.call("PATCH", own, other)
    assert refused.status == 422 and "client_key is not the key" in refused.body.decode(), refused
    # Hidden values are as they were: to apply the file again changes nothing but what was changed beside them.
    change = site.cli("subscriptions", "apply", "-f", site.directory / "subscriptions.json", "--dry-run")
    lines = change.stdout.decode().splitlines()
    assert lines[:len(kinds)] == [f"~ acme/{id}  (name, description)" for id, _, _ in kinds]
    registry = b"".join(r.value or b"" for r in site.kafka.consume(site.topic("subscriptions")))
    said = b"".join(done.stdout + done.stderr for done in [*texts, again, listed])
    assert site.hidden and not [hidden for hidden in site.hidden if hidden in registry or hidden in said]


def kinds_of_secrets(tokens, certificate):
    oauth2 = tokens.auth()["oauth2"]
    basic = base64.b64encode(f"{oauth2['client_id']}:{oauth2['client_secret']}".encode())
    return {
        "password": "hunter2hunter2", "basic": base64.b64encode(b"crm:hunter2hunter2").decode(),
        "client_secret": oauth2["client_secret"], "client": basic.decode(), "token": TOKEN_PREFIX + "x" * 43,
        "key": certificate.key, "a line of it": certificate.key.splitlines()[1]}


def test_what_is_shown_would_be_found(kafka, tmp_path, tokens, authority):
    """By the search that ends each test: in a topic or a log."""
    certificate = authority.issue("client-found")
    for n, (kind, text) in enumerate(kinds_of_secrets(tokens, certificate).items()):
        site = Site(kafka, tmp_path / str(n))
        site.directory.mkdir()
        for id, more, _ in auths(tokens, certificate):
            site.hide(subscription("acme", id, "https://hooks.example.com/in", **more))
        kafka.create_topic(site.topic("results"))
        kafka.produce(site.topic("results"), {"error": "nothing"})
        kafka.flush()
        assert site._leaks() == []
        kafka.produce(site.topic("results"), {"error": f"so {text} it is"})
        kafka.flush()
        assert site._leaks() == [f"{site.topic('results')} has a secret in it"], kind


def test_test_deliveries(sealed, receiver, tokens):
    """By the API: the request is shown, and who makes it is not; nor is it where no token can be had."""
    site = sealed
    wants_token(receiver, tokens)
    api = Api(site)
    site.start("consumer")
    new = hook(receiver, tokens)
    site.hide(new)
    own = "/tenants/acme/subscriptions"
    made = api.ok("POST", own, {name: value for name, value in new.items() if name != "tenant"})
    assert made["auth"]["oauth2"]["client_secret"] == "***"
    result = api.ok("POST", own + "/hook/test")
    assert (result["outcome"], result["status"]) == ("delivered", 200)
    assert result["exchange"]["request"]["headers"]["authorization"] == "***"
    request, = receiver.requests
    assert tokens.accepts(request) and len(tokens.asked) == 1

    tokens.refuse = True
    result = api.ok("POST", own + "/hook/test")
    assert result["outcome"] == "failed" and "status" not in result
    assert result["error"] == "The token endpoint answered 401 (invalid_client)"
    assert len(receiver.requests) == 1
    record = result_of(site, ask(site))  # the record of one is right by its schema, too
    assert record["outcome"] == "failed" and "invalid_client" in record["error"]


def test_test_delivery_with_basic(running, receiver):
    site = running
    site.subscribe(subscription(
        "acme", "hook", receiver.url(), auth={"basic": {"username": "crm", "password": "hunter2hunter2"}}))
    site.start("consumer")
    result = result_of(site, ask(site))
    assert result["exchange"]["request"]["headers"]["authorization"] == "***"
    assert receiver.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"crm:hunter2hunter2").decode()


# --- Certificates --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Of our endpoints and clients: no public one."""
    return Authority(tmp_path_factory.mktemp("authority"), "private-ca")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "another-ca")


@pytest.fixture
def server(receiver, authority, tmp_path):
    """nginx with a certificate of `authority`, which asks for one of it."""
    nginx = Nginx(tmp_path / "nginx", receiver, authority.issue("server"), clients=authority)
    yield nginx
    nginx.close()


def mutual(server, authority, client, **more):
    tls = {"ca": authority.pem}
    if client:
        tls |= {"client_certificate": client.pem, "client_key": client.key}
    return subscription("acme", "hook", server.url(), tls=tls, **more)


def clients_of(requests):
    return [r.headers.get("x-client") for r in requests]


def test_client_certificate(sealed, receiver, server, authority):
    """Both sides prove who they are, and connections are kept."""
    site = sealed
    site.subscribe(mutual(server, authority, authority.issue("client-a")))
    site.start_roles()
    publish(site, range(30), calls=1)
    receiver.await_requests(30)
    assert first_time(await_delivered(site, 30))
    assert set(clients_of(receiver.requests)) == {"CN=client-a"}
    assert len({r.headers["x-connection"] for r in receiver.requests}) <= 3


def test_authority_that_is_not_the_endpoints(running, receiver, server, authority, stranger):
    """Neither those of the system nor another one: no request is made. It is tried again, and put right by `apply`."""
    site, client = running, authority.issue("client-b")
    for n, wrong in enumerate((None, stranger)):
        one = mutual(server, wrong or authority, client)
        if not wrong:
            del one["tls"]["ca"]
        site.subscribe(one)
        if n == 0:
            _, consumer = site.start_roles()
        before = len(site.results())
        publish(site, [n])
        wait_until(lambda before=before: len(site.results()) > before, what="it was tried")
        result = site.results()[-1]
        assert result["outcome"] == "retry" and "certificate" in result["error"], result
        shown = wait_until(lambda: (consumer.endpoint(HOOK) or {}).get("last_error"), what="an error is shown")
        assert shown["text"].startswith("tls: "), shown
    assert receiver.requests == []
    site.subscribe(mutual(server, authority, client))
    assert sorted(numbers_of(receiver.await_requests(2))) == [0, 1]
    assert set(clients_of(receiver.requests)) == {"CN=client-b"}


def test_client_certificate_that_is_not_accepted(running, receiver, server, authority, stranger):
    """None, and one of another authority: nginx answers 400, which is a rejection (docs/contract.md)."""
    site = running
    none, wrong = mutual(server, authority, None), mutual(server, authority, stranger.issue("client-c"))
    site.subscribe(none | {"id": "none"}, wrong | {"id": "wrong"})
    site.start_roles()
    publish(site, [0])
    for id in ("none", "wrong"):
        letter, = letters(site, "rejected", 1, key=f"acme/{id}")
        assert letter.text("hookline-status") == "400" and letter.text("hookline-attempts") == "3"
        assert "SSL" in letter.text("hookline-response")
    assert receiver.requests == []


def test_certificate_is_changed(running, receiver, server, authority, stranger):
    """`apply` is enough: the next attempt has the new one, also where a connection of the old one is kept."""
    site = running
    wrong, first, second = stranger.issue("client-d"), authority.issue("client-e"), authority.issue("client-f")
    lasting = {"retry": {"retry_4xx": 10000}}
    site.subscribe(mutual(server, authority, wrong, **lasting))
    site.start_roles()
    publish(site, [0])
    site.await_results(2, lambda r: r.get("status") == 400 and r["outcome"] == "retry")
    site.subscribe(mutual(server, authority, first, **lasting))
    receiver.await_requests(1)
    for n in range(1, 6):
        publish(site, [n], calls=1)
    receiver.await_requests(6)
    assert set(clients_of(receiver.requests)) == {"CN=client-e"}
    kept = {r.headers["x-connection"] for r in receiver.requests}

    site.subscribe(mutual(server, authority, second, **lasting))
    wait_until(lambda: publish(site, [6]) or "CN=client-f" in clients_of(receiver.requests),
               what="the new certificate is used", interval=0.2)
    clients = clients_of(receiver.requests)
    change = clients.index("CN=client-f")
    assert set(clients[:change]) == {"CN=client-e"} and set(clients[change:]) == {"CN=client-f"}
    assert receiver.requests[change].headers["x-connection"] not in kept


def test_clients_of_one_endpoint(running, receiver, server, authority):
    """Connections are kept for those alone who made them: none goes over another's, and whoever has no certificate, or
    does not trust the endpoint, gets no further than before."""
    site = running
    first, second = authority.issue("client-g"), authority.issue("client-h")
    untrusting = mutual(server, authority, first)
    del untrusting["tls"]["ca"]
    site.subscribe(*(one | {"id": id, "url": server.url(f"/{id}")} for id, one in {
        "first": mutual(server, authority, first), "second": mutual(server, authority, second),
        "none": mutual(server, authority, None), "untrusting": untrusting}.items()))
    site.start_roles()
    publish(site, range(40), calls=4)
    for id, name in (("first", "client-g"), ("second", "client-h")):
        assert set(clients_of(receiver.await_requests(40, f"/{id}"))) == {f"CN={name}"}
    assert {r.text("hookline-status") for r in letters(site, "rejected", 40, key="acme/none")} == {"400"}
    site.await_results(1, lambda r: r["subscription"] == "untrusting" and "certificate" in r.get("error", ""))
    assert receiver.at("/none") == receiver.at("/untrusting") == []
    connections = [{r.headers["x-connection"] for r in receiver.at(path)} for path in ("/first", "/second")]
    assert not connections[0] & connections[1]
