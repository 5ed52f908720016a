"""Sizes, durations, command lines, ports and mounts in their short notations."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose import ports, volumes
from agent.compose.scalars import go_float, plain
from agent.compose.units import duration_text, nano_cpus, nanoseconds, shortest32, size_in_bytes
from agent.compose.words import words


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64m", 64 << 20),
        ("64MB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("1.5g", 3 << 29),
        ("1024", 1024),
        ("5b", 5),
        ("0", 0),
    ],
)
def test_a_size(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "m", "1gi", "64mx", "1,5g", "-1", "64  m", "1e3", "9" * 40, "9999999p"])
def test_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        size_in_bytes(text)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1h", "1h0m0s"),
        ("90s", "1m30s"),
        ("1m30s", "1m30s"),
        ("1.5s", "1.5s"),
        ("500ms", "500ms"),
        ("1us", "1µs"),
        ("10ns", "10ns"),
        ("0", "0s"),
        ("0s", "0s"),
        ("1d", "24h0m0s"),
        ("1w", "168h0m0s"),
        ("-2s", "-2s"),
        (".5m", "30s"),
    ],
)
def test_a_duration(text: str, printed: str) -> None:
    assert duration_text(nanoseconds(text)) == printed


@pytest.mark.parametrize("text", ["", "10", "abc", "10sec", "1 s", "1s ", "s", "9" * 30 + "h", "1sé"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is"):
        nanoseconds(text)


@settings(deadline=None)
@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_a_printed_duration_reads_as_the_same(value: int) -> None:
    assert nanoseconds(duration_text(value)) == value


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_reads_as_the_same(value: float) -> None:
    assert float(plain(go_float(value))) == value


def test_cpus_are_rounded_as_compose_rounds_them() -> None:
    assert (nano_cpus(5.7), nano_cpus(0.5)) == (5699999744, 500000000)
    assert shortest32(0.1) == 0.1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo hi", ["echo", "hi"]),
        ("  a\tb\nc ", ["a", "b", "c"]),
        ('echo "a b" c', ["echo", "a b", "c"]),
        ("sh -c 'x y'", ["sh", "-c", "x y"]),
        ('a""b "" \'\'', ["ab", "", ""]),
        (r"a\ b \"", ["a b", '"']),
        (r"'a\b'", [r"a\b"]),
        ("a | b", ["a"]),
        ("a; b", ["a"]),
        ("a 2>b", ["a"]),
        ("a b>c", ["a", "b"]),
        ("'a|b'", ["a|b"]),
        ("`date +%s` x", ["`date +%s`", "x"]),
        ("$(date; x) y", ["$(date; x)", "y"]),
        ("a # b *", ["a", "#", "b", "*"]),
        ("", []),
    ],
)
def test_a_command_line(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize("line", ["'a", '"a', "a\\", "`a", "$(a", "(a)", "a )"])
def test_no_command_line(line: str) -> None:
    with pytest.raises(ValueError, match="is no command line"):
        words(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [{"target": 80}]),
        ("8080:80", [{"target": 80, "published": "8080"}]),
        ("8080:80/UDP", [{"target": 80, "published": "8080", "protocol": "udp"}]),
        ("127.0.0.1:8080:80", [{"host_ip": "127.0.0.1", "target": 80, "published": "8080"}]),
        ("127.0.0.1::80", [{"host_ip": "127.0.0.1", "target": 80}]),
        ("[::1]:80:80", [{"host_ip": "::1", "target": 80, "published": "80"}]),
        (":80", [{"target": 80}]),
        ("9-10:9-10", [{"target": 10, "published": "10"}, {"target": 9, "published": "9"}]),
        ("8000-8005:80", [{"target": 80, "published": "8000-8005"}]),
        ("80/", [{"target": 80}]),
        ("080/TCP/x", [{"target": 80}]),  # what follows the protocol is forgotten, and so is
        ("1-2-9:3-4", [{"target": 3, "published": "1"}, {"target": 4, "published": "2"}]),  # what follows a range
        ("[127.0.0.1]:1:2", [{"target": 2, "published": "1", "host_ip": "127.0.0.1"}]),
    ],
)
def test_a_port(text: str, expected: list[dict[str, Any]]) -> None:
    assert ports.expand(ports.parse(text)) == [{"mode": "ingress", "protocol": "tcp"} | entry for entry in expected]


@pytest.mark.parametrize(
    "text",
    ["", ":", "a", "80:", "80:80/foo", "1-2:3-5", "5-4", "70000", "localhost:80:80", "::1:80:80", "1:2:3:4", "٣"],
)
def test_no_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"has|names|is"):
        ports.parse(text)


BIND = {"type": "bind", "bind": {"create_host_path": True}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", {"type": "volume", "target": "/data", "volume": {}}),
        ("/d", {"type": "volume", "target": "/d"}),
        ("v:/v", {"type": "volume", "target": "v:/v", "volume": {}}),
        ("db:/data/", {"type": "volume", "source": "db", "target": "/data", "volume": {}}),
        ("db:/d:ro", {"type": "volume", "source": "db", "target": "/d", "volume": {}, "read_only": True}),
        ("db:/d:nocopy", {"type": "volume", "source": "db", "target": "/d", "volume": {"nocopy": True}}),
        ("./a:/a", BIND | {"source": "./a", "target": "/a"}),
        ("~/a:/a", BIND | {"source": "~/a", "target": "/a"}),
        (
            "/a:/b:ro,z",
            {"type": "bind", "source": "/a", "target": "/b", "read_only": True}
            | {"bind": {"create_host_path": True, "selinux": "z"}},
        ),
        ("/a:/b:unknown", BIND | {"source": "/a", "target": "/b"}),
        ("a:b:c:d", BIND | {"source": "a:b", "target": "c:d"}),
    ],
)
def test_a_mount(text: str, expected: dict[str, Any]) -> None:
    assert volumes.parse(text) == expected


@pytest.mark.parametrize("text", ["", "named:", ":/d", "./d:", "/a:/b:/c:/d"])
def test_no_mount(text: str) -> None:
    with pytest.raises(ValueError, match=r"is empty|has"):
        volumes.parse(text)


@settings(deadline=None)
@given(st.text(alphabet=":/-.[]0123456789abz~", max_size=30) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (ports.parse, volumes.parse, words, nanoseconds, size_in_bytes):
        with contextlib.suppress(ValueError):
            assert read(text) is not None
