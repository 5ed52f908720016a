"""The start of what is to take the place of another one hangs in the engine, which answers all else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from agent.engine import Engine
from agent.stand_ins import ignore, never
from agent.trial import NO_TRIAL, State, judge
from tests.faults.proxy import HURRY, Call, Fault, Proxy, proxy_to
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine


@pytest.fixture
def proxy(docker_host: str) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="windlass-proxy-") as path, proxy_to(docker_host, Path(path) / "p") as one:
        yield one


class Hurried(Engine):
    """Waits for so many seconds for a start that is `held`, and else as long as any other."""

    patience = 0.5
    held: Callable[[str], bool] = never

    def start_container(self, container: str) -> None:
        usual = self._calls.timeout
        self._calls.timeout = self.patience if self.held(container) else usual
        try:
            super().start_container(container)
        finally:
            self._calls.timeout = usual


@pytest.fixture
def late(rig: Rig, proxy: Proxy) -> Rig:
    """An agent behind the proxy."""
    rig.engine.close()
    rig.engine = Hurried(proxy.url, timeout=60, observe=rig._note)
    rig.restart()
    return rig


def hangs(late: Rig, proxy: Proxy, old: str, first: Callable[[Call], object] = ignore) -> Event:
    """Hold up the start of every container but the old one until the event is set. The engine never hears of it, unless
    what comes `first` asks it."""
    released = Event()

    def held(call: Call) -> None:
        first(call)
        released.wait(HURRY)

    def choose(call: Call) -> Fault | None:
        return held if call.place.endswith("/start") and old not in call.place else None

    proxy.fault = choose
    assert isinstance(late.engine, Hurried)
    late.engine.held = lambda container: container != old
    return released


def mend(late: Rig, proxy: Proxy) -> None:
    assert isinstance(late.engine, Hurried)
    late.engine.held = never
    proxy.mend()


def stack(image: str, version: str) -> str:
    return f"services: {{web: {{image: '{image}', stop_grace_period: 0s, environment: {{A: '{version}'}}}}}}"


def test_the_old_one_runs_while_the_start_of_the_new_one_hangs(late: Rig, proxy: Proxy, busybox: str) -> None:
    before, after = (stack(busybox, version) for version in "12")
    late.apply(before)
    old = late.container("web")["Id"]
    released, trial = hangs(late, proxy, old), NO_TRIAL
    for times in (1, 2, 3):
        report = late.take(after)
        assert report.failure is not None
        assert report.failure.reason == "StartTimeout"
        runs = late.engine.inspect_container(old)
        assert runs is not None
        assert runs["State"]["Running"], f"after the try number {times}"
        judgement = judge(late.stack_of(after), report, trial, 0.0)
        trial = judgement.trial
        assert (judgement.state is State.FAILED) is (times == 3), "the same, time and again, is the content's"
    released.set()
    mend(late, proxy)
    late.apply(before)
    now = late.container("web")
    assert (now["Id"], now["State"]["Running"]) == (old, True), "it has its name again, and was not made anew"
    listed = [one["Names"] for one in late.engine.list_containers() if f"/{late.stack}-web" in one["Names"][0]]
    assert listed == [[f"/{late.stack}-web-1"]]


@pytest.mark.slow
def test_where_it_has_started_all_the_same_the_old_one_does_not_run_beside_it(
    late: Rig, proxy: Proxy, busybox: str
) -> None:
    late.apply(stack(busybox, "1"))
    old = late.container("web")["Id"]
    hangs(late, proxy, old, Call.ask)
    assert isinstance(late.engine, Hurried)
    late.engine.patience = 6.0  # for which the engine takes its time
    failure = late.take(stack(busybox, "2")).failure
    assert failure is not None
    assert failure.reason == "EngineTimeout"
    assert not late.container("web", ".old")["State"]["Running"]
    mend(late, proxy)
    new = late.container("web")["Id"]
    late.apply(stack(busybox, "2"))
    assert late.container("web")["Id"] == new
    assert late.engine.inspect_container(old) is None
