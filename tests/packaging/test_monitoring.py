"""The alerts and the dashboard: Prometheus takes them, they fire when they should, and every metric exists."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.telemetry import catalogue
from agent.telemetry.metrics import Metrics

ADDED_BY_PROMETHEUS = {"job", "instance", "le", "__name__"}
PARTS_OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
SELECTOR = re.compile(r"\b((?:windlass|process)_\w+)(?:\{([^}]*)\})?")


@pytest.fixture
def chart(root: Path) -> Path:
    return root / "charts/monitoring"


@pytest.fixture
def promtool(program: Callable[[str], str]) -> Callable[..., str]:
    """Runs promtool; returns what it says once it is content."""
    path = program("promtool")

    def run(*arguments: object, given: str | None = None) -> str:
        command = [path, *map(str, arguments)]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def served() -> dict[str, str]:
    """Every metric family that the agent's registry serves: its type by its name."""
    _, body = Metrics("1.0").render("")
    return {name: kind for _, _, name, kind in map(str.split, re.findall("(?m)^# TYPE .*$", body.decode()))}


@pytest.fixture
def dashboard(chart: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((chart / "grafana/dashboards/windlass.json").read_text())
    return loaded


def rules(chart: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load((chart / "prometheus/rules/windlass.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_expressions(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield f"{panel['title']}/{target['refId']}", target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def as_grafana_sends_it(expression: str) -> str:
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "5m"))


# --- the alerts -----------------------------------------------------------------------------------------------------


def test_prometheus_takes_rules_and_configuration(chart: Path, promtool: Callable[..., str]) -> None:
    assert "1 rule files found" in promtool("check", "config", chart / "prometheus/prometheus.yml")


def test_each_alert_fires_when_it_should(chart: Path, promtool: Callable[..., str]) -> None:
    tests = chart / "prometheus/tests/windlass.yaml"
    assert "SUCCESS" in promtool("test", "rules", tests)
    untested = [rule["alert"] for rule in rules(chart) if rule["alert"] not in tests.read_text()]
    assert untested == []


def test_each_alert_says_how_bad_it_is_and_what_to_do(root: Path, chart: Path) -> None:
    headings = re.findall(r"(?m)^## (\w+)$", (root / "docs/runbooks.md").read_text())
    assert headings == [rule["alert"] for rule in rules(chart)]
    for rule in rules(chart):
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert sorted(rule["annotations"]) == ["description", "runbook_url", "summary"]
        assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks.md#{rule['alert'].lower()}")


# --- metrics --------------------------------------------------------------------------------------------------------


def test_prometheus_takes_what_the_agent_serves(promtool: Callable[..., str]) -> None:
    promtool("check", "metrics", given=Metrics("1.0").render("")[1].decode())


def test_every_metric_and_label_that_is_used_exists(
    chart: Path, dashboard: dict[str, Any], served: dict[str, str]
) -> None:
    used = [(rule["alert"], rule["expr"]) for rule in rules(chart)] + list(panel_expressions(dashboard))
    labels = {spec.name: set(spec.labels) for spec in catalogue.ALL}
    for where, expression in used:
        for name, matchers in SELECTOR.findall(expression):
            stem = PARTS_OF_A_HISTOGRAM.sub("", name)
            family = stem if served.get(stem) == "histogram" else name
            assert family in served, f"{where}: the agent serves no {name}"
            named = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert named <= labels.get(family, set()) | ADDED_BY_PROMETHEUS, f"{where}: {name} has other labels"


def test_every_health_that_is_asked_for_exists(chart: Path, dashboard: dict[str, Any]) -> None:
    text = " ".join([rule["expr"] for rule in rules(chart)] + [text for _, text in panel_expressions(dashboard)])
    asked = {value for values in re.findall(r'health=~?"([^"]*)"', text) for value in values.split("|")}
    assert asked <= set(catalogue.HEALTHS)


def test_calls_that_nobody_answered_are_shown_as_failed_too(dashboard: dict[str, Any]) -> None:
    """They have a reason as their code, and no HTTP status."""
    (failed,) = (text for where, text in panel_expressions(dashboard) if where.startswith("Docker API calls that"))
    assert 'code!="ok"' in failed


# --- the dashboard --------------------------------------------------------------------------------------------------


def test_every_expression_is_one_that_prometheus_can_read(
    dashboard: dict[str, Any], tmp_path: Path, promtool: Callable[..., str]
) -> None:
    recorded = [
        {"record": f"panel:{number}", "expr": as_grafana_sends_it(expression), "labels": {"panel": where}}
        for number, (where, expression) in enumerate(panel_expressions(dashboard))
    ]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", file)


def test_every_panel_says_what_it_shows_and_in_which_unit(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${DS_PROMETHEUS}", panel["title"]


def test_panels_are_told_apart_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
    covered = [cell for panel in dashboard["panels"] for cell in cells(panel["gridPos"])]
    assert len(covered) == len(set(covered))
    assert all(x < 24 for x, _ in covered)


def cells(place: dict[str, int]) -> list[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    return [(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])]


def test_rates_fit_the_zoom_and_the_chosen_hosts(dashboard: dict[str, Any]) -> None:
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"DS_PROMETHEUS", "instance", "stack"}
    for panel in panels(dashboard):
        for target in panel["targets"]:
            ranges = re.findall(r"\[([^\]]*)\]", target["expr"])
            assert set(ranges) <= {"$__rate_interval"}, panel["title"]
            for name, matchers in SELECTOR.findall(target["expr"]):
                assert 'instance=~"$instance"' in matchers, f"{panel['title']}: {name} is asked of every host"


# --- the stack ------------------------------------------------------------------------------------------------------


def test_the_stack_mounts_what_is_there_and_is_not_open_to_the_network(chart: Path) -> None:
    services = yaml.safe_load((chart / "compose.yaml").read_text())["services"]
    assert sorted(services) == ["grafana", "prometheus"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        mounted = [volume.split(":")[0] for volume in service["volumes"] if volume.startswith("./")]
        assert mounted
        assert all((chart / path).is_dir() for path in mounted)
