"""What the agent costs while nothing is to be done: for itself, pass after pass, and while strangers make a storm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from script.benchmarks.agent_process import Agent, Repository, wait_for
from script.benchmarks.course import Course
from script.benchmarks.names import CPU, CREEP, HEARD, IDLE, MEASURED, RESIDENT, STORM
from script.benchmarks.room import fits
from script.benchmarks.storm import RATE, storming

USUAL = "60s"  # the interval of polls as it is by default, and of full looks
LONG = 3600.0  # seconds that many passes may take
QUICKEST = "100ms"  # the shortest that there is: a poll and a full look with each


def measure_idle(course: Course) -> None:
    """Processor and memory of an agent that polls every minute, then its memory over many passes.

    Raises `BenchError`.
    """
    extent = course.extent
    if not fits(course, IDLE, extent.idle):
        return
    with _converged(course, "idle", extent.idle) as (agent, head):
        with agent.running(USUAL):
            agent.wait_synced(head)
            time.sleep(extent.settle)
            for number in course.rounds:
                _note_idle(course, agent, course.said(number))
        with agent.running(QUICKEST):
            _note_creep(course, agent)


def _note_idle(course: Course, agent: Agent, said: str) -> None:
    figures, size = course.results.idle, course.extent.idle
    share = cpu_share(agent, course.extent.idle_window)
    resident = agent.memory()[RESIDENT]
    figures.add(f"{IDLE}, {CPU}", size, MEASURED, share, "% of a core")
    figures.add(f"{IDLE}, {RESIDENT}", size, MEASURED, resident, "MiB")
    course.tell(f"idle with {size} containers, {said}: {share:.2f} % of a core, {resident:.1f} MiB")


def _note_creep(course: Course, agent: Agent) -> None:
    """What the memory grows by between an early pass and a late one."""
    early, late = (_held_after(passes, agent) for passes in course.extent.passes)
    course.results.idle.add(CREEP, course.extent.passes[-1], MEASURED, late - early, "MiB")
    course.tell(f"resident after {' and '.join(map(str, course.extent.passes))} passes: {early:.1f} and {late:.1f} MiB")


def _held_after(passes: int, agent: Agent) -> float:
    """MiB that the agent has resident once it has made so many passes."""
    wait_for(f"{passes} passes", lambda: agent.count("windlass_reconciles_total") >= passes, LONG, pause=1.0)
    return agent.memory()[RESIDENT]


def measure_storm(course: Course) -> None:
    """Processor of an agent that hears of a thousand things a second that are no business of its. Raises `BenchError`.

    No engine on a small machine makes so many, so they are told by a proxy before it.
    """
    ground, extent = course.ground, course.extent
    socket = ground.home / "storm.sock"
    with storming(socket, ground.engine.path) as storm, _converged(course, "storm", extent.storm, storm.url) as made:
        agent, head = made
        with agent.running(USUAL):
            agent.wait_synced(head)
            time.sleep(extent.settle)
            with storm.raging():
                for number in course.rounds:
                    _note_storm(course, agent, course.said(number))


def _note_storm(course: Course, agent: Agent, said: str) -> None:
    figures, size, window = course.results.storm, course.extent.storm, course.extent.storm_window
    heard, began = agent.count("windlass_docker_events_total"), time.perf_counter()
    share = cpu_share(agent, window)
    rate = (agent.count("windlass_docker_events_total") - heard) / (time.perf_counter() - began)
    figures.add(STORM, size, MEASURED, share, "% of a core")
    figures.add(HEARD, size, MEASURED, rate, "a second")
    course.tell(f"storm, {said}: {share:.1f} % of a core, {rate:.0f} of {RATE} events a second heard")


def cpu_share(agent: Agent, seconds: float) -> float:
    """Percent of one core that the agent, and what it started, took in so many seconds from now."""
    before, began = agent.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    return 100 * (agent.cpu_seconds() - before) / (time.perf_counter() - began)


@contextmanager
def _converged(course: Course, what: str, services: int, url: str = "") -> Iterator[tuple[Agent, str]]:
    """An agent that does not run, and the commit that its host is to converge to; its containers go at the end."""
    repository = Repository(course.ground, f"{course.ground.prefix}-{what}", services)
    repository.make()
    head = repository.commit()
    repository.push()
    try:
        yield Agent(repository, url), head
    finally:
        course.sweep(repository.project)
