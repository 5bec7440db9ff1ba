# SPDX-License-Identifier: Apache-2.0
"""Settings that change while processes run: by SIGHUP, and by a file that changes in every way in which files do
(docs/operations.md, "Reloading")."""

import json
import os
import re
import signal
import time

import pytest

from api import Api
from harness import Hookline, libconfig, merge, subscription, wait_until
from test_engine import QUICK, await_taken, check_taken, letters, publish, taken

CHANGED = 'msg="settings changed"'
REFUSED = 'msg="settings not read again, those from before stay in force"'
RESTART = "needs a restart"


def reloads(process, result):
    return process.metric("hookline_config_reloads_total", result=result)


def await_reloads(process, count, result="applied"):
    wait_until(lambda: reloads(process, result) == count, 20,
               lambda: f"{count} reloads {result} (is {reloads(process, result)})")


def lines(process, *texts):
    return [line for line in process.log_path.read_text().splitlines() if all(t in line for t in texts)]


def quiet(process, seconds=1.0):
    """Nothing is read again for that long."""
    before = process.probe("/metrics")[1]
    time.sleep(seconds)
    counts = [re.findall(r"hookline_config_reloads_total.*", text) for text in (before, process.probe("/metrics")[1])]
    assert counts[0] == counts[1]


@pytest.fixture
def running(site, receiver):
    """A site with an endpoint acme/hook, a bridge and a consumer."""
    site.create_events_topic()
    site.configure(**QUICK)
    site.subscribe(subscription("acme", "hook", receiver.url()))
    site.bridge, site.consumer = site.start_roles()
    return site


def test_at_the_start_and_without_a_change(running):
    now = time.time()
    for process in (running.bridge, running.consumer):
        assert process.metric("hookline_config_reload_success") == 1
        assert abs(process.metric("hookline_config_last_reload_timestamp_seconds") - now) < 60
        assert [reloads(process, r) for r in ("applied", "unchanged", "failed")] == [0, 0, 0]
    consumer = running.consumer
    os.utime(consumer.config)
    consumer.write_config()
    (consumer.config.parent / "another.conf").write_text("nobody = reads this")
    quiet(consumer)
    consumer.signal(signal.SIGHUP)
    await_reloads(consumer, 1, "unchanged")
    assert lines(consumer, "settings read again, no change")


def test_the_log_while_deliveries_flow(running, receiver):
    consumer = running.consumer
    publish(running, range(100))
    await_taken(receiver, 50)
    assert not lines(consumer, "msg=attempt") and not lines(consumer, '"msg"')
    consumer.write_config({"log": {"level": "debug", "format": "json"}})
    consumer.signal(signal.SIGHUP)  # and the file has changed: it is read once
    await_reloads(consumer, 1)
    publish(running, range(100, 200))
    await_taken(receiver, 200)
    wait_until(lambda: len(lines(consumer, '"msg":"attempt"')) >= 100, 20, "a line for each attempt")
    line = json.loads(lines(consumer, '"msg":"attempt"')[-1])
    assert set(line) == {"time", "level", "msg", "role", "endpoint", "id", "event", "attempt", "outcome", "status",
                         "duration_ms", "source"}
    assert (line["level"], line["role"], line["endpoint"]) == ("debug", "consumer", "acme/hook")
    assert (line["event"], line["attempt"], line["outcome"], line["status"]) == ("call.ended", 1, "delivered", 200)
    assert line["id"] in {r.id for r in receiver.requests}
    changed, = lines(consumer, "settings changed")
    assert json.loads(changed)["settings"] == "log.level,log.format"
    consumer.write_config({"log": {"level": "error"}})
    await_reloads(consumer, 2)
    assert len(lines(consumer, "settings changed")) == 2  # also of a change that silences it
    count = len(lines(consumer, "attempt"))
    publish(running, range(200, 220))
    await_taken(receiver, 220)
    assert len(lines(consumer, "attempt")) == count
    check_taken(taken(receiver), range(220))
    quiet(consumer)


def by_rename(path, text):
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def by_writing(path, text):
    path.write_text(text)


