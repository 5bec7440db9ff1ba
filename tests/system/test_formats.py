# SPDX-License-Identifier: Apache-2.0
"""What a receiver gets in each format: golden files over all sample events and over odd ones, and that who reads
them with the usual libraries reads the event. `hookline render` makes the requests, without Kafka;
test_formats_delivered.py compares with what is delivered.

HOOKLINE_WRITE_GOLDEN=1 writes the golden files anew: look at what has changed."""

import base64
import json
import math
import os
import urllib.parse

import pytest
from cloudevents.core.bindings import http as cloudevents_http
from lxml import etree

from harness import ROOT, run_cli, subscription
from odd_events import ODD, REFUSED

FORMATS = ["raw", "standard", "cloudevents", "cloudevents-structured", "form", "xml"]
GOLDEN = ROOT / "tests/data/golden"
AT = "2026-03-02T08:15:00.250Z"
SAMPLES = (ROOT / "tests/data/samples.ndjson").read_text().splitlines()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DENIED = {"ccPassword", "password", "access_token"}


@pytest.fixture
def render(tmp_path):
    def render(events, *args, **fields):
        path = tmp_path / "subscription.json"
        hook = subscription("acme", "crm", "https://crm.example/hook", secrets=[{"id": "a", "secret": SECRET}])
        path.write_text(json.dumps(hook | fields))
        lines = b"\n".join(event if isinstance(event, bytes) else event.encode() for event in events)
        return run_cli(["render", "--json", "--at", AT, *args, path], stdin=lines)
    return render


def requests(done):
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_type(event):
    """`event` as render takes it: the odd ones need not say what type they are."""
    return [] if json.loads(event).get("type") else ["--type", "odd"]


def without_denied(value):
    if isinstance(value, dict):
        return {name: without_denied(child) for name, child in value.items() if name not in DENIED}
    return [without_denied(child) for child in value] if isinstance(value, list) else value


