"""What `render` prints as YAML is read again as what it was: by us, as by Compose, and by readers of YAML 1.1."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from agent.cli.yaml_text import yaml_text
from agent.compose.documents import documents
from agent.compose.findings import Findings

TRICKY = [
    "", "~", "null", "yes", "no", "On", "y", "true", "0o17", "0o9", "017", "08", "1e3", "1E3", "1_000", "0b11", "0x1F",
    "+12", "1.", ".5", "-0.0", "22:22", "190:20:30", "2001-01-01", "2001-1-1", "2001-01-01 00:00:00", ".inf", ".nan",
    "-.INF", "=", "<<", "-", "?", ":", "#x", "a #b", "a: b", "a:", "a::b", "- a", "!x", "&x", "*x", "@x", "`x", "%x",
    "{", "[", "'", '"', "\\", " a ", "a ", "a  b", "a:b", "./a", "../a", "/a:/b:ro", "${A:-b}", "x@sha256:0a",
    "nginx:1.27", "a\nb", "a\n", "a\n\n", "\na", "a\n  b\n", "  a\nb", "a\n\nb\n", "a\n   \nb",
    "a \nb", "a\n#b\n---\n...\n", "a\rb\n",
    "\ta", "a\tb\nc", "é", "\x85", "\u2028", "\ufeff", "\U0001f600", "\x1b[0m", "\x7f", "\uffff", "$$", "---", "...",
    "x" * 300, "a b " * 100, "k" * 1500, "é" * 1500,
]  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=12,
)


def as_we_read(text: str) -> Any:
    findings = Findings()
    read = documents("compose.yaml", text.encode(), findings)
    assert findings.problems == []
    assert read is not None
    return read[0].root


@pytest.mark.parametrize("text", TRICKY)
def test_a_text_stays_a_text(text: str) -> None:
    expected = {"a": text, "l": [text, [text], {"b": text}], f"k{text}": {text: 1}} if text else {"a": text}
    written = yaml_text(expected)
    assert as_we_read(written) == expected
    assert yaml.safe_load(written) == expected


@given(value=VALUES)
@example(value={"a": "08"})
@example(value="x\n  ")
def test_whatever_is_written_is_read_again(value: Any) -> None:
    assert as_we_read(yaml_text({"a": value})) == {"a": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}\n"),
        ([], "[]\n"),
        ({"a": None, "b": [], "c": {}}, "a: null\nb: []\nc: {}\n"),
        ({"a": [{"b": 1, "c": [True]}, [["d"]], {}]}, "a:\n  - b: 1\n    c:\n      - true\n  - - - d\n  - {}\n"),
        ({"a": "one\n\n  two\n"}, "a: |\n  one\n\n    two\n"),
        ([{"a": "one\ntwo"}], "- a: |-\n    one\n    two\n"),
        ({"a": [0.5, 1e16, 1e-7, float("inf")]}, "a:\n  - 0.5\n  - 1.0e+16\n  - 1.0e-07\n  - .inf\n"),
        ({"no": "yes", "p": "80"}, '"no": "yes"\np: "80"\n'),
    ],
)
def test_how_it_looks(value: Any, text: str) -> None:
    assert yaml_text(value) == text
