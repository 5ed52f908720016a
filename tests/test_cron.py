"""When a cron expression comes up, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.cron import last_until, mistake_in, next_after


def at(text: str) -> float:
    """Seconds since the epoch of a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("cron", "zone", "now", "last", "following"),
    [
        ("0 3 * * *", "UTC", "2026-11-27T03:00:00", "2026-11-27T03:00:00", "2026-11-28T03:00:00"),
        ("0 3 * * *", "UTC", "2026-11-27T03:00:59", "2026-11-27T03:00:00", "2026-11-28T03:00:00"),
        ("0 3 * * *", "UTC", "2026-11-27T02:59:59", "2026-11-26T03:00:00", "2026-11-27T03:00:00"),
        ("*/15 * * * *", "UTC", "2026-11-27T10:20:01", "2026-11-27T10:15:00", "2026-11-27T10:30:00"),
        ("30 6 * * 1-5", "UTC", "2026-11-28T12:00:00", "2026-11-27T06:30:00", "2026-11-30T06:30:00"),
        ("0 8 * * *", "Europe/Berlin", "2026-01-15T07:30:00", "2026-01-15T07:00:00", "2026-01-16T07:00:00"),
        ("0 8 * * *", "Europe/Berlin", "2026-07-15T06:30:00", "2026-07-15T06:00:00", "2026-07-16T06:00:00"),
        # the hour that there is not in spring, and the one that there is twice in autumn: once each
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T05:00:00", "2026-03-29T01:00:00", "2026-03-30T00:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T05:00:00", "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
        # seen from its second time: it has been, and what comes every half hour goes on
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:05:00", "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
        ("30 2 25 * *", "Europe/Berlin", "2026-10-25T01:05:00", "2026-10-25T00:30:00", "2026-11-25T01:30:00"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:05:00", "2026-10-25T01:00:00", "2026-10-25T01:30:00"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T02:05:00", "2026-10-25T02:00:00", "2026-10-25T02:30:00"),
    ],
)
def test_when_it_came_up_and_when_it_will(cron: str, zone: str, now: str, last: str, following: str) -> None:
    assert last_until(cron, zone, at(now)) == at(last)
    assert next_after(cron, zone, at(now)) == at(following)


@pytest.mark.parametrize(
    ("cron", "zone", "what"),
    [
        ("0 3 * * *", "", None),
        ("0 3 * * MON", "Europe/Berlin", None),
        ("0 3 * *", "", "cron"),
        ("0 3 * * * *", "", "cron"),
        ("61 3 * * *", "", "cron"),
        ("@daily", "", "cron"),
        ("0 0 31 2 *", "", "cron"),
        ("0 3 * * *", "Europe/Nowhere", "timezone"),
        ("0 3 * * *", "/etc/passwd", "timezone"),
    ],
)
def test_what_is_wrong_is_told_of_the_right_one(cron: str, zone: str, what: str | None) -> None:
    mistake = mistake_in(cron, zone)
    assert (mistake[0] if mistake else None) == what
