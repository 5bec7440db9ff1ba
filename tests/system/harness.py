# SPDX-License-Identifier: Apache-2.0
"""What the system tests are made of: a Kafka, a webhook receiver, and Hookline's processes.

Waits are generous: a slow machine must not fail a test. They end as soon as what they wait for holds.
"""

import asyncio
import base64
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType)

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / ".run" / "tests"
WAIT_S = 60.0
FULL = os.environ.get("HOOKLINE_TEST_SIZE") == "full"

TOKEN_PREFIX = "hltok-"  # of access tokens that token_server.py issues
SECRET = re.compile(rb"whs(?:ec|k)_[A-Za-z0-9+/]{20}|hlt_[A-Za-z0-9_-]{40}|BEGIN [A-Z ]*PRIVATE KEY|"
                    rb"hltok-[A-Za-z0-9_-]{20}")


def wait_until(predicate, timeout=WAIT_S, what="condition", interval=0.05):
    """Returns predicate's first true value; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what() if callable(what) else what}: not within {timeout:g} s")
        time.sleep(interval)


def free_port(count=1, distance=1):
    """A port P with P, P + distance, … free: below the range from which outgoing connections take
    theirs, so that a server can be stopped and come back on it."""
    for _ in range(1000):
        first = random.randrange(15000, 32000)
        with contextlib.ExitStack() as stack:
            try:
                for i in range(count):
                    tested = stack.enter_context(socket.socket())
                    tested.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    tested.bind(("127.0.0.1", first + i * distance))
            except OSError:
                continue
            return first
    raise AssertionError("no free port")


def find_nginx():
    """The path of an nginx, None if there is none to be had."""
    done = subprocess.run([ROOT / "dev" / "nginx"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          timeout=600)
    return done.stdout.strip() if done.returncode == 0 else None


def tail(path, lines=60):
    """The last lines of a file, for failure reports."""
    with contextlib.suppress(OSError), open(path, "rb") as f:
        f.seek(max(0, os.path.getsize(path) - 20000))
        return "\n".join(f.read().decode(errors="replace").splitlines()[-lines:])
    return ""


# --- Kafka ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int

    def text(self, header):
        """A header's value as text, None if the record has no such header."""
        value = self.headers.get(header)
        return None if value is None else value.decode()

    def json(self):
        return json.loads(self.value)

    @staticmethod
    def of(message):
        return Record(
            message.topic(), message.partition(), message.offset(), message.key(), message.value(),
            dict(message.headers() or []), message.timestamp()[1])


