# SPDX-License-Identifier: Apache-2.0
"""No webhook reaches what is not of the Internet, however its URL is written."""

import re

import pytest

from harness import subscription

# {port} is the receiver's, which listens on 127.0.0.1.
LOOPBACK = [
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1",
    "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.1", "017700000001", "127.0.0.01", "127.0x0.0.1", "127.000.000.001",
    "localhost", "LOCALHOST", "localhost.", "%6c%6f%63%61%6c%68%6f%73%74", "%31%32%37.0.0.1",
    "%31%32%37%2e%30%2e%30%2e%31", "127%2e0%2e0%2e1", "127.0.0.1%00.example.com", "127.0.0.1%0d%0a",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]", "[0::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2001:0:7f00:1::1]", "[2001:0:808:808:0:0:80ff:fffe]",
    "[2606:4700::5efe:127.0.0.1]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]",
    "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "ⓛocalhost", "127.0.0.1\u200b",
]
PRIVATE = [
    "0.0.0.0", "0", "0.0.0.1", "0x0", "[::]", "[::ffff:0.0.0.0]",
    "10.0.0.1", "10.1", "167772161", "0xa000001", "012.0.0.1", "10.255.255.255", "[::ffff:10.0.0.1]",
    "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1", "3232235521", "192.168.255.255",
    "100.64.0.1", "100.127.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "169.254.0.1", "169.254.169.254", "169.254.43518", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "169.254.170.2", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::]", "[fd00:ec2::254]", "[fd20:ce::254]", "[64:ff9b:1::a9fe:a9fe]",
    "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "4294967295",
    "[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]",
    "[3fff::1]", "[5f00::1]", "[2001:2::1]", "[2001:20::1]", "[::8.8.8.8]", "[1::1]", "[4000::1]",
]
WRITTEN = [
    "http://127.0.0.1:{port}", "http://user@127.0.0.1:{port}/", "http://user:pass@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/", "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}\\@example.com/", "http://example.com\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}\\", "http:/127.0.0.1:{port}/", "http:127.0.0.1:{port}/", "//127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/", "http://127.0.0.1:{port}?@example.com/", "HTTP://127.0.0.1:{port}/",
    "http://127.0.0.1:0{port}/", "http://127.0.0.1:{port}:80/", "http://127.0.0.1 :{port}/",
    "http://127.0.0.1\t:{port}/", " http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/ HTTP/1.1\r\nx: y",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_POST", "ftp://127.0.0.1:{port}/", "dict://127.0.0.1:{port}/",
    "unix:///run/docker.sock", "javascript:alert(1)", "data:,x", "http://", "https://", "http://:{port}/",
    "http://[::1", "http://[::1]x:{port}/", "http://[127.0.0.1]:{port}/", "http://127.0.0.1,example.com:{port}/",
]


def hostile_urls(port):
    hosts = [f"http://{host}:{port}/" for host in LOOPBACK] + [f"http://{host}/" for host in PRIVATE]
    return hosts + [url.format(port=port) for url in WRITTEN]


@pytest.fixture
def guarded(site):
    site.create_events_topic()
    site.configure(egress={"allow_private": False}, subscriptions={"max_per_tenant": 1000})
    return site


def publish(site, n=0):
    site.publish({"type": "call.ended", "callID": f"c{n}", "n": n}, "acme")
    site.kafka.flush()


def test_hostile_urls(guarded, receiver):
    """Refused when it is applied, or a dead letter that names the rule; and nobody was asked."""
    site = guarded
    urls = hostile_urls(receiver.port)
    assert len(urls) >= 100 and len(set(urls)) == len(urls)
    subs = [subscription("acme", f"s{i}", url) for i, url in enumerate(urls)]
    refused = site.subscribe(*subs, args=["--dry-run"], check=False)
    assert refused.returncode == 2
    indexes = {int(i) for i in re.findall(r"/(\d+)/url: ", refused.stderr.decode())}
    assert indexes >= {i for i, url in enumerate(urls) if not re.match(r"(?i)https?://[^\\# ]+$", url)}
    taken = [sub for i, sub in enumerate(subs) if i not in indexes]
    print(f"\n{len(urls)} URLs: {len(indexes)} refused, {len(taken)} blocked")
    warned = site.subscribe(*taken).stderr.decode()
    assert "acme/s0: /url: requests may not go there (loopback; see egress in the settings)" in warned

    _, consumer = site.start_roles()
    publish(site)
    dead = site.await_dead_letters(len(taken))
    for record in dead:
        assert record.text("hookline-reason") == "blocked_address", record.headers
        assert re.search(r"is not allowed \((loopback|private|link_local|shared|metadata|multicast|"
                         r"documentation|reserved|unspecified)\)", record.text("hookline-detail"))
    assert receiver.connections == 0
    assert consumer.metric("hookline_blocked_addresses_total") == len(taken)
    assert consumer.metric("hookline_blocked_addresses_total", rule="loopback") > 10
    results = site.await_results(len(taken))
    assert {r["reason"] for r in results} == {"blocked_address"}
    assert all("is not allowed (" in r["error"] for r in results)
    assert "egress.allow_private" not in consumer.log()


def test_turned_off_it_says_so(site, receiver):
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url()))
    _, consumer = site.start_roles()
    publish(site)
    receiver.await_requests(1)
    assert "level=warn" in consumer.log() and "egress.allow_private is set" in consumer.log()


def test_schemes_ports_and_lists(site, receiver):
    site.create_events_topic()
    site.configure(egress={"allow_http": False})
    hook = subscription("acme", "hook", receiver.url())
    assert b"acme/hook: /url: requests may not go there (scheme;" in site.subscribe(hook).stderr
    cases = [
        ({"allow_http": False}, "http is not allowed"),
        ({"allow_http": True, "ports": ["443", "1-1023"]}, f"Port {receiver.port} is not allowed"),
        ({"allow_http": True, "deny": ["127.0.0.0/8"]}, "127.0.0.1: Its address 127.0.0.1 is not allowed (denied)"),
        ({"allow_http": True, "allow_private": False, "allow": ["127.0.0.2/32"]}, "is not allowed (loopback)"),
    ]
    bridge = site.start("bridge")
    for n, (egress, expected) in enumerate(cases):
        consumer = site.start("consumer", name=f"consumer-{n}", egress=egress)
        publish(site, n)
        letter = site.await_dead_letters(n + 1)[-1]
        details = [r.text("hookline-detail") for r in site.await_dead_letters(n + 1)]
        assert any(expected in detail for detail in details), (details, letter)
        consumer.terminate()
    assert receiver.connections == 0
    site.start("consumer", name="consumer-allowed", egress={
        "allow_http": True, "allow_private": False, "allow": ["127.0.0.1"],
        "ports": [str(receiver.port)]})
    publish(site, 9)
    receiver.await_requests(1)
    assert bridge.running()


def test_settings_that_are_wrong(site):
    for name, value in (("allow", "10.0.0.1/8"), ("deny", "here"), ("ports", "https")):
        site.configure(egress={name: [value]})
        done = site.cli("check", check=False)
        assert done.returncode == 2 and f"egress.{name}" in done.stderr.decode() + done.stdout.decode()
        site.configure(egress={name: []})
