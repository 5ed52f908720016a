"""When an image with a pull policy differs, without an engine: by the clock, by the content, by what was noted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.errors import Unreachable
from agent.kinds.image import ImageKind
from agent.kinds.image_follow import PATIENCE, Followed
from agent.kinds.image_last_pulls import LastPull, LastPulls
from agent.model import Action, Cause, Change, Key, Resource, Scope
from tests.kinds.bench import PACE

NOW = 1_800_000_000.0
NEVER = "0001-01-01T00:00:00Z"  # what an engine says of a tag that nobody gave by hand
SCOPE = Scope("i", "o", frozenset({"s"}))


class Slow:
    """Stands in for an engine whose registries take `seconds` each, on a clock that goes on by that."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seconds: dict[str, float] = {}  # by registry
        self.asked: list[str] = []
        self._one = threading.Lock()  # at a time

    def resolve_image(self, reference: str, *, seconds: float) -> str:
        with self._one:
            self.asked.append(reference)
            takes = self.seconds[reference.partition("/")[0]]
            self.now += min(takes, seconds)
            if takes > seconds:
                raise Unreachable("no answer", reason="EngineTimeout")
            return f"sha256:{reference}"


class Shelf:
    """Stands in for an engine that has every image, tagged at one time."""

    url = "tcp://elsewhere:2375"

    def __init__(self, tagged: str = NEVER) -> None:
        self.tagged = tagged
        self.pulled: list[str] = []
        self.gone: set[str] = set()

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        return [ask() for ask in asks]

    def info(self) -> Mapping[str, Any]:
        return {}

    def version(self) -> Mapping[str, Any]:
        return {"Os": "linux", "Arch": "amd64"}

    def inspect_image(self, reference: str) -> Mapping[str, Any] | None:
        return None if reference in self.gone else {"Id": "sha256:1", "Metadata": {"LastTagTime": self.tagged}}

    def resolve_image(self, reference: str, *, seconds: float) -> str:
        return f"sha256:{reference}"

    def pull_image(self, reference: str, _platform: str, **_how: Any) -> None:
        self.pulled.append(reference)


def kind(shelf: Shelf, last_pulls: LastPulls | None = None, now: float = NOW) -> ImageKind:
    return ImageKind(cast("Engine", shelf), last_pulls=last_pulls, wall=lambda: now)


def want(reference: str = "x", *, stack: str = "s", **pull: Any) -> Resource:
    return Resource(Key("image", reference), stack, {"reference": reference, "platform": "", "pull": pull})


def paths(images: ImageKind, *wanted: Resource) -> list[str]:
    [seen] = images.observe(wanted, SCOPE)
    return [one.path for one in seen.differences]


def pull(images: ImageKind, wanted: Resource) -> None:
    images.replace(Change(0, Action.REPLACE, wanted.key, wanted.stack, Cause.IMAGE, "", wanted=wanted), "rev", PACE)


@pytest.mark.parametrize(
    ("tagged", "at", "differing"),
    [
        (NEVER, 0.0, ["pulled"]),
        (NEVER, NOW - 3601, ["pulled"]),
        (NEVER, NOW - 3600, []),
        ("2027-01-15T07:30:00.123456789Z", 0.0, []),  # half an hour before
        ("2027-01-15T06:30:00Z", NOW - 7200, ["pulled"]),
        ("nonsense", 0.0, ["pulled"]),
        # while the clock was wrong
        (NEVER, NOW + 365 * 86400, ["pulled"]),
        (NEVER, NOW + 5, []),
        ("2030-01-15T07:30:00Z", NOW - 60, []),
        ("2030-01-15T07:30:00Z", NOW - 3601, ["pulled"]),
    ],
)
def test_a_refresh_is_due_after_its_time(tagged: str, at: float, differing: list[str]) -> None:
    last_pulls = LastPulls()
    last_pulls.note("x", at, {})
    assert paths(kind(Shelf(tagged), last_pulls), want(policy="refresh", after=3600.0)) == differing


def test_what_is_always_pulled_is_so_once_for_a_content_of_each_stack() -> None:
    shelf, last_pulls = Shelf(), LastPulls()
    images = kind(shelf, last_pulls)
    one, other = want(policy="always", content="c1"), want(policy="always", content="d1", stack="t")
    assert paths(images, one, other) == ["pulled for"]
    pull(images, one)
    assert paths(images, one, other) == []
    assert paths(images, one, want(policy="always", content="d2", stack="t")) == ["pulled for"]
    assert (shelf.pulled, last_pulls.of("x")) == (["x"], LastPull(NOW, {"s": "c1", "t": "d1"}))


