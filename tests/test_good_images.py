"""What is noted of the images of a stack that is good, and what is made of it when the stack goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.good_images import GoodImages
from agent.jsonfile import JsonFile
from agent.model import Key, Resource, Revision, Stack


def container(name: str, image: str) -> Resource:
    return Resource(Key("container", name), "s", {"body": {"Image": image}}, service=name)


def image(reference: str, **spec: Any) -> Resource:
    return Resource(
        Key("image", reference), "s", {"reference": reference, **spec}, prepares=True, on_demand=True, renewed=True
    )


NETWORK = Resource(Key("network", "n"), "s", {})
STACK = Stack(
    "s",
    (container("a", "x:1"), container("b", "x:1"), container("c", "y:1"), image("x:1"), image("y:1"), NETWORK),
    Revision("r"),
)


def test_containers_are_bound_to_what_they_ran_and_their_images_are_not_fetched_anew() -> None:
    good = GoodImages()
    assert good.pinned(STACK) == STACK
    good.note("s", {"a": "sha256:1", "b": "sha256:2"})
    found = {resource.key: resource for resource in good.pinned(STACK).resources}
    assert found[Key("container", "a")].spec == {"body": {"Image": "x:1"}, "recorded": "sha256:1"}
    assert found[Key("image", "x:1")].spec == {"reference": "x:1", "recorded": ["sha256:1", "sha256:2"]}
    assert not found[Key("image", "x:1")].renewed
    for untouched in STACK.resources[2], STACK.resources[4], NETWORK:
        assert found[untouched.key] == untouched


def test_the_note_outlives_the_agent_and_may_be_lost(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    GoodImages(JsonFile(file)).note("s", {"a": "sha256:1"})
    again = GoodImages(JsonFile(file))
    assert again.pinned(STACK) != STACK
    before = file.stat().st_mtime_ns
    again.note("s", {"a": "sha256:1"})
    again.note("s", {})
    assert file.stat().st_mtime_ns == before, "the same note is not written again"
    for nonsense in ("nonsense", '{"s": 7}', '{"s": {"a": 7}}'):
        file.write_text(nonsense)
        assert again.pinned(STACK) == STACK
    GoodImages(JsonFile(tmp_path / "none" / "images.json")).note("s", {"a": "sha256:1"})  # which is told to nobody


def test_what_left_is_forgotten() -> None:
    good = GoodImages()
    good.note("s", {"a": "sha256:1"})
    good.note("t", {"a": "sha256:1"})
    good.forget("s")
    assert good.pinned(STACK) == STACK
