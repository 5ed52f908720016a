"""What containers are compared against, while several turns look at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from agent.engine import Engine
from agent.kinds.base import Identity
from agent.kinds.container_once import Once
from agent.kinds.container_orphans import Orphans
from agent.kinds.container_unhooked import NOT_RUN, Unhooked
from agent.kinds.container_view import ContainerView, Surroundings
from agent.model import Key, Resource

OLDER = Surroundings({}, {"front": frozenset({"older"})}, {})


class Networks:
    """Stands in for an engine that has one network by now, and no image."""

    api = (1, 41)

    def inspect_image(self, _reference: str) -> None:
        return None

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        return [ask() for ask in asks]

    def info(self) -> dict[str, Any]:
        return {}

    def list_networks(self) -> list[dict[str, Any]]:
        return [{"Name": "front", "Id": "newer"}]


class Beside(ContainerView):
    """Another turn, which asked earlier, keeps what it saw right after this one does."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, OLDER if name == "_around" else value)


def made(kind: type[ContainerView]) -> ContainerView:
    engine, identity = cast("Engine", Networks()), Identity("i", "o", b"k")
    return kind(engine, identity, Once(engine, identity), Orphans(engine, identity.instance, None))


def test_a_turn_compares_against_what_it_saw_itself() -> None:
    around, _ = made(Beside)._surroundings([], [], [])
    assert around.networks == {"front": {"newer"}}


def test_what_is_as_it_was_is_the_very_same() -> None:
    view = made(ContainerView)
    assert view._surroundings([], [], [])[0] is view._surroundings([], [], [])[0]


def test_a_container_of_which_the_report_is_the_same_is_seen_anew_once_its_hooks_have_run() -> None:
    engine, identity, unhooked = cast("Engine", Networks()), Identity("i", "o", b"k"), Unhooked()
    view = ContainerView(
        engine, identity, Once(engine, identity), Orphans(engine, identity.instance, None), unhooked=unhooked
    )
    wanted = Resource(Key("container", "web"), "s", {"body": {}, "hooks": {"post_start": [{"Cmd": ["x"]}]}})
    report = {"Id": "id", "Name": "/web", "State": {"Status": "running", "Running": True}}
    around = Surroundings({}, {}, {})
    unhooked.expect(wanted, "id")
    assert NOT_RUN in view._observed(wanted, report, around, "").differences
    unhooked.settle(wanted, "id")
    assert NOT_RUN not in view._observed(wanted, report, around, "").differences
