"""A command in a container is waited for until it ends, and no longer than it may take."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from agent.engine import Engine, commands
from agent.errors import Overtaken, Refused, Unreachable
from tests.engine.fake import FakeEngine, Request


@pytest.mark.parametrize(("code", "frames"), [(0, b""), (3, b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n")])
def test_a_command_in_a_container_is_waited_for(fake: FakeEngine, door: Engine, code: int, frames: bytes) -> None:
    def talk(request: Request) -> None:
        """As the engine does: no length, and the end of the connection is the end of the command."""
        request.head(200, {"Connection": "close"})
        request.wfile.write(frames[:5])
        request.wfile.flush()
        time.sleep(0.8)  # longer than a call may take that is not about running something
        request.wfile.write(frames[5:])
        request.close_connection = True

    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": talk,
        "/exec/e1/json": lambda request: request.say({"Running": False, "ExitCode": code}),
    }
    said = door.execute("c", {"Cmd": ["x"], "AttachStdout": True}, 5)
    assert said == (code, "out\nerr\n" if frames else "")
    assert json.loads(fake.requests[2][2]) == {"Cmd": ["x"], "AttachStdout": True}
    assert json.loads(fake.requests[3][2]) == {"Detach": False, "Tty": False}


def say_nothing(request: Request) -> None:
    """The end of a command that wrote nothing."""
    request.head(200, {"Connection": "close"})
    request.close_connection = True


def test_a_command_that_the_engine_has_forgotten_has_not_ended_well(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": say_nothing,
        "/exec/e1/json": lambda request: request.say({"message": "No such exec instance: e1"}, 404),
    }
    with pytest.raises(Overtaken, match="run it in container c: the engine does not know how it ended"):
        door.execute("c", {"Cmd": ["x"]}, 5)


def answered(fake: FakeEngine, *reports: dict[str, Any]) -> None:
    """A command that says nothing, and by the reports what the engine knows of it, the last one from then on."""
    left = list(reports)
    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": say_nothing,
        "/exec/e1/json": lambda request: request.say(left.pop(0) if len(left) > 1 else left[0]),
    }


def runs(*command: str, **more: Any) -> dict[str, Any]:
    return {"Running": True, "ProcessConfig": {"entrypoint": command[0], "arguments": list(command[1:])}, **more}


def test_the_same_command_that_still_runs_is_waited_for_and_no_other_begun(fake: FakeEngine, door: Engine) -> None:
    reports = [runs("sh", "-c", "x"), runs("sh", "-c", "x", Running=False, ExitCode=3)]
    fake.answers = {
        "/containers/c/json": lambda request: request.say({"Id": "c", "Name": "/c", "ExecIDs": ["e7", "e8", "e9"]}),
        "/exec/e7/json": lambda request: request.say(runs("sh", "-c", "y")),
        "/exec/e8/json": lambda request: request.say(runs("sh", "-c", "x", Running=False)),
        "/exec/e9/json": lambda request: request.say(reports.pop(0)),
    }
    assert door.execute("c", {"Cmd": ["sh", "-c", "x"]}, 5) == (3, commands.UNHEARD)
    assert not fake.count("/containers/c/exec")


@pytest.mark.parametrize(
    ("body", "process", "is_same"),
    [
        ({}, {}, True),
        ({"User": "5"}, {"user": "5"}, True),
        ({}, {"user": "app"}, True),
        ({"User": "0"}, {"user": "app"}, False),
        ({}, {"user": "0"}, False),
        ({"Privileged": True}, {}, False),
        ({}, {"privileged": True}, False),
    ],
)
def test_a_command_of_another_user_is_another_one(body: dict[str, Any], process: dict[str, Any], is_same: bool) -> None:
    container = {"ExecIDs": ["e1"], "Config": {"User": "app"}}
    seen = {"Running": True, "ProcessConfig": {"entrypoint": "sh", "arguments": ["x"], **process}}
    assert commands.under_way(container, {"Cmd": ["sh", "x"], **body}, lambda _: seen) == ("e1" if is_same else "")


@pytest.mark.parametrize("early", [{"Running": False, "ExitCode": None}, {"Running": True, "ExitCode": None}, {}])
def test_a_status_that_comes_after_the_last_word_is_waited_for(
    fake: FakeEngine, door: Engine, early: dict[str, Any]
) -> None:
    answered(fake, early, early, {"Running": False, "ExitCode": 7})
    assert door.execute("c", {"Cmd": ["x"]}, 5) == (7, "")


def test_a_status_that_does_not_come_is_no_success(
    fake: FakeEngine, door: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "TELLING", 0.2)
    answered(fake, {"Running": False, "ExitCode": None})
    with pytest.raises(
        Refused, match="run hook 0 in container c: it has ended, and the engine told no exit status"
    ) as told:
        door.execute("c", {"Cmd": ["x"]}, 5, "hook 0")
    assert told.value.reason == "EngineError"


def test_a_command_that_goes_on_without_a_word_has_its_time_and_no_more(fake: FakeEngine, door: Engine) -> None:
    answered(fake, {"Running": True, "ExitCode": 0})
    assert door.execute("c", {"Cmd": ["x"]}, 0.3) == (None, "")
    with pytest.raises(Overtaken, match="not waited for"):
        door.execute("c", {"Cmd": ["x"]}, 600, "hook 0", lambda: fake.count("/exec/e1/json") > 20)


def test_a_command_that_does_not_end_is_given_up_and_only_silence_is_the_engines(
    fake: FakeEngine, door: Engine
) -> None:
    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": Request.hang,
        "/exec/e1/json": lambda request: request.say({"Running": True, "ExitCode": None}),
    }
    assert door.execute("c", {"Cmd": ["x"]}, 0.2) == (None, "")
    fake.answers = {**fake.answers, "/exec/e1/json": lambda request: request.say({"Running": False, "ExitCode": 3})}
    assert door.execute("c", {"Cmd": ["x"]}, 0.2) == (3, ""), "what it left behind holds on to what it says"
    fake.answers = {**fake.answers, "/exec/e1/json": Request.hang}
    with pytest.raises(Unreachable) as caught:
        door.execute("c", {"Cmd": ["mysql", "--password=hunter2"]}, 0.2, "post_start of web, hook 0")
    assert caught.value.reason == "EngineTimeout"
    assert "hunter2" not in caught.value.message


def test_a_command_is_not_waited_for_by_an_agent_that_ends(fake: FakeEngine, door: Engine) -> None:
    asked = list[str]()

    def hang(request: Request) -> None:
        asked.append("exec")
        request.hang()

    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": hang,
    }
    with pytest.raises(Overtaken, match="not waited for") as caught:
        door.execute("c", {"Cmd": ["sleep", "600"]}, 600, "pre_stop of web, hook 0", lambda: bool(asked))
    assert caught.value.message.startswith("run pre_stop of web, hook 0 in container c: ")
