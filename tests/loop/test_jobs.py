"""A job's time makes a turn of its stack due, which is asked to run it; nobody waits for the end of a run."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.directives import Directives
from agent.errors import Unreachable
from agent.freeze import Freeze, Freezes
from agent.handling import Handling, Schedule
from agent.jobs import JobSeen, JobState
from agent.model import Action, Cause, Change, Health, Key, Outcome, Plan, Report, Stack, Status
from agent.ports import LookAt
from agent.reconcile import Turn
from tests.loop.fakes import FakeAudience, FakeDesires, FakeTurns, failed, make_loop, reading, running, stack, synced

BEGAN = datetime(2026, 11, 27, 2, 0, tzinfo=UTC).timestamp()
HOUR = 3600.0
KEY = Key("container", "a-web-1")
AT_THREE = Schedule("0 3 * * *", "UTC", timeout=600.0)


def job(schedule: Schedule = AT_THREE, revision: str = "a" * 40) -> Stack:
    plain = stack("a", revision)
    (web,) = plain.resources
    return replace(plain, resources=(replace(web, handling=Handling(schedule=schedule)),))


@dataclass
class Host:
    """A host with one job, which does what it is asked for at once, and time."""

    now: float = BEGAN
    seen: JobSeen = field(default_factory=lambda: JobSeen("c1", BEGAN - HOUR))

    def wall(self) -> float:
        return self.now

    def react(self, turn: Turn) -> Report:
        """What is planned is done, unless the turn may do nothing."""
        if turn.scope.stacks != {"a"}:
            return synced(turn)
        before, outcomes = self.seen, []
        for key, errand in turn.asked.items() if turn.act else ():
            change = Change(0, errand.action, key, "a", Cause.SCHEDULE, errand.why)
            outcomes.append(Outcome(change, Status.DONE))
            self.seen = replace(before, began=self.now, ended=0.0) if errand.action is Action.RUN else self.ended(143)
        jobs = (JobState("web", KEY.name, AT_THREE, self.seen),)
        plan = Plan(tuple(outcome.change for outcome in outcomes))
        return replace(synced(turn), health=Health.HEALTHY, jobs=jobs, outcomes=tuple(outcomes), plan=plan)

    def ended(self, code: int = 0) -> JobSeen:
        self.seen = replace(self.seen, ended=self.now, exit_code=code)
        return self.seen


def asked(turn: Turn) -> tuple[str, list[Action]]:
    return turn.trigger, [errand.action for errand in turn.asked.values()]


def test_a_job_runs_at_its_time_and_its_end_is_told() -> None:
    host, audience = Host(), FakeAudience()
    turns = FakeTurns(host.react)
    loop = make_loop(FakeDesires(reading(job())), turns, audience, wall=host.wall)
    with running(loop):
        assert asked(turns.next()) == ("git", [])
        assert audience.reports.get(timeout=5).jobs[0].next_at == BEGAN + HOUR
        host.now += HOUR
        assert asked(turns.next()) == ("schedule", [Action.RUN])
        assert audience.reports.get(timeout=5).jobs[0].next_at == BEGAN + 25 * HOUR
        assert turns.nothing_more()
        host.now += 60.0
        host.ended(2)
        loop.wake(LookAt("event", stack="a"))
        assert asked(turns.next()) == ("event", [])
        end = audience.ends.get(timeout=5)
    assert (end.result, end.began, end.seconds, end.exit_code) == ("failed", BEGAN + HOUR, 60.0, 2)
    assert audience.triggers.count("schedule") == 1


def test_a_run_keeps_nothing_else_from_its_turn_and_is_stopped_when_it_takes_too_long() -> None:
    host, audience = Host(), FakeAudience()
    turns = FakeTurns(host.react)
    loop = make_loop(FakeDesires(reading(job(), stack("b"))), turns, audience, wall=host.wall)
    with running(loop):
        turns.next(), turns.next()
        host.now += HOUR
        turn = turns.next()
        assert turn.scope.stacks == {"a"}
        assert asked(turn) == ("schedule", [Action.RUN])
        loop.wake(LookAt("event", stack="a"))
        assert asked(turns.next()) == ("event", [])
        host.now += 600.0
        assert asked(turns.next()) == ("schedule", [Action.STOP])
        assert audience.ends.get(timeout=5).result == "timeout"


def test_a_turn_that_failed_before_it_came_to_the_job_is_tried_again_with_it() -> None:
    host, broken = Host(), [False]

    def react(turn: Turn) -> Report:
        if broken[0]:
            broken[0] = False
            return failed(turn, "EngineTimeout")
        return host.react(turn)

    turns = FakeTurns(react)
    with running(make_loop(FakeDesires(reading(job())), turns, FakeAudience(), wall=host.wall)):
        turns.next()
        broken[0] = True
        host.now += HOUR
        assert asked(turns.next()) == ("schedule", [Action.RUN])
        assert asked(turns.next()) == ("retry", [Action.RUN])
        assert turns.nothing_more()


def test_a_freeze_window_and_a_source_that_is_away_hold_no_job_back() -> None:
    host, desires = Host(), FakeDesires(reading(job()))
    turns = FakeTurns(host.react)
    loop = make_loop(desires, turns, FakeAudience(), wall=host.wall)
    with running(loop):
        turns.next()
        newer = reading(job(revision="b" * 40), revision="b" * 40)
        desires.answer = replace(newer, freeze=Freezes((Freeze("0 0 * * *", 24 * HOUR, zone="UTC"),)))
        host.now += HOUR
        assert asked(turns.next()) == ("schedule", [Action.RUN])
        desires.answer = Unreachable("away", reason="FetchFailed")
        host.now += 24 * HOUR
        assert asked(turns.next()) == ("schedule", [Action.RUN])


def test_a_suspended_stack_runs_none_and_it_is_told(tmp_path: Path) -> None:
    host, audience = Host(), FakeAudience()
    said = Directives(tmp_path / "directives.json", host.wall)
    said.suspend("a", "why", None)
    turns = FakeTurns(host.react)
    with running(make_loop(FakeDesires(reading(job())), turns, audience, directives=said, wall=host.wall)):
        turns.next()
        host.now += HOUR
        end = audience.ends.get(timeout=5)
        assert turns.nothing_more()
    assert (end.result, end.message) == ("skipped", "its stack is suspended")


@pytest.mark.parametrize("once", [True, False])
def test_who_only_looks_once_or_only_plans_runs_none(once: bool) -> None:
    host = Host(seen=JobSeen("c1", BEGAN - 24 * HOUR))
    host.now = BEGAN + HOUR + 60.0
    turns = FakeTurns(host.react)
    loop = make_loop(FakeDesires(reading(job())), turns, FakeAudience(), act=once, wall=host.wall)
    if once:
        loop.run(once=True)
        assert turns.next().asked == {}
        assert turns.nothing_more()
        return
    with running(loop):
        assert turns.next().asked == {}
        with pytest.raises(queue.Empty):
            turns.taken.get(timeout=1.3)
