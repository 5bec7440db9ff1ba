# SPDX-License-Identifier: Apache-2.0
"""What processes say at /metrics, and that docs/metrics.md has it."""

import json
import re
import time
import urllib.request

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
