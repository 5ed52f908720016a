"""Who waits for whom among stacks."""

from __future__ import annotations

from agent.model import Action, Cause, Change, Condition, Key, Place, Plan, Requirement, Resource, Revision, Stack
from agent.stack_order import STACK, earlier_first, in_a_round, in_order, unknown


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
