"""What a turn is taken for, as the metrics, the log and the history call it."""

from __future__ import annotations

from enum import StrEnum


class Trigger(StrEnum):
    INTERVAL = "interval"
    GIT = "git"
    EVENT = "event"
    FILE = "file"
    MANUAL = "manual"  # somebody asked for it
    START = "start"
    RETRY = "retry"
    ROLLBACK = "rollback"  # goes back to what was good
    TRIAL = "trial"  # sees whether what is new is good by now
    SUSPEND = "suspend"
    RESUME = "resume"
    APPROVE = "approve"
    SCHEDULE = "schedule"  # a job's time has come
