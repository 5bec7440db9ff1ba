# SPDX-License-Identifier: Apache-2.0
"""hookline dead-letters replay: what failed for good is delivered once more, and no more than once."""

import json
import signal
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness import FULL, Answer, Kafka, Site, subscription, wait_until

COUNT = 2000 if FULL else 300


def replay(site, *args, check=True):
    """The counts that it prints."""
    done = site.cli("dead-letters", "replay", "--json", "--rate", "0", *args, check=check)
    return json.loads(done.stdout)


def verdicts(site, *args):
    return replay(site, *args)["verdicts"]


def event(n, type="ended", **more):
    return json.dumps({"type": type, "callID": f"c{n}", "n": n, **more})


def fail(site, receiver, count=COUNT, tenants=("acme",), answer=None, **fields):
    """Every event becomes a dead letter; the endpoint is well again afterwards."""
    receiver.behave("/hook", answer or Answer(422))
    site.create_events_topic(partitions=2)
    site.subscribe(*(subscription(t, "crm", receiver.url(), retry={"retry_4xx": 1, "max_attempts": 1, **fields})
                     for t in tenants))
    site.start_roles()
    for n in range(count):
        site.publish(event(n), tenants[n % len(tenants)], key=f"c{n % 20}")
    site.await_dead_letters(count)
    receiver.behave("/hook", 200)
    receiver.clear()


def ids(receiver):
    return [request.id for request in receiver.requests]


def letter_ids(site):
    return [letter.text("hookline-id") for letter in site.await_dead_letters(1)]


def marks(site):
    """What the topic says at last, by the dead letter's place."""
    latest = {}
    for record in site.kafka.consume(site.topic("replays")):
        latest[record.key.decode()] = record.json() if record.value else None
    return latest


def test_after_a_customers_outage(site, receiver):
    fail(site, receiver, tenants=("acme", "globex"))
    asked = "--since", "1h", "--reason", "rejected"
    dry = replay(site, *asked, "--dry-run")
    assert dry == {"dry_run": True, "matched": COUNT, "read": COUNT, "total": COUNT,
                   "verdicts": {"replayed": COUNT}, "reasons": {"rejected": COUNT}}
    time.sleep(1)
    assert not receiver.requests and not marks(site), "a dry run sends and writes nothing"
    assert replay(site, *asked) == {**dry, "dry_run": False}
    receiver.await_requests(COUNT)
    site.await_no_lag("acme", "globex")
    assert sorted(ids(receiver)) == sorted(letter_ids(site)), "each once, under the id that it had"
    assert verdicts(site, *asked) == {"already_replayed": COUNT}
    assert verdicts(site, *asked, "--dry-run") == {"already_replayed": COUNT}
    site.await_no_lag("acme", "globex")
    assert len(receiver.requests) == COUNT
    bodies = [request.json() for request in receiver.requests]
    for key in range(20):
        of_key = [body["n"] for body in bodies if body["n"] % 20 == key]
        assert of_key == sorted(of_key), "in the order of their calls"
    assert len(site.await_dead_letters(COUNT)) == COUNT
    kept = marks(site)
    assert len(kept) == COUNT
    assert {mark["state"] for mark in kept.values()} == {"done"}
    assert {mark["id"] for mark in kept.values()} == set(ids(receiver))
    assert len({mark["run"] for mark in kept.values()}) == 1


def test_what_it_prints(site, receiver):
    fail(site, receiver, count=3)
    done = site.cli("dead-letters", "replay", "--tenant", "acme", "--dry-run").stdout.decode().splitlines()
    assert done == ["        3  would be replayed", "        3  dead letters found",
                    "Would be replayed, by reason: rejected 3",
                    "This was a dry run: nothing has been sent. Without --dry-run it is."]
    done = site.cli("dead-letters", "replay", "--tenant", "acme", "--by", "night shift").stdout.decode().splitlines()
    assert done == ["        3  replayed", "        3  dead letters found", "Replayed, by reason: rejected 3"]
    assert {mark["by"] for mark in marks(site).values()} == {"night shift"}
    done = site.cli("dead-letters", "replay", "--tenant", "acme").stdout.decode().splitlines()
    assert done == ["        0  replayed", "        3  replayed before: left alone", "        3  dead letters found"]


def test_everything_is_not_asked_for_by_mistake(site):
    done = site.cli("dead-letters", "replay", check=False)
    assert done.returncode == 2 and b"replay which? Give a filter" in done.stderr


