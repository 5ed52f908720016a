"""How many pulls go on at once, and what they do where the engine has no room: on a real engine and registry."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import docker
import pytest
import requests

from agent.converge import Ended, Options, Started
from agent.errors import Overtaken
from agent.kinds.image_rules import ImageRules, Slots
from agent.model import Action, Cause, Change, Key, Outcome, Status
from agent.pulls import Pulls
from agent.reconcile import Turn
from agent.rollout import Pace
from tests.e2e.agents import until
from tests.engine import front as faults
from tests.engine.front import Front
from tests.engine.registry import Registry
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine

BALLAST = 300_000  # bytes of the first image that no other one has


@pytest.fixture
def images(registry: Registry, front: Front, prefix: str, sdk: docker.APIClient) -> Iterator[list[str]]:
    """The references of three images that only the registry behind the front has."""
    env = [["PATH=/bin", f"ONLY={prefix}{n}"] for n in range(3)]
    pushed = [registry.push(f"{prefix}-{n}", Env=env[n], ballast=BALLAST if n == 0 else 0) for n in range(3)]
    yield [front.of(reference) for reference, _ in pushed]
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={prefix}"}):
        sdk.remove_container(container["Id"], force=True)
    for reference, identity in pushed:
        if sdk.images(name=front.of(reference)):
            sdk.remove_image(identity, force=True)


def compose(busybox: str, *images: str, version: str = "1") -> str:
    services = {"web": busybox, **{f"s{number}": image for number, image in enumerate(images)}}
    lines = [
        f"{name}: {{image: '{image}', environment: {{V: '{version}'}}, stop_grace_period: 0s}}"
        for name, image in services.items()
    ]
    return "services:\n" + "".join(f"  {line}\n" for line in lines)


def test_pulls_take_turns_and_those_that_wait_keep_nobody_from_other_work(
    rig: Rig, busybox: str, front: Front, images: list[str]
) -> None:
    gate = threading.Event()
    front.fault = faults.of_manifests(faults.until(gate))
    rig.rules, rig.options = ImageRules(pulls=1), Options(workers=2)
    rig.restart()
    reports = []
    turn = threading.Thread(target=lambda: reports.append(rig.take(compose(busybox, *images))), daemon=True)
    turn.start()
    until(lambda: rig.engine.inspect_container(f"{rig.stack}-web-1"), "the service that waits for no image")
    asked = {seen for seen in front.seen if "/manifests/" in seen and seen.startswith("GET")}
    assert len(asked) <= 1, "one at a time"
    gate.set()
    turn.join(60)
    assert not turn.is_alive()
    assert reports[0].failure is None
    assert len(reports[0].outcomes) == 8  # three images, four containers, and the network


def test_who_waits_for_a_place_gives_up_when_told_to() -> None:
    slots, told = Slots(1), []
    pace = Pace(lambda: 0.0, lambda seconds, why: told.append((seconds, why)), lambda: len(told) > 0)
    with slots.one(pace), pytest.raises(Overtaken) as caught, slots.one(pace):
        raise AssertionError("there was no place")
    assert caught.value.reason == "Stopped"
    assert told == [(0.0, "waits for other pulls")]
    with slots.one(pace):
        """It is free again."""


def test_nothing_is_pulled_and_nothing_stopped_where_there_is_no_room(
    rig: Rig, busybox: str, front: Front, images: list[str]
) -> None:
    rig.apply(compose(busybox, busybox))
    before = rig.container("web"), rig.container("s0")
    rig.rules = ImageRules(min_free=1 << 60)
    rig.restart()
    report = rig.take(compose(busybox, images[0], version="2"))
    assert report.failure is not None
    assert report.failure.reason == "DiskFull"
    directory = rig.engine.info()["DockerRootDir"]
    for words in (f"{directory} has ", f"min_free_space is {(1 << 60) >> 20} MiB", "docker system df"):
        assert words in report.failure.message
    assert not front.seen
    assert (rig.container("web"), rig.container("s0")) == before
    rig.rules = replace(rig.rules, min_free=0)
    rig.restart()
    rig.apply(compose(busybox, images[0], version="2"))


def test_the_bytes_of_a_pull_are_those_that_the_registry_sent(rig: Rig, front: Front, images: list[str]) -> None:
    assert done(rig.take(compose(images[0])))[images[0]] == "create"
    turn, change = Turn((), rig.scope, "test"), Change(0, Action.CREATE, Key("image", images[0]), "", Cause.COMMIT, "")
    fetched: list[int] = []
    pulls = Pulls(fetched=lambda _, size, __: fetched.append(size))
    pulls.listen(turn, Started(change))
    for word in rig.heard:
        pulls(word)
    pulls.listen(turn, Ended(Outcome(change, Status.DONE)))
    name, _, tag = images[0].partition("/")[2].rpartition(":")
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    url = f"http://127.0.0.1:{front.server_port}/v2/{name}/manifests/{tag}"
    layers = requests.get(url, headers={"Accept": kind}, timeout=20).json()["layers"]
    assert fetched == [layers[-1]["size"]], "the other one is here already"


def test_what_is_here_already_needs_no_room(rig: Rig, busybox: str) -> None:
    rig.rules = ImageRules(min_free=1 << 60)
    rig.restart()
    assert rig.apply(compose(busybox))
    assert rig.container("web")["State"]["Running"]


def test_nothing_is_built_where_there_is_no_room(rig: Rig, busybox: str) -> None:
    rig.rules = ImageRules(min_free=1 << 60)
    rig.restart()
    text = f'services: {{web: {{build: {{context: app, dockerfile_inline: "FROM {busybox}"}}}}}}'
    report = rig.take(text, {"app/x": ""})
    assert report.failure is not None
    assert report.failure.reason == "DiskFull"
    assert f"build {rig.stack}-web: " in report.failure.message
    assert "image_build" not in rig.calls