class Kafka:
    """One cluster, run by dev/kafka in a folder of its own."""

    def __init__(self, directory, port=None, nodes=1, host="127.0.0.1", secure=False):
        """`secure`: clients come by TLS and log in; `host` is the address that it listens on."""
        self.directory = pathlib.Path(directory)
        self.nodes = nodes
        self.host, self.secure = host, secure
        self.port = port or free_port(count=40 if secure else 20)
        self.bootstrap = ",".join(f"{host}:{self.port + i}" for i in range(nodes))
        self._producer = None

    @property
    def authority(self):
        return self.directory / "tls" / "ca.pem"

    @property
    def password(self):
        return (self.directory / "tls" / "password").read_text().strip()

    @property
    def client(self):
        """What a client of librdkafka needs to reach it."""
        if not self.secure:
            return {"bootstrap.servers": self.bootstrap}
        return {"bootstrap.servers": self.bootstrap, "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "hookline", "sasl.password": self.password, "ssl.ca.location": str(self.authority)}

    def script(self, command, *args, check=True):
        """Runs dev/kafka for this cluster; returns the finished process with its output as text."""
        done = subprocess.run(
            [ROOT / "dev" / "kafka", command, "--dir", self.directory, "--port", str(self.port),
             "--host", self.host, *(["--secure"] if self.secure else []), *args],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if check and done.returncode != 0:
            raise AssertionError(f"dev/kafka {command} failed:\n{done.stdout}{done.stderr}")
        return done

    def start(self, *args):
        self.script("start", "--nodes", str(self.nodes), *args)

    def stop(self, *args):
        self.script("stop", *args)

    def kill(self, *args):
        """kill -9; `start` resumes on the same data. ("--node", "2") takes one of several."""
        self.script("kill", *args)

    def remove(self):
        self.stop()
        self._producer = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def pids(self):
        return [int(p.read_text()) for p in sorted(self.directory.glob("node-*/pid"))]

    def log_tails(self):
        return {str(p): tail(p, 30) for p in sorted(self.directory.glob("node-*/log"))}

    @property
    def admin(self):
        return AdminClient(self.client)

    def create_topic(self, name, partitions=1, **config):
        """Creates a topic; `config` has underscores for dots (cleanup_policy="compact")."""
        new = NewTopic(name, partitions, self.nodes, config={
            k.replace("_", "."): str(v) for k, v in config.items()})
        admin = self.admin  # its futures fail when it goes
        admin.create_topics([new], operation_timeout=30)[name].result(WAIT_S)
        wait_until(lambda: self.partitions(name) == partitions, what=f"topic {name} created")
        return name

    def configure_topic(self, name, **config):
        """Changes an existing topic's configuration; underscores for dots."""
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[
            ConfigEntry(k.replace("_", "."), str(v), incremental_operation=AlterConfigOpType.SET)
            for k, v in config.items()])
        admin = self.admin
        admin.incremental_alter_configs([resource])[resource].result(WAIT_S)

    def topics(self):
        return set(self.admin.list_topics(timeout=WAIT_S).topics)

    def partitions(self, topic):
        """How many partitions a topic has; 0 if there is no such topic."""
        found = self.admin.list_topics(timeout=WAIT_S).topics.get(topic)
        return len(found.partitions) if found else 0

    def produce(self, topic, value, key=None, headers=None, partition=-1, timestamp_ms=0):
        """Queues one record (str or dict are encoded); `flush` waits for the acknowledgements."""
        if self._producer is None:
            self._producer = Producer({
                **self.client, "enable.idempotence": True, "linger.ms": 5,
                "queue.buffering.max.messages": 1000000, "log_level": 0})
        while True:
            try:
                self._producer.produce(
                    topic, value=_bytes(value), key=_bytes(key), partition=partition,
                    headers=[(k, _bytes(v)) for k, v in (headers or {}).items()],
                    timestamp=timestamp_ms, on_delivery=_check_delivery)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def transaction(self, id, *records, abort=False):
        """Writes records, the arguments of `produce` as dicts, in one transaction, which is committed
        or aborted: either leaves a marker in the partition, which is an offset without a record."""
        producer = Producer({**self.client, "transactional.id": id, "log_level": 0})
        producer.init_transactions(WAIT_S)
        producer.begin_transaction()
        for record in records:
            producer.produce(
                record["topic"], value=_bytes(record["value"]), key=_bytes(record.get("key")),
                headers=[(k, _bytes(v)) for k, v in record.get("headers", {}).items()])
        if abort:
            producer.flush(WAIT_S)  # else they may never have been sent
            producer.abort_transaction(WAIT_S)
        else:
            producer.commit_transaction(WAIT_S)

    def flush(self):
        if self._producer and self._producer.flush(WAIT_S) != 0:
            raise AssertionError("Kafka did not acknowledge all that was produced")

    def consume(self, topic):
        """All records of a topic up to its present end, by partition and offset."""
        consumer = Consumer({
            **self.client, "group.id": "hookline-tests",
            "enable.auto.commit": False, "enable.partition.eof": True,
            "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50})
        try:
            open_partitions = set(range(self.partitions(topic)))
            consumer.assign([TopicPartition(topic, p, 0) for p in open_partitions])
            records = []
            deadline = time.monotonic() + 4 * WAIT_S
            while open_partitions:
                if time.monotonic() > deadline:
                    raise AssertionError(f"the end of {topic} was not reached")
                for message in consumer.consume(1000, timeout=0.1):
                    if message.error() is None:
                        records.append(Record.of(message))
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        open_partitions.discard(message.partition())
            return sorted(records, key=lambda r: (r.partition, r.offset))
        finally:
            consumer.close()

    def latest(self, topic):
        """A compacted topic as a table: key to the last record; deleted keys are absent."""
        table = {}
        for record in self.consume(topic):
            table[record.key] = record
        return {k: r for k, r in table.items() if r.value is not None}

    def await_records(self, topic, count, timeout=WAIT_S, where=lambda record: True):
        """Waits until a topic has at least `count` records that satisfy `where`; returns them."""
        found = []

        def enough():
            found[:] = [r for r in self.consume(topic) if where(r)]
            return len(found) >= count

        wait_until(enough, timeout, lambda: f"{count} records in {topic} (has {len(found)})", 0.2)
        return list(found)

    def end(self, topic):
        """How many records were ever written to a topic."""
        consumer = Consumer({**self.client, "group.id": "hookline-tests"})
        try:
            return sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=WAIT_S)[1]
                       for p in range(self.partitions(topic)))
        finally:
            consumer.close()

    def committed(self, group, topic):
        """A group's committed offsets in a topic: partition to offset, None where it has none."""
        consumer = Consumer({**self.client, "group.id": group})
        try:
            wanted = [TopicPartition(topic, p) for p in range(self.partitions(topic))]
            return {p.partition: p.offset if p.offset >= 0 else None
                    for p in consumer.committed(wanted, timeout=WAIT_S)}
        finally:
            consumer.close()

    def committed_metadata(self, group, topic, partition=0):
        """What a group committed along with its offset; a few characters of rubbish may follow it:
        librdkafka does not terminate this string, and its Python binding reads on to a zero."""
        consumer = Consumer({**self.client, "group.id": group})
        try:
            found, = consumer.committed([TopicPartition(topic, partition)], timeout=WAIT_S)
            return found.metadata or ""
        except UnicodeDecodeError as error:
            return error.object[:error.start].decode()
        finally:
            consumer.close()

    def lag(self, group, topic):
        """Records of a topic that a group has not committed yet."""
        consumer = Consumer({**self.client, "group.id": group})
        try:
            total = 0
            for partition, offset in self.committed(group, topic).items():
                low, high = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=WAIT_S)
                total += high - (low if offset is None else offset)
            return total
        finally:
            consumer.close()

    def await_no_lag(self, group, topic, timeout=WAIT_S):
        wait_until(lambda: self.lag(group, topic) == 0, timeout, f"lag of {group} in {topic} is 0", 0.2)

    def kcat(self, *args, stdin=None):
        """Runs kcat on this cluster; returns its output as bytes."""
        done = subprocess.run(
            ["kcat", "-b", self.bootstrap, "-m", "20", *map(str, args)],
            input=_bytes(stdin) or b"", capture_output=True, timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(f"kcat {' '.join(map(str, args))}: {done.stderr.decode()}")
        return done.stdout


def _bytes(value):
    if value is None or isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _check_delivery(error, message):
    if error is not None:
        raise AssertionError(f"produce to {message.topic()}: {error}")


# --- Receiver ------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What the receiver does with a request."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    close: bool = False  # answer, then close the connection
    drop: bool = False  # close the connection instead of an answer
    hang: bool = False  # keep the connection and never answer
    length: int | None = None  # content-length, where it is not that of the body
    drip: float = 0.0  # seconds between two bytes of the body
    raw: bytes | None = None  # all that is sent, instead of status, headers and body


class Request:
    """One request: method, path, body, and

    at          Unix time when it was complete
    connection  number of the TCP connection it came over
    status      what it was answered with, None while or if it was not
    ended       Unix time when it was answered or its connection was gone, None before
    """

    __slots__ = ("method", "path", "head", "body", "at", "connection", "status", "ended", "_headers")

    def __init__(self, head, body, at, connection):
        self.method, self.path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        self.head, self.body, self.at, self.connection = head, body, at, connection
        self.status = self.ended = self._headers = None

    @property
    def headers(self):
        """Names in lower case. Parsed when asked for: most requests of a large test never are."""
        if self._headers is None:
            lines = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
            self._headers = {
                name.decode("latin-1").lower(): value.strip().decode() for name, _, value in lines}
        return self._headers

    @property
    def id(self):
        return self.headers.get("webhook-id")

    def json(self):
        return json.loads(self.body)


class Receiver:
    """A webhook receiver in a thread of its own, on a free port of 127.0.0.1.

    `requests` has every request in the order of arrival. Paths answer 200 unless `behave` says
    otherwise. Limits and errors are those of a plain HTTP/1.1 server with Content-Length bodies.
    """

    def __init__(self, tls=None, sink=None, host="127.0.0.1"):
        """`tls`: (certificate file, key file) for https. `host`: the address that it listens on. `sink` is called with each request, from
        the receiver's thread, and has it to itself: it is not kept in `requests`."""
        self._sink = sink
        self.host = host
        self._behaviours = {}
        self._lock = threading.Lock()
        self._requests = []
        self.connections = 0
        self.open_requests = 0
        self.most_open_requests = 0
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._loop = asyncio.new_event_loop()
        self._transports = set()
        self._server = None
        self.port = free_port()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receiver", daemon=True)
        self._thread.start()
        self.listen()

    def url(self, path="/hook"):
        return f"{'https' if self._context else 'http'}://{self.host}:{self.port}{path}"

    def behave(self, path, *answers):
        """Sets what a path answers: statuses, Answers, or functions of the request that return
        either. Several are used one after the other, the last one for ever."""
        with self._lock:
            self._behaviours[path] = list(answers)

    @property
    def requests(self):
        with self._lock:
            return list(self._requests)

    def at(self, path):
        return [r for r in self.requests if r.path == path]

    def clear(self):
        with self._lock:
            self._requests.clear()

    def await_requests(self, count, path=None, timeout=WAIT_S, where=lambda request: True):
        """Waits until at least `count` matching requests have come; returns them."""
        found = []

        def enough():
            found[:] = [r for r in self.requests if path in (None, r.path) and where(r)]
            return len(found) >= count

        wait_until(enough, timeout, lambda: f"{count} requests at {path or 'any path'} (has {len(found)})")
        return list(found)

    def listen(self):
        """Accepts connections, again after `refuse`."""
        async def run():
            return await self._loop.create_server(
                lambda: _ReceiverProtocol(self), self.host, self.port, ssl=self._context, backlog=1024)

        if self._server is None:
            self._server = self._call(run())

    def refuse(self):
        """Closes the port and all connections: connecting is refused until `listen`."""
        async def run():
            self._server.close()
            for transport in list(self._transports):
                transport.abort()

        if self._server is not None:
            self._call(run())
            self._server = None

    def close(self):
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def _record(self, request):
        with self._lock:
            if self._sink:
                self._sink(request)
            else:
                self._requests.append(request)
            self.open_requests += 1
            self.most_open_requests = max(self.most_open_requests, self.open_requests)
            answers = self._behaviours.get(request.path) or [200]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer = answer(request)
        if answer == 200:
            return _OK
        return Answer(answer) if isinstance(answer, int) else answer


_OK = Answer()


class _ReceiverProtocol(asyncio.Protocol):
    def __init__(self, receiver):
        self.receiver = receiver
        self.data = bytearray()
        self.request = None  # being answered

    def connection_made(self, transport):
        self.transport = transport
        self.receiver._transports.add(transport)
        self.receiver.connections += 1
        self.number = self.receiver.connections

    def connection_lost(self, _error):
        self.receiver._transports.discard(self.transport)
        self._done()

    def data_received(self, data):
        self.data += data
        self._next()

    def _next(self):
        end = self.data.find(b"\r\n\r\n")
        if self.request is not None or end < 0:
            return
        head = bytes(self.data[:end])
        lower = head.lower()
        if b"\r\ntransfer-encoding:" in lower:
            self._write(Answer(411, close=True))
            return
        _, found, rest = lower.partition(b"\r\ncontent-length:")
        length = int(rest.partition(b"\r\n")[0]) if found else 0
        if len(self.data) < end + 4 + length:
            return
        body = bytes(self.data[end + 4:end + 4 + length])
        del self.data[:end + 4 + length]
        self.request = Request(head, body, time.time(), self.number)
        answer = self.receiver._record(self.request)
        if answer.delay > 0:
            self.receiver._loop.call_later(answer.delay, self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer):
        if answer.hang or self.transport.is_closing():
            return
        if answer.drop:
            self.transport.abort()
            return
        self.request.status = answer.status
        self._write(answer)
        if answer.drip > 0:
            self._drip(answer, answer.body)
            return
        self._done()
        if self.data:
            self._next()

    def _write(self, answer):
        if answer.raw is not None:
            self.transport.write(answer.raw)
        elif answer is _OK:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        else:
            length = len(answer.body) if answer.length is None else answer.length
            head = [f"HTTP/1.1 {answer.status} Status", f"content-length: {length}"]
            head += [f"{name}: {value}" for name, value in answer.headers.items()]
            if answer.close:
                head.append("connection: close")
            self.transport.write(
                "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" +
                (b"" if answer.drip > 0 else answer.body))
        if answer.close:
            self.transport.close()

    def _drip(self, answer, rest):
        """Sends the body byte by byte, for as long as somebody listens."""
        if self.transport.is_closing():
            return
        self.transport.write(rest[:1])
        if len(rest) > 1:
            self.receiver._loop.call_later(answer.drip, self._drip, answer, rest[1:])
        else:
            self._done()

    def _done(self):
        if self.request is not None:
            self.request.ended = time.time()
            self.request = None
            with self.receiver._lock:
                self.receiver.open_requests -= 1


# --- Hookline ------------------------------------------------------------------------------------


def binary():
    """The program under test: build/hookline, or what HOOKLINE_BIN names."""
    path = pathlib.Path(os.environ.get("HOOKLINE_BIN", ROOT / "build" / "hookline")).resolve()
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing: run dev/build, or set HOOKLINE_BIN")
    return path


def clean_environment(extra=None):
    """Ours without HOOKLINE_…, which Hookline would take for settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HOOKLINE_")}
    return kept | (extra or {})


def libconfig(settings, indent=""):
    """Nested dicts in libconfig's syntax. Lists of scalars become arrays, other lists lists."""
    lines = []
    for name, value in settings.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name} = {{", libconfig(value, indent + "    ").rstrip("\n"), f"{indent}}};"]
        else:
            lines.append(f"{indent}{name} = {_libconfig_value(value)};")
    return "\n".join(line for line in lines if line) + "\n"


