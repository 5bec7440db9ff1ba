# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/receiving.md verify what is really sent."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

from harness import ROOT, subscription

EXAMPLES = dict(re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "receiving.md").read_text(), re.M | re.S))

PYTHON = """
import json, sys
headers, body = json.load(sys.stdin), open("body", "rb").read()
sys.exit(0 if is_from_hookline(headers, body) else 1)
"""
JAVASCRIPT = """
const fs = require('node:fs');
process.exit(isFromHookline(JSON.parse(fs.readFileSync(0)), fs.readFileSync('body')) ? 0 : 1);
"""


def by_shell(headers):
    names = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
    return ["sh", "-c", EXAMPLES["sh"]], {name: headers[header] for name, header in names.items()}


def by_python(_headers):
    return [sys.executable, "-c", EXAMPLES["python"] + PYTHON], {}


def by_node(_headers):
    return ["node", "-e", EXAMPLES["javascript"] + JAVASCRIPT], {}


@pytest.mark.parametrize("example", [by_shell, by_python, by_node])
def test_example(site, receiver, tmp_path, example):
    old, new, other = ("whsec_" + base64.b64encode(os.urandom(size)).decode() for size in (24, 32, 64))
    site.create_events_topic()
    site.subscribe(subscription("acme", "hook", receiver.url(), secrets=[
        {"id": "new", "secret": new}, {"id": "old", "secret": old}]))
    site.start_roles()
    site.publish({"type": "call.ended", "callID": "c", "note": "Grüße \\ \u2028 %s $(id)"}, "acme")
    site.kafka.flush()
    request, = receiver.await_requests(1)

    def says(secret, body=request.body, **changed):
        (tmp_path / "body").write_bytes(body)
        headers = {name: value for name, value in request.headers.items() if name.startswith("webhook-")}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        command, environment = example(headers)
        done = subprocess.run(command, cwd=tmp_path, input=json.dumps(headers).encode(), capture_output=True,
                              env=os.environ | environment | {"WEBHOOK_SECRET": secret}, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        assert not done.stderr, done.stderr
        return done.returncode == 0

    assert says(new) and says(old)
    assert not says(other)
    assert not says(new, body=request.body + b" ")
    assert not says(new, webhook_id=request.id + "x")
    assert not says(new, webhook_timestamp=str(int(request.headers["webhook-timestamp"]) + 1))
    assert not says(new, webhook_timestamp=str(int(time.time()) - 3600))
    first = request.headers["webhook-signature"].split(" ")[0]
    assert says(new, webhook_signature=f"v1a,AAAA {first} v2,x")
    assert not says(new, webhook_signature=first[:-1])
