"""Golden plans: what is wanted, what is there, and the plan as text. One behaviour each."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from agent.model import Action, Cause, Condition, Owner, Remedy, Scope
from agent.planning import EMPTY_DESIRED_STATE, Policy
from tests.planning.scene import ORIGIN, differs, key, plan, there, waits, want

WEB = "container/web"
IN_PLACE = Remedy.IN_PLACE


def check(actual: object, expected: str) -> None:
    assert str(actual) == cleandoc(expected)


# --- each object by itself --------------------------------------------------------------------------------------


def test_what_is_as_wanted_needs_no_step() -> None:
    found = plan([want(WEB, "network/front"), want("network/front")], [there(WEB), there("network/front")])
    check(found, "")
    assert found.unchanged == 2


def test_what_is_absent_is_made_behind_what_it_requires() -> None:
    found = plan([want(WEB, "network/front", "volume/data"), want("network/front"), want("volume/data")])
    check(
        found,
        """
        0 create network/front (commit: does not exist yet)
        1 create volume/data (commit: does not exist yet)
        2 create container/web (commit: does not exist yet) after 0,1
        """,
    )


def test_what_was_there_before_and_is_gone_has_drifted() -> None:
    found = plan([want(WEB)], known=[WEB])
    check(found, "0 create container/web (drift: was removed outside git)")


def test_what_may_change_in_place_is_updated() -> None:
    found = plan([want(WEB)], [there(WEB, differs("restart", "no", "always", IN_PLACE))])
    check(found, "0 update container/web (commit: restart changed)")
    assert found.changes[0].fields == (("restart", "no", "always"),)


def test_one_field_that_cannot_change_in_place_replaces_the_object() -> None:
    found = plan([want(WEB)], [there(WEB, differs("restart", remedy=IN_PLACE), differs("environment.LOG_LEVEL"))])
    check(found, "0 replace container/web (commit: restart, environment.LOG_LEVEL changed)")


@pytest.mark.parametrize(
    ("differences", "line"),
    [
        ([differs("image", drift=True)], "image: its image moved: the same tag names another image now"),
        ([differs("image")], "commit: image changed"),
        ([differs("hostname", drift=True)], "drift: hostname changed outside git"),
        ([differs("hostname", drift=True), differs("image", drift=True)], "drift: hostname, image changed outside git"),
        ([differs("user"), differs("hostname", drift=True)], "commit: user changed; hostname changed outside git"),
        ([differs(f"environment.V{number}") for number in range(9)], "and 3 more changed"),
    ],
    ids=["image moved", "image committed", "drift", "drift and image", "commit and drift", "many fields"],
)
def test_a_cause_and_a_reason(differences: list[object], line: str) -> None:
    found = plan([want(WEB)], [there(WEB, *differences)])  # type: ignore[arg-type]
    assert line in str(found)


@pytest.mark.parametrize(("state", "did"), [("exited", "stopped"), ("paused", "paused"), ("created", "left unstarted")])
def test_a_state_reads_as_what_somebody_did(state: str, did: str) -> None:
    found = plan([want(WEB)], [there(WEB, differs("state", state, "running", IN_PLACE, drift=True))])
    check(found, f"0 update container/web (drift: was {did} outside git)")


def test_a_new_file_is_a_cause_of_its_own() -> None:
    found = plan([want("file/f/ab/nginx.conf")])
    check(found, "0 create file/f/ab/nginx.conf (file: its content is new)")


def test_what_is_adopted_as_it_is_needs_no_step() -> None:
    check(plan([want(WEB)], [there(WEB, owner=Owner.ADOPTABLE)]), "")


def test_what_is_adopted_and_differs_says_so() -> None:
    found = plan([want(WEB)], [there(WEB, differs("image"), owner=Owner.ADOPTABLE)])
    check(found, "0 replace container/web (commit: adopted: image changed)")


# --- what is held -----------------------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_held_and_so_is_what_requires_it() -> None:
    found = plan(
        [want(WEB, "network/front"), want("network/front"), want("container/db")],
        [there("network/front", owner=Owner.FOREIGN, stack="")],
    )
    create, waiting, taken = str(found).splitlines()
    assert create == "0 create container/db (commit: does not exist yet)"
    assert waiting == "1 hold container/web (commit: waits for network/front, which is held)"
    assert taken.startswith("2 hold network/front (commit: the name is taken by a network that Windlass did not make:")
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
    assert found.changes[1].fields == (("driver", "old", "new"),)


def test_what_the_engine_cannot_change_is_held() -> None:
    found = plan([want(WEB)], [there(WEB, differs("name", remedy=Remedy.NEVER), differs("user"))])
    check(
        found,
        "0 hold container/web (commit: name, user cannot be changed: put the old value back, "
        "or remove it by hand to have it made anew)",
    )


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


# --- what is prepared -------------------------------------------------------------------------------------------


def test_an_image_is_fetched_for_what_is_made_from_it_and_nothing_stops_before() -> None:
    wanted = [want(WEB, "image/app:2"), want("image/app:2"), want("container/cron")]
    actual = [there(WEB, differs("image")), there("container/cron", differs("user")), there("container/old")]
    check(
        plan(wanted, actual),
        """
        0 create image/app:2 (commit: needed by container/web)
        1 remove container/old (prune: is not wanted any more) after 0
        2 replace container/cron (commit: user changed) after 0,1
        3 replace container/web (commit: image changed) after 0,1
        """,
    )


def test_an_image_that_nobody_needs_now_is_not_fetched() -> None:
    found = plan(
        [want(WEB, "image/app:2"), want("image/app:2")], [there(WEB, differs("restart", remedy=IN_PLACE, drift=True))]
    )
    check(found, "0 update container/web (drift: restart changed outside git)")
    assert found.unchanged == 1


def test_a_held_user_needs_no_image() -> None:
    wanted = [want(WEB, "image/app:2", "network/x"), want("image/app:2"), want("network/x", external=True)]
    assert [change.key.kind for change in plan(wanted).changes] == ["container", "network"]


def test_a_failed_pull_does_not_keep_drift_from_being_mended() -> None:
    wanted = [want(WEB, "image/app:2"), want("image/app:2"), want("container/db")]
    found = plan(wanted, [there("container/db", differs("restart", remedy=IN_PLACE, drift=True))])
    update = next(change for change in found.changes if change.action is Action.UPDATE)
    assert (update.after, update.follows) == (frozenset(), frozenset({0}))


def test_what_is_prepared_for_another_stack_is_not_waited_for() -> None:
    wanted = [want("container/a", "image/a", stack="a"), want("image/a", stack="a"), want("container/b", stack="b")]
    found = plan(wanted, [there("container/b", differs("user"), stack="b")])
    assert "replace container/b (commit: user changed)\n" in f"{found}\n"


def test_an_image_of_two_stacks_is_fetched_once_for_both() -> None:
    wanted = [want(f"container/{name}", "image/app", stack=name) for name in ("a", "b")]
    wanted += [want("image/app", stack=name) for name in ("a", "b")]
    actual = [there(f"container/{name}", differs("image"), stack=name) for name in ("a", "b")]
    check(
        plan(wanted, actual),
        """
        0 create image/app (commit: needed by container/a)
        1 replace container/a (commit: image changed) after 0
        2 replace container/b (commit: image changed) after 0
        """,
    )


def test_a_repaired_file_takes_nobody_along() -> None:
    wanted = [want(WEB, "file/f"), want("file/f")]
    actual = [there(WEB, uses=["file/f"]), there("file/f", differs("content", drift=True))]
    check(plan(wanted, actual), "0 replace file/f (drift: content changed outside git)")


# --- what makes way for a replacement ---------------------------------------------------------------------------

NET = [want(WEB, "network/front"), want("network/front")]


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
    assert [(change.action, change.key.name) for change in found.changes] == [
        (Action.HOLD, "web"),
        (Action.HOLD, "front"),
    ]
    assert "is in use by container/" in found.changes[1].reason


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
        "0 hold volume/data (prune: is not wanted any more, but it keeps data: remove it by hand with "
        "docker volume rm data once the data may go)",
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
        there(WEB, owner=Owner.ADOPTABLE),
        there(WEB, stack="other", origin="git:else"),
    ],
    ids=["foreign", "adopted without an inventory", "of another source"],
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
    found = plan([], [there(WEB)], policy=Policy(empty_ok=True))
    check(found, "0 remove container/web (prune: is not wanted any more)")


def test_a_scope_that_names_a_stack_without_giving_it_removes_the_stack() -> None:
    found = plan([], [there(WEB)], scope=Scope("host-1", ORIGIN, frozenset({"web"})))
    check(found, "0 remove container/web (prune: is not wanted any more)")


# --- what a cut replacement left behind -------------------------------------------------------------------------


def test_the_coming_twin_goes_before_the_change_and_the_old_one_after_it() -> None:
    twins = [there("container/web.next", leftover=True), there("container/web.old", leftover=True)]
    check(
        plan([want(WEB)], twins, known=[WEB]),
        """
        0 remove container/web.next (drift: left over from a replacement that was cut)
        1 create container/web (drift: was removed outside git) after 0
        2 remove container/web.old (drift: left over from a replacement that was cut) after 1
        """,
    )


def test_twins_of_what_is_as_wanted_just_go() -> None:
    found = plan([want(WEB)], [there(WEB), there("container/web.old", leftover=True)], policy=Policy(prune=False))
    check(found, "0 remove container/web.old (drift: left over from a replacement that was cut)")


def test_the_old_twin_stays_while_its_successor_has_to_wait() -> None:
    wanted = [want(WEB, "network/proxy"), want("network/proxy", external=True)]
    found = plan(wanted, [there("container/web.old", leftover=True)])
    assert {change.action for change in found.changes} == {Action.HOLD}


def test_the_old_twin_makes_way_for_a_replacement_of_what_it_uses() -> None:
    twin = there("container/web.old", leftover=True, uses=["network/front"])
    found = plan(NET, [twin, there("network/front", differs("driver"))])
    check(
        found,
        """
        0 remove container/web.old (drift: left over from a replacement that was cut)
        1 remove network/front (commit: driver changed) after 0
        2 create network/front (commit: driver changed) after 1
        3 create container/web (commit: does not exist yet) after 0,2
        """,
    )


def test_a_twin_is_no_user_of_its_twin() -> None:
    twin = there("container/web.next", leftover=True, uses=[WEB])
    found = plan([want(WEB)], [there(WEB, differs("image")), twin])
    assert [change.action for change in found.changes] == [Action.REMOVE, Action.REPLACE]


def test_users_of_a_coming_twin_make_way_with_it() -> None:
    wanted = [want(WEB), want("container/side", WEB)]
    actual = [
        there(WEB, differs("image")),
        there("container/web.next", leftover=True),
        there("container/side", differs("user"), uses=["container/web.next"]),
    ]
    check(
        plan(wanted, actual),
        """
        0 remove container/side (commit: user changed; uses container/web.next)
        1 remove container/web.next (drift: left over from a replacement that was cut) after 0
        2 replace container/web (commit: image changed) after 1
        3 create container/side (commit: user changed; uses container/web.next) after 0,2
        """,
    )


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
