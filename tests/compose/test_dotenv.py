"""Environment files, by the grammar of Compose."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose.documents import Malformed
from agent.compose.dotenv import parse, parse_raw

GIVEN = {"SHELL": "sh", "EMPTY": ""}


def read(text: str) -> dict[str, str]:
    return parse(".env", text.encode(), GIVEN.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A: 1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("exported=1", {"exported": "1"}),
        ("  A  =  1  ", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=1\nA=2", {"A": "2"}),
        ("# note\n\nA=1", {"A": "1"}),
        ("A=1 # note", {"A": "1"}),
        ("A=x#y", {"A": "x#y"}),
        ("A= #x", {"A": "#x"}),
        ("A='1 # 2'", {"A": "1 # 2"}),
        ("A='$SHELL \\n'", {"A": "$SHELL \\n"}),
        ("A='it\\'s'", {"A": "it's"}),
        ("A='a\nb'\nB=1", {"A": "a\nb", "B": "1"}),
        ('A="a\\tb\\"c\\\\d\\0101\\q"', {"A": 'a\tb"c\\dA\\q'}),
        ('A="a\nb"', {"A": "a\nb"}),
        ('A="\\$SHELL $SHELL"', {"A": "$SHELL sh"}),
        ("A=$SHELL-${X:-d}", {"A": "sh-d"}),
        ("A=1\nB=$A$A", {"A": "1", "B": "11"}),
        ("SHELL=own\nB=$SHELL", {"SHELL": "own", "B": "sh"}),
        ('A="x"y\nB=1', {"A": "x", "B": "1"}),
        ("SHELL\nUNKNOWN\nA=1", {"SHELL": "sh", "A": "1"}),
        ("SHELL", {"SHELL": "sh"}),
        ("A=$(cmd) `x`", {"A": "$(cmd) `x`"}),
        ("a.b-c[0]=1", {"a.b-c[0]": "1"}),
        ("ümlaut=1", {"ümlaut": "1"}),
        ("1A=1", {"1A": "1"}),
        ("", {}),
        ("A=x\x1c\n", {"A": "x\x1c"}),  # space to Python, but not to Compose
        ("A=x\u2003\u00a0\n", {"A": "x"}),
    ],
)
def test_a_file(text: str, expected: dict[str, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("A=1\nB C=2", "2:1", "the name of a variable cannot hold a space"),
        ("A!=1", "1:2", 'unexpected character "!" in the name of a variable'),
        ("\n\nA='open", "3:3", "the quote ' is not closed"),
        ('A="open\n', "1:3", 'the quote " is not closed'),
        ("A=${B", "1:3", '"${B" is no variable: write $$ for a dollar'),
        ("PASSWORD=hunter2${B", "1:10", "a variable in the value is malformed: write $$ for a dollar"),
        ("A=${B:?need it}", "1:3", "required variable B is missing a value: need it"),
        ('A="\\0000"', "1:1", "a NUL character"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(text)
    assert f"{caught.value.place}: {caught.value.message}" == f".env:{place}: {message}"


def test_values_cannot_grow_without_a_bound() -> None:
    lines = ["A0=" + "x" * 100, *(f"A{n}={'$A' + str(n - 1)}{'$A' + str(n - 1)}" for n in range(1, 60))]
    with pytest.raises(Malformed):
        read("\n".join(lines))


def test_raw_files_know_neither_quotes_nor_variables() -> None:
    text = b"# note\nA='$SHELL'\n\nB= x # y\nSHELL\nUNKNOWN\n"
    assert parse_raw("e", text, GIVEN.get) == {"A": "'$SHELL'", "B": " x # y", "SHELL": "sh"}
    assert parse_raw("e", b"  A=1\r\nB=\x0c\xc2\x85\n", GIVEN.get) == {"A": "1", "B": "\f\x85"}


@pytest.mark.parametrize("text", ["A B=1", "A =1", "=1", "A\t=1"])
def test_a_raw_file_needs_names_without_spaces(text: str) -> None:
    with pytest.raises(Malformed, match="the name of a variable cannot"):
        parse_raw("e", text.encode(), GIVEN.get)


@settings(deadline=None)
@given(st.text(alphabet="AB=:'\"\\$ {}#\n\t-0x", max_size=60) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (parse, parse_raw):
        with contextlib.suppress(Malformed):
            found = reader("e", text.encode(errors="replace"), GIVEN.get)
            assert all(isinstance(value, str) and "\0" not in value for value in found.values())
