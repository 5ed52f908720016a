"""The runs of services that run at times: what their containers tell of them, and what is told of one that is over.

Values only. Times are seconds since the epoch, as this host's clock has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.handling import Schedule

JOB_RUNS = "JobRuns"  # the code of what waits for a run to end


@dataclass(frozen=True)
class JobSeen:
    """A job's container and its last run. `began` is 0 before the first one, `ended` while one is under way. `words`
    are how a run ended that did not end well, and what it said last."""

    id: str
    made: float
    began: float = 0.0
    ended: float = 0.0
    exit_code: int = 0
    words: str = ""

    @property
    def is_running(self) -> bool:
        return self.began > 0 and not self.ended


class JobResult(StrEnum):
    """What a run came to, or why there was none."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMEOUT = "timeout"
    REPLACED = "replaced"  # stopped for the next one, as `overlap: replace` asks for
    SKIPPED = "skipped"  # it was due and did not begin
    MISSED = "missed"  # it was due while nobody was there to start it


@dataclass(frozen=True)
class JobState:
    """How a job stands after a look: what is seen of its container `name`, None where there is none. `next_at` is when
    it is due next, None where that is not known."""

    service: str
    name: str
    schedule: Schedule
    seen: JobSeen | None = None
    next_at: float | None = None

    @property
    def result(self) -> JobResult | None:
        """What its last run came to; None before the first, and while one is under way."""
        return result_of(self.seen, self.schedule) if self.seen else None


@dataclass(frozen=True)
class JobEnd:
    """One run that is over, or that never was. `began` is when it began or was due, `id` the same whoever tells it."""

    id: str
    stack: str
    service: str
    name: str
    cron: str
    result: JobResult
    began: float
    seconds: float = 0.0
    exit_code: int | None = None
    message: str = ""


def result_of(seen: JobSeen, schedule: Schedule) -> JobResult | None:
    """What its last run came to; None before the first, and while one is under way. One that took longer than it may
    has failed, however it ended once it was stopped."""
    if not seen.ended:
        return None
    if seen.ended - seen.began >= schedule.timeout:
        return JobResult.TIMEOUT
    return JobResult.FAILED if seen.exit_code else JobResult.SUCCEEDED
