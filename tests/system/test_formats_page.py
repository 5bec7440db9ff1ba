# SPDX-License-Identifier: Apache-2.0
"""docs/formats.md: each command on it is run as it stands there, and prints what the page says.
HOOKLINE_WRITE_DOCS=1 writes the page's output anew."""

import os
import re
import subprocess

from harness import ROOT, binary, clean_environment

PAGE = ROOT / "docs/formats.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```http\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def test_the_page(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/hookline").symlink_to(binary())
    environment = clean_environment() | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}

    def run(match):
        command, _ = match.groups()
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), command
        output = f"\n```http\n{done.stdout}```\n" if done.stdout else ""
        return f"```sh\n{command}```\n{output}"

    written = PAGE.read_text()
    made = BLOCK.sub(run, written)
    assert made.count("```http") >= 8
    if os.environ.get("HOOKLINE_WRITE_DOCS"):
        PAGE.write_text(made)
    else:
        assert made == written
