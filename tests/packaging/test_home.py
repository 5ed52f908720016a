"""Where the project is published stands in pyproject.toml; whatever points there points to the same place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

POINTING = ("systemd/windlass.service", "charts/monitoring/prometheus/rules/windlass.yaml")


@pytest.fixture
def home(root: Path) -> str:
    url: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["Homepage"]
    return url


def test_the_unit_points_home(root: Path, home: str) -> None:
    assert f"\nDocumentation={home}\n" in (root / "systemd/windlass.service").read_text()


def test_every_alert_points_to_a_runbook_that_is_there(root: Path, home: str) -> None:
    headings = re.findall(r"(?m)^## (.+)$", (root / "docs/runbooks.md").read_text())
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    rules = (root / "charts/monitoring/prometheus/rules/windlass.yaml").read_text()
    urls = re.findall(r"(?m)^ *runbook_url: (\S+)$", rules)
    assert urls
    assert {url.partition("#")[0] for url in urls} == {f"{home}/blob/main/docs/runbooks.md"}
    assert {url.partition("#")[2] for url in urls} <= anchors


def test_nothing_points_to_another_home(root: Path, home: str) -> None:
    folders = ("agent", "systemd", "charts", "docs", "changes", "manifests-example")
    files = [*root.glob("*.md"), *(path for folder in folders for path in (root / folder).rglob("*.*"))]
    pointing = {
        str(path.relative_to(root)): set(re.findall(r"https://[\w.-]+/[\w-]+/windlass\b", path.read_text()))
        for path in files
        if path.suffix in {".md", ".py", ".yaml", ".yml", ".service", ".json", ".html"}
    }
    assert {file: urls for file, urls in pointing.items() if urls - {home}} == {}
    assert {file for file, urls in pointing.items() if urls} >= set(POINTING)
