# SPDX-License-Identifier: Apache-2.0
"""Formats on the whole way: what is delivered is what `hookline render` shows, and the official libraries of
Standard Webhooks verify each signature over the bytes that came."""

import base64
import json
import re
import shutil
import subprocess
from datetime import datetime, timezone

import pytest
import standardwebhooks

from harness import ROOT, RUN, Answer, run_cli, subscription
from odd_events import ODD, REFUSED
from test_formats import FORMATS, SAMPLES, SECRET

# Events of the topic: type by record header, so that all of them are events.
EVENTS = {**{f"sample {number}": text for number, text in enumerate(SAMPLES)}, **ODD}
VERIFY = """
const { Webhook } = require("standardwebhooks");
const lines = require("fs").readFileSync(0, "utf8").split("\\n").filter(line => line);
for (const line of lines) {
    const { body, headers } = JSON.parse(line);
    const payload = Buffer.from(body, "base64").toString("utf8");
    new Webhook(process.argv[1]).verify(payload, headers);
}
console.log(lines.length);
"""


@pytest.fixture
def hooks(site, receiver):
    made = {format: subscription("acme", format, receiver.url(f"/{format}"), "odd", format=format,
                                 secrets=[{"id": "a", "secret": SECRET}], ordering="none") for format in FORMATS}
    site.subscribe(*made.values())
    site.create_events_topic()
    site.start_roles()
    return made


def publish(site, tmp_path, events):
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(events) + b"\n")
    site.cli("publish", "--topic", site.events_topic, "--tenant", "acme", "--header", "ce_type=odd",
             "--header", "ce_id=e1", "--header", "ce_source=/pbx", "--header", "ce_time=2026-01-01T00:00:00Z", file)


def rendered(tmp_path, hook, events):
    path = tmp_path / "hook.json"
    path.write_text(json.dumps(hook))
    done = run_cli(["render", "--json", "-H", "ce_type=odd", "-H", "ce_id=e1", "-H", "ce_source=/pbx",
                    "-H", "ce_time=2026-01-01T00:00:00Z", path], stdin=b"\n".join(events))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def what(headers, body):
    """But for the time of the event's record, which format standard sends."""
    body = re.sub(r'(?<=^{"type":"odd","timestamp":")[0-9TZ:.-]+', "", body)
    return (headers["content-type"], body, tuple(sorted(
        (name, value) for name, value in headers.items() if name.startswith("ce-"))))


def verified_by_javascript(requests):
    """How many, or None where there is no npm to get the library with."""
    if not shutil.which("npm"):
        return None
    directory = RUN / "node"
    shutil.copytree(ROOT / "tests/system/node", directory, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=directory, check=True,
                   capture_output=True, timeout=300)
    lines = "".join(json.dumps({"body": base64.b64encode(request.body).decode(), "headers": dict(request.headers)})
                    + "\n" for request in requests)
    done = subprocess.run(["node", "-e", VERIFY, SECRET], input=lines, cwd=directory, text=True,
                          capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_delivered_as_rendered_and_signed(site, hooks, receiver, tmp_path):
    events = [text.replace("\n", " ").encode() for text in EVENTS.values()]
    publish(site, tmp_path, events)
    requests = receiver.await_requests(len(events) * len(FORMATS))
    library = standardwebhooks.Webhook(SECRET)
    for request in requests:
        if json_body(request):
            library.verify(request.body, dict(request.headers))
        else:
            check_signature(library, request)
    for format, hook in hooks.items():
        got = sorted(what(r.headers, r.body.decode()) for r in receiver.at(f"/{format}"))
        shown = sorted(what(r["headers"], r["body"]) for r in rendered(tmp_path, hook, events))
        assert got == shown
    readable = [request for request in requests if json_body(request)]
    count = verified_by_javascript(readable)
    assert count in (None, len(readable))
    if count is None:
        pytest.skip("npm is not installed: verified in Python only")


def json_body(request):
    return "json" in request.headers["content-type"]


def check_signature(library, request):
    """For bodies that are no JSON: the library's own computation, without its reading."""
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), timezone.utc)
    assert library.sign(request.id, at, request.body.decode()) == request.headers["webhook-signature"]


