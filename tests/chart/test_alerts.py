# SPDX-License-Identifier: Apache-2.0
"""The alerts, run by promtool on made-up metrics: each fires on what it is for, and nothing else does."""

import re

import pytest
import yaml

from test_chart import BROKERS, CHART, KUBERNETES, ROOT, run, tool

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
METRICS = set(re.findall(r"^\| `(\w+)` ", (ROOT / "docs" / "metrics.md").read_text(), re.M)) | {"up"}
PODS = [f"rel-hookline-{name}" for name in ("bridge-a", "bridge-b", "consumer-default-a", "consumer-default-b")]
CONSOLE = "rel-hookline-console-a"
ROLES = ["--set", "console.enabled=true,console.tokensSecret=t"]
MINUTES = 240


def rendered(*args):
    text = run(tool("helm4"), "template", "rel", CHART, "--namespace", "hooks", "--kube-version", KUBERNETES, *BROKERS,
               "--set", "metrics.prometheusRule.enabled=true", *args, "--show-only", "templates/prometheusrule.yaml").stdout
    return yaml.safe_load(text)["spec"]


@pytest.fixture(scope="module")
def rules():
    return rendered(*ROLES)


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
            put("hookline_kafka_partitions_assigned", ("4" if mine else "0") + "x%d" % MINUTES, f'topics="{topics}"')
        put("hookline_registry_subscriptions", "100x%d" % MINUTES)
        put("hookline_config_reload_success", "1x%d" % MINUTES)
        for name in ("hookline_kafka_produce_failures_total", "hookline_records_overtaken_total",
                     "hookline_registry_records_invalid_total"):
            put(name, "0x%d" % MINUTES)
        if bridge:
            put("hookline_events_consumed_total", "0+300x%d" % MINUTES)
            put("hookline_events_invalid_total", "0x%d" % MINUTES, 'reason="invalid_event"')
            put("hookline_deliveries_created_total", "0+600x%d" % MINUTES)
            put("hookline_bridge_dead_letters_total", "0x%d" % MINUTES, 'reason="unroutable"')
            for le, rate in (("1", 297), ("10", 299), ("60", 300), ("+Inf", 300)):
                put("hookline_fanout_latency_seconds_bucket", f"0+{rate}x{MINUTES}", f'le="{le}"')
            put("hookline_fanout_latency_seconds_count", "0+300x%d" % MINUTES)
            continue
        put("hookline_deliveries_total", "0+595x%d" % MINUTES, 'result="delivered"')
        put("hookline_deliveries_total", "0+5x%d" % MINUTES, 'result="dead_letter"')
        put("hookline_delivery_attempts_total", "0+595x%d" % MINUTES, 'outcome="delivered"')
        put("hookline_delivery_attempts_total", "0+30x%d" % MINUTES, 'outcome="retry"')
        put("hookline_delivery_faults_total", "0+620x%d" % MINUTES, 'fault="answered"')
        put("hookline_delivery_faults_total", "0x%d" % MINUTES, 'fault="ours"')
        put("hookline_delivery_answers_total", "0+595x%d" % MINUTES, 'class="2xx"')
        put("hookline_delivery_answers_total", "0+30x%d" % MINUTES, 'class="5xx"')
        put("hookline_dead_letters_total", "0+5x%d" % MINUTES, 'reason="rejected"')
        put("hookline_dead_letters_total", "0+0x%d" % MINUTES, 'reason="gone"')
        put("hookline_dead_letter_publish_failures_total", "0x%d" % MINUTES)
        put("hookline_deliveries_lost_total", "0x%d" % MINUTES)
        put("hookline_oldest_undelivered_timestamp_seconds", "0x%d" % MINUTES)
        put("hookline_endpoints_sealed", "0x%d" % MINUTES)
        put("hookline_blocked_addresses_total", "0x%d" % MINUTES, 'rule="private"')
        for phase, count in (("closed", 48), ("open", 1), ("probing", 1)):
            put("hookline_circuits", f"{count}x{MINUTES}", f'phase="{phase}"')
    for status, rate in (("2xx", 60), ("5xx", 0)):
        series["hookline_api_answers_total" + labels(CONSOLE, f'class="{status}"')] = f"0+{rate}x{MINUTES}"
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
# What is different, and which alerts fire in the end; one that fires for several pods is there so often.
SCENARIOS = {
    "all is well": ({}, []),
    "nobody calls": (IDLE, []),
    "processes have just started, and counters with them": (
        {key: "0x30 " + values for key, values in well().items() if values.startswith("0+") and "last_poll" not in key}, []),
    "a pod was replaced: its counters began anew": (
        {key: "0+600x100 _x5 0+600x134" for key in well() if PODS[3] in key and "deliveries_total" in key}, []),
    "nothing is there": (gone("hookline", "up"), ["HooklineBridgesDown", "HooklineConsumersDown"]),
    "no pod answers": ({**gone("hookline_"), **on(PODS, "up", "1x30 0x210")},
                       ["HooklineBridgesDown", "HooklineConsumersDown", *["HooklineTargetDown"] * 4]),
    "one of four does not answer": ({**gone(PODS[0]), **on(PODS[:1], "up", "1x30 0x210")}, ["HooklineTargetDown"]),
    "bridges are away, for five minutes first": (
        {key: values and re.sub(r"x240$", "x100", values) + " _x5 " + re.sub("x240$", "x30", values) for key, values in well().items()
         if "bridge" in key}, ["HooklineBridgesDown"]),
    "another release has bridges, and ours has none": (
        {**gone(*BRIDGES), 'hookline_kafka_consumer_last_poll_timestamp_seconds{namespace="hooks",pod="other-bridge-a",topics="events"}':
         "0+60x240"}, ["HooklineBridgesDown"]),
    "Kafka is out of reach": ({**IDLE, **on(BRIDGES, "hookline_kafka_partitions_assigned", "4x100 0x140", 'topics="events"'),
                               **on(CONSUMERS, "hookline_kafka_partitions_assigned", "4x100 0x140", 'topics="deliveries"')},
                              ["HooklineNoPartitions"] * 2),
    "a rebalance takes long": (on(CONSUMERS, "hookline_kafka_partitions_assigned", "4x233 0x7", 'topics="deliveries"'), []),
    "nobody has subscribed to anything": (
        {**IDLE, **on(PODS, "hookline_registry_subscriptions", "0x240"),
         **on(CONSUMERS, "hookline_kafka_partitions_assigned", "0x240", 'topics="deliveries"')}, []),
    "a process is a reserve": (on(CONSUMERS[:1], "hookline_kafka_partitions_assigned", "0x240", 'topics="deliveries"'), []),
    "bridges do not read": ({**on(BRIDGES, "hookline_kafka_consumer_lag", "20+300x240", 'topics="events"'),
                             **on(BRIDGES, "hookline_events_consumed_total", "5000x240")},
                            ["HooklineEventsNotRead", "HooklineBehind"]),
    "consumers do not deliver": ({**on(CONSUMERS, "hookline_kafka_consumer_lag", "900x240", 'topics="deliveries"'),
                                  **on(CONSUMERS, "hookline_deliveries_total", "9x240", 'result="delivered"'),
                                  **on(CONSUMERS, "hookline_deliveries_total", "9x240", 'result="dead_letter"'),
                                  **on(CONSUMERS, "hookline_delivery_attempts_total", "9x240", 'outcome="delivered"'),
                                  **on(CONSUMERS, "hookline_delivery_attempts_total", "9x240", 'outcome="retry"'),
                                  **on(CONSUMERS, "hookline_dead_letters_total", "9x240", 'reason="rejected"')},
                                 ["HooklineDeliveriesNotMade"]),
    "the only endpoint there is fails": (
        {**IDLE, **on(CONSUMERS[:1], "hookline_kafka_consumer_lag", "5x240", 'topics="deliveries"'),
         # The probes of its circuit.
         **on(CONSUMERS[:1], "hookline_delivery_attempts_total", " ".join(f"{n}x4" for n in range(48)), 'outcome="retry"')}, []),
    "more comes than goes": (on(CONSUMERS, "hookline_kafka_consumer_lag", "20+200x240", 'topics="deliveries"'),
                             ["HooklineBehind", "HooklineDeliveriesLate"]),
    "deliveries are late by more than five minutes": (
        on(CONSUMERS, "hookline_kafka_consumer_lag", "4000x240", 'topics="deliveries"'), ["HooklineDeliveriesLate"]),
    "the same, with bridges of another release": (
        {**gone("created_total"), **on(CONSUMERS, "hookline_kafka_consumer_lag", "4000x240", 'topics="deliveries"')},
        ["HooklineDeliveriesLate"]),
    "a slow endpoint keeps its partition back for half a minute": (
        on(CONSUMERS[:1], "hookline_kafka_consumer_lag", "600x240", 'topics="deliveries"'), []),
    "at night a few wait": ({**IDLE, **on(BRIDGES[:1], "hookline_deliveries_created_total", "0+1x240"),
                             **on(CONSUMERS[:1], "hookline_deliveries_total", "0+1x240", 'result="delivered"'),
                             **on(CONSUMERS[:1], "hookline_kafka_consumer_lag", "9x240", 'topics="deliveries"')}, []),
    "events become deliveries late": ({key: value for le, rate in {"1": 100, "10": 100, "60": 300, "+Inf": 300}.items()
                                       for key, value in on(BRIDGES, "hookline_fanout_latency_seconds_bucket", f"0+{rate}x240",
                                                            f'le="{le}"').items()}, ["HooklineEventsFannedOutLate"]),
    "an endpoint is away for a night": (on(CONSUMERS[:1], "hookline_oldest_undelivered_timestamp_seconds", "-30000x240"),
                                        []),  # see test_an_old_delivery
    "requests fail": (on(CONSUMERS, "hookline_delivery_answers_total", "0+700x240", 'class="none"'), ["HooklineAttemptsFail"]),
    "a customer with most of the traffic refuses all": (
        on(CONSUMERS, "hookline_delivery_answers_total", "0+1400x240", 'class="4xx"'), ["HooklineAttemptsFail"]),
    "no name server answers": (on(CONSUMERS, "hookline_delivery_faults_total", "0x100 0+60x140", 'fault="ours"'), ["HooklineOwnFaults"]),
    "two requests had no descriptor, at night": (
        {**IDLE, **on(CONSUMERS[:1], "hookline_delivery_faults_total", "0x235 2x5", 'fault="ours"')}, []),
    "many endpoints fail at once": ({**on(CONSUMERS, "hookline_circuits", "1x120 20x120", 'phase="open"'),
                                     **on(CONSUMERS, "hookline_circuits", "48x120 30x120", 'phase="closed"')},
                                    ["HooklineCircuitsOpen"]),
    "many have failed for days, and consumers were replaced": (
        on(CONSUMERS, "hookline_circuits", "20x200 0x10 20x30", 'phase="open"'), []),
    "at night only those that fail are known": (
        {**IDLE, **on(CONSUMERS, "hookline_circuits", "0x120 4x120", 'phase="open"'),
         **on(CONSUMERS, "hookline_circuits", "24x120 0x120", 'phase="closed"')}, []),
    "one of two endpoints fails": ({**on(CONSUMERS, "hookline_circuits", "0x120 1x120", 'phase="open"'),
                                    **on(CONSUMERS, "hookline_circuits", "0x240", 'phase="probing"'),
                                    **on(CONSUMERS, "hookline_circuits", "1x240", 'phase="closed"'),
                                    **on(PODS, "hookline_registry_subscriptions", "2x240")}, []),
    "much is refused": (on(CONSUMERS, "hookline_dead_letters_total", "0+60x240", 'reason="rejected"'), ["HooklineDeadLetters"]),
    "a customer says gone": (on(CONSUMERS, "hookline_dead_letters_total", "0+300x240", 'reason="gone"'), []),
    "dead letters cannot be written": (on(CONSUMERS[:1], "hookline_dead_letter_publish_failures_total", "0x60 0+1x180"),
                                       ["HooklineDeadLettersNotWritten"]),
    "dead letters could not be written for a moment": (
        on(CONSUMERS[:1], "hookline_dead_letter_publish_failures_total", "0x60 1x180"), []),
    "a delivery topic was deleted": (on(BRIDGES, "hookline_bridge_dead_letters_total", "0x235 0+5x5", 'reason="unroutable"'),
                                     ["HooklineUnroutable"]),
    "a few deliveries could not be written": (
        on(BRIDGES[:1], "hookline_bridge_dead_letters_total", "0x235 3x5", 'reason="unroutable"'), []),
    "a producer sends nonsense": (on(BRIDGES, "hookline_events_invalid_total", "0+100x240", 'reason="invalid_event"'),
                                  ["HooklineEventsInvalid"]),
    "a little nonsense": (on(BRIDGES, "hookline_events_invalid_total", "0+3x240", 'reason="invalid_event"'), []),
    "retention was faster": (on(CONSUMERS[:1], "hookline_deliveries_lost_total", "0x230 70x10"), ["HooklineDeliveriesLost"]),
    "retention was faster than bridges": (on(BRIDGES[:1], "hookline_records_overtaken_total", "0x230 70x10"),
                                          ["HooklineDeliveriesLost"]),
    "bridges start late, and find at once that retention was faster": (
        {**on(BRIDGES[:1], "hookline_records_overtaken_total", "_x230 70x10")}, ["HooklineDeliveriesLost"]),
    "retention was faster, long ago": (on(CONSUMERS, "hookline_deliveries_lost_total", "0x20 70x220"), []),
    "Kafka takes nothing": (on(PODS, "hookline_kafka_produce_failures_total", "0x100 0+10x140"), ["HooklineKafkaWriteFailures"]),
    "the group does not settle": (on(CONSUMERS, "hookline_kafka_rebalances_total", "1x100 1+2x140", 'event="assigned"'),
                                  ["HooklineRebalances"] * 2),
    "a rolling update": (on(CONSUMERS, "hookline_kafka_rebalances_total", "1x230 5x10", 'event="assigned"'), []),
    "a process is thrown out": (on(CONSUMERS[:1], "hookline_kafka_rebalances_total", "0x230 4x10", 'event="lost"'),
                                ["HooklinePartitionsLost"]),
    "somebody else writes the registry": (on(PODS, "hookline_registry_records_invalid_total", "0x220 1x20"),
                                          ["HooklineRegistryInvalid"]),
    "a settings file is wrong": (on(CONSUMERS[:1], "hookline_config_reload_success", "1x100 0x140"), ["HooklineConfigStale"]),
    "a process starts, and finds records that are not valid": (
        on(PODS[:1], "hookline_registry_records_invalid_total", "_x220 1x20"), ["HooklineRegistryInvalid"]),
    "it has known them for long": (on(PODS, "hookline_registry_records_invalid_total", "1x240"), []),
    "a process does not read the registry": (
        {**on(PODS, "hookline_registry_subscriptions", "100x100 100+1x140"), **on(PODS[:1], "hookline_registry_subscriptions", "100x240")},
        ["HooklineRegistryDiffers"]),
    "subscriptions come and go": ({**on(PODS, "hookline_registry_subscriptions", "100 104 " * 120),
                                   **on(PODS[:1], "hookline_registry_subscriptions", "98 102 " * 120)}, []),
    "a key is missing": (on(CONSUMERS[:1], "hookline_endpoints_sealed", "0x100 3x140"), ["HooklineSecretsDoNotOpen"]),
    "somebody tries addresses": (on(CONSUMERS[:1], "hookline_blocked_addresses_total", "0x230 50x10", 'rule="metadata"'),
                                 ["HooklineBlockedAddresses"]),
    "the API cannot write": (on([CONSOLE], "hookline_api_answers_total", "0x200 0+5x40", 'class="5xx"'), ["HooklineApiFails"]),
    "the API could not write once": (on([CONSOLE], "hookline_api_answers_total", "0x235 1x5", 'class="5xx"'), []),
    "a URL is wrong": (on(CONSUMERS[:1], "hookline_blocked_addresses_total", "0x230 5x10", 'rule="private"'), []),
}


