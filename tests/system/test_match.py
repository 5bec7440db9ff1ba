# SPDX-License-Identifier: Apache-2.0
"""hookline match, and the examples of docs/filters.md, which it runs; without Kafka."""

import json
import os
import pathlib
import re
import select
import subprocess

import pytest

from harness import binary, clean_environment, run_cli

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = (ROOT / "tests/data/samples.ndjson").read_bytes()

BLOCKS = re.compile(r"^```(json|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documented():
    """(pattern, events that match, events that do not) of each example."""
    examples, pattern = [], None
    for kind, text in BLOCKS.findall((ROOT / "docs/filters.md").read_text()):
        if kind == "json":
            assert pattern is None, f"no events follow {pattern}"
            pattern = text
        else:
            lines = text.splitlines()
            assert pattern is not None and all(line[:2] in ("+ ", "- ") for line in lines), text
            examples.append((pattern, *([line[2:] for line in lines if line[0] == sign] for sign in "+-")))
            pattern = None
    assert pattern is None
    return examples


EXAMPLES = documented()


def match(*args, stdin=b"", **more):
    return run_cli(["match", *args], stdin=stdin, **more)


@pytest.fixture
def pattern(tmp_path):
    def write(text):
        path = tmp_path / "filter.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path
    return write


def test_the_document_has_examples():
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize("text, good, bad", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_of_the_document(pattern, text, good, bad):
    assert good and bad
    path = pattern(text)
    events = [event for pair in zip(good, bad) for event in pair] + good[len(bad):] + bad[len(good):]
    done = match(path, stdin="\n".join(events).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(done.stdout.decode().splitlines()) == sorted(good)
    done = match("-v", path, stdin="\n".join(events).encode())
    assert sorted(done.stdout.decode().splitlines()) == sorted(bad)


def test_lines_come_out_as_they_are(pattern):
    path = pattern({"a": [1]})
    lines = b'{ "a" : 1.0 }\r\n\n{"a":2}\n{"b":"\\u00e9","a":[3,1]}'
    done = match(path, stdin=lines)
    assert done.stdout == b'{ "a" : 1.0 }\r\n{"b":"\\u00e9","a":[3,1]}\n'
    assert done.returncode == 0


def test_samples_by_type_and_field():
    ended = match("-e", '{"hookline:type":["call.ended"]}', stdin=SAMPLES)
    assert ended.returncode == 0 and 0 < ended.stdout.count(b"\n") < SAMPLES.count(b"\n")
    assert all(line + b"\n" in SAMPLES for line in ended.stdout.splitlines())
    rest = match("-v", "-e", '{"hookline:type":["call.ended"]}', stdin=SAMPLES)
    assert ended.stdout.count(b"\n") + rest.stdout.count(b"\n") == SAMPLES.count(b"\n")
    long = match("--count", "-e", '{"duration":[{"numeric":[">=",30]}]}', stdin=SAMPLES)
    assert int(long.stdout) > 0


def test_a_file_and_standard_input(tmp_path, pattern):
    events = tmp_path / "events.ndjson"
    events.write_bytes(b'{"a":1}\n')
    path = pattern({"a": [1]})
    assert match(path, events).stdout == b'{"a":1}\n'
    assert match("-e", '{"a":[1]}', events).stdout == b'{"a":1}\n'
    assert match(path, "-", stdin=b'{"a":1}\n').stdout == b'{"a":1}\n'
    missing = match(path, tmp_path / "none")
    assert missing.returncode == 2 and b"No such file" in missing.stderr


def test_exit_codes_and_count():
    one = '{"a":[1]}'
    assert match("-e", one, stdin=b'{"a":2}\n').returncode == 1
    assert match("-e", one).returncode == 1
    none = match("--count", "-e", one, stdin=b'{"a":2}\n')
    assert (none.returncode, none.stdout) == (1, b"0\n")
    assert match("--count", "-v", "-e", one, stdin=b'{"a":2}\n{"a":1}\n').stdout == b"1\n"


def test_lines_that_are_no_event_are_named_and_the_others_go_on():
    done = match("-e", '{"a":[1]}', stdin=b'{"a":1}\nnonsense\n[1]\n{"a":1,"a":1}\n{"a":1,"b":2}\n')
    assert done.returncode == 2
    assert done.stdout == b'{"a":1}\n{"a":1,"b":2}\n'
    errors = done.stderr.decode().splitlines()
    assert [error.split(": ")[1] for error in errors] == [f"standard input:{n}" for n in (2, 3, 4)]
    assert "a key twice" in errors[2]


@pytest.mark.parametrize("text, said", [
    ('{"a":[{"numeric":["!",5]}]}', "/a/0/numeric/0: not one of"),
    ('{"a":{"b":"x"}}', "/a/b: neither an array"),
    ('{"a":[1],"a":[2]}', "duplicate"),
    ('{"a":', "line 1 column"),
    ("[]", "a pattern is an object"),
    ("", "line 1 column"),
])
def test_a_pattern_that_is_not_valid(pattern, text, said):
    path = pattern(text)
    done = match(path, stdin=b'{"a":1}\n')
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"hookline: {path}: ")
    assert said in done.stderr.decode()
    if text:
        assert said in match("-e", text).stderr.decode()


def test_usage():
    assert match().returncode == 2
    assert match("-e", "{}", "a", "b").returncode == 2
    assert match("no-such-file").returncode == 2
    assert b"hookline match" in match("--help").stdout


def test_the_type_by_settings_and_by_option():
    ended = '{"hookline:type":["call.ended"]}'
    own = b'{"kind":"over"}\n'
    assert match("-e", ended, stdin=own).returncode == 1
    assert match("-e", ended, "-s", "event.type_pointer=/kind", "-s",
                 "event.type_aliases=over=call.ended", stdin=own).stdout == own
    assert match("-e", ended, "--type", "call.ended", stdin=own).stdout == own
    assert match("-e", '{"hookline:type":[{"exists":false}]}', stdin=own).stdout == own


def test_a_line_is_out_before_the_next_one_comes():
    with subprocess.Popen([binary(), "match", "-e", '{"a":[1]}'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, env=clean_environment(None)) as process:
        for n in range(3):
            line = b'{"a":1,"n":%d}\n' % n
            os.write(process.stdin.fileno(), line)
            assert select.select([process.stdout], [], [], 10)[0]
            assert os.read(process.stdout.fileno(), 4096) == line
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_reader_that_has_seen_enough(tmp_path):
    events = tmp_path / "events.ndjson"
    events.write_bytes(b'{"a":1}\n' * 100000)
    done = subprocess.run(["bash", "-c", 'set -o pipefail; "$0" match -e \'{"a":[1]}\' "$1" | head -n 1',
                           binary(), events], capture_output=True, timeout=30, env=clean_environment(None))
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"a":1}\n', b"")


def test_an_output_that_takes_nothing(tmp_path):
    events = tmp_path / "events.ndjson"
    for count in (1, 100000):
        events.write_bytes(b'{"a":1}\n' * count)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([binary(), "match", "-e", '{"a":[1]}', events], stdout=full,
                                  stderr=subprocess.PIPE, timeout=30, env=clean_environment(None))
        assert done.returncode == 2
        assert b"standard output: No space left" in done.stderr
