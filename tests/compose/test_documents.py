"""YAML to data: go-yaml's reading of scalars, the positions, and every bound on what a hostile file may cost."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose import documents as module
from agent.compose.documents import documents
from agent.compose.findings import Findings
from agent.compose.scalars import go_text
from agent.errors import BadManifest
from agent.model import Place


def parse(text: str | bytes) -> tuple[list[Any], list[str]]:
    findings = Findings()
    try:
        found = documents("f.yaml", text.encode() if isinstance(text, str) else text, findings)
    except BadManifest:
        found = None
    return [document.root for document in found or ()], [str(problem) for problem in findings.problems]


def value(text: str) -> Any:
    found, problems = parse(f"v: {text}\n")
    assert not problems
    return found[0]["v"]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("True", "true"),
        ("0755", "493"),
        ("0o755", "493"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("+12", "12"),
        ("-17", "-17"),
        ("08", "8"),
        ("0o9", "0o9"),
        ("22:22", "22:22"),
        ("190:20:30", "190:20:30"),
        ("2001-01-01", "2001-01-01 00:00:00 +0000 UTC"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.1 -0500 -0500"),
        ("2001-12-14 21:59:43", "2001-12-14 21:59:43 +0000 UTC"),
        ("2001-13-45", "2001-13-45"),
        ("1e3", "1000"),
        ("1.10", "1.1"),
        ("1.", "1"),
        (".5", "0.5"),
        ("-0.0", "-0"),
        ("1000000.0", "1e+06"),
        ("123456789.0", "1.23456789e+08"),
        ("1234567.5", "1.2345675e+06"),
        ("685230.15", "685230.15"),
        ("0.0001", "0.0001"),
        ("0.000001", "1e-06"),
        ("12345678901234567890", "12345678901234567890"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ("=", "="),
        ("<<", "<<"),
        ("~", ""),
        ("", ""),
        ('"~"', "~"),
        ("'0755'", "0755"),
        (".inf", "+Inf"),
        ("!!str 5", "5"),
        ("!!int '5'", "5"),
        ("!!binary aGk=", "hi"),
        ("!foo bar", "bar"),
    ],
)
def test_a_scalar_is_what_compose_reads(text: str, printed: str) -> None:
    assert go_text(value(text)) == printed


def test_every_key_and_item_knows_its_place() -> None:
    (document,), _ = parse("a:\n  b: [1,\n      2]\n")
    inner = document["a"]
    assert (document.key_place("a"), document.value_place("a")) == (Place("f.yaml", 1, 1), Place("f.yaml", 2, 3))
    assert inner.key_place("b") == Place("f.yaml", 2, 3)
    assert [inner["b"].item_place(index) for index in (0, 1)] == [Place("f.yaml", 2, 7), Place("f.yaml", 3, 7)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b: &b {x: 1, y: 1}\nm: {<<: *b, y: 2}\n", {"x": 1, "y": 2}),
        ("b: &b {x: 1}\nm: {x: 2, <<: *b}\n", {"x": 2}),
        ("b: &b {x: 1}\nc: &c {x: 2, z: 3}\nm: {<<: [*b, *c]}\n", {"x": 1, "z": 3}),
        ('m: {"<<": 1}\n', {"<<": 1}),
    ],
    ids=["written key wins", "wherever it stands", "first source wins", "quoted is a plain key"],
)
def test_merge_keys(text: str, expected: dict[str, int]) -> None:
    (document,), problems = parse(text)
    assert not problems
    assert document["m"] == expected


def test_a_merged_key_keeps_the_place_where_it_is_written() -> None:
    (document,), _ = parse("b: &b\n  x: 1\nm:\n  <<: *b\n")
    assert document["m"].key_place("x") == Place("f.yaml", 2, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a:\n  image: x\n  image: y\n", 'f.yaml:3:3: a: key "image" is already defined at line 2'),
        (
            "x: &x {}\na: {<<: *x, <<: *x}\n",
            'f.yaml:2:13: a: key "<<" is already defined at line 2, write one, with a list of aliases',
        ),
        (
            "cron: */5 * * * *\n",
            "f.yaml:1:8: not valid YAML: did not find expected alphabetic or numeric character, "
            'put a text that begins with "*" or "&" in quotes',
        ),
        (
            "a:\n\tb: 1\n",
            "f.yaml:2:1: not valid YAML: found character that cannot start any token, indent with "
            "spaces, and put a text that begins so in quotes",
        ),
        (
            "a: b: c\n",
            "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context, put a text with "
            '": " in it in quotes, or mind the indentation',
        ),
        ("a:\n  1: x\n", "f.yaml:2:3: a: a key must be a string, put it in quotes"),
        ("true: x\n", "f.yaml:1:1: a key must be a string, put it in quotes"),
        ("2024-01-01: x\n", "f.yaml:1:1: a key must be a string, put it in quotes"),
        ("~: x\n", "f.yaml:1:1: a key must be a string, put it in quotes"),
        ("a: {<<: 5}\n", 'f.yaml:1:9: a: "<<" takes a mapping or a list of mappings'),
        ("- a\n", "f.yaml:1:1: the top level must be a mapping"),
        ("a: 1\n---\n", "f.yaml:3:1: the document is empty"),
        ("a: [1\n", "f.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("a: *b\n", 'f.yaml:1:4: unknown anchor "b"'),
        ("a: &a [*a]\n", 'f.yaml:1:8: the alias "a" contains itself'),
        ('a: "x\\0y"\n', "f.yaml:1:4: a: a NUL character is not allowed"),
        ("a: x\n\0b: y\n", "f.yaml:2:1: a NUL character"),
        (
            "a: !!python/object/apply:os.system [id]\n",
            'f.yaml:1:4: a: the tag "tag:yaml.org,2002:python/object/apply:os.system" is not allowed',
        ),
        ("a: !!int x\n", "f.yaml:1:4: a: is no int"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, problem: str) -> None:
    _, problems = parse(text)
    assert problems == [problem]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: x\nb: \xff\n", "f.yaml:2:4: the file is not UTF-8 text"),
        ("a: x".encode("utf-16"), "f.yaml:1:1: the file is not UTF-8 text"),
        (b"a: " + b"x" * module.MAX_BYTES, "f.yaml:1:1: the file has more than 4194304 bytes"),
    ],
    ids=["invalid byte", "UTF-16", "too large"],
)
def test_only_small_utf8_is_read(content: bytes, problem: str) -> None:
    assert parse(content)[1] == [problem]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a: 1\nb: 2 # ü\u2028\n".encode()])
def test_a_byte_order_mark_and_other_line_ends_are_fine(content: bytes) -> None:
    assert parse(content) == ([{"a": 1, "b": 2}], [])


def levels(step: str, first: str, count: int) -> str:
    lines = [f"x0: &x0 {first}"]
    lines += [f"x{n}: &x{n} {step.format(', '.join([f'*x{n - 1}'] * 10))}" for n in range(1, count)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("loader", ["C", "pure"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested deeper"),
        ("- " * 50_000, "nested deeper"),
        ("{a: " * 100_000, "nested deeper"),
        ("? " * 50_000, "nested deeper"),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40, "nested deeper"),
        (levels("[{}]", "[1, 2, 3]", 12), "more than 500000 values"),
        (levels("{{<<: [{}]}}", "{a: 1, b: 2}", 9), "more than 500000 values"),
        ("a: &a " + "x" * 500_000 + "\nb: [" + "*a, " * 1100 + "]", "more than 500000 values"),
    ],
    ids=["flow", "block", "mappings", "keys", "through an alias", "alias bomb", "merge bomb", "large scalar"],
)
def test_a_bomb_is_refused_soon(monkeypatch: pytest.MonkeyPatch, text: str, reason: str, loader: str) -> None:
    if loader == "pure":
        monkeypatch.setattr(module, "_LOADER", yaml.SafeLoader)
    start = time.monotonic()
    _, problems = parse(text)
    assert len(problems) == 1
    assert reason in problems[0]
    assert time.monotonic() - start < 20


def test_a_number_of_5000_digits_is_a_text() -> None:
    assert value("9" * 5000) == "9" * 5000


@settings(deadline=None)
@given(st.text() | st.text(alphabet="[]{}&*!|>'\"%@`:-?#, \nab<~01.", max_size=60))
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    _, problems = parse(text.encode(errors="surrogatepass"))
    assert all(problem.startswith("f.yaml") for problem in problems)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(content: bytes) -> None:
    _, problems = parse(content)
    assert all(problem.startswith("f.yaml") for problem in problems)
