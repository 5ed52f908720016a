"""Variables in values: every operator, nesting, the errors, and that no secret is shown."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose.interpolate import BadTemplate, Template
from tests.compose.tree import problems, project, service

VARIABLES = {"V": "v", "E": "", "N": "V"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$V", "v"),
        ("${V}", "v"),
        ("a${V}b", "avb"),
        ("$V$V", "vv"),
        ("$$V", "$V"),
        ("$$$V", "$v"),
        ("${U-d}", "d"),
        ("${E-d}", ""),
        ("${U:-d}", "d"),
        ("${E:-d}", "d"),
        ("${V:-d}", "v"),
        ("${U:-}", ""),
        ("${V+r}", "r"),
        ("${E+r}", "r"),
        ("${U+r}", ""),
        ("${V:+r}", "r"),
        ("${E:+r}", ""),
        ("${U:+r}", ""),
        ("${V?m}", "v"),
        ("${E?m}", ""),
        ("${V:?m}", "v"),
        ("${U:-a?b}", "a?b"),
        ("${U:-${V}}", "v"),
        ("${U:-${W:-$V}x}y", "vxy"),
        ("${V:+${N}}", "V"),
        ("${U:-a}b}", "ab}"),
        ('${U:-{"a":1}}', '{"a":1}'),
        ("$", "$"),
        ("a$", "a$"),
        ("$1", "$1"),
        ("$(cmd)", "$(cmd)"),
        ("${U:-{}} and $V", "{} and v"),
        ("${U:-{} and more", "{ and more"),
        ("${U:-a}\n${U:-b}", "a\nb"),
        ("$V$\nV", "v$\nV"),
    ],
)
def test_an_operator(text: str, filled: str) -> None:
    assert Template(VARIABLES.get).fill(text) == filled


@pytest.mark.parametrize(
    "text", ["${", "${}", "${V", "${V:}", "${1V}", "${V:=x}", "${V!}", "${ V }", "${V.x}", "${U:-${W}", "${U:-a",
             "${U:-a\nb}", "${U:-{} and ${V}", "${V:-${}}", "${V+$V${X!}}"]
)  # fmt: skip
def test_what_is_no_variable_is_refused(text: str) -> None:
    with pytest.raises(BadTemplate, match=r"write \$\$ for a dollar"):
        Template(VARIABLES.get).fill(text)


@pytest.mark.parametrize(
    "text", ["${U?need $V}", "${U:?need ${V}}", "${E:?need v}", "${V:-${U?need v}}", "${U+${U:?need v}}"]
)
def test_a_required_variable_says_what_it_is_for(text: str) -> None:
    with pytest.raises(BadTemplate, match=r"required variable [UE] is missing a value: need v"):
        Template(VARIABLES.get).fill(text)


@settings(deadline=None)
@given(st.text(alphabet="$V{}:-+?U1. \n", max_size=40))
def test_a_text_is_filled_in_or_refused(text: str) -> None:
    with contextlib.suppress(BadTemplate):
        assert isinstance(Template(VARIABLES.get).fill(text), str)


@settings(deadline=None)
@given(st.text())
def test_doubled_dollars_give_the_text_back(text: str) -> None:
    assert Template(VARIABLES.get).fill(text.replace("$", "$$")) == text


def test_growth_is_bounded() -> None:
    with pytest.raises(BadTemplate, match="longer than"):
        Template({"V": "x" * 100_000}.get).fill("$V" * 1000)
    with pytest.raises(BadTemplate, match="nested deeper"):
        Template(VARIABLES.get).fill("${U:-" * 1000 + "}" * 1000)


def test_keys_are_never_filled_in() -> None:
    assert service("labels: {$V: $V}", environment={"V": "v"})["labels"] == {"$V": "v"}


def test_an_unset_variable_is_empty_and_warned_of_at_its_place() -> None:
    loaded = project("services:\n  a:\n    image: x${TAG}\n")
    assert loaded.services["a"]["image"] == "x"
    assert [str(warning) for warning in loaded.warnings] == [
        "compose.yaml:3:12: services.a.image: the variable TAG is not set: it becomes an empty string"
    ]


def test_the_environment_of_the_process_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAG", "leaked")
    assert service("hostname: h${TAG}")["hostname"] == "h"


def test_an_anchor_is_filled_in_at_each_use() -> None:
    text = """\
        x-e: &e {A: "${V:?set it}"}
        services:
          a: {image: x, environment: *e}
    """
    assert [line.split(": required")[0] for line in problems(text)] == [
        "compose.yaml:1:13: x-e.A",
        "compose.yaml:1:13: services.a.environment.A",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "environment: {DB_PASSWORD: 'hunter2${'}",
        "mem_limit: ${DB_PASSWORD}",
        "mem_limit: ${U:-$DB_PASSWORD}",
        "hostname: ${U:?$DB_PASSWORD}",
        "environment: {API_KEY: [hunter2]}",
    ],
)
def test_no_error_shows_a_secret(text: str) -> None:
    found = problems(f"services:\n  a:\n    image: x\n    {text}\n", environment={"DB_PASSWORD": "hunter2"})
    assert len(found) == 1
    assert "hunter2" not in found[0]
