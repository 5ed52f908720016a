"""Which of the containers that a cut replacement has left counts as the one that is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.handling import Handling, Rollout
from agent.kinds.container_cut import Left, as_cut, left_of, standing, twins_of
from agent.kinds.container_proof import is_proved
from agent.model import Difference, Key, Observed, Owner, Remedy, Resource

WEB = Resource(
    Key("container", "web"), "s", {"body": {}}, service="web", handling=Handling(rollout=Rollout(monitor=3600.0))
)
VERSION = Difference("environment.VERSION", "1", "2")
STATE, NAME = (
    Difference("state", "exited (137)", "running", Remedy.IN_PLACE, declared=False),
    Difference("name", "web.old", "web", Remedy.IN_PLACE, declared=False),
)
NETWORK = Difference("networks.front.id", "a", "b", Remedy.IN_PLACE, declared=False)
FORMER, CHANGED, DRIFTED, DOWN, SAME = [NAME, STATE, VERSION], [VERSION], [NETWORK], [STATE], list[Difference]()


def report(name: str, *, ran: float | None = None, health: str = "", code: int = 0, **state: Any) -> dict[str, Any]:
    """Of a container that has been running for `ran` seconds, else has ended."""
    began = datetime.fromtimestamp(time.time() - (ran or 0.0), UTC).isoformat()
    told = {"Status": "exited" if ran is None else "running", "StartedAt": began, "ExitCode": code, **state}
    labels = {"windlass.name": "web"}
    health_told = {"Health": {"Status": health}} if health else {}
    return {"Id": name, "Name": f"/{name}", "Config": {"Labels": labels}, "State": {**told, **health_told}}


NEW, CRASHED, NOT_BEGUN = report("web", ran=1.0), report("web", code=3), report("web", Status="created")
PROVED = report("web", ran=9000.0)
OLD, NEXT, STOPPED = report("web.old"), report("web.next", ran=1.0), report("web")


def found(left: Left, **differs: Sequence[Difference]) -> tuple[str, ...] | None:
    """Who counts as there, and who belongs to its replacement, by their names. `differs`: how old, new and next do."""
    names = {"web.old": "old", "web": "new", "web.next": "next"}
    there = standing(WEB, left, lambda one: differs.get(names[one["Id"]], ()))
    return None if there is None else (there.report["Id"], *(one["Id"] for one in there.others))


@pytest.mark.parametrize(
    ("left", "differs", "expected"),
    [
        (Left(None), {}, None),
        (Left(PROVED), {}, ("web",)),
        # It has its name already.
        (Left(NEW, aside=OLD), {"old": FORMER, "new": SAME}, ("web.old", "web")),
        (Left(NOT_BEGUN, aside=OLD), {"old": FORMER, "new": DOWN}, ("web.old", "web")),
        (Left(CRASHED, aside=OLD), {"old": FORMER, "new": DOWN}, ("web.old", "web")),
        (Left(PROVED, aside=OLD), {"old": FORMER, "new": SAME}, ("web",)),
        (Left(report("web", ran=1.0, health="healthy"), aside=OLD), {"old": FORMER}, ("web",)),
        (Left(report("web", ran=9000.0, health="starting"), aside=OLD), {"old": FORMER}, ("web.old", "web")),
        # It has not got it yet.
        (Left(None, NEXT, OLD), {"old": FORMER, "next": [NAME]}, ("web.old", "web.next")),
        (Left(STOPPED, NEXT), {"new": [STATE, VERSION], "next": [NAME]}, ("web", "web.next")),
        (Left(report("web", ran=9000.0), NEXT), {"new": CHANGED, "next": [NAME]}, ("web", "web.next")),
        (Left(None, aside=OLD), {"old": FORMER}, ("web.old",)),
        # Something else is wanted by now.
        (Left(NEW, aside=OLD), {"old": FORMER, "new": CHANGED}, ("web.old", "web")),
        (Left(PROVED, aside=OLD), {"old": FORMER, "new": CHANGED}, ("web",)),
        (Left(NEW, aside=OLD), {"old": [NAME, STATE], "new": CHANGED}, ("web.old", "web")),
        (Left(None, NEXT, OLD), {"old": FORMER, "next": CHANGED}, ("web.old",)),
        (Left(None, NEXT, OLD), {"old": [NAME, STATE], "next": CHANGED}, ("web.old",)),
        (Left(STOPPED, NEXT), {"new": [STATE, VERSION], "next": CHANGED}, ("web",)),
        (Left(STOPPED, NEXT), {"new": DOWN, "next": CHANGED}, ("web",)),
        # It was not replaced, but laid aside while something that it uses was made anew.
        (Left(NEW, aside=OLD), {"old": [NAME, STATE, NETWORK], "new": SAME}, ("web",)),
        # The old one is gone.
        (Left(None, NEXT), {"next": [NAME]}, ("web.next",)),
        (Left(None, NEXT), {"next": [NAME, VERSION]}, None),
    ],
)
def test_who_counts_as_there(
    left: Left, differs: dict[str, Sequence[Difference]], expected: tuple[str, ...] | None
) -> None:
    assert found(left, **differs) == expected


def test_only_what_was_made_for_the_name_and_is_not_going_is_a_twin() -> None:
    another = report("api.old")
    going = report("web.next", Status="removing")
    twins = twins_of([WEB], [OLD, going, another, report("web.copy")])
    assert left_of(WEB, None, twins) == Left(None, None, OLD)
    assert twins_of([replace(WEB, external=True)], [OLD]) == {}


def test_it_gives_way_for_the_reason_that_it_had_and_fares_as_its_successor() -> None:
    front = {"Networks": {"front": {"NetworkID": "n"}}}
    new = {**NEW, "NetworkSettings": front}
    there = standing(WEB, Left(new, aside=OLD), lambda one: FORMER if one is OLD else SAME)
    assert there is not None
    seen = as_cut(
        Observed(WEB.key, "web.old", Owner.OURS, differences=tuple(FORMER), detail="exit code 137"), there, {}
    )
    assert seen.differences == (VERSION,)
    assert seen.detail == ""
    assert Key("network", "front") in seen.uses


def test_what_comes_back_is_named_and_started_again() -> None:
    there = standing(WEB, Left(NEW, aside=OLD), lambda one: [NAME, STATE] if one is OLD else CHANGED)
    assert there is not None
    seen = as_cut(Observed(WEB.key, "web.old", Owner.OURS, differences=(NAME, STATE)), there, {})
    assert seen.differences == (NAME, STATE)


@pytest.mark.parametrize(
    ("spec", "seen", "proved"),
    [
        ({}, NEW, False),
        ({}, PROVED, True),
        ({}, report("web", ran=-9000.0), False),
        ({}, {**PROVED, "RestartCount": 1}, False),
        ({}, CRASHED, False),
        ({"job": True}, report("web"), True),
        ({"job": True}, CRASHED, False),
        ({"state": "scheduled"}, NOT_BEGUN, True),
    ],
    ids=["young", "ran on", "clock set back", "restarted", "crashed", "job done", "job failed", "by the clock"],
)
def test_what_counts_as_proved_without_waiting_for_it(spec: dict[str, Any], seen: dict[str, Any], proved: bool) -> None:
    assert is_proved(replace(WEB, spec=spec), seen) is proved
