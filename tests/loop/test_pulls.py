"""What the engine says of a pull reaches the turns that wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.converge import Ended, Started
from agent.engine import PullProgress
from agent.model import Key, Scope, Status
from agent.pulls import Pulls
from agent.reconcile import Turn
from tests.telemetry.made import change, done

PULL = change(key=Key("image", "api:2"))
LAYER = "0" * 12


def turn(run: str) -> Turn:
    return Turn((), Scope("default", "git:1", frozenset({"web"})), "git", run_id=run)


@dataclass
class Heard:
    told: list[tuple[str, int, int]] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    pulls: Pulls = field(init=False)

    def __post_init__(self) -> None:
        self.pulls = Pulls(
            lambda turn, _, done, total: self.told.append((turn.run_id, done, total)),
            heard=lambda turn, change: self.alive.append(f"{turn.run_id} {change.key.name}"),
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
