"""An engine with much to do says that a network is in use when the containers on it are gone already."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.engine import Engine
from agent.errors import Refused
from agent.kinds.base import Identity
from agent.kinds.network import NetworkKind
from agent.model import Action, Cause, Change, Key, Observed, Owner
from tests.engine.fake import Request, fake_engine

IN_USE = {"message": "error while removing network: network front id abc has active endpoints"}
REMOVE = Change(
    0,
    Action.REMOVE,
    Key("network", "front"),
    "web",
    Cause.PRUNE,
    "is not wanted any more",
    seen=Observed(Key("network", "front"), "abc", Owner.OURS),
)


@pytest.mark.parametrize(("container_is_there", "asked"), [(False, 3), (True, 1)])
def test_it_is_removed_once_the_engine_has_freed_it_unless_somebody_is_on_it(
    tmp_path: Path, container_is_there: bool, asked: int
) -> None:
    removals: list[str] = []

    def network(request: Request) -> None:
        if request.command == "GET":
            request.say({"Id": "abc", "Name": "front", "Containers": {"dead": {"Name": "web-1"}}})
            return
        removals.append(request.path)
        if len(removals) < 3:
            request.say(IN_USE, 403)
        else:
            request.head(204, {"Content-Length": "0"})

    def container(request: Request) -> None:
        if container_is_there:
            request.say({"Id": "dead", "Name": "/web-1"})
        else:
            request.missing()

    with fake_engine(tmp_path) as fake:
        fake.answers.update({"/networks/abc": network, "/containers/dead/json": container})
        kind = NetworkKind(Engine(fake.url), Identity("default", "git:1", b"key"), sleep=lambda _: None)
        if container_is_there:
            with pytest.raises(Refused, match="active endpoints"):
                kind.remove(REMOVE)
        else:
            kind.remove(REMOVE)
    assert len(removals) == asked
