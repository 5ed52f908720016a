"""The agent dies in the middle of its work, after each of the calls that change something; the next one makes it good.

To the engine an agent that was killed is one that says nothing more. So most of these keep the agent in this process,
lose the answer of the call and everything after it, and let another one begin; the rest kill a process.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.e2e.agents import Agent, running, until
from tests.faults.life import alive, make_good
from tests.faults.proxy import Call, Choice, Fault, Proxy, lose, swallow
from tests.faults.scene import Scene

pytestmark = pytest.mark.engine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def from_change(number: int, fault: Fault, after: Fault | None) -> Choice:
    """The fault for the change of that number, counted from 1 from now on, and `after` for every call behind it."""
    count = 0

    def choose(call: Call) -> Fault | None:
        nonlocal count
        if count >= number:
            return after
        count += call.changes
        return fault if count == number else None

    return choose


DIES, LIVES = "the agent dies", "the agent goes on"


@pytest.mark.parametrize("agent", [DIES, pytest.param(LIVES, marks=pytest.mark.slow)])
def test_a_replacement_that_is_cut_after_any_call_is_made_good(
    scene: Scene, proxy: Proxy, home: Path, agent: str
) -> None:
    scene.alone = True
    with alive(scene, proxy, home) as first:
        make_good(scene, proxy, first, "0")
        scene.put_data("precious")
        before = len(proxy.changes)
        make_good(scene, proxy, first, "uncut")
        calls = len(proxy.changes) - before
        assert calls >= 6
        for number in range(1, calls + 1):
            message = str(number)
            with alive(scene, proxy, home) as cut:
                proxy.fault = from_change(number, lose, swallow if agent == DIES else None)
                assert not cut.turn(message).synced, f"cut after call {number}"
                if agent == LIVES:
                    make_good(scene, proxy, cut, message)
            if agent == DIES:
                make_good(scene, proxy, first, message)


@pytest.mark.slow  # a replacement begins with as much
def test_a_first_deploy_that_is_cut_after_any_call_is_made_good(scene: Scene, proxy: Proxy, home: Path) -> None:
    number, whole = 0, False
    scene.alone = True
    with alive(scene, proxy, home) as next_one:
        while not whole:
            number += 1
            proxy.fault = from_change(number, lose, swallow)
            with alive(scene, proxy, home) as cut:
                whole = cut.turn("first").synced
            make_good(scene, proxy, next_one, "first")
            scene.remove()
    assert number >= 6


def killed_after(number: int, agent: Agent) -> Choice:
    """Kill the agent when the change of that number has been done."""

    def kill(call: Call) -> None:
        process = agent.process
        assert process is not None
        call.ask()
        process.kill()
        call.close_connection = True

    return from_change(number, kill, swallow)


def die_and_come_back(agent: Agent, proxy: Proxy, scene: Scene, number: int) -> None:
    """Push a change, let the agent be killed after so many calls of it, and start it again."""
    process, message = agent.process, f"change {number}"
    assert process is not None
    proxy.fault = killed_after(number, agent)
    scene.push(message)
    until(lambda: process.poll() is not None, f"the death of the agent after call {number}")
    proxy.mend()
    agent.start()
    scene.await_settled(agent, message)


@pytest.mark.slow
@pytest.mark.parametrize(
    "every",
    [False, pytest.param(True, marks=pytest.mark.timeout(900))],
    ids=["in the middle", "after every call"],
)
def test_a_process_that_is_killed_is_followed_by_one_that_makes_it_good(
    proxied: Agent, proxy: Proxy, scene: Scene, every: bool
) -> None:
    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first")
        scene.put_data("precious")
        before = len(proxy.changes)
        scene.push("uncut")
        scene.await_settled(proxied, "uncut")
        calls = len(proxy.changes) - before
        for number in range(1, calls + 1) if every else [calls // 2 + 1]:
            die_and_come_back(proxied, proxy, scene, number)
        scene.push("last")
        scene.await_settled(proxied, "last")


MOMENTS = 20  # at which it is killed, in the long run


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_process_that_is_killed_at_any_moment_is_followed_by_one_that_makes_it_good(
    agent: Agent, scene: Scene
) -> None:
    chance = random.Random(7)
    with running(agent):
        scene.push("first")
        scene.await_settled(agent, "first")
        scene.put_data("precious")
        for number in range(MOMENTS):
            scene.push(f"change {number}")
            time.sleep(chance.uniform(0.0, 1.5))
            agent.kill()
            agent.start()
            scene.await_settled(agent, f"change {number}")
        assert agent.stop() == 0
    runs = json.loads(agent.windlass("history", "-n", "1000", "-o", "json").stdout)["runs"]
    results = [run["result"] for run in runs]
    assert results.count("running") == 0
    assert results.count("interrupted") >= 1, "what was cut is told to have been"
