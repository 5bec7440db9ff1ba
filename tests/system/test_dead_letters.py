# SPDX-License-Identifier: Apache-2.0
"""hookline dead-letters: what could not be delivered, listed, counted, shown and exported."""

import base64
import json
import time
from datetime import datetime, timezone

import pytest

from harness import Answer, run_cli, subscription

PASSWORD = "do-not-show"


@pytest.fixture
def letters(site, receiver):
    """Three tenants' failures: rejected ones, one for want of a tenant, and what is no event."""
    receiver.behave("/rejects", Answer(422, body=b"no such call"))
    site.subscribe(
        subscription("acme", "crm", receiver.url("/rejects"), "call.*", retry={"retry_4xx": 1}),
        subscription("acme", "wall", receiver.url("/rejects"), "agent.login", retry={"retry_4xx": 1}),
        subscription("globex", "crm", receiver.url("/rejects"), "*", retry={"retry_4xx": 1}))
    site.create_events_topic(partitions=2)
    site.start_roles()
    for n in range(3):
        site.publish(json.dumps({"type": "ended", "callID": f"c{n}", "password": PASSWORD}), "acme", key=f"c{n}")
    site.publish(json.dumps({"type": "agent-connected", "data": "7"}), "acme")
    site.publish(json.dumps({"type": "ringing", "callID": "g"}), "globex")
    site.publish(b"\xff\x00no JSON", "acme")
    site.kafka.produce(site.events_topic, json.dumps({"type": "ended"}), None, {})
    site.await_dead_letters(7)
    return site


def listed(site, *args):
    return [json.loads(line) for line in site.cli("dead-letters", "list", "--json", *args).stdout.splitlines()]


def test_list_filters(letters):
    site = letters
    assert len(listed(site)) == 7

    def count(*args):
        return len(listed(site, *args))

    assert count("--tenant", "acme") == 5
    assert count("--tenant", "acme", "--subscription", "crm") == 3
    assert count("--reason", "rejected") == 5
    assert count("--reason", "rejected", "--reason", "tenant_unresolved") == 6
    assert count("--event", "call.ringing") == 1
    assert count("--host", "127.0.0.1") == 5
    assert count("--host", "other.example") == 0
    (one,) = listed(site, "--event", "call.ringing")
    assert count("--id", one["id"]) == 1
    assert count("--tenant", "nobody") == 0
    times = sorted(letter["dead_at"] for letter in listed(site))
    assert [letter["dead_at"] for letter in listed(site)] == times
    assert [letter["dead_at"] for letter in listed(site, "--limit", "2")] == times[-2:]


def test_what_is_known_of_one(letters):
    (one,) = listed(letters, "--event", "call.ringing")
    assert (one["reason"], one["detail"]) == ("rejected", "the endpoint refuses this delivery")
    assert (one["tenant"], one["subscription"], one["order_key"]) == ("globex", "crm", "g")
    assert (one["status"], one["attempts"], one["response"]) == (422, 1, "no such call")
    assert one["body"] == {"type": "ringing", "callID": "g"}
    shown = json.loads(letters.cli("dead-letters", "show", f"{one['partition']}/{one['offset']}").stdout)
    assert shown == one
    (strange,) = listed(letters, "--reason", "invalid_event")
    assert base64.b64decode(strange["body_base64"]) == b"\xff\x00no JSON"
    (nobodys,) = listed(letters, "--reason", "tenant_unresolved")
    assert "tenant" not in nobodys and "subscription" not in nobodys


def test_passwords_are_not_shown(letters):
    bodies = [letter["body"] for letter in listed(letters, "--event", "call.ended", "--tenant", "acme")]
    assert len(bodies) == 3 and all("password" not in body for body in bodies)


