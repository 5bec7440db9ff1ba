# SPDX-License-Identifier: Apache-2.0
"""The API's dead letters: listed, counted, shown, and put back."""

import json
import time

import pytest

from api import Api
from harness import Answer, subscription, wait_until

PASSWORD = "do-not-show"
COUNT = 30


@pytest.fixture
def api(site, receiver):
    """Dead letters of two tenants, and one of none; then the endpoints are well again."""
    receiver.behave("/hook", Answer(422, body=b"no such call"))
    site.subscribe(*(subscription(tenant, "crm", receiver.url(), retry={"retry_4xx": 1}) for tenant in ("acme", "other")))
    site.create_events_topic(partitions=2)
    site.start_roles()
    for n in range(COUNT):
        body = {"type": "ringing" if n == 0 else "ended", "callID": f"c{n}", "n": n, "password": PASSWORD}
        site.publish(json.dumps(body), "acme" if n < 20 else "other", key=f"c{n}")
    site.kafka.produce(site.events_topic, json.dumps({"type": "ended"}), None, {})
    site.await_dead_letters(COUNT + 1)
    receiver.behave("/hook", 200)
    receiver.clear()
    api = Api(site)
    api.console.await_ready()
    return api


def over(api, path, id, token="admin"):
    return wait_until(lambda: (run := api.ok("GET", f"{path}/{id}", token=token))["state"] != "running" and run,
                      what="the replay is over")


def replay(api, path, body, token="operator"):
    begun = api.call("POST", path, body, token=token)
    assert begun.status == 202, begun
    return over(api, path, begun.json["id"], token)


def test_list(api):
    path = "/tenants/acme/dead-letters"
    page = api.ok("GET", path, token="viewer")
    letters = page["dead_letters"]
    assert (len(letters), page["matched"], page["complete"]) == (20, 20, True)
    assert all(letter["tenant"] == "acme" and "body" not in letter for letter in letters)
    times = [letter["dead_at"] for letter in letters]
    assert times == sorted(times, reverse=True)
    assert (letters[0]["reason"], letters[0]["status"], letters[0]["response"]) == ("rejected", 422, "no such call")
    page = api.ok("GET", path + "?limit=3", token="viewer")
    assert [letter["dead_at"] for letter in page["dead_letters"]] == times[:3] and page["matched"] == 20
    assert api.ok("GET", path + "?event=call.ringing")["matched"] == 1
    assert api.ok("GET", path + "?reason=expired,rejected&host=127.0.0.1&subscription=crm")["matched"] == 20
    assert api.ok("GET", path + "?reason=expired")["matched"] == 0
    assert api.ok("GET", path + f"?id={letters[4]['id']}")["dead_letters"] == [letters[4]]
    assert api.ok("GET", path + "?from=2999-01-01T00:00:00Z")["matched"] == 0
    assert api.ok("GET", path + "?to=2001-01-01T00:00:00Z&from=2000-01-01T00:00:00Z")["matched"] == 0
    assert "there is no reason rejectd" in api.refused(400, "GET", path + "?reason=rejectd")
    assert "not a time" in api.refused(400, "GET", path + "?from=yesterday")


def test_one(api):
    (letter,) = api.ok("GET", "/tenants/acme/dead-letters?event=call.ringing")["dead_letters"]
    shown = api.ok("GET", f"/tenants/acme/dead-letters/{letter['place']}", token="viewer")
    assert shown == {**letter, "body": {"type": "ringing", "callID": "c0", "n": 0}}
    assert api.ok("GET", f"/dead-letters/{letter['place']}", token="root") == shown
    for place in (f"0-{10**9}", "99-0", "x", "1-x", "-1-0"):
        api.refused(404, "GET", f"/tenants/acme/dead-letters/{place}")


def test_tenants_see_their_own(api):
    every = api.ok("GET", "/dead-letters", token="root")["dead_letters"]
    assert len(every) == COUNT + 1
    assert [letter["reason"] for letter in every if "tenant" not in letter] == ["tenant_unresolved"]
    others = next(letter for letter in every if letter.get("tenant") == "other")
    nobodys = next(letter for letter in every if "tenant" not in letter)
    for letter in (others, nobodys):
        api.refused(404, "GET", f"/tenants/acme/dead-letters/{letter['place']}", token="admin")
        assert api.ok("GET", f"/tenants/acme/dead-letters?id={letter.get('id', 'x')}", token="admin")["matched"] == 0
    for method, path in (("GET", "/dead-letters"), ("GET", "/dead-letter-stats"), ("GET", f"/dead-letters/{others['place']}"),
                         ("GET", "/replays")):
        api.refused(403, method, path, token="admin")
    api.refused(403, "POST", "/replays", {"from": "2020-01-01T00:00:00Z"}, token="admin")
    api.refused(404, "GET", "/tenants/other/dead-letters", token="admin")
    run = replay(api, "/tenants/acme/replays", {"place": others["place"]})
    assert run["matched"] == 0
    api.refused(404, "GET", f"/tenants/other/replays/{run['id']}", token="other")
    assert api.ok("GET", "/tenants/other/replays", token="other") == {"replays": []}
    assert api.ok("GET", "/dead-letters?tenant=other", token="root")["matched"] == 10


