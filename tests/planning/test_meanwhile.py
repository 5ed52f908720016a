"""Golden plans about what goes on as it is while its change is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.handling import Handling, Hook, Stage
from agent.held import NAME_AMBIGUOUS, NAME_CONFLICT, PORT_IN_USE
from agent.host_ports import HostPort
from agent.model import Action, Condition, Difference, Failure, Observed, Owner, Remedy, Resource
from agent.planning import Policy
from tests.planning.scene import IN_PLACE, WEB, check, differs, key, plan, there, waits, want

DATA = [want(WEB, "volume/data"), want("volume/data")]
HELD = there("volume/data", differs("driver"))
MOVED = differs("image", "web:1", "web:2")
STOPPED = differs("state", "exited (137)", "running", IN_PLACE, drift=True)
PAUSED = differs("state", "paused", "running", IN_PLACE, drift=True)
CUT_OFF = differs("networks.front", None, {"aliases": ["web"]}, IN_PLACE, drift=True)


def held_web(*differences: Difference, **more: Any) -> list[Observed]:
    return [HELD, there(WEB, MOVED, *differences, uses=["volume/data"], **more)]


@pytest.mark.parametrize(
    ("drifted", "why"),
    [
        (STOPPED, "was stopped outside git, exit code 137"),
        (PAUSED, "was paused outside git"),
        (CUT_OFF, "networks.front changed outside git"),
        (differs("health", "unhealthy", "healthy", Remedy.RESTART, drift=True), "its health check fails"),
    ],
    ids=["stopped", "paused", "cut off", "unhealthy"],
)
def test_what_drifted_is_mended_beside_the_change_that_is_held(drifted: Difference, why: str) -> None:
    found = plan(DATA, held_web(drifted))
    mended, held, _ = str(found).splitlines()
    assert mended == f"0 update container/web (drift: {why}; goes on as it is, its change waits)"
    assert held == "1 hold container/web (commit: waits for volume/data, which is held)"
    assert [one.path for one in found.changes[0].fields] == [drifted.path]
    assert [one.path for one in found.changes[1].fields] == ["image"]
    assert found.changes[0].restarts is (drifted.remedy is Remedy.RESTART)
    assert [one.action for one in found.pending] == [Action.UPDATE]


def test_what_runs_as_it_was_is_only_held() -> None:
    assert Action.UPDATE not in {one.action for one in plan(DATA, held_web()).changes}


HTTP = frozenset({HostPort(80)})


@pytest.mark.parametrize(
    ("api", "other"),
    [(want("container/api", ports=HTTP), []), (want("container/api"), [there("container/api", ports=HTTP)])],
    ids=["is to have it", "has it"],
)
def test_one_whose_port_another_is_to_have_or_has_is_left_as_it_is(api: Resource, other: list[Observed]) -> None:
    found = plan([*DATA, api], [*held_web(STOPPED, due=HTTP), *other])
    assert Action.UPDATE not in {one.action for one in found.changes if one.key == key(WEB)}


def test_its_own_port_keeps_none_from_going_on() -> None:
    wanted = [want(WEB, "volume/data", ports=HTTP), DATA[1]]
    assert Action.UPDATE in {one.action for one in plan(wanted, held_web(STOPPED, due=HTTP)).changes}


def test_what_a_commit_changed_in_place_waits_with_the_rest() -> None:
    found = plan(DATA, held_web(STOPPED, differs("restart", "no", "always", IN_PLACE)))
    assert [one.path for one in found.changes[0].fields] == ["state"]
    assert [one.path for one in found.changes[1].fields] == ["image", "restart"]


def test_it_goes_on_without_what_only_its_change_requires() -> None:
    """The new one waits for a container that there never was; the one that is there never needed it."""
    wanted = [want(WEB, waits("container/new", Condition.HEALTHY)), want("container/new", "network/proxy")]
    found = plan([*wanted, want("network/proxy", external=True)], [there(WEB, MOVED, STOPPED)])
    mended = found.changes[0]
    assert (mended.action, mended.key, mended.after) == (Action.UPDATE, key(WEB), frozenset())
    assert mended.wanted is not None
    assert mended.wanted.requires == ()


def test_it_comes_behind_what_it_requires_and_does_not_need_that_to_go_well() -> None:
    wanted = [*DATA[1:], want(WEB, "volume/data", waits("container/db")), want("container/db")]
    found = plan(wanted, [*held_web(STOPPED), there("container/db", STOPPED)])
    db, web = found.changes[:2]
    assert (db.key, web.key) == (key("container/db"), key(WEB))
    assert (web.after, web.follows) == (frozenset(), frozenset({db.number}))


def test_who_is_started_anew_with_it_is_so() -> None:
    follower = want("container/side", waits(WEB, Condition.STARTED, restart=True))
    found = plan([*DATA, follower], [*held_web(STOPPED), there("container/side")])
    assert "update container/side (drift: starts anew with container/web)" in str(found)


def test_an_obstacle_keeps_the_new_one_away_and_not_the_old_one() -> None:
    obstacle = Failure(NAME_CONFLICT, "a name that it needs is taken")
    found = plan([want(WEB)], [there(WEB, MOVED, STOPPED, obstacle=obstacle)])
    check(
        found,
        """
        0 update container/web (drift: was stopped outside git, exit code 137; goes on as it is, its change waits)
        1 hold container/web (commit: a name that it needs is taken)
        """,
    )


HOOK = Handling(hook=Hook(Stage.PRE_DEPLOY))


@pytest.mark.parametrize(
    ("web", "seen", "policy"),
    [
        (DATA[0], held_web(STOPPED), Policy(suspended=frozenset({("web", "web")}))),
        (DATA[0], held_web(STOPPED), Policy(resting=frozenset({key(WEB)}))),
        (DATA[0], held_web(STOPPED, owner=Owner.FOREIGN), Policy()),
        (want(WEB, "volume/data", handling=HOOK), held_web(STOPPED), Policy()),
    ],
    ids=["suspended", "healed too often", "somebody else's", "a hook"],
)
def test_what_is_to_be_left_alone_is_left_alone(web: Resource, seen: list[Observed], policy: Policy) -> None:
    found = plan([web, DATA[1]], seen, policy=policy)
    assert {one.action for one in found.changes} == {Action.HOLD}


def test_what_is_held_for_nothing_but_its_drift_is_not_mended_all_the_same() -> None:
    proxy = there("network/proxy", owner=Owner.FOREIGN, stack="", obstacle=Failure(NAME_AMBIGUOUS, "which of two"))
    off = differs("networks.proxy", None, {}, IN_PLACE, drift=True)
    found = plan([want(WEB, "network/proxy"), want("network/proxy", external=True)], [proxy, there(WEB, off)])
    check(found, "0 hold container/web (drift: which of two)")


def test_what_waits_for_a_port_is_not_started_into_it() -> None:
    port = HostPort(80)
    taken = there("container/other", owner=Owner.FOREIGN, stack="", ports=frozenset({port}))
    found = plan([want(WEB, ports=frozenset({port}))], [there(WEB, MOVED, STOPPED), taken])
    assert [(one.action, one.code) for one in found.changes] == [(Action.HOLD, PORT_IN_USE)]


def test_it_waits_for_no_port_that_only_its_change_needs() -> None:
    port = frozenset({HostPort(80)})
    gives = there("container/b", differs("ports"), ports=port)
    web = replace(DATA[0], ports=port)
    found = plan([web, DATA[1], want("container/b")], [*held_web(STOPPED), gives])
    mended = next(one for one in found.changes if one.key == key(WEB))
    assert (mended.action, mended.after) == (Action.UPDATE, frozenset())
