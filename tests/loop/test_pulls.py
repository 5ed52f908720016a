"""What the engine says of a pull reaches the turns that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.converge import Ended, Started
from agent.engine import PullProgress
from agent.model import Key, Resource, Revision, Scope, Stack, Status
from agent.pulls import Pulls
from agent.reconcile import Turn
from agent.work import Work
from tests.telemetry.made import change, done

PULL = change(key=Key("image", "api:2"))
LAYER = "0" * 12


def turn(run: str) -> Turn:
    return Turn((), Scope("default", "git:1", frozenset({"web"})), "git", run_id=run)


@dataclass
class Heard:
    told: list[tuple[str, int, int]] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    fetched: list[tuple[str, int, float]] = field(default_factory=list)
    now: float = 0.0
    pulls: Pulls = field(init=False)

    def __post_init__(self) -> None:
        self.pulls = Pulls(
            lambda turn, _, done, total: self.told.append((turn.run_id, done, total)),
            heard=lambda turn, change: self.alive.append(f"{turn.run_id} {change.key.name}"),
            fetched=lambda reference, size, seconds: self.fetched.append((reference, size, seconds)),
            clock=lambda: self.now,
        )

    def line(self, status: str, current: int = 0, total: int = 0, layer: str = LAYER) -> None:
        self.pulls(PullProgress("api:2", layer, status, current, total))


def test_every_line_of_a_pull_is_progress_and_the_bytes_are_added_up() -> None:
    heard = Heard()
    heard.pulls.listen(turn("r1"), Started(PULL))
    heard.line("Pulling from api")
    heard.line("Downloading", 3, 10)
    heard.line("Downloading", 5, 20, "1" * 12)
    heard.line("Extracting", 3, 10)
    assert heard.told == [("r1", 3, 10), ("r1", 8, 30)]
    assert heard.alive == ["r1 api:2"] * 4


def test_what_a_pull_has_come_to_is_told_once_it_is_over_for_everybody() -> None:
    heard = Heard()
    for run in ("r1", "r2"):
        heard.pulls.listen(turn(run), Started(PULL))
    heard.now = 5.0  # there was no place for it
    heard.line("Pulling from api")
    heard.now = 7.0
    heard.line("Downloading", 3, 10)
    heard.line("Download complete")
    heard.line("Downloading", 5, 20, "1" * 12)
    heard.line("Download complete", layer="2" * 12)  # which was nothing
    heard.pulls.listen(turn("r1"), Ended(done(PULL)))
    assert heard.fetched == []
    heard.now = 8.0
    heard.pulls.listen(turn("r2"), Ended(done(PULL, Status.FAILED)))
    assert heard.fetched == [("api:2", 15, 3.0)]
    heard.pulls.listen(turn("r2"), Started(PULL))
    heard.line("Downloading", 1, 2)
    heard.pulls.forget(turn("r2"))
    assert heard.fetched[1:] == [("api:2", 1, 0.0)]


def test_a_build_and_what_nobody_fetched_come_to_nothing() -> None:
    heard, build = Heard(), replace(PULL, wanted=Resource(PULL.key, "web", {"build": {}}))
    heard.pulls.listen(turn("r1"), Started(build))
    heard.line("Step 1/2 : FROM scratch", layer="")
    heard.pulls.listen(turn("r1"), Ended(done(build)))
    heard.pulls.listen(turn("r1"), Started(PULL))
    heard.pulls.listen(turn("r1"), Ended(done(PULL, Status.FAILED)))
    assert (heard.fetched, heard.alive) == ([], ["r1 api:2"])


def test_who_waits_no_more_hears_no_more() -> None:
    heard = Heard()
    for run in ("r1", "r2"):
        heard.pulls.listen(turn(run), Started(PULL))
    heard.pulls.listen(turn("r1"), Ended(done(PULL)))
    heard.line("Downloading", 1, 2)
    assert heard.told == [("r2", 1, 2)]


def test_a_second_pull_of_an_image_begins_at_nothing_once_nobody_waits_for_the_first() -> None:
    heard = Heard()
    for run in ("r1", "r2"):
        heard.pulls.listen(turn(run), Started(PULL))
    heard.line("Downloading", 10, 10)
    heard.pulls.listen(turn("r1"), Ended(done(PULL)))
    heard.line("Downloading", 5, 5, "1" * 12)
    assert heard.told[-1] == ("r2", 15, 15)
    heard.pulls.listen(turn("r2"), Ended(done(PULL, Status.FAILED)))
    heard.pulls.listen(turn("r3"), Started(PULL))
    heard.line("Downloading", 1, 7)
    assert heard.told[-1] == ("r3", 1, 7)


def test_a_turn_that_is_over_waits_for_no_pull_whether_it_said_so_or_not() -> None:
    heard = Heard()
    for run in ("r1", "r2"):
        heard.pulls.listen(turn(run), Started(PULL))
    heard.pulls.forget(turn("r1"))
    heard.line("Downloading", 1, 2)
    assert heard.told == [("r2", 1, 2)]
    heard.pulls.forget(turn("r2"))
    heard.line("Downloading", 2, 2)
    assert heard.told == [("r2", 1, 2)]


def test_a_pull_is_given_up_once_nobody_who_waits_for_it_wants_the_image_any_more() -> None:
    heard, wanted = Heard(), {"r1", "r2"}

    def dropped(run: str) -> Callable[[Key], bool]:
        return lambda key: key == PULL.key and run not in wanted

    for run in ("r1", "r2"):
        heard.pulls.listen(replace(turn(run), dropped=dropped(run)), Started(PULL))
    wanted.discard("r1")
    assert not heard.pulls.is_over("api:2")
    wanted.discard("r2")
    assert heard.pulls.is_over("api:2")
    assert not heard.pulls.is_over("other:1"), "nobody is known to wait for it, so nobody knows"
    heard.pulls.stop = lambda: True
    assert heard.pulls.is_over("other:1")


def test_what_newer_content_wants_too_is_pulled_on() -> None:
    api, web = (Resource(Key("image", name), "web", {}) for name in ("api:2", "web:1"))
    work = Work("web")
    work.want(Stack("web", (api, web), Revision("a")))
    dropped = work.dropped()
    assert not dropped(api.key)
    work.want(Stack("web", (web,), Revision("b")))
    assert (dropped(api.key), dropped(web.key)) == (True, False)
    work.want(None)
    assert dropped(web.key)
