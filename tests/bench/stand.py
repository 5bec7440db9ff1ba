# SPDX-License-Identifier: Apache-2.0
"""The test stand of the benchmarks: Kafka, receivers, the programs beside Hookline, and who runs on
which core. The process under test has the first core; all else shares the second."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from confluent_kafka import Consumer, TopicPartition  # noqa: E402

from harness import (  # noqa: E402
    ROOT, RUN, WAIT_S, Kafka, Site, find_nginx, free_port, run_cli, subscription, wait_until)

ARRIVAL = struct.Struct("=IIqqii")  # struct arrival in receiver.c
EVENTS_PER_CALL, CALLS_AT_A_TIME = 5, 20  # as in produce.c
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# A whole request of the kinds measured here lasts milliseconds; where one hangs, that is the test.
SETTINGS = {"consumer": {"drain_timeout": "1s"}, "log": {"level": "warn"}}


def tenant_of(endpoint, tenants, endpoints):
    return f"tenant-{endpoint * tenants // endpoints}"


def call_of(index):
    """The call of an endpoint's index-th record, as in produce.c."""
    block = EVENTS_PER_CALL * CALLS_AT_A_TIME
    return index // block * CALLS_AT_A_TIME + index % CALLS_AT_A_TIME


def percentile(sorted_values, percent):
    if not sorted_values:
        return float("nan")
    return sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]


median = statistics.median


def ratio(value, base):
    return value / base if base else float("nan")


# --- CPU -----------------------------------------------------------------------------------------


@dataclass
class Cpu:
    """Seconds of CPU that a process has used so far."""

    user: float
    system: float
    own: float  # of the thread that main() runs on
    threads: dict  # the name of each living thread to its seconds

    @property
    def whole(self):
        return self.user + self.system

    def __sub__(self, other):
        names = set(self.threads) | set(other.threads)
        return Cpu(
            self.user - other.user, self.system - other.system, self.own - other.own,
            {n: self.threads.get(n, 0) - other.threads.get(n, 0) for n in names})


def cpu_of(pid):
    """The whole process from its stat (threads that ended count too), threads from their schedstat,
    which is exact."""
    process = pathlib.Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    threads, own = {}, 0.0
    for task in (process / "task").iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
            if task.name == str(pid):
                own = seconds
            else:
                name = (task / "comm").read_text().strip()
                threads[name] = threads.get(name, 0) + seconds
    return Cpu(int(fields[11]) * TICK_S, int(fields[12]) * TICK_S, own, threads)


def rss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


@dataclass
class Drained:
    """What the middle of a drain took, from its first tenth to 95 %."""

    count: int
    seconds: float
    cpu: Cpu
    rss_mb: float

    @property
    def per_second(self):
        return self.count / self.seconds

    @property
    def cpu_us(self):
        return self.cpu.whole * 1e6 / self.count

    @property
    def own_us(self):
        return self.cpu.own * 1e6 / self.count

    @property
    def others_us(self):
        return self.cpu_us - self.own_us

    def raw(self):
        return {
            "count": self.count, "seconds": self.seconds, "per_second": self.per_second,
            "cpu_us": self.cpu_us, "own_us": self.own_us, "user_us": self.cpu.user * 1e6 / self.count,
            "system_us": self.cpu.system * 1e6 / self.count, "rss_mb": self.rss_mb,
            "threads_us": {n: s * 1e6 / self.count for n, s in sorted(self.cpu.threads.items())}}


class Stuck(Exception):
    """What was waited for does not come. The scenario says so in its row; the others go on."""


def await_count(count, wanted, alive, patience, interval=0.02):
    """Waits until count() is `wanted`; raises Stuck when it did not grow for `patience` seconds."""
    last, at = -1, time.monotonic()
    while (now := count()) < wanted:
        if now != last:
            last, at = now, time.monotonic()
        if not alive():
            raise Stuck(f"the process ended at {now} of {wanted}")
        if time.monotonic() - at > patience:
            raise Stuck(f"no progress for {patience} s at {now} of {wanted}")
        time.sleep(interval)
    return now


