"""Golden plans of what starts anew with something else, and of what a plan interrupts. One behaviour each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.handling import Handling, Order
from agent.model import Action, Condition, Observed, Remedy
from tests.planning.scene import IN_PLACE, NET, WEB, check, differs, plan, rolled, there, waits, want

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
