"""Golden plans of what has to make way for a replacement, and of what is waited for. One behaviour each."""

from __future__ import annotations

import pytest

from agent.handling import Handling, Hook, Order, Stage
from agent.model import Action, Condition, Owner, Remedy
from tests.planning.scene import IN_PLACE, NET, WEB, check, differs, key, plan, rolled, there, waits, want

# --- what makes way for a replacement ---------------------------------------------------------------------------


def test_a_replacement_that_nobody_uses_stays_whole() -> None:
    found = plan(NET, [there(WEB), there("network/front", differs("driver"))])
    check(found, "0 replace network/front (commit: driver changed)")


def test_a_replacement_takes_its_users_along() -> None:
    found = plan(NET, [there(WEB, uses=["network/front"]), there("network/front", differs("driver"))])
    check(
        found,
        """
        0 remove container/web (commit: uses network/front)
        1 remove network/front (commit: driver changed) after 0
        2 create network/front (commit: driver changed) after 1
        3 create container/web (commit: uses network/front) after 0,2
        """,
    )
    assert [bool(change.fields) for change in found.changes] == [False, False, True, False]


def test_the_users_of_the_users_go_first() -> None:
    wanted = [*NET, want("container/side", WEB)]
    actual = [
        there("container/side", uses=[WEB]),
        there(WEB, differs("image"), uses=["network/front"]),
        there("network/front", differs("driver")),
    ]
    check(
        plan(wanted, actual),
        """
        0 remove container/side (commit: uses container/web)
        1 remove container/web (commit: image changed; uses network/front) after 0
        2 remove network/front (commit: driver changed) after 1
        3 create network/front (commit: driver changed) after 2
        4 create container/web (commit: image changed; uses network/front) after 1,3
        5 create container/side (commit: uses container/web) after 0,4
        """,
    )


SIDE, LAST = "container/side", "container/last"


def test_what_is_replaced_for_its_own_sake_is_kept_and_whoever_is_attached_to_it_is_stopped_meanwhile() -> None:
    wanted = [want(WEB), want(SIDE, WEB), want(LAST, SIDE)]
    actual = [there(WEB, differs("image")), there(SIDE, uses=[WEB]), there(LAST, uses=[SIDE])]
    check(
        plan(wanted, actual),
        """
        0 stop container/last (commit: uses container/side)
        1 stop container/side (commit: uses container/web) after 0
        2 replace container/web (commit: image changed) after 1
        3 remove container/last (commit: uses container/side) after 2
        4 remove container/side (commit: uses container/web) after 2,3
        5 create container/side (commit: uses container/web) after 2,4
        6 create container/last (commit: uses container/side) after 3,5
        """,
    )


def test_whoever_is_attached_is_stopped_once_for_all_that_is_replaced_behind_all_that_is_fetched() -> None:
    wanted = [want(WEB, "image/app:2"), want("image/app:2"), want("container/db"), want(SIDE, WEB, "container/db")]
    actual = [
        there(WEB, differs("image")),
        there("container/db", differs("user")),
        there(SIDE, uses=[WEB, "container/db"]),
    ]
    check(
        plan(wanted, actual),
        """
        0 create image/app:2 (commit: needed by container/web)
        1 stop container/side (commit: uses container/db) after 0
        2 replace container/db (commit: user changed) after 1
        3 replace container/web (commit: image changed) after 0,1
        4 remove container/side (commit: uses container/db) after 2,3
        5 create container/side (commit: uses container/db) after 2,3,4
        """,
    )


def test_whoever_is_attached_and_not_wanted_any_more_goes_once_the_new_one_is_proved() -> None:
    check(
        plan([want(WEB)], [there(WEB, differs("image")), there(SIDE, uses=[WEB])]),
        """
        0 stop container/side (prune: uses container/web)
        1 replace container/web (commit: image changed) after 0
        2 remove container/side (prune: is not wanted any more) after 1
        """,
    )