def test_stats(api):
    stats = api.ok("GET", "/tenants/acme/dead-letter-stats", token="viewer")
    (group,) = stats["groups"]
    assert (group["count"], group["reason"], group["tenant"], group["host"]) == (20, "rejected", "acme", "127.0.0.1")
    assert stats["matched"] == 20 and stats["complete"] and group["first"] <= group["last"]
    assert {(group["reason"], group["tenant"]): group["count"]
            for group in api.ok("GET", "/dead-letter-stats", token="root")["groups"]} == {
        ("rejected", "acme"): 20, ("rejected", "other"): 10, ("tenant_unresolved", ""): 1}


def test_replay(api, receiver):
    path, asked = "/tenants/acme/replays", {"from": "2020-01-01T00:00:00Z", "reasons": ["rejected"], "event": "call.ended"}
    dry = replay(api, path, {**asked, "dry_run": True})
    assert (dry["state"], dry["matched"], dry["verdicts"], dry["reasons"]) == (
        "done", 19, {"replayed": 19}, {"rejected": 19})
    assert dry["read"] == dry["total"] == COUNT + 1 and dry["by"] == "API: operator" and dry["tenant"] == "acme"
    time.sleep(0.5)
    assert not receiver.requests
    run = replay(api, path, asked)
    assert run["verdicts"] == {"replayed": 19} and run["asked"] == asked and run["ended_at"] >= run["started_at"]
    requests = receiver.await_requests(19)
    assert replay(api, path, asked)["verdicts"] == {"already_replayed": 19}
    api.site.await_no_lag("acme")
    assert len({request.id for request in receiver.requests}) == len(requests) == 19
    assert [run["verdicts"] for run in api.ok("GET", path)["replays"]] == [
        {"already_replayed": 19}, {"replayed": 19}, {"replayed": 19}]
    # The command line and the API know of each other.
    done = json.loads(api.site.cli("dead-letters", "replay", "--tenant", "acme", "--json").stdout)
    assert done["verdicts"] == {"already_replayed": 19, "replayed": 1}
    assert api.console.metric("hookline_dead_letters_replayed_total") == 19


def test_replays_of_all_tenants(api, receiver):
    assert "says not which" in api.refused(422, "POST", "/replays", {}, token="root")
    run = replay(api, "/replays", {"from": "2020-01-01T00:00:00Z"}, token="root")
    assert run["verdicts"] == {"replayed": COUNT, "no_delivery": 1} and "tenant" not in run
    receiver.await_requests(COUNT)


def test_a_slow_one_is_watched_and_stopped(api, receiver):
    path = "/tenants/acme/replays"
    id = api.call("POST", path, {"rate": 5}, token="operator").json["id"]
    run = wait_until(lambda: (run := api.ok("GET", f"{path}/{id}"))["verdicts"].get("replayed", 0) >= 3 and run)
    assert run["state"] == "running" and run["matched"] < 20
    api.refused(403, "DELETE", f"{path}/{id}", token="viewer")
    assert api.call("DELETE", f"{path}/{id}", token="operator").status == 202
    run = over(api, path, id)
    assert run["state"] == "stopped"
    first = run["verdicts"]["replayed"]
    assert replay(api, path, {"subscription": "crm"})["verdicts"] == {"replayed": 20 - first, "already_replayed": first}
    receiver.await_requests(20)
    assert len({request.id for request in receiver.requests}) == len(receiver.requests) == 20
    assert "replay over" in api.console.log()


def test_what_is_refused(api):
    path = "/tenants/acme/replays"
    for body, pointer in (({"reason": "rejected"}, "/reason"), ({"reasons": ["rejectd"]}, "/reasons"),
                          ({"reasons": []}, "/reasons"), ({"from": "yesterday"}, "/from"), ({"place": "3/4"}, "/place"),
                          ({"dry_run": "yes"}, "/dry_run"), ({"rate": 0}, "/rate"), ({"limit": 1.5}, "/limit"),
                          ({"tenant": "other"}, "/tenant"), ({"event": ""}, "/event")):
        reply = api.call("POST", path, body)
        assert reply.status == 422 and reply.json["errors"][0]["pointer"] == pointer, (body, reply)
    api.refused(403, "POST", path, {}, token="viewer")
    api.refused(404, "GET", path + "/replay_0")
    # So many at a time, and no more.
    ids = [api.call("POST", path, {"rate": 1}).json["id"] for _ in range(4)]
    reply = api.call("POST", path, {"rate": 1})
    assert reply.status == 429 and reply.headers["retry-after"] == "10"
    for id in ids:
        api.call("DELETE", f"{path}/{id}")
    for id in ids:
        over(api, path, id)


def test_the_console_stops_in_the_middle(api, receiver):
    api.call("POST", "/tenants/acme/replays", {"rate": 5})
    receiver.await_requests(2)
    assert api.console.terminate() == 0
    api.console.start()
    run = replay(api, "/tenants/acme/replays", {})
    assert sum(run["verdicts"].values()) == 20 and set(run["verdicts"]) <= {"replayed", "already_replayed"}
    receiver.await_requests(20)
    api.site.await_no_lag("acme")
    assert len({request.id for request in receiver.requests}) == len(receiver.requests) == 20

