"""What holds of every plan, tried on a model of a host."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from agent.model import Action, Change, Key, Owner, Plan, Stack, Status
from agent.planning import make_plan
from tests.planning.worlds import Case, cases
from tests.world import Cut, Thing, World, carry_out

PASSES = 3  # one for the plan, one for what a stranger or a leftover kept from it, one to see that nothing is left
MAKING = {Action.CREATE, Action.UPDATE, Action.REPLACE}
TAKING = {Action.REMOVE, Action.REPLACE}

tried = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
orders = st.integers(0, 2**32).map(lambda seed: random.Random(seed).choice)


def plan_of(case: Case, world: World) -> Plan:
    return make_plan(case.stacks, world.observe(case.resources, case.scope), case.scope, case.policy, case.known)


def settle(case: Case, world: World, choose: Callable[[Sequence[int]], int], passes: int = PASSES) -> Plan:
    """Plan and carry out until nothing is pending; the last plan."""
    plan = plan_of(case, world)
    for number in range(passes):
        if not plan.pending:
            event(f"at rest after {number} passes")
            break
        carry_out(plan, world, choose)
        plan = plan_of(case, world)
    return plan


def behind(plan: Plan, change: Change) -> frozenset[int]:
    """Every step that it comes after, directly or not."""
    found: set[int] = set()
    queue = [change.number]
    while queue:
        earlier = plan.changes[queue.pop()]
        new = (earlier.after | earlier.follows) - found
        found |= new
        queue.extend(new)
    return frozenset(found)


# --- it comes to rest -------------------------------------------------------------------------------------------


@tried
@given(cases(), orders)
def test_a_plan_that_is_carried_out_leaves_nothing_to_do(case: Case, choose: Callable[[Sequence[int]], int]) -> None:
    world = case.world()
    plan = settle(case, world, choose)
    assert not plan.pending, plan
    seen = world.observe(case.resources, case.scope)
    held = {change.key for change in plan.changes}
    for resource in case.resources:
        if resource.key not in held and not resource.on_demand:
            assert resource.key in seen
            assert resource.external or not seen[resource.key].differences
    assert not [key for key, observed in seen.items() if observed.leftover and key not in held]


@tried
@given(cases(), orders)
def test_nothing_is_asked_that_the_engine_refuses(case: Case, choose: Callable[[Sequence[int]], int]) -> None:
    world = case.world()
    plan = plan_of(case, world)
    ended = carry_out(plan, world, choose)
    assert set(ended.values()) <= {Status.DONE, Status.HELD}, (plan, ended)


@tried
@given(cases(), orders, st.integers(0, 12))
def test_a_cut_anywhere_is_made_good(case: Case, choose: Callable[[Sequence[int]], int], writes: int) -> None:
    world = case.world()
    world.writes_left = writes
    try:
        settle(case, world, choose)
    except Cut:
        event("cut")
    world.writes_left = None
    assert not settle(case, world, choose).pending


# --- what it never does -----------------------------------------------------------------------------------------


@tried
@given(cases(), orders)
def test_only_what_is_ours_is_touched_and_data_stays(case: Case, choose: Callable[[Sequence[int]], int]) -> None:
    world = case.world()
    before = dict(world.things)
    wanted = {resource.key for resource in case.resources if not resource.external}
    settle(case, world, choose)
    for key, thing in before.items():
        may_go = key.kind != "volume" and thing.owner is not Owner.FOREIGN and (key in wanted or _in_scope(case, thing))
        if not may_go:
            assert world.things[key].serial == thing.serial
        if thing.owner is Owner.FOREIGN or (key not in wanted and not _in_scope(case, thing)):
            assert world.things[key] == thing


def _in_scope(case: Case, thing: Thing) -> bool:
    inside = thing.stack in case.scope.stacks or (case.scope.whole and thing.origin == case.scope.origin)
    return thing.owner is Owner.OURS and inside


@tried
@given(cases())
def test_a_plan_says_what_it_may_say(case: Case) -> None:
    for change in plan_of(case, case.world()).pending:
        assert change.seen is None or change.seen.owner is not Owner.FOREIGN
        assert change.wanted is None or not change.wanted.external
        assert change.wanted is not None or change.action is Action.REMOVE
        assert change.action is Action.CREATE or change.seen is not None
        if change.action in TAKING:
            assert change.seen is not None
            assert not change.seen.keeps_data


@tried
@given(cases())
def test_an_empty_desired_state_removes_nothing(case: Case) -> None:
    stacks = tuple(replace(stack, resources=()) for stack in case.stacks)
    empty = replace(case, stacks=stacks, policy=replace(case.policy, empty_ok=False))
    assert not plan_of(empty, empty.world()).pending


@tried
@given(cases())
def test_pruning_that_is_off_removes_leftovers_at_most(case: Case) -> None:
    careful = replace(case, policy=replace(case.policy, prune=False))
    wanted = {resource.key for resource in case.resources}
    for change in plan_of(careful, careful.world()).pending:
        assert change.key in wanted or (change.seen and change.seen.leftover)


# --- its order --------------------------------------------------------------------------------------------------


@tried
@given(cases())
def test_every_step_comes_after_what_it_needs(case: Case) -> None:
    plan = plan_of(case, case.world())
    makes = {change.key: change.number for change in plan.changes if change.action in MAKING}
    takes = {change.key: change.number for change in plan.changes if change.action is Action.REMOVE}
    for change in plan.pending:
        earlier = behind(plan, change)
        if change.wanted:
            assert {makes[needed.key] for needed in change.wanted.requires if needed.key in makes} <= earlier
        if change.action in MAKING and change.key in takes:
            assert takes[change.key] in earlier
        if change.action in TAKING and not (change.wanted and change.wanted.prepares):
            assert {makes[key] for key in _prepared(case.stacks, change.stack) if key in makes} <= earlier


def _prepared(stacks: Sequence[Stack], name: str) -> list[Key]:
    return [one.key for stack in stacks if stack.name == name for one in stack.resources if one.prepares]


@tried
@given(cases())
def test_numbers_count_up_along_the_order_so_there_is_no_cycle(case: Case) -> None:
    plan = plan_of(case, case.world())
    assert [change.number for change in plan.changes] == list(range(len(plan.changes)))
    for change in plan.changes:
        assert all(earlier < change.number for earlier in change.after | change.follows)
        assert change.action is not Action.HOLD or not change.after | change.follows
        assert not any(plan.changes[earlier].action is Action.HOLD for earlier in change.after | change.follows)


@tried
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_is_no_matter(case: Case, chance: random.Random) -> None:
    world = case.world()
    seen = world.observe(case.resources, case.scope)
    plan = make_plan(case.stacks, seen, case.scope, case.policy, case.known)
    stacks = [
        replace(stack, resources=tuple(chance.sample(stack.resources, len(stack.resources)))) for stack in case.stacks
    ]
    chance.shuffle(stacks)
    shuffled = list(seen.items())
    chance.shuffle(shuffled)
    assert make_plan(stacks, dict(shuffled), case.scope, case.policy, case.known) == plan