def measure_drain(pid, count, total, alive, patience=60):
    """Samples a process while count() grows from 0 to `total`."""
    started = await_count(count, total // 10, alive, patience), time.monotonic(), cpu_of(pid)
    ended = await_count(count, total * 95 // 100, alive, patience), time.monotonic(), cpu_of(pid)
    drained = Drained(
        ended[0] - started[0], ended[1] - started[1], ended[2] - started[2], rss_mb(pid))
    await_count(count, total, alive, patience)
    return drained


# --- Receivers -----------------------------------------------------------------------------------


def counting_receiver(stand, addresses):
    """The cheapest receiver: nginx, or our own where that is not installed. On many addresses the
    endpoints share no connections, like hosts of their own."""
    return Nginx(stand, addresses) if stand.nginx else Recorder(stand, addresses)


class Nginx:
    """Answers each request with an empty 200, and counts."""

    CONFIG = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log error;
events {{ worker_connections 16384; }}
http {{
    access_log off; keepalive_timeout 1h; keepalive_requests 1000000000; tcp_nodelay on;
    client_body_buffer_size 16k; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{
        {listen}
        location = /status {{ stub_status; }}
        location / {{ return 200; }}
    }}
}}
"""

    def __init__(self, stand, addresses):
        self.addresses = addresses
        self.port = free_port()
        self._asked = 0
        directory = stand.new_directory("nginx")
        listen = " ".join(f"listen 127.0.0.{i + 1}:{self.port} backlog=4096;" for i in range(addresses))
        config = directory / "nginx.conf"
        config.write_text(self.CONFIG.format(dir=directory, listen=listen))
        self.process = stand.spawn(
            [stand.nginx, "-p", directory, "-e", directory / "error.log", "-c", config])
        wait_until(self._answers, what="nginx answers")

    def _answers(self):
        try:
            self.count()
        except OSError:
            return False
        return True

    def count(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        self._asked += 1
        return int(lines[2].split()[2]) - self._asked

    def url(self, endpoint):
        return f"http://127.0.0.{endpoint % self.addresses + 1}:{self.port}/{endpoint}"

    def close(self):
        self.process.terminate()
        self.process.wait(WAIT_S)


@dataclass(frozen=True)
class Arrival:
    endpoint: int
    number: int
    sent_us: int
    at_us: int
    status: int
    delay_ms: int

    @property
    def latency_ms(self):
        return (self.at_us - self.sent_us) / 1000


class Recorder:
    """tests/bench/receiver.c: behaviour by endpoint, changed while it runs, and a record of each
    request."""

    def __init__(self, stand, addresses=1, port=None):
        self.addresses = addresses
        self.port = port or free_port()
        self.file = stand.new_directory("receiver") / "records"
        self.process = stand.spawn(
            [stand.program("receiver"), "--port", self.port, "--addresses", addresses],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Stuck("the receiver did not start")

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def url(self, endpoint):
        return f"http://127.0.0.{endpoint % self.addresses + 1}:{self.port}/{endpoint}"

    def behave(self, endpoints, delay_ms=0, status=200):
        for endpoint in endpoints:
            self.command(f"set {endpoint} {endpoint} {delay_ms} {status}")

    def count(self):
        return int(self.command("count").split()[0])

    def counts(self, endpoints):
        return [int(n) for n in self.command(f"counts 0 {endpoints - 1}").split()]

    def record(self):
        self.command(f"records {self.file}")

    def arrivals(self):
        """All requests since `record`, in their order."""
        self.command("flush")
        return [Arrival(*fields) for fields in ARRIVAL.iter_unpack(self.file.read_bytes())]

    def close(self):
        self.process.stdin.close()
        self.process.wait(WAIT_S)


# --- Kafka ---------------------------------------------------------------------------------------


class Ends:
    """Counts the records of topics without asking a process under test."""

    def __init__(self, kafka, topics):
        self._consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "bench-ends"})
        self._parts = [TopicPartition(t, p) for t in topics for p in range(kafka.partitions(t))]

    def count(self):
        return sum(self._consumer.get_watermark_offsets(part, timeout=WAIT_S)[1] for part in self._parts)

    def close(self):
        self._consumer.close()


def remove_left_behind(directory):
    """Files of earlier runs that were killed. (Their brokers are ended by the next system test.)"""
    for left in directory.glob("*"):
        if not pathlib.Path(f"/proc/{left.name}").exists():
            shutil.rmtree(left, ignore_errors=True)


# --- The stand -----------------------------------------------------------------------------------


class Stand:
    def __init__(self, options):
        self.options = options
        self.quick = options.quick
        self.directory = RUN.parent / "bench" / str(os.getpid())
        remove_left_behind(self.directory.parent)
        self.directory.mkdir(parents=True)
        self.raw = {}
        self.drained = {}  # what (b) compares itself with
        self.peer = None
        self._directories = 0
        self._groups = 0
        self._open = []
        self.nginx = find_nginx()
        self._choose_cores()
        RUN.mkdir(parents=True, exist_ok=True)
        self.kafka = Kafka(RUN / f"{os.getpid()}-kafka-bench")
        self._known = set()
        for line in run_cli(["settings"]).stdout.decode().splitlines():
            self._known.add(line.partition(" ")[0])

    def start_kafka(self):
        """Also lets the broker's Java become warm: at first an append takes a hundred times as long."""
        self.kafka.start()
        site = self.site()
        self.kafka.create_topic(site.deliveries_topic("tenant-0"))
        for rate, seconds in ((0, self.size(5, 0.2)), (2000, self.size(20, 4))):
            count = int((rate or 100_000) * seconds)
            done = self.fill(*self.deliveries(site, 1, 1, count, rate=rate))
        ends = Ends(self.kafka, [site.deliveries_topic("tenant-0")])
        ends.count()
        ends.close()
        self.kafka.admin.delete_topics([site.deliveries_topic("tenant-0")])
        self.say(f"Kafka warmed up; at 2 000/s, acknowledged after {done['ack_p50_us'] / 1000:.2f} ms (p50)")

    def _choose_cores(self):
        cores = sorted(os.sched_getaffinity(0))
        self.cores = None
        if len(cores) > 1:
            self.cores = (cores[0], cores[1])
            os.sched_setaffinity(0, {cores[1]})  # what we start has it from us

    @contextlib.contextmanager
    def under_test(self):
        """What is started inside runs on the first core."""
        if self.cores:
            os.sched_setaffinity(0, {self.cores[0]})
        try:
            yield
        finally:
            if self.cores:
                os.sched_setaffinity(0, {self.cores[1]})

    def size(self, full, quick):
        return quick if self.quick else full

    @property
    def pairs(self):
        return self.options.pairs or self.size(5, 1)

    def has_setting(self, path):
        return path in self._known

    def program(self, name):
        return pathlib.Path(self.options.programs) / name

    def new_directory(self, name):
        self._directories += 1
        path = self.directory / f"{self._directories}-{name}"
        path.mkdir()
        return path

    def spawn(self, command, **options):
        options = {"stdin": subprocess.DEVNULL} | options
        process = subprocess.Popen([str(word) for word in command], **options)
        self._open.append(process)
        return process

    def site(self, **settings):
        """Topics and settings of their own; loopback addresses are allowed where they need to be."""
        site = Site(self.kafka, self.new_directory("site"))
        site.configure(**SETTINGS)
        for path in ("egress.allow_private", "egress.allow_http"):
            if self.has_setting(path):
                site.configure(egress={path.partition(".")[2]: True})
        for path, value in self.options.set:
            section, _, name = path.partition(".")
            site.configure(**{section: {name: value}})
        site.configure(**settings)
        return site

    def subscribe(self, site, receiver, tenants, endpoints, **more):
        """Subscription e-<e> of each endpoint; all are made at once."""
        site.subscribe(*(
            subscription(tenant_of(e, tenants, endpoints), f"e-{e}", receiver.url(e), **more)
            for e in range(endpoints)), args=("--timeout=100s",))  # a thousand topics take a while

    def start(self, site, role, **settings):
        """Starts a process under test and does not wait until it is ready."""
        with self.under_test():
            return site.start(role, ready=False, **settings)

    def new_group(self):
        """Settings of a consumer that reads everything once more."""
        self._groups += 1
        return {"group": f"bench-{self._groups}"}

    def forget_endpoints(self, site):
        """What an earlier consumer noted of its endpoints must not steer the next one."""
        topic = site.topic("endpoints")
        if self.kafka.partitions(topic):
            admin = self.kafka.admin
            admin.delete_topics([topic])[topic].result(WAIT_S)
            wait_until(lambda: not self.kafka.partitions(topic), what=f"{topic} is deleted")

    def producer(self, *args):
        """Starts tests/bench/produce.c."""
        words = [self.program("produce"), "--brokers", self.kafka.bootstrap, *args]
        return self.spawn(words, stdout=subprocess.PIPE, text=True)

    def finish(self, process, timeout=3600):
        """What a program printed as JSON."""
        output, _ = process.communicate(timeout=timeout)
        if process.returncode != 0:
            raise Stuck(f"{process.args[0]} ended with {process.returncode}: {output}")
        return json.loads(output)

    def deliveries(self, site, tenants, endpoints, count, **more):
        """The arguments of `producer` for records in delivery topics."""
        args = ["--prefix", site.prefix, "--tenants", tenants, "--endpoints", endpoints, "--count", count]
        for name, value in more.items():
            args += [f"--{name}", value]
        return args

    def events(self, site, tenants, count, rate=0):
        return ["--topic", site.events_topic, "--tenants", tenants, "--endpoints", tenants,
                "--count", count, "--rate", rate]

    def fill(self, *args):
        return self.finish(self.producer(*args))

    def floor(self, port, requests, addresses=1, signed=False):
        """The floor's figures for as many requests."""
        words = [self.program("floor"), "--port", port, "--requests", requests, "--addresses", addresses]
        with self.under_test():
            process = self.spawn(words + ["--signed"] * signed, stdout=subprocess.PIPE, text=True)
        return self.finish(process)

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def close(self):
        for process in self._open:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.kafka.remove()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def ending(*things):
    """Closes receivers, sites and the like in the end, whatever happened; a site's processes are
    killed if they do not end by themselves, and their logs shown if something went wrong."""
    try:
        yield
    except (Stuck, AssertionError):
        for site in (thing for thing in things if isinstance(thing, Site)):
            for path, text in site.log_tails().items():
                print(f"--- {pathlib.Path(path).name}\n{text}", file=sys.stderr)
        raise
    finally:
        for thing in things:
            if isinstance(thing, Site):
                end_site(thing)
            else:
                thing.close()


def end_site(site):
    for process in site.processes:
        if process.running():
            process.signal(signal.SIGTERM)
    for process in site.processes:
        if process.running():
            try:
                process.wait(20)
            except AssertionError:
                process.kill9()

