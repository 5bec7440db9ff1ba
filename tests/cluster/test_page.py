# SPDX-License-Identifier: Apache-2.0
"""docs/kubernetes.md, followed word by word: its commands, in their order, in one shell."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, RUN, Kafka, binary, command

PAGE = ROOT / "docs" / "kubernetes.md"


def blocks():
    """The commands of the page, but for those that are marked to depend on the installation."""
    found = re.findall(r"(<!-- not run -->\n)?```sh\n(.*?)```", PAGE.read_text(), re.S)
    assert len(found) > 15 and sum(not skipped for skipped, _ in found) > 12
    return [text for skipped, text in found if not skipped]


@pytest.fixture
def kafka():
    kafka = Kafka(RUN / f"{os.getpid()}-page-kafka", nodes=3, host=os.environ["HOOKLINE_TEST_HOST"])
    kafka.start("--clean")
    yield kafka
    kafka.remove()


def test_the_page(kafka, tmp_path):
    kafka.create_topic("calls", 4)
    root = tmp_path / "hookline"
    shutil.copytree(ROOT / "helm", root / "helm")
    (tmp_path / "bin").mkdir()
    helm = command(ROOT / "dev" / "tool", "helm4", timeout=1200).stdout.strip()
    (tmp_path / "bin" / "helm").symlink_to(helm)
    (tmp_path / "bin" / "hookline").symlink_to(binary())
    image, _, tag = os.environ["HOOKLINE_TEST_IMAGE"].rpartition(":")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")} | {
        "IMAGE": image, "TAG": tag, "BROKERS": kafka.bootstrap, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    script = "set -euo pipefail\n" + "\n".join(f"echo '=== block {n}'\n{text}" for n, text in enumerate(blocks()))
    try:
        done = subprocess.run(["bash", "-c", script], cwd=root, env=environment, capture_output=True, text=True, timeout=1200,
                              stdin=subprocess.DEVNULL)
    finally:
        command("kubectl", "delete", "namespace", "hookline", "--ignore-not-found", "--wait=false", check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "POST /crm  call.ringing  tenant acme  attempt 1" in said, said
    assert re.search(r"acme\s+crm", said) and "0  in all" in said
    assert '"role":"admin"' in said, "the API was asked"
    assert "secret/" not in said.split("=== block")[-1]
