"""What a step that failed says of what is wanted: that it is no good, or nothing at all. Pure."""

from __future__ import annotations

from agent.converge import DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT
from agent.held import NAME_AMBIGUOUS, NAME_CONFLICT, PORT_IN_USE
from agent.model import Action, Outcome, Status
from agent.processes import SURVIVING_PROCESS
from agent.rollout import START_TIMEOUT

# what says nothing of what is wanted: nobody answers, or there was no thread to ask
ENGINE_REASONS = frozenset({"EngineUnavailable", "EngineTimeout", "NoThread"})
DISK_FULL = "DiskFull"
# what is wanted has no part in it, and it may pass at any time; what is waited for in vain is judged itself
BLAMELESS = ENGINE_REASONS | {SURVIVING_PROCESS, PORT_IN_USE, NAME_AMBIGUOUS, DISK_FULL, DEPENDENCY_TIMEOUT}
# the engine went wrong and does not say in what, or does not get done with a start, or something is in its way, or
# somebody took the new container away: it may pass, unless the same comes time and again
MAY_PASS = frozenset({"EngineError", "EngineObjectInvalid", "EngineClient"}) | {
    NAME_CONFLICT,
    "Conflict",
    "ContainerGone",
    START_TIMEOUT,
}
UNTOUCHED = ENGINE_REASONS | {DEPENDENCY_FAILED, DEPENDENCY_TIMEOUT}  # nobody refused it; it may not even have begun


def is_refused(outcome: Outcome) -> bool:
    """Whether it was tried and was no good, and would be so again."""
    may_pass = outcome.reason in UNTOUCHED | BLAMELESS | MAY_PASS
    return outcome.status is Status.FAILED and not may_pass


def interrupts(outcome: Outcome) -> bool:
    """Whether it is of the replacement of what runs. What is prepared for a stack, its images and files, is fetched and
    written while all of it runs."""
    change = outcome.change
    return change.action is Action.REPLACE and not (change.wanted and change.wanted.prepares)