def slowly(path, text):
    """As over a slow network: nothing of it counts before it is whole."""
    with open(path, "w") as file:
        for start in range(0, len(text), len(text) // 4 + 1):
            file.write(text[start:start + len(text) // 4 + 1])
            file.flush()
            time.sleep(0.1)


def by_deleting(path, text):
    path.unlink()
    time.sleep(0.05)
    path.write_text(text)


def by_moving_the_directory(path, text):
    directory = path.parent
    other = directory.with_name("other")
    other.mkdir()
    (other / path.name).write_text(text)
    os.rename(directory, directory.with_name(f"old-{time.time_ns()}"))
    os.rename(other, directory)


@pytest.mark.parametrize("change", [by_rename, by_writing, slowly, by_deleting, by_moving_the_directory])
def test_a_file_changes(site, change):
    site.create_events_topic()
    path = site.directory / "etc" / "hookline.conf"
    path.parent.mkdir()
    path.write_text("// nothing yet\n")
    bridge = start_bridge(site, path)
    for count, level in enumerate(("warn", "debug", "info"), 1):
        change(path, libconfig({"log": {"level": level}, "ttl": {"other": f"{count}h"}}))
        await_reloads(bridge, count)
    assert [re.search(r"settings=(\S+)", line)[1] for line in lines(bridge, CHANGED)] == ["ttl.other,log.level"] * 3
    assert reloads(bridge, "failed") == 0
    quiet(bridge)


def start_bridge(site, path):
    """With settings from that file, and those of the site from variables."""
    process = Hookline(site.directory, "bridge", site.settings, ["--config", path])
    process.env = {f"HOOKLINE_{group}_{name}".upper(): variable(value)
                   for group, values in process.settings.items() for name, value in values.items()}
    site.processes.append(process)
    return process.start()


def variable(value):
    return ",".join(value) if isinstance(value, list) else str(value).lower() if value in (True, False) else str(value)


class Mount:
    """A ConfigMap as the kubelet mounts it: each file a link through ..data, which is a link to a directory that has a
    name of its own each time."""

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def set(self, files):
        data = self.path / f"..{time.time_ns()}"
        data.mkdir()
        for name, text in files.items():
            (data / name).write_text(text)
        old = self.path / "..data"
        before = os.readlink(old) if old.is_symlink() else None
        os.symlink(data.name, self.path / "..data_tmp")
        os.rename(self.path / "..data_tmp", old)
        for name in files:
            if not (self.path / name).is_symlink():
                os.symlink(f"..data/{name}", self.path / name)
        if before:
            for file in (self.path / before).iterdir():
                file.unlink()
            (self.path / before).rmdir()


def test_a_mounted_configmap(site):
    site.create_events_topic()
    mount = Mount(site.directory / "mount")
    mount.set({"hookline.conf": "@include \"more.conf\"\n", "more.conf": "// nothing yet\n"})
    bridge = start_bridge(site, mount.path / "hookline.conf")
    for count, level in enumerate(("warn", "debug"), 1):  # in the file that is included
        mount.set({"hookline.conf": "@include \"more.conf\"\n", "more.conf": libconfig({"log": {"level": level}})})
        await_reloads(bridge, count)
        assert bridge.metric("hookline_config_reload_success") == 1
    mount.set({"hookline.conf": "// nothing\n", "more.conf": libconfig({"log": {"level": "error"}})})
    await_reloads(bridge, 3)
    assert len(lines(bridge, CHANGED, "settings=log.level")) == 3
    assert reloads(bridge, "failed") == 0


def test_a_bad_file(running, receiver):
    consumer = running.consumer
    good = consumer.settings
    publish(running, range(20))
    read_at = consumer.metric("hookline_config_last_reload_timestamp_seconds")
    bad = libconfig(merge(good, {"log": {"level": "debug"}, "results": {"publish": "none"}}))
    number = len(bad.splitlines()) + 1
    by_rename(consumer.config, bad + "ttl = { other = 5; };\nconsumer2 = { max_held = 1; };\n")
    await_reloads(consumer, 1, "failed")
    assert consumer.metric("hookline_config_reload_success") == 0
    assert consumer.metric("hookline_config_last_reload_timestamp_seconds") == read_at
    first, second = lines(consumer, REFUSED, "level=error")
    # The group occurs twice, which libconfig refuses where it does; or else the setting's type is told.
    assert f"{consumer.config}:{number}" in first and "ttl.other: expected a duration" in first
    assert f"{consumer.config}:{number + 1}" in second and "consumer2" in second
    publish(running, range(20, 40))
    await_taken(receiver, 40)
    running.await_results(40)  # nothing of it was taken over
    assert not lines(consumer, "msg=attempt")
    by_rename(consumer.config, "log = { level = \"debug\"")
    await_reloads(consumer, 2, "failed")
    assert lines(consumer, REFUSED, f"{consumer.config}:1", "syntax error")
    consumer.config.write_text("")
    await_reloads(consumer, 3, "failed")
    consumer.signal(signal.SIGHUP)  # says so once more
    await_reloads(consumer, 4, "failed")
    consumer.config.unlink()
    await_reloads(consumer, 5, "failed")
    assert lines(consumer, REFUSED, "the settings file cannot be read: No such file")
    by_rename(consumer.config, libconfig(good))
    await_reloads(consumer, 1, "unchanged")
    assert consumer.metric("hookline_config_reload_success") == 1
    assert consumer.metric("hookline_config_last_reload_timestamp_seconds") >= read_at
    consumer.write_config({"results": {"publish": "none"}})
    await_reloads(consumer, 1)
    publish(running, range(40, 60))
    await_taken(receiver, 60)
    time.sleep(1)
    assert len(running.results()) == 40


def test_what_needs_a_restart(running):
    consumer = running.consumer
    changes = {"kafka": {"client_id": "another", "properties": ["sasl.password=s3cret-of-mine"]},
               "log": {"level": "debug"}}
    running.hidden.add(b"s3cret-of-mine")
    consumer.write_config(changes)
    await_reloads(consumer, 1)
    told = [re.search(r"setting=(\S+) where=\S+\.conf:\d+", line)[1] for line in lines(consumer, RESTART, "level=warn")]
    assert told == ["kafka.client_id", "kafka.properties"]
    consumer.write_config({"log": {"level": "info"}})  # told once for each change
    await_reloads(consumer, 2)
    consumer.signal(signal.SIGHUP)
    await_reloads(consumer, 1, "unchanged")
    assert len(lines(consumer, RESTART)) == 2
    consumer.write_config({"kafka": {"client_id": "yet-another"}})
    await_reloads(consumer, 2, "unchanged")
    assert len(lines(consumer, RESTART, "setting=kafka.client_id")) == 2
    assert running.bridge.metric("hookline_config_reloads_total") == 0  # it has a file of its own


def test_times_to_live_and_circuits(running, receiver):
    consumer = running.consumer
    receiver.behave("/hook", 503)
    publish(running, range(3))
    receiver.await_requests(1, "/hook")
    consumer.write_config({"ttl": {"events": ["call.ended=1s"]}, "circuit": {"open_max": "100ms"}})
    await_reloads(consumer, 1)
    publish(running, range(3, 6), calls=1000)
    dead = letters(running, "expired", 3)
    assert sorted(r.json()["n"] for r in dead) == [3, 4, 5]
    consumer.write_config({"ttl": {"events": ["call.ended=1h"]}, "circuit": {"open_first": "1h", "open_max": "1h"}})
    await_reloads(consumer, 2)
    publish(running, range(6, 12), calls=1000)
    consumer.await_endpoint("acme/hook", circuit="open")
    wait_until(lambda: until(consumer) > 1700, 60, "the circuit is open for a long time")
    receiver.clear()
    time.sleep(1)
    assert receiver.requests == []


def until(consumer):
    """For how many seconds the circuit stays open still."""
    shown = consumer.endpoint("acme/hook")
    at = shown and shown.get("open_until")
    return time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time() if at else 0


def test_where_requests_may_go(running, receiver):
    consumer = running.consumer
    publish(running, range(5))
    await_taken(receiver, 5)
    consumer.write_config({"egress": {"deny": ["127.0.0.0/8"]}})  # a connection is open still
    await_reloads(consumer, 1)
    publish(running, range(5, 8))
    letters(running, "blocked_address", 3)
    assert len(taken(receiver)) == 5
    consumer.write_config({"egress": {"deny": []}})
    await_reloads(consumer, 2)
    publish(running, range(8, 10))
    await_taken(receiver, 7)


def test_limits(running, receiver):
    consumer = running.consumer
    consumer.write_config({"consumer": {"max_in_flight": 3, "endpoint_window": 3, "timeout": "300ms",
                                        "connect_timeout": "300ms", "max_attempts": 2}})
    await_reloads(consumer, 1)
    assert consumer.metric("hookline_in_flight_limit") == 3
    receiver.behave("/hook", 500)
    publish(running, range(2))
    dead = letters(running, "attempts_exhausted", 2)
    assert {r.text("hookline-attempts") for r in dead} == {"2"}
    assert receiver.most_open_requests <= 3


def test_keys(site, receiver, tmp_path):
    keys = tmp_path / "keys" / "ring"
    keys.parent.mkdir()
    one, two = (f"{name} {'A' * 42}{end}=\n" for name, end in (("k1", "A"), ("k2", "E")))
    site.create_events_topic()
    site.configure(**QUICK)
    site.configure(secrets={"key_file": str(tmp_path / "two")})
    (tmp_path / "two").write_text(two)
    site.subscribe(subscription("acme", "hook", receiver.url(), headers={"x-api-key": "s3cret-k3y"}))
    keys.write_text(one)
    site.configure(secrets={"key_file": str(keys)})
    _, consumer = site.start_roles()
    publish(site, range(10))
    wait_until(lambda: consumer.metric("hookline_endpoints_sealed") == 1, 60, "its header does not open")
    by_rename(keys, two + one.replace("A=", "?="))
    await_reloads(consumer, 1, "failed")
    assert lines(consumer, REFUSED, f"secrets.key_file: {keys}: line 2")
    by_rename(keys, two + one)
    await_reloads(consumer, 1)
    assert lines(consumer, CHANGED, "settings=secrets.key_file")
    await_taken(receiver, 10)
    check_taken(taken(receiver), range(10))
    assert {r.headers["x-api-key"] for r in receiver.requests} == {"s3cret-k3y"}


def test_console(site):
    api = Api(site)
    answers = [api.call("GET", "/status").status for _ in range(30)]
    assert set(answers) == {200}
    api.console.write_config({"console": {"rate_limit": 1}})
    await_reloads(api.console, 1)
    assert 429 in [api.call("GET", "/status").status for _ in range(30)]
    api.console.write_config({"console": {"rate_limit": 100000}, "consumer": {"max_attempts": 7}})
    await_reloads(api.console, 2)
    wait_until(lambda: api.call("GET", "/status").status == 200, 20, "the rate is what it was")
    settings = api.ok("GET", "/settings", token="root")["settings"]
    assert settings["consumer"]["max_attempts"]["value"] == 7


def test_a_storm_of_changes(running, receiver):
    """Good ones and bad ones, in all ways, with SIGHUPs among them: no delivery is lost, none repeated."""
    consumer = running.consumer
    end, count = time.monotonic() + 6, 0
    while time.monotonic() < end:
        publish(running, range(count, count + 20))
        count += 20
        settings = merge(consumer.settings, {
            "log": {"level": ("info", "debug")[count % 40 // 20]}, "consumer": {"max_in_flight": 64 + count % 7},
            "egress": {"deny": ["192.0.2.0/24"] * (count % 3)}, "ttl": {"other": f"{1 + count % 5}h"}})
        text = libconfig(settings) + ("oops" if count % 3 == 0 else "")
        (by_rename, by_writing, by_deleting)[count // 20 % 3](consumer.config, text)
        if count % 100 == 0:
            consumer.signal(signal.SIGHUP)
        time.sleep((0.01, 0.3)[count % 80 // 60])
    await_taken(receiver, count)
    assert check_taken(taken(receiver), range(count)) == 0
    assert reloads(consumer, "applied") >= 2
    consumer.write_config({"consumer": {"max_in_flight": 77}})
    wait_until(lambda: consumer.metric("hookline_in_flight_limit") == 77, 20, "the last one holds")
    assert consumer.metric("hookline_config_reload_success") == 1
