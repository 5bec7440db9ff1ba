# SPDX-License-Identifier: Apache-2.0
"""Values of subscriptions that are kept in files of their own; shown with hookline render, without Kafka."""

import json

import pytest
import standardwebhooks

from harness import run_cli, subscription

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = b'{"type":"ended","callID":"c1"}'


@pytest.fixture
def render(tmp_path):
    (tmp_path / "values").mkdir()
    for name, text in {"secret": SECRET + "\n", "key": "k-0123\r\n", "password": "p w", "binary": b"\xff"}.items():
        (tmp_path / "values" / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def render(wrap=lambda hook: hook, **fields):
        file = tmp_path / "subscriptions.json"
        file.write_text(json.dumps(wrap(subscription("acme", "crm", "https://crm.example/", **fields))))
        return run_cli(["render", "--json", file], stdin=EVENT)
    return render


@pytest.mark.parametrize("wrap", [lambda hook: hook, lambda hook: [hook], lambda hook: {"subscriptions": [hook]}])
def test_values_come_from_files_beside_the_file(render, wrap):
    done = render(wrap, secret_file="values/secret", header_files={"x-api-key": "values/key"},
                  auth={"basic": {"username": "u", "password_file": "values/password"}})
    assert done.returncode == 0, done.stderr
    headers = json.loads(done.stdout)["headers"]
    assert headers["x-api-key"] == headers["authorization"] == "***"
    standardwebhooks.Webhook(SECRET).verify(EVENT, headers)


@pytest.mark.parametrize("fields, fault", [
    ({"secret_file": "values/none"}, "/secret_file: {0}/values/none: No such file"),
    ({"secret_file": 7}, "/secret_file: not the name of a file"),
    ({"secret_file": "values/key"}, "/secrets/0/secret: a secret begins with whsec_"),
    ({"secret_file": "values/secret", "secrets": []}, "/secret_file: the value itself stands there too"),
    ({"header_files": []}, "/header_files: not an object"),
    ({"header_files": {"x": "values/key"}, "headers": {"x": "y"}}, "/header_files/x: the value itself stands there too"),
    ({"header_files": {"x": "values/binary"}}, "/header_files/x: {0}/values/binary: not UTF-8"),
    ({"auth": {"basic": {"username": "u", "password_file": "values"}}}, "/auth/basic/password_file: {0}/values: "),
    ({"tls": {"ca_file": "values/key"}}, "/tls/ca: no certificate in PEM"),
])
def test_what_is_wrong_is_named_and_no_value_shown(render, tmp_path, fields, fault):
    done = render(**fields)
    text = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"")
    assert fault.format(tmp_path) in text
    assert "k-0123" not in text and "whsec_M" not in text


def test_in_a_list_the_pointer_says_which(tmp_path):
    file = tmp_path / "subscriptions.json"
    hooks = [subscription("acme", name, "https://crm.example/") for name in ("a", "b")]
    hooks[1]["secret_file"] = "none"
    file.write_text(json.dumps({"subscriptions": hooks}))
    done = run_cli(["subscriptions", "apply", "--dry-run", "-f", file, "--set", "kafka.brokers=127.0.0.1:1"])
    assert done.returncode == 2
    assert f"subscriptions.json: /subscriptions/1/secret_file: {tmp_path}/none: " in done.stderr.decode()
