"""What is noted of the images of a stack that is good, and what is made of it when the stack goes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Refused
from agent.good_images import GoodImages
from agent.images import Image
from agent.jsonfile import JsonFile
from agent.model import (
    Action,
    Cause,
    Change,
    Difference,
    Key,
    Observed,
    Outcome,
    Owner,
    Remedy,
    Report,
    Resource,
    Result,
    Revision,
    Stack,
    Status,
)

ONE, TWO = Image("sha256:1"), Image("sha256:2")


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
    good.note("s", {"a": ONE, "b": TWO})
    found = {resource.key: resource for resource in good.pinned(STACK).resources}
    assert found[Key("container", "a")].spec == {"body": {"Image": "x:1"}, "recorded": "sha256:1"}
    assert found[Key("image", "x:1")].spec == {"reference": "x:1", "recorded": ["sha256:1", "sha256:2"]}
    assert not found[Key("image", "x:1")].renewed
    for untouched in STACK.resources[2], STACK.resources[4], NETWORK:
        assert found[untouched.key] == untouched


def test_the_note_outlives_the_agent_and_may_be_lost(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    GoodImages(JsonFile(file)).note("s", {"a": ONE})
    again = GoodImages(JsonFile(file))
    assert again.pinned(STACK) != STACK
    before = file.stat().st_mtime_ns
    again.note("s", {"a": ONE})
    again.note("s", {})
    assert file.stat().st_mtime_ns == before, "the same note is not written again"
    file.write_text("nonsense")
    assert again.pinned(STACK) != STACK, "what was read before is known"
    for nonsense in ("nonsense", '{"s": 7}', '{"s": {"a": 7}}'):
        file.write_text(nonsense)
        assert GoodImages(JsonFile(file)).pinned(STACK) == STACK
    GoodImages(JsonFile(tmp_path / "none" / "images.json")).note("s", {"a": ONE})  # which is told to nobody


def failing(reason: str, cause: Cause = Cause.IMAGE) -> Report:
    """The container `a` was to be of another image, and did not become good."""
    key = Key("container", "a")
    seen = Observed(key, "1", Owner.OURS, differences=(Difference("image", "sha256:1", "sha256:2", Remedy.REPLACE),))
    change = Change(0, Action.REPLACE, key, "s", cause, "its image moved", wanted=STACK.resources[0], seen=seen)
    return Report("r", "s", "t", None, Result.ERROR, 0.0, 0.0, outcomes=(Outcome(change, Status.FAILED, "no", reason),))


def test_an_image_that_was_no_good_is_told_until_it_is_forgiven_or_other_things_are_wanted() -> None:
    good = GoodImages()
    good.heed(STACK, failing("CrashOnStart"))
    assert good.spared(STACK) == STACK, "where it is not known what ran there is nothing to stay at"
    good.note("s", {"a": ONE, "b": ONE})
    good.heed(STACK, failing("EngineTimeout"))
    good.heed(STACK, failing("ContainerGone"))
    good.heed(STACK, failing("CrashOnStart", Cause.COMMIT))
    assert good.spared(STACK) == STACK
    good.heed(STACK, failing("CrashOnStart"))
    good.note("s", {"a": ONE, "b": ONE})
    first, *others = good.spared(STACK).resources
    assert first.spec == {"body": {"Image": "x:1"}, "recorded": "sha256:1", "instead_of": "sha256:2"}
    assert others == list(STACK.resources[1:])
    other = replace(STACK, resources=(container("a", "x:2"), *STACK.resources[1:]))
    assert good.spared(other) == other
    good.forgive("s")
    assert good.spared(STACK) == STACK
    assert good.pinned(STACK) != STACK


DIGEST = "registry.example/x@sha256:a"
KNOWN = Image("sha256:1", DIGEST)


def bound(good: GoodImages, stack: Stack = STACK) -> dict[str, Any]:
    """What the containers and images of the stack are told of what ran, by their names."""
    told = ("recorded", "digest", "digests")
    resources = good.pinned(stack).resources
    return {one.key.name: {key: one.spec[key] for key in told if key in one.spec} for one in resources}


def test_what_is_known_by_its_digest_can_be_pulled_by_it() -> None:
    good = GoodImages()
    good.note("s", {"a": KNOWN, "b": TWO, "c": TWO})
    found = bound(good)
    assert found["a"] == {"recorded": "sha256:1", "digest": DIGEST}
    assert found["b"] == found["c"] == {"recorded": "sha256:2"}
    assert found["x:1"] == {"recorded": ["sha256:1", "sha256:2"], "digests": {"sha256:1": DIGEST}}
    assert found["y:1"] == {"recorded": ["sha256:2"]}


def test_two_that_ran_the_same_image_are_told_the_same_digest() -> None:
    good = GoodImages()
    good.note("s", {"a": ONE, "b": KNOWN})
    found = bound(good)
    assert found["a"] == found["b"] == {"recorded": "sha256:1", "digest": DIGEST}


@pytest.mark.parametrize("spec", [{"build": {}}, {"pull": {"policy": "never"}}], ids=["built", "never pulled"])
def test_what_does_not_come_from_a_registry_is_not_pulled_by_its_digest(spec: dict[str, Any]) -> None:
    good = GoodImages()
    good.note("s", {"a": KNOWN})
    found = bound(good, replace(STACK, resources=(container("a", "x:1"), image("x:1", **spec))))
    assert found == {"a": {"recorded": "sha256:1"}, "x:1": {"recorded": ["sha256:1"]}}


def test_a_digest_is_known_for_as_long_as_the_image_is_the_same() -> None:
    good = GoodImages()
    good.note("s", {"a": KNOWN})
    good.note("s", {"a": ONE})
    assert bound(good)["a"] == {"recorded": "sha256:1", "digest": DIGEST}
    good.heed(STACK, failing("CrashOnStart"))
    good.forgive("s")
    assert bound(good)["a"] == {"recorded": "sha256:1", "digest": DIGEST}
    good.note("s", {"a": TWO})
    assert bound(good)["a"] == {"recorded": "sha256:2"}


def test_what_stays_away_from_a_bad_image_can_be_pulled_by_its_digest_too() -> None:
    good = GoodImages()
    good.note("s", {"a": KNOWN, "b": Image("sha256:2", "x@sha256:b"), "c": TWO})
    good.heed(STACK, failing("CrashOnStart"))
    found = {one.key.name: one for one in good.spared(STACK).resources}
    noted = {"recorded": "sha256:1", "instead_of": "sha256:2", "digest": DIGEST}
    assert found["a"].spec == {"body": {"Image": "x:1"}, **noted}
    assert found["x:1"].spec == {"reference": "x:1", "digests": {"sha256:1": DIGEST}, "instead_of": ["sha256:2"]}
    assert found["x:1"].renewed
    assert [found[name] for name in ("b", "c", "y:1", "n")] == [*STACK.resources[1:3], *STACK.resources[4:]]


def test_the_note_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text(
        '{"s": {"a": {"ran": "sha256:1", "bad": "sha256:2", "wanted": "f"}, "b": {"ran": "1", "digest": 7}}}'
    )
    good = GoodImages(JsonFile(file))
    assert (bound(good)["a"], bound(good)["b"]) == ({"recorded": "sha256:1"}, {})
    good.note("s", {"a": KNOWN})
    assert json.loads(file.read_text())["s"]["a"]["digest"] == DIGEST
    assert bound(good)["a"] == {"recorded": "sha256:1", "digest": DIGEST}


def test_nobody_knows_what_may_have_to_come_back_while_the_note_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text("{")
    good = GoodImages(JsonFile(file))
    with pytest.raises(Refused, match="remove it"):
        good.ids()
    good.note("s", {"a": ONE})
    assert file.read_text() == "{", "what others had noted may still be put right"
    file.unlink()
    assert good.ids() == frozenset()
