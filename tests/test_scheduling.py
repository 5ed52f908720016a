"""Which jobs are due, and what is told of their runs: a clock, and what the looks saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.converge import STOPPED
from agent.handling import Handling, Schedule
from agent.jobs import JobEnd, JobSeen, JobState
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    Health,
    Key,
    Observed,
    Outcome,
    Owner,
    Plan,
    Report,
    Resource,
    Result,
    Revision,
    Stack,
    Status,
)
from agent.scheduling import Scheduling
from agent.suspension import Suspended, Suspension
from agent.work import Work

KEY = Key("container", "web-job-1")
MINUTE, HOUR = 60.0, 3600.0


def at(text: str) -> float:
    """Seconds since the epoch of a time of 27 November, in UTC."""
    return datetime.fromisoformat(f"2026-11-27T{text}").replace(tzinfo=UTC).timestamp()


class Agent:
    """A loop's worth of jobs: one stack, one job, and a clock."""

    def __init__(self, now: str, cron: str = "0 3 * * *", **schedule: Any) -> None:
        self.now = at(now)
        self.schedule = Schedule(cron, "UTC", **schedule)
        self.work = Work("web")
        container = Resource(KEY, "web", {}, service="job", handling=Handling(schedule=self.schedule))
        self.work.want(Stack("web", (container,), Revision("a" * 40)))
        self.marked: list[str] = []
        self.ends: list[JobEnd] = []
        self.scheduling = Scheduling(
            {"web": self.work}, lambda _, trigger: self.marked.append(trigger), self.ends.append, lambda: self.now
        )

    def state(self, seen: JobSeen | None) -> JobState:
        return JobState("job", KEY.name, self.schedule, seen)

    def looks(self, seen: JobSeen | None, *outcomes: Outcome, planned: Sequence[Change] = ()) -> Report:
        """A turn has ended, which saw the job so at its end."""
        plan = Plan((*planned, *(outcome.change for outcome in outcomes)))
        return self.scheduling.heed(self.work, report(plan, outcomes, (self.state(seen),)))

    def waits_until(self, now: str) -> list[Action]:
        """What a turn that begins then is asked for."""
        self.now = at(now)
        self.scheduling.ask()
        return [errand.action for errand in self.scheduling.take("web").values()]

    @property
    def told(self) -> list[str]:
        return [f"{end.result} {datetime.fromtimestamp(end.began, UTC):%H:%M:%S}" for end in self.ends]


def report(plan: Plan, outcomes: Sequence[Outcome], jobs: tuple[JobState, ...], **more: Any) -> Report:
    facts: dict[str, Any] = {"health": Health.HEALTHY, **more}
    return Report(
        "r", "web", "schedule", None, Result.NOOP, 0.0, 0.0, plan=plan, outcomes=tuple(outcomes), jobs=jobs, **facts
    )


def step(action: Action = Action.RUN, seen: JobSeen | None = None, reason: str = "because") -> Change:
    observed = Observed(KEY, "c1", Owner.OURS, job=seen)
    return Change(0, action, KEY, "web", Cause.SCHEDULE, reason, seen=observed)


def seen(made: str, began: str = "", ended: str = "", code: int = 0, words: str = "", id: str = "c1") -> JobSeen:
    return JobSeen(id, at(made), at(began) if began else 0.0, at(ended) if ended else 0.0, code, words)


IDLE = seen("01:00:00")


# --- when it is due ---------------------------------------------------------------------------------------------


def test_a_job_is_asked_for_once_at_its_time() -> None:
    agent = Agent("02:00:00")
    assert agent.waits_until("02:00:01") == [], "nothing is known of it before the first look"
    agent.looks(IDLE)
    assert agent.waits_until("02:59:59") == []
    assert agent.waits_until("03:00:00") == [Action.RUN]
    assert agent.waits_until("03:00:01") == []
    assert agent.marked == ["schedule"]
    assert agent.ends == []


def test_the_report_tells_when_it_is_due_next() -> None:
    agent = Agent("02:00:00")
    (state,) = agent.looks(IDLE).jobs
    assert state.next_at == at("03:00:00")


@pytest.mark.parametrize(
    ("container", "now", "asked", "told"),
    [
        (seen("01:00:00"), "03:04:59", [Action.RUN], []),
        (seen("01:00:00"), "03:05:01", [], ["missed 03:00:00"]),
        (seen("03:00:10"), "03:04:00", [], []),
        (seen("01:00:00", "03:00:00", "03:01:00"), "03:04:00", [], ["succeeded 03:00:00"]),
        (seen("01:00:00", "02:00:00", "02:01:00"), "03:04:00", [Action.RUN], ["succeeded 02:00:00"]),
    ],
    ids=["made up for", "too late", "made since", "has run", "has run before"],
)
def test_what_was_due_while_no_agent_was_there(
    container: JobSeen, now: str, asked: list[Action], told: list[str]
) -> None:
    agent = Agent(now)
    agent.looks(container)
    assert agent.waits_until(now) == asked
    assert agent.told == told


