# SPDX-License-Identifier: Apache-2.0
"""What processes say at /metrics, and that docs/metrics.md has it."""

import json
import re
import time
import urllib.request

import pytest

from api import Api
from harness import ROOT, Answer, subscription, wait_until


def exposition(process):
    address = process.settings["probes"]["listen"]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def names(text):
    return set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", text, re.M))


def test_all_that_is_shown_is_documented(site, receiver):
    page = (ROOT / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` ", page, re.M))
    bridge, consumer = site.start_roles()
    console = Api(site).console
    shown = [names(exposition(process)) for process in (bridge, consumer, console)]
    assert set().union(*shown) == documented
    for name in documented:
        kind = re.search(rf"^\| `{name}` \| (\w+)", page, re.M).group(1)
        assert name.endswith("_total") == (kind == "counter"), name
        assert not name.endswith(("_ms", "_milliseconds", "_percent", "_minutes")), name


def test_all_is_shown_before_kafka_answers(site):
    """A count that begins later is no increase to Prometheus."""
    tokens = site.directory / "tokens.json"
    tokens.write_text('{"tokens": []}')
    shown = set()
    for role in ("bridge", "consumer", "console"):
        process = site.start(role, ready=False, kafka={"brokers": "127.0.0.1:1"},
                             console={"listen": "127.0.0.1:0", "tokens_file": str(tokens)})
        wait_until(lambda process=process: process.probe("/readyz")[0] == 503)
        shown |= names(exposition(process))
        process.kill9()
    assert shown == set(re.findall(r"^\| `(\w+)` ", (ROOT / "docs" / "metrics.md").read_text(), re.M))


def test_lag_and_progress(site, receiver):
    receiver.behave("/hook", Answer(hang=True))
    site.create_events_topic(partitions=3)
    site.subscribe(subscription("acme", "crm", receiver.url()))
    bridge, consumer = site.start_roles(consumer={"timeout": "1m", "drain_timeout": "100ms"})
    assert bridge.metric("hookline_kafka_partitions_assigned", topics="events") == 4  # and that of operational events
    assert bridge.metric("hookline_kafka_partitions_assigned", topics="deliveries") == 0
    assert bridge.metric("hookline_kafka_consumer_groups") == 1
    for n in range(50):
        site.publish(json.dumps({"type": "ended", "callID": f"c{n}"}), "acme", key=f"c{n}")
    site.kafka.flush()
    wait_until(lambda: consumer.metric("hookline_kafka_consumer_lag", topics="deliveries") == 50, what="all 50 are not done")
    assert consumer.metric("hookline_kafka_consumer_lag_max", topics="deliveries") == 50
    assert consumer.metric("hookline_kafka_consumer_lag", topics="events") == 0
    wait_until(lambda: bridge.metric("hookline_kafka_consumer_lag", topics="events") == 0)
    assert bridge.metric("hookline_fanout_latency_seconds_count") == 50
    assert bridge.metric("hookline_fanout_latency_seconds_sum") < 50
    for process, topics in ((bridge, "events"), (consumer, "deliveries")):
        assert time.time() - process.metric("hookline_kafka_consumer_last_poll_timestamp_seconds", topics=topics) < 5
    oldest = consumer.metric("hookline_oldest_undelivered_timestamp_seconds")
    assert 0 < time.time() - oldest < 120


def lags(process):
    return [process.metric("hookline_kafka_consumer_lag", topics=topics) for topics in ("events", "deliveries")]


def await_no_lag(*processes):
    wait_until(lambda: all(lags(process) == [0, 0] for process in processes),
               what=lambda: f"no lag, and not {[lags(process) for process in processes]}", timeout=20)


def test_no_lag_after_a_restart(site, receiver):
    """All has been done before: nothing comes that would tell where the group is."""
    site.create_events_topic(partitions=3)
    site.subscribe(subscription("acme", "crm", receiver.url()))
    bridge, consumer = site.start_roles()
    for n in range(50):
        site.publish(json.dumps({"type": "ended", "callID": f"c{n}"}), "acme", key=f"c{n}")
    site.kafka.flush()
    receiver.await_requests(50)
    await_no_lag(bridge, consumer)
    for process in (bridge, consumer):
        process.terminate()
        process.start()
    wait_until(lambda: bridge.metric("hookline_kafka_partitions_assigned", topics="events") == 4)
    wait_until(lambda: consumer.metric("hookline_kafka_partitions_assigned", topics="deliveries") == 1)
    time.sleep(3)  # until the ends of the partitions are known
    await_no_lag(bridge, consumer)


def test_no_lag_behind_transactions(site, receiver):
    """What ends a transaction is an offset without a record; so is all of one that was aborted."""
    site.create_events_topic()
    site.subscribe(subscription("acme", "crm", receiver.url()))
    bridge, consumer = site.start_roles()
    record = {"topic": site.events_topic, "value": '{"type":"ended","callID":"c"}', "headers": {"tenant-id": "acme"}}
    site.kafka.transaction(f"{site.prefix}t", record)
    receiver.await_requests(1)
    site.kafka.transaction(f"{site.prefix}t", record, record, abort=True)
    time.sleep(3)
    await_no_lag(bridge, consumer)


def by_tenant(consumer, name):
    lines = [line for line in exposition(consumer).splitlines() if line.startswith(f"{name}{{")]
    return {re.search('tenant="(.*?)"', line)[1]: float(line.split()[-1]) for line in lines}


@pytest.mark.parametrize("counted, delivered, dead", [
    (0, {"(other)": 3}, {"(other)": 1}), (2, {"(other)": 1, "acme": 1, "b": 1}, {"(other)": 0, "acme": 1, "b": 0})])
def test_tenants_that_are_counted_apart(site, receiver, counted, delivered, dead):
    site.create_events_topic()
    receiver.behave("/refuses", Answer(status=422))
    site.subscribe(*(subscription(tenant, "crm", receiver.url()) for tenant in ("acme", "b", "c")),
                   subscription("acme", "refuses", receiver.url("/refuses")))
    _, consumer = site.start_roles(consumer={"tenant_metrics": counted, "retry_4xx": 1})
    for n, tenant in enumerate(("acme", "b", "c")):
        site.publish('{"type":"ended","callID":"c"}', tenant, key="c")
        site.kafka.flush()
        receiver.await_requests(2 + n)
    wait_until(lambda: (by_tenant(consumer, "hookline_tenant_delivered_total"),
                        by_tenant(consumer, "hookline_tenant_dead_letters_total")) == (delivered, dead),
               what=lambda: f"counts by tenant, and not {by_tenant(consumer, 'hookline_tenant_delivered_total')}")
