"""One stack on a real engine, named as for `docker compose`: by files, from anywhere, with what lies above them."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest

from tests.e2e.agents import Agent

pytestmark = pytest.mark.engine


@pytest.mark.slow
def test_a_stack_is_applied_from_anywhere_and_then_there_is_nothing_to_do(
    agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str, tmp_path: Path
) -> None:
    name, home = f"{prefix}one", tmp_path / "one"
    (home / "sub").mkdir(parents=True)
    (tmp_path / "common.env").write_text("FROM_ABOVE=yes\n")
    (home / "compose.yaml").write_text(f"services: {{web: {{image: '{busybox}', env_file: ../common.env}}}}")
    (home / "prod.yaml").write_text("services: {web: {environment: {STAGE: '${STAGE}'}, volumes: ['./data:/data']}}")
    (home / "stage.env").write_text("STAGE=prod\n")
    options = ["-f", "../compose.yaml", "-f", "../prod.yaml", "--env-file", "../stage.env", "-p", name]

    applied = agent.windlass("apply", "--yes", *options, here=home / "sub")
    assert applied.returncode == 0, applied.stderr
    seen = sdk.inspect_container(f"{name}-web-1")
    assert {"FROM_ABOVE=yes", "STAGE=prod"} <= set(seen["Config"]["Env"])
    assert seen["HostConfig"]["Binds"] == [f"{home}/data:/data:rw"]
    labels = seen["Config"]["Labels"]
    assert labels["com.docker.compose.project.working_dir"] == str(home)
    assert labels["com.docker.compose.project.config_files"] == f"{home}/compose.yaml,{home}/prod.yaml"

    again = agent.windlass("plan", "--detailed-exitcode", *options, here=home / "sub")
    assert again.returncode == 0, again.stdout
    options = ["-f", "one/compose.yaml", "-f", "one/prod.yaml", "--env-file", "one/stage.env", "-p", name]
    elsewhere = agent.windlass("plan", "-o", "json", *options, here=tmp_path)
    assert json.loads(elsewhere.stdout)["changes"] == []

    sdk.remove_container(f"{name}-web-1", force=True)
    gone = agent.windlass("plan", "-o", "json", *options, here=tmp_path)
    [change] = json.loads(gone.stdout)["changes"]
    assert (change["action"], change["cause"]) == ("create", "drift")
    assert change["reason"] == "was removed outside git"
