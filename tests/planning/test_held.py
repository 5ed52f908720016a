"""Golden plans about what is held, pruned or cleared away. One behaviour each."""

from __future__ import annotations

import pytest

from agent.held import EMPTY_DESIRED_STATE
from agent.model import Action, Cause, Failure, Observed, Owner, Remedy, Revision, Scope, Stack
from agent.planning import Policy, make_plan
from tests.planning.scene import ORIGIN, check, differs, plan, there, waits, want

WEB = "container/web"
IN_PLACE = Remedy.IN_PLACE
NET = [want(WEB, "network/front"), want("network/front")]


# --- what is held -----------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_held_and_so_is_what_requires_it() -> None:
    found = plan(
        [want(WEB, "network/front"), want("network/front"), want("container/db")],
        [there("network/front", owner=Owner.FOREIGN, stack="")],
    )
    create, waiting, taken = str(found).splitlines()
    assert create == "0 create container/db (commit: does not exist yet)"
    assert waiting == "1 hold container/web (commit: waits for network/front, which is held)"
    assert taken.startswith(
        "2 hold network/front (commit: the name is taken by a network that this instance of Windlass did not make:"
    )
    assert [change.key.name for change in found.pending] == ["db"]


def test_an_external_object_has_to_be_there() -> None:
    found = plan([want(WEB, "network/proxy"), want("network/proxy", external=True)])
    check(
        found,
        """
        0 hold container/web (commit: waits for network/proxy, which is held)
        1 hold network/proxy (commit: external network proxy does not exist, make it first: docker network create proxy)
        """,
    )


def test_an_external_object_is_left_as_it_is() -> None:
    wanted = [want(WEB, "network/proxy"), want("network/proxy", external=True)]
    found = plan(wanted, [there("network/proxy", differs("driver"), owner=Owner.FOREIGN)])
    check(found, "0 create container/web (commit: does not exist yet)")


def test_an_optional_requirement_that_is_held_holds_nothing() -> None:
    wanted = [want(WEB, waits("container/db", optional=True)), want("container/db")]
    found = plan(wanted, [there("container/db", owner=Owner.FOREIGN)])
    assert [(change.action, change.key.name) for change in found.changes] == [
        (Action.CREATE, "web"),
        (Action.HOLD, "db"),
    ]


def test_a_requirement_that_nobody_makes_holds() -> None:
    found = plan([want(WEB, "network/front")])
    check(found, "0 hold container/web (commit: waits for network/front, which does not exist)")


def test_what_keeps_data_is_never_replaced() -> None:
    found = plan([want(WEB, "volume/data"), want("volume/data")], [there("volume/data", differs("driver"))])
    assert {change.action for change in found.changes} == {Action.HOLD}
    assert "driver cannot change on what keeps data, and that is never replaced" in str(found)
    assert "docker run --rm -v data:/from:ro -v NEW:/to busybox cp -a /from/. /to/" in str(found)
    assert found.changes[1].fields == (("driver", "old", "new"),)


def test_what_the_engine_cannot_change_is_held() -> None:
    found = plan([want(WEB)], [there(WEB, differs("name", remedy=Remedy.NEVER), differs("user"))])
    check(
        found,
        "0 hold container/web (commit: name, user cannot be changed: put the old value back, "
        "or remove it by hand to have it made anew)",
    )


def test_what_could_not_be_made_anew_is_not_taken_away_for_it() -> None:
    subnet = there("network/front", differs("ipam.config"), obstacle=Failure("SubnetOverlap", "its subnet overlaps"))
    users = [there(WEB, uses=["network/front"])]
    found = plan([want(WEB, "network/front"), want("network/front")], [subnet, *users])
    check(found, "0 hold network/front (commit: its subnet overlaps)")
    assert found.changes[0].code == "SubnetOverlap"


def test_nothing_new_is_put_on_what_is_external_and_cannot_take_it() -> None:
    wanted = [want(WEB, "network/proxy"), want("network/proxy", external=True)]
    proxy = there("network/proxy", owner=Owner.FOREIGN, stack="", obstacle=Failure("NameAmbiguous", "which of two"))
    added = differs("networks.proxy", None, {}, IN_PLACE)
    renamed = differs("networks.proxy.aliases", [], ["api"], IN_PLACE, above=("networks", "networks.proxy"))
    for changed in ([], [there(WEB, differs("image"))], [there(WEB, added)], [there(WEB, renamed)]):
        found = plan(wanted, [proxy, *changed])
        check(found, "0 hold container/web (commit: which of two)")
        assert found.changes[0].code == "NameAmbiguous"