def group(name, changes, fired):
    series = {key: values for key, values in {**well(), **changes}.items() if values is not None}
    return {"name": name, "interval": "1m",
            "input_series": [{"series": key, "values": values} for key, values in series.items()],
            "promql_expr_test": [{
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{MINUTES - 1}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": fired.count(alert)} for alert in sorted(set(fired))]}]}


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


def test_nobody_is_woken_for_one_customer(rules):
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in alerts(rules)}
    for name in ("a customer with most of the traffic refuses all", "much is refused", "somebody tries addresses",
                 "one of four does not answer"):
        assert [severities[alert] for alert in SCENARIOS[name][1]] == ["warning"], name
    assert severities["HooklineOldestUndelivered"] == "warning"


def test_what_alerts_say(files):
    """promtool prints them, with their numbers, where a test does not expect any."""
    tests = [{**group(name, changes, fired), "alert_rule_test": [
        {"alertname": alert, "eval_time": f"{MINUTES - 1}m", "exp_alerts": []} for alert in sorted(set(fired))]}
        for name, (changes, fired) in SCENARIOS.items() if fired]
    file = files / "said.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
    said = run(tool("promtool"), "test", "rules", file, check=False).stderr
    found = re.findall(r'Labels:\{alertname="(\w+)".*\}\s+Annotations:\{(.*)\}', said)
    assert {name for name, _ in found} == {alert for _, fired in SCENARIOS.values() for alert in fired}
    for name, sentences in found:
        assert not re.search(r"error|no value|NaN|Inf|%!|<", sentences), (name, sentences)


def test_an_old_delivery(files):
    """After more than six hours, for half an hour: the time begins at 0 here."""
    series = {**on(CONSUMERS[:1], "hookline_oldest_undelivered_timestamp_seconds", "60x500"),
              **on(BRIDGES[:1], "hookline_kafka_consumer_last_poll_timestamp_seconds", "1+60x500", 'topics="events"'),
              **on(CONSUMERS[:1], "hookline_kafka_consumer_last_poll_timestamp_seconds", "1+60x500", 'topics="deliveries"')}
    file = files / "old.yaml"
    tests = [{"interval": "1m", "input_series": [{"series": key, "values": values} for key, values in series.items()],
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
    rules = rendered(*ROLES, "--set", "metrics.prometheusRule.alerts.HooklineBehind.threshold=7,"
                     "metrics.prometheusRule.alerts.HooklineBehind.for=1m,metrics.prometheusRule.alerts.HooklineBehind.severity=info,"
                     "metrics.prometheusRule.alerts.HooklineApiFails.threshold=0.25,"
                     "metrics.prometheusRule.alerts.HooklineOldestUndelivered.threshold=1000000,"
                     "metrics.prometheusRule.alerts.HooklineTargetDown.enabled=false,metrics.prometheusRule.alertLabels.team=voice,"
                     "metrics.prometheusRule.selector=job=\"x\"")
    found = {rule["alert"]: rule for rule in alerts(rules)}
    assert "HooklineTargetDown" not in found
    assert "> 0.25 " in found["HooklineApiFails"]["expr"] and found["HooklineOldestUndelivered"]["expr"].endswith("> 1000000")
    behind = found["HooklineBehind"]
    assert behind["expr"] == 'sum by (topics) (hookline_kafka_consumer_lag{job="x"}) > 7'
    assert behind["for"] == "1m"
    # Else those of two releases would be one to Alertmanager.
    assert behind["labels"] == {"severity": "info", "team": "voice", "namespace": "hooks", "release": "rel"}


def test_alerts_of_roles_that_are_there():
    alone = {rule["alert"] for rule in alerts(rendered("--set", "bridge.enabled=false"))}
    assert "HooklineBridgesDown" not in alone and "HooklineApiFails" not in alone and "HooklineConsumersDown" in alone
