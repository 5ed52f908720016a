"""Cron expressions: five fields, the usual grammar, in a time zone. Times are seconds since the epoch.

A zone is a name of the tz database, or "" for that of this host. The libraries are imported where they are asked for:
most repositories have nothing that goes by the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def last_until(cron: str, zone: str, now: float) -> float | None:
    """When it came up last, by this moment; None where it never did. Its minute begins with its first second."""
    from cronsim import CronSim

    minute = _minute_of(now, zone)
    came: datetime | None = next(CronSim(cron, minute + timedelta(minutes=1), reverse=True), None)
    if came is None:
        return None
    for later in CronSim(cron, came):  # backwards, the hour that comes twice when summer time ends is passed over
        if later.timestamp() > now:
            break
        came = later
    return came.timestamp()


def next_after(cron: str, zone: str, now: float) -> float | None:
    """When it comes up next, later than this moment; None where it never will."""
    from cronsim import CronSim

    comes = (one.timestamp() for one in CronSim(cron, _minute_of(now, zone)))
    return next((one for one in comes if one > now), None)  # in an hour that comes twice the first one may be over


def _minute_of(now: float, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(now, ZoneInfo(zone) if zone else None).replace(second=0, microsecond=0)


def mistake_in(cron: str, zone: str) -> tuple[str, str] | None:
    """Which of the two is wrong ("cron", "timezone"), and how; None where both are right."""
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    try:
        if zone:
            ZoneInfo(zone)
    except (ValueError, OSError):  # an unknown one is a KeyError, a bad path one of these
        return "timezone", f'"{zone}" is no time zone'
    except KeyError:
        return "timezone", f'there is no time zone "{zone}"'
    if len(cron.split()) != 5:
        return "cron", f'"{cron}" is no cron expression: minute, hour, day of the month, month, day of the week'
    try:
        CronSim(cron, datetime(2000, 1, 1))  # noqa: DTZ001 - any moment will do
    except CronSimError as error:
        said = str(error)
        return "cron", f'"{cron}" is no cron expression: {said[:1].lower()}{said[1:]}'
    return None
