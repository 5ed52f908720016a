"""One turn, on a made-up host: which stacks it tells of, which commit is its cause, and what stops for others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from agent.account import Look, Taken, report_of
from agent.backoff import interrupted_in_vain
from agent.handling import Handling, Rollout
from agent.host_ports import HostPort
from agent.model import (
    Change,
    Condition,
    Failure,
    Health,
    Key,
    Observed,
    Owner,
    Plan,
    Report,
    Requirement,
    Resource,
    Result,
    Revision,
    Scope,
    Stack,
)
from agent.probe import Gate, Probe
from agent.provenance import NoPast, Tracer
from agent.reconcile import Reconciler, Turn
from agent.rollout import Pace
from agent.stand_ins import never
from agent.suspension import Suspended, Suspension
from agent.timing import Measured
from tests.planning.scene import ORIGIN, differs, there, want
from tests.world import Host, Thing

WEB = Stack("web", (Resource(Key("container", "web-1"), "web", {"fixed": "A", "live": "x"}),), Revision("dir-1"))
GONE = {
    Key("container", "old-1"): Thing(1, stack="old"),
    Key("volume", "old_data"): Thing(2, stack="old"),
    Key("container", "elses-1"): Thing(3, stack="elses", origin="elsewhere"),
}


def take(host: Host, *, whole: bool) -> dict[str, tuple[bool, Health]]:
    turn = Turn((WEB,), Scope("host-1", "here", frozenset({"web"}), whole), "manual")
    reports = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    return {report.stack: (report.synced, report.health) for report in reports}


def test_a_whole_turn_tells_of_the_stacks_that_left_the_source() -> None:
    host = Host(dict(GONE))
    assert take(host, whole=True) == {"web": (True, Health.HEALTHY), "old": (True, Health.HEALTHY)}
    assert sorted(host.performed) == ["create container/web-1", "remove container/old-1"]


def test_the_parts_of_a_turn_are_measured() -> None:
    heard: list[Measured] = []
    turn = Turn((WEB,), Scope("host-1", "here", frozenset({"web"})), "manual")
    host: Any = Host()
    Reconciler(host, timed=lambda what, _: heard.append(what)).take(turn)
    look = [Measured.OBSERVE, Measured.PLAN]
    assert heard == [*look, Measured.APPLY, *look]


class Cluttered(Host):
    """Cannot clear away what had to give way."""

    def perform(self, change: Change, revision: str = "", pace: Pace | None = None) -> None:  # type: ignore[override]
        super().perform(change, revision, pace)
        self.things[Key("container", "web-1.old")] = Thing(9, stack="web")


def test_what_could_not_be_cleared_away_is_left_to_the_next_look_and_no_failure_of_what_was_made() -> None:
    turn = Turn((WEB,), Scope("host-1", "here", frozenset({"web"})), "manual")
    host = Cluttered()
    (report,) = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert (report.result, report.failure, report.synced) == (Result.SUCCESS, None, False)
    assert (host.staying, Key("container", "web-1.old") in host.tidied["web"]) == ({"web"}, True)
    (after,) = Reconciler(Host(host.things)).take(turn)  # type: ignore[arg-type]
    assert (after.synced, [str(outcome.change.key) for outcome in after.outcomes]) == (True, ["container/web-1.old"])


def test_what_would_be_done_for_what_waits_is_told_and_not_done() -> None:
    host = Host()
    api = Resource(Key("container", "api-1"), "web", {"fixed": "A", "live": "x"}, service="api")
    newer = replace(WEB, resources=(*WEB.resources, api))
    turn = Turn((WEB,), Scope("host-1", "here", frozenset({"web"})), "manual", coming=(newer,))
    (report,) = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert report.coming is not None
    assert [str(change) for change in report.coming.changes] == [
        "0 create container/api-1 (commit: does not exist yet)"
    ]
    assert host.performed == ["create container/web-1"]
    (leaving,) = Reconciler(host).take(replace(turn, coming=()))  # type: ignore[arg-type]
    assert [change.action for change in (leaving.coming or Plan()).pending] == ["remove"]
    (nothing,) = Reconciler(host).take(replace(turn, coming=None))  # type: ignore[arg-type]
    assert nothing.coming is None


def test_a_turn_that_is_not_whole_leaves_them_alone() -> None:
    host = Host(dict(GONE))
    assert take(host, whole=False) == {"web": (True, Health.HEALTHY)}
    assert host.performed == ["create container/web-1"]


def test_a_turn_that_acts_clears_away_what_nobody_needs_any_more() -> None:
    host = Host(dict(GONE))
    take(host, whole=True)
    assert host.tidied.keys() == {"web", "old"}
    assert Key("container", "web-1") in host.tidied["web"]
    assert host.staying == set()
    looking = Host(dict(GONE))
    turn = Turn((WEB,), Scope("host-1", "here", frozenset({"web"})), "manual", act=False)
    Reconciler(looking).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert not looking.tidied


# --- what could not be replaced --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resting", "mended"), [(False, ["update container/web"]), (True, [])])
def test_what_is_down_goes_on_as_it_was_where_what_the_new_one_needs_cannot_be_had(
    resting: bool, mended: list[str]
) -> None:
    spec, web = {"fixed": "A", "live": "x"}, Key("container", "web")
    wanted = want("container/web", "image/new", spec={**spec, "fixed": "B"})
    stack = Stack("web", (wanted, want("image/new", spec=spec)), Revision("dir-1"))
    scope = Scope("host-1", "here", frozenset({"web"}))
    turn = Turn((stack,), scope, "event", resting=frozenset({web} if resting else ()))
    host = Host({web: Thing(1, stack="web", fixed="A", live="x", made_from=("A", "x"), runs=False)})
    host.refused = ("create image/new",)
    (report,) = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert host.performed == ["create image/new", *mended]
    assert (host.things[web].runs, report.failure is not None) == (not resting, True)
    assert [outcome.change.number for outcome in report.outcomes] == list(range(2 + len(mended)))
    (again,) = Reconciler(host).take(turn)  # type: ignore[arg-type]
    assert len(again.outcomes) == 2, "what runs needs no mending"


# --- which commit is the cause ----------------------------------------------------------------------------------------


class Seen(Host):
    """Was made at the revision `a…`, as far as it is there."""

    def observe(self, wanted: Iterable[Resource], scope: Scope) -> dict[Key, Observed]:
        return {key: replace(seen, revision="a" * 40) for key, seen in super().observe(wanted, scope).items()}


class Past(NoPast):
    def __init__(self, *same: str) -> None:
        self.same, self.asked = same, 0

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision:
        self.asked += 1
        return Revision("c" * 40, "Raise it", "Ada")

    def between(self, earlier: str, later: str, paths: frozenset[str]) -> tuple[Revision, ...]:
        return (Revision("c" * 40), Revision("d" * 40)) if (earlier, later) == ("a" * 40, "b" * 40) else ()

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        return one in self.same


def looked_at(past: Past, things: dict[Key, Thing], *, times: int = 1) -> Look:
    """The last of some looks of one agent at a host, the stack wanted at the revision `b…`."""
    stack = replace(WEB, revision=Revision("b" * 40), inputs=frozenset({"compose.yaml"}))
    turn = Turn((stack,), Scope("host-1", "here", frozenset({"web"})), "git")
    reconciler = Reconciler(Seen(things), tracer=Tracer(past))  # type: ignore[arg-type]  # the world answers it
    return [reconciler.look(turn) for _ in range(times)][-1]


def thing(**facts: Any) -> dict[Key, Thing]:
    return {Key("container", "web-1"): Thing(1, stack="web", **facts)}


def test_the_commit_is_looked_for_where_one_is_the_cause_and_once() -> None:
    past = Past()
    for things in ({}, thing(fixed="B", made_from=("B", "x"))):
        (change,) = looked_at(past, things, times=3).plan.changes
        assert (change.cause, change.commit) == ("commit", Revision("c" * 40, "Raise it", "Ada"))
    assert past.asked == 2  # once by each agent


def test_what_came_before_the_commit_since_the_turn_before_and_was_never_tried_is_told() -> None:
    stack = replace(WEB, revision=Revision("b" * 40), inputs=frozenset({"compose.yaml"}))
    turn = Turn((stack,), Scope("host-1", "here", frozenset({"web"})), "git", earlier="a" * 40)
    for things, told in ((thing(fixed="B", made_from=("B", "x")), (Revision("d" * 40),)), (thing(), ())):
        reconciler = Reconciler(Seen(things), tracer=Tracer(Past()))  # type: ignore[arg-type]  # the world answers it
        (report,) = reconciler.take(turn)
        assert report.skipped == told


def test_who_has_nothing_to_do_because_of_a_commit_asks_nobody() -> None:
    past = Past()
    assert not looked_at(past, thing()).plan.changes
    assert [change.cause for change in looked_at(past, thing(fixed="B")).plan.changes] == ["drift"]
    assert past.asked == 0


def test_what_was_made_of_the_same_files_has_the_settings_as_its_cause() -> None:
    things = thing(fixed="B", made_from=("B", "x"))
    assert [change.cause for change in looked_at(Past("a" * 40), things).plan.changes] == ["settings"]


def test_the_report_names_the_commit() -> None:
    (change,) = looked_at(Past(), {}).plan.changes
    assert report_of(Taken("r", (WEB,), "git", 0.0, plan=Plan((change,))), "web").commit == change.commit
    assert report_of(Taken("r", (WEB,), "git", 0.0, plan=Plan((change,))), "db").commit is None


# --- what is suspended ------------------------------------------------------------------------------------------------

LEASED = Stack(
    "web",
    tuple(
        Resource(Key("container", f"web-{name}-1"), "web", {"fixed": "A", "live": "x"}, service=name)
        for name in ("api", "front")
    ),
    Revision("dir-1"),
)


def test_a_suspended_service_is_told_as_such_and_is_no_failure() -> None:
    host = Host({})
    leases = {"web": Suspended(services={"api": Suspension("a debugger")})}
    turn = Turn((LEASED,), Scope("host-1", "here", frozenset({"web"})), "manual", suspended=leases)
    (report,) = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert host.performed == ["create container/web-front-1"]
    assert (report.failure, report.synced, report.health) == (None, False, Health.SUSPENDED)
    assert {state.name: state.health for state in report.services} == {
        "api": Health.SUSPENDED,
        "front": Health.HEALTHY,
    }
    assert report.suspended == leases["web"]


def test_what_runs_on_of_a_container_is_told_beside_what_was_done() -> None:
    """It keeps the stack from nothing, so the turn itself has not failed."""
    seen = there("container/web-api-1", survivor="process 4711 still runs", health=Health.DEGRADED, detail="4711")
    newer = there("container/web-front-1", stays="stays of the image that it ran")
    look = Look({one.key: one for one in (newer, seen)}, Plan())
    told = report_of(Taken("run", (LEASED,), "event", 0.0, last=look), "web")
    assert (told.result, told.failure, told.health) == (Result.NOOP, None, Health.DEGRADED)
    assert [(one.health, one.detail) for one in told.services] == [(Health.DEGRADED, "4711"), (Health.HEALTHY, "")]
    assert told.stays == Failure("OrphanProcess", "container/web-api-1: process 4711 still runs")


def test_what_runs_on_of_a_service_that_nobody_wants_is_told_of_its_stack() -> None:
    left = there("container/web-old-1", owner=Owner.FOREIGN, survivor="process 4711 still runs", health=Health.DEGRADED)
    look = Look({left.key: left}, Plan())
    told = report_of(Taken("run", (), "event", 0.0, last=look), left.stack)
    assert told.stays == Failure("OrphanProcess", "container/web-old-1: process 4711 still runs")
    assert (told.failure, told.health) == (None, Health.HEALTHY)
    assert report_of(Taken("run", (), "event", 0.0, last=look), "another").stays is None


def test_a_suspended_stack_is_so_whatever_its_services_are() -> None:
    whole = {"web": Suspended(Suspension("a migration"))}
    turn = Turn((LEASED,), Scope("host-1", "here", frozenset({"web"})), "manual", act=False, suspended=whole)
    (report,) = Reconciler(Host({})).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert (report.health, report.synced, len(report.plan.pending)) == (Health.SUSPENDED, False, 2)


@dataclass
class Fetching:
    """A host on which a fetched image turns out to be another one, as it is seen at the second look."""

    performed: list[str] = field(default_factory=list)
    looks: int = 0

    def unable(self, _plan: Plan) -> dict[Key, str]:
        return {}

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> dict[Key, Observed]:
        self.looks += 1
        left = {1: (differs("user"),), 2: (differs("image", drift=True),)}.get(self.looks, ())
        seen = (there("image/app"), there("container/web-1", *left))
        return {one.key: one for one in seen}

    def perform(self, change: Change, revision: str, pace: Pace) -> None:
        self.performed.append(f"{change.action} {change.key}")

    def probe(self, requirement: Requirement) -> Probe:
        return Probe(Gate.PASSED)

    def tidy(self, stack: str, keep: set[Key], *, stays: bool) -> None:
        pass

    def forgive(self, wanted: Iterable[Resource] | None = None) -> None:
        pass


@pytest.mark.parametrize(("exact", "more"), [(False, ["replace container/web-1"]), (True, [])])
def test_what_turns_out_on_the_way_is_done_unless_just_the_plan_was_asked_for(exact: bool, more: list[str]) -> None:
    host = Fetching()
    wanted = (want("container/web-1", "image/app"), want("image/app", renewed=True))
    stack = Stack("web", wanted, Revision("dir-1"))
    turn = Turn((stack,), Scope("host-1", ORIGIN, frozenset({"web"})), "manual", exact=exact)
    (report,) = Reconciler(host).take(turn)  # type: ignore[arg-type]  # it answers what is asked here
    assert host.performed == ["replace image/app", "replace container/web-1", *more]
    assert report.synced is not exact


@pytest.mark.parametrize(("fallback", "delays"), [(False, [0.0, 0.01]), (True, [0.0, 0.0])])
def test_one_goes_back_at_the_pace_of_going_back(fallback: bool, delays: list[float]) -> None:
    """Both containers at once, and not one after the other."""
    handling = Handling(rollout=Rollout(delay=0.01), rollback=Rollout(parallelism=0))
    keys = [Key("container", f"web-{number}") for number in (1, 2)]
    wanted = tuple(Resource(key, "web", {"fixed": "B", "live": "x"}, service="web", handling=handling) for key in keys)
    host = Host({key: Thing(number, stack="web") for number, key in enumerate(keys)})
    scope = Scope("host-1", "here", frozenset({"web"}))
    turn = Turn((Stack("web", wanted, Revision("dir-1")),), scope, "rollback", fallback=fallback)
    (report,) = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    assert [change.delay for change in report.plan.changes] == delays
    assert len(host.performed) == 2


APP, VPN = Key("container", "app"), Key("container", "vpn")
HTTP = frozenset({HostPort(8080)})
SCOPE = Scope("host-1", "here", frozenset({"web"}))
AS_IT_WAS = {"fixed": "A", "live": "x"}
MOVED = Stack(
    "web",
    (
        Resource(VPN, "web", AS_IT_WAS, ports=HTTP),
        Resource(APP, "web", AS_IT_WAS, requires=(Requirement(VPN, Condition.STARTED),)),
    ),
    Revision("dir-1"),
)


def move_the_port(*refused: str) -> tuple[Host, Report]:
    """From the app to that on which it depends."""
    host = Host({APP: Thing(1, stack="web", ports=HTTP), VPN: Thing(2, stack="web")}, refused=refused)
    turn = Turn((MOVED,), SCOPE, "git")
    [report] = Reconciler(host).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
    return host, report


def test_what_gives_up_its_port_is_stopped_until_it_is_replaced() -> None:
    host, report = move_the_port()
    assert host.performed == ["stop container/app", "replace container/vpn", "replace container/app"]
    assert report.synced
    assert host.clashes == []


def test_what_was_stopped_for_what_did_not_come_about_goes_on() -> None:
    host, report = move_the_port("replace container/vpn")
    assert host.performed == ["stop container/app", "replace container/vpn", "run container/app"]
    assert (host.things[APP].serial, host.things[APP].runs) == (1, True)
    assert (report.failure and report.failure.reason, report.plan.unchanged) == ("CrashOnStart", 0)
    assert interrupted_in_vain(report), "which is not to be repeated at once"


def test_what_was_stopped_goes_on_as_well_where_something_newer_is_wanted_or_the_agent_ends() -> None:
    for is_newer in (True, False):
        host = Host({APP: Thing(1, stack="web", ports=HTTP), VPN: Thing(2, stack="web")})
        has_begun = partial(bool, host.performed)
        turn = Turn((MOVED,), SCOPE, "git", superseded=has_begun if is_newer else never)
        stop = never if is_newer else has_begun
        Reconciler(host, stop=stop).take(turn)  # type: ignore[arg-type]  # the world answers what is asked here
        assert host.performed == ["stop container/app", "run container/app"]
        assert (host.things[APP].serial, host.things[APP].runs) == (1, True)


def test_what_was_stopped_for_what_did_come_about_cannot_go_on() -> None:
    host, report = move_the_port("replace container/app")
    assert host.performed == ["stop container/app", "replace container/vpn", "replace container/app"]
    assert not host.things[APP].runs
    assert report.failure is not None


def test_what_could_not_be_stopped_holds_its_port() -> None:
    host, report = move_the_port("stop container/app")
    assert host.performed == ["stop container/app"]
    assert report.failure is not None
