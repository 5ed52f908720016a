"""What people at a host tell the agent reaches it through a file, holds as long as said, and can be read by it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.directives import FORGOTTEN, HOST, Directives, Orders
from agent.errors import Refused
from agent.model import Failure
from agent.suspension import Suspension
from agent.wishes import Asked


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "directives.json"


def test_a_stack_is_suspended_until_it_is_resumed(file: Path, clock: Clock) -> None:
    agent, command = Directives(file, clock), Directives(file, clock, by="anna")
    assert not agent.now().of("web")
    command.suspend("web", "a migration", None)
    assert agent.now().of("web").whole == Suspension("a migration", "anna")
    assert not agent.now().of("web2")
    clock.now += 1e9
    assert agent.now().of("web").whole
    assert command.resume("web") == ("web",)
    assert not agent.now().of("web")


def test_it_ends_by_itself_and_is_out_of_the_file_with_the_next_change(file: Path, clock: Clock) -> None:
    agent, command = Directives(file, clock), Directives(file, clock)
    command.suspend("web", "a migration", 1010.0)
    assert agent.now().of("web").whole
    clock.now = 1009.9
    assert agent.now().of("web").whole
    clock.now = 1010.0
    assert not agent.now().of("web")
    command.suspend("db", "too", None)
    assert "migration" not in file.read_text()


def test_what_was_over_by_a_clock_that_was_ahead_holds_again_once_that_is_set_right(file: Path, clock: Clock) -> None:
    agent, command = Directives(file, clock), Directives(file, clock)
    command.suspend("web", "a migration", 1010.0)
    clock.now = 5000.0
    assert not agent.now().of("web")
    clock.now = 1001.0
    assert agent.now().of("web").whole


def test_the_same_orders_are_the_same_object_until_something_changes(file: Path, clock: Clock) -> None:
    agent, command = Directives(file, clock), Directives(file, clock)
    command.suspend("web", "a migration", 1010.0)
    orders = agent.now()
    clock.now = 1005.0
    assert agent.now() is orders
    command.suspend("web", "another reason", 1010.0)
    assert agent.now() is not orders


def test_a_lease_of_a_service_leaves_the_rest_of_its_stack_alone(file: Path, clock: Clock) -> None:
    command = Directives(file, clock)
    command.suspend("web/api", "a debugger", None)
    found = command.now().of("web")
    assert found.whole is None
    assert set(found.services) == {"api"}
    assert not command.now().of("we")


def test_the_host_is_every_stack_and_to_resume_it_ends_everything(file: Path, clock: Clock) -> None:
    command = Directives(file, clock)
    for what in (HOST, "web", "web/api", "db"):
        command.suspend(what, "why", None)
    assert command.now().of("anything").whole
    assert command.resume("web") == ("web", "web/api")
    assert command.now().of("web").whole, "the host still is"
    assert command.resume(HOST) == (HOST, "db")
    assert not command.now().of("db")


def test_an_approval_holds_for_a_time(file: Path, clock: Clock) -> None:
    command = Directives(file, clock)
    command.approve("0123456789ab", 1010.0)
    assert command.now().approved == {"0123456789ab"}
    clock.now = 1011.0
    assert not command.now().approved


UNTIL = '{"suspended": {"web": {"until": %s}}}'
SPOILT = ["", "[]", "{", '{"suspended": 3}', '{"suspended": {"web": "x"}}']
SPOILT += [UNTIL % until for until in ("true", '"noon"', "-1", "NaN", "Infinity", "1" * 400)]


@pytest.mark.parametrize("text", [*SPOILT, "[" * 100_000])
def test_where_nobody_knows_what_was_said_nothing_may_be_changed(file: Path, clock: Clock, text: str) -> None:
    file.write_text(text)
    told = list[Failure | None]()
    agent = Directives(file, clock, told=lambda path, failure: told.append(failure))
    whole = agent.now().of("anything").whole
    assert whole is not None
    assert str(file) in whole.reason
    assert "remove it" in whole.reason
    orders = agent.now()
    assert agent.now() is orders, "it is tried again, and nothing new comes of it"
    assert [failure and failure.reason for failure in told] == ["StateReadFailed"], "it is told once"
    with pytest.raises(Refused, match="cannot be understood") as refused:
        Directives(file, clock).suspend("web", "why", None)
    assert refused.value.reason == "StateReadFailed", "what others said is not written over"
    file.unlink()
    assert not agent.now().of("anything")
    assert told[1:] == [None]


@pytest.mark.parametrize("text", SPOILT)
def test_what_was_known_before_goes_on_to_hold(file: Path, clock: Clock, text: str) -> None:
    agent = Directives(file, clock)
    Directives(file, clock).suspend("web", "a migration", 1010.0)
    orders = agent.now()
    file.write_text(text)
    assert agent.now() is orders
    assert not agent.now().of("db"), "the whole host is not suspended for it"
    clock.now = 1010.0
    assert not agent.now().of("web"), "its end comes all the same"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_a_file_that_cannot_be_opened_is_not_a_file_that_says_nothing(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    Directives(file, clock).approve("0123456789ab", 1010.0)
    agent = Directives(file, clock)

    def refuse(_path: Path, **_how: Any) -> Any:
        raise OSError(code, os.strerror(code))

    for call in ("read_text", "stat"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, call, refuse)
            patched.setattr(Path, "read_text", refuse)
            assert agent.now().of("web").whole
            assert not agent.now().approved
        agent = Directives(file, clock)
    assert not agent.now().of("web")
    assert agent.now().approved


def test_what_is_no_approval_approves_nothing_and_suspends_nobody(file: Path, clock: Clock) -> None:
    file.write_text('{"approved": {"a": "b"}}')
    assert Directives(file, clock).now() == Orders()


def test_no_change_is_lost_when_many_commands_run_at_once(file: Path, clock: Clock) -> None:
    commands = [Directives(file, clock) for _ in range(20)]
    threads = [
        threading.Thread(target=one.suspend, args=(f"stack-{number}", "why", None))
        for number, one in enumerate(commands)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Directives(file, clock).now().suspended) == 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_an_agent_that_is_not_root_can_read_what_root_said(tmp_path: Path, clock: Clock) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 12345, 12345)
    Directives(state / "directives.json", clock).suspend("web", "why", None)
    assert {file.stat().st_uid for file in state.iterdir()} == {12345}


def test_what_cannot_be_written_is_told(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "state").write_text("a file where a directory should be")
    with pytest.raises(Refused, match="cannot be written") as refused:
        Directives(tmp_path / "state" / "directives.json", clock).suspend("web", "why", None)
    assert refused.value.reason == "StateWriteFailed"


def test_what_is_asked_is_known_until_nobody_can_wait_for_it_any_more(tmp_path: Path) -> None:
    now = [1000.0]
    said = Directives(tmp_path / "directives.json", lambda: now[0])
    assert said.ask(["web"], hard=True) == 1000.0
    assert Directives(tmp_path / "directives.json").now().asked == {"web": Asked(1000.0, hard=True)}
    now[0] += 10
    said.ask(["db"])
    assert said.now().asked == {"web": Asked(1000.0, hard=True), "db": Asked(1010.0)}
    now[0] += FORGOTTEN
    said.suspend("a", "why", None)
    assert said.now().asked == {}


def test_what_is_asked_later_is_later_although_the_clock_was_set_back(file: Path, clock: Clock) -> None:
    said = Directives(file, clock)
    first = said.ask(["web"])
    clock.now -= 600
    second = said.ask(["db"])
    assert said.ask([HOST]) > second > first
    assert said.ask([HOST], answered=5000.0) > 5000.0


def test_what_nobody_can_have_asked_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "directives.json"
    file.write_text('{"asked": {"web": 3, "db": {"at": "soon"}, "ok": {"at": 5}}}')
    assert Directives(file).now().asked == {"ok": Asked(5.0)}