def test_what_is_attached_and_changes_itself_is_stopped_as_well_and_so_is_what_is_attached_to_that() -> None:
    wanted = [want(WEB), want(SIDE, WEB), want(LAST, SIDE)]
    actual = [there(WEB, differs("image")), there(SIDE, differs("image"), uses=[WEB]), there(LAST, uses=[SIDE])]
    check(
        plan(wanted, actual),
        """
        0 stop container/last (commit: uses container/side)
        1 stop container/side (commit: uses container/web) after 0
        2 replace container/web (commit: image changed) after 1
        3 remove container/last (commit: uses container/side) after 2
        4 remove container/side (commit: image changed; uses container/web) after 2,3
        5 create container/side (commit: image changed; uses container/web) after 2,4
        6 create container/last (commit: uses container/side) after 3,5
        """,
    )


def test_what_runs_once_is_not_kept_for_what_is_attached_to_it() -> None:
    once = Handling(hook=Hook(Stage.POST_DEPLOY))
    wanted, actual = (
        [want(WEB, handling=once), want(SIDE, WEB)],
        [there(WEB, differs("image")), there(SIDE, uses=[WEB])],
    )
    assert [change.action for change in plan(wanted, actual).changes] == [
        Action.REMOVE,
        Action.REMOVE,
        Action.CREATE,
        Action.CREATE,
    ]


def test_what_needs_it_by_way_of_another_one_would_be_a_round_too() -> None:
    wanted = [want(SIDE), want("container/api", SIDE), want(WEB, "container/api")]
    side = there(SIDE, differs("network_mode"), uses=[WEB])
    check(
        plan(wanted, [there(WEB, differs("network_mode")), there("container/api"), side]),
        """
        0 remove container/side (commit: network_mode changed; uses container/web)
        1 create container/side (commit: network_mode changed; uses container/web) after 0
        2 remove container/web (commit: network_mode changed) after 0
        3 create container/web (commit: network_mode changed) after 2
        """,
    )


def test_a_leftover_that_is_attached_to_it_is_not_kept_for_it() -> None:
    """Its place may be needed before."""
    wanted = [want("container/db"), want(WEB, "container/db")]
    left = there("container/db.old", uses=[WEB], leftover=True)
    check(
        plan(wanted, [there(WEB, differs("image")), left]),
        """
        0 remove container/db.old (drift: left over from a replacement that was cut)
        1 create container/db (commit: does not exist yet) after 0
        2 replace container/web (commit: image changed) after 0,1
        """,
    )


def test_whoever_is_attached_is_why_it_is_not_started_first() -> None:
    wanted = [want(WEB, handling=rolled(order=Order.START_FIRST)), want(SIDE, WEB), want(LAST, WEB)]
    actual = [there(WEB, differs("image")), there(SIDE, uses=[WEB]), there(LAST, uses=[WEB])]
    found = {f"{one.action} {one.key.name}": one for one in plan(wanted, actual).changes}
    change = found["replace web"]
    assert change.interruption == (
        "away while it is replaced (start-first is not possible: container/last, container/side are attached to it)"
    )
    assert change.wanted is not None
    assert change.wanted.handling.rollout.order is Order.STOP_FIRST
    assert found["stop side"].interruption == "away until it is replaced"
    alone = plan(wanted[:1], actual[:1]).changes[0]
    assert alone.interruption == ""


def test_what_needs_whoever_was_attached_to_it_is_removed_for_else_it_would_be_a_round() -> None:
    wanted = [want(SIDE), want(WEB, SIDE)]
    actual = [there(WEB, differs("network_mode")), there(SIDE, differs("network_mode"), uses=[WEB])]
    check(
        plan(wanted, actual),
        """
        0 remove container/side (commit: network_mode changed; uses container/web)
        1 create container/side (commit: network_mode changed; uses container/web) after 0
        2 remove container/web (commit: network_mode changed) after 0
        3 create container/web (commit: network_mode changed) after 1,2
        """,
    )


