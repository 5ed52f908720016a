"""Where the hooks of a stack stand in its plans."""

from __future__ import annotations

import pytest

from agent.handling import Handling, Hook, Stage
from agent.model import Difference, Key, Observed, Owner, Remedy, Requirement, Resource
from agent.planning import Policy
from tests.planning.scene import check, differs, plan, there, waits, want

MIGRATE, WEB, DB = "container/migrate", "container/web", "container/db"
NEW = differs("runs for", "1", "2")


def hook(stage: Stage = Stage.PRE_DEPLOY, *, rests: bool = False) -> Handling:
    return Handling(hook=Hook(stage, rests=rests))


def migrate(*requires: str | Requirement, rests: bool = False) -> Resource:
    return want(MIGRATE, *requires, handling=hook(rests=rests))


def test_it_runs_before_all_but_what_it_needs() -> None:
    found = plan([migrate(DB, "network/back"), want(DB, "network/back"), want(WEB, MIGRATE), want("network/back")])
    check(
        found,
        """
        0 create network/back (commit: does not exist yet)
        1 create container/db (commit: does not exist yet) after 0
        2 create container/migrate (commit: runs once for the new content of its stack) after 0,1
        3 create container/web (commit: does not exist yet) after 2
        """,
    )


def test_what_drifted_of_another_is_mended_while_it_runs() -> None:
    stopped = differs("state", "exited", "running", Remedy.IN_PLACE, drift=True)
    ill = differs("health", "unhealthy", "healthy", Remedy.RESTART, drift=True)
    found = plan([migrate(), want(WEB), want(DB)], [there(WEB, stopped), there(DB, ill)])
    check(
        found,
        """
        0 create container/migrate (commit: runs once for the new content of its stack)
        1 update container/web (drift: was stopped outside git)
        2 update container/db (drift: its health check fails) after 0
        """,
    )


def test_it_waits_for_all_that_is_fetched_and_nothing_goes_before_it() -> None:
    found = plan(
        [migrate("image/app"), want(WEB, MIGRATE, "image/web"), want("image/app"), want("image/web")],
        [there(MIGRATE, NEW), there(WEB, differs("image")), there("container/gone"), there("network/gone")],
    )
    check(
        found,
        """
        0 create image/app (commit: needed by container/migrate)
        1 create image/web (commit: needed by container/web)
        2 replace container/migrate (commit: runs once for the new content of its stack) after 0,1
        3 remove container/gone (prune: is not wanted any more) after 0,1,2
        4 remove network/gone (prune: is not wanted any more) after 0,1,2
        5 replace container/web (commit: image changed) after 1,2,3
        """,
    )


def test_made_for_the_first_time_it_waits_for_what_others_need_fetched_too() -> None:
    found = plan([migrate("image/app"), want(WEB, MIGRATE, "image/web"), want("image/app"), want("image/web")])
    check(
        found,
        """
        0 create image/app (commit: needed by container/migrate)
        1 create image/web (commit: needed by container/web)
        2 create container/migrate (commit: runs once for the new content of its stack) after 0,1
        3 create container/web (commit: does not exist yet) after 1,2
        """,
    )


def test_another_stack_does_not_wait_for_it() -> None:
    found = plan([migrate(), want("container/other", stack="other")])
    assert str(found).splitlines()[-1] == "1 create container/other (commit: does not exist yet)"


def test_nothing_that_runs_is_away_for_it() -> None:
    (change,) = plan([migrate()], [there(MIGRATE, NEW)]).changes
    assert change.interruption == ""


def test_what_it_uses_itself_may_have_to_be_taken_from_under_others_first() -> None:
    found = plan(
        [migrate("network/back"), want(WEB, MIGRATE, "network/back"), want("network/back")],
        [there(MIGRATE, NEW), there(WEB, uses=["network/back"]), there("network/back", differs("driver"))],
    )
    check(
        found,
        """
        0 remove container/web (commit: uses network/back)
        1 remove network/back (commit: driver changed) after 0
        2 create network/back (commit: driver changed) after 1
        3 replace container/migrate (commit: runs once for the new content of its stack) after 2
        4 create container/web (commit: uses network/back) after 0,2,3
        """,
    )


def test_one_that_has_run_is_in_nobodys_way() -> None:
    found = plan([migrate(), want(WEB, MIGRATE)], [there(MIGRATE), there(WEB, differs("image"))])
    check(found, "0 replace container/web (commit: image changed)")


def test_one_whose_container_is_gone_before_it_ran_is_made_for_the_commit_and_not_for_drift() -> None:
    found = plan([migrate()], known=[MIGRATE])
    check(found, "0 create container/migrate (commit: runs once for the new content of its stack)")


def test_one_that_is_held_holds_what_is_behind_it() -> None:
    others = Observed(Key("container", "migrate"), "x", Owner.FOREIGN, stack="")
    found = plan([migrate(), want(WEB, MIGRATE)], [others])
    assert [(str(one.key), one.code) for one in found.changes] == [(MIGRATE, "NameConflict"), (WEB, "Waits")]


def test_one_under_a_lease_holds_what_is_behind_it() -> None:
    found = plan(
        [migrate(), want(WEB, MIGRATE)],
        [there(MIGRATE, NEW), there(WEB, differs("image"))],
        policy=Policy(suspended=frozenset({("web", "migrate")})),
    )
    assert {one.code for one in found.changes} == {"Suspended"}


def test_one_that_rests_is_before_nothing() -> None:
    rests = differs("rest", "2", "1", Remedy.IN_PLACE)
    found = plan([migrate(rests=True), want(WEB)], [there(MIGRATE, rests), there(WEB, differs("image"))])
    check(
        found,
        """
        0 update container/migrate (commit: is not run for what the stack goes back to)
        1 replace container/web (commit: image changed)
        """,
    )


@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        (differs("run", "running", "completed", Remedy.IN_PLACE), "update container/migrate (commit: has not run to its"
         " end yet)"),
        (differs("run", "exited (1)", "completed"), "replace container/migrate (commit: has not run to its end yet)"),
    ],
)  # fmt: skip
def test_a_run_that_was_cut_goes_on(difference: Difference, reason: str) -> None:
    check(plan([migrate()], [there(MIGRATE, difference)]), f"0 {reason}")


def test_what_comes_after_a_deploy_is_behind_everything() -> None:
    tell = want("container/tell", WEB, DB, handling=hook(Stage.POST_DEPLOY))
    found = plan([tell, want(WEB), want(DB)])
    assert str(found).splitlines()[-1] == (
        "2 create container/tell (commit: runs once for the new content of its stack) after 0,1"
    )


def test_nothing_waits_for_what_comes_after_a_deploy() -> None:
    tell = want("container/tell", WEB, handling=hook(Stage.POST_DEPLOY))
    found = plan([tell, want(WEB)], [there(WEB), there("container/gone"), there("container/tell", NEW)])
    check(
        found,
        """
        0 remove container/gone (prune: is not wanted any more)
        1 replace container/tell (commit: runs once for the new content of its stack) after 0
        """,
    )


def test_it_is_not_started_anew_with_others() -> None:
    needs = waits(DB, restart=True)
    found = plan([migrate(needs), want(DB)], [there(MIGRATE), there(DB, differs("image"))])
    check(found, "0 replace container/db (commit: image changed)")
