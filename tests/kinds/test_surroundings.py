"""What containers are compared against, while several turns look at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from agent.engine import Engine
from agent.kinds.base import Identity
from agent.kinds.container_once import Once
from agent.kinds.container_orphans import Orphans
from agent.kinds.container_unhooked import NOT_RUN, Unhooked
from agent.kinds.container_view import Compared, ContainerView, Surroundings
from agent.model import Key, Resource

OLDER = Surroundings({}, {"front": frozenset({"older"})}, {})


class Networks:
    """Stands in for an engine that has one network by now, and no image."""

    api = (1, 41)

    def inspect_image(self, _reference: str) -> None:
        return None

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        return [ask() for ask in asks]

    def __init__(self) -> None:
        self.asked = 0

    def info(self) -> dict[str, Any]:
        self.asked += 1
        return {"SystemTime": f"2026-01-01T00:00:{self.asked:02}Z", "Containers": self.asked, "MemoryLimit": True}

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


def test_what_is_as_it_was_is_the_very_same_whatever_the_engine_counts() -> None:
    view = made(ContainerView)
    around, _ = view._surroundings([], [], [])
    assert view._surroundings([], [], [])[0] is around
    assert around.daemon == {"MemoryLimit": True}


def test_a_comparison_is_kept_as_long_as_its_container_is_there_although_another_look_does_not_want_it() -> None:
    view, web, db = made(ContainerView), Key("container", "web"), Key("container", "db")
    view._compared = {web: cast("Compared", "of web"), db: cast("Compared", "of db")}
    view._forget_all_but({"web", "other"})
    assert set(view._compared) == {web}


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
