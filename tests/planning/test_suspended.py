"""Nothing of a suspended service is changed, whatever leads to it, and the others of its stack go on."""

from __future__ import annotations

import pytest

from agent.model import Action, Condition, Difference, Remedy
from agent.planning import Policy
from tests.planning.scene import check, differs, key, plan, there, waits, want

API = Policy(suspended=frozenset({("web", "api")}))


def test_the_drift_of_a_suspended_service_stays_and_that_of_others_is_put_right() -> None:
    stopped = differs("state", "exited (0)", "running", Remedy.IN_PLACE, drift=True)
    found = plan(
        [want("container/web-api"), want("container/web-db")],
        [there("container/web-api", stopped), there("container/web-db", stopped)],
        policy=API,
    )
    check(
        found,
        """\
        0 update container/web-db (drift: was stopped outside git, exit code 0)
        1 hold container/web-api (drift: its service is suspended)""",
    )
    assert found.changes[1].code == "Suspended"


def test_a_removed_container_is_not_made_again_and_its_image_is_not_fetched() -> None:
    found = plan(
        [want("container/web-api", "image/nginx"), want("image/nginx")],
        policy=API,
        known=["container/web-api"],
    )
    assert [str(change.action) for change in found.changes if change.key.kind == "container"] == ["hold"]
    assert not found.pending


def test_what_is_not_wanted_any_more_of_a_suspended_service_stays() -> None:
    found = plan(
        [want("container/web-db")], [there("container/web-api", service="api"), there("container/web-db")], policy=API
    )
    check(found, "0 hold container/web-api (prune: its service is suspended)")


def test_a_network_is_not_replaced_under_a_suspended_service() -> None:
    found = plan(
        [want("container/web-api", "network/web"), want("container/web-db", "network/web"), want("network/web")],
        [
            there("container/web-api", uses=["network/web"]),
            there("container/web-db", uses=["network/web"]),
            there("network/web", differs("driver")),
        ],
        policy=API,
    )
    check(found, "0 hold network/web (commit: is in use by container/web-api, which cannot make way)")
    assert found.changes[0].code == "Suspended", "nobody's fault: no failure of the stack"


def test_a_suspended_service_is_not_started_anew_with_what_it_depends_on() -> None:
    wanted = [
        want("container/web-api", waits("container/web-db", Condition.STARTED, restart=True)),
        want("container/web-db"),
    ]
    seen = [there("container/web-api"), there("container/web-db", differs("image"))]
    assert [change.action for change in plan(wanted, seen).changes] == [Action.REPLACE, Action.UPDATE]
    assert [change.key.name for change in plan(wanted, seen, policy=API).changes] == ["web-db"]


def test_who_needs_a_suspended_service_waits_without_being_a_failure() -> None:
    found = plan(
        [want("container/web-front", waits("container/web-api", Condition.STARTED)), want("container/web-api")],
        [],
        policy=API,
    )
    assert {change.code for change in found.changes} == {"Suspended"}
    assert "waits for container/web-api, which is suspended" in str(found)


def test_a_service_of_the_same_name_in_another_stack_goes_on() -> None:
    found = plan([want("container/db-api", stack="db")], policy=API)
    assert [change.action for change in found.changes] == [Action.CREATE]


# --- what is left alone for now --------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["state", "image"])
def test_what_was_healed_too_often_rests_and_the_drift_of_others_is_put_right(field: str) -> None:
    found = plan(
        [want("container/db"), want("container/app")],
        [
            there("container/db", differs(field, drift=True, remedy=Remedy.IN_PLACE)),
            there("container/app", differs("state", drift=True, remedy=Remedy.IN_PLACE)),
        ],
        policy=Policy(resting=frozenset({key("container/db")})),
    )
    assert [(change.action, change.key.name, change.code) for change in found.changes] == [
        (Action.UPDATE, "app", ""),
        (Action.HOLD, "db", "BacksOff"),
    ]


def test_a_commit_does_not_wait_for_what_rests() -> None:
    policy = Policy(resting=frozenset({key("container/db")}))
    found = plan([want("container/db")], [there("container/db", differs("image"))], policy=policy)
    assert [change.action for change in found.changes] == [Action.REPLACE]


@pytest.mark.parametrize(("path", "action"), [("image", Action.HOLD), ("state", Action.REPLACE)])
def test_a_paused_rollout_interrupts_nothing_that_runs(path: str, action: Action) -> None:
    policy = Policy(paused={key("container/db"): ""})
    found = plan([want("container/db")], [there("container/db", differs("image"), differs(path))], policy=policy)
    assert [(change.action, change.code) for change in found.changes] == [
        (action, "RolloutPaused" if action is Action.HOLD else "")
    ]


@pytest.mark.parametrize(
    ("no_good", "now", "code"),
    [
        ("sha256:1", "sha256:1", "RolloutPaused"),
        ("sha256:1", "sha256:2", ""),
        ("", "sha256:2", "RolloutPaused"),
        ("sha256:1", "app:2", "RolloutPaused"),
    ],
    ids=["the same", "another one", "nobody knows which", "nobody knows what it is now"],
)
def test_a_paused_rollout_goes_on_with_another_image(no_good: str, now: str, code: str) -> None:
    policy = Policy(paused={key("container/db"): no_good})
    moved = Difference("image", "sha256:0", now, declared=False)
    (change,) = plan([want("container/db")], [there("container/db", moved)], policy=policy).changes
    assert (change.code, change.action) == (code, Action.HOLD if code else Action.REPLACE)
