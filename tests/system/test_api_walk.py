# SPDX-License-Identifier: Apache-2.0
"""What docs/api.md shows, done: each command as it stands there, and each answer compared with it.
HOOKLINE_WRITE_DOCS=1 writes the page anew."""

import json
import os
import pathlib
import re
import subprocess
import threading
import time

from standardwebhooks.webhooks import Webhook

from api import Api
from harness import binary, clean_environment, wait_until

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "api.md"
URL = "https://hooks.example.com/calls"

# What differs from run to run, and what stands for it; "#" is counted up.
VARIABLE = [
    (re.compile(r'("expires_at": )"[^"]+"'), r'\1"2026-03-02T09:14:05.317Z"'),
    (re.compile(r'("source": "[^"]+/)\d+"'), r'\g<1>42"'),
    (re.compile(r'("next": )"\d+"'), r'\1"43"'),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?!317)\d{3}Z"), "2026-03-02T08:14:05.318Z"),
    (re.compile(r"key_[0-9a-f]{24}"), "key_5765be05c6671a0cebc5570#"),
    (re.compile(r"whsec_[A-Za-z0-9+/]{43}="), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKY#="),
    (re.compile(r"msg_test_[0-9a-f]{24}"), "msg_test_0d9ab3b1d4e2f16a1e1d7b0#"),
    (re.compile(r"msg_preview_[0-9a-f]{24}"), "msg_preview_0d9ab3b1d4e2f16a1e1d7b0#"),
    (re.compile(r"replay_[0-9a-f]{24}"), "replay_7c211433f02071597741e6ff"),
    (re.compile(r"msg_[0-9a-f]{32}"), "msg_9f86d081884c7d659a2feaa0c55ad01#"),
    (re.compile(r"v1,[A-Za-z0-9+/]{43}="), "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI#="),
    (re.compile(r'("webhook-timestamp": )"\d{10}"'), r'\1"1772439245"'),
    (re.compile(r'("(?:dns|connect|tls|first_byte|total)": )[0-9]+\.[0-9]+'), r"\g<1>1.2"),
    (re.compile(r'("version": )"[0-9.]+"'), r'\1"…"'),
    (re.compile(r"Hookline/[0-9.]+"), "Hookline/…"),
    (re.compile(r"127\.0\.0\.1"), "192.0.2.10"),
]


