"""Stacks as people have them, started by the real Docker Compose: Windlass takes them over and changes nothing, and a
field that is changed then moves just what has it, with its data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.interop.adoption import BROUGHT
from tests.interop.brought import Brought
from tests.interop.programs import Project
from tests.interop.test_compose import pending

pytestmark = pytest.mark.engine

RICH = """
FROM {image}
ENV FROM_IMAGE=yes PATH=/bin:/sbin
LABEL from.image=yes com.example.more="a b"
VOLUME /var/lib/app
EXPOSE 8080/tcp 9090/udp
USER 1000
WORKDIR /var
STOPSIGNAL SIGINT
HEALTHCHECK --interval=1s CMD ["true"]
ENTRYPOINT ["sh", "-c"]
CMD ["trap 'exit 0' INT TERM; while true; do sleep 1 & wait; done"]
"""
FEW = {"volumes of the image"}  # the others take minutes


@pytest.fixture(scope="module")
def rich(busybox: str, docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image that brings much along."""
    sdk = docker.APIClient(docker_host)
    context = tmp_path_factory.mktemp("rich")
    (context / "Dockerfile").write_text(RICH.format(image=busybox))
    reference = busybox.replace(":1", "-rich:1")
    told = [*sdk.build(path=str(context), tag=reference, rm=True, forcerm=True, decode=True)]
    assert "error" not in told[-1], told[-1]
    yield reference
    sdk.remove_image(reference, force=True)
    sdk.close()


@pytest.fixture
def outside(project: Project, sdk: docker.APIClient) -> Iterator[None]:
    """What is there already, and nobody's."""
    name = f"{project.name}-outside"
    sdk.create_network(name)
    sdk.create_volume(name)
    yield
    for container in sdk.containers(all=True, filters={"name": project.name}):
        sdk.remove_container(container["Id"], force=True, v=True)
    for network in sdk.networks():
        if network["Name"].startswith(project.name):
            sdk.remove_network(network["Id"])
    for volume in sdk.volumes()["Volumes"] or ():
        if volume["Name"].startswith(project.name):
            sdk.remove_volume(volume["Name"])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FEW else [pytest.mark.slow]) for name in BROUGHT]
)
def test_what_compose_started_goes_on_and_one_change_moves_what_has_it(
    name: str, project: Project, sdk: docker.APIClient, busybox: str, rich: str, outside: None
) -> None:
    brought = BROUGHT[name]
    fill = Filler(project.name, busybox, rich)
    write(project.directory, brought, fill)
    project.compose("up", "--detach", "--quiet-pull")
    made = states(project, sdk)
    put(project, sdk, brought)
    volumes = mounted(project, sdk)

    adopted = [one for one in pending(project) if one["kind"] != "file"]
    assert {one["action"] for one in adopted} == {"adopt"}, told(adopted)
    assert {one["name"] for one in adopted if one["kind"] == "container"} == set(made)
    project.windlass("apply", "--yes")
    assert states(project, sdk) == made, "nothing was stopped"
    assert told(pending(project)) == []

    file = project.directory / "compose.yaml"
    old, new = fill(brought.old), fill(brought.new)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    plan = [one for one in pending(project) if one["kind"] == "container"]
    moves = {service: {fill(path) for path in paths} - {""} for service, paths in brought.moves.items()}
    assert {service_of(one, project): {each["path"] for each in one["fields"]} for one in plan} == moves
    project.windlass("apply", "--yes")
    now = states(project, sdk)
    changed = {one for one in made if one not in now or now[one] != made[one]}
    assert changed <= {one["name"] for one in plan}
    assert told(pending(project)) == []
    assert mounted(project, sdk) == volumes
    kept(project, sdk, brought)


class Filler:
    def __init__(self, name: str, image: str, rich: str) -> None:
        unique = int(name[-4:], 16)
        self.words = {
            "SUBNET": f"198.{18 + unique % 2}.{unique >> 8}",
            "IMAGE": image,
            "RICH": rich,
            "NAME": name,
            "FREE": name[-8:],
            "SIX": f"{unique:x}",
        }

    def __call__(self, text: str) -> str:
        for word, value in self.words.items():
            text = text.replace(word, value)
        return text


def write(directory: Path, brought: Brought, fill: Filler) -> None:
    for path, text in {"compose.yaml": brought.compose, **brought.files}.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(fill(text))


def states(project: Project, sdk: docker.APIClient) -> dict[str, tuple[str, str, str]]:
    """Of each container of the project, by name: its id, when it was started, and how it is."""
    found = {}
    for one in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={project.name}"}):
        report = sdk.inspect_container(one["Id"])
        found[report["Name"].removeprefix("/")] = (one["Id"], report["State"]["StartedAt"], report["State"]["Status"])
    return found


def mounted(project: Project, sdk: docker.APIClient) -> dict[tuple[str, str], str]:
    """The volume behind each place of each container."""
    found = {}
    for name, (id, _, _) in states(project, sdk).items():
        for mount in sdk.inspect_container(id)["Mounts"]:
            if mount["Type"] == "volume":
                found[name, mount["Destination"]] = mount["Name"]
    return found


def run(sdk: docker.APIClient, container: str, script: str) -> str:
    made = sdk.exec_create(container, ["sh", "-c", script], user="0")
    said: bytes = sdk.exec_start(made["Id"])
    return said.decode()


def put(project: Project, sdk: docker.APIClient, brought: Brought) -> None:
    for service, places in brought.data.items():
        for place in places.split():
            said = run(sdk, f"{project.name}-{service}-1", f"echo {service} > {place}/of-{service}")
            assert said == "", said


def kept(project: Project, sdk: docker.APIClient, brought: Brought) -> None:
    for service, places in brought.data.items():
        for place in places.split():
            assert run(sdk, f"{project.name}-{service}-1", f"cat {place}/of-{service}") == f"{service}\n"


def told(changes: list[dict[str, Any]]) -> list[str]:
    """What is to be done, but for files: they are written for the containers to come."""
    return [
        f"{one['action']} {one['kind']} {one['name']}: {one['reason']} {one['fields']}"
        for one in changes
        if one["kind"] != "file"
    ]


def service_of(change: dict[str, Any], project: Project) -> str:
    found = re.fullmatch(rf"{project.name}-(\w+)(-\d+)?", change["name"])
    assert found
    return {"called": "app"}.get(found[1], found[1])
