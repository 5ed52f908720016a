"""Which differences `x-windlass.ignore` leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from agent.handling import Handling
from agent.kinds.base import heeded
from agent.kinds.table import Row, compare
from agent.model import Key, Resource


def row(path: str, depth: int, wanted: Any) -> Row[Any]:
    """A field of which nothing is seen."""
    return Row(path, lambda _spec: None, lambda _facts: wanted, lambda _facts: {}, depth=depth)


TABLE = (
    row("labels", 1, {"a": "1", "a.b": "1"}),
    row("logging.options", 1, {"max-size": "1m"}),
    row("networks", 2, {"a.b": {"id": "2"}, "a": {"aliases": ["x"]}}),
)
SEEN_BELOW = {"labels.a", "labels.a.b", "logging.options.max-size", "networks.a", "networks.a.b"}


@pytest.mark.parametrize(
    ("ignored", "left_alone"),
    [
        (["networks.a", "labels.a"], {"networks.a", "labels.a"}),
        (["networks.a.b"], {"networks.a.b"}),
        (["labels", "logging"], {"labels.a", "labels.a.b", "logging.options.max-size"}),
        (["logging.options", "networks"], {"logging.options.max-size", "networks.a", "networks.a.b"}),
        (["network", "labels.", "logging.options.max"], set()),
    ],
)
def test_a_dot_in_a_name_makes_it_no_part_of_another_one(ignored: list[str], left_alone: set[str]) -> None:
    wanted = Resource(Key("container", "x"), "s", {}, handling=Handling(ignore=tuple(ignored)))
    found = heeded(wanted, compare(TABLE, None, {}, {}))
    assert {one.path for one in found} == SEEN_BELOW - left_alone


def test_of_a_network_one_field_is_left_alone() -> None:
    table = (
        Row[Any]("networks", lambda _: None, lambda _: {"a": {"aliases": 1, "id": 1}}, lambda _: {"a": {}}, depth=2),
    )
    wanted = Resource(Key("container", "x"), "s", {}, handling=Handling(ignore=("networks.a.aliases",)))
    (left,) = heeded(wanted, compare(table, None, {}, {}))
    assert (left.path, left.above) == ("networks.a.id", ("networks", "networks.a"))
