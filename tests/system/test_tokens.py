# SPDX-License-Identifier: Apache-2.0
"""hookline token: the file of tokens that the console follows; without Kafka."""

import concurrent.futures
import datetime
import hashlib
import json
import os
import re
import stat
import subprocess

import pytest

from harness import binary, clean_environment, run_cli

CREATE = ["create", "--name", "ci", "--role", "viewer", "--tenant", "acme"]


def token(*args, **more):
    """(exit status, standard output, standard error)"""
    done = run_cli(["token", *args], **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def tokens(path):
    return json.loads(path.read_text())["tokens"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tokens.json"


def test_create(path):
    before = datetime.datetime.now(datetime.timezone.utc)
    status, out, err = token(*CREATE, "--file", path)
    assert (status, err) == (0, "")
    assert re.fullmatch(r"hlt_[A-Za-z0-9_-]{43}\n", out)
    assert mode(path) == 0o600
    digest = hashlib.sha256(out.strip().encode()).hexdigest()
    assert tokens(path) == [
        {"name": "ci", "hash": f"sha256:{digest}", "role": "viewer", "tenant": "acme"}]

    os.chmod(path, 0o640)
    status, other, err = token(
        "create", "-f", path, "--name", "Mary's phone", "--role", "admin", "--tenant", "*", "--expires", "90d")
    assert (status, err) == (0, "") and other != out
    first, second = tokens(path)
    assert first["name"] == "ci"
    assert (second["name"], second["role"], second["tenant"]) == ("Mary's phone", "admin", "*")
    left = datetime.datetime.fromisoformat(second["expires_at"].replace("Z", "+00:00")) - before
    assert datetime.timedelta(days=90, seconds=-1) < left < datetime.timedelta(days=90, minutes=5)
    assert mode(path) == 0o640
    assert out.strip() not in path.read_text() and other.strip() not in path.read_text()
    assert os.listdir(path.parent) == ["tokens.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_stays(path):
    assert token(*CREATE, "-f", path)[0] == 0
    os.chown(path, 12345, 12346)
    os.chmod(path, 0o640)
    assert token("create", "--name", "b", "--role", "viewer", "--tenant", "*", "-f", path)[0] == 0
    assert token("revoke", "--name", "ci", "-f", path)[0] == 0
    status = path.stat()
    assert (status.st_uid, status.st_gid, mode(path)) == (12345, 12346, 0o640)


def test_parallel_creates_lose_nothing(path):
    count = 24
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda i: token(
            "create", "--name", f"t{i}", "--role", "viewer", "--tenant", "*", "-f", path), range(count)))
    assert [(status, err) for status, _, err in done] == [(0, "")] * count
    have = {entry["name"]: entry["hash"] for entry in tokens(path)}
    assert have == {f"t{i}": "sha256:" + hashlib.sha256(out.strip().encode()).hexdigest()
                    for i, (_, out, _) in enumerate(done)}
    assert os.listdir(path.parent) == ["tokens.json"]


def test_parallel_creates_of_one_name(path):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: token(*CREATE, "-f", path), range(8)))
    assert sorted(status for status, _, _ in done) == [0] + [1] * 7
    assert len(tokens(path)) == 1


def test_list_and_revoke(path):
    for name, more in (("a", []), ("b", ["--expires", "1h"])):
        assert token("create", "-f", path, "--name", name, "--role", "operator", "--tenant", "*", *more)[0] == 0
    content = json.loads(path.read_text())
    content["tokens"].append(content["tokens"][0] | {
        "name": "old one", "hash": "sha256:" + "0a" * 32, "tenant": "acme", "expires_at": "2020-01-01T00:00:00Z"})
    path.write_text(json.dumps(content))
    status, out, err = token("list", "-f", path)
    assert (status, err) == (0, "")
    rows = [re.split(" {2,}", line) for line in out.splitlines()]
    assert rows[0] == ["NAME", "ROLE", "STATE", "EXPIRES", "TENANT"]
    assert rows[1] == ["a", "operator", "valid", "never", "*"]
    assert rows[2][:3] == ["b", "operator", "valid"] and rows[2][3].endswith("Z")
    assert rows[3] == ["old one", "operator", "expired", "2020-01-01T00:00:00.000Z", "acme"]
    assert not re.search("[0-9a-f]{20}", out)

    assert token("revoke", "-f", path, "--name", "b") == (0, "", "")
    assert [entry["name"] for entry in tokens(path)] == ["a", "old one"]
    status, out, err = token("revoke", "-f", path, "--name", "b")
    assert (status, out) == (1, "") and err == f"hookline: {path}: there is no token named b\n"
    assert token("create", "-f", path, "--name", "b", "--role", "viewer", "--tenant", "*")[0] == 0


