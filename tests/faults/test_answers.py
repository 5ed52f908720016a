"""The engine answers badly: late, in part, wrongly or not at all. Nothing is done twice and nothing is lost by it."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable
from threading import Event
from typing import Any, cast

import docker
import pytest

from agent.backoff import TRIES
from agent.engine import Engine
from agent.errors import Unreachable
from tests.e2e.agents import Agent, running, until
from tests.faults import proxy as faults
from tests.faults.proxy import Call, Choice, Fault, Proxy
from tests.faults.scene import Scene, changes

pytestmark = pytest.mark.engine


def some_reads(fault: Fault) -> Choice:
    """Three of ten reads, evenly."""
    count = itertools.count()
    return lambda call: fault if not call.changes and next(count) % 10 in (2, 5, 9) else None


def once_each(fault: Fault, *places: str) -> Choice:
    """The first call that ends so, for each of the places."""
    left = set(places)

    def choose(call: Call) -> Fault | None:
        place = next((place for place in left if call.place.endswith(place)), None)
        left.discard(place or "")
        return fault if place else None

    return choose


BAD: dict[str, Callable[[], Choice]] = {
    "reads that fail": lambda: some_reads(faults.stumble),
    "reads cut after the headers": lambda: some_reads(faults.cut_after_head),
    "reads cut in the middle": lambda: some_reads(faults.cut_within),
    "changes done whose answer is lost": lambda: once_each(faults.lose, "/containers/create", "/rename"),
    "changes never heard of": lambda: once_each(faults.swallow, "/containers/create", "/start"),
}


SELDOM = {
    "reads that fail",
    "reads cut after the headers",
    "reads cut in the middle",
    "changes never heard of",
}  # much like another one


@pytest.mark.parametrize("bad", [pytest.param(bad, marks=[pytest.mark.slow] if bad in SELDOM else []) for bad in BAD])
def test_a_commit_gets_through_bad_answers(proxied: Agent, proxy: Proxy, scene: Scene, bad: str) -> None:
    with running(proxied):
        proxy.fault = BAD[bad]()
        scene.push("first")
        scene.await_settled(proxied, "first", patience=60)
        scene.put_data("precious")
        proxy.fault = BAD[bad]()
        scene.push("second")
        scene.await_settled(proxied, "second", patience=60)


@pytest.mark.slow
def test_a_change_that_the_engine_stumbles_over_is_not_repeated_blindly_and_nothing_is_lost(
    proxied: Agent, proxy: Proxy, scene: Scene
) -> None:
    """What was there before comes back, and the new is tried again: a fault that is not explained may pass."""
    with running(proxied):
        proxy.fault = once_each(faults.stumble, "/containers/create", "/start")
        scene.push("first")
        scene.await_settled(proxied, "first", patience=60)
        scene.put_data("precious")
        until(lambda: not proxied.stack(scene.stack)["on_trial"], "the first known to be good")
        stumbles, under_way = once_each(faults.stumble, "/rename"), removals(faults.under_way)
        proxy.fault = lambda call: stumbles(call) or under_way(call)
        scene.push("second")
        scene.await_settled(proxied, "second", patience=60)
        series = 'windlass_actions_total{action="replace",kind="container",result="%s"}'
        assert proxied.metric(series % "error") == 1
        assert proxied.metric(series % "success") == 1
        assert not proxied.metric(series % "overtaken"), "a removal that is under way is one that comes about"


@pytest.mark.slow
def test_what_the_engine_stumbles_over_time_and_again_is_given_up_until_somebody_asks(
    proxied: Agent, proxy: Proxy, scene: Scene
) -> None:
    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first", patience=60)
        scene.put_data("precious")
        until(lambda: not proxied.stack(scene.stack)["on_trial"], "the first known to be good")
        asked, proxy.fault = proxy.count("/rename"), lambda call: faults.stumble if is_rename(call) else None
        scene.push("second")
        until(lambda: proxy.count("/rename") == asked + TRIES, "tried a few times")
        failure = until(lambda: proxied.stack(scene.stack).get("failure"), "the refusal told")
        assert failure["reason"] == "EngineError"
        proxied.await_passes(scene.stack)
        assert proxy.count("/rename") == asked + TRIES
        scene.assert_as_wanted()
        assert scene.message() == "first"
        proxy.mend()
        proxied.signal(signal.SIGHUP)
        scene.await_settled(proxied, "second")


def is_rename(call: Call) -> bool:
    return call.place.endswith("/rename")


def removals(fault: Fault) -> Choice:
    return lambda call: fault if call.command == "DELETE" and call.place.startswith("/containers/") else None


LISTS = ("/containers/json", "/networks", "/volumes")


def test_lists_that_come_empty_move_nothing(proxied: Agent, proxy: Proxy, scene: Scene) -> None:
    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first")
        before, made = scene.ids(), changes(proxied)
        proxy.fault = lambda call: faults.nothing_there if call.place in LISTS else None
        asked = proxy.count("/containers/json")
        until(lambda: proxy.count("/containers/json") >= asked + 10, "the lists asked for")
        assert proxied.get("/healthz")[0] == 200
        assert scene.ids() == before
        proxy.mend()
        scene.await_settled(proxied, "first")
        assert scene.ids() == before
        assert changes(proxied) == made


@pytest.mark.slow
def test_a_stack_that_left_while_lists_came_empty_is_pruned_afterwards(
    proxied: Agent, proxy: Proxy, scene: Scene, fleet_keeper: str
) -> None:
    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first")
        proxy.fault = lambda call: faults.nothing_there if call.place in LISTS else None
        scene.leave()
        until(lambda: proxied.has_left(scene.stack), "the stack forgotten")
        proxy.mend()
        until(lambda: not scene.containers(), "the stack pruned")


@pytest.fixture
def fleet_keeper(scene: Scene) -> str:
    """Another stack, so that the repository is never empty."""
    name = f"{scene.stack[:-1]}b"
    compose = f"services: {{web: {{image: {scene.image}}}}}\n"
    scene.fleet.push({f"stacks/{name}/compose.yaml": compose}, "the other stack")
    return name


def test_an_event_stream_that_ends_is_opened_again_and_the_host_looked_at(
    proxied: Agent, proxy: Proxy, scene: Scene, sdk: docker.APIClient
) -> None:
    scene.push("first")
    proxied.extra = ("--interval", "1h")
    with running(proxied):
        until(lambda: proxied.synced_at(scene.stack, scene.head), "deployed")
        for _ in range(2):
            opened = proxy.count("/events")
            proxy.fault = lambda call: faults.swallow if call.place == "/events" else None
            assert proxy.cut_streams() == 1
            until(lambda: proxied.metric("windlass_docker_event_stream_up") == 0, "the end of the stream told")
            sdk.remove_container(scene.name("web"), force=True)  # which nobody hears
            proxy.mend()
            until(lambda: scene.containers().get(scene.name("web")) == "running", "what was missed put right", 15)
            assert proxy.count("/events") > opened
        until(lambda: proxied.synced_at(scene.stack, scene.head), "in sync")
        scene.assert_as_wanted()


def silent(call: Call) -> Fault | None:
    """Nothing that happens is heard of."""
    return faults.hush if call.place == "/events" else None


def drift_unheard(agent: Agent, scene: Scene, patience: float) -> None:
    """Change by hand what no list of containers tells of, and see it put right."""
    assert agent.metric("windlass_docker_event_stream_up") == 1, "nobody can know that it tells nothing"
    before, policy = scene.ids(), cast("Any", {"Name": "no"})
    scene.sdk.update_container(scene.name("always"), restart_policy=policy)
    until(lambda: scene.inspect("always")["HostConfig"]["RestartPolicy"]["Name"] == "always", "mended", patience)
    assert scene.ids() == before


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_host_of_which_nothing_is_heard_is_looked_at_each_minute(proxied: Agent, proxy: Proxy, scene: Scene) -> None:
    proxied.extra, proxy.fault = ("--interval", "1h"), silent
    scene.push("first")
    with running(proxied):
        until(lambda: proxied.synced_at(scene.stack, scene.head), "deployed")
        drift_unheard(proxied, scene, 75)


@pytest.mark.slow
def test_answers_that_come_late_and_events_that_never_come_delay_and_no_more(
    proxied: Agent, proxy: Proxy, scene: Scene
) -> None:
    def late(call: Call) -> None:
        answer = call.ask()
        time.sleep(0.5 if call.changes else 0.05)
        call.answer(answer)

    with running(proxied):
        proxy.fault = lambda call: silent(call) or late
        scene.push("first")
        scene.await_settled(proxied, "first")
        assert proxied.get("/readyz")[0] == 200
        drift_unheard(proxied, scene, 20)


CHECK = "{test: [CMD, test, -e, /tmp/ready], interval: 200ms, retries: 1000}"


def test_a_stack_that_hangs_keeps_no_other_waiting(proxied: Agent, proxy: Proxy, scene: Scene) -> None:
    """First in a call of the engine that does not come back, then at the gate of a health check that does not pass."""
    scene.alone = True
    slow, released = f"{scene.stack[:-1]}slow", Event()
    db, web = f"{slow}-db-1", f"{slow}-web-1"
    compose = f"""\