def _libconfig_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}L" if abs(value) > 2**31 - 1 else str(value)
    if isinstance(value, (float, str)):
        return json.dumps(value if isinstance(value, float) else str(value), ensure_ascii=False)
    if isinstance(value, dict):
        return "{ " + libconfig(value).replace("\n", " ") + "}"
    items = ", ".join(_libconfig_value(v) for v in value)
    return f"( {items} )" if any(isinstance(v, (dict, list)) for v in value) else f"[{items}]"


def merge(base, changes):
    """A copy of nested settings with `changes` laid over it."""
    merged = dict(base)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merge(merged[name], value) if both else value
    return merged


class Hookline:
    """One process of Hookline, with its configuration file and its log in `directory`."""

    def __init__(self, directory, role, settings, args=(), name=None, env=None):
        self.name = name or role
        self.role = role
        self.args = list(args)
        self.env = env
        self.probe_port = free_port()
        self.settings = merge(settings, {"probes": {"listen": f"127.0.0.1:{self.probe_port}"}})
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / f"{self.name}.conf"
        self.log_path = directory / f"{self.name}.log"
        self.process = None
        self.write_config()

    def write_config(self, changes=None):
        """Writes the configuration file, with changed settings if given (for a reload)."""
        self.settings = merge(self.settings, changes or {})
        self.config.write_text(libconfig(self.settings))

    def start(self, ready=True):
        """Starts the process, again after it ended; waits until it is ready unless told not to."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), self.role, "--config", self.config, *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=clean_environment(self.env))
        if ready:
            self.await_ready()
        return self

    def await_ready(self, timeout=2 * WAIT_S):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{self.name} ended with {self.process.returncode} before it was ready:\n{self.log(20)}")
            return self.probe("/readyz")[0] == 200

        wait_until(ready, timeout, f"{self.name} is ready")

    def probe(self, path):
        """GET on the probe port: (status, text), (0, error) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probe_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name, **labels):
        """The sum of a metric's series that carry these labels; None if there is none."""
        values = []
        for line in self.probe("/metrics")[1].splitlines():
            series, _, value = line.rpartition(" ")
            base, _, rest = series.partition("{")
            if base == name and all(f'{k}="{v}"' in rest for k, v in labels.items()):
                values.append(float(value))
        return sum(values) if values else None

    def endpoint(self, key):
        """What a consumer shows of one of its endpoints at /endpoints; None if it has no such."""
        status, text = self.probe("/endpoints?limit=10000")
        assert status == 200, text
        return next((e for e in json.loads(text)["endpoints"] if e["endpoint"] == key), None)

    def await_endpoint(self, key, timeout=WAIT_S, **wanted):
        """Waits until an endpoint is shown with these fields; returns it."""
        def matches():
            shown = self.endpoint(key)
            return shown if shown and wanted.items() <= shown.items() else None

        return wait_until(matches, timeout, lambda: f"{key} with {wanted} (is {self.endpoint(key)})")

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self, timeout=WAIT_S):
        """SIGTERM; waits for the end and returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill9(self):
        self.process.kill()
        return self.wait()

    def wait(self, timeout=WAIT_S):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:g} s") from None

    def close(self):
        """End of a test: the process has to end in good order, if the test did not end it."""
        if self.process is None:
            return
        if self.running():
            self.signal(signal.SIGTERM)
        self.check_ended()

    def check_ended(self):
        """Waits for the end; fails unless it was in good order, or by SIGKILL."""
        try:
            status = self.wait()
        except AssertionError:
            self.kill9()
            raise
        if status not in (0, -signal.SIGKILL):
            raise AssertionError(f"{self.name} ended with {status}")

    def rss_mb(self):
        """Resident memory now."""
        return self._status_mb("VmRSS")

    def peak_rss_mb(self):
        """The most resident memory that the process ever had."""
        return self._status_mb("VmHWM")

    def _status_mb(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        raise AssertionError(f"{self.name} has no memory: it ended")

    def cpu_s(self):
        """Seconds of CPU, user and system, used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self, lines=10**6):
        return tail(self.log_path, lines) if lines < 10**6 else self.log_path.read_text(errors="replace")


