# SPDX-License-Identifier: Apache-2.0
"""Rows of results: printed, as JSON, and as the tables in docs/performance.md."""

import json
import math
import os
import pathlib
import platform
import re
import subprocess
import time
from dataclasses import asdict, dataclass

from stand import ROOT

from harness import binary  # stand makes it importable

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- dev/bench --write: begin -->", "<!-- dev/bench --write: end -->"


@dataclass
class Row:
    scenario: str
    what: str
    value: float | None
    unit: str = ""
    limit: float | None = None  # at most; `least` turns it round
    least: bool = False
    note: str = ""

    @property
    def verdict(self):
        """True, False, or None where there is nothing to reach."""
        if self.limit is None:
            return None
        if self.value is None or math.isnan(self.value):
            return False
        return self.value >= self.limit if self.least else self.value <= self.limit

    def cells(self):
        target = "" if self.limit is None else f"{'≥' if self.least else '≤'} {show(self.limit)}"
        verdict = {True: "pass", False: "FAIL", None: ""}[self.verdict]
        return [self.scenario, self.what, show(self.value), self.unit, target, verdict, self.note]


HEAD = ["", "what", "value", "unit", "target", "", "note"]


def show(value):
    if value is None or math.isnan(value):
        return "–"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}".replace(",", " ")
    digits = max(0, 2 - int(math.floor(math.log10(abs(value))))) if value else 0
    return f"{value:,.{min(digits, 3)}f}".replace(",", " ")


def version_of(package):
    done = subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def git_version():
    """The commit, for the table; the changes that are not in one do not have a name."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip()


def circumstances(stand):
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    about = subprocess.run([binary(), "--version"], capture_output=True, text=True).stdout.strip()
    return {
        "date": time.strftime("%Y-%m-%d"), "size": "quick" if stand.quick else "full",
        "pairs": stand.pairs, "program": about,
        # What HOOKLINE_BIN names may be built from anything.
        "commit": "" if "HOOKLINE_BIN" in os.environ else git_version(),
        "cpu": model.group(1) if model else platform.machine(), "cores": os.cpu_count(),
        "pinned": stand.cores is not None, "kernel": platform.release().partition("-")[0],
        "receiver": "nginx" if stand.nginx else "tests/bench/receiver.c",
        "libcurl": version_of("libcurl"), "settings": [f"{p}={v}" for p, v in stand.options.set]}


def print_table(rows):
    table = [HEAD] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    for line in table:
        cells = [cell.rjust(w) if i == 2 else cell.ljust(w)
                 for i, (cell, w) in enumerate(zip(line, widths, strict=True))]
        print("  ".join(cells).rstrip())


def read_json(path):
    """What earlier runs measured, by scenario."""
    path = pathlib.Path(path)
    return json.loads(path.read_text())["scenarios"] if path.exists() else {}


def write_json(path, measured):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"scenarios": measured}, indent=1))


def measurement(about, rows, raw):
    return {"about": about, "rows": [asdict(row) | {"pass": row.verdict} for row in rows], "raw": raw}


def circumstances_text(about):
    pairs = "one pair" if about["pairs"] == 1 else f"medians of {about['pairs']} interleaved pairs"
    facts = [
        about["program"] + (f" at {about['commit']}" if about["commit"] else ""),
        f"libcurl {about['libcurl']}", about["date"], f"{about['cores']} cores of {about['cpu']}",
        f"kernel {about['kernel']}", "pinned" if about["pinned"] else "not pinned",
        f"receiver {about['receiver']}", pairs, *about["settings"]]
    return "; ".join(facts) + "."


def standing(text):
    """The tables that the document has, by scenario."""
    parts = re.split(r"^(?=\*\*\w+\*\*: )", text, flags=re.MULTILINE)
    return {part[2:].partition("**")[0]: part.strip() for part in parts if part.startswith("**")}


def markdown(measured, titles, kept):
    """A table for each scenario, in the order of `titles`, with when and where it was measured; of those that
    were not measured here the one that is there."""
    lines = []
    for name, title in titles.items():
        if name not in measured:
            lines += [kept[name], ""] if name in kept else []
            continue
        rows = [Row(**{k: v for k, v in row.items() if k != "pass"}) for row in measured[name]["rows"]]
        lines += [f"**{name}**: {title}. {circumstances_text(measured[name]['about'])}", "",
                  "| what | value | unit | target | | note |", "|---|---:|---|---|---|---|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()[1:]) + " |"
                  for row in rows]
        lines.append("")
    return "\n".join(lines)


def write_document(measured, titles):
    text = DOCUMENT.read_text()
    before, found, rest = text.partition(BEGIN)
    old, also_found, after = rest.partition(END)
    if not found or not also_found:
        raise SystemExit(f"{DOCUMENT} has lost its markers '{BEGIN}' and '{END}'")
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{markdown(measured, titles, standing(old))}\n{END}{after}")
