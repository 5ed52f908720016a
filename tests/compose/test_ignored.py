"""`x-windlass.ignore`: a path that names no field is an error at its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agent.compose.ignored import FIELDS, PARTED
from agent.kinds import container_fields, network, volume
from agent.kinds.table import Row
from tests.compose.tree import problems, project, wanted


def test_the_fields_are_those_of_the_tables() -> None:
    tables: list[Sequence[Row[Any]]] = [container_fields.TABLE, network.TABLE, volume.TABLE]
    rows = {row.path: row.depth for table in tables for row in table}
    assert {path.partition(".")[0] for path in rows} == FIELDS
    assert {path.partition(".")[0] for path, depth in rows.items() if depth or "." in path} == PARTED


@pytest.mark.parametrize("path", ["memory", "labels.own.er", "networks.web_back.aliases", "ipam.config"])
def test_a_field_is_named_with_whatever_is_below_it(path: str) -> None:
    text = f"x-windlass: {{ignore: ['{path}']}}\nservices: {{a: {{image: x, x-windlass: {{ignore: '{path}'}}}}}}"
    said = {key: set(one.handling.ignore) for key, one in wanted(text).items()}
    assert said["container/web-a-1"] == {path}
    assert said["network/web_default"] == {path}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("mem_limit", 'call it "memory"'),
        ("Memory", 'did you mean "memory"?'),
        ("environmnet.A", 'did you mean "environment"?'),
        ("*", "name it as `windlass plan` does"),
        ("", "name it as `windlass plan` does"),
    ],
)
def test_what_names_none_is_refused_at_its_place(path: str, hint: str) -> None:
    said = problems(f"services: {{a: {{image: x, x-windlass: {{ignore: [restart, '{path}']}}}}}}")
    field = path.partition(".")[0]
    assert said == [f'compose.yaml:1:57: services.a.x-windlass.ignore[1]: there is no field "{field}", {hint}']


@pytest.mark.parametrize("path", ["memory.high", "image.tag", "labels."])
def test_what_names_no_part_of_a_field_is_refused_at_its_place(path: str) -> None:
    (said,) = problems(f"services: {{a: {{image: x, x-windlass: {{ignore: [restart, '{path}']}}}}}}")
    field = path.partition(".")[0]
    assert said == (
        f'compose.yaml:1:57: services.a.x-windlass.ignore[1]: "{path}" names no part of the field "{field}", '
        f'say "{field}" for all of it'
    )


def test_a_network_by_its_name_in_the_file_is_warned_of() -> None:
    text = (
        "networks: {back: {}, own: {name: own}}\nservices: {a: {image: x, networks: [back, own], x-windlass: {ignore: "
    )
    (said,) = map(
        str, project(f"{text}[networks.back.aliases, networks.web_back, networks.own, networks.other]}}}}}}").warnings
    )
    assert said == (
        'compose.yaml:2:71: services.a.x-windlass.ignore[0]: the network "back" of this file is called "web_back"'
        " on the host, and so here"
    )


def test_a_network_with_a_dot_in_its_name_is_not_taken_for_another_one() -> None:
    networks = "networks: {back: {}, back.end: {}}"
    service = "services: {a: {image: x, networks: [back], x-windlass: {ignore: [networks.back.end.aliases]}}}"
    assert [str(one).partition(": the ")[2] for one in project(f"{networks}\n{service}").warnings] == [
        'network "back.end" of this file is called "web_back.end" on the host, and so here'
    ]


def test_at_the_top_as_well() -> None:
    (said,) = problems("x-windlass: {ignore: intern}\nservices: {a: {image: x}}")
    assert 'x-windlass.ignore[0]: there is no field "intern", did you mean "internal"?' in said
