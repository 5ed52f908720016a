"""Who waits for whom among stacks."""

from __future__ import annotations

import time
from dataclasses import replace
from graphlib import TopologicalSorter

import pytest

from agent.converge import Options, converge
from agent.model import (
    Action,
    Cause,
    Change,
    Condition,
    Key,
    Observed,
    Place,
    Plan,
    Remedy,
    Requirement,
    Resource,
    Revision,
    Stack,
    Status,
)
from agent.probe import Gate, Probe
from agent.stack_order import STACK, earlier_first, in_a_round, in_order, unknown
from tests.planning.scene import differs, plan, there, waits, want


def stack(name: str, *after: str) -> Stack:
    return Stack(name, (), Revision("a" * 40), place=Place(f"{name}/compose.yaml"), after=after)


def change(number: int, of: str, action: Action = Action.CREATE, *, prepares: bool = False) -> Change:
    key = Key("image" if prepares else "container", f"{of}-{number}")
    return Change(number, action, key, of, Cause.COMMIT, "new", wanted=Resource(key, of, {}, prepares=prepares))


def test_stacks_that_wait_for_one_another_are_wrong() -> None:
    stacks = {one.name: one for one in (stack("a", "b"), stack("b", "c"), stack("c", "a"), stack("d", "a"))}
    found = in_a_round(stacks)
    assert set(found) == {"a", "b", "c"}
    assert str(found["a"]).startswith("a/compose.yaml:1:1: x-windlass.after: the stacks wait for one another: ")
    assert set(in_a_round({"a": stack("a", "a")})) == {"a"}


def test_what_is_not_there_is_told_and_not_waited_for() -> None:
    [problem] = unknown(stack("web", "db", "cache"), frozenset({"web", "db"}))
    assert 'no stack "cache"' in problem.message


def test_the_earlier_ones_come_first() -> None:
    assert earlier_first([stack("a", "c"), None, stack("b"), stack("c", "b", "z")]) == ["b", "c", "a"]


def test_those_that_wait_for_one_another_come_all_the_same_behind_what_else_they_wait_for() -> None:
    assert set(earlier_first([stack("a", "b"), stack("b", "a"), stack("c", "c")])) == {"a", "b", "c"}
    found = earlier_first([stack("a", "b", "first"), stack("b", "c"), stack("c", "a"), stack("first"), stack("d", "a")])
    assert sorted(found) == ["a", "b", "c", "d", "first"]
    assert found.index("first") < found.index("a") < found.index("d")


def test_in_one_plan_the_changes_of_a_stack_come_behind_those_that_it_waits_for() -> None:
    plan = Plan((
        change(0, "db", prepares=True), change(1, "web", prepares=True), change(2, "db"), change(3, "web"),
        change(4, "other"),
    ))  # fmt: skip
    ordered = in_order(plan, [stack("db"), stack("web", "db"), stack("other")])
    assert [sorted(one.follows) for one in ordered.changes] == [[], [], [], [2], []]
    assert ordered.changes[3].wanted is not None
    assert ordered.changes[3].wanted.requires == (Requirement(Key(STACK, "db"), Condition.HEALTHY),)
    assert in_order(plan, [stack("db"), stack("web"), stack("other")]) is plan


def test_what_is_put_behind_makes_no_round_with_what_was_put_behind_before() -> None:
    b1, b2 = change(0, "b"), change(1, "b")
    a1, a2 = replace(change(2, "a"), after=frozenset({0})), replace(change(3, "a"), after=frozenset({1}))
    ordered = in_order(Plan((b1, b2, a1, a2)), [stack("a"), stack("b", "a")])
    TopologicalSorter({one.number: one.after | one.follows for one in ordered.changes}).prepare()  # or it raises
    assert [sorted(one.follows) for one in ordered.changes] == [[3], [], [], []]


A_WEB, B_WEB, FRONT = "container/a-web", "container/b-web", "network/a_front"
DETACHED = differs("networks", remedy=Remedy.IN_PLACE)
B_USES_A = there(B_WEB, uses=[FRONT], stack="b")


@pytest.mark.parametrize(
    ("wanted", "actual"),
    [
        pytest.param(
            [want(A_WEB, stack="a"), want(B_WEB, stack="b")],
            [
                there(A_WEB, DETACHED, uses=[FRONT], stack="a"),
                there(B_WEB, DETACHED, uses=[FRONT], stack="b"),
                there(FRONT, stack="a"),
            ],
            id="the network is dropped",
        ),
        pytest.param(
            [
                want(A_WEB, FRONT, stack="a"),
                want(FRONT, stack="a"),
                want(B_WEB, FRONT, stack="b"),
                want(FRONT, stack="b", external=True),
            ],
            [there(A_WEB, uses=[FRONT], stack="a"), B_USES_A, there(FRONT, differs("driver"), stack="a")],
            id="the network is made anew",
        ),
        pytest.param(
            [want(A_WEB, waits(B_WEB, Condition.EXISTS, restart=True), stack="a"), want(B_WEB, stack="b")],
            [there(A_WEB, differs("image"), uses=[B_WEB], stack="a"), there(B_WEB, differs("image"), stack="b")],
            id="the earlier one lives in a container of the later one",
        ),
    ],
)
def test_what_the_plan_has_the_other_way_round_stays_so_and_all_of_it_is_done(
    wanted: list[Resource], actual: list[Observed]
) -> None:
    """The stack b waits for a, and lets go of something of a's before a's own step can be done."""
    found = plan(wanted, actual)
    ordered = in_order(found, [stack("a"), stack("b", "a")])
    assert any(after_it(found, "a", "b")), "of one step of a at least it is so"
    done: list[Change] = []
    outcomes = converge(
        ordered,
        lambda change, _pace: done.append(change),
        lambda required: Probe(Gate.FAILED if is_under_way(required, ordered, done) else Gate.PASSED, "not healthy"),
        options=Options(workers=1),
        stop=lambda: False,
        clock=time.monotonic,
        sleep=time.sleep,
        report=lambda _: None,
    )
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * len(outcomes)
    assert len(done) == len(found.changes) > 2


def after_it(found: Plan, later: str, earlier: str) -> list[Change]:
    """The changes of a stack that are right behind one of another's."""
    numbers = {one.number for one in found.changes if one.stack == earlier}
    return [one for one in found.changes if one.stack == later and numbers & (one.after | one.follows)]


def is_under_way(required: Requirement, ordered: Plan, done: list[Change]) -> bool:
    """Whether a container of the stack that is waited for is away just now."""
    if required.key.kind != STACK:
        return False
    left = [one for one in ordered.changes if one not in done and one.wanted and one.wanted.service]
    return any(one.stack == required.key.name and one.action is Action.CREATE for one in left)


def test_a_stack_still_waits_until_the_other_one_is_healthy_where_a_network_alone_is_the_other_way_round() -> None:
    wanted = [want(A_WEB, stack="a"), want(B_WEB, stack="b")]
    actual = [
        there(A_WEB, differs("image"), uses=[FRONT], stack="a"),
        there(B_WEB, differs("image"), uses=[FRONT], stack="b"),
        there(FRONT, stack="a"),
    ]
    ordered = in_order(plan(wanted, actual), [stack("a"), stack("b", "a")])
    [web] = [one for one in ordered.changes if str(one.key) == B_WEB]
    [first] = [one for one in ordered.changes if str(one.key) == A_WEB]
    assert web.wanted is not None
    assert web.wanted.requires == (Requirement(Key(STACK, "a"), Condition.HEALTHY),)
    assert web.follows == {first.number}
