"""A tag that is followed, on a real engine: a real registry in which it moves, and which fails at times."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import docker
import pytest

from agent.errors import Unreachable
from agent.kinds.image_follow import LANES, PATIENCE
from tests.e2e.agents import until
from tests.engine import front as faults
from tests.engine import images
from tests.engine.front import Front
from tests.engine.registry import Registry
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine

MINUTE = 60.0


class Tag:
    """A tag as it is asked of the front."""

    def __init__(self, registry: Registry, front: Front, name: str) -> None:
        self._registry, self._name = registry, name
        reference, self.first = registry.push(name, Env=["PATH=/bin", f"ONLY={name}"])
        self.reference = front.of(reference)

    def move(self) -> str:
        _, moved = self._registry.push(self._name, "2", Env=["PATH=/bin", f"ONLY={self._name}-2"])
        self._registry.move(self._name, "1", "2")
        return moved


@pytest.fixture
def tag(registry: Registry, front: Front, prefix: str, sdk: docker.APIClient) -> Iterator[Tag]:
    made = Tag(registry, front, prefix)
    yield made
    images.clear(sdk, prefix, made.reference)


def compose(tag: Tag) -> str:
    return f"""
        x-windlass: {{image_policy: digest, image_interval: 10m}}
        services:
          web: {{image: "{tag.reference}", stop_grace_period: 0s}}
          api: {{image: "{tag.reference}", stop_grace_period: 0s}}
    """


def test_a_tag_that_moved_is_rolled_out_after_the_interval_and_asked_for_once(rig: Rig, front: Front, tag: Tag) -> None:
    text, names = compose(tag), (f"{rig.stack}-web-1", f"{rig.stack}-api-1")
    rig.apply(text)
    assert rig.container("web")["Image"] == tag.first
    moved = tag.move()
    front.seen.clear()
    rig.now += 9 * MINUTE
    assert rig.apply(text) == {}
    assert front.seen == [], "it is not its time yet"
    rig.now += 2 * MINUTE
    plan = rig.plan(text)
    assert str(plan) == (
        f"0 replace image/{tag.reference} (image: its tag stands for another image in its registry by now)"
    )
    assert front.count("/manifests/1") == 1
    here = rig.engine.inspect_image(tag.reference)
    assert here is not None
    assert here["Id"] == tag.first, "asked, and not pulled"
    assert rig.apply(text) == {tag.reference: "replace", names[0]: "replace", names[1]: "replace"}
    assert rig.container("web")["Image"] == rig.container("api")["Image"] == moved
    front.seen.clear()
    rig.now += 11 * MINUTE
    assert rig.apply(text) == {}
    assert front.count("/manifests/1") == 1


def test_a_tag_that_was_removed_from_the_host_is_followed_on(rig: Rig, tag: Tag, sdk: docker.APIClient) -> None:
    text = compose(tag)
    rig.apply(text)
    sdk.remove_image(tag.reference, force=True)  # takes the name off, since containers are of it
    assert str(rig.plan(text)) == f"0 create image/{tag.reference} (drift: was removed outside git)"
    assert rig.apply(text) == {tag.reference: "create"}
    sdk.remove_image(tag.reference, force=True)
    moved = tag.move()
    assert rig.apply(text) == {
        tag.reference: "create",
        f"{rig.stack}-web-1": "replace",
        f"{rig.stack}-api-1": "replace",
    }
    assert rig.container("web")["Image"] == moved


@pytest.mark.parametrize(
    "fault", [faults.refuse(401), pytest.param(faults.refuse(500), marks=pytest.mark.slow)], ids=["401", "500"]
)
def test_a_registry_that_does_not_answer_keeps_nobody_from_anything(
    rig: Rig, front: Front, tag: Tag, sdk: docker.APIClient, fault: faults.Choice
) -> None:
    text = compose(tag)
    rig.apply(text)
    moved = tag.move()
    rig.now += 11 * MINUTE
    front.fault = fault
    sdk.stop(f"{rig.stack}-web-1", 0)
    assert rig.apply(text) == {f"{rig.stack}-web-1": "update"}
    front.fault = lambda _: None
    assert rig.apply(text) == {}, "it is asked again after the interval"
    rig.now += 11 * MINUTE
    assert tag.reference in done(rig.take(text))
    assert rig.container("web")["Image"] == moved


def test_a_registry_that_hangs_is_given_up(rig: Rig, front: Front, tag: Tag) -> None:
    front.fault = lambda _: faults.hang
    with pytest.raises(Unreachable) as caught:
        rig.engine.resolve_image(tag.reference, seconds=1.0)
    assert caught.value.reason == "EngineTimeout"


def test_a_registry_that_hangs_delays_no_other_stack(rig: Rig, front: Front, busybox: str) -> None:
    """The questions of one stack would take all that reads for the others, for as long as they hang."""
    front.fault = lambda ask: faults.hang if ask.is_manifest else None
    services = "".join(f"\n  s{n}: {{image: '127.0.0.1:{front.server_port}/s{n}:1'}}" for n in range(20))
    text = "x-windlass: {image_policy: digest}\nservices:" + services
    waits = threading.Thread(target=rig.plan, args=(text,), daemon=True)
    waits.start()
    until(lambda: front.count("/manifests/") >= LANES, "the questions")
    rig.apply(f"services: {{web: {{image: {busybox}, stop_grace_period: 0s}}}}")  # as any other stack would be
    assert waits.is_alive()
    rig.now += PATIENCE  # by this clock of theirs they have had their time
    front.over.set()
    waits.join(60)
    assert not waits.is_alive()
