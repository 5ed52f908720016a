"""What a pull policy comes to on a real engine, against a real registry whose tag moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.engine.registry import Registry
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine

HOUR = 3600.0


class Moving:
    """An image in the registry whose tag is moved."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry, self._name = registry, name
        self.reference, self.id = registry.push(name, Env=["PATH=/bin", f"N={name}"])  # which no other test has tagged

    def move(self) -> str:
        """To an image that nobody has here; its id."""
        local: Any = docker.APIClient(base_url=self._registry.docker_host)
        before = local.inspect_image(self.reference)["Id"]
        _, self.id = self._registry.push(self._name, Env=["PATH=/bin", "N=2"])
        local.tag(before, self.reference.rpartition(":")[0], "1")  # which loading the other one has moved
        local.close()
        return self.id


@pytest.fixture
def moving(registry: Registry, prefix: str) -> Moving:
    return Moving(registry, prefix)


@pytest.fixture
def rig(rig: Rig, moving: Moving, sdk: docker.APIClient) -> Iterator[Rig]:
    yield rig
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={rig.stack}"}):
        sdk.remove_container(container["Id"], force=True)
    for image in sdk.images(name=moving.reference.rpartition(":")[0]):  # of any tag, and of none by now
        sdk.remove_image(image["Id"], force=True)


def compose(moving: Moving, policy: str, more: str = "") -> str:
    return f"""
        services:
          web: {{image: "{moving.reference}", pull_policy: {policy}, stop_grace_period: 0s{more}}}
    """


def test_what_is_never_pulled_is_missed_by_name(rig: Rig, moving: Moving) -> None:
    failure = rig.take(compose(moving, "never")).failure
    assert failure is not None
    assert failure.reason == "ImageMissing"
    assert f"image {moving.reference} is not on this host, and its pull_policy forbids to pull it" in failure.message


def test_a_refresh_looks_again_after_its_time_and_replaces_what_moved(rig: Rig, moving: Moving) -> None:
    text, web = compose(moving, "every_1h"), f"{rig.stack}-web-1"
    rig.apply(text)
    old = rig.container("web")["Image"]
    moving.move()
    rig.now += HOUR - 60
    assert rig.apply(text) == {}
    rig.now += 120
    plan = rig.plan(text)
    assert str(plan) == f"0 replace image/{moving.reference} (image: its pull policy has it looked for again by now)"
    assert rig.apply(text) == {moving.reference: "replace", web: "replace"}
    assert rig.container("web")["Image"] == moving.id != old
    rig.now += 2 * HOUR
    before = rig.container("web")["Id"]
    assert rig.apply(text) == {moving.reference: "replace"}  # nothing newer was there
    assert rig.container("web")["Id"] == before


def test_what_was_pulled_is_remembered_by_the_next_agent(rig: Rig, moving: Moving) -> None:
    text = compose(moving, "daily")
    rig.apply(text)
    rig.restart()
    assert str(rig.plan(text)) == ""
    (rig.home / "pulls.json").write_text("nonsense")
    assert str(rig.plan(text)) == "", "what it has read before holds"
    rig.restart()
    assert "its pull policy has it looked for again" in str(rig.plan(text))


def test_a_refresh_that_fails_keeps_what_runs(rig: Rig, moving: Moving, registry: Registry) -> None:
    text = compose(moving, "every_1h")
    rig.apply(text)
    before = rig.container("web")
    rig.now += 2 * HOUR
    registry.stop()
    try:
        failure = rig.take(text).failure
    finally:
        registry.start()
    assert failure is not None
    assert failure.message.startswith(f"replace image/{moving.reference}: pull {moving.reference}")
    assert rig.container("web") == before
    assert rig.apply(text) == {moving.reference: "replace"}


def test_always_is_for_each_new_content_and_each_container_that_is_made(
    rig: Rig, moving: Moving, sdk: docker.APIClient
) -> None:
    text, web = compose(moving, "always"), f"{rig.stack}-web-1"
    rig.apply(text)
    moving.move()
    rig.now += 1000 * HOUR
    assert rig.apply(text) == {}  # time alone brings nothing
    other = f"{text.rstrip()}\n          other: {{image: '{moving.reference}', stop_grace_period: 0s}}\n"
    found = rig.apply(other)
    assert found == {moving.reference: "replace", f"{rig.stack}-other-1": "create", web: "replace"}
    assert rig.container("web")["Image"] == moving.id
    assert rig.apply(other) == {}
    rig.restart()
    assert str(rig.plan(other)) == ""
    sdk.remove_container(web, force=True)
    assert rig.apply(other) == {moving.reference: "replace", web: "create"}
