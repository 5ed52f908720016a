"""A plan that is written down and applied later on a real engine: just that plan, or nothing at all."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, until

pytestmark = pytest.mark.engine

CANARY = "hunter2canary"


class Stack:
    """A stack of two services, each at a level that is a variable of it, and a secret of one of them."""

    def __init__(self, home: Path, name: str, image: str, agent: Agent, sdk: docker.APIClient) -> None:
        self.home, self.name, self.image, self.agent, self.sdk = home / name, name, image, agent, sdk
        self.file = home / "plan.json"
        self.home.mkdir()

    def write(self, web: str, db: str, secret: str = CANARY) -> None:
        (self.home / "password").write_text(secret)
        (self.home / "compose.yaml").write_text(f"""
services:
  web: {{image: "{self.image}", environment: {{LEVEL: "{web}"}}, stop_grace_period: 0s}}
  db:
    image: "{self.image}"
    environment: {{LEVEL: "{db}"}}
    stop_grace_period: 0s
    secrets: [password]
secrets:
  password: {{file: ./password}}
""")

    def ids(self) -> dict[str, str]:
        """By name, whatever is there of the stack."""
        found = self.sdk.containers(all=True, filters={"label": f"com.docker.compose.project={self.name}"})
        return {one["Names"][0].lstrip("/"): one["Id"] for one in found}

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def plan(self) -> dict[str, Any]:
        planned = self.agent.windlass("plan", str(self.home), "-o", "json", "--out", str(self.file))
        assert planned.returncode == 0, planned.stderr
        document: dict[str, Any] = json.loads(planned.stdout)
        return document

    def apply(self, *more: str, code: int = 0) -> str:
        applied = self.agent.windlass("apply", "--yes", str(self.file), *more)
        assert applied.returncode == code, applied.stderr + applied.stdout
        return applied.stderr if code else applied.stdout


@pytest.fixture
def stack(tmp_path: Path, agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str) -> Iterator[Stack]:
    """Applied once, at level 1, from a plan in a file."""
    agent.variables = {"WINDLASS_CONFIG": str(tmp_path / "agent.yaml")}
    secrets = Path("/dev/shm") / prefix
    (tmp_path / "agent.yaml").write_text(f"secrets_dir: {secrets}\n")
    made = Stack(tmp_path, prefix, busybox, agent, sdk)
    made.write("1", "1")
    made.plan()
    made.apply()
    yield made
    shutil.rmtree(secrets, ignore_errors=True)


@pytest.mark.slow
def test_what_was_planned_is_what_is_done(stack: Stack) -> None:
    before = stack.ids()
    assert set(before) == {stack.container("web"), stack.container("db")}
    stack.write("2", "1")
    planned = stack.plan()
    said = json.loads(stack.apply("-o", "json"))
    assert said["hash"] == planned["hash"] == json.loads(stack.file.read_text())["hash"]
    assert [(one["action"], one["name"]) for one in said["outcomes"]] == [("replace", stack.container("web"))]
    after = stack.ids()
    assert after[stack.container("db")] == before[stack.container("db")]
    assert after[stack.container("web")] != before[stack.container("web")]
    assert "PlanStale" in stack.apply(code=1), "it has been done already"
    assert stack.plan()["changes"] == []
    stack.apply()
    assert stack.ids() == after


def test_a_secret_is_the_cause_and_is_not_in_the_file(stack: Stack) -> None:
    stack.write("1", "1", secret=f"{CANARY}2")
    planned = stack.plan()
    changes = [(one["action"], one["kind"], one["cause"]) for one in planned["changes"]]
    assert changes == [("create", "file", "secret"), ("replace", "container", "secret")]
    for text in (stack.file.read_text(), json.dumps(planned)):
        assert CANARY not in text
    stack.apply()


def rename(stack: Stack) -> None:
    stack.sdk.rename(stack.container("db"), f"{stack.name}-elsewhere")


def remove(stack: Stack) -> None:
    stack.sdk.remove_container(stack.container("web"), force=True)


def remake(stack: Stack) -> None:
    """As it was, but another one: by somebody else's `windlass apply`."""
    remove(stack)
    stack.write("1", "1")
    applied = stack.agent.windlass("apply", "--yes", str(stack.home))
    assert applied.returncode == 0, applied.stderr
    stack.write("2", "1")


def change_the_file(stack: Stack) -> None:
    stack.write("3", "1")


def change_the_secret(stack: Stack) -> None:
    stack.write("2", "1", secret="another one")


