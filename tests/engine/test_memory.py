"""What the door remembers while the events are followed, and what makes it ask again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import docker
import pytest

from agent.engine import Engine, Event
from agent.engine.memory import LOOKS, Memory


def event(kind: str, identity: str, **attributes: str) -> Event:
    return Event(kind, "something", identity, identity, attributes)


@pytest.fixture
def memory() -> Memory:
    """One that is followed and knows of two containers, an image and the daemon."""
    memory = Memory()
    memory.follow()
    for kind, name in (("container", "a"), ("container", "b"), ("image", "x"), ("daemon", "info")):
        memory.learn(kind, name, lambda: "answer", "as seen")
    return memory


def known(memory: Memory) -> set[str]:
    names = (("container", "a"), ("container", "b"), ("image", "x"), ("daemon", "info"))
    return {name for kind, name in names if memory.known(kind, name, "as seen")}


def test_nothing_is_kept_while_nobody_listens() -> None:
    memory = Memory()
    assert memory.learn("container", "a", lambda: "answer") == "answer"
    assert memory.known("container", "a") is None


def test_an_answer_is_the_very_same_object_although_all_was_doubted_again_in_the_middle_of_a_look() -> None:
    memory = Memory()
    memory.follow()
    first = memory.learn("container", "a", lambda: ["said"])
    memory.clear()
    memory.learn("container", "b", lambda: ["other"])
    memory.clear()
    assert memory.learn("container", "a", lambda: ["said"]) is first


def test_what_nobody_asks_about_any_more_is_let_go() -> None:
    memory = Memory()
    memory.follow()
    gone = memory.learn("container", "gone", lambda: ["said"])
    for _ in range(LOOKS + 2):
        memory.learn("container", "there", lambda: ["other"])
        memory.clear()
    assert memory.learn("container", "gone", lambda: ["said"]) is not gone


def test_how_often_the_events_broke_off_is_counted(memory: Memory) -> None:
    assert memory.losses == 0
    memory.clear()
    assert memory.losses == 0
    memory.lose()
    memory.follow()
    memory.lose()
    assert memory.losses == 2


def test_what_is_not_there_is_not_kept(memory: Memory) -> None:
    assert memory.learn("container", "c", lambda: None) is None
    assert memory.known("container", "c") is None


def test_a_list_that_says_otherwise_makes_an_answer_old(memory: Memory) -> None:
    assert memory.known("container", "a", "as seen") == "answer"
    assert memory.known("container", "a", "exited by now") is None


@pytest.mark.parametrize(
    ("happened", "left"),
    [
        pytest.param(event("container", "a"), {"b", "x", "info"}, id="a container"),
        pytest.param(event("network", "n", container="b"), {"a", "x", "info"}, id="a container's network"),
        pytest.param(event("network", "n"), {"a", "b", "x", "info"}, id="a network alone"),
        pytest.param(event("image", "y"), {"a", "b", "info"}, id="any image"),
        pytest.param(event("daemon", "d"), {"a", "b", "x"}, id="the daemon's settings"),
        pytest.param(event("volume", "v"), {"a", "b", "x", "info"}, id="a volume"),
    ],
)
def test_an_event_calls_into_question_what_it_is_about(memory: Memory, happened: Event, left: set[str]) -> None:
    memory.hear(happened)
    assert known(memory) == left


@pytest.mark.parametrize(
    ("changed", "same"), [([], True), (["running"], False)], ids=["says the same", "says otherwise"]
)
@pytest.mark.parametrize("looks", [1, 2], ids=["after a full look", "after two in a row"])
def test_an_answer_as_before_is_the_very_same_object(
    memory: Memory, looks: int, changed: list[str], same: bool
) -> None:
    before = memory.learn("container", "c", lambda: {"Names": ["c"]})
    for _ in range(looks):
        memory.clear()
    answer = memory.learn("container", "c", lambda: {"Names": ["c", *changed]})
    assert (answer is before) is same
    assert answer == {"Names": ["c", *changed]}


@pytest.mark.parametrize("end", [Memory.clear, Memory.lose, Memory.follow], ids=["full look", "lost", "opened anew"])
def test_a_break_calls_everything_into_question(memory: Memory, end: Callable[[Memory], None]) -> None:
    end(memory)
    assert known(memory) == set()


def test_an_answer_that_was_overtaken_on_its_way_is_not_kept(memory: Memory) -> None:
    def ask() -> str:
        memory.hear(event("container", "c"))
        return "from before"

    assert memory.learn("container", "c", ask) == "from before"
    assert memory.known("container", "c") is None


# --- on the real engine -----------------------------------------------------------------------------------------


class Counted:
    """An engine whose inspections of containers are counted."""

    def __init__(self, url: str) -> None:
        self.inspected = 0
        self.engine = Engine(url, observe=self._count)

    def _count(self, endpoint: str, _seconds: float, _code: str) -> None:
        self.inspected += endpoint == "container_inspect"

    def look(self, prefix: str) -> list[str]:
        """The states of the containers, from one list and the reports that it leads to."""
        entries = [one for one in self.engine.list_containers() if one["Names"][0].startswith(f"/{prefix}")]
        reports = self.engine.inspect_listed(sorted(entries, key=lambda one: str(one["Names"])))
        return [f"{report['State']['Status']} {report['HostConfig']['Memory']}" for report in reports if report]


@contextmanager
def followed(engine: Engine) -> Iterator[None]:
    opened, over = threading.Event(), threading.Event()
    follow = partial(engine.events, lambda _event: None, on_open=opened.set, stop=over.is_set, idle=0.5)
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert opened.wait(20)
    yield
    over.set()
    thread.join(20)
    assert not thread.is_alive()


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.engine
def test_a_container_is_asked_about_again_only_when_something_happened_to_it(
    docker_host: str, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    counted = Counted(docker_host)
    made = [counted.engine.create_container(f"{prefix}-{number}", {"Image": busybox}) for number in range(3)]
    with followed(counted.engine):
        eventually(lambda: _asked(counted, prefix) == 0)
        assert counted.look(prefix) == ["created 0"] * 3

        sdk.update_container(made[1], mem_limit="64m", memswap_limit="64m")  # which no list tells
        eventually(lambda: counted.look(prefix)[1] == "created 67108864")
        eventually(lambda: _asked(counted, prefix) == 0)

        counted.engine.start_container(made[0])  # our own change is not waited for
        assert counted.look(prefix)[0] == "running 0"

        eventually(lambda: _asked(counted, prefix) == 0)
        counted.engine.forget()
        assert _asked(counted, prefix) == 3
    assert _asked(counted, prefix) == 3  # nobody listens any more
    counted.engine.close()


def _asked(counted: Counted, prefix: str) -> int:
    """How many inspections a look takes."""
    before = counted.inspected
    counted.look(prefix)
    return counted.inspected - before