def test_one_by_its_place_and_a_limit(site, receiver):
    fail(site, receiver, count=10)
    first = site.await_dead_letters(10)[0]
    place = f"{first.partition}/{first.offset}"
    assert verdicts(site, place) == {"replayed": 1}
    receiver.await_requests(1)
    assert ids(receiver) == [first.text("hookline-id")]
    assert verdicts(site, place) == {"already_replayed": 1}
    assert verdicts(site, "--tenant", "acme", "--limit", "4")["replayed"] == 4
    receiver.await_requests(5)
    assert verdicts(site, "--tenant", "acme", "--limit", "4", "--dry-run")["replayed"] == 4
    assert verdicts(site, "--tenant", "acme") == {"replayed": 5, "already_replayed": 5}
    receiver.await_requests(10)
    assert len(set(ids(receiver))) == 10


def test_expired(site, receiver):
    receiver.behave("/hook", Answer(503))
    site.create_events_topic()
    site.subscribe(subscription("acme", "crm", receiver.url(), ttl_s={"call.ringing": 1, "call.ended": 3600}))
    _, consumer = site.start_roles()
    for n in range(5):
        site.publish(event(n, "ringing"), "acme", key=f"c{n}")
    site.await_dead_letters(5)
    asked = "--since", "1h", "--reason", "expired"
    receiver.behave("/hook", 200)
    assert verdicts(site, *asked, "--dry-run") == {"expired": 5}
    assert verdicts(site, *asked) == {"expired": 5}
    assert verdicts(site, *asked, "--ignore-ttl", "--dry-run") == {"replayed": 5}
    receiver.clear()
    assert verdicts(site, *asked, "--ignore-ttl") == {"replayed": 5}
    receiver.await_requests(5)
    assert verdicts(site, *asked, "--ignore-ttl") == {"already_replayed": 5}
    site.await_no_lag("acme")
    delivered = [request.id for request in receiver.requests]
    assert sorted(delivered) == sorted(letter_ids(site)) and len(site.await_dead_letters(5)) == 5


def test_attempts_and_age_begin_anew(site, receiver):
    receiver.behave("/hook", Answer(500))
    site.create_events_topic()
    site.subscribe(subscription("acme", "crm", receiver.url(), retry={"max_attempts": 2, "max_age_s": 5}))
    site.start_roles(consumer={"backoff_first": "50ms", "backoff_max": "100ms"})
    site.publish(event(1), "acme", key="c1")
    (letter,) = site.await_dead_letters(1)
    assert (letter.text("hookline-reason"), letter.text("hookline-attempts")) == ("attempts_exhausted", "2")
    time.sleep(5)
    receiver.behave("/hook", Answer(500), 200)
    receiver.clear()
    assert verdicts(site, "--tenant", "acme") == {"replayed": 1}
    first, second = receiver.await_requests(2)
    assert first.id == second.id == letter.text("hookline-id")
    assert [request.headers["hookline-attempt"] for request in (first, second)] == ["3", "4"]
    # In vain once more: what the new dead letter says is of the whole.
    receiver.behave("/hook", Answer(422))
    site.publish(event(2), "acme", key="c2")
    other = next(each for each in site.await_dead_letters(2) if each.text("hookline-id") != letter.text("hookline-id"))
    assert verdicts(site, "--id", other.text("hookline-id")) == {"replayed": 1}
    again = site.await_dead_letters(1, where=lambda each: each.text("hookline-replay") == "1")[0]
    assert int(again.text("hookline-attempts")) > int(other.text("hookline-attempts"))
    assert again.text("hookline-first-attempt-at") == other.text("hookline-first-attempt-at")


def test_it_does_not_go_round_for_ever(site, receiver):
    fail(site, receiver, count=1)
    receiver.behave("/hook", Answer(422))
    (letter,) = site.await_dead_letters(1)
    for n in range(1, 6):
        assert verdicts(site, "--tenant", "acme")["replayed"] == 1
        site.await_dead_letters(1, where=lambda each, n=n: each.text("hookline-replay") == str(n))
    assert verdicts(site, "--tenant", "acme") == {"replayed_too_often": 1, "already_replayed": 5}
    assert {each.text("hookline-id") for each in site.await_dead_letters(6)} == {letter.text("hookline-id")}