def test_a_service_that_becomes_a_job_has_missed_nothing() -> None:
    agent = Agent("03:04:00")
    agent.scheduling.heed(agent.work, report(Plan(), (), ()))
    agent.looks(IDLE)
    assert agent.waits_until("03:04:01") == []
    assert agent.ends == []


def test_what_came_up_more_than_once_meanwhile_runs_once() -> None:
    agent = Agent("02:00:00", "* * * * *")
    agent.looks(seen("01:59:59"))
    assert agent.waits_until("02:30:10") == [Action.RUN]
    assert agent.waits_until("02:30:20") == []
    assert agent.waits_until("02:31:00") == [Action.RUN]
    assert agent.ends == []


def test_a_clock_that_is_set_back_costs_no_run() -> None:
    agent = Agent("12:00:00", "0 * * * *")
    agent.looks(seen("11:59:00"))
    assert agent.waits_until("02:59:00") == []
    assert agent.waits_until("03:00:00") == [Action.RUN]


def test_another_schedule_counts_from_when_it_is_seen() -> None:
    agent = Agent("04:00:00")
    agent.looks(seen("03:30:00"))
    agent.schedule = Schedule("58 3 * * *", "UTC")
    (state,) = agent.looks(seen("03:30:00")).jobs
    assert state.next_at == at("03:58:00") + 24 * HOUR
    assert agent.waits_until("04:00:01") == []


def test_a_suspended_stack_runs_none_and_says_so() -> None:
    agent = Agent("02:00:00")
    agent.work.suspended = Suspended(Suspension("why"))
    agent.looks(IDLE)
    assert agent.waits_until("03:00:00") == []
    assert (agent.told, agent.ends[0].message) == (["skipped 03:00:00"], "its stack is suspended")


def test_a_stack_that_is_to_go_runs_none() -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.work.want(None)
    assert agent.waits_until("03:00:00") == []


def test_a_job_that_is_not_wanted_any_more_is_forgotten() -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.scheduling.heed(agent.work, report(Plan(), (), ()))
    assert agent.waits_until("03:00:00") == []


def test_a_turn_that_could_not_look_forgets_none() -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.scheduling.heed(agent.work, report(Plan(), (), (), health=Health.UNKNOWN))
    assert agent.waits_until("03:00:00") == [Action.RUN]


# --- the time-out -----------------------------------------------------------------------------------------------


def test_a_run_that_takes_too_long_is_stopped_once_and_then_again_after_a_while() -> None:
    agent = Agent("03:00:10", timeout=10 * MINUTE)
    agent.looks(seen("01:00:00", "03:00:00"))
    assert agent.waits_until("03:09:59") == []
    assert agent.waits_until("03:10:00") == [Action.STOP]
    agent.looks(seen("01:00:00", "03:00:00"), Outcome(step(Action.STOP), Status.FAILED, "no"))
    assert agent.waits_until("03:10:10") == []
    assert agent.waits_until("03:10:30") == [Action.STOP]
    over = seen("01:00:00", "03:00:00", "03:10:31", 143, "exit code 143")
    agent.looks(over, Outcome(step(Action.STOP, seen("01:00:00", "03:00:00")), Status.DONE))
    assert agent.waits_until("03:12:00") == []
    (end,) = agent.ends
    assert (end.result, end.seconds, end.exit_code) == ("timeout", 631.0, 143)


def test_a_suspended_run_is_left_alone() -> None:
    agent = Agent("03:00:10", timeout=10 * MINUTE)
    agent.work.suspended = Suspended(Suspension("why"))
    agent.looks(seen("01:00:00", "03:00:00"))
    assert agent.waits_until("03:20:00") == []


# --- what is told -----------------------------------------------------------------------------------------------


def test_a_run_is_told_once_when_it_is_over() -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.waits_until("03:00:00")
    agent.looks(seen("01:00:00", "03:00:01"), Outcome(step(seen=IDLE), Status.DONE))
    assert agent.ends == []
    over = seen("01:00:00", "03:00:01", "03:07:31", 3, "exit code 3\ndisk full")
    agent.looks(over)
    agent.looks(over)
    (end,) = agent.ends
    assert (end.stack, end.service, end.name, end.cron) == ("web", "job", "web-job-1", "0 3 * * *")
    assert (end.result, end.began, end.seconds, end.exit_code) == ("failed", at("03:00:01"), 450.0, 3)
    assert end.message == "exit code 3\ndisk full"


