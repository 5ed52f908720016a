"""The door on the real engine."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from agent.engine import Engine, Event
from agent.errors import Overtaken, Refused

pytestmark = pytest.mark.engine


def test_events_tell_of_what_happens(engine: Engine, prefix: str, busybox: str) -> None:
    name = f"{prefix}-web"
    opened, done = threading.Event(), threading.Event()
    heard: list[Event] = []

    def listen(event: Event) -> None:
        if event.name.startswith(prefix):
            heard.append(event)
        if event.action == "destroy" and event.name == name:
            done.set()

    follow = partial(engine.events, listen, on_open=opened.set, stop=done.is_set, idle=20)
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert opened.wait(20)
    labels = {"windlass.stack": prefix}
    container = engine.create_container(name, {"Image": busybox, "Labels": labels})
    network = engine.create_network(f"{prefix}-net", {})
    engine.connect_network(network, container, {})
    engine.start_container(container)
    engine.remove_container(container, force=True)
    assert done.wait(20)
    thread.join(20)
    assert not thread.is_alive()
    seen = [(one.kind, one.action, one.name) for one in heard]
    for wanted in ("create", "start", "die", "destroy"):
        assert ("container", wanted, name) in seen
    assert ("network", "create", f"{prefix}-net") in seen
    assert ("network", "connect", f"{prefix}-net") in seen
    started = next(one for one in heard if one.action == "start")
    assert (started.id, started.attributes["windlass.stack"]) == (container, prefix)


def test_calls_that_find_it_so_already_succeed(engine: Engine, prefix: str, busybox: str) -> None:
    container = engine.create_container(f"{prefix}-web", {"Image": busybox})
    for _ in range(2):
        engine.start_container(container)
    for _ in range(2):
        engine.stop_container(container, 0)
    for _ in range(2):
        engine.remove_container(container)
    with pytest.raises(Overtaken):
        engine.start_container(container)


def test_stopping_may_take_longer_than_any_other_call(
    docker_host: str, engine: Engine, prefix: str, busybox: str
) -> None:
    """It has what it gives the container beyond what a call may take."""
    stubborn = {"Image": busybox, "Cmd": ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]}
    container = engine.create_container(f"{prefix}-web", stubborn)
    engine.start_container(container)
    hurried = Engine(docker_host, timeout=2)
    try:
        hurried.stop_container(container, 3)
    finally:
        hurried.close()
    report = engine.inspect_container(container)
    assert report is not None
    assert not report["State"]["Running"]


@pytest.mark.parametrize("tty", [False, True])
def test_the_last_words_of_a_container(engine: Engine, prefix: str, busybox: str, tty: bool) -> None:
    command = ["sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; echo late >&2; sleep 60"]
    container = engine.create_container(f"{prefix}-web", {"Image": busybox, "Cmd": command, "Tty": tty})
    assert engine.logs(container) == ""
    engine.start_container(container)
    said, until = "", time.monotonic() + 20
    while not ("late" in said and "line 5" in said):  # the two streams are in no order
        assert time.monotonic() < until, said
        said = engine.logs(container, 6)
    assert len(engine.logs(container, 3).splitlines()) == 3


@pytest.mark.parametrize("running", [True, False])
def test_a_file_is_read_as_the_container_has_it(engine: Engine, prefix: str, busybox: str, running: bool) -> None:
    steps = ("chown 5:6 /f", "ln -s /f /l", "mkfifo /p", "dd if=/dev/zero of=/big bs=1M count=9")
    script = "; ".join(f"/bin/busybox {step}" for step in steps)
    command = ["sh", "-c", f"umask 027; echo hello > /f; {script}; echo done; sleep 60"]
    container = engine.create_container(f"{prefix}-web", {"Image": busybox, "Cmd": command})
    assert engine.read_file(container, "/f") is None
    engine.start_container(container)
    until = time.monotonic() + 20
    while "done" not in engine.logs(container):
        assert time.monotonic() < until
    if not running:
        engine.stop_container(container, 0)
    assert engine.read_file(container, "/f") == (0o640, 5, 6, b"hello\n")
    others = [engine.read_file(container, path) for path in ("/none", "/none/f", "/f/x", "/l", "/p", "/big", "/etc")]
    assert others == [None] * len(others)


def test_many_threads_share_the_door(engine: Engine, prefix: str, busybox: str) -> None:
    names = [f"{prefix}-{number}" for number in range(10)]
    for name in names:
        engine.create_container(name, {"Image": busybox})
    found = engine.gather(partial(engine.inspect_container, name) for name in names * 5)
    assert [report["Name"] for report in found] == [f"/{name}" for name in names * 5]
    with pytest.raises(Refused):
        engine.gather([partial(engine.create_container, names[0], {"Image": busybox})])


def test_the_engine_says_what_it_is(engine: Engine) -> None:
    engine.ping()
    assert engine.api >= (1, 41)
    assert engine.version()["Version"]
    assert engine.info()["DockerRootDir"]
