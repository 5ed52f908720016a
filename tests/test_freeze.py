"""Freeze windows: when they are open, and what may stand in windlass.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest

from agent.desired import Reader
from agent.errors import BadManifest
from agent.fleet_settings import read_fleet
from agent.freeze import FROZEN, Freeze, Freezes
from agent.model import Revision, Snapshot
from tests.compose.tree import DictTree

HOUR = 3600.0
WEEKEND = Freeze("0 22 * * 5", 60 * HOUR, "weekend", zone="UTC")


def at(text: str) -> float:
    """Seconds since the epoch of a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-11-27T21:59:59", None),
        ("2026-11-27T22:00:00", "2026-11-30T10:00:00"),
        ("2026-11-27T22:00:30", "2026-11-30T10:00:00"),
        ("2026-11-29T12:00:00", "2026-11-30T10:00:00"),
        ("2026-11-30T09:59:59", "2026-11-30T10:00:00"),
        ("2026-11-30T10:00:00", None),
        ("2026-12-02T12:00:00", None),
    ],
)
def test_a_window_is_open_from_when_cron_says_so_for_as_long_as_is_said(now: str, ends: str | None) -> None:
    assert WEEKEND.ends(at(now)) == (at(ends) if ends else None)


def test_a_window_that_begins_again_before_it_ends_goes_on() -> None:
    daily = Freeze("0 0 * * *", 36 * HOUR, zone="UTC")
    assert daily.ends(at("2026-11-27T11:00:00")) == at("2026-11-28T12:00:00")


def test_the_zone_of_cron_is_the_one_that_is_named_and_its_summer_too() -> None:
    berlin = Freeze("0 8 * * *", HOUR, zone="Europe/Berlin")
    assert berlin.ends(at("2026-01-15T07:30:00")) == at("2026-01-15T08:00:00")
    assert berlin.ends(at("2026-07-15T06:30:00")) == at("2026-07-15T07:00:00")
    assert berlin.ends(at("2026-07-15T07:30:00")) is None


def test_a_window_stays_open_in_the_hour_that_comes_twice() -> None:
    night = Freeze("30 2 * * *", 2 * HOUR, zone="Europe/Berlin")
    for now in ("2026-10-25T00:40:00", "2026-10-25T01:05:00", "2026-10-25T02:29:59"):
        assert night.ends(at(now)) == at("2026-10-25T02:30:00")


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_without_a_zone_it_is_that_of_the_host() -> None:
    assert Freeze("0 8 * * *", HOUR).ends(at("2026-01-14T23:30:00")) == at("2026-01-15T00:00:00")


def test_an_hour_that_a_clock_skips_or_repeats_makes_no_window_longer() -> None:
    night = Freeze("0 1 * * *", 4 * HOUR, zone="Europe/Berlin")
    assert night.ends(at("2026-03-29T01:30:00")) == at("2026-03-29T04:00:00")
    assert night.ends(at("2026-10-25T01:30:00")) == at("2026-10-25T03:00:00")


def test_of_several_windows_the_one_that_ends_last_counts_and_only_for_its_stacks() -> None:
    freezes = Freezes((WEEKEND, Freeze("0 0 * * 6", 72 * HOUR, "audit", frozenset({"web"}), "UTC")))
    now = at("2026-11-28T12:00:00")
    web, db = freezes.of("web", now), freezes.of("db", now)
    assert web is not None
    assert db is not None
    assert (web.reason, web.until, web.by) == ("audit", at("2026-12-01T00:00:00"), FROZEN)
    assert (db.reason, db.until) == ("weekend", at("2026-11-30T10:00:00"))
    assert freezes.of("web", at("2026-12-01T00:00:00")) is None
    assert Freezes().of("web", now) is None


# --- windlass.yaml --------------------------------------------------------------------------------------------------


