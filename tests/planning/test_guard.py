"""Much at once, everything, and what is under protection: none of it goes before somebody says so."""

from __future__ import annotations

import pytest

from agent.held import EMPTY_DESIRED_STATE, PROTECTED, PRUNE_GUARD
from agent.model import Action, Observed, Plan, Scope
from agent.planning import Policy, Removal
from tests.planning.scene import ORIGIN, check, plan, there, want


def service(name: str, stack: str = "web") -> Observed:
    return there(f"container/{stack}-{name}", stack=stack, service=name, uses=[f"network/{stack}"])


def removing(count: int, of: int, *, acknowledged: bool = False) -> Plan:
    """The plan of a stack that loses some of its services, one of which stays."""
    going = [service(f"s{number}") for number in range(count)]
    removal = Removal(frozenset(f"web/s{number}" for number in range(count)), of)
    return plan(
        [want("container/web-keep")],
        [*going, there("network/web")],
        policy=Policy(removal=removal, acknowledged=acknowledged),
    )


@pytest.mark.parametrize(
    ("count", "of", "held"),
    [
        pytest.param(1, 1, False, id="one service is never much"),
        pytest.param(2, 8, False, id="a quarter is not more than a quarter"),
        pytest.param(2, 7, True, id="two of seven"),
        pytest.param(3, 12, False, id="three of twelve"),
        pytest.param(4, 12, True, id="four of twelve"),
    ],
)
def test_more_than_one_and_more_than_a_quarter_is_held(count: int, of: int, held: bool) -> None:
    found = [change for change in removing(count, of).changes if change.key.name.startswith("web-s")]
    assert len(found) == count
    assert {change.action for change in found} == {Action.HOLD if held else Action.REMOVE}
    assert {change.code for change in found} == {PRUNE_GUARD if held else ""}


def test_what_is_held_tells_how_it_is_approved_and_what_it_uses_stays() -> None:
    found = removing(2, 3)
    removal = Removal(frozenset({"web/s0", "web/s1"}), 3)
    assert {change.key.name: change.action for change in found.changes}["web"] is Action.HOLD
    assert (
        "2 of the 3 services here would go at once: if that is meant, approve it with windlass approve"
        f" {removal.hash}, or commit with the trailer Windlass-Allow-Prune: 2"
    ) in found.changes[1].reason
    assert {change.approval for change in found.changes if change.code == PRUNE_GUARD} == {removal.hash}


def test_what_is_acknowledged_goes() -> None:
    assert {change.action for change in removing(2, 3, acknowledged=True).changes} == {Action.CREATE, Action.REMOVE}


def test_a_container_too_many_of_a_service_that_stays_goes_all_the_same() -> None:
    removal = Removal(frozenset({"web/a", "web/b"}), 3)
    seen = [there("container/web-api", service="api"), there("container/web-api-2", service="api")]
    found = plan([want("container/web-api")], seen, policy=Policy(removal=removal))
    check(found, "0 remove container/web-api-2 (prune: is not wanted any more)")


def test_the_hash_is_that_of_just_these_services() -> None:
    one = Removal(frozenset({"web/a", "web/b"}), 3)
    assert one.hash == Removal(frozenset({"web/b", "web/a"}), 5).hash
    assert one.hash != Removal(frozenset({"web/a", "web/c"}), 3).hash
    assert len(one.hash) == 12


@pytest.mark.parametrize("acknowledged", [False, True])
def test_an_empty_desired_state_is_approved_in_the_same_way(acknowledged: bool) -> None:
    removal = Removal(frozenset({"web/api"}), 1)
    whole = Scope("host-1", ORIGIN, frozenset(), whole=True)
    found = plan([], [service("api")], scope=whole, policy=Policy(removal=removal, acknowledged=acknowledged))
    (change,) = found.changes
    assert change.action is (Action.REMOVE if acknowledged else Action.HOLD)
    assert acknowledged or (change.code == EMPTY_DESIRED_STATE and removal.hash in change.reason)
    assert change.approval == ("" if acknowledged else removal.hash)


def test_what_is_protected_is_never_pruned_and_keeps_what_it_uses() -> None:
    seen = [
        there("container/web-db", service="db", protected=True, uses=["network/back"]),
        there("network/back"),
        there("container/web-api", service="api"),
    ]
    found = plan([want("container/web-keep")], seen, policy=Policy(acknowledged=True))
    actions = {change.key.name: change.action for change in found.changes}
    assert actions == {"web-keep": Action.CREATE, "web-db": Action.HOLD, "back": Action.HOLD, "web-api": Action.REMOVE}
    held = next(change for change in found.changes if change.key.name == "web-db")
    assert held.code == PROTECTED
    assert "docker container rm web-db" in held.reason


def test_what_may_be_protected_stays_and_what_is_left_over_is_cleared_away() -> None:
    why = "protections.json cannot be read: remove it"
    left = there("container/web.old", leftover=True, unsure=why)
    check(
        plan([want("container/web")], [there("container/web"), there("container/db", unsure=why), left]),
        f"""
        0 remove container/web.old (drift: left over from a replacement that was cut)
        1 hold container/db (prune: is not wanted any more, and nobody can tell whether it is under protection: {why})
        """,
    )


def test_a_leftover_of_something_protected_is_still_cleared_away() -> None:
    found = plan(
        [want("container/web")], [there("container/web"), there("container/web.old", leftover=True, protected=True)]
    )
    check(found, "0 remove container/web.old (drift: left over from a replacement that was cut)")
