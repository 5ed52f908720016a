"""Of a stack of which the engine cannot make something, nothing is changed."""

from __future__ import annotations

from agent.held import ENGINE_TOO_OLD
from agent.model import Remedy
from agent.planning import hold_whole
from tests.planning.scene import WEB, check, differs, key, plan, there, want

TOO_OLD = "the engine is too old for a mounted image (API 1.48)"


def test_all_is_held_that_is_new_in_its_stack_and_drift_is_mended() -> None:
    wanted = [want(WEB), want("container/api"), want("container/db"), want("network/x"), want("container/b", stack="b")]
    actual = [
        there("container/api", differs("user")),
        there("container/db", differs("restart", remedy=Remedy.IN_PLACE, drift=True)),
        there("container/old"),
    ]
    found = hold_whole(plan(wanted, actual), {key(WEB): TOO_OLD})
    check(
        found,
        f"""
        0 create container/b (commit: does not exist yet)
        1 update container/db (drift: restart changed outside git)
        2 hold container/old (prune: waits for container/web, which is held)
        3 hold network/x (commit: waits for container/web, which is held)
        4 hold container/api (commit: waits for container/web, which is held)
        5 hold container/web (commit: {TOO_OLD}: update the engine, or do without that)
        """,
    )
    assert {change.code for change in found.changes} == {"", "Waits", ENGINE_TOO_OLD}
    assert not any(change.interruption for change in found.changes if change.code)


def test_what_drifted_and_cannot_be_made_is_held_alone() -> None:
    wanted = [want(WEB), want("container/db")]
    drifted = there("container/db", differs("restart", remedy=Remedy.IN_PLACE, drift=True))
    found = hold_whole(plan(wanted, [drifted], known=[WEB]), {key(WEB): TOO_OLD})
    assert {str(change.key): str(change.action) for change in found.changes} == {WEB: "hold", "container/db": "update"}


def test_what_was_to_be_replaced_goes_on_as_it_was_unless_it_rests() -> None:
    stopped = differs("state", "exited", "running", Remedy.IN_PLACE, drift=True)
    found = plan([want(WEB), want("container/db")], [there("container/db", differs("image"), stopped)])
    held, mended = hold_whole(found, {key(WEB): TOO_OLD}).changes[-2:]
    assert (held.action, held.number) == ("hold", 1)
    assert str(mended).startswith("2 update container/db (drift: was stopped outside git; goes on as it is")
    assert len(hold_whole(found, {key(WEB): TOO_OLD}, frozenset({key("container/db")})).changes) == 2


def test_where_all_can_be_made_the_plan_is_as_it_was() -> None:
    found = plan([want(WEB)])
    assert hold_whole(found, {}) is found
