# SPDX-License-Identifier: Apache-2.0
"""hookline verify, against signatures that Python's standard library computes; without Kafka."""

import base64
import hashlib
import hmac
import json
import os
import re
import time

import pytest

from harness import run_cli

ID = "msg_0123456789abcdef0123456789abcdef"
BODY = b'{"type":"call.ended","callID":"c-1"}'
# Standard Webhooks' public vector for v1a.
V1A = {
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "at": 1614265330, "body": b'{"test": 2432232314}',
    "signature": "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="}
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


def new_secret(size=32):
    return "whsec_" + base64.b64encode(os.urandom(size)).decode()


def sign(secret, id, at, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def request(signature, id=ID, at=None, body=BODY, end="\r\n", first="POST /hook HTTP/1.1", more=()):
    lines = [first] if first else []
    lines += ["host: crm.example", f"Webhook-Id: {id}", f"webhook-timestamp: {at}", *more]
    lines += [f"webhook-signature: {signature}"] if signature is not None else []
    return "".join(line + end for line in [*lines, ""]).encode() + body


def verify(data, *secrets, args=(), by_env=False):
    """(exit status, standard output, standard error) of a run that got the secrets by `SECRET`."""
    done = run_cli(["verify", "--secret-env", "SECRET", *args, "-"], stdin=data,
                   env={"SECRET": "\n".join(secrets)})
    out, err = done.stdout.decode(), done.stderr.decode()
    for secret in secrets:
        assert secret.partition("_")[2] not in out + err
    return done.returncode, out, err


@pytest.mark.parametrize("body", [
    BODY, b"", b"\0\r\n\r\n\xff", "Grüße\n".encode(), os.urandom(1 << 20)], ids=range(5))
@pytest.mark.parametrize("size", [24, 32, 64])
def test_right_ones(body, size):
    secret, now = new_secret(size), int(time.time())
    signature = sign(secret, ID, now, body)
    for form in ({}, {"end": "\n"}, {"first": None}, {"more": [f"content-length: {len(body)}"]}):
        status, out, err = verify(request(signature, at=now, body=body, **form), secret)
        assert (status, err) == (0, ""), out
        assert out.endswith("\nverified\n")
        assert ID in out and signature in out


def test_secrets_of_a_file(tmp_path):
    secrets, now = [new_secret(), new_secret()], int(time.time())
    path = tmp_path / "secrets"
    path.write_text(f"# crm\n\n {secrets[0]} \r\n{secrets[1]}")
    captured = tmp_path / "request"
    captured.write_bytes(request(
        f"{sign(new_secret(), ID, now, BODY)} {sign(secrets[1], ID, now, BODY)} v9,abc", at=now))
    done = run_cli(["verify", "--secret-file", path, captured])
    out = done.stdout.decode()
    assert done.returncode == 0, out
    rows = [line.split(maxsplit=2)[1:] for line in out.splitlines() if re.match("v[0-9],", line)]
    assert rows == [["v1", "does not verify"], ["v1", "verifies with the secret in line 4"],
                    ["unknown", "left out"]]


def test_public_key():
    data = request(V1A["signature"], V1A["id"], V1A["at"], V1A["body"])
    now = ["--now", V1A["at"]]
    assert verify(data, PUBLIC, args=now)[0] == 0
    assert verify(data.replace(b"2432232314", b"2432232315"), PUBLIC, args=now)[0] == 1
    status, out, _ = verify(data, new_secret(), args=now)
    assert status == 1 and "no secret of this scheme" in out


def test_what_receive_prints():
    secret, now = new_secret(), int(time.time())
    for body in (BODY, b"\xff\0"):
        text = {"body": body.decode()} if body == BODY else {"body_hex": body.hex()}
        line = json.dumps({"method": "POST", "path": "/", "headers": {
            "webhook-id": ID, "webhook-timestamp": str(now),
            "webhook-signature": sign(secret, ID, now, body)}, **text})
        assert verify(line + "\n", secret)[0] == 0


@pytest.mark.parametrize("change, says", [
    ({"body": BODY + b" "}, "written again"),
    ({"body": BODY + b"\n"}, "did an editor add it"),
    ({"body": BODY + b"\r\n"}, "did an editor add it"),
    ({"id": "msg_1"}, "no signature matches"),
    ({"id": "a.b"}, "full stop"),
    ({"at": "soon"}, "webhook-timestamp is missing or no number"),
    ({"signature": None}, "webhook-signature is missing"),
    ({"signature": "sha256=00"}, "no signature of a known scheme"),
    ({"signature": "v1,abc"}, "cut off"),
    ({"signature": "v1," * 2000}, "too long"),
    ({"more": ["content-length: 1000"]}, None),
])
def test_wrong_ones(change, says):
    secret, now = new_secret(), int(time.time())
    data = {"signature": sign(secret, ID, now, BODY), "at": now} | change
    status, out, err = verify(request(**data), secret)
    assert (status, err) == (1 if says else 0, ""), out
    assert (f"not verified: " in out and says in out) if says else "it was cut off" in out


@pytest.mark.parametrize("args, status, says", [
    (["--now", "1300"], 0, "verified"),
    (["--now", "1301"], 1, "too old"),
    (["--now", "700"], 0, "verified"),
    (["--now", "699"], 1, "from the future"),
    (["--now", "1010", "--tolerance", "10s"], 0, "10 s ago"),
    (["--now", "1011", "--tolerance", "10s"], 1, "--now"),
    (["--now", "1000", "--tolerance", "0"], 0, "0 s ago"),
    ([], 1, "too old"),
])
def test_age(args, status, says):
    secret = new_secret()
    done = verify(request(sign(secret, ID, 1000, BODY), at=1000), secret, args=args)
    assert done[0] == status, done
    assert says in done[1]


def test_terminal_is_not_steered():
    status, out, _ = verify(request("v1,\x1b[2J", id="\x1b]0;x\x07", at="\x9b1"), new_secret())
    assert status == 1
    assert re.fullmatch(r"[ -~\n]*", out)


def test_nothing_to_check(tmp_path):
    good = request("v1,x", at=1)
    for secret, data, says in (
            ("whsec_Tiger+", good, "line 1: .*base64"), ("", good, "no secret"),
            ("whsec_Tiger9==", good, "SECRET: line 1"),
            (new_secret(), b"hello\n", "standard input: line 1 is no header"),
            (new_secret(), b"a: b\n", "no empty line")):
        status, out, err = verify(data, secret) if secret else verify(data)
        assert (status, out) == (2, ""), err
        assert re.search(says, err), err
    for args, says in (
            ([], "FILE"), (["-"], "--secret-file"), (["--secret-file", "x", "--secret-env", "y", "-"], "either"),
            (["--secret-env", "UNSET", "-"], "UNSET is not set"), (["a", "b"], "more than one"),
            (["--secret-file", tmp_path / "none", "-"], "none"), (["--secret", "x", "-"], "--secret"),
            (["--now", "-1", "-"], "--now"), (["--tolerance", "soon", "-"], "--tolerance")):
        done = run_cli(["verify", *args], stdin=good)
        assert (done.returncode, done.stdout) == (2, b""), args
        assert says in done.stderr.decode(), args
