# SPDX-License-Identifier: Apache-2.0
"""The alerts, run by promtool on made-up metrics: each fires on what it is for, and nothing else does."""

import re

import pytest
import yaml

from test_chart import BROKERS, CHART, KUBERNETES, ROOT, run, tool

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
METRICS = set(re.findall(r"^\| `(\w+)` ", (ROOT / "docs" / "metrics.md").read_text(), re.M)) | {"up"}
PODS = [f"rel-hookline-{name}" for name in ("bridge-a", "bridge-b", "consumer-default-a", "consumer-default-b")]
MINUTES = 240


def rendered(*args):
    text = run(tool("helm4"), "template", "rel", CHART, "--namespace", "hooks", "--kube-version", KUBERNETES, *BROKERS,
               "--set", "metrics.prometheusRule.enabled=true", *args, "--show-only", "templates/prometheusrule.yaml").stdout
    return yaml.safe_load(text)["spec"]


@pytest.fixture(scope="module")
def rules():
    return rendered()


def alerts(rules):
    return [rule for group in rules["groups"] for rule in group["rules"]]


def labels(pod, more=""):
    return f'{{namespace="hooks",pod="{pod}"{"," + more if more else ""}}}'


def well():
    """Four pods at work: 10 events and 20 deliveries a second, most of them at once. By name and labels."""
    series = {}
    for pod in PODS:
        def put(name, values, more="", pod=pod):
            series[name + labels(pod, more)] = values

        bridge = "bridge" in pod
        put("up", "1x%d" % MINUTES)
        for event in ("assigned", "revoked", "lost"):
            put("hookline_kafka_rebalances_total", ("1" if event == "assigned" else "0") + "x%d" % MINUTES, f'event="{event}"')
        for topics in ("events", "deliveries"):
            mine = bridge == (topics == "events")
            put("hookline_kafka_consumer_lag", ("20" if mine else "0") + "x%d" % MINUTES, f'topics="{topics}"')
            put("hookline_kafka_consumer_last_poll_timestamp_seconds", "0+60x%d" % MINUTES if mine else "0x%d" % MINUTES,
                f'topics="{topics}"')
        put("hookline_config_reload_success", "1x%d" % MINUTES)
        for name in ("hookline_kafka_produce_failures_total", "hookline_records_overtaken_total",
                     "hookline_registry_records_invalid_total"):
            put(name, "0x%d" % MINUTES)
        if bridge:
            put("hookline_events_consumed_total", "0+300x%d" % MINUTES)
            put("hookline_events_invalid_total", "0x%d" % MINUTES, 'reason="invalid_event"')
            for le, rate in (("1", 297), ("10", 299), ("60", 300), ("+Inf", 300)):
                put("hookline_fanout_latency_seconds_bucket", f"0+{rate}x{MINUTES}", f'le="{le}"')
            put("hookline_fanout_latency_seconds_count", "0+300x%d" % MINUTES)
            continue
        put("hookline_deliveries_total", "0+595x%d" % MINUTES, 'result="delivered"')
        put("hookline_deliveries_total", "0+5x%d" % MINUTES, 'result="dead_letter"')
        put("hookline_delivery_answers_total", "0+595x%d" % MINUTES, 'class="2xx"')
        put("hookline_delivery_answers_total", "0+30x%d" % MINUTES, 'class="5xx"')
        for le, rate in (("1", 580), ("60", 590), ("600", 595), ("+Inf", 595)):
            put("hookline_delivery_latency_seconds_bucket", f"0+{rate}x{MINUTES}", f'le="{le}"')
        put("hookline_delivery_latency_seconds_count", "0+595x%d" % MINUTES)
        put("hookline_dead_letters_total", "0+5x%d" % MINUTES, 'reason="rejected"')
        put("hookline_dead_letters_total", "0+0x%d" % MINUTES, 'reason="gone"')
        put("hookline_dead_letter_publish_failures_total", "0x%d" % MINUTES)
        put("hookline_deliveries_lost_total", "0x%d" % MINUTES)
        put("hookline_oldest_undelivered_timestamp_seconds", "0x%d" % MINUTES)
        put("hookline_endpoints_sealed", "0x%d" % MINUTES)
        put("hookline_blocked_addresses_total", "0x%d" % MINUTES, 'rule="private"')
        for phase, count in (("closed", 48), ("open", 1), ("probing", 1)):
            put("hookline_circuits", f"{count}x{MINUTES}", f'phase="{phase}"')
    return series


