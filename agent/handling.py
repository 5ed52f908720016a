"""How an object is dealt with, as its stack says: what of it is left alone, and how a container gives way to the next.

Values only, for the nouns of `agent.model` to refer to. Times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Order(StrEnum):
    """Which comes first in a replacement; the names are those of Compose's `update_config.order`."""

    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"


class OnFailure(StrEnum):
    """What a failing rollout comes to. The names are those of `update_config.failure_action`."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    CONTINUE = "continue"


@dataclass(frozen=True)
class Rollout:
    """How the containers of a service are replaced.

    `parallelism` at once (0: all of them), with `delay` between one and the next. The new one has to become healthy
    within `timeout` (0: as long as its health check gives it); without a health check it has to run for `monitor`
    without a restart. With start-first, the old one goes on for `drain` beside the new one; `obstacle` is why the order
    is stop-first although start-first was asked for. Failures are tolerated up to `max_failure_ratio` of the
    containers.
    """

    order: Order = Order.STOP_FIRST
    parallelism: int = 1
    delay: float = 0.0
    monitor: float = 5.0
    timeout: float = 0.0
    drain: float = 0.0
    on_failure: OnFailure = OnFailure.ROLLBACK
    max_failure_ratio: float = 0.0
    obstacle: str = ""

    def patience(self, checks: float) -> float:
        """The seconds within which a container has to become good; `checks` are those that its health check may
        take."""
        return self.timeout or max(checks, self.monitor)


class Stage(StrEnum):
    """When a service runs that is a hook of its stack; the names are the keys of `x-windlass.hooks`."""

    PRE_DEPLOY = "pre_deploy"
    POST_DEPLOY = "post_deploy"
    ON_FAILURE = "on_failure"


@dataclass(frozen=True)
class Hook:
    """A container that runs once, to its end, for each content of its stack. `number` is its place among those of its
    stage, `timeout` how long it may take. One that `rests` is not run for the present content."""

    stage: Stage
    number: int = 0
    timeout: float = 600.0
    rests: bool = False


_USUAL_ROLLOUT = Rollout()


class Overlap(StrEnum):
    """What becomes of the run of a job that is due while the one before has not ended."""

    SKIP = "skip"
    REPLACE = "replace"


@dataclass(frozen=True)
class Schedule:
    """When a service runs as a job: whenever `cron` says so, in the time zone (that of this host where none is named).
    A run that takes longer than `timeout` is stopped."""

    cron: str
    zone: str = ""
    timeout: float = 3600.0
    overlap: Overlap = Overlap.SKIP


@dataclass(frozen=True)
class Handling:
    """`ignore` are paths of fields that may be as they are. What is under `protect` is never pruned. With
    `heal_unhealthy` a container whose health check fails is started anew. `rollback` is the rollout that goes back to
    it, None where that is as any other. One with a `schedule` is there to run at times, and not in between."""

    ignore: tuple[str, ...] = ()
    protect: bool = False
    heal_unhealthy: bool = False
    rollout: Rollout = _USUAL_ROLLOUT
    hook: Hook | None = None  # for a service that is none of those that run all the time
    schedule: Schedule | None = None
    rollback: Rollout | None = None

    def going_back(self) -> Handling:
        """The handling while its stack goes back to what was good before: its rollout is the `rollback` one."""
        return replace(self, rollout=self.rollback or self.rollout)


USUAL = Handling()
