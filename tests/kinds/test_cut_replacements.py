"""Which of the containers that a cut replacement has left counts as the one that is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.handling import Handling, Rollout
from agent.kinds.container_cut import Left, as_cut, aside_name, left_of, set_aside, standing, standings, twins_of
from agent.kinds.container_proof import is_proved
from agent.kinds.container_unhooked import NOT_RUN
from agent.model import Difference, Key, Observed, Owner, Remedy, Resource
from agent.twins import FORMER as THEIRS

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
        # What is to run after its start has not.
        (Left(PROVED, aside=OLD), {"old": FORMER, "new": [NOT_RUN]}, ("web.old", "web")),
        (Left(NEW, aside=OLD), {"old": [NAME, STATE], "new": [NOT_RUN]}, ("web",)),
        (Left(None, NEXT, OLD), {"old": FORMER, "next": [NAME, NOT_RUN]}, ("web.old", "web.next")),
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


COMPOSES = {"com.docker.compose.project": "s", "com.docker.compose.service": "web"}


def made_by_compose(name: str, **labels: str) -> dict[str, Any]:
    made = report(name)
    return {**made, "Config": {"Labels": {**COMPOSES, **labels}}}


def listed(*reports: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Id": one["Id"], "Names": [one["Name"]], "Labels": one["Config"]["Labels"]} for one in reports]


def test_what_compose_made_is_set_aside_under_a_name_that_tells_so() -> None:
    ours = {"Config": {"Labels": {"windlass.instance": "i"}}}
    assert (aside_name("web", ours), aside_name("web", made_by_compose("web"))) == ("web.old", f"web{THEIRS}")


def test_what_compose_made_and_we_set_aside_is_known_by_its_name() -> None:
    kept_by_hand, stranger = made_by_compose("web.old"), {**report(f"api{THEIRS}"), "Config": {"Labels": {"a": "b"}}}
    labelled = made_by_compose(f"db{THEIRS}", **{"windlass.instance": "i"})
    entries = listed(made_by_compose(f"web{THEIRS}"), kept_by_hand, stranger, labelled)
    told = {"windlass.name": "web", "windlass.stack": "s", "windlass.service": "web"}
    assert list(set_aside(entries, [], {})) == [(entries[0], told)]
    noted = {**told, "windlass.origin": "o"}
    assert list(set_aside(entries, [], {entries[0]["Id"]: noted})) == [(entries[0], noted)]
    in_place = {"windlass.name": "web", "windlass.stack": "s", "windlass.origin": "o"}
    assert list(set_aside(entries, [{"Labels": in_place}], {})) == [(entries[0], in_place)]


@pytest.mark.parametrize(
    ("named", "owners", "expected"),
    [
        (NEW, {"web": Owner.OURS, f"web{THEIRS}": Owner.ADOPTABLE}, f"web{THEIRS}"),
        (None, {f"web{THEIRS}": Owner.ADOPTABLE}, f"web{THEIRS}"),
        (NEW, {"web": Owner.OURS, f"web{THEIRS}": Owner.FOREIGN}, "web"),
        (NEW, {"web": Owner.ADOPTABLE, f"web{THEIRS}": Owner.ADOPTABLE}, "web"),
        (NEW, {"web": Owner.FOREIGN, f"web{THEIRS}": Owner.ADOPTABLE}, "web"),
        (None, {f"web{THEIRS}": Owner.FOREIGN}, None),
    ],
    ids=["cut", "without a successor", "of another service", "beside another of Compose's", "of a stranger", "nothing"],
)
def test_what_compose_made_counts_as_there_until_its_successor_is_proved(
    named: dict[str, Any] | None, owners: dict[str, Owner], expected: str | None
) -> None:
    aside = made_by_compose(f"web{THEIRS}")
    found = standings(
        [WEB],
        [named],
        twins_of([WEB], [aside]),
        lambda _one, seen: FORMER if seen is aside else SAME,
        lambda _one, seen: owners[seen["Id"]],
    )
    assert [one.report["Id"] for one in found] == ([expected] if expected else [])


def test_of_what_compose_made_that_is_cut_before_it_gave_way_the_replacement_goes_on() -> None:
    theirs, coming = made_by_compose("web"), report("web.next", ran=1.0)
    (found,) = standings(
        [WEB],
        [theirs],
        twins_of([WEB], [coming]),
        lambda _one, seen: [VERSION] if seen is theirs else [NAME],
        lambda _one, seen: Owner.ADOPTABLE if seen is theirs else Owner.OURS,
    )
    assert (found.report, found.others, found.cut) == (theirs, (coming,), True)


def test_it_gives_way_for_the_reason_that_it_had_and_fares_as_its_successor() -> None:
    front = {"Networks": {"front": {"NetworkID": "n"}}}
    published = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}
    new = {**NEW, "NetworkSettings": front, "HostConfig": published, "State": {**NEW["State"], "Running": True}}
    there = standing(WEB, Left(new, aside=OLD), lambda one: FORMER if one is OLD else SAME)
    assert there is not None
    seen = as_cut(
        Observed(WEB.key, "web.old", Owner.OURS, differences=tuple(FORMER), detail="exit code 137"), there, {}
    )
    assert seen.differences == (VERSION,)
    assert seen.detail == ""
    assert Key("network", "front") in seen.uses
    assert {one.number for one in seen.ports} == {8080}


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