def same(a, b):
    """Equal, an integer and a number with a fraction being two things, as are 0.0 and -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


# --- Golden files ---------------------------------------------------------------------------------------

def shown(request):
    """A request as the golden file has it: long bodies by their end."""
    headers = {name: value for name, value in request["headers"].items()
               if name.startswith("ce-") or name in ("content-type", "webhook-signature")}
    return {"headers": headers, "body": request["body"]}


@pytest.mark.parametrize("format", FORMATS)
def test_golden(render, format):
    """Sample events as they are, odd ones by name; only those of less than 4 KiB, for the sake of the file."""
    made = {f"sample {number + 1}": shown(request) for number, request in enumerate(
        requests(render(SAMPLES, format=format)))}
    odd = {name: event for name, event in ODD.items() if len(event) < 4096}
    # A line number goes into the id: each event is the first of its input.
    typed = {name: event for name, event in odd.items() if not with_type(event)}
    for group, args in ((typed, []), ({name: odd[name] for name in odd if name not in typed}, ["--type", "odd"])):
        for name, request in zip(group, requests(render(group.values(), *args, format=format)), strict=True):
            made[name] = shown(request)
    file = GOLDEN / f"{format}.json"
    text = json.dumps(made, indent=1, ensure_ascii=True) + "\n"
    if os.environ.get("HOOKLINE_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text)
    golden = json.loads(file.read_text())
    assert list(made) == list(golden)
    for name, request in made.items():
        assert request == golden[name], name


# --- Reading them back ----------------------------------------------------------------------------------

def read_json(request):
    assert request["headers"]["content-type"] == "application/json"
    return json.loads(request["body"])


def read_standard(request):
    envelope = read_json(request)
    assert list(envelope) == ["type", "timestamp", "data"]
    assert (envelope["type"], envelope["timestamp"]) == (request["headers"]["hookline-event"], AT)
    return envelope["data"]


def read_cloudevent(request):
    message = cloudevents_http.HTTPMessage(headers=request["headers"], body=request["body"].encode())
    event = cloudevents_http.from_http_event(message)
    assert event.get_specversion() == "1.0"
    assert event.get_id() == request["headers"]["webhook-id"]
    assert event.get_source() == "/hookline/acme"
    assert event.get_type() == request["headers"]["hookline-event"]
    assert event.get_time().isoformat(timespec="milliseconds") == AT.replace("Z", "+00:00")
    assert event.get_datacontenttype() == "application/json"
    return event.get_data()


def flat(value, name=None):
    """What docs/formats.md says of `form`, once more: (name, what the value has to read as)."""
    inside = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    if not inside:
        return [(name, value)]
    return [pair for key, child in inside for pair in flat(child, key if name is None else f"{name}.{key}")]


def form_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or value == {} or value == [] else str(value)


def check_form(request, event):
    assert request["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert request["body"].isascii()
    pairs = urllib.parse.parse_qsl(
        request["body"], keep_blank_values=True, strict_parsing=bool(request["body"]), max_num_fields=10**6)
    expected = flat(event) if event else []
    assert [name for name, _ in pairs] == [name for name, _ in expected]
    for (_, text), (name, value) in zip(pairs, expected):
        if isinstance(value, float):
            assert same(float(text), value), name
        else:
            assert text == form_text(value), name


def xml_text(text, encoding):
    return base64.b64decode(text or "", validate=True).decode() if encoding else text or ""


def xml_value(element, root=False):
    kind = "object" if root else element.get("type")
    if kind == "object":
        members = {}
        for child in element:
            key = child.tag
            if child.get("name") is not None:
                assert child.tag == "member"
                key = xml_text(child.get("name"), child.get("name-encoding"))
            assert key not in members
            members[key] = xml_value(child)
        return members
    if kind == "array":
        assert all(child.tag == "item" for child in element)
        return [xml_value(child) for child in element]
    assert len(element) == 0
    text = xml_text(element.text, element.get("encoding"))
    if kind == "number":
        return json.loads(text)
    return {None: text, "null": None, "boolean": text == "true"}[kind]


def read_xml(request):
    assert request["headers"]["content-type"] == "application/xml"
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(request["body"].encode(), parser)
    assert root.tag == "event" and not root.attrib
    return xml_value(root, root=True)


READ = {
    "raw": read_json, "standard": read_standard, "cloudevents": read_cloudevent,
    "cloudevents-structured": read_cloudevent, "xml": read_xml}


def check(format, request, text):
    event = without_denied(json.loads(text))
    if format == "form":
        check_form(request, event)
    else:
        assert same(READ[format](request), event)


@pytest.mark.parametrize("format", FORMATS)
def test_samples_read_back(render, format):
    for request, event in zip(requests(render(SAMPLES, format=format)), SAMPLES, strict=True):
        check(format, request, event)


@pytest.mark.parametrize("format", FORMATS)
def test_odd_events_read_back(render, format):
    for typed in (True, False):
        group = {name: text for name, text in ODD.items() if (not with_type(text)) == typed}
        made = requests(render(group.values(), *([] if typed else ["--type", "odd"]), format=format))
        for (name, text), request in zip(group.items(), made, strict=True):
            try:
                check(format, request, text)
            except Exception as error:
                raise AssertionError(f"{name}: {request['body'][:300]}") from error


@pytest.mark.parametrize("format", FORMATS)
def test_no_event(render, format):
    """What is no event is refused with its line, and is not rendered."""
    for name, event in REFUSED.items():
        done = render([event], "--type", "odd", format=format)
        assert (done.returncode, done.stdout) == (2, b""), name
        assert done.stderr.startswith(b"hookline: standard input:1: "), name


def test_raw_is_the_events_own_bytes(render):
    for text in (*SAMPLES, *(text for name, text in ODD.items() if "denied" not in name and with_type(text) == [])):
        assert requests(render([text]))[0]["body"] == text


@pytest.mark.parametrize("format", ["standard", "cloudevents", "cloudevents-structured"])
def test_numbers_keep_their_spelling_where_nothing_is_left_out(render, format):
    text = '{"type":"odd","a":[0.10,1E2,-0.0]}'
    assert text in requests(render([text], format=format))[0]["body"]


# --- Fields -----------------------------------------------------------------------------------------------

EVENT = {"type": "odd", "callID": "c1", "agent": {"id": 7, "name": "A", "tags": ["x", "y", "z"]},
         "password": "hidden", "legs": [{"id": 1, "access_token": "hidden"}, {"id": 2}], "a/b": 1, "m~n": 2}


@pytest.mark.parametrize("fields, expected", [
    ({"include": ["/callID", "/agent/id"]}, {"callID": "c1", "agent": {"id": 7}}),
    ({"include": ["/agent"], "exclude": ["/agent/name", "/agent/tags/1"]},
     {"agent": {"id": 7, "tags": ["x", "z"]}}),
    ({"include": ["/legs/1/id", "/legs/0/id"]}, {"legs": [{"id": 1}, {"id": 2}]}),
    ({"include": ["/nothing", "/agent/nothing"]}, {}),
    ({"include": ["/a~1b", "/m~0n"]}, {"a/b": 1, "m~n": 2}),
    ({"include": ["/password", "/callID"]}, {"callID": "c1"}),
    ({"include": ["/password"], "allow_denied": True}, {"password": "hidden"}),
    ({"exclude": ["/type", "/callID", "/agent", "/legs/0", "/a~1b", "/m~0n"]}, {"legs": [{"id": 2}]}),
    ({"allow_denied": True}, EVENT),
])
@pytest.mark.parametrize("format", FORMATS)
def test_fields(render, format, fields, expected):
    (request,) = requests(render([json.dumps(EVENT)], format=format, fields=fields))
    if format == "form":
        check_form(request, expected)
    else:
        assert same(READ[format](request), expected)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_denied_is_nowhere(render, format):
    denied = [text for name, text in ODD.items() if name.startswith("denied")] + [json.dumps(EVENT)]
    for request in requests(render(denied, format=format)):
        assert "hidden" not in json.dumps(request)


# --- Events that are CloudEvents ---------------------------------------------------------------------------

BINARY = ["-H", "ce_id=e 1%", "-H", "ce_source=/pbx/é", "-H", "ce_type=ended", "-H", "ce_time=2026-01-01T00:00:00Z",
          "-H", "ce_subject=call \"1\"", "-H", "ce_myext=5", "-H", "ce_Bad=x", "-H", "ce_long=" + "x" * 1025,
          "-H", "ce_password=hidden"]
ENVELOPE = {"specversion": "1.0", "id": "e 1%", "source": "/pbx/é", "type": "ended", "time": "2026-01-01T00:00:00Z",
            "subject": "call \"1\"", "myext": 5, "Bad": "x", "long": "x" * 1025, "password": "hidden",
            "data": {"callID": "c1", "n": 0.5}}


@pytest.mark.parametrize("format", ["cloudevents", "cloudevents-structured"])
@pytest.mark.parametrize("came", ["binary", "structured"])
def test_a_cloudevent_keeps_its_attributes(render, came, format):
    if came == "binary":
        done = render([json.dumps(ENVELOPE["data"])], *BINARY, format=format)
    else:
        done = render([json.dumps(ENVELOPE)], "-H", "content-type=application/cloudevents+json", format=format)
    (request,) = requests(done)
    assert "hidden" not in json.dumps(request)
    message = cloudevents_http.HTTPMessage(headers=request["headers"], body=request["body"].encode())
    event = cloudevents_http.from_http_event(message)
    attributes = {name: value for name, value in event.get_attributes().items() if name != "time"}
    expected = {"specversion": "1.0", "id": "e 1%", "source": "/pbx/é", "type": "call.ended",
                "subject": "call \"1\"", "partitionkey": "c1", "datacontenttype": "application/json"}
    extension = attributes.pop("myext")
    assert attributes == expected and str(extension) == "5"
    assert event.get_time().isoformat() == "2026-01-01T00:00:00+00:00"
    assert event.get_data() == ENVELOPE["data"]
    assert all(value.isascii() for value in request["headers"].values())


def test_raw_sends_the_envelope_without_what_is_left_out(render):
    args = ["-H", "content-type=application/cloudevents+json"]
    whole = {name: value for name, value in ENVELOPE.items() if name != "password"}
    text = json.dumps(whole)
    assert requests(render([text], *args))[0]["body"] == text
    (request,) = requests(render([json.dumps(ENVELOPE)], *args, fields={"include": ["/callID"]}))
    assert json.loads(request["body"]) == whole | {"data": {"callID": "c1"}}
    coded = {name: value for name, value in whole.items() if name != "data"}
    coded["data_base64"] = base64.b64encode(json.dumps(ENVELOPE["data"]).encode()).decode()
    (request,) = requests(render([json.dumps(coded)], *args, fields={"exclude": ["/n"]}))
    assert json.loads(request["body"]) == {**whole, "data": {"callID": "c1"}}


@pytest.mark.parametrize("format", ["standard", "form", "xml", "cloudevents"])
def test_other_formats_see_the_data_of_an_envelope(render, format):
    (request,) = requests(render(
        [json.dumps(ENVELOPE)], "-H", "content-type=application/cloudevents+json", format=format))
    data = ENVELOPE["data"]
    if format == "form":
        check_form(request, data)
    elif format == "cloudevents":
        assert json.loads(request["body"]) == data
    else:
        assert same(READ[format](request), data)


# --- Bounds -------------------------------------------------------------------------------------------------

def test_a_form_that_grows_without_end_is_refused(render):
    """Each of many values has all that leads to it in its name."""
    event = json.dumps({"type": "odd", "k" * 50000: {"a": list(range(2000))}})
    done = render([event], format="form")
    assert done.returncode == 2
    assert b"more than" in done.stderr and b"as a form" in done.stderr


def test_headers_of_the_subscription_come_before_those_of_the_format(render, tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(subscription(
        "acme", "crm", "https://crm.example/hook", format="cloudevents", headers={"Ce-Source": "/own"})))
    done = run_cli(["render", path], stdin=SAMPLES[0].encode())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert "Ce-Source: ***" in lines and not any(line.startswith("ce-source") for line in lines)
