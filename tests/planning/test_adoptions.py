"""What `docker compose` made: it is taken over as it is, goes where there are too many of it, and is told otherwise."""

from __future__ import annotations

from agent.model import Action, Owner, Remedy
from agent.planning import Policy
from tests.planning.scene import check, differs, plan, there, want

THEIRS = {"owner": Owner.ADOPTABLE, "origin": ""}
FIRST, SECOND = want("container/web-1", service="web"), want("container/web-2", service="web")


def test_what_is_as_wanted_is_taken_over_without_a_change() -> None:
    first = there("container/web-1", untaken=True, **THEIRS)
    check(
        plan([FIRST, SECOND], [first, there("container/web-2", **THEIRS)]),
        "0 adopt container/web-1 (commit: docker compose made it, and it is as wanted)",
    )


def test_what_is_changed_or_suspended_is_not_taken_over_as_it_is() -> None:
    limit = differs("memory", remedy=Remedy.IN_PLACE)
    changed = plan([FIRST], [there("container/web-1", limit, untaken=True, **THEIRS)])
    check(changed, "0 update container/web-1 (commit: adopted: memory changed)")
    network = want("network/front")
    uses = there("container/web-1", uses=["network/front"], untaken=True, **THEIRS)
    anew = plan([network, FIRST], [there("network/front", differs("labels.tier")), uses])
    assert {one.action for one in anew.changes} == {Action.REMOVE, Action.CREATE}
    assert {one.reason for one in anew.changes if one.key == FIRST.key} == {"uses network/front"}
    lease = Policy(suspended=frozenset({("web", "web")}))
    check(plan([FIRST], [there("container/web-1", untaken=True, service="web", **THEIRS)], policy=lease), "")


def test_one_beyond_those_that_are_wanted_goes_under_the_guards() -> None:
    seen = [there("container/web-1"), there("container/web-3", service="web", **THEIRS)]
    check(
        plan([FIRST], seen),
        "0 remove container/web-3 (prune: docker compose made it, and fewer of its service are wanted)",
    )
    off = plan([FIRST], seen, policy=Policy(prune=False))
    assert [(one.action, one.code) for one in off.changes] == [(Action.HOLD, "PruneOff")]
    lease = plan([FIRST], seen, policy=Policy(suspended=frozenset({("web", "web")})))
    assert [(one.action, one.code) for one in lease.changes] == [(Action.HOLD, "Suspended")]


def test_one_of_no_wanted_service_is_told_and_stays() -> None:
    seen = [there("container/web-1"), there("container/web-old-1", service="old", **THEIRS)]
    found = plan([FIRST], seen)
    check(
        found,
        "0 hold container/web-old-1 (prune: docker compose made it for this project, and nothing here wants it: it is"
        " left as it is; put its service back, or remove it by hand with docker rm -f web-old-1)",
    )
    assert found.changes[0].code == "ComposeOrphan"


def test_a_service_of_that_name_in_another_stack_is_another_service() -> None:
    seen = [there("container/web-1"), there("container/web-old-1", service="old", **THEIRS)]
    found = plan([FIRST, want("container/old", stack="other")], seen)
    assert {one.key.name: (one.action, one.code) for one in found.changes} == {
        "old": (Action.CREATE, ""),
        "web-old-1": (Action.HOLD, "ComposeOrphan"),
    }


def test_a_network_is_of_no_service_and_none_of_too_many() -> None:
    found = plan([FIRST, want("network/front")], [there("container/web-1"), there("network/old", **THEIRS)])
    assert {one.key.name: (one.action, one.code) for one in found.changes} == {
        "front": (Action.CREATE, ""),
        "old": (Action.HOLD, "ComposeOrphan"),
    }


def test_what_is_somebody_elses_is_not_spoken_of() -> None:
    stranger = there("container/web-old-1", service="old", owner=Owner.FOREIGN, origin="")
    check(plan([FIRST], [there("container/web-1"), stranger]), "")


def test_one_that_stays_keeps_its_network() -> None:
    orphan = there("container/web-old-1", service="old", uses=["network/front"], **THEIRS)
    found = plan(
        [want("network/front"), FIRST],
        [there("network/front", differs("labels.tier")), there(FIRST.key.kind + "/web-1"), orphan],
    )
    assert {one.key.name: one.code for one in found.changes} == {"front": "InUse", "web-old-1": "ComposeOrphan"}
