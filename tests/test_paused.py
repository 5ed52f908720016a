"""What a rollout paused at is not tried again, by the next agent neither, until something has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from agent.good_images import GoodImages
from agent.handling import Handling, OnFailure, Rollout
from agent.host_turns import HostTurns
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
    Plan,
    Report,
    Resource,
    Result,
    Revision,
    Scope,
    Stack,
    Status,
)
from agent.paused import Paused
from agent.reconcile import Turn

WEB, DB = Key("container", "shop-web-1"), Key("container", "shop-db-1")
PAUSE = Handling(rollout=Rollout(on_failure=OnFailure.PAUSE))
SCOPE = Scope("one", "here", frozenset({"shop"}))


def shop(content: str, revision: str = "a" * 40) -> Stack:
    web = Resource(WEB, "shop", {"content": content}, service="web", handling=PAUSE)
    db = Resource(DB, "shop", {}, service="db")
    return Stack("shop", (web, db), Revision(revision), ("web", "db"))


OLD, BAD = shop("1"), shop("2")


def report_of(turn: Turn) -> Report:
    """Every replacement fails that brings the bad content."""
    outcomes = [
        Outcome(Change(0, Action.REPLACE, WEB, "shop", Cause.COMMIT, "new", wanted=web), Status.FAILED, "no", "NoGood")
        for stack in turn.stacks
        if (web := stack.resources[0]) in BAD.resources and WEB not in turn.paused
    ]
    return Report("r", "shop", "git", None, Result.NOOP, 0.0, 0.0, outcomes=tuple(outcomes), synced=not outcomes)


class Host:
    def __init__(self) -> None:
        self.seen: list[Turn] = []

    def take(self, turn: Turn) -> tuple[Report, ...]:
        self.seen.append(turn)
        return (report_of(turn),)


class Agents:
    """One after the other, each with the same state directory; every turn is that of another one."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def paused_in(self, *stacks: Stack, trigger: str = "git", **said: Any) -> Mapping[Key, str]:
        """What was paused in a turn of theirs."""
        host = Host()
        turns = HostTurns(cast("Any", host), SCOPE, GoodImages(), Paused(JsonFile(self.file)))
        turns.take(Turn(stacks, SCOPE, trigger, **said))
        (turn,) = host.seen
        return turn.paused


@pytest.fixture
def agents(tmp_path: Path) -> Agents:
    return Agents(tmp_path / "paused.json")


def test_the_next_agent_does_not_try_it_once_more(agents: Agents) -> None:
    assert agents.paused_in(BAD) == {}
    assert agents.paused_in(BAD) == {WEB: ""}
    assert agents.paused_in(shop("2", "b" * 40)) == {WEB: ""}, "another commit with the same content"


@pytest.mark.parametrize("said", [{"trigger": "manual"}, {"resumed": True}], ids=["asked for", "resumed"])
def test_it_is_tried_again_when_somebody_says_so(agents: Agents, said: dict[str, Any]) -> None:
    agents.paused_in(BAD)
    assert agents.paused_in(BAD, **said) == {}
    assert agents.paused_in(BAD) == {WEB: ""}, "it was no good once more"


@pytest.mark.parametrize("between", [(OLD,), ()], ids=["other content", "nothing"])
def test_it_is_tried_again_after_something_else_was_wanted(agents: Agents, between: tuple[Stack, ...]) -> None:
    agents.paused_in(BAD)
    agents.paused_in(*between)
    assert agents.paused_in(BAD) == {}


def test_what_was_good_and_is_healed_while_the_newest_waits_is_nothing_else_that_is_wanted(agents: Agents) -> None:
    agents.paused_in(BAD)
    assert agents.paused_in(OLD, newest=False) == {}
    assert agents.paused_in(BAD) == {WEB: ""}


def test_what_is_as_wanted_after_all_is_paused_no_more(agents: Agents) -> None:
    """Or nothing that ails it later would be put right."""
    agents.paused_in(BAD)
    paused, good = Paused(JsonFile(agents.file)), report_of(Turn((OLD,), SCOPE, "git"))
    paused.heed(BAD, replace(good, as_wanted=frozenset({DB})))
    assert agents.paused_in(BAD) == {WEB: ""}, "it is not there yet"
    paused.heed(BAD, replace(good, as_wanted=frozenset({WEB, DB})))
    assert agents.paused_in(BAD) == {}


def test_what_cannot_be_written_holds_in_this_process(tmp_path: Path) -> None:
    paused, file = Paused(JsonFile(tmp_path / "none" / "paused.json")), tmp_path / "none"
    paused.heed(BAD, report_of(Turn((BAD,), SCOPE, "git")))
    assert paused.of(BAD) == {WEB: ""}
    assert not paused.of(OLD)
    assert not file.exists()
    paused.forget("shop")
    assert paused.of(BAD) == {}


def test_where_the_notes_cannot_be_read_anything_may_be_paused_that_takes_nothing_back(tmp_path: Path) -> None:
    file = tmp_path / "paused.json"
    file.write_text("{")
    paused = Paused(JsonFile(file))
    assert paused.of(OLD) == paused.of(BAD) == {WEB: ""}
    paused.forget("shop")
    assert paused.of(BAD) == {}
    file.write_text('{"shop": 1}')
    assert Paused(JsonFile(file)).of(BAD) == {}


def had(difference: str, **facts: Any) -> Observed:
    found = (Difference("image", "sha256:0", difference, declared=False),) if difference else ()
    return Observed(WEB, "1", Owner.OURS, "shop", differences=found, **facts)


@pytest.mark.parametrize(
    ("seen", "left", "image"),
    [
        (had("sha256:1"), had("sha256:1"), "sha256:1"),
        (had("", image=Image("sha256:0")), had("sha256:1"), "sha256:1"),
        (had("", image=Image("sha256:0")), None, "sha256:0"),
        (had("web:2"), None, ""),
    ],
    ids=["it moved", "it was fetched meanwhile", "it is the same", "nobody knows"],
)
def test_the_image_that_was_no_good_is_noted(agents: Agents, seen: Observed, left: Observed | None, image: str) -> None:
    change = Change(0, Action.REPLACE, WEB, "shop", Cause.COMMIT, "new", wanted=BAD.resources[0], seen=seen)
    report = report_of(Turn((), SCOPE, "git"))
    outcomes = (Outcome(change, Status.FAILED, "no", "NoGood"),)
    last = Plan((replace(change, seen=left),)) if left else Plan()
    Paused(JsonFile(agents.file)).heed(BAD, replace(report, outcomes=outcomes, left=last))
    assert Paused(JsonFile(agents.file)).of(BAD) == {WEB: image}