def test_the_next_process_tells_it_under_the_same_id() -> None:
    over, ids = seen("01:00:00", "03:00:01", "03:07:31"), set()
    for _ in range(2):
        agent = Agent("04:00:00")
        agent.looks(over)
        ids |= {end.id for end in agent.ends}
    assert len(ids) == 1


def test_a_run_whose_end_only_the_next_turn_saw_before_its_own_change_is_told() -> None:
    agent = Agent("03:00:30", "* * * * *")
    agent.looks(seen("01:00:00", "03:00:00"))
    over = seen("01:00:00", "03:00:00", "03:00:59")
    agent.looks(seen("01:00:00", "03:01:00"), Outcome(step(seen=over), Status.DONE))
    assert agent.told == ["succeeded 03:00:00"]


def test_a_run_that_was_stopped_for_the_next_one_is_told() -> None:
    agent = Agent("03:00:30", "* * * * *")
    before = seen("01:00:00", "03:00:00")
    agent.looks(before)
    agent.looks(seen("01:00:00", "03:01:00"), Outcome(step(seen=before), Status.DONE))
    (end,) = agent.ends
    assert (end.result, end.seconds, end.exit_code) == ("replaced", 60.0, None)


@pytest.mark.parametrize("after", [None, seen("03:00:20", id="c2")])
def test_a_run_whose_container_is_removed_has_failed(after: JobSeen | None) -> None:
    agent = Agent("03:00:10")
    agent.looks(seen("01:00:00", "03:00:00"))
    agent.now = at("03:00:40")
    agent.looks(after)
    (end,) = agent.ends
    assert (end.result, end.seconds, end.message) == ("failed", 40.0, "its container was removed while it ran")


def test_a_run_that_is_held_is_told_with_the_reason() -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.waits_until("03:00:00")
    agent.looks(IDLE, planned=[step(Action.HOLD, reason="its last run has not ended yet")])
    assert (agent.told, agent.ends[0].message) == (["skipped 03:00:00"], "its last run has not ended yet")
    assert agent.waits_until("03:00:10") == []


@pytest.mark.parametrize(("status", "told"), [(Status.FAILED, "failed 03:00:00"), (Status.SKIPPED, "skipped 03:00:00")])
def test_a_run_that_could_not_begin_is_told(status: Status, told: str) -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.waits_until("03:00:00")
    agent.looks(IDLE, Outcome(step(), status, "no such program"))
    assert (agent.told, agent.ends[0].message) == ([told], "no such program")
    assert agent.waits_until("03:00:10") == []


@pytest.mark.parametrize(
    "outcomes",
    [(), (Outcome(step(), Status.OVERTAKEN, "moved"),), (Outcome(step(), Status.SKIPPED, "newer", STOPPED),)],
    ids=["engine away", "overtaken", "newer content"],
)
def test_what_a_turn_did_not_come_to_is_asked_for_again_until_it_is_too_late(outcomes: tuple[Outcome, ...]) -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    assert agent.waits_until("03:00:00") == [Action.RUN]
    agent.looks(IDLE, *outcomes)
    assert agent.waits_until("03:04:00") == [Action.RUN]
    agent.now = at("03:05:01")
    failed = report(Plan(), outcomes, (agent.state(IDLE),), failure=Failure("EngineTimeout", "no answer"))
    agent.scheduling.heed(agent.work, failed)
    assert agent.waits_until("03:06:00") == []
    assert (agent.told, agent.ends[0].message) == (["missed 03:00:00"], "no answer")


@pytest.mark.parametrize(("now", "taken"), [("03:05:00", [Action.RUN]), ("03:05:01", [])])
def test_a_run_whose_turn_comes_too_late_is_missed(now: str, taken: list[Action]) -> None:
    """The turn before waited for something all that time."""
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    agent.now = at("03:00:00")
    agent.scheduling.ask()
    agent.now = at(now)
    assert [errand.action for errand in agent.scheduling.take("web").values()] == taken
    assert agent.told == ([] if taken else ["missed 03:00:00"])
    agent.looks(IDLE)
    assert len(agent.ends) == (not taken), "told once"


def test_what_is_suspended_before_its_run_could_begin_is_skipped_at_once() -> None:
    agent = Agent("02:00:00")
    agent.looks(IDLE)
    assert agent.waits_until("03:00:00") == [Action.RUN]
    agent.work.suspended = Suspended(Suspension("a migration"))
    marked = list(agent.marked)
    agent.looks(IDLE, planned=[step()])
    assert (agent.told, agent.ends[0].message) == (["skipped 03:00:00"], "its stack is suspended")
    assert agent.marked == marked, "no turn follows upon turn"
    agent.work.suspended = Suspended()
    assert agent.waits_until("03:00:10") == []
