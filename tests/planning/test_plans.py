"""Golden plans: what is wanted, what is there, and the plan as text. One behaviour each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.handling import Handling, Hook, Order, Rollout, Stage
from agent.model import Action, Cause, Condition, Difference, Observed, Owner, Remedy, Revision
from agent.provenance import Provenance
from tests.planning.scene import check, differs, key, plan, there, waits, want

WEB = "container/web"
IN_PLACE = Remedy.IN_PLACE


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
        ([differs("build")], "commit: the content that it is built from changed"),
        ([differs("build"), differs("user")], "commit: user changed; the content that it is built from changed"),
        ([differs("pulled for")], "commit: its pull policy has it pulled for each new content"),
        ([differs("build", drift=True)], "image: its image was not built from the commit"),
        ([differs("post_start", drift=True)], "drift: not all of its post_start hooks have run"),
    ],
    ids=[
        *("image moved", "image committed", "drift", "drift and image", "commit and drift", "many fields"),
        *("built anew", "built anew and changed", "pulled anew", "built by somebody else", "hooks"),
    ],
)
def test_a_cause_and_a_reason(differences: list[object], line: str) -> None:
    found = plan([want(WEB)], [there(WEB, *differences)])  # type: ignore[arg-type]
    assert line in str(found)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("exited", "was stopped outside git"),
        ("exited (137)", "was stopped outside git, exit code 137"),
        ("paused", "was paused outside git"),
        ("created", "was left unstarted outside git"),
        ("removing", "is removing"),
    ],
)
def test_a_state_reads_as_what_somebody_did(state: str, reason: str) -> None:
    found = plan([want(WEB)], [there(WEB, differs("state", state, "running", IN_PLACE, drift=True))])
    check(found, f"0 update container/web (drift: {reason})")


def test_a_new_file_is_a_cause_of_its_own() -> None:
    found = plan([want("file/f/ab/nginx.conf")])
    check(found, "0 create file/f/ab/nginx.conf (file: its content is new)")


SECRET = "/run/windlass/secrets/web/2b/db password"


def test_a_new_secret_is_a_cause_of_its_own() -> None:
    found = plan([want(f"file/{SECRET}", spec={"content": {"": (0o444, b"x")}, "secret": True})])
    check(found, f"0 create file/{SECRET} (secret: its content is new)")


@pytest.mark.parametrize(
    ("differences", "cause"),
    [
        ([differs("volumes./run/secrets/db", "bind /secrets/1a/db ro", f"bind {SECRET} ro")], "secret"),
        ([differs("volumes./run/secrets/db", None, f"bind {SECRET} ro")], "commit"),
        ([differs("volumes./run/secrets/db", "bind /secrets/1a/db ro", f"bind {SECRET}2 ro")], "commit"),
        ([differs("environment.DB_PASS", secret=True)], "secret"),
        ([differs("environment.DB_PASS", secret=True), differs("user", drift=True)], "secret"),
        ([differs("environment.DB_PASS", secret=True), differs("user")], "commit"),
        ([differs("environment.DB_PASS", secret=True, drift=True)], "drift"),
    ],
    ids=["another content", "mounted newly", "another path", "a field", "drift beside", "commit beside", "by hand"],
)
def test_only_secrets_that_changed_are_the_cause(differences: list[Difference], cause: str) -> None:
    secret = want(f"file/{SECRET}", spec={"content": {}, "secret": True})
    found = plan([want(WEB, f"file/{SECRET}"), secret], [there(WEB, *differences), there(f"file/{SECRET}")])
    assert [change.cause for change in found.changes] == [cause]


def test_what_was_made_at_the_same_revision_changes_because_of_the_settings() -> None:
    revision = "0" * 40  # that the scene wants everything at
    found = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision=revision)])
    check(found, "0 replace container/web (settings: environment.LEVEL changed)")
    drifted = plan([want(WEB)], [there(WEB, differs("hostname", drift=True), revision=revision)])
    check(drifted, "0 replace container/web (drift: hostname changed outside git)")
    older = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="1" * 40)])
    check(older, "0 replace container/web (commit: environment.LEVEL changed)")


RAISED = Revision("2" * 40, "Raise the level", "Ada")


def test_the_commit_that_brought_it_is_named_with_each_change_that_has_one_as_its_cause() -> None:
    wanted = [want(WEB), want("container/db"), want("container/other", stack="other")]
    seen = [there(WEB, differs("environment.LEVEL")), there("container/db", differs("user", drift=True))]
    found = plan(wanted, seen, traced={"web": Provenance(RAISED)})
    named = {change.key.name: (change.cause, change.commit) for change in found.changes}
    assert named == {"web": ("commit", RAISED), "db": ("drift", None), "other": ("commit", None)}


def test_what_was_made_at_a_revision_with_the_same_content_changes_because_of_the_settings() -> None:
    traced = {"web": Provenance(RAISED, frozenset({"1" * 40}))}
    found = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="1" * 40)], traced=traced)
    check(found, "0 replace container/web (settings: environment.LEVEL changed)")
    assert [change.commit for change in found.changes] == [None]
    older = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="3" * 40)], traced=traced)
    check(older, "0 replace container/web (commit: environment.LEVEL changed)")
    elsewhere = plan(
        [want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="1" * 40)], traced={"db": traced["web"]}
    )
    check(elsewhere, "0 replace container/web (commit: environment.LEVEL changed)")


def test_what_the_settings_make_is_told_as_theirs_where_they_change_something_else_too() -> None:
    made = {"revision": "0" * 40}
    new = [want("network/front"), want("container/other", stack="other")]
    found = plan([want(WEB), *new], [there(WEB, differs("networks.front"), **made)])
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "settings",
        "front": "settings",
        "other": "commit",
    }
    both = [there(WEB, differs("networks.front"), **made), there("container/db", differs("user"), revision="1" * 40)]
    found = plan([want(WEB), want("container/db"), *new], both)
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "settings",
        "db": "commit",
        "front": "commit",
        "other": "commit",
    }
    found = plan([want(WEB), *new], [there(WEB, differs("user", drift=True), **made)])
    assert {change.key.name: change.cause for change in found.changes}["front"] == "commit"


def test_a_service_that_is_new_though_git_has_nothing_new_is_so_because_of_the_settings() -> None:
    wanted = [want(WEB, "network/front"), want("network/front"), want("container/db")]
    was_good = {"web": Provenance(RAISED, was_good=True)}
    found = plan(wanted, [there("container/db")], traced=was_good)
    check(
        found,
        """
        0 create network/front (settings: does not exist yet)
        1 create container/web (settings: does not exist yet) after 0
        """,
    )
    assert [change.commit for change in found.changes] == [None, None]
    found = plan(wanted, [], known=[WEB], traced=was_good)
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "drift",
        "db": "settings",
        "front": "settings",
    }
    found = plan([want("network/front")], [], traced=was_good)
    check(found, "0 create network/front (commit: does not exist yet)")


def test_what_drifts_or_does_not_say_when_it_was_made_is_no_word_against_the_settings() -> None:
    made = {"revision": "0" * 40}
    drifts, front = (
        there("container/db", differs("user", drift=True), **made),
        there("network/front", differs("driver")),
    )
    found = plan(
        [want(WEB), want("container/db"), NET[1]], [there(WEB, differs("networks.front"), **made), drifts, front]
    )
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "settings",
        "db": "drift",
        "front": "settings",
    }


def test_a_file_that_the_commit_changed_is_the_cause() -> None:
    found = plan([want("file/f")], [there("file/f", differs("content"))])
    check(found, "0 replace file/f (file: content changed)")


def test_what_is_adopted_as_it_is_needs_no_step() -> None:
    check(plan([want(WEB)], [there(WEB, owner=Owner.ADOPTABLE)]), "")


def test_what_was_adopted_and_drifts_says_no_more_than_that() -> None:
    stopped = differs("state", "exited (0)", "running", Remedy.IN_PLACE, drift=True)
    found = plan([want(WEB)], [there(WEB, stopped, owner=Owner.ADOPTABLE)])
    check(found, "0 update container/web (drift: was stopped outside git, exit code 0)")


def test_what_is_adopted_and_differs_says_so() -> None:
    found = plan([want(WEB)], [there(WEB, differs("image"), owner=Owner.ADOPTABLE)])
    check(found, "0 replace container/web (commit: adopted: image changed)")
    drifts = differs("user", drift=True)
    found = plan([want(WEB)], [there(WEB, differs("image"), drifts, owner=Owner.ADOPTABLE)])
    assert "commit: adopted: image changed" in str(found)


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


def test_an_image_that_is_always_pulled_is_so_for_what_is_made() -> None:
    wanted = [want(WEB, "image/app"), want("image/app", renewed=True)]
    check(plan(wanted, [there(WEB), there("image/app")]), "")
    check(
        plan(wanted, [there(WEB, differs("user")), there("image/app")]),
        """
        0 replace image/app (commit: needed by container/web)
        1 replace container/web (commit: user changed) after 0
        """,
    )
    moved = plan(wanted, [there(WEB, differs("image", drift=True)), there("image/app")])
    check(moved, "0 replace container/web (image: its image moved: the same tag names another image now)")


def test_an_image_that_is_due_is_fetched_though_nobody_is_made() -> None:
    wanted = [want(WEB, "image/app"), want("image/app")]
    found = plan(wanted, [there(WEB), there("image/app", differs("pulled", drift=True))])
    check(found, "0 replace image/app (image: its pull policy has it looked for again by now)")


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


# --- what starts anew with something else -----------------------------------------------------------------------

PAIR = [want(WEB, waits("container/db", restart=True)), want("container/db")]
CHAIN = [PAIR[0], want("container/db", waits("container/disk", restart=True)), want("container/disk")]


def test_what_runs_on_starts_anew_behind_the_replacement_of_what_it_goes_with() -> None:
    found = plan(PAIR, [there(WEB), there("container/db", differs("image"))])
    check(
        found,
        """
        0 replace container/db (commit: image changed)
        1 update container/web (commit: starts anew with container/db) after 0
        """,
    )
    assert [change.restarts for change in found.changes] == [False, True]


def test_starting_anew_goes_on_to_what_depends_on_that_in_its_turn() -> None:
    stopped = differs("state", "exited (0)", "running", IN_PLACE, drift=True)
    found = plan(CHAIN, [there(WEB), there("container/db"), there("container/disk", stopped)])
    check(
        found,
        """
        0 update container/disk (drift: was stopped outside git, exit code 0)
        1 update container/db (drift: starts anew with container/disk) after 0
        2 update container/web (drift: starts anew with container/db) after 1
        """,
    )


def test_a_change_in_place_and_starting_anew_are_one_step() -> None:
    actual = [there(WEB, differs("restart", remedy=IN_PLACE)), there("container/db", differs("image"))]
    check(
        plan(PAIR, actual),
        """
        0 replace container/db (commit: image changed)
        1 update container/web (commit: restart changed; starts anew with container/db) after 0
        """,
    )


@pytest.mark.parametrize(
    ("seen", "db"),
    [
        ([there("container/db", differs("memory", remedy=IN_PLACE))], "update"),  # nothing starts
        ([], "create"),  # there was none to go with
    ],
    ids=["changed in place", "new"],
)
def test_what_only_changes_or_is_new_starts_nothing_anew(seen: list[Observed], db: str) -> None:
    found = plan(PAIR, [there(WEB), *seen])
    assert [(change.key.name, change.action.value) for change in found.changes] == [("db", db)]


def test_what_is_made_anew_itself_needs_no_start_besides() -> None:
    actual = [there(WEB, uses=["container/db"]), there("container/db", differs("image"))]
    check(
        plan(PAIR, actual),
        """
        0 stop container/web (commit: uses container/db)
        1 replace container/db (commit: image changed) after 0
        2 remove container/web (commit: uses container/db) after 1
        3 create container/web (commit: uses container/db) after 1,2
        """,
    )


def test_what_is_held_or_not_there_is_not_started() -> None:
    db = there("container/db", differs("image"))
    held = there(WEB, differs("x", remedy=Remedy.NEVER))
    assert "starts anew" not in str(plan(PAIR, [held, db]))
    assert "starts anew" not in str(plan(PAIR, [db]))


DB = want("container/db")

# --- what is interrupted ----------------------------------------------------------------------------------------


def rolled(**over: Any) -> Handling:
    return Handling(rollout=Rollout(**over))


@pytest.mark.parametrize(
    ("handling", "words"),
    [
        (rolled(), "away while it is replaced"),
        (rolled(order=Order.START_FIRST), ""),
        (
            rolled(obstacle="it publishes port 80"),
            "away while it is replaced (start-first is not possible: it publishes port 80)",
        ),
    ],
    ids=["stop-first", "start-first", "fallen back"],
)
def test_a_replacement_says_what_it_interrupts(handling: Handling, words: str) -> None:
    found = plan([want(WEB, handling=handling)], [there(WEB, differs("image"))])
    assert [change.interruption for change in found.changes] == [words]


def test_a_job_that_is_over_is_not_interrupted() -> None:
    seen = replace(there(WEB, differs("image")), over=True)
    assert [change.interruption for change in plan([want(WEB)], [seen]).changes] == [""]


def test_only_what_was_there_and_comes_back_is_interrupted() -> None:
    actual = [there(WEB, uses=["network/front"]), there("network/front", differs("driver")), there("container/old")]
    found = plan([*NET, want("container/new")], actual)
    interrupted = {f"{change.action} {change.key}": change.interruption for change in found.changes}
    assert interrupted == {
        "create container/new": "",
        "remove container/old": "",
        "remove container/web": "away until it is made again",
        "remove network/front": "",
        "create network/front": "",
        "create container/web": "",
    }


def test_what_starts_anew_with_another_is_interrupted() -> None:
    wanted = [want(WEB, waits("container/db", restart=True)), want("container/db")]
    found = plan(wanted, [there(WEB), there("container/db", differs("image"))])
    assert [(str(change.key), change.interruption) for change in found.changes] == [
        ("container/db", "away while it is replaced"),
        (WEB, "away while it is started anew"),
    ]


@pytest.mark.parametrize("why", ["the health of each", "what each depends on", "a file that was mended"])
@pytest.mark.parametrize("parallelism", [0, 1, 2])
def test_what_is_started_anew_takes_turns_with_the_others_of_its_service(why: str, parallelism: int) -> None:
    handling, names = rolled(parallelism=parallelism, delay=2.0), ["web-1", "web-2", "web-10"]
    needs = [waits("file/f", Condition.EXISTS, restart=True), waits("container/db", restart=True)]
    ill = [differs("health", remedy=Remedy.RESTART, drift=True)] if why == "the health of each" else []
    found = plan(
        [
            *(want(f"container/{name}", *needs, service="web", handling=handling) for name in names),
            want("container/db"),
            want("file/f"),
        ],
        [
            *(there(f"container/{name}", *ill, uses=["file/f"]) for name in names),
            there("container/db", *[differs("image")][: why == "what each depends on"]),
            there("file/f", *[differs("content", drift=True)][: why == "a file that was mended"]),
        ],
    )
    steps = {change.key.name: change for change in found.changes}
    turns = [[other for other in names if steps[other].number in steps[name].follows] for name in names]
    assert all(steps[name].restarts for name in names)
    assert turns == {0: [[], [], []], 1: [[], ["web-1"], ["web-2"]], 2: [[], [], ["web-1"]]}[parallelism]
    waited = [[one for one in (steps[name].wanted or DB).requires if one.condition is Condition.GOOD] for name in names]
    assert [[(one.key.name, one.optional) for one in ones] for ones in waited] == [
        [(name, True) for name in turn] for turn in turns
    ]
    assert [steps[name].delay for name in names] == [2.0 if turn else 0.0 for turn in turns]


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


MOUNTED = [want(WEB, waits("file/f", Condition.EXISTS, restart=True)), want("file/f")]


@pytest.mark.parametrize(
    ("file", "mended"),
    [
        ([there("file/f", differs("content", remedy=IN_PLACE, drift=True))], "update file/f (drift: content changed"),
        ([], "create file/f (drift: was removed"),
    ],
    ids=["edited", "removed"],
)
def test_whoever_has_a_mended_file_is_started_anew(file: list[Observed], mended: str) -> None:
    found = plan(MOUNTED, [there(WEB, uses=["file/f"]), *file])
    check(
        found,
        f"""
        0 {mended} outside git)
        1 update container/web (drift: starts anew with file/f) after 0
        """,
    )
    assert [change.restarts for change in found.changes] == [False, True]
    assert found.changes[1].interruption == "away while it is started anew"


def test_whoever_has_the_file_from_elsewhere_goes_on() -> None:
    check(plan(MOUNTED, [there(WEB)]), "0 create file/f (file: its content is new)")


def test_what_has_to_be_started_anew_to_be_mended_takes_along_who_goes_with_it() -> None:
    ill = differs("health", "unhealthy", "healthy", Remedy.RESTART, drift=True)
    found = plan(PAIR, [there(WEB), there("container/db", ill)])
    check(
        found,
        """
        0 update container/db (drift: its health check fails)
        1 update container/web (drift: starts anew with container/db) after 0
        """,
    )
    assert [change.restarts for change in found.changes] == [True, True]


def test_what_is_replaced_is_not_started_anew_besides() -> None:
    ill = differs("health", "unhealthy", "healthy", Remedy.RESTART, drift=True)
    [change] = plan([want(WEB)], [there(WEB, ill, differs("user"))]).changes
    assert (change.action, change.restarts) == (Action.REPLACE, False)


def test_an_image_that_is_gone_is_not_made_by_hand() -> None:
    """That a container still has it is no wonder: it is fetched for the commit that changes the container."""
    found = plan([want(WEB, "image/app"), want("image/app")], [there(WEB, differs("user"), uses=["image/app"])])
    assert [(change.key.kind, change.cause) for change in found.changes] == [
        ("image", Cause.COMMIT),
        ("container", Cause.COMMIT),
    ]