def run_cli(args, stdin=None, config=None, timeout=2 * WAIT_S, env=None):
    """Runs `hookline ARGS…` to its end; returns the finished process with its output as bytes."""
    return subprocess.run(
        [binary(), *map(str, args), *(["--config", config] if config else [])],
        input=_bytes(stdin) or b"", capture_output=True, timeout=timeout, env=clean_environment(env))


def subscription(tenant, id, url, *events, **more):
    """A subscription as a file of them has it; all events unless told which."""
    return {"tenant": tenant, "id": id, "url": url, "events": list(events or ["*"])} | more


class Site:
    """One test's installation of Hookline on the shared Kafka: topics, groups and settings of its
    own, and the processes that it started."""

    _count = 0

    def __init__(self, kafka, directory):
        Site._count += 1
        self.kafka = kafka
        self.directory = pathlib.Path(directory)
        self.prefix = f"t{Site._count}."
        self.events_topic = f"{self.prefix}events"
        self.bridge_group = f"{self.prefix}bridge"
        self.consumer_group = f"{self.prefix}consumer"
        self.processes = []
        self.hidden = set()  # values of headers and secrets, which nobody must be shown
        self.settings = {
            "kafka": {"brokers": kafka.bootstrap},
            "topics": {
                "prefix": self.prefix, "events": [self.events_topic],
                "replication_factor": kafka.nodes},
            "bridge": {"group": self.bridge_group},
            # Requests that hang would prolong the end of a test.
            "consumer": {"group": self.consumer_group, "drain_timeout": "5s"},
            # Receivers are on this machine.
            "egress": {"allow_http": True, "allow_private": True},
        }

    def topic(self, name):
        """`topic("results")` is this site's hookline.results."""
        return self.prefix + name

    def create_events_topic(self, partitions=1):
        return self.kafka.create_topic(self.events_topic, partitions)

    def deliveries_topic(self, tenant):
        return self.topic(f"deliveries.{tenant}")

    def await_no_lag(self, *tenants, timeout=WAIT_S):
        """Waits until the bridge and the consumers of these tenants have nothing left to do."""
        self.kafka.await_no_lag(self.bridge_group, self.events_topic, timeout)
        for tenant in tenants:
            self.kafka.await_no_lag(self.consumer_group, self.deliveries_topic(tenant), timeout)

    def configure(self, **settings):
        """Changes settings for what is started from now on: configure(log={"level": "debug"})."""
        self.settings = merge(self.settings, settings)

    def start(self, role, *args, name=None, ready=True, env=None, **settings):
        """Starts a process of Hookline; `settings` are laid over the site's."""
        same = sum(p.role == role for p in self.processes)
        name = name or (f"{role}-{same + 1}" if same else role)
        process = Hookline(self.directory, role, merge(self.settings, settings), args, name, env)
        self.processes.append(process)
        return process.start(ready)

    def start_roles(self, ready=True, **settings):
        """Starts a bridge and a consumer, at the same time; returns them when both are ready."""
        started = [self.start(role, ready=False, **settings) for role in ("bridge", "consumer")]
        for process in started if ready else []:
            process.await_ready()
        return started

    def cli(self, *args, stdin=None, check=True, **options):
        """Runs a command with this site's settings; returns the finished process."""
        config = self.directory / "cli.conf"
        config.write_text(libconfig(self.settings))
        done = run_cli(args, stdin, config, **options)
        if check and done.returncode != 0:
            raise AssertionError(
                f"hookline {' '.join(map(str, args))}: exit status {done.returncode}\n"
                f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
        return done

    def spawn_cli(self, *args):
        """Starts a command with this site's settings that runs until it is told to end."""
        config = self.directory / "spawned.conf"
        config.write_text(libconfig(self.settings))
        return subprocess.Popen([binary(), *map(str, args), "--config", config], text=True, env=clean_environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def subscribe(self, *subscriptions, args=(), check=True):
        """Applies subscriptions (dicts) as a file."""
        path = self.directory / "subscriptions.json"
        path.write_text(json.dumps(list(subscriptions)))
        for one in subscriptions:
            self.hide(one)
        return self.cli("subscriptions", "apply", "-f", path, *args, check=check)

    def hide(self, subscription):
        """What of a subscription nobody must be shown: close() looks for it."""
        auth = subscription.get("auth", {})
        basic, oauth2 = auth.get("basic", {}), auth.get("oauth2", {})
        values = [*subscription.get("headers", {}).values()]
        values += [secret["secret"] for secret in subscription.get("secrets", [])]
        values += [basic.get("password", ""), oauth2.get("client_secret", "")]
        # Lines of its base64: in JSON its ends of lines would not be found.
        values += subscription.get("tls", {}).get("client_key", "").splitlines()[1:-1]
        for user, password in ((basic.get("username"), basic.get("password")),
                               (quote_plus(oauth2.get("client_id", "")), quote_plus(oauth2.get("client_secret", "")))):
            if password:
                values.append(base64.b64encode(f"{user}:{password}".encode()).decode())
        values += [json.dumps(value)[1:-1] for value in values]
        self.hidden |= {value.encode() for value in values if len(value) > 7}

    def results(self, where=lambda result: True):
        """The results so far, decoded."""
        decoded = (record.json() for record in self.kafka.consume(self.topic("results")))
        return [result for result in decoded if where(result)]

    def await_results(self, count, where=lambda result: True, timeout=WAIT_S):
        records = self.kafka.await_records(
            self.topic("results"), count, timeout, lambda record: where(record.json()))
        return [record.json() for record in records]

    def await_dead_letters(self, count, where=lambda record: True, timeout=WAIT_S):
        return self.kafka.await_records(self.topic("dead-letters"), count, timeout, where)

    def endpoint_states(self, key):
        """All states of an endpoint in the order in which they were written, None for a null one."""
        return [r.value and r.json() for r in self.kafka.consume(self.topic("endpoints"))
                if r.key == key.encode()]

    def endpoint_state(self, key):
        """Its last one; None: there is nothing to remember of it."""
        states = self.endpoint_states(key)
        return states[-1] if states else None

    def await_state(self, key, where, timeout=WAIT_S):
        """Waits until the last state of an endpoint, None for a null one, satisfies `where`."""
        states = [None]

        def holds():
            states[0] = self.endpoint_state(key)
            return where(states[0])

        wait_until(holds, timeout, lambda: f"state of {key} (is {states[0]})", 0.1)
        return states[0]

    def publish(self, event, tenant, key=None, headers=None, timestamp_ms=0):
        """Queues one event on the events topic; `kafka.flush()` waits for it."""
        self.kafka.produce(
            self.events_topic, event, key, {"tenant-id": tenant} | (headers or {}),
            timestamp_ms=timestamp_ms)

    def log_tails(self):
        return {str(p.log_path): tail(p.log_path) for p in self.processes}

    def close(self):
        """Ends all processes; fails if one of them did not end in good order."""
        for process in self.processes:
            if process.running():
                process.signal(signal.SIGTERM)
        faults = []
        for process in self.processes:
            if process.process is None:
                continue
            try:
                process.check_ended()
            except AssertionError as fault:
                faults.append(str(fault))
        faults += self._leaks()
        if faults:
            raise AssertionError("; ".join(faults))

    def _leaks(self):
        """Where something stands that must be in the registry, the tokens file and requests alone."""
        texts = {str(p.log_path): p.log_path.read_bytes() for p in self.processes if p.log_path.exists()}
        if self.hidden and self.kafka.pids():
            for name in ("results", "dead-letters", "endpoints", "operational-events"):
                if self.kafka.partitions(self.topic(name)):
                    records = self.kafka.consume(self.topic(name))
                    texts[self.topic(name)] = b"\n".join(
                        (r.value or b"") + repr(r.headers).encode() for r in records)
        return [f"{where} has a secret in it" for where, text in texts.items()
                if SECRET.search(text) or any(hidden in text for hidden in self.hidden)]
