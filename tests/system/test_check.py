# SPDX-License-Identifier: Apache-2.0
"""What the program says about itself and about mistakes in its settings; all but --kafka works without
Kafka."""

import json
import re

import jsonschema
import pytest

from harness import free_port, run_cli

MISTAKES = """\
# A comment, so that the numbers of lines count.
kafka = {
    broker = "127.0.0.1:9092";
    properties = ["linger.ms=5", "acks=1"];
};
topics = {
    events = ["calls"];
    replication_factor = "three";
};
consumer = {
    timeout = "fast";
    endpoint_window = 5000;
};
@include "more.conf"
"""


@pytest.fixture
def config(tmp_path):
    def write(text, name="hookline.conf"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


def says(done):
    return done.stdout.decode() + done.stderr.decode()


def test_all_mistakes_are_named_with_their_lines(config):
    path = config(MISTAKES)
    more = config('log = { level = "loud"; };\n', "more.conf")
    done = run_cli(["check"], config=path)
    assert done.returncode == 2
    lines = says(done).splitlines()
    wanted = [
        (f"{path}:3", "kafka.broker", "kafka.brokers"), (f"{path}:4", "kafka.properties", "acks"),
        (f"{path}:8", "topics.replication_factor", "integer|number"),
        (f"{path}:11", "consumer.timeout", "fast"), (f"{path}:12", "consumer.endpoint_window", "1000"),
        (f"{more}:1", "log.level", "debug")]
    assert len(lines) == len(wanted), lines
    for place, setting, hint in wanted:
        line, = [line for line in lines if line.startswith(place + ":")]
        assert setting in line
        assert re.search(hint, line), line


def test_a_good_file_is_ok(config):
    path = config('kafka = { brokers = "k1:9092,k2:9092"; };\nconsumer = { timeout = "20s"; };\n')
    done = run_cli(["check"], config=path)
    assert (done.returncode, says(done)) == (0, f"{path}: ok\n")


@pytest.mark.parametrize("text, hint", [
    ('kafka = {\n  brokers = "a"\n', ":3: syntax error|:2: syntax error"),
    ('@include "missing.conf"\n', "missing.conf"),
    ("kafka = 5;\n", ":1: kafka"),
    ('passwords = { key = "x"; };\n', ":1: passwords"),
])
def test_a_broken_file(config, text, hint):
    done = run_cli(["check"], config=config(text))
    assert done.returncode == 2
    assert re.search(hint, says(done)), says(done)


def test_a_missing_file(tmp_path):
    done = run_cli(["check"], config=tmp_path / "none.conf")
    assert done.returncode == 2
    assert "none.conf" in says(done)


@pytest.mark.parametrize("role", ["bridge", "consumer", "publish", "settings"])
def test_every_command_refuses_bad_settings(config, role):
    done = run_cli([role], config=config(MISTAKES.replace("@include", "#")))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 5


def test_precedence(config):
    path = config('consumer = { timeout = "7s"; connect_timeout = "3s"; max_attempts = 9; };\n')
    done = run_cli(["settings", "--set", "consumer.timeout=9s"], config=path,
                   env={"HOOKLINE_CONSUMER_TIMEOUT": "8s", "HOOKLINE_CONSUMER_CONNECT_TIMEOUT": "4s"})
    assert done.returncode == 0
    shown = says(done)
    for line in ('consumer.timeout = "9s"', 'consumer.connect_timeout = "4s"', "consumer.max_attempts = 9"):
        assert line in shown


def test_wrong_environment_and_arguments():
    for args, env, hint in (
            (["settings"], {"HOOKLINE_KAFKA_BROKER": "x"}, "HOOKLINE_KAFKA_BROKERS"),
            (["settings", "--set", "kafka.broker=x"], {}, "kafka.brokers"),
            (["settings", "--set", "consumer.timeout=soon"], {}, "consumer.timeout"),
            (["settings", "--set", "nothing"], {}, "nothing"),
            (["publish", "--tenant", "No Tenant"], {}, "No Tenant"),
            (["run", "--roles", "bridge,consume"], {}, "consumer"),
            (["subscriptions", "lists"], {}, "list"),
            (["subscriptions", "apply"], {}, "-f"),
            (["subscriptions", "apply", "-f", "x", "--prune"], {}, "--tenant"),
            (["subscriptions", "get", "acme"], {}, "too few"),
            (["bridge", "--what"], {}, "--what")):
        done = run_cli(args, env=env)
        assert done.returncode == 2, args
        assert hint in done.stderr.decode(), args
        assert done.stdout == b"", args


def test_secrets_are_masked(config, tmp_path):
    (tmp_path / "kafka.properties").write_text("sasl.password=tiger7\n")
    path = config(f"""kafka = {{
        properties = ["sasl.username=scott", "ssl.key.password=lion8"];
        properties_file = "{tmp_path}/kafka.properties";
    }};
    http = {{ proxy = "http://user:puma9@127.0.0.1:3128"; }};
    """)
    for command in ("settings", "check"):
        done = run_cli([command], config=path)
        assert done.returncode == 0, says(done)
        for secret in ("tiger7", "lion8", "puma9"):
            assert secret not in says(done)


def commands():
    listed = re.findall(r"^  ([a-z]+)  +\S", run_cli(["--help"]).stdout.decode(), re.MULTILINE)
    assert {"bridge", "consumer", "run", "demo", "publish", "receive", "check"} <= set(listed)
    return listed


def test_help_of_each_command():
    for command in [*([c] for c in commands()), *(["subscriptions", action] for action in (
            "apply", "list", "get", "delete"))]:
        done = run_cli([*command, "--help"])
        assert done.returncode == 0, command
        assert done.stderr == b"", command
        text = done.stdout.decode()
        assert text.startswith(f"Usage: hookline {' '.join(command)}"), command
        assert len(text.splitlines()) > 4, command


def test_version_and_usage():
    version = run_cli(["--version"])
    assert version.returncode == 0
    assert re.match(rb"hookline \d+\.\d+\.\d+", version.stdout)
    nothing = run_cli([])
    assert nothing.returncode == 2
    assert "Usage: hookline" in says(nothing)


@pytest.mark.parametrize("word, meant", [
    ("bridg", "bridge"), ("subscription", "subscriptions"), ("consumr", "consumer"),
    ("publsh", "publish"), ("chek", "check"), ("xyzzy-foo", None)])
def test_unknown_commands_suggest_the_nearest(word, meant):
    done = run_cli([word])
    assert done.returncode == 2
    text = done.stderr.decode()
    assert word in text
    assert (f"did you mean {meant}?" in text) if meant else "did you mean" not in text


def test_check_with_kafka(site):
    site.create_events_topic()
    before = site.cli("check", "--kafka").stdout.decode()
    for topic in ("subscriptions", "results", "dead-letters"):
        assert re.search(rf"{re.escape(site.topic(topic))}\s.*(missing|not|no)", before), before
    site.cli("topics", "ensure")
    after = site.cli("check", "--kafka").stdout.decode()
    assert "missing" not in after
    listed = site.cli("topics", "list").stdout.decode()
    for topic in (site.events_topic, site.topic("subscriptions"), site.topic("results")):
        assert topic in after
        assert topic in listed


def test_check_asks_processes(site):
    bridge = site.start("bridge")
    address = bridge.settings["probes"]["listen"]
    assert f"{address}/readyz: answers" in site.cli("check", "--kafka", "--ask", f"{address}/readyz").stdout.decode()
    done = site.cli("check", "--ask", f"{address}/readyz", "--ask", f"{address}/nothing", check=False)
    assert done.returncode == 1 and f"{address}/nothing answers 404" in done.stderr.decode()
    done = site.cli("check", "--ask", "127.0.0.1:1/readyz", check=False)
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr.decode()


def test_schema_of_the_settings(config):
    schema = json.loads(run_cli(["settings", "--schema"]).stdout)
    values = {group: {name: value["value"] for name, value in of.items()}
              for group, of in json.loads(run_cli(["settings", "--json"]).stdout).items()}
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(values, schema)
    assert {g: set(of["properties"]) for g, of in schema["properties"].items()} == {g: set(of) for g, of in values.items()}
    for wrong in ({"kafka": {"broker": "x"}}, {"kafka": {"brokers": ""}}, {"consumer": {"timeout": 5}},
                  {"consumer": {"timeout": "soon"}}, {"consumer": {"max_held": 1}}, {"log": {"level": "loud"}}, {"x": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_check_without_kafka_says_so(config):
    brokers = f"127.0.0.1:{free_port()}"
    path = config(f'kafka = {{ brokers = "{brokers}"; }};\n')
    done = run_cli(["check", "--kafka", "--timeout", "2s"], config=path)
    assert done.returncode == 1
    assert brokers in says(done)


def test_logs_as_json(site):
    site.create_events_topic()
    bridge = site.start("bridge", log={"format": "json"})
    for line in bridge.log().splitlines():
        entry = json.loads(line)
        assert {"time", "level", "msg"} <= set(entry)
