# SPDX-License-Identifier: Apache-2.0
"""dev/kafka itself: the fault tests rely on what it does with nodes and data."""

import pytest

from harness import FULL


@pytest.fixture
def own_kafka(new_kafka):
    kafka = new_kafka()
    yield kafka
    kafka.remove()


def records(kafka):
    return [(r.key, r.value, r.text("h")) for r in kafka.consume("kept")]


def test_data_survives_kill_and_stop(own_kafka):
    kafka = own_kafka
    assert kafka.script("status", check=False).returncode == 1
    started = kafka.script("start")
    assert started.stdout.strip().endswith(f"bootstrap: 127.0.0.1:{kafka.port}")

    kafka.create_topic("kept", partitions=2)
    for i in range(100):
        kafka.produce("kept", f"value {i}", key=f"key {i}", headers={"h": str(i)})
    kafka.flush()
    before = records(kafka)
    assert len(before) == 100

    kafka.kill()
    status = kafka.script("status", check=False)
    assert (status.returncode, status.stdout) == (1, "node 1: not running\n")
    kafka.start()
    assert records(kafka) == before

    kafka.stop()
    assert kafka.script("status", check=False).returncode == 1
    kafka.start()
    assert records(kafka) == before

    assert "bootstrap: " in kafka.script("status").stdout


def test_a_running_broker_is_picked_up_and_clean_begins_anew(own_kafka):
    kafka = own_kafka
    kafka.start()
    first = kafka.script("status").stdout
    kafka.start()
    assert kafka.script("status").stdout == first

    kafka.create_topic("kept")
    kafka.start("--clean")
    assert "kept" not in kafka.topics()


def test_topics_are_not_created_by_use(kafka):
    before = kafka.topics()
    assert kafka.partitions("never-created") == 0
    assert kafka.topics() == before


@pytest.mark.skipif(not FULL, reason="three brokers: dev/test full")
def test_one_of_three_nodes_dies(new_kafka):
    kafka = new_kafka(nodes=3)
    kafka.start()
    try:
        kafka.create_topic("kept")
        kafka.produce("kept", "before")
        kafka.flush()
        kafka.kill("--node", "2")
        assert "node 2: not running" in kafka.script("status", check=False).stdout
        kafka.produce("kept", "without")
        kafka.flush()
        kafka.start()
        assert [r.value for r in kafka.consume("kept")] == [b"before", b"without"]
    finally:
        kafka.remove()


@pytest.mark.parametrize("args", [["start", "--nodes", "2"], ["start", "--port"], ["begin"], ["stop", "--what"]])
def test_wrong_arguments_are_refused(new_kafka, args):
    done = new_kafka().script(args[0], *args[1:], check=False)
    assert done.returncode in (1, 2)
    assert "dev/kafka" in done.stderr