def test_what_is_no_event_is_delivered_in_no_format(site, hooks, receiver, tmp_path):
    publish(site, tmp_path, [*REFUSED.values(), b'{"last":1}'])
    letters = site.await_dead_letters(len(REFUSED))
    assert {letter.text("hookline-reason") for letter in letters} == {"invalid_event"}
    receiver.await_requests(len(FORMATS))
    assert {request.path for request in receiver.requests} == {f"/{format}" for format in FORMATS}
    assert len(receiver.requests) == len(FORMATS)


def test_what_cannot_be_rendered_is_a_dead_letter_and_holds_up_nothing(site, receiver, tmp_path):
    """Without an attempt; for the others it is as any."""
    site.subscribe(subscription("acme", "form", receiver.url("/form"), format="form"),
                   subscription("acme", "xml", receiver.url("/xml"), format="xml"))
    site.create_events_topic()
    site.start_roles()
    grows = json.dumps({"type": "odd", "callID": "c1", "k" * 50000: {"a": list(range(2000))}}).encode()
    publish(site, tmp_path, [grows, b'{"type":"odd","callID":"c1","n":2}'])
    (letter,) = site.await_dead_letters(1)
    assert letter.text("hookline-reason") == "unrenderable"
    assert "as a form" in letter.text("hookline-detail")
    assert letter.headers.get("hookline-attempts") is None
    assert letter.value == grows
    receiver.await_requests(2, "/xml")
    (request,) = receiver.await_requests(1, "/form")
    assert request.body == b"type=odd&callID=c1&n=2"


def test_an_envelope_is_known_from_its_content_type(site, receiver, tmp_path):
    """The bridge passes it on, so that the consumer finds the event in it."""
    site.subscribe(*(subscription("acme", format, receiver.url(f"/{format}"), format=format) for format in FORMATS))
    site.create_events_topic()
    site.start_roles()
    envelope = {"specversion": "1.0", "id": "e1", "source": "/pbx", "type": "odd", "data": {"callID": "c1"}}
    site.publish(json.dumps(envelope).encode(), "acme", headers={"content-type": "application/cloudevents+json"})
    receiver.await_requests(len(FORMATS))
    (raw,) = receiver.at("/raw")
    assert json.loads(raw.body) == envelope
    (form,) = receiver.at("/form")
    assert form.body == b"callID=c1"
    (binary,) = receiver.at("/cloudevents")
    assert (binary.headers["ce-id"], binary.headers["ce-source"]) == ("e1", "/pbx")
    assert json.loads(binary.body) == {"callID": "c1"}


def test_what_is_denied_goes_to_nobody(site, receiver):
    """Unless the subscription says so; the bridge has seen the field, and marks the delivery."""
    site.subscribe(subscription("acme", "raw", receiver.url("/raw")),
                   subscription("acme", "all", receiver.url("/all"), fields={"allow_denied": True}))
    site.create_events_topic()
    site.start_roles()
    event = b'{"type":"odd", "n":1.50, "a":[{"ccPassword":"tell-nobody"}]}'
    site.publish(event, "acme")
    receiver.await_requests(2)
    assert receiver.at("/raw")[0].body == b'{"type":"odd","n":1.5,"a":[{}]}'
    assert receiver.at("/all")[0].body == event


def test_bodies_that_are_made_share_a_bounded_memory(site, receiver):
    """An endpoint that hangs with bodies much larger than their events takes so many only; its neighbours get on."""
    event = json.dumps({"type": "odd", "a": [1] * 50000}, separators=(",", ":")).encode()
    hangs, quick, count = receiver.url("/hangs"), receiver.url("/quick"), 20
    receiver.behave("/hangs", Answer(hang=True))
    site.configure(consumer={"max_held_size": "8MiB", "window_first": 64, "timeout": "30s"})
    site.subscribe(subscription("acme", "hangs", hangs, format="xml", ordering="none"),
                   subscription("acme", "quick", quick, format="xml", ordering="none"),
                   subscription("acme", "raw", receiver.url("/raw")))
    site.create_events_topic()
    _, consumer = site.start_roles()
    for _ in range(count):
        site.publish(event, "acme")
    requests = receiver.await_requests(count, "/quick")
    receiver.await_requests(count, "/raw")
    body = len(requests[0].body)
    assert body > 10 * len(event)
    # Half of the 8 MiB and one more, as the last may begin when there is just room.
    assert 1 <= len(receiver.at("/hangs")) <= (8 << 20) / 2 / body + 1
    assert consumer.metric("hookline_deliveries_in_flight") <= (8 << 20) / 2 / body + 1