def test_what_is_on_it_goes_on() -> None:
    wanted = [want(WEB, "network/proxy"), want("network/proxy", external=True)]
    proxy = there("network/proxy", owner=Owner.FOREIGN, stack="", obstacle=Failure("NameAmbiguous", "which of two"))
    check(plan(wanted, [proxy, there(WEB, uses=["network/proxy"])]), "")
    stopped = there(WEB, differs("state", "exited", "running", IN_PLACE, drift=True), uses=["network/proxy"])
    assert "0 update container/web (drift" in str(plan(wanted, [proxy, stopped]))
    other = there(WEB, differs("networks.proxy.b", None, {}, IN_PLACE, above=("networks",)))
    assert "0 update container/web (commit" in str(plan(wanted, [proxy, other]))


def test_what_only_drifted_is_mended_while_something_that_is_there_is_held() -> None:
    wanted = [want(WEB, "volume/data"), want("volume/data")]
    held = there("volume/data", differs("driver"))
    assert "0 create container/web (drift" in str(plan(wanted, [held], known=[WEB]))
    stopped = there(WEB, differs("state", "exited", "running", IN_PLACE, drift=True), uses=["volume/data"])
    assert "0 update container/web (drift" in str(plan(wanted, [held, stopped]))
    changed = there(WEB, differs("image"), uses=["volume/data"])
    assert "0 hold container/web (commit" in str(plan(wanted, [held, changed]))


def test_two_stacks_cannot_make_one_object() -> None:
    found = plan([want("network/shared", stack="b"), want("network/shared", stack="a")])
    check(
        found,
        """
        0 create network/shared (commit: does not exist yet)
        1 hold network/shared (commit: stack a wants to make the same network: give it another name in one of the two)
        """,
    )
    assert [change.stack for change in found.changes] == ["a", "b"]


def test_who_has_it_keeps_it() -> None:
    ours = there("network/shared", differs("labels.x"), stack="b")
    found = plan([want("network/shared", stack="b"), want("network/shared", stack="a")], [ours])
    check(
        found,
        """
        0 replace network/shared (commit: labels.x changed)
        1 hold network/shared (commit: stack b wants to make the same network: give it another name in one of the two)
        """,
    )
    assert [change.stack for change in found.changes] == ["b", "a"]


DB = "container/db"
CLAIMED = "stack a wants to make the same container: give it another name in one of the two"


@pytest.mark.parametrize(
    ("claimants", "actual", "expected"),
    [
        ({"a", "c"}, [there(DB, differs("image"), stack="a")], [("hold", CLAIMED)]),
        ({"a"}, [there(DB, differs("image"), stack="web")], [("replace", "image changed")]),
        ({"z"}, [there(DB, differs("image"), stack="web")], [("replace", "image changed")]),
        ({"a", "c"}, [], [("hold", CLAIMED)]),
        ({"z"}, [], [("create", "does not exist yet")]),
        (set(), [there(DB, differs("image"), stack="gone")], [("replace", "image changed")]),
    ],
    ids=["another has it", "it is ours", "it is ours, and first", "the first", "not the first", "nobody else"],
)
def test_what_a_stack_of_another_turn_is_to_make_is_not_taken_from_it(
    claimants: set[str], actual: list[Observed], expected: list[tuple[str, str]]
) -> None:
    stack = Stack("web", (want(DB),), Revision("0" * 40))
    scope = Scope("host-1", ORIGIN, frozenset({"web"}))
    seen = {one.key: one for one in actual}
    found = make_plan([stack], seen, scope, Policy(), claimed={stack.resources[0].key: frozenset(claimants)})
    assert [(change.action, change.reason) for change in found.changes] == expected
    assert {change.code for change in found.changes} <= {"", "NameConflict"}


def test_one_stack_may_make_what_another_takes_as_external() -> None:
    found = plan(
        [
            want("network/shared", stack="b"),
            want("network/shared", stack="a", external=True),
            want(WEB, "network/shared", stack="a"),
        ]
    )
    check(
        found,
        """
        0 create network/shared (commit: does not exist yet)
        1 create container/web (commit: does not exist yet) after 0
        """,
    )


# --- what is pruned ---------------------------------------------------------------------------------------------