def test_the_table(letters):
    lines = letters.cli("dead-letters", "list", "--limit", "3").stdout.decode().splitlines()
    assert lines[0].split() == ["DEAD", "AT", "PART/OFFSET", "TENANT/SUBSCRIPTION", "EVENT", "REASON", "TRY", "STATUS",
                                "HOST"]
    assert len(lines) == 5 and lines[-1] == "the last 3 of 7 (--limit)"
    (line,) = [line for line in letters.cli("dead-letters", "list").stdout.decode().splitlines() if "ringing" in line]
    assert all(word in line.split() for word in ("globex/crm", "call.ringing", "rejected", "1", "422", "127.0.0.1"))


def test_times(letters):
    """From Kafka's index of times: what is older than the bound is not read."""
    site = letters
    time.sleep(0.05)
    moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    time.sleep(0.05)
    site.publish(json.dumps({"type": "ringing", "callID": "late"}), "globex")
    site.await_dead_letters(8)
    assert [letter["order_key"] for letter in listed(site, "--since", moment)] == ["late"]
    assert len(listed(site, "--until", moment)) == 7
    assert len(listed(site, "--since", "1h")) == 8
    assert listed(site, "--since", "1h", "--until", "30m") == []


def test_stats(letters):
    groups = [json.loads(line) for line in letters.cli("dead-letters", "stats", "--json").stdout.splitlines()]
    found = {(group["reason"], group["tenant"], group["host"]): group["count"] for group in groups}
    assert found == {("rejected", "acme", "127.0.0.1"): 4, ("rejected", "globex", "127.0.0.1"): 1,
                     ("invalid_event", "acme", ""): 1, ("tenant_unresolved", "", ""): 1}
    assert groups[0]["count"] == 4 and groups[0]["first"] <= groups[0]["last"]
    table = letters.cli("dead-letters", "stats", "--tenant", "acme").stdout.decode().splitlines()
    assert table[0].split() == ["COUNT", "REASON", "TENANT", "HOST", "FIRST", "LAST"]
    assert table[-1].split() == ["5", "in", "all"]


def test_export_is_what_lies_in_kafka(letters):
    site = letters
    lines = [json.loads(line) for line in site.cli("dead-letters", "export").stdout.splitlines()]
    records = {(record.partition, record.offset): record for record in site.await_dead_letters(7)}
    assert len(lines) == 7
    for line in lines:
        record = records[line["partition"], line["offset"]]
        value = base64.b64decode(line["value_base64"]) if "value_base64" in line else line["value"].encode()
        assert value == record.value
        assert {name: text.encode() for name, text in line["headers"].items()} == dict(record.headers)
    assert len(site.cli("dead-letters", "export", "--limit", "2").stdout.splitlines()) == 2


def test_follow(letters):
    site = letters
    process = site.spawn_cli("dead-letters", "list", "--follow", "--json", "--tenant", "globex")
    try:
        assert json.loads(process.stdout.readline())["order_key"] == "g"
        site.publish(json.dumps({"type": "ringing", "callID": "new"}), "globex")
        assert json.loads(process.stdout.readline())["order_key"] == "new"
        process.send_signal(2)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_faults_are_named(letters):
    site = letters

    def fault(*args):
        done = site.cli("dead-letters", *args, check=False)
        assert done.stdout == b""
        return done.returncode, done.stderr.decode()

    status, text = fault("show", "0/999999")
    assert status == 1 and "there is no dead letter at 0/999999" in text
    status, text = fault("list", "--reason", "rejectd")
    assert status == 2 and "did you mean rejected?" in text
    status, text = fault("list", "--since", "yesterday")
    assert status == 2 and "--since" in text
    done = run_cli(["dead-letters", "lst"])
    assert done.returncode == 2 and b"did you mean list?" in done.stderr
    status, text = fault("list", "--set", "kafka.brokers=127.0.0.1:1", "--timeout", "1s")
    assert status == 1 and "dead-letters" in text


def test_records_that_are_none_are_left_out(letters):
    site = letters
    site.kafka.produce(site.topic("dead-letters"), b"x", "key")
    site.kafka.flush()
    done = site.cli("dead-letters", "list", "--json")
    assert len(done.stdout.splitlines()) == 7
    assert b"1 records of" in done.stderr