BRIDGES, CONSUMERS = PODS[:2], PODS[2:]


def on(pods, name, values, more=""):
    return {name + labels(pod, more): values for pod in pods}


def gone(*names):
    """Series that are not there: of a pod that is away, or of all."""
    return {key: None for key in well() if any(name in key for name in names)}


IDLE = {**{key: re.sub(r"^0\+\d+x", "0x", values) for key, values in well().items() if "last_poll" not in key},
        **on(BRIDGES, "hookline_kafka_consumer_lag", "0x240", 'topics="events"'),
        **on(CONSUMERS, "hookline_kafka_consumer_lag", "0x240", 'topics="deliveries"')}
LATE = {"1": 0, "60": 0, "600": 595, "+Inf": 595}
# What is different, and which alerts fire in the end.
SCENARIOS = {
    "all is well": ({}, []),
    "nobody calls": (IDLE, []),
    "processes have just started, and counters with them": (
        {key: "0x30 " + values for key, values in well().items() if values.startswith("0+") and "last_poll" not in key}, []),
    "a pod was replaced: its counters began anew": (
        {key: "0+600x100 _x5 0+600x134" for key in well() if PODS[3] in key and "deliveries_total" in key}, []),
    "nothing is there": (gone("hookline", "up"), ["HooklineDown"]),
    "no pod answers": (on(PODS, "up", "1x30 0x210"), ["HooklineDown", "HooklineTargetDown"]),
    "one of four does not answer": (on(PODS[:1], "up", "1x30 0x210"), ["HooklineTargetDown"]),
    "a process stands still": (on(CONSUMERS[:1], "hookline_kafka_consumer_last_poll_timestamp_seconds", "0+60x30 1800x209",
                                  'topics="deliveries"'), ["HooklineLoopStuck"]),
    "bridges do not read": ({**on(BRIDGES, "hookline_kafka_consumer_lag", "20+300x240", 'topics="events"'),
                             **on(BRIDGES, "hookline_events_consumed_total", "5000x240")},
                            ["HooklineEventsNotRead", "HooklineBehind"]),
    "consumers do not deliver": ({**on(CONSUMERS, "hookline_kafka_consumer_lag", "900x240", 'topics="deliveries"'),
                                  **on(CONSUMERS, "hookline_deliveries_total", "9x240", 'result="delivered"'),
                                  **on(CONSUMERS, "hookline_deliveries_total", "9x240", 'result="dead_letter"'),
                                  **on(CONSUMERS, "hookline_dead_letters_total", "9x240", 'reason="rejected"')},
                                 ["HooklineDeliveriesNotMade"]),
    "more comes than goes": (on(CONSUMERS, "hookline_kafka_consumer_lag", "20+200x240", 'topics="deliveries"'), ["HooklineBehind"]),
    "deliveries are late": ({key: value for le, rate in LATE.items()
                             for key, value in on(CONSUMERS, "hookline_delivery_latency_seconds_bucket", f"0+{rate}x240",
                                                  f'le="{le}"').items()}, ["HooklineDeliveriesLate"]),
    "a customer came back: a third of the deliveries are late": (
        {key: value for le, rate in {"1": 400, "60": 400, "600": 595, "+Inf": 595}.items()
         for key, value in on(CONSUMERS, "hookline_delivery_latency_seconds_bucket", f"0+{rate}x240", f'le="{le}"').items()}, []),
    "events become deliveries late": ({key: value for le, rate in {"1": 100, "10": 100, "60": 300, "+Inf": 300}.items()
                                       for key, value in on(BRIDGES, "hookline_fanout_latency_seconds_bucket", f"0+{rate}x240",
                                                            f'le="{le}"').items()}, ["HooklineEventsFannedOutLate"]),
    "an endpoint is away for a night": (on(CONSUMERS[:1], "hookline_oldest_undelivered_timestamp_seconds", "-30000x240"),
                                        []),  # see test_an_old_delivery
    "requests fail": (on(CONSUMERS, "hookline_delivery_answers_total", "0+700x240", 'class="none"'), ["HooklineAttemptsFail"]),
    "many endpoints fail at once": ({**on(CONSUMERS, "hookline_circuits", "20x240", 'phase="open"'),
                                     **on(CONSUMERS, "hookline_circuits", "30x240", 'phase="closed"')}, ["HooklineCircuitsOpen"]),
    "one of two endpoints fails": ({**on(CONSUMERS, "hookline_circuits", "1x240", 'phase="open"'),
                                    **on(CONSUMERS, "hookline_circuits", "0x240", 'phase="probing"'),
                                    **on(CONSUMERS, "hookline_circuits", "1x240", 'phase="closed"')}, []),
    "much is refused": (on(CONSUMERS, "hookline_dead_letters_total", "0+60x240", 'reason="rejected"'), ["HooklineDeadLetters"]),
    "a customer says gone": (on(CONSUMERS, "hookline_dead_letters_total", "0+300x240", 'reason="gone"'), []),
    "dead letters cannot be written": (on(CONSUMERS[:1], "hookline_dead_letter_publish_failures_total", "0x60 0+1x180"),
                                       ["HooklineDeadLettersNotWritten"]),
    "dead letters could not be written for a moment": (
        on(CONSUMERS[:1], "hookline_dead_letter_publish_failures_total", "0x60 1x180"), []),
    "a producer sends nonsense": (on(BRIDGES, "hookline_events_invalid_total", "0+100x240", 'reason="invalid_event"'),
                                  ["HooklineEventsInvalid"]),
    "a little nonsense": (on(BRIDGES, "hookline_events_invalid_total", "0+3x240", 'reason="invalid_event"'), []),
    "retention was faster": (on(CONSUMERS[:1], "hookline_deliveries_lost_total", "0x230 70x10"), ["HooklineDeliveriesLost"]),
    "retention was faster than bridges": (on(BRIDGES[:1], "hookline_records_overtaken_total", "0x230 70x10"),
                                          ["HooklineDeliveriesLost"]),
    "Kafka takes nothing": (on(PODS, "hookline_kafka_produce_failures_total", "0x100 0+10x140"), ["HooklineKafkaWriteFailures"]),
    "the group does not settle": (on(CONSUMERS, "hookline_kafka_rebalances_total", "1x100 1+2x140", 'event="assigned"'),
                                  ["HooklineRebalances"]),
    "a rolling update": (on(CONSUMERS, "hookline_kafka_rebalances_total", "1x230 5x10", 'event="assigned"'), []),
    "a process is thrown out": (on(CONSUMERS[:1], "hookline_kafka_rebalances_total", "0x230 4x10", 'event="lost"'),
                                ["HooklinePartitionsLost"]),
    "somebody else writes the registry": (on(PODS, "hookline_registry_records_invalid_total", "0x220 1x20"),
                                          ["HooklineRegistryInvalid"]),
    "a settings file is wrong": (on(CONSUMERS[:1], "hookline_config_reload_success", "1x100 0x140"), ["HooklineConfigStale"]),
    "a key is missing": (on(CONSUMERS[:1], "hookline_endpoints_sealed", "0x100 3x140"), ["HooklineSecretsDoNotOpen"]),
    "somebody tries addresses": (on(CONSUMERS[:1], "hookline_blocked_addresses_total", "0x230 50x10", 'rule="metadata"'),
                                 ["HooklineBlockedAddresses"]),
    "a URL is wrong": (on(CONSUMERS[:1], "hookline_blocked_addresses_total", "0x230 5x10", 'rule="private"'), []),
}


