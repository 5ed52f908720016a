"""That nothing is there is what the engine says, and not what nobody could find out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.engine import Engine
from agent.errors import Refused, Trouble
from tests.engine.fake import VERSION, FakeEngine, Request


def test_where_the_engine_knows_of_no_list_nothing_is_known(fake: FakeEngine, door: Engine) -> None:
    """A proxy that lets only some calls through, or a wrong path, answers so; an object may well be gone."""
    for ask in (door.list_containers, door.list_networks, door.list_images, door.list_volumes, door.info):
        with pytest.raises(Refused, match="the answer makes no sense") as caught:
            ask()
        assert caught.value.reason == "EngineObjectInvalid"
    fake.answers = {"version": lambda request: request.missing() if "/v1" in request.path else request.say(VERSION)}
    with pytest.raises(Refused, match="read the version: the answer makes no sense"):
        door.version()
    assert door.inspect_container("web") is door.inspect_volume("data") is None
    assert door.logs("web") == ""


def refuse(status: int) -> Callable[[Request], None]:
    return lambda request: request.say({"message": "it cannot be looked into"}, status)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuse(500), "EngineError"),
        (refuse(403), "EngineDenied"),
        (Request.cut, "EngineUnavailable"),
        (lambda request: request.say("no archive"), "EngineObjectInvalid"),
    ],
    ids=["a fault", "forbidden", "cut", "no archive"],
)
def test_a_file_that_cannot_be_read_is_not_taken_for_none(
    fake: FakeEngine, door: Engine, answer: Callable[[Request], None], reason: str
) -> None:
    fake.answers = {"/archive": answer}
    with pytest.raises(Trouble, match="read /f in container web") as caught:
        door.read_file("web", "/f")
    assert caught.value.reason == reason
    fake.answers = {}
    assert door.read_file("web", "/f") is None


def test_a_list_of_nothing_may_be_null(fake: FakeEngine, door: Engine) -> None:
    fake.answers = dict.fromkeys(("/json", "/networks"), lambda request: request.say(None))
    fake.answers["/volumes"] = lambda request: request.say({"Volumes": None})
    assert [*door.list_containers(), *door.list_networks(), *door.list_images(), *door.list_volumes()] == []