class Walk:
    """Runs the commands of the page, and collects the page."""

    def __init__(self, api, site, receiver):
        self.api, self.site, self.receiver = api, site, receiver
        self.page = []
        self.known = {}
        self.environment = clean_environment({
            "API": api.root, "TOKEN": api.tokens["admin"], "BROKERS": site.kafka.bootstrap,
            "PATH": f"{pathlib.Path(binary()).parent}:{os.environ['PATH']}"})

    def say(self, text):
        self.page.append(text.strip() + "\n")

    def show(self, kind, text):
        self.page.append(f"```{kind}\n{self._steady(text).rstrip()}\n```\n")

    def _steady(self, text):
        """The text with what varies replaced; the same for the same."""
        origin = self.receiver.url("").removesuffix("/")
        text = text.replace(origin, "https://hooks.example.com").replace(self.site.prefix, "hookline.")
        text = text.replace(origin.removeprefix("http://"), "hooks.example.com")
        for pattern, stands in VARIABLE:
            text = pattern.sub(lambda match: self._stands(match, stands), text)
        return text

    def _stands(self, match, stands):
        if "#" not in stands:
            return match.expand(stands)
        number = self.known.setdefault((stands, match.group()), sum(k[0] == stands for k in self.known) + 1)
        return stands.replace("#", str(number))

    def run(self, command):
        self.show("sh", command)
        real = command.replace(URL, self.receiver.url("/calls")).replace("hookline.", self.site.prefix)
        done = subprocess.run(["sh", "-c", real], env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (real, done.stdout, done.stderr)
        return done.stdout

    def curl(self, method, path, body=None, headers=(), shown=("etag",)):
        """One request by curl, as it stands on the page; its answer's JSON, NULL where it has none."""
        words = [f"curl -s -X {method}"] if method != "GET" else ["curl -s"]
        words += ['-H "authorization: Bearer $TOKEN"']
        words += [f"-H '{name}: {value}'" for name, value in headers]
        if body is not None:
            words += ["-H 'content-type: application/json'", f"-d '{json.dumps(body)}'"]
        words += [f'"$API{path}"']
        command = " \\\n  ".join(words)
        answer = self.run_shown(command, command.replace("curl -s", "curl -s -i", 1))
        head, _, text = answer.partition("\n\n")
        lines = head.splitlines()
        kept = [lines[0]] + [line.lower() for line in lines[1:] if line.lower().partition(":")[0] in shown]
        value = json.loads(text) if text.strip() else None
        self.show("http", "\n".join(kept) + ("\n\n" + json.dumps(value, indent=2, ensure_ascii=False) if value else ""))
        assert lines[0].split()[1].startswith("2"), answer
        return value

    def run_shown(self, shown, real):
        self.show("sh", shown)
        real = real.replace(URL, self.receiver.url("/calls"))
        done = subprocess.run(["sh", "-c", real], env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (real, done.stderr)
        return done.stdout.replace("\r\n", "\n")


def event(n, direction="inbound", queue="Sales North"):
    return {"type": "call.ended", "callID": f"c-{n}", "direction": direction, "queueName": queue}


def flow(site, stop):
    n = 100
    while not stop.wait(0.02):
        n += 1
        site.publish(event(n), "acme", key=f"c-{n}")
    site.kafka.flush()


def verifies(secret, request):
    try:
        Webhook(secret).verify(request.body, request.headers)
    except Exception:
        return False
    return True


def test_the_page(site, receiver):
    site.create_events_topic()
    site.start_roles()
    api = Api(site)
    walk = Walk(api, site, receiver)
    walk.say("""
# The API, step by step

From a webhook that nobody has heard of to one that is signed, filtered, watched and taken away again, with curl
alone. `$API` is the address of a console (`hookline console`), `$TOKEN` a token that `hookline token create --role
admin --tenant acme` has printed. All of the API is described by the console itself, at `$API/openapi.json`; the rules
that hold everywhere stand in [contract.md](contract.md), "API".

This page is made by a test run (`tests/system/test_api_walk.py`), which also checks that the answers are still these.
Times, ids, secrets and signatures are made up.
""")
    walk.say("""
## Create a subscription

Its secret is shown in this answer, and never again. With an `Idempotency-Key` the request can be sent again by whoever
got no answer: it creates one subscription, and the answer is the same.
""")
    made = walk.curl(
        "POST", "/tenants/acme/subscriptions",
        {"id": "orders", "url": URL, "events": ["call.*"], "headers": {"x-api-key": "k-123"}},
        [("idempotency-key", "7c1e6f1c")])
    secret = made["secrets"][0]["secret"]

    walk.say("""
## See what would be sent

The request that an event would become, and nothing is sent. `POST $API/tenants/acme/preview` does it for a subscription
that does not exist yet, as its member `subscription`.
""")
    preview = walk.curl("POST", "/tenants/acme/subscriptions/orders/preview", {"type": "call.ended", "body": event(0)})
    assert json.loads(preview["body"]) == event(0) and receiver.requests == []
    assert Webhook(secret).verify(preview["body"], preview["headers"]) == event(0)

    walk.say("""
## Send a test event

One request, now, whatever state the endpoint is in; the answer tells what was sent and what came back.
""")
    receiver.behave("/calls", 204)
    tested = walk.curl("POST", "/tenants/acme/subscriptions/orders/test", {"type": "call.ended", "body": event(0)})
    assert tested["outcome"] == "delivered" and tested["status"] == 204
    request = receiver.await_requests(1)[0]
    assert request.json() == event(0) and verifies(secret, request)

    walk.say("""
## Publish an event, and receive it signed
""")
    receiver.clear()
    walk.run(f"echo '{json.dumps(event(1))}' |\n  hookline publish --topic hookline.events --tenant acme --key-from /callID "
             '\\\n  --set kafka.brokers="$BROKERS"')
    request = receiver.await_requests(1)[0]
    walk.say("The receiver gets:")
    names = [n for n in request.headers if n.startswith(("webhook-", "hookline-", "content-type", "x-", "user-agent"))]
    head = "\n".join(f"{name}: {request.headers[name]}" for name in names)
    head = re.sub(r"webhook-timestamp: \d{10}", "webhook-timestamp: 1772439245", head)
    walk.show("http", f"POST /calls HTTP/1.1\n{head}\n\n{request.body.decode()}")

    walk.say("""
## Verify it

With the library of [Standard Webhooks](https://www.standardwebhooks.com), here in Python; [receiving.md](receiving.md)
has other languages, and how to do it without a library.
""")
    walk.show("python", f"""from standardwebhooks.webhooks import Webhook

event = Webhook("{secret}").verify(body, headers)  # raises an error if the signature is wrong""")
    assert Webhook(secret).verify(request.body, request.headers) == event(1)

    walk.say("""
## Rotate the secret

Events go on while this is done: for the grace period (`grace_s`; by default `console.secret_grace`, 24 hours) each
request is signed with both, so a receiver that knows either accepts all of them.
""")
    receiver.clear()
    stop = threading.Event()
    publisher = threading.Thread(target=flow, args=(site, stop))
    publisher.start()
    receiver.await_requests(20)
    rotated = walk.curl("POST", "/tenants/acme/subscriptions/orders/rotate-secret", {"grace_s": 3600})
    changed_at = time.time()
    receiver.await_requests(20, where=lambda r: r.at > changed_at + 1)
    stop.set()
    publisher.join()
    wait_until(lambda: len(receiver.requests) == len({r.id for r in receiver.requests}), 10)
    new_secret = rotated["secrets"][0]["secret"]
    assert all(verifies(secret, r) for r in receiver.requests)
    assert all(verifies(new_secret, r) for r in receiver.requests if r.at > changed_at + 1)

    walk.say("""
## Take only some of the events

A filter is an [event pattern](filters.md) over the event. `If-Match` makes the change only if nobody else was faster.
""")
    filtered = walk.curl(
        "PATCH", "/tenants/acme/subscriptions/orders",
        {"filter": {"direction": ["inbound"], "queueName": [{"prefix": "Sales"}]}}, [("if-match", '"2"')])
    assert filtered["version"] == 3
    site.await_no_lag("acme")
    time.sleep(1)
    receiver.clear()
    for n, (direction, queue) in enumerate(
            (("outbound", "Sales North"), ("inbound", "Support"), ("inbound", "Sales South"))):
        site.publish(event(n, direction, queue), "acme", key=f"f-{n}")
    receiver.await_requests(1)
    site.await_no_lag("acme")
    assert [r.json()["queueName"] for r in receiver.requests] == ["Sales South"]

    walk.say("""
## Why did it not come?

Recent attempts, newest first. Filters of this list: `subscription`, `event`, `id` (the webhook-id), `outcome`, `from`,
`to`; `cursor` takes what `next` was.
""")
    wait_until(lambda: api.ok("GET", "/tenants/acme/deliveries?limit=1")["deliveries"][0]["order_key"] == "f-2", 20)
    listed = walk.curl("GET", "/tenants/acme/deliveries?subscription=orders&limit=1")
    assert listed["deliveries"][0]["id"] == receiver.requests[0].id

    walk.say("""
## What could not be delivered

The endpoint refuses one for good, which makes it a dead letter. When that is mended, it is put back: a replay, which
goes on in the background. With `"dry_run":true` it only counts.
""")
    receiver.behave("/calls", 422)
    site.publish(event(3, queue="Sales South"), "acme", key="f-3")
    wait_until(lambda: api.ok("GET", "/tenants/acme/dead-letters")["matched"], 30)
    (letter,) = walk.curl("GET", "/tenants/acme/dead-letters?reason=rejected")["dead_letters"]
    receiver.behave("/calls", 200)
    receiver.clear()
    begun = walk.curl("POST", "/tenants/acme/replays", {"reasons": ["rejected"], "from": "2026-01-31T00:00:00Z"})
    receiver.await_requests(1)
    path = f"/tenants/acme/replays/{begun['id']}"
    wait_until(lambda: api.ok("GET", path)["state"] == "done", 30)
    assert walk.curl("GET", path)["verdicts"] == {"replayed": 1}
    assert receiver.requests[0].id == letter["id"]

    walk.say("""
## Disable, and delete

A disabled subscription matches no events, and none is kept for it; `enable` has them matched again. After deleting,
what was still under way becomes dead letters.
""")
    assert walk.curl("POST", "/tenants/acme/subscriptions/orders/disable")["enabled"] is False
    walk.curl("DELETE", "/tenants/acme/subscriptions/orders")
    assert api.ok("GET", "/tenants/acme/subscriptions")["subscriptions"] == []

    text = "\n".join(walk.page)
    if os.environ.get("HOOKLINE_WRITE_DOCS"):
        PAGE.write_text(text)
    assert text == PAGE.read_text(), "docs/api.md is not what the API does: HOOKLINE_WRITE_DOCS=1 writes it anew"
