"""What runs on the engine, and what an agent knows of it."""

from __future__ import annotations

import docker
import docker.errors

from tests.e2e.agents import Agent


def identity(sdk: docker.APIClient, name: str) -> str:
    """The running container's id, or "" where none of this name runs."""
    try:
        found = sdk.inspect_container(name)
    except docker.errors.NotFound:
        return ""
    return str(found["Id"]) if found["State"]["Running"] else ""


def version(sdk: docker.APIClient, name: str) -> str:
    environment = [str(entry) for entry in sdk.inspect_container(name)["Config"]["Env"]]
    return next(entry.partition("=")[2] for entry in environment if entry.startswith("VERSION="))


def accepted(agent: Agent, stack: str) -> str:
    """The commit that the agent would go back to."""
    file = agent.home / "state" / "mirror" / "refs" / "windlass" / "good" / stack
    return file.read_text().strip() if file.exists() else ""


def since(sdk: docker.APIClient, name: str) -> tuple[str, str]:
    """What changes when a container is made anew, and when it is started anew."""
    found = sdk.inspect_container(name)
    return found["Id"], found["State"]["StartedAt"]