def test_what_only_depends_on_it_stays() -> None:
    wanted = [want(WEB, waits("container/db")), want("container/db")]
    found = plan(wanted, [there(WEB), there("container/db", differs("image"))])
    check(found, "0 replace container/db (commit: image changed)")


def test_networks_swapped_between_two_users_make_no_cycle() -> None:
    wanted = [
        want("container/a", "network/y"),
        want("container/b", "network/x"),
        want("network/x"),
        want("network/y"),
    ]
    actual = [
        there("container/a", differs("networks", remedy=IN_PLACE), uses=["network/x"]),
        there("container/b", differs("networks", remedy=IN_PLACE), uses=["network/y"]),
        there("network/x", differs("driver")),
        there("network/y", differs("driver")),
    ]
    check(
        plan(wanted, actual),
        """
        0 remove container/a (commit: networks changed; uses network/x)
        1 remove container/b (commit: networks changed; uses network/y)
        2 remove network/x (commit: driver changed) after 0
        3 remove network/y (commit: driver changed) after 1
        4 create network/x (commit: driver changed) after 2
        5 create network/y (commit: driver changed) after 3
        6 create container/a (commit: networks changed; uses network/x) after 0,5
        7 create container/b (commit: networks changed; uses network/y) after 1,4
        """,
    )


@pytest.mark.parametrize(
    "user",
    [
        there("container/stranger", uses=["network/front"], owner=Owner.FOREIGN, stack=""),
        there("container/other", uses=["network/front"], stack="elsewhere", origin="git:other"),
        there("container/orphan", uses=["network/front"], owner=Owner.ADOPTABLE),
    ],
    ids=["foreign", "out of scope", "adoptable and not wanted"],
)
def test_what_may_not_be_removed_keeps_what_it_uses(user: object) -> None:
    actual = [there(WEB, differs("image"), uses=["network/front"]), there("network/front", differs("driver")), user]
    found = plan(NET, actual)  # type: ignore[arg-type]
    told = {change.key.name: (change.action, change.reason) for change in found.changes}
    assert {action for action, _ in told.values()} == {Action.HOLD}
    assert "is in use by container/" in told["front"][1]
    assert "web" in told


def test_a_user_that_could_not_be_made_again_is_not_taken_along() -> None:
    wanted = [want(WEB, "network/front", "network/proxy"), want("network/front"), want("network/proxy", external=True)]
    found = plan(wanted, [there(WEB, uses=["network/front"]), there("network/front", differs("driver"))])
    assert {change.action for change in found.changes} == {Action.HOLD}
    assert "is in use by container/web, which cannot make way" in str(found)


def test_a_held_user_of_a_user_keeps_the_whole_chain() -> None:
    wanted = [*NET, want("container/side", WEB)]
    actual = [
        there("container/side", differs("x", remedy=Remedy.NEVER), uses=[WEB]),
        there(WEB, uses=["network/front"]),
        there("network/front", differs("driver")),
    ]
    assert {change.action for change in plan(wanted, actual).changes} == {Action.HOLD}


# --- what is asked to be waited for -----------------------------------------------------------------------------


def test_a_dependency_is_behind_only_where_it_changes() -> None:
    wanted = [
        want(WEB, waits("container/db"), waits("container/cache", Condition.STARTED, optional=True)),
        want("container/db"),
        want("container/cache"),
    ]
    found = plan(wanted, [there("container/db")])
    web = next(change for change in found.changes if change.key == key(WEB))
    assert (web.after, web.follows) == (frozenset(), frozenset({0}))


def test_a_replacement_takes_the_users_of_its_users_along() -> None:
    wanted = [want(WEB), want("container/db"), want("network/front")]
    actual = [
        there(WEB, uses=["container/db"]),
        there("container/db", uses=["network/front"]),
        there("network/front", differs("driver")),
    ]
    found = plan(wanted, actual)
    assert {str(change.key): change.reason for change in found.changes if change.action is Action.REMOVE} == {
        WEB: "uses container/db",
        "container/db": "uses network/front",
        "network/front": "driver changed",
    }
