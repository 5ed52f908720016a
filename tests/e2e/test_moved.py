"""A stack that is moved between folders is the same stack: nothing of it restarts."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, until
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine

FILES = {
    "compose.yaml": """\
services:
  web:
    image: {image}
    restart: unless-stopped
    stop_grace_period: 0s
    env_file: [web.env]
    configs: [site]
    volumes:
      - ./conf/app.conf:/etc/app.conf:ro
      - ./shared.conf:/etc/shared.conf
      - ./data:/data
      - named:/named
    networks: [back]
  api:
    image: {image}
    restart: unless-stopped
    stop_grace_period: 0s
    depends_on: [web]
configs:
  site: {{file: ./site.conf}}
volumes:
  named:
networks:
  back:
""",
    "web.env": "MODE=plain\n",
    "conf/app.conf": "one\n",
    "shared.conf": "two\n",
    "site.conf": "three\n",
}


def at(folder: str, image: str) -> dict[str, str | None]:
    return {f"{folder}/{path}": text.format(image=image) for path, text in FILES.items()}


@pytest.mark.parametrize(
    ("before", "after"), [("stacks", "hosts-a/apps"), pytest.param("deep/er", "", marks=pytest.mark.slow)]
)
def test_moving_its_folder_restarts_nothing(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str, before: str, after: str
) -> None:
    stack = f"{prefix}a"
    old, new = (f"{folder}/{stack}".lstrip("/") for folder in (before, after))
    head = fleet.push(at(old, busybox), "First")
    until(lambda: started.synced_at(stack, head), "the first commit deployed")
    containers = {name: identity(sdk, f"{stack}-{name}-1") for name in ("web", "api")}
    began = {name: sdk.inspect_container(one)["State"]["StartedAt"] for name, one in containers.items()}
    network = sdk.inspect_network(f"{stack}_back")["Id"]

    head = fleet.push({**dict.fromkeys(at(old, busybox)), **at(new, busybox)}, "Moved")
    until(lambda: started.synced_at(stack, head), "the move followed")
    assert {name: identity(sdk, f"{stack}-{name}-1") for name in ("web", "api")} == containers
    assert {name: sdk.inspect_container(one)["State"]["StartedAt"] for name, one in containers.items()} == began
    assert sdk.inspect_network(f"{stack}_back")["Id"] == network
    done = [line for line in started.log_lines() if line.get("revision") == head[:7] and line.get("result") == "done"]
    assert done == []


def test_moving_it_under_a_name_of_its_own_restarts_nothing_either(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack = f"{prefix}a"
    text = f"name: {stack}\nservices: {{web: {{image: {busybox}, restart: always, stop_grace_period: 0s}}}}\n"
    head = fleet.push({"one/compose.yaml": text}, "First")
    until(lambda: started.synced_at(stack, head), "the first commit deployed")
    before = identity(sdk, f"{stack}-web-1")
    head = fleet.push({"one/compose.yaml": None, "two/docker-compose.yml": text}, "Moved")
    until(lambda: started.synced_at(stack, head), "the move followed")
    assert identity(sdk, f"{stack}-web-1") == before


def test_a_name_that_another_stack_has_is_not_taken_from_it(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    service = f"{{image: {busybox}, container_name: {prefix}-db, restart: always, stop_grace_period: 0s}}"
    text = f"services: {{db: {service}}}\nnetworks: {{default: {{name: {prefix}-proxy}}}}\n"
    head = fleet.push({f"{prefix}b/compose.yaml": text}, "First")
    until(lambda: started.synced_at(f"{prefix}b", head), "the first commit deployed")
    before = identity(sdk, f"{prefix}-db")
    head = fleet.push({f"{prefix}a/compose.yaml": text}, "The same once more")
    until(lambda: "NameConflict" in str(started.stack(f"{prefix}a")), "the second one refused")
    started.await_passes(f"{prefix}b")
    assert identity(sdk, f"{prefix}-db") == before
    done = [line for line in started.log_lines() if line.get("revision") == head[:7] and line.get("result") == "done"]
    assert done == []
