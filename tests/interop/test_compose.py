"""Side by side with the real Docker Compose: each leaves what the other made as it is, and can work with it."""

from __future__ import annotations

import json
from typing import Any

import docker
import pytest

from tests.e2e.agents import Agent, Fleet
from tests.interop.programs import REFERENCE, Project
from tests.interop.stacks import SAY, STACKS, Stack

pytestmark = pytest.mark.engine

LABEL = "com.docker.compose.project"


SELDOM = {"processes", "limits", "storage"}  # what they are about, the bodies of calls have shown


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] if name in SELDOM else []) for name in STACKS])
def stack(request: pytest.FixtureRequest, project: Project, busybox: str) -> Stack:
    return written(STACKS[request.param], project, busybox)


def written(chosen: Stack, project: Project, busybox: str) -> Stack:
    """The stack in the directory of the project."""
    subnet = f"198.{18 + int(project.name[-1], 16) % 2}.{int(project.name[-3:-1], 16)}"  # kept for tests of networks
    for path, text in {"compose.yaml": chosen.compose, **chosen.files}.items():
        file = project.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("IMAGE", busybox).replace("SUBNET", subnet))
    return chosen


def test_compose_works_with_what_windlass_made(project: Project, stack: Stack, sdk: docker.APIClient) -> None:
    project.windlass("apply", "--yes")
    made = running(project, sdk)
    assert {one["Name"] for one in project.documents("ps", "--all")} == set(made)
    listed = next(one for one in project.documents("ls", "--all") if one["Name"] == project.name)
    assert listed["ConfigFiles"] == str(project.directory / "compose.yaml")
    assert project.compose("logs", "--no-color").count("hello from") == len(made)

    project.compose("up", "--detach")
    now = running(project, sdk)
    anew = {name.split("-")[1] for name, facts in now.items() if made.get(name) != facts}
    if project.version[:2] <= REFERENCE:  # a newer one may take its hash in another way, of which nothing is known
        assert anew <= (stack.older if project.version < REFERENCE else set()), "nothing else was made anew"
    assert [words(change) for change in pending(project) if change["action"] != "adopt"] == []

    anonymous = nameless_volumes(project, sdk)
    project.compose("down", "--volumes", "--timeout", "0")
    assert left(project, sdk) == []
    for volume in anonymous & {one["Name"] for one in sdk.volumes()["Volumes"] or ()}:
        sdk.remove_volume(volume)  # Compose forgets those of a container that it made anew


def test_windlass_takes_over_what_compose_made(project: Project, stack: Stack, sdk: docker.APIClient) -> None:
    project.compose("up", "--detach")
    made = running(project, sdk)
    changes = [change for change in pending(project) if change["kind"] != "file"]
    assert {one["action"] for one in changes} == {"adopt"}, changes
    assert {one["name"] for one in changes if one["kind"] == "container"} == set(made)
    project.windlass("apply", "--yes")
    assert running(project, sdk) == made, "nothing was stopped"
    assert [*map(words, pending(project))] == []


@pytest.mark.slow
def test_a_file_that_changes_after_that_replaces_its_users(
    project: Project, sdk: docker.APIClient, busybox: str
) -> None:
    written(STACKS["storage"], project, busybox)
    project.compose("up", "--detach")
    project.windlass("apply", "--yes")
    made = running(project, sdk)
    (project.directory / "app.conf").write_text("other\n")
    replaced = {change["name"] for change in pending(project) if change["kind"] == "container"}
    assert replaced == {f"{project.name}-web-1"}
    project.windlass("apply", "--yes")
    assert {name for name, facts in running(project, sdk).items() if made[name] != facts} == replaced
    assert [*map(words, pending(project))] == []


@pytest.mark.slow
def test_compose_finds_what_came_from_git_without_the_files(
    project: Project, sdk: docker.APIClient, busybox: str
) -> None:
    fleet = Fleet.make(project.directory.parent)
    text = f"{SAY}services: {{web: *base, worker: {{<<: *base, scale: 2}}}}\n".replace("IMAGE", busybox)
    fleet.push({f"stacks/{project.name}/compose.yaml": text})
    agent = Agent(project.directory.parent, project.docker_host, project.name, str(fleet.bare))
    done = agent.windlass("run", "--repo", agent.repo, "--instance", agent.instance, "--listen", "", "--once")
    assert done.returncode == 0, done.stderr

    made = running(project, sdk)
    assert len(made) == 3
    assert {one["Name"] for one in project.documents("ps", "--all")} == set(made)
    assert project.name in {one["Name"] for one in project.documents("ls", "--all")}
    assert project.compose("logs", "--no-color").count("hello from") == len(made)
    project.compose("restart", "--timeout", "0", "web")
    project.compose("down", "--timeout", "0")
    assert left(project, sdk) == []


def running(project: Project, sdk: docker.APIClient) -> dict[str, tuple[str, str]]:
    """The id of each container of the project and when it was started, by name."""
    found = {}
    for one in sdk.containers(all=True, filters={"label": f"{LABEL}={project.name}"}):
        report = sdk.inspect_container(one["Id"])
        assert report["State"]["Running"], f"{report['Name']}: {report['State']}"
        found[report["Name"].removeprefix("/")] = (report["Id"], report["State"]["StartedAt"])
    return found


def nameless_volumes(project: Project, sdk: docker.APIClient) -> set[str]:
    containers = sdk.containers(all=True, filters={"label": f"{LABEL}={project.name}"})
    mounts = [mount for one in containers for mount in sdk.inspect_container(one["Id"])["Mounts"]]
    return {mount["Name"] for mount in mounts if len(mount.get("Name", "")) == 64}


def pending(project: Project) -> list[dict[str, Any]]:
    """What `windlass plan` would do."""
    changes: list[dict[str, Any]] = json.loads(project.windlass("plan", "-o", "json"))["changes"]
    return changes


def words(change: dict[str, Any]) -> str:
    return f"{change['action']} {change['kind']} {change['name']}: {change['reason']} {change['fields']}"


def left(project: Project, sdk: docker.APIClient) -> list[str]:
    """What is still there of the project."""
    chosen = {"label": f"{LABEL}={project.name}"}
    found = [one["Names"][0] for one in sdk.containers(all=True, filters=chosen)]
    found += [one["Name"] for one in sdk.networks(filters=chosen)]
    return found + [one["Name"] for one in sdk.volumes(filters=chosen)["Volumes"] or ()]