def test_what_stands_there_is_read() -> None:
    found = read_fleet(
        b'freeze: [{cron: "0 22 * * 5", for: 60h, reason: "weekend", stacks: [web], timezone: Europe/Berlin}]\n',
        "windlass.yaml",
    )
    assert found == Freezes((Freeze("0 22 * * 5", 60 * HOUR, "weekend", frozenset({"web"}), "Europe/Berlin"),))
    assert read_fleet(b"", "windlass.yaml") == read_fleet(b"freeze: []\n", "windlass.yaml") == Freezes()
    assert read_fleet(b"freeze:\n  - cron: 0 22 * * 5\n    for: 1h\n", "f").windows[0].seconds == HOUR


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stacks: {}\n", "windlass.yaml:1:1: stacks: unknown key"),
        ("freezes: []\n", 'windlass.yaml:1:1: freezes: unknown key, did you mean "freeze"?'),
        ("freeze: {}\n", "windlass.yaml:1:1: freeze: expected a list"),
        ("freeze: [weekend]\n", "windlass.yaml:1:1: freeze.0: expected keys and values"),
        ("freeze:\n  - cron: 0 22 * * 5\n", "windlass.yaml:1:1: freeze.0.for: is missing"),
        ("freeze:\n  - for: 1h\n", "windlass.yaml:1:1: freeze.0.cron: is missing"),
        (
            "freeze:\n  - {cron: 0 0 * * *, for: 1h, fro: 1h}\n",
            "windlass.yaml:2:32: freeze.0.fro: unknown key, did you",
        ),
        ("freeze:\n  - {cron: 0 0 * * *, for: soon}\n", 'windlass.yaml:2:23: freeze.0.for: "soon" is no duration'),
        ("freeze:\n  - {cron: 0 0 * * *, for: 5s}\n", "windlass.yaml:2:23: freeze.0.for: is too short or too long"),
        ("freeze:\n  - {cron: 0 0 * * *, for: 9999h}\n", "windlass.yaml:2:23: freeze.0.for: is too short or too long"),
        ("freeze:\n  - {cron: 0 25 * * *, for: 1h}\n", 'windlass.yaml:2:6: freeze.0.cron: "0 25 * * *" is no cron'),
        ("freeze:\n  - {cron: 0 0 0 * * *, for: 1h}\n", "windlass.yaml:2:6: freeze.0.cron: "),
        ("freeze:\n  - {cron: weekly, for: 1h}\n", "windlass.yaml:2:6: freeze.0.cron: "),
        ("freeze:\n  - {cron: 0 0 31 2 *, for: 1h}\n", 'windlass.yaml:2:6: freeze.0.cron: "0 0 31 2 *" is no'),
        (
            "freeze:\n  - {cron: 0 0 * * *, for: 1h, timezone: Europe/Berlino}\n",
            'windlass.yaml:2:32: freeze.0.timezone: there is no time zone "Europe/Berlino"',
        ),
        ("freeze:\n  - {cron: 0 0 * * *, for: 1h, timezone: ../../etc}\n", "windlass.yaml:2:32: freeze.0.timezone: "),
        ("freeze:\n  - {cron: 0 0 * * *, for: 1h, timezone: Europe}\n", "windlass.yaml:2:32: freeze.0.timezone: "),
        ("freeze: [\n", "windlass.yaml:2:1: "),
        ("- freeze\n", "windlass.yaml:1:1: expected keys and values, such as `freeze: […]`"),
        ("freeze: []\nfreeze: []\n", "windlass.yaml:2:1: freeze: stands there twice"),
    ],
)
def test_everything_else_is_refused_at_its_place(text: str, said: str) -> None:
    with pytest.raises(BadManifest) as caught:
        read_fleet(text.encode(), "windlass.yaml")
    assert str(caught.value.problems[0]).startswith(said)


def test_every_mistake_is_told_at_once() -> None:
    text = b"freeze:\n  - {cron: 99 * * * *, for: 1s}\n  - {cron: 0 0 * * *, for: 1h, timezone: Nowhere}\n"
    with pytest.raises(BadManifest) as caught:
        read_fleet(text, "windlass.yaml")
    assert [problem.path for problem in caught.value.problems] == [
        "freeze.0.cron",
        "freeze.0.for",
        "freeze.1.timezone",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "c: &c [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\n"
            f"b: &b [{', '.join(['*c'] * 30)}]\nfreeze: [{', '.join(['*b'] * 30)}]\n",
            "windlass.yaml:1:1: holds more than 10000 values, aliases counted",
            id="by aliases",
        ),
        pytest.param("freeze: [" + "1," * 10_000 + "]", "windlass.yaml:1:1: holds more than 10000 values", id="many"),
        pytest.param("# " + "x" * (64 << 10), "windlass.yaml:1:1: has more than 64 KiB", id="large"),
    ],
)
def test_what_would_take_all_memory_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadManifest) as caught:
        read_fleet(text.encode(), "windlass.yaml")
    assert [str(problem).startswith(said) for problem in caught.value.problems] == [True]


def test_what_is_no_text_is_told() -> None:
    with pytest.raises(BadManifest, match="is no UTF-8 text"):
        read_fleet(b"\xff", "windlass.yaml")


WEB = "services: {web: {image: x}}\n"
ALWAYS = 'freeze: [{cron: "* * * * *", for: 1h, stacks: [web, wbe]}]\n'


def test_it_is_read_at_the_root_of_the_path_and_nowhere_else() -> None:
    snapshot = Snapshot(Revision("a"), DictTree({"windlass.yaml": ALWAYS, "web/compose.yaml": WEB}))
    reading = Reader(PurePosixPath("/state")).read(snapshot)
    assert reading.freeze.of("web", 0.0)
    assert [str(one) for one in reading.warnings if one.path == "freeze"] == [
        'windlass.yaml:1:1: freeze: there is no stack "wbe" here to freeze'
    ]
    below = Snapshot(Revision("a"), DictTree({"x/windlass.yaml": ALWAYS, "x/web/compose.yaml": WEB}))
    assert not Reader(PurePosixPath("/state")).read(below).freeze.windows
    assert Reader(PurePosixPath("/state"), below="x").read(below).freeze.windows


def test_one_under_another_name_is_not_passed_over() -> None:
    tree = DictTree({"windlass.yml": ALWAYS, "web/compose.yaml": WEB})
    with pytest.raises(BadManifest, match=r"windlass.yml:1:1: is not read under this name, call it windlass.yaml"):
        Reader(PurePosixPath("/state")).read(Snapshot(Revision("a"), tree))
