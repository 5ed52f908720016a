"""A project that the real Docker Compose started, taken over by the agent: nothing is stopped, it is told as adopted,
and from then on it is minded like all else."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import identity
from tests.interop.programs import Project, chosen

pytestmark = pytest.mark.engine

ORPHAN = "  cron: *base\n"


def compose(name: str, image: str) -> str:
    return (
        f"name: {name}\n"
        f"x-base: &base {{image: '{image}', stop_grace_period: 0s, networks: [front], volumes: [/scratch]}}\n"
        "x-windlass: {rollout: {monitor: 300ms}}\n"
        "networks: {front: }\n"
        "services:\n"
        "  web: {<<: *base, scale: 2, mem_limit: 32m}\n"
    )


@pytest.fixture
def project(docker_host: str, prefix: str, tmp_path: Path) -> Project:
    """Started by Compose with one replica too many, and with a service that git does not have."""
    program = chosen()
    if not program:
        pytest.skip("no Docker Compose; script/test unpacks one on Debian, or name it in WINDLASS_TEST_COMPOSE")
    directory = tmp_path / "project"
    directory.mkdir()
    return Project(directory, f"{prefix}a", docker_host, program)


@pytest.mark.slow
def test_the_agent_takes_over_what_compose_started(
    project: Project, agent: Agent, fleet: Fleet, sdk: docker.APIClient, busybox: str
) -> None:
    """Its directory in git is called otherwise: `name:` of the file says which project it is. Until the host is resumed
    nothing of it is touched."""
    name, text = project.name, compose(project.name, busybox)
    (project.directory / "compose.yaml").write_text(text + ORPHAN)
    project.compose("up", "--detach", "--scale", "web=3")
    names = [f"{name}-web-1", f"{name}-web-2", f"{name}-web-3", f"{name}-cron-1"]
    made = {one: identity(sdk, one) for one in names}
    assert all(made.values())
    fleet.push({"stacks/shop/compose.yaml": text})
    assert agent.windlass("suspend", "--all", "--reason", "we move").returncode == 0
    with running(agent):
        until(lambda: agent.stack(name).get("health") == "suspended", "the stack looked at")
        agent.await_passes(name, 1)
        assert {one: identity(sdk, one) for one in names} == made
        assert agent.windlass("resume", "--all").returncode == 0
        until(lambda: not identity(sdk, f"{name}-web-3"), "the replica too many gone")
        until(lambda: agent.stack(name)["sync"] == "synced", "synced")
        assert agent.stack(name)["services"] == {"ready": 2, "desired": 2, "names": ["web"]}
        (held,) = until(lambda: agent.stack(name)["held"], "what is left told")
        assert (held["name"], "docker rm -f" in held["reason"]) == (f"{name}-cron-1", True)
        assert "docker rm -f" in agent.windlass("status", "--verbose").stdout
        told = agent.windlass("history", name, "-o", "json").stdout
        assert (told.count('"adopt"'), told.count('"create"')) == (3, 0)
        counted = 'windlass_actions_total{action="adopt",kind="container",result="success"}'
        assert agent.metric(counted) == 2

        sdk.disconnect_container_from_network(names[0], f"{name}_front")
        sdk.update_container(names[1], mem_limit="64m", memswap_limit="128m")
        until(lambda: _is_mended(sdk, name), "what Compose would not notice mended")
        left = [*names[:2], names[3]]
        assert {one: identity(sdk, one) for one in left} == {one: made[one] for one in left}, "nothing was stopped"

        fleet.push({"stacks/shop/compose.yaml": None, "stacks/other/compose.yaml": text.replace(name, f"{name}x")})
        until(lambda: not identity(sdk, names[0]) and not identity(sdk, names[1]), "it goes with its stack")
        assert identity(sdk, names[3]) == made[names[3]]
    project.compose("down", "--volumes", "--timeout", "0", "--remove-orphans")


def _is_mended(sdk: docker.APIClient, name: str) -> bool:
    first, second = (sdk.inspect_container(f"{name}-web-{number}") for number in (1, 2))
    return f"{name}_front" in first["NetworkSettings"]["Networks"] and second["HostConfig"]["Memory"] == 32 << 20