SOMETHING = want("container/cron")


def test_what_is_not_wanted_any_more_goes_users_first() -> None:
    found = plan([SOMETHING], [there("container/cron"), there(WEB, uses=["network/front"]), there("network/front")])
    check(
        found,
        """
        0 remove container/web (prune: is not wanted any more)
        1 remove network/front (prune: is not wanted any more) after 0
        """,
    )


def test_what_goes_for_good_is_let_go_of_in_place() -> None:
    actual = [there(WEB, differs("networks", remedy=IN_PLACE), uses=["network/back"]), there("network/back")]
    check(
        plan([want(WEB)], actual),
        """
        0 update container/web (commit: networks changed)
        1 remove network/back (prune: is not wanted any more) after 0
        """,
    )


def test_a_new_object_follows_the_removal_of_one_that_may_hold_its_port() -> None:
    found = plan([want("container/www")], [there(WEB)])
    check(
        found,
        """
        0 remove container/web (prune: is not wanted any more)
        1 create container/www (commit: does not exist yet) after 0
        """,
    )
    assert found.changes[1].follows == {0}


def test_data_is_kept() -> None:
    found = plan([SOMETHING], [there("container/cron"), there("volume/data")])
    check(
        found,
        "0 hold volume/data (prune: is orphaned: not wanted any more, but it keeps data: remove it with "
        "windlass volume rm data once the data may go)",
    )
    assert found.changes[0].cause is Cause.PRUNE


def test_pruning_can_be_off() -> None:
    actual = [there("container/cron"), there(WEB, uses=["network/front"]), there("network/front")]
    found = plan([SOMETHING], actual, policy=Policy(prune=False))
    assert [change.action for change in found.changes] == [Action.HOLD, Action.HOLD]


@pytest.mark.parametrize(
    "seen",
    [
        there(WEB, owner=Owner.FOREIGN),
        there(WEB, owner=Owner.ADOPTABLE, stack="other", origin=""),
        there(WEB, stack="other", origin="git:else"),
    ],
    ids=["foreign", "of another project", "of another source"],
)
def test_what_is_not_ours_to_remove_is_left_alone(seen: object) -> None:
    check(plan([SOMETHING], [there("container/cron"), seen]), "")  # type: ignore[list-item]


def test_a_stack_that_left_the_repository_is_pruned_in_a_whole_scope_only() -> None:
    actual = [there("container/cron"), there("container/gone", stack="gone")]
    narrow = Scope("host-1", ORIGIN, frozenset({"web"}), whole=False)
    check(plan([SOMETHING], actual), "0 remove container/gone (prune: is not wanted any more)")
    check(plan([SOMETHING], actual, scope=narrow), "")


def test_a_pruned_network_that_a_stranger_uses_is_held() -> None:
    stranger = there("container/stranger", uses=["network/front"], owner=Owner.FOREIGN, stack="")
    found = plan([SOMETHING], [there("container/cron"), there("network/front"), stranger])
    check(
        found,
        "0 hold network/front (prune: is in use by container/stranger, which cannot make way)",
    )


def test_an_empty_desired_state_removes_nothing() -> None:
    found = plan([], [there(WEB, uses=["network/front"]), there("network/front"), there("container/web.old")])
    assert {change.action for change in found.changes} == {Action.HOLD}
    assert all(change.reason.startswith(EMPTY_DESIRED_STATE) for change in found.changes)


def test_an_empty_desired_state_may_be_meant() -> None:
    found = plan([], [there(WEB)], policy=Policy(acknowledged=True))
    check(found, "0 remove container/web (prune: is not wanted any more)")


def test_a_scope_that_names_a_stack_without_giving_it_removes_the_stack() -> None:
    found = plan([], [there(WEB)], scope=Scope("host-1", ORIGIN, frozenset({"web"})))
    check(found, "0 remove container/web (prune: is not wanted any more)")


# --- the order of the input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1, -1], ids=["forwards", "backwards"])
def test_of_several_that_are_in_the_way_the_same_one_is_named(turn: int) -> None:
    strangers = [there(f"container/s{one}", uses=["network/front"], owner=Owner.FOREIGN) for one in range(3)]
    actual = [there("network/front", differs("driver")), *strangers]
    found = plan([want("network/front")], actual[::turn])
    check(found, "0 hold network/front (commit: is in use by container/s0, which cannot make way)")
