"""What a change waits for before it begins, how long, and what becomes of it where that does not come about."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT, Waiting
from agent.errors import Unreachable
from agent.model import Action, Change, Condition, FieldChange, Requirement, Status
from agent.probe import Gate, Probe
from tests.planning.scene import key, waits
from tests.steps import DB, DONE, HEALTHY, LATE, Host, change, statuses


def test_a_change_waits_until_what_it_requires_is_healthy() -> None:
    host = Host(
        answers=[Probe(Gate.PENDING, "starting"), Probe(Gate.PENDING, "starting, 1 check failed"), Probe(Gate.PASSED)]
    )
    (outcome,) = host.converge(change(0, requires=[HEALTHY]))
    assert outcome.status is Status.DONE
    told = [(event.requirement, event.detail) for event in host.events if isinstance(event, Waiting)]
    assert told == [(HEALTHY, "starting"), (HEALTHY, "starting, 1 check failed")]


def test_a_wait_tells_that_it_still_waits_once_a_second() -> None:
    host = Host(answers=[LATE])
    (outcome,) = host.converge(change(0, requires=[HEALTHY]))
    waited = [event.seconds for event in host.events if isinstance(event, Waiting)]
    assert outcome.status is Status.FAILED
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(waited))
    assert 5 <= len(waited) <= 11


@pytest.mark.parametrize("answer", [Probe(Gate.PASSED), Probe(Gate.FAILED, "unhealthy")])
def test_what_is_started_anew_waits_for_its_turn_alone(answer: Probe) -> None:
    """And goes on when the one before it is good, or is not going to be."""
    turn = waits(DB, Condition.GOOD, optional=True)
    host = Host(answers=[Probe(Gate.PENDING, "starting"), answer])
    again = replace(change(0, Action.UPDATE, requires=[turn, waits("container/other")]), restarts=True)
    assert statuses(host.converge(again)) == [Status.DONE]
    assert host.probes == 2


def test_a_wait_holds_no_worker() -> None:
    host = Host()

    def probe(_: Requirement) -> Probe:
        return Probe(Gate.PASSED if 1 in host.performed else Gate.PENDING)

    outcomes = host.converge(change(0, requires=[HEALTHY]), change(1), workers=1, probe=probe)
    assert statuses(outcomes) == [Status.DONE, Status.DONE]
    assert host.performed == [1, 0]


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (
            Probe(Gate.FAILED, "unhealthy: 3 checks failed"),
            DEPENDENCY_FAILED,
            "waits for container/db to be healthy: unhealthy: 3 checks failed",
        ),
        (
            LATE,
            DEPENDENCY_TIMEOUT,
            "waits for container/db to be healthy: starting (gave up after 10 s)",
        ),
    ],
    ids=["failed", "too late"],
)
def test_what_never_becomes_healthy_fails_the_change(answer: Probe, reason: str, detail: str) -> None:
    host = Host(answers=[answer])
    failed, skipped = host.converge(change(0, requires=[HEALTHY]), change(1, after=[0]))
    assert (failed.status, failed.reason, failed.detail) == (Status.FAILED, reason, detail)
    assert failed.awaited == key(DB)
    assert skipped.status is Status.SKIPPED
    assert host.performed == []


@pytest.mark.parametrize("answer", [Probe(Gate.FAILED, "unhealthy"), LATE], ids=["failed", "too late"])
def test_an_optional_requirement_is_waited_for_and_then_given_up(answer: Probe) -> None:
    host = Host(answers=[answer])
    (outcome,) = host.converge(change(0, requires=[waits(DB, optional=True)]))
    assert outcome.status is Status.DONE


def test_it_is_waited_for_as_long_as_it_may_take() -> None:
    """Be that longer than anybody would have patience with, or without end."""
    for patience in (900.0, math.inf):
        host = Host(answers=[*(Probe(Gate.PENDING, "starting", patience=patience) for _ in range(1200)), DONE])
        (outcome,) = host.converge(change(0, requires=[HEALTHY]))
        assert outcome.status is Status.DONE
        assert host.now > 600.0


def test_what_it_has_taken_before_somebody_waited_counts() -> None:
    host = Host(answers=[LATE._replace(taken=9.0), LATE._replace(taken=10.0)])
    (outcome,) = host.converge(change(0, requires=[HEALTHY]))
    assert (outcome.reason, host.probes) == (DEPENDENCY_TIMEOUT, 2)
    assert host.now < 9.0


def test_an_engine_that_does_not_answer_is_asked_again() -> None:
    host = Host()
    replies: list[Exception | None] = [Unreachable("no answer"), None]

    def probe(_: Requirement) -> Probe:
        if error := replies.pop(0):
            raise error
        return Probe(Gate.PASSED)

    (outcome,) = host.converge(change(0, requires=[HEALTHY]), probe=probe)
    assert outcome.status is Status.DONE
    assert [event.detail for event in host.events if isinstance(event, Waiting)] == ["no answer"]


def test_one_answer_serves_all_that_wait_for_it() -> None:
    host = Host()
    outcomes = host.converge(*(change(number, requires=[HEALTHY]) for number in range(50)))
    assert set(statuses(outcomes)) == {Status.DONE}
    assert host.probes == 1


@pytest.mark.parametrize(
    ("one", "probes"),
    [
        (change(0, Action.CREATE, requires=[HEALTHY]), 1),
        (change(0, Action.REPLACE, requires=[HEALTHY]), 1),
        (change(0, Action.UPDATE, requires=[HEALTHY], fields=(FieldChange("state", "exited", "running"),)), 1),
        (change(0, Action.UPDATE, requires=[HEALTHY], fields=(FieldChange("restart", "no", "always"),)), 0),
        (change(0, Action.CREATE, requires=[waits(DB, Condition.EXISTS)]), 0),
    ],
    ids=["create", "replace", "update that starts", "other update", "only has to exist"],
)
def test_what_is_gated(one: Change, probes: int) -> None:
    host = Host()
    host.converge(one)
    assert host.probes == probes
