"""Golden plans about what a replacement that was cut has left behind. One behaviour each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model import Action, Observed, Owner
from agent.planning import Policy, Removal
from tests.planning.scene import check, differs, key, plan, there, want

WEB = "container/web"
NET = [want(WEB, "network/front"), want("network/front")]


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


def test_a_twin_that_cannot_go_keeps_even_drift_from_being_mended() -> None:
    actual = [
        there(WEB, differs("hostname", drift=True)),
        there("container/web.next", leftover=True),
        there("container/stranger", uses=["container/web.next"], owner=Owner.FOREIGN, stack=""),
    ]
    found = plan([want(WEB)], actual)
    assert {change.action for change in found.changes} == {Action.HOLD}
    assert found.changes[0].reason == "waits for container/web.next, which is held"


LAID_ASIDE = there("container/web.old", leftover=True, service="web")


@pytest.mark.parametrize(
    ("twin", "policy", "line"),
    [
        (
            replace(LAID_ASIDE, protected=True),
            Policy(),
            "hold container/web.old (prune: is not wanted any more, but it is under",
        ),
        (replace(LAID_ASIDE, unsure="no JSON"), Policy(), "hold container/web.old (prune: "),
        (LAID_ASIDE, Policy(prune=False), "hold container/web.old (prune: is not wanted any more, but pruning is off"),
        (LAID_ASIDE, Policy(removal=Removal(frozenset({"web/web", "web/db"}), 2)), "hold container/web.old (prune: "),
        (LAID_ASIDE, Policy(), "remove container/web.old (prune: is not wanted any more)"),
    ],
    ids=["protection", "doubt", "pruning off", "guard", "nothing"],
)
def test_a_twin_that_is_all_there_is_of_what_is_not_wanted_is_judged_like_that(
    twin: Observed, policy: Policy, line: str
) -> None:
    other = want("container/other")
    assert line in str(plan([other], [there("container/other"), twin], policy=policy))
    held = line.startswith("hold")
    beside = plan([other], [there("container/other"), replace(twin, key=key(WEB), leftover=False), twin], policy=policy)
    assert [change.action for change in beside.changes] == ([Action.HOLD] * 2 if held else [Action.REMOVE] * 2)
    goes = there(WEB, service="web")
    with_it = plan([other], [there("container/other"), goes, replace(LAID_ASIDE, protected=True)])
    assert [change.action for change in with_it.changes] == [Action.REMOVE] * 2


def test_what_is_left_over_is_cleared_away_however_pruning_is_set_and_is_never_data() -> None:
    more = [there("network/front@0123", leftover=True), there("volume/data@0123", leftover=True)]
    found = plan([want("network/front")], [there("network/front"), *more], policy=Policy(prune=False))
    assert [(change.action, change.code) for change in found.changes] == [
        (Action.REMOVE, ""),
        (Action.HOLD, "KeepsData"),
    ]


def test_a_twin_of_something_foreign_is_judged_by_itself() -> None:
    foreign = there(WEB, owner=Owner.FOREIGN)
    found = plan([want("container/other")], [there("container/other"), foreign, LAID_ASIDE], policy=Policy(prune=False))
    assert [(change.action, change.code) for change in found.changes] == [(Action.HOLD, "PruneOff")]