services:
  db: {{image: {scene.image}, healthcheck: {CHECK}}}
  web: {{image: {scene.image}, depends_on: {{db: {{condition: service_healthy}}}}}}
x-windlass: {{rollout: {{monitor: 300ms}}}}
"""

    def held(call: Call) -> None:
        released.wait(faults.HURRY)
        call.answer(call.ask())

    def states() -> dict[str, str]:
        found = scene.sdk.containers(all=True, filters={"name": f"{slow}-"})
        return {one["Names"][0].removeprefix("/"): one["State"] for one in found}

    with running(proxied):
        proxy.fault = once_each(held, "/start")
        scene.fleet.push({f"stacks/{slow}/compose.yaml": compose}, "the slow stack")
        until(lambda: proxy.count("/start"), "the start that hangs")
        scene.push("first")
        until(lambda: proxied.synced_at(scene.stack, scene.head), "another stack deployed meanwhile")
        assert states() == {db: "created"}
        released.set()
        until(lambda: states() == {db: "running"}, "the hanging start over")
        scene.push("second")
        until(lambda: proxied.synced_at(scene.stack, scene.head), "the other stack changed meanwhile")
        scene.assert_as_wanted()
        assert states() == {db: "running"}, "what depends on it waits"
        scene.sdk.exec_start(scene.sdk.exec_create(db, ["touch", "/tmp/ready"])["Id"])
        until(lambda: proxied.synced_at(slow, scene.head), "the slow stack deployed")
        assert states() == {db: "running", web: "running"}


def test_an_answer_that_drips_ends_by_its_deadline(proxy: Proxy, scene: Scene) -> None:
    door = Engine(proxy.url, timeout=2)
    proxy.fault = lambda call: faults.drip if call.place == "/info" else None
    began = time.monotonic()
    try:
        with pytest.raises(Unreachable) as caught:
            door.info()
        assert caught.value.reason == "EngineTimeout"
        assert 1.5 < time.monotonic() - began < 15
        assert door.version()["ApiVersion"], "the next call has a connection of its own"
    finally:
        door.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_agent_outlives_answers_that_drip(proxied: Agent, proxy: Proxy, scene: Scene) -> None:
    with running(proxied):
        scene.push("first")
        scene.await_settled(proxied, "first")
        proxy.fault = lambda call: faults.drip if call.place.startswith("/containers") else None
        scene.push("second")
        failure = until(lambda: proxied.stack(scene.stack).get("failure"), "the deadline told", 120)
        assert failure["reason"] == "EngineTimeout"
        proxy.mend()
        scene.await_settled(proxied, "second", 120)
