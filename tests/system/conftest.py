# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests, and log tails in the report of a test that failed."""

import atexit
import os
import pathlib
import shutil

import pytest

from harness import RUN, Kafka, Receiver, Site
from token_server import TokenServer


def remove_left_behind():
    """Brokers of earlier runs that were killed before they could clean up."""
    for left in RUN.glob("*-kafka-*"):
        pid = left.name.partition("-")[0]
        if pid.isdigit() and not pathlib.Path(f"/proc/{pid}").exists():
            Kafka(left, port=1024).script("kill", check=False)
            shutil.rmtree(left, ignore_errors=True)


@pytest.fixture(scope="session")
def new_kafka():
    """Makes further clusters, not started: new_kafka(nodes=3). All go at the end of the run."""
    made = []

    def make(nodes=1):
        RUN.mkdir(parents=True, exist_ok=True)
        kafka = Kafka(RUN / f"{os.getpid()}-kafka-{len(made)}", nodes=nodes)
        made.append(kafka)
        return kafka

    def remove():
        while made:
            made.pop().remove()

    remove_left_behind()
    atexit.register(remove)
    yield make
    remove()


@pytest.fixture(scope="session")
def kafka(new_kafka):
    """The Kafka that all tests share, each with topics of its own."""
    kafka = new_kafka()
    kafka.start()
    return kafka


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def tokens():
    tokens = TokenServer()
    yield tokens
    tokens.close()


@pytest.fixture
def site(kafka, tmp_path):
    site = Site(kafka, tmp_path)
    yield site
    site.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and not (call.when == "teardown" and getattr(item, "logs_shown", False)):
        item.logs_shown = True
        for fixture in getattr(item, "funcargs", {}).values():
            if isinstance(fixture, (Kafka, Site)):
                for path, text in fixture.log_tails().items():
                    report.sections.append((f"log {path}", text))
    return report