@pytest.mark.parametrize(
    ("move", "told"),
    [
        pytest.param(
            rename, "new: update container NAME-db-1 (drift: name changed outside git)", marks=pytest.mark.slow
        ),
        (remove, "gone: replace container NAME-web-1 (commit: environment.LEVEL changed)"),
        pytest.param(remake, "container NAME-web-1 changed, or is another one", marks=pytest.mark.slow),
        pytest.param(change_the_file, "stack NAME is at revision dir-", marks=pytest.mark.slow),
        (change_the_secret, "stack NAME is at revision dir-"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_where_the_world_moved_nothing_is_touched(stack: Stack, move: Callable[[Stack], None], told: str) -> None:
    stack.write("2", "1")
    stack.plan()
    move(stack)
    before = stack.ids()
    said = stack.apply(code=1)
    assert "(PlanStale)" in said
    assert told.replace("NAME", stack.name) in said
    assert stack.ids() == before


def test_a_plan_is_for_one_host_and_one_state_directory(stack: Stack, tmp_path: Path) -> None:
    stack.write("2", "1")
    stack.plan()
    before = stack.ids()
    foreign = stack.agent.windlass("apply", "--yes", str(stack.file), "--instance", "other")
    assert (foreign.returncode, "(PlanForeign)" in foreign.stderr) == (1, True), foreign.stderr
    changed = json.loads(stack.file.read_text()) | {"host": "other"}
    stack.file.write_text(json.dumps(changed))
    assert "(PlanForeign)" in stack.apply(code=1)
    assert stack.ids() == before


@pytest.mark.slow
def test_what_the_settings_change_is_told_from_a_commit(stack: Stack, tmp_path: Path) -> None:
    """Of each kind of object that carries the revision that it was made at."""
    (stack.home / "compose.yaml").write_text(f"""
services:
  web:
    image: "{stack.image}"
    environment: {{LEVEL: "${{LEVEL:-1}}"}}
    volumes: ["data:/data"]
    stop_grace_period: 0s
networks: {{default: {{labels: {{level: "${{LEVEL:-1}}"}}}}}}
volumes: {{data: {{labels: {{level: "${{LEVEL:-1}}"}}}}}}
""")
    assert {one["cause"] for one in stack.plan()["changes"]} == {"commit", "prune"}
    stack.apply()
    with (tmp_path / "agent.yaml").open("a") as file:
        file.write("variables: {LEVEL: '2'}\n")
    causes = {one["kind"]: one["cause"] for one in stack.plan()["changes"]}
    assert causes == dict.fromkeys(("container", "network", "volume"), "settings")


# --- revisions --------------------------------------------------------------------------------------------------


@pytest.fixture
def branched(fleet: Fleet, prefix: str, busybox: str) -> Fleet:
    """A fleet with one stack at level 1 on main, and at level 2 in a pull request that no branch names."""
    path = f"stacks/{prefix}/compose.yaml"

    def compose(level: int) -> str:
        return f'services: {{web: {{image: "{busybox}", environment: {{LEVEL: "{level}"}}, stop_grace_period: 0s}}}}'

    main = fleet.push({path: compose(1)}, "One")
    fleet.push({path: compose(2)}, "Two")
    git(fleet.work, "push", "--quiet", "origin", "HEAD:refs/pull/7/head", f"+{main}:refs/heads/main")
    git(fleet.work, "reset", "--quiet", "--hard", main)
    return fleet


def git(at: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True, text=True).stdout.strip()


def level(sdk: docker.APIClient, name: str) -> str:
    (said,) = [one for one in sdk.inspect_container(name)["Config"]["Env"] if one.startswith("LEVEL=")]
    return str(said.removeprefix("LEVEL="))


@pytest.mark.slow
def test_a_pull_request_of_a_clone_is_planned_and_applied_as_it_was(
    agent: Agent, branched: Fleet, sdk: docker.APIClient, prefix: str, tmp_path: Path
) -> None:
    work, name, file = branched.work, f"{prefix}-web-1", tmp_path / "plan.json"
    assert agent.windlass("apply", "--yes", str(work)).returncode == 0
    missing = agent.windlass("plan", "--rev", "pull/7/head", str(work))
    assert (missing.returncode, "git fetch origin refs/pull/7/head:refs/pull/7/head" in missing.stderr) == (1, True)

    git(work, "fetch", "--quiet", "origin", "refs/pull/7/head:refs/pull/7/head")
    commit, status = git(work, "rev-parse", "refs/pull/7/head"), git(work, "status", "--porcelain")
    planned = agent.windlass("plan", "--rev", "pull/7/head", str(work), "--out", str(file))
    assert planned.returncode == 0, planned.stderr
    assert f'container {name}   replace   git {commit[:7]} "Two" (Anna)' in planned.stdout
    assert "LEVEL  1 → 2" in planned.stdout
    assert f"Expected interruption: {name}.\n" in planned.stdout
    assert git(work, "status", "--porcelain") == status

    git(work, "update-ref", "refs/pull/7/head", "HEAD")  # the pull request moves on
    applied = agent.windlass("apply", "--yes", str(file))
    assert applied.returncode == 0, applied.stderr
    assert level(sdk, name) == "2"
    assert sdk.inspect_container(name)["Config"]["Labels"]["windlass.revision"] == commit
    assert "(PlanStale)" in agent.windlass("apply", "--yes", str(file)).stderr


@pytest.mark.slow
def test_a_pull_request_of_the_agents_repository_is_planned_while_it_runs(
    started: Agent, branched: Fleet, sdk: docker.APIClient, prefix: str, tmp_path: Path
) -> None:
    name = f"{prefix}-web-1"
    until(lambda: started.synced_at(prefix, git(branched.work, "rev-parse", "main")), "the stack is there")
    planned = started.windlass("plan", "--rev", "pull/7/head", "--repo", str(branched.bare), "-o", "json")
    assert planned.returncode == 0, planned.stderr
    document = json.loads(planned.stdout)
    assert [(one["action"], one["name"]) for one in document["changes"]] == [("replace", name)]
    assert document["source"]["ref"] == "pull/7/head"
    assert level(sdk, name) == "1"
