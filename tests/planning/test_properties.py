"""What holds of every plan, tried on a model of a host."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.held import PORT_IN_USE
from agent.model import Action, Change, Key, Owner, Plan, Stack, Status
from agent.planning import make_plan
from tests.planning.worlds import Case, RandomDice, cases, make_case, plan_of
from tests.world import Cut, Thing, World, carry_out

PASSES = 3  # one for the plan, one for what a stranger or a leftover kept from it, one to see that nothing is left
MAKING = {Action.CREATE, Action.UPDATE, Action.REPLACE}
TAKING = {Action.REMOVE, Action.REPLACE}

Property = Callable[
    [Case, random.Random], None
]  # `chance` decides what the property leaves open, such as what ends first


def settle(case: Case, world: World, chance: random.Random) -> Plan:
    """Plan and carry out until nothing is pending; the last plan."""
    plan = plan_of(case, world)
    for _ in range(PASSES):
        if not plan.pending:
            break
        carry_out(plan, world, chance.choice)
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


def a_plan_that_is_carried_out_leaves_nothing_to_do(case: Case, chance: random.Random) -> None:
    world = case.world()
    plan = settle(case, world, chance)
    assert not plan.pending, plan
    seen = world.observe(case.resources, case.scope)
    held = {change.key for change in plan.changes}
    for resource in case.resources:
        if resource.key not in held and not resource.on_demand:
            assert resource.key in seen
            assert resource.external or not seen[resource.key].differences
    assert not [key for key, observed in seen.items() if observed.leftover and key not in held]


def nothing_is_asked_that_the_engine_refuses(case: Case, chance: random.Random) -> None:
    world = case.world()
    plan = plan_of(case, world)
    ended = carry_out(plan, world, chance.choice)
    assert set(ended.values()) <= {Status.DONE, Status.HELD}, (plan, ended)


def a_cut_anywhere_is_made_good(case: Case, chance: random.Random) -> None:
    world = case.world()
    world.writes_left = chance.randint(0, 12)
    try:
        settle(case, world, chance)
    except Cut:
        assert world.writes_left == 0
    world.writes_left = None
    assert not settle(case, world, chance).pending


# --- what it never does -----------------------------------------------------------------------------------------


def only_what_is_ours_is_touched_and_data_stays(case: Case, chance: random.Random) -> None:
    world = case.world()
    before = dict(world.things)
    wanted = {resource.key for resource in case.resources if not resource.external}
    settle(case, world, chance)
    for key, thing in before.items():
        may_go = key.kind != "volume" and thing.owner is not Owner.FOREIGN and (key in wanted or _in_scope(case, thing))
        if not may_go:
            assert world.things[key].serial == thing.serial
        if thing.owner is Owner.FOREIGN or (key not in wanted and not _in_scope(case, thing)):
            assert world.things[key] == thing


def _in_scope(case: Case, thing: Thing) -> bool:
    inside = thing.stack in case.scope.stacks or (case.scope.whole and thing.origin == case.scope.origin)
    return thing.owner is Owner.OURS and inside


def a_plan_says_what_it_may_say(case: Case, chance: random.Random) -> None:
    for change in plan_of(case, case.world()).pending:
        assert change.seen is None or change.seen.owner is not Owner.FOREIGN
        assert change.wanted is None or not change.wanted.external
        assert change.wanted is not None or change.action in {Action.REMOVE, Action.STOP}
        assert change.action is Action.CREATE or change.seen is not None
        if change.action in TAKING:
            assert change.seen is not None
            assert not change.seen.keeps_data


def an_empty_desired_state_removes_nothing(case: Case, chance: random.Random) -> None:
    stacks = tuple(replace(stack, resources=()) for stack in case.stacks)
    empty = replace(case, stacks=stacks, policy=replace(case.policy, acknowledged=False))
    assert not plan_of(empty, empty.world()).pending


def pruning_that_is_off_removes_leftovers_at_most(case: Case, chance: random.Random) -> None:
    careful = replace(case, policy=replace(case.policy, prune=False))
    wanted = {resource.key for resource in case.resources}
    for change in plan_of(careful, careful.world()).pending:
        assert change.key in wanted or (change.seen and change.seen.leftover)


# --- its order --------------------------------------------------------------------------------------------------


def every_step_comes_after_what_it_needs(case: Case, chance: random.Random) -> None:
    plan = plan_of(case, case.world())
    makes = {change.key: change.number for change in plan.changes if change.action in MAKING}
    takes = {change.key: change.number for change in plan.changes if change.action is Action.REMOVE}
    for change in plan.pending:
        earlier = behind(plan, change)
        if change.wanted and change.action not in {Action.REMOVE, Action.STOP}:
            assert {makes[needed.key] for needed in change.wanted.requires if needed.key in makes} <= earlier
        if change.action in MAKING and change.key in takes:
            assert takes[change.key] in earlier
        if change.action in {*TAKING, Action.STOP} and not (change.wanted and change.wanted.prepares):
            assert {makes[key] for key in _prepared(case.stacks, change.stack) if key in makes} <= earlier


def nobody_takes_a_port_before_whoever_holds_it_has_let_go(case: Case, chance: random.Random) -> None:
    world = case.world()
    plan = plan_of(case, world)
    carry_out(plan, world, chance.choice)
    assert not world.clashes, plan


def who_waits_for_a_port_waits_for_somebody_who_keeps_it(case: Case, chance: random.Random) -> None:
    world = case.world()
    plan = plan_of(case, world)
    seen, wanted = world.observe(case.resources, case.scope), {one.key: one for one in case.resources}
    held = {change.key: change for change in plan.changes if change.action is Action.HOLD}
    keep = [key for key in seen if key in held or not _goes(plan, key)]
    for key in (key for key, change in held.items() if change.code == PORT_IN_USE):
        assert any(a.clashes(b) for other in keep for a in seen[other].ports for b in wanted[key].ports), plan


def _goes(plan: Plan, key: Key) -> bool:
    return any(change.key == key and change.action in TAKING for change in plan.changes)


def only_what_cannot_go_first_is_stopped_once(case: Case, chance: random.Random) -> None:
    """Whoever is stopped is replaced or removed behind that. In between somebody takes a port of it, or what it is
    attached to is replaced, be it indirectly."""
    plan = plan_of(case, case.world())
    for stop in plan.changes:
        if stop.action is Action.STOP:
            [goes] = [one for one in plan.changes if one.key == stop.key and one.action in TAKING]
            others = [one for one in plan.changes if stop.number in behind(plan, one) and one is not goes]
            replaced = {one.key for one in others if one.action is Action.REPLACE and one.number in behind(plan, goes)}
            assert stop.number in behind(plan, goes)
            assert any(_clash(stop, other) for other in others) or _is_attached(case, stop.key, replaced)


def _is_attached(case: Case, key: Key, others: set[Key]) -> bool:
    seen = case.world().observe(case.resources, case.scope)
    found, queue = set[Key](), [key]
    while queue:
        further = seen[queue.pop()].uses & seen.keys() - found
        found |= further
        queue += further
    return bool(found & others)


def what_is_replaced_while_others_are_attached_to_it_is_kept_until_it_is_proved(
    case: Case, chance: random.Random
) -> None:
    """Whoever is attached to a container that is replaced is down by then, and taken away only behind that."""
    world = case.world()
    plan = plan_of(case, world)
    seen = world.observe(case.resources, case.scope)
    for change in plan.changes:
        for user in seen if change.action is Action.REPLACE and change.key.kind == "container" else ():
            if change.key in seen[user].uses:
                earlier = [plan.changes[number] for number in behind(plan, change)]
                assert any(one.key == user and one.action in {Action.STOP, Action.REMOVE} for one in earlier), plan


def _clash(holder: Change, taker: Change) -> bool:
    held, wanted = holder.seen, taker.wanted
    return held is not None and wanted is not None and any(a.clashes(b) for a in held.ports for b in wanted.ports)


def who_starts_anew_with_another_one_does_so_behind_it(case: Case, chance: random.Random) -> None:
    world = case.world()
    plan = plan_of(case, world)
    made = {change.key: change for change in plan.pending if change.action in MAKING}
    taken = {change.key for change in plan.pending if change.action in TAKING}
    held = {change.key for change in plan.changes if change.action is Action.HOLD}
    anew = {key for key in taken & made.keys() if made[key].action is not Action.UPDATE}
    for user in case.resources:
        if user.key in world.things and user.key not in held:
            for needed in user.requires:
                if needed.restart and needed.key in anew:
                    change = made[user.key]
                    assert change.action is not Action.UPDATE or change.restarts
                    assert made[needed.key].number in behind(plan, change)


def _prepared(stacks: Sequence[Stack], name: str) -> list[Key]:
    return [one.key for stack in stacks if stack.name == name for one in stack.resources if one.prepares]


def numbers_count_up_along_the_order_so_there_is_no_cycle(case: Case, chance: random.Random) -> None:
    plan = plan_of(case, case.world())
    assert [change.number for change in plan.changes] == list(range(len(plan.changes)))
    for change in plan.changes:
        assert all(earlier < change.number for earlier in change.after | change.follows)
        assert change.action is not Action.HOLD or not change.after | change.follows
        assert not any(plan.changes[earlier].action is Action.HOLD for earlier in change.after | change.follows)


def the_order_of_the_input_is_no_matter(case: Case, chance: random.Random) -> None:
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


PROPERTIES: tuple[Property, ...] = (
    a_plan_that_is_carried_out_leaves_nothing_to_do,
    nothing_is_asked_that_the_engine_refuses,
    a_cut_anywhere_is_made_good,
    only_what_is_ours_is_touched_and_data_stays,
    a_plan_says_what_it_may_say,
    an_empty_desired_state_removes_nothing,
    pruning_that_is_off_removes_leftovers_at_most,
    every_step_comes_after_what_it_needs,
    nobody_takes_a_port_before_whoever_holds_it_has_let_go,
    who_waits_for_a_port_waits_for_somebody_who_keeps_it,
    only_what_cannot_go_first_is_stopped_once,
    what_is_replaced_while_others_are_attached_to_it_is_kept_until_it_is_proved,
    who_starts_anew_with_another_one_does_so_behind_it,
    numbers_count_up_along_the_order_so_there_is_no_cycle,
    the_order_of_the_input_is_no_matter,
)

# --- tried ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda holds: holds.__name__)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), seed=st.integers(0, 2**32))
def test_always(holds: Property, case: Case, seed: int) -> None:
    holds(case, random.Random(seed))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_always_on_thousands_of_hosts() -> None:
    for seed in range(5000):
        case = make_case(RandomDice(seed))
        for holds in PROPERTIES:
            holds(case, random.Random(seed))
