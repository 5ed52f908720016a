"""What is planned of a service that runs at times: nothing between its runs, a run when it is asked for, and no end to
one that is under way."""

from __future__ import annotations

from typing import Any

import pytest

from agent.handling import Handling, Overlap, Schedule
from agent.jobs import JobSeen
from agent.model import Action, Condition, Observed, Owner, Plan, Remedy, Requirement, Resource, Revision, Scope, Stack
from agent.planning import Errand, Policy, make_plan
from tests.planning.scene import ORIGIN, check, differs, key, there, waits, want

JOB = "container/web-job"
IDLE = JobSeen("id-web-job", 10.0, 100.0, 110.0)
RUNS = JobSeen("id-web-job", 10.0, 100.0)
RUN = Errand(Action.RUN, 200.0, "its time has come (0 3 * * *)")
STOP = Errand(Action.STOP, 200.0, "its run takes longer than it may (60 s)")


def wants(*requires: str | Requirement, overlap: Overlap = Overlap.SKIP, **more: Any) -> Resource:
    return want(JOB, *requires, handling=Handling(schedule=Schedule("0 3 * * *", overlap=overlap)), **more)


def plan(
    wanted: list[Resource], actual: list[Observed], asked: Errand | None = None, *, policy: Policy | None = None
) -> Plan:
    stack = Stack("web", tuple(wanted), Revision("0" * 40))
    scope = Scope("host-1", ORIGIN, frozenset({"web"}), whole=True)
    seen = {one.key: one for one in actual}
    return make_plan([stack], seen, scope, policy or Policy(), asked={key(JOB): asked} if asked else {})


@pytest.mark.parametrize("seen", [JobSeen("id-web-job", 10.0), IDLE, RUNS])
def test_nothing_is_to_be_done_between_runs_and_during_one(seen: JobSeen) -> None:
    found = plan([wants()], [there(JOB, job=seen)])
    assert (str(found), found.unchanged) == ("", 1)


def test_what_is_not_there_is_made_and_does_not_run_for_that() -> None:
    check(plan([wants()], []), "0 create container/web-job (commit: does not exist yet)")


def test_it_runs_when_it_is_asked_for() -> None:
    found = plan([wants()], [there(JOB, job=IDLE)], RUN)
    check(found, "0 run container/web-job (schedule: its time has come (0 3 * * *))")
    assert (found.unchanged, found.changes[0].interruption) == (1, "")


def test_a_run_is_behind_the_making_of_its_container_and_behind_what_it_requires() -> None:
    found = plan([wants("network/back"), want("network/back")], [], RUN)
    check(
        found,
        """\
        0 create network/back (commit: does not exist yet)
        1 create container/web-job (commit: does not exist yet) after 0
        2 run container/web-job (schedule: its time has come (0 3 * * *)) after 0,1""",
    )
    assert found.changes[2].after == {1}


def test_where_it_cannot_be_made_anew_what_is_there_runs() -> None:
    found = plan([wants()], [there(JOB, differs("image"), job=IDLE)], RUN)
    check(
        found,
        """\
        0 replace container/web-job (commit: image changed)
        1 run container/web-job (schedule: its time has come (0 3 * * *)) after 0""",
    )
    assert found.changes[0].interruption == ""
    assert (found.changes[1].after, found.changes[1].follows) == (frozenset(), frozenset({0}))


def test_a_run_that_is_due_while_one_is_under_way_is_held_or_takes_its_place() -> None:
    seen = [there(JOB, job=RUNS)]
    found = plan([wants()], seen, RUN)
    check(found, "0 hold container/web-job (schedule: its last run has not ended yet)")
    assert found.changes[0].code == "Overlap"
    check(
        plan([wants(overlap=Overlap.REPLACE)], seen, RUN),
        "0 run container/web-job (schedule: its time has come (0 3 * * *))",
    )


def test_one_that_takes_too_long_is_stopped_unless_it_has_ended() -> None:
    check(
        plan([wants()], [there(JOB, job=RUNS)], STOP),
        "0 stop container/web-job (schedule: its run takes longer than it may (60 s))",
    )
    check(plan([wants()], [there(JOB, job=IDLE)], STOP), "")


@pytest.mark.parametrize(
    "difference",
    [differs("image"), differs("files./etc/a", remedy=Remedy.RESTART, drift=True)],
)
def test_new_content_waits_until_a_run_has_ended(difference: Any) -> None:
    found = plan([wants()], [there(JOB, difference, job=RUNS)])
    assert [(one.action, one.code) for one in found.changes] == [(Action.HOLD, "JobRuns")]
    assert "waits for its run to end: " in found.changes[0].reason
    assert plan([wants()], [there(JOB, difference, job=IDLE)]).pending


def test_what_changes_in_place_does_not_wait() -> None:
    found = plan([wants()], [there(JOB, differs("memory", remedy=Remedy.IN_PLACE), job=RUNS)])
    check(found, "0 update container/web-job (commit: memory changed)")


def test_nothing_is_taken_from_under_a_run() -> None:
    wanted = [wants("network/back"), want("network/back")]
    network = there("network/back", differs("driver"))
    found = plan(wanted, [there(JOB, uses=["network/back"], job=RUNS), network])
    check(found, "0 hold network/back (commit: is in use by container/web-job, which cannot make way)")
    assert found.changes[0].code == "JobRuns", "nobody's fault: no failure of the stack"
    assert plan(wanted, [there(JOB, uses=["network/back"], job=IDLE), network]).pending


def test_what_is_not_wanted_any_more_goes_although_it_runs() -> None:
    found = plan([want("container/web-db")], [there("container/web-db"), there(JOB, service="job", job=RUNS)])
    check(found, "0 remove container/web-job (prune: is not wanted any more)")


def test_it_is_not_started_anew_with_what_it_depends_on() -> None:
    wanted = [wants(waits("container/web-db", Condition.STARTED, restart=True)), want("container/web-db")]
    found = plan(wanted, [there(JOB, job=RUNS), there("container/web-db", differs("image"))])
    check(found, "0 replace container/web-db (commit: image changed)")


def test_a_suspended_service_does_not_run() -> None:
    policy = Policy(suspended=frozenset({("web", "job")}))
    found = plan([wants()], [there(JOB, job=IDLE)], RUN, policy=policy)
    check(found, "0 hold container/web-job (schedule: its service is suspended)")


def test_what_is_not_ours_is_not_started() -> None:
    found = plan([wants()], [there(JOB, owner=Owner.FOREIGN)], RUN)
    assert {(one.action, one.code) for one in found.changes} == {(Action.HOLD, "NameConflict")}


def test_what_is_not_wanted_is_asked_for_nothing() -> None:
    check(plan([want("container/web-db")], [there("container/web-db")], RUN), "")


def test_a_run_waits_for_a_container_that_cannot_be_made() -> None:
    found = plan([wants("network/lan"), want("network/lan", external=True)], [], RUN)
    assert {(one.key.kind, one.action, one.cause, one.code) for one in found.changes} == {
        ("network", Action.HOLD, "commit", "ExternalNetworkMissing"),
        ("container", Action.HOLD, "commit", "Waits"),
        ("container", Action.HOLD, "schedule", "Waits"),
    }
