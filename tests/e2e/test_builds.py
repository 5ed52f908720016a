"""`windlass apply` of a stack that is built, where the operator allows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.agents import Agent

pytestmark = pytest.mark.engine

COMPOSE = 'services:\n  web:\n    build: app\n    command: [sleep, "600"]\n    stop_grace_period: 0s\n'


@pytest.fixture
def stack(tmp_path: Path, prefix: str, sdk: docker.APIClient) -> Iterator[Path]:
    """The directory of a stack, of which nothing that is built stays."""
    made = tmp_path / prefix
    made.mkdir()
    yield made
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={prefix}"}):
        sdk.remove_container(container["Id"], force=True)
    for image in sdk.images(name=f"{prefix}-web"):
        sdk.remove_image(image["Id"], force=True)


@pytest.mark.slow
def test_what_the_operator_allows_is_built(agent: Agent, stack: Path, busybox: str, tmp_path: Path) -> None:
    (stack / "compose.yaml").write_text(COMPOSE)
    (stack / "app").mkdir()
    (stack / "app/Dockerfile").write_text(f"FROM {busybox}\nCOPY word /\n")
    (stack / "app/word").write_text("one")
    refused = agent.windlass("plan", str(stack))
    assert "compose.yaml:3:12: services.web.build: images are not built" in refused.stderr
    assert refused.returncode == 4
    (tmp_path / "agent.yaml").write_text("allow_build: true\n")
    agent.variables = {"WINDLASS_CONFIG": str(tmp_path / "agent.yaml")}
    applied = agent.windlass("apply", str(stack), "--yes")
    assert applied.returncode == 0, applied.stderr
    assert agent.windlass("plan", str(stack), "--detailed-exitcode").returncode == 0
    (stack / "app/word").write_text("two")
    planned = agent.windlass("plan", str(stack), "--detailed-exitcode", "-o", "json")
    assert planned.returncode == 2
    assert [
        (one["action"], one["kind"], one["cause"], one["reason"]) for one in json.loads(planned.stdout)["changes"]
    ] == [("replace", kind, "commit", "the content that it is built from changed") for kind in ("image", "container")]
    again = agent.windlass("apply", str(stack), "--yes")
    assert again.returncode == 0, again.stderr
