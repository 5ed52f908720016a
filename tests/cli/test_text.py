from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.text import ago, clean, columns, problem_lines, span, width
from agent.model import Place, Problem


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain – ünïcode ✔ 日本", "plain – ünïcode ✔ 日本", id="left as it is"),
        pytest.param("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", id="escape sequence"),
        pytest.param("\x9b31m", r"\x9b31m", id="8-bit escape"),
        pytest.param("a\nb\tc\rd", r"a\nb\tc\rd", id="line ends"),
        pytest.param("\u202egnp.exe", r"\u202egnp.exe", id="text direction"),
        pytest.param("a\u2028b", r"a\u2028b", id="line separator"),
        pytest.param("\udc80", r"\udc80", id="half a character"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_what_is_clean_is_one_line_without_control_characters(text: str) -> None:
    shown = clean(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
    assert clean(shown) == shown
    shown.encode()  # can be written to any UTF-8 terminal


@pytest.mark.parametrize(
    ("text", "cells"), [("abc", 3), ("日本", 4), ("e\u0301", 1), (click.style("abc", fg="red", bold=True), 3), ("", 0)]
)
def test_width(text: str, cells: int) -> None:
    assert width(text) == cells


def test_columns_stand_under_each_other_whatever_is_in_them() -> None:
    rows = [("STACK", "SYNC"), ("日本", click.style("ok", fg="green")), ("a", "")]
    assert [click.unstyle(line) for line in columns(rows)] == ["STACK  SYNC", "日本   ok", "a"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1.0, "0.0 s"),
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (12000, "3 h 20 min"),
        (86400, "1 day"),
        (6 * 86400 + 5, "6 days"),
    ],
)
def test_span(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (-5, "now"),
        (1.9, "now"),
        (41, "41 s ago"),
        (125, "2 min ago"),
        (7300, "2 h ago"),
        (86400, "1 day ago"),
        (6 * 86400, "6 days ago"),
    ],
)
def test_ago(passed: float, words: str) -> None:
    assert ago(1000.0, 1000.0 + passed) == words


def test_a_problem_is_shown_with_its_place_its_path_and_what_to_do() -> None:
    problem = Problem(
        Place("a: b.yaml", 10, 24),
        '"healthy" is not one of\nservice_started, \x1b[2Jservice_healthy',
        "services.db",
        "see the docs",
    )
    lines = [click.unstyle(line) for line in problem_lines([problem], label="warning: ")]
    assert lines == [
        'a: b.yaml:10:24: warning: services.db: "healthy" is not one of',
        r"    service_started, \x1b[2Jservice_healthy, see the docs",
    ]