def test_a_digest_stands_for_one_image_for_ever() -> None:
    images = kind(Shelf())
    assert paths(images, want("x@sha256:1", policy="always", content="c")) == []
    assert paths(images, want("x@sha256:1", policy="refresh", after=1.0)) == []


def test_the_record_outlives_the_agent_and_may_be_lost(tmp_path: Path) -> None:
    file = tmp_path / "pulls.json"
    LastPulls(file).note("x", 5.0, {"s": "c"})
    LastPulls(file).note("y", 6.0, {})
    assert LastPulls(file).of("x") == LastPull(5.0, {"s": "c"})
    for text in ("[]", '{"x": 1}', '{"x": {"at": "z"}}', "nonsense"):
        file.write_text(text)
        assert LastPulls(file).of("x") == LastPull()


def test_what_was_pulled_is_used_although_that_cannot_be_noted(tmp_path: Path) -> None:
    """Each try would be another pull, and what needs the image would not come."""
    shelf = Shelf()
    images = kind(shelf, LastPulls(tmp_path / "none" / "pulls.json"))
    wanted = want(policy="always", content="c")
    pull(images, wanted)
    assert paths(images, wanted) == []
    (tmp_path / "none").mkdir()
    pull(images, want("y", policy="always", content="c"))
    assert LastPulls(tmp_path / "none" / "pulls.json").of("x") == LastPull(NOW, {"s": "c"}), "noted once it can be"


def test_what_was_pulled_long_ago_and_is_here_no_more_is_forgotten(tmp_path: Path) -> None:
    file, shelf = tmp_path / "pulls.json", Shelf()
    for reference, days in (("old:1", 40), ("old:2", 40), ("young:1", 3)):
        LastPulls(file).note(reference, NOW - days * 86400, {"s": "c"})
    images = kind(shelf, LastPulls(file))
    images.observe([want("old:1", policy="always", content="c")], SCOPE)
    shelf.gone = {"old:1", "young:1"}
    pull(images, want("x", policy="always", content="c"))
    assert set(json.loads(file.read_text())) == {"old:2", "young:1", "x"}
    pull(images, want("old:1", stack="t", policy="always", content="d"))
    assert LastPulls(file).of("old:1").contents == {"t": "d"}, "what it was wanted for before is forgotten too"


def test_a_tag_that_nobody_follows_any_more_is_forgotten() -> None:
    now = [0.0]
    followed = Followed(cast("Engine", Shelf()), lambda: now[0])
    followed.ask({"old:1": 60.0, "rare:1": 60 * 86400.0})
    now[0] += 40 * 86400.0
    followed.ask({"new:1": 60.0, "rare:1": 60 * 86400.0})
    moved = {one: followed.moved(one, ()) for one in ("old:1", "new:1", "rare:1")}
    assert moved == {"old:1": "", "new:1": "sha256:new:1", "rare:1": "sha256:rare:1"}


def followed_by(slow: Slow) -> Followed:
    return Followed(cast("Engine", slow), lambda: slow.now)


def test_a_registry_that_hangs_takes_its_time_once_in_the_interval_and_the_others_are_asked_at_the_next_look() -> None:
    slow = Slow()
    followed = followed_by(slow)
    hanging = {f"hangs.example/{number}:1": 300.0 for number in range(80)}
    due = {**hanging, "well.example/x:1": 300.0}
    slow.seconds = {"hangs.example": 1e9, "well.example": 0.1}
    followed.ask(due)
    assert slow.now == PATIENCE, "all questions of a look have it together"
    assert not followed.moved("well.example/x:1", ())
    slow.asked.clear()
    followed.ask(due)
    assert slow.asked == ["well.example/x:1"]
    assert followed.moved("well.example/x:1", ()) == "sha256:well.example/x:1"
    slow.seconds["hangs.example"], slow.now = 0.01, slow.now + 300.0
    followed.ask(due)
    assert all(followed.moved(one, ()) for one in hanging)


def test_what_a_slow_registry_has_not_answered_in_time_is_asked_at_the_next_look() -> None:
    slow = Slow()
    followed = followed_by(slow)
    due = {f"slow.example/{number}:1": 300.0 for number in range(12)}
    slow.seconds = {"slow.example": 1.1}
    followed.ask(due)
    answered = [one for one in due if followed.moved(one, ())]
    assert len(answered) == 9
    slow.asked.clear()
    followed.ask(due)
    assert set(slow.asked) == set(due) - set(answered)
    assert all(followed.moved(one, ()) for one in due)