def test_file_of_the_settings(path):
    assert token(*CREATE, env={"HOOKLINE_CONSOLE_TOKENS_FILE": str(path)})[0] == 0
    assert "ci" in token("list", "--set", f"console.tokens_file={path}")[1]
    assert run_cli(["check", "--set", f"console.tokens_file={path}"]).returncode == 0
    path.write_text("{}")
    done = run_cli(["check", "--set", f"console.tokens_file={path}"])
    assert done.returncode == 2
    assert f"console.tokens_file: {path}: /tokens: missing" in done.stderr.decode()
    status, out, err = token("list")
    assert (status, out) == (2, "")
    assert "console.tokens_file" in err and "--file" in err


@pytest.mark.parametrize("args, says", [
    ([], "an action is missing"),
    (["creat"], "did you mean create?"),
    (["create", "--role", "viewer", "--tenant", "*"], "--name is missing"),
    (["create", "--name", "a", "--tenant", "*"], "--role is missing"),
    (["create", "--name", "a", "--role", "viewer"], "--tenant is missing"),
    (CREATE + ["--role", "operater"], "--role: no such role; did you mean operator?"),
    (CREATE + ["--tenant", "A B"], "--tenant: a tenant is"),
    (CREATE + ["--name", ""], "--name: a name is"),
    (CREATE + ["--name", "a" * 65], "--name: a name is"),
    (CREATE + ["--name", "a\x1b"], "--name: a name is"),
    (CREATE + ["--expires", "soon"], "--expires: "),
    (CREATE + ["--expires", "0"], "--expires: "),
    (CREATE + ["--expires", "4000d"], "--expires: "),
    (CREATE + ["more"], "too many arguments, from 'more' on"),
    (["revoke"], "--name is missing"),
    (["list", "--name", "a"], "unrecognized option"),
])
def test_wrong_arguments(path, args, says):
    # None of them gets as far as the settings, so no file is needed.
    status, out, err = token(*args)
    assert (status, out) == (2, ""), err
    assert says in err


def test_wrong_files(path):
    missing = path.parent / "none" / "tokens.json"
    for args, at, says in ((["list"], missing, str(missing)), (CREATE, missing, str(missing)),
                           (["revoke", "--name", "a"], path, "No such file"), (CREATE, path.parent, "not a file")):
        status, out, err = token(*args, "-f", at)
        assert (status, out) == (2, ""), err
        assert says in err
    assert os.listdir(path.parent) == []
    for text, says in (("{", "line 1"), ('{"tokens":[{"name":"a"}]}', "/tokens/0/hash: missing"),
                       ('{"tokens":[],"version":1}', "/version: no such field")):
        path.write_text(text)
        for args in (["list"], CREATE, ["revoke", "--name", "a"]):
            status, out, err = token(*args, "-f", path)
            assert (status, out) == (2, ""), err
            assert f"{path}: {says}" in err
        assert path.read_text() == text
    path.write_text('{"tokens":[]}')
    os.chmod(path, 0o606)
    status, out, err = token(*CREATE, "-f", path)
    assert (status, out) == (2, "") and "everybody may write it" in err
    assert os.listdir(path.parent) == ["tokens.json"]


def test_output_that_goes_nowhere(path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "token", *CREATE, "-f", path], stdout=full,
                              stderr=subprocess.PIPE, env=clean_environment(None))
    assert done.returncode == 1
    assert b"revoke it" in done.stderr


def test_help():
    for args in (["--help"], ["create", "--help"], ["list", "--help"], ["revoke", "--help"]):
        status, out, err = token(*args)
        assert (status, err) == (0, ""), err
        assert "token" in out
