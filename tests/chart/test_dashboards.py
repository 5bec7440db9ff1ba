# SPDX-License-Identifier: Apache-2.0
"""The Grafana dashboards: every query parses and asks for what there is."""

import json
import re

import pytest
import yaml

from test_alerts import METRICS
from test_chart import BROKERS, CHART, pick, render, run, tool

FILES = sorted((CHART / "dashboards").glob("*.json"))
UNITS = {"short", "reqps", "s", "bytes", "percentunit"}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def dashboard(request):
    return json.loads(request.param.read_text())


def queries(dashboard):
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_there_are_six():
    assert [path.stem for path in FILES] == ["dead-letters", "delivery", "endpoints", "kafka", "overview", "process"]
    assert len({json.loads(path.read_text())["uid"] for path in FILES}) == 6


def test_queries_parse(dashboard, tmp_path):
    rules = [{"record": f"q{n}", "expr": query.replace("$__rate_interval", "5m").replace("$namespace", "hooks").replace("$pod", "p")}
             for n, query in enumerate(queries(dashboard))]
    assert rules
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    done = run(tool("promtool"), "check", "rules", file, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [query for query in queries(dashboard) if "$S" in query]


def test_metrics_and_labels_exist(dashboard):
    page = (CHART.parent.parent / "docs" / "metrics.md").read_text()
    for query in queries(dashboard):
        for name in re.findall(r"\b((?:hookline|process)_\w+|up)\{", query):
            metric = name if name in METRICS else re.sub("_(bucket|sum|count)$", "", name)
            assert metric in METRICS, name
        for label in re.findall(r"by \(([\w, ]+)\)", query):
            for each in label.split(", "):
                metric = re.search(r"(hookline_\w+|process_\w+)\{", query).group(1)
                row = re.search(rf"^\| `{metric.removesuffix('_bucket')}` .*$", page, re.M).group()
                assert each in ("pod", "le") or f"`{each}`:" in row, (metric, each)


def test_values_of_labels_exist(dashboard):
    page = (CHART.parent.parent / "docs" / "metrics.md").read_text()
    for query in queries(dashboard):
        for name, matchers in re.findall(r"\b((?:hookline|process)_\w+)\{([^}]*)\}", query):
            for label, values in re.findall(r'(\w+)[=!]~?"([^"]*)"', matchers):
                if label not in ("namespace", "pod"):
                    row = re.search(rf"^\| `{name}` .*$", page, re.M).group()
                    assert f"`{label}`:" in row and all(f"`{value}`" in row for value in values.split("|")), (name, label, values)


def test_numbers_have_their_limits(dashboard):
    for panel in dashboard["panels"]:
        if panel["type"] == "stat":
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            values = [step["value"] for step in steps[1:]]
            assert steps[0] == {"color": "green", "value": None} and values == sorted(values), panel["title"]


def test_panels_are_whole(dashboard):
    taken = set()
    assert dashboard["description"] and dashboard["uid"].startswith("hookline-")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len({panel["title"] for panel in dashboard["panels"]}) == len(
        dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["description"] and panel["targets"], panel
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert all(target["legendFormat"] and target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_rendered():
    objects = render(tool("helm4"), *BROKERS, "--set", "metrics.dashboards.enabled=true")
    found = [each for each in pick(objects, "ConfigMap") if "dashboard" in each["metadata"]["name"]]
    assert len(found) == 6
    for each in found:
        ((name, text),) = each["data"].items()
        assert json.loads(text) == json.loads((CHART / "dashboards" / name.removeprefix("hookline-")).read_text())
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1" and len(text) < 1_000_000
