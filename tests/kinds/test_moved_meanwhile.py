"""A tag that somebody moves while a stack is changed: what is made is of the image that the plan was made with, on a
real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import docker
import pytest

from agent.converge import Ended, Event, Options
from agent.engine import Engine
from agent.errors import Overtaken
from agent.kinds.container_images import Resolved
from agent.model import Action, Cause, Change, Key, Resource, Status
from agent.reconcile import Turn
from tests.engine import images
from tests.kinds.rig import Rig, done


class Tag:
    """A tag on the engine alone."""

    def __init__(self, docker_host: str, name: str) -> None:
        self._host, self._name, self._moves = docker_host, name, 0
        self.reference = f"{name}-app:latest"
        self.first = images.load(docker_host, self.reference, Env=["PATH=/bin", f"ONLY={name}"])
        self.made = [self.first]

    def move(self) -> str:
        """By hand, or by another stack; the id of the image that it stands for from now on."""
        self._moves += 1
        self.made.append(images.load(self._host, self.reference, Env=["PATH=/bin", f"ONLY={self._name}-{self._moves}"]))
        return self.made[-1]


@pytest.fixture
def tag(docker_host: str, prefix: str, sdk: docker.APIClient) -> Iterator[Tag]:
    made = Tag(docker_host, prefix)
    yield made
    images.clear(sdk, prefix, made.reference)
    for image in made.made:  # those that the tag does not stand for any more
        with suppress(docker.errors.NotFound):
            sdk.remove_image(image, force=True)


def compose(tag: Tag, version: str = "1", replicas: int = 2) -> str:
    return f"""
        services:
          web:
            image: "{tag.reference}"
            environment: {{V: "{version}"}}
            stop_grace_period: 0s
            deploy: {{replicas: {replicas}}}
    """


def after(rig: Rig, name: str, do: Callable[[], object]) -> None:
    """Have something done once the first change of an object is."""
    left = [do]

    def heard(_: Turn, event: Event) -> None:
        if isinstance(event, Ended) and event.outcome.change.key.name == name and left:
            left.pop()()

    rig.reconciler = replace(rig.reconciler, listen=heard)


def image_of(rig: Rig, number: int) -> str:
    report = rig.engine.inspect_container(f"{rig.stack}-web-{number}")
    assert report is not None
    return str(report["Image"])


@pytest.mark.engine
def test_replicas_are_of_one_image_though_its_tag_moves_between_them(rig: Rig, tag: Tag) -> None:
    rig.apply(compose(tag))
    after(rig, f"{rig.stack}-web-1", tag.move)
    report = rig.take(compose(tag, "2"))
    assert done(report) == {f"{rig.stack}-web-1": "replace"}
    [overtaken] = [one for one in report.outcomes if one.status is Status.OVERTAKEN]
    assert overtaken.reason == "ImageMoved"
    assert overtaken.change.key.name == f"{rig.stack}-web-2"
    assert f"{tag.reference} stands for another image since it was looked at" in overtaken.detail
    assert (image_of(rig, 1), image_of(rig, 2)) == (tag.first, tag.first)
    assert rig.engine.inspect_container(f"{rig.stack}-web-2.next") is None
    rig.apply(compose(tag, "2"))
    assert image_of(rig, 1) == image_of(rig, 2) != tag.first


@pytest.mark.engine
def test_nor_does_a_look_for_what_drifts_beside_the_steps_change_of_which_image_they_are(rig: Rig, tag: Tag) -> None:
    rig.apply(compose(tag))
    rig.reconciler = replace(rig.reconciler, options=Options(quiet=0.0))
    after(rig, f"{rig.stack}-web-1", tag.move)
    turn = Turn((rig.stack_of(compose(tag, "2")),), rig.scope, "test", heard=lambda: len(tag.made))
    (report,) = rig.reconciler.take(turn)
    assert [one.reason for one in report.outcomes if one.status is Status.OVERTAKEN] == ["ImageMoved"]
    assert (image_of(rig, 1), image_of(rig, 2)) == (tag.first, tag.first)


@pytest.mark.engine
def test_what_was_shown_is_what_is_made(rig: Rig, tag: Tag) -> None:
    stack = rig.stack_of(compose(tag, replicas=1))
    turn = Turn((stack,), rig.scope, "test", exact=True)
    look = rig.reconciler.look(turn)
    moved = tag.move()
    (report,) = rig.reconciler.take(turn, look)
    assert [one.reason for one in report.outcomes if one.change.key.kind == "container"] == ["ImageMoved"]
    rig.apply(compose(tag, replicas=1))
    assert image_of(rig, 1) == moved


class Shelf:
    """Stands in for an engine whose images are called as `ids` says."""

    def __init__(self) -> None:
        self.ids = {"app:1": "old", "more:1": "old"}

    def inspect_image(self, reference: str) -> dict[str, str] | None:
        return {"Id": self.ids[reference]} if reference in self.ids else None


def container(stack: str, reference: str = "app:1") -> Resource:
    return Resource(Key("container", f"{stack}-web-1"), stack, {"body": {"Image": reference}})


def fetched(stack: str, **spec: Any) -> Change:
    wanted = Resource(Key("image", "app:1"), stack, {"reference": "app:1", **spec})
    return Change(0, Action.REPLACE, wanted.key, stack, Cause.IMAGE, "", wanted=wanted)


def test_what_its_own_stacks_fetch_is_what_is_made_and_what_others_fetch_is_not() -> None:
    shelf, both = Shelf(), (container("a"), container("b"))
    resolved = Resolved(cast("Engine", shelf))
    resolved.looked((container("other"),), {"app:1": "old"})
    resolved.looked(both, {"app:1": "old"})
    shelf.ids["app:1"] = "new"
    resolved.renewed(fetched("a"))
    assert [resolved.of(one)[1]["Id"] for one in both] == ["new", "new"], "they were looked at together"
    with pytest.raises(Overtaken):
        resolved.of(container("other"))
    resolved.looked((container("other"),), {"app:1": "new"})
    assert resolved.of(container("other"))[1]["Id"] == "new"
    shelf.ids["app:1"] = "newest"
    with pytest.raises(Overtaken):
        resolved.of(both[1])


def test_a_build_renews_all_that_it_is_called() -> None:
    shelf, one = Shelf(), container("a", "more:1")
    resolved = Resolved(cast("Engine", shelf))
    resolved.looked((one,), {"more:1": "old"})
    shelf.ids["more:1"] = "new"
    resolved.renewed(fetched("a", build={"tags": ["more:1"]}))
    assert resolved.of(one)[1]["Id"] == "new"