def group(name, changes, fired):
    series = {key: values for key, values in {**well(), **changes}.items() if values is not None}
    return {"name": name, "interval": "1m",
            "input_series": [{"series": key, "values": values} for key, values in series.items()],
            "promql_expr_test": [{
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{MINUTES - 1}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 4 if (name, alert) == (
                    "no pod answers", "HooklineTargetDown") else 2 if (name, alert) in (
                    ("the group does not settle", "HooklineRebalances"),) else 1} for alert in sorted(fired)]}]}


@pytest.fixture(scope="module")
def files(rules, tmp_path_factory):
    directory = tmp_path_factory.mktemp("alerts")
    (directory / "rules.yaml").write_text(yaml.safe_dump(rules))
    return directory


def test_rules_are_valid(files):
    assert "SUCCESS" in run(tool("promtool"), "check", "rules", files / "rules.yaml").stdout


@pytest.mark.parametrize("name", SCENARIOS)
def test_alerts_fire_on_what_they_are_for(files, name):
    changes, fired = SCENARIOS[name]
    file = files / f"{abs(hash(name))}.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m",
                                    "tests": [group(name, changes, fired)]}))
    done = run(tool("promtool"), "test", "rules", file, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_old_delivery(files):
    """After more than six hours, for half an hour: the time begins at 0 here."""
    series = on(CONSUMERS[:1], "hookline_oldest_undelivered_timestamp_seconds", "60x500")
    file = files / "old.yaml"
    tests = [{"interval": "1m", "input_series": [{"series": key, "values": values} for key, values in series.items()] + [
        {"series": "up" + labels(PODS[0]), "values": "1x500"}],
        "promql_expr_test": [{"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": at, "exp_samples": expected}
                             for at, expected in (("6h", []), ("380m", []),
                                                  ("6h40m", [{"labels": '{alertname="HooklineOldestUndelivered"}', "value": 1}]))]}]
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
    done = run(tool("promtool"), "test", "rules", file, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_fired(rules):
    fired = {alert for _, expected in SCENARIOS.values() for alert in expected} | {"HooklineOldestUndelivered"}
    assert fired == {rule["alert"] for rule in alerts(rules)}


def test_every_alert_has_its_values_and_its_section(rules):
    values = yaml.safe_load((CHART / "values.yaml").read_text())["metrics"]["prometheusRule"]["alerts"]
    listed = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["alerts"]
    assert set(values) == {alert["name"] for alert in listed} == {rule["alert"] for rule in alerts(rules)}
    for alert in listed:
        used = set(re.findall(r"<(\w+)>", alert["expr"] + alert["description"])) - {"selector"}
        assert used == set(values[alert["name"]]) - {"enabled", "for", "severity"}, alert["name"]
        section = RUNBOOK.split(f"\n## {alert['name']}\n")
        assert len(section) == 2, f"docs/runbook.md has no section {alert['name']}"
        text = section[1].split("\n## ")[0]
        for part in ("**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Remedy.**"):
            assert part in text, (alert["name"], part)
    assert set(re.findall(r"^## (Hookline\w+)$", RUNBOOK, re.M)) == set(values)


def test_metrics_exist(rules):
    """Those of expressions, and of the runbook."""
    for text in [rule["expr"] for rule in alerts(rules)] + [RUNBOOK]:
        for name in re.findall(r"\b(hookline_\w+)", text):
            assert name in METRICS or re.sub("_(bucket|sum|count)$", "", name) in METRICS, name


def test_alerts_are_tunable():
    rules = rendered("--set", "metrics.prometheusRule.alerts.HooklineBehind.threshold=7,"
                     "metrics.prometheusRule.alerts.HooklineBehind.for=1m,metrics.prometheusRule.alerts.HooklineBehind.severity=info,"
                     "metrics.prometheusRule.alerts.HooklineDown.enabled=false,metrics.prometheusRule.alertLabels.team=voice,"
                     "metrics.prometheusRule.selector=job=\"x\"")
    found = {rule["alert"]: rule for rule in alerts(rules)}
    assert "HooklineDown" not in found
    behind = found["HooklineBehind"]
    assert behind["expr"] == 'sum by (topics) (hookline_kafka_consumer_lag{job="x"}) > 7'
    assert behind["for"] == "1m" and behind["labels"] == {"severity": "info", "team": "voice"}