def test_what_is_not_replayed(site, receiver):
    fail(site, receiver, count=4, tenants=("acme", "globex", "initech", "umbrella"))
    site.publish(b"no JSON", "acme")
    site.await_dead_letters(5)
    site.subscribe(subscription("globex", "crm", receiver.url(), enabled=False))
    site.cli("subscriptions", "delete", "initech", "crm")
    letter = next(each for each in site.await_dead_letters(5) if each.text("hookline-tenant") == "umbrella")
    # One of which only the beginning was kept, as too large for the topic.
    site.kafka.produce(site.topic("dead-letters"), b'{"type":"ended","pad":"' + b"x" * (65536 - 23),
                       letter.key, {**dict(letter.headers), "hookline-id": "msg_cut"})
    site.kafka.flush()
    site.await_dead_letters(6)
    expected = {"replayed": 2, "not_enabled": 1, "no_subscription": 1, "no_delivery": 1, "not_whole": 1}
    assert verdicts(site, "--since", "1h", "--dry-run") == expected
    assert verdicts(site, "--since", "1h") == expected
    receiver.await_requests(2)
    site.await_no_lag("acme", "globex", "umbrella")
    assert sorted(request.headers["hookline-tenant"] for request in receiver.requests) == ["acme", "umbrella"]


def test_two_at_a_time_send_each_once(site, receiver):
    fail(site, receiver)
    runs = [site.spawn_cli("dead-letters", "replay", "--json", "--rate", str(COUNT), "--tenant", "acme")
            for _ in range(2)]
    counts = []
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
        counts.append(json.loads(out)["verdicts"])
    done = sum(count.get("replayed", 0) for count in counts)
    assert done == COUNT and all(sum(count.values()) == COUNT for count in counts), counts
    receiver.await_requests(COUNT)
    site.await_no_lag("acme")
    assert len(ids(receiver)) == len(set(ids(receiver))) == COUNT


def test_interrupted_it_goes_on_later(site, receiver):
    fail(site, receiver)
    run = site.spawn_cli("dead-letters", "replay", "--json", "--rate", "100", "--tenant", "acme")
    receiver.await_requests(50)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    first = json.loads(out)["verdicts"]["replayed"]
    assert run.returncode == 1 and "the same command goes on where it stopped" in err and 50 <= first < COUNT
    assert verdicts(site, "--tenant", "acme") == {"replayed": COUNT - first, "already_replayed": first}
    receiver.await_requests(COUNT)
    site.await_no_lag("acme")
    assert len(set(ids(receiver))) == len(ids(receiver)) == COUNT


def test_killed_it_loses_nothing(site, receiver):
    """What was claimed by the run that died is left alone for a minute: it may live. Then it is sent, perhaps again."""
    fail(site, receiver)
    run = site.spawn_cli("dead-letters", "replay", "--rate", "100", "--tenant", "acme")
    receiver.await_requests(50)
    run.kill()
    run.communicate(timeout=60)
    counts = verdicts(site, "--tenant", "acme")
    left = counts.pop("under_way", 0)
    assert sum(counts.values()) + left == COUNT and left <= 20
    if left:
        begun = [(place, mark) for place, mark in marks(site).items() if mark["state"] == "begun"]
        assert len(begun) == left
        long_ago = (datetime.now(timezone.utc) - timedelta(seconds=61)).isoformat(timespec="milliseconds")
        for place, mark in begun:
            site.kafka.produce(site.topic("replays"), json.dumps({**mark, "at": long_ago.replace("+00:00", "Z")}), place)
        site.kafka.flush()
        assert verdicts(site, "--tenant", "acme") == {"replayed": left, "already_replayed": COUNT - left}
    wait_until(lambda: len(set(ids(receiver))) == COUNT, what="all are delivered")
    site.await_no_lag("acme")
    assert len(ids(receiver)) - COUNT <= left, "no more repeats than the batch that was under way"


@pytest.fixture
def own_site(tmp_path):
    kafka = Kafka(tmp_path / "kafka")
    kafka.start()
    site = Site(kafka, tmp_path)
    yield site
    site.close()
    kafka.remove()


def test_kafka_goes_away_and_comes_back(own_site, receiver):
    site = own_site
    fail(site, receiver)
    run = site.spawn_cli("dead-letters", "replay", "--json", "--rate", "100", "--timeout", "2m", "--tenant", "acme")
    receiver.await_requests(50)
    site.kafka.kill()
    time.sleep(3)
    site.kafka.start()
    out, err = run.communicate(timeout=180)
    assert run.returncode == 0, err
    assert json.loads(out)["verdicts"] == {"replayed": COUNT}
    wait_until(lambda: len(set(ids(receiver))) == COUNT, what="all are delivered", timeout=60)


def test_no_kafka(site, receiver):
    fail(site, receiver, count=1)
    done = site.cli("dead-letters", "replay", "--since", "1h", "--timeout", "1s", "--set", "kafka.brokers=127.0.0.1:1",
                    check=False)
    assert done.returncode == 1 and b"127.0.0.1:1" in done.stderr
