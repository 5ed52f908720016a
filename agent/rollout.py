"""How one object gives way to the next: which comes first, how the new one is proved, and what is taken back.

The steps themselves are the kind's, and what is to be done was planned. Here is only their order, and the waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.handling import OnFailure, Order, Rollout
from agent.model import Action, Change, Outcome, Status
from agent.probe import Gate
from agent.stand_ins import ignore, never
from agent.timing import Measured, Timed

HEALTH_TIMEOUT = "HealthTimeout"
CRASHED = "CrashOnStart"  # it does not stay up
START_TIMEOUT = "StartTimeout"
_ENGINE_TIMEOUT = "EngineTimeout"  # the code of a call that the engine did not answer in time
POLL = 0.1  # seconds between two looks at what is to become good
SHORTEST = 0.001  # seconds, the last of these rests: what rounding leaves would move no clock
STUMBLES = 5.0  # seconds for which an engine may refuse to tell how something fares

T = TypeVar("T")


class Proof(NamedTuple):
    """How a new object fares.

    `checked`: it has a health check, so PASSED is the last word; without one, PASSED counts only after the object has
    run for a while. `patience` are the seconds that its check may take by its own settings, `reason` is the code of a
    failure.
    """

    gate: Gate
    detail: str = ""
    checked: bool = False
    patience: float = 0.0
    reason: str = ""


class Steps(Protocol):
    """One replacement, step by step. Each may raise `Refused`, `Overtaken` or `Unreachable`."""

    @property
    def is_missed(self) -> bool:
        """Whether the old one is up, and so is missed from its stop until the new one is ready."""

    def prepare(self) -> None:
        """Make the new one beside the old one, which goes on."""

    def start(self) -> None:
        """Start the new one."""

    def hand_over(self) -> None:
        """Give the name of the old one, which is kept, to the new one. What runs goes on."""

    def retire(self) -> None:
        """Stop the old one, which is kept."""

    def prove(self) -> Proof:
        """Look at the new one."""

    def words(self) -> str:
        """The last lines that the new one wrote, to be put behind what is told of it; "" where there are none."""

    def stand_in(self) -> bool:
        """Let the old one run, under whichever name it has, while the start of the new one hangs; the new one is not
        touched. Returns whether the old one runs: not where the new one has started after all, or the old one is gone.
        Raises `Unreachable` where the engine answers nothing else either."""

    def finish(self) -> None:
        """Remove the old one. Where that is refused, what is left of it goes at the next look."""

    def take_back(self) -> None:
        """Remove the new one, if there is one, and let the old one go on as it did: under its name, and started where
        it was stopped for this or by an earlier attempt that was cut. Where the new one cannot be removed and does not
        run, the old one goes on under whichever name it has, and what is wrong is raised. Raises `Unreachable` where
        the engine is ending, for that may be all that is wrong with the new one: then both are left for the next
        look."""


@dataclass(frozen=True)
class Pace:
    """What a step waits with: `clock` gives seconds, `rest` waits for some of them and is told why, and `stop` says
    that there is no time left. A replacement that has begun is finished all the same where it `is_finished`: its stack
    is suspended by now, so that nothing would go on with what is left half-done.

    While it rests, a step takes no place from others. `timed` hears how long the new one took to be good, and for how
    long nothing ran. Where the time ends before the new one is proved, a step that `leaves` leaves both to the next
    look; any other has the old one back at once, for others cannot go on without it.
    """

    clock: Callable[[], float]
    rest: Callable[[float, str], None]
    stop: Callable[[], bool]
    timed: Timed = ignore
    leaves: bool = True
    is_finished: Callable[[], bool] = never

    @property
    def once_begun(self) -> Pace:
        """Of a replacement."""
        return replace(self, stop=lambda: self.stop() and not self.is_finished())


def roll(steps: Steps, rollout: Rollout, pace: Pace) -> None:
    """Replace step by step. Raises `Refused` where the new one does not become good; the old one is back by then.

    Raises `Overtaken` when told to stop before the new one is proved: then both are left for the next look, or the old
    one is back, see `Pace`. `Unreachable` leaves both as well, and so does `Refused` (`StartTimeout`) where the start
    of the new one hangs: then the old one runs meanwhile.
    """
    pace = pace.once_begun
    try:
        steps.prepare()
        if rollout.order is Order.START_FIRST:
            _start_first(steps, rollout, pace)
        else:
            _stop_first(steps, rollout, pace)
    except _Hangs:
        raise
    except (Refused, Overtaken) as trouble:
        if not (isinstance(trouble, _Unproved) and pace.leaves):
            _take_back(steps, trouble)
        raise
    with suppress(Refused, Overtaken):  # says nothing against the new one, which is good
        steps.finish()


def _start_first(steps: Steps, rollout: Rollout, pace: Pace) -> None:
    """The name changes hands while both run: an engine that renames a container takes it out of its DNS for a moment,
    and whoever asks for the service is to find the other one then."""
    _start(steps)
    _await_proof(steps, rollout, pace)
    steps.hand_over()
    if rollout.drain:
        let_pass(rollout.drain, "the old one goes on for a while", pace)
        _must_not_be_ill(patiently(steps.prove, pace))
    try:
        steps.retire()
    except Overtaken as trouble:
        if pace.stop():  # what runs before its end would take too long
            raise _Unproved(f"{trouble.message}; the next pass goes on", reason=trouble.reason) from trouble
        raise


def _stop_first(steps: Steps, rollout: Rollout, pace: Pace) -> None:
    """Without a check of its own the new one serves from its start, as far as anybody can tell."""
    stopped, is_missed = pace.clock(), steps.is_missed
    steps.retire()
    steps.hand_over()
    _start(steps)
    started = pace.clock()
    is_checked = _await_proof(steps, rollout, pace)
    if is_missed:
        pace.timed(Measured.AWAY, (pace.clock() if is_checked else started) - stopped)


class _Unproved(Overtaken):
    """The agent ends, or newer content is wanted, before the new one is known to be good, or the old one has gone."""


class _Hangs(Refused):
    """The engine does not finish the start of the new one, and lets nobody remove it meanwhile."""


def _start(steps: Steps) -> None:
    """Start the new one. Where the engine does not answer that in time, though it answers otherwise, the old one runs
    meanwhile."""
    try:
        steps.start()
    except Unreachable as silence:
        if silence.reason != _ENGINE_TIMEOUT:
            raise
        try:
            stands_in = steps.stand_in()
        except (Refused, Overtaken) as worse:
            text = f"{silence.message}; and the old one could not be started meanwhile: {worse.message}"
            raise _Hangs(text, reason=START_TIMEOUT) from silence
        if not stands_in:
            raise
        text = f"{silence.message}, while it answers otherwise; the old one goes on meanwhile"
        raise _Hangs(text, reason=START_TIMEOUT) from silence


def _await_proof(steps: Steps, rollout: Rollout, pace: Pace) -> bool:
    """Rest until the new one is good; whether a health check of its own decided that. Raises `Refused` when it is not
    good, or not in time."""
    began = pace.clock()
    try:
        return _rest_until_proved(steps, rollout, pace, began)
    finally:
        waited = pace.clock() - began
        if waited >= POLL / 2:  # what has nothing to prove, as a job that is not due, is no wait
            pace.timed(Measured.WAIT, waited)


def _rest_until_proved(steps: Steps, rollout: Rollout, pace: Pace, began: float) -> bool:
    while True:
        proof, waited = patiently(steps.prove, pace), pace.clock() - began
        _must_not_be_ill(proof)
        if proof.gate is Gate.PASSED and (proof.checked or waited >= rollout.monitor):
            return proof.checked
        limit = rollout.patience(proof.patience)
        if proof.gate is Gate.PENDING and waited >= limit:
            raise Refused(f"{proof.detail} (gave up after {limit:g} s){steps.words()}", reason=HEALTH_TIMEOUT)
        if pace.stop():
            if proof.gate is Gate.PASSED and pace.leaves:
                return proof.checked  # up to now nothing speaks against it
            then = "goes on" if pace.leaves else "begins anew, for others go on with the old one"
            said = f"not proved yet, for the agent ends or newer content is wanted; the next pass {then}"
            raise _Unproved(said, reason="Unproved")
        left = rollout.monitor - waited if proof.gate is Gate.PASSED else POLL
        pace.rest(min(POLL, max(left, SHORTEST)), proof.detail or "runs without a restart so far")


def _must_not_be_ill(proof: Proof) -> None:
    if proof.gate is Gate.FAILED:
        raise Refused(proof.detail, reason=proof.reason or HEALTH_TIMEOUT)


def patiently(ask: Callable[[], T], pace: Pace) -> T:
    """The answer of an engine that may stumble over the question for a moment, which says nothing of what it is about.
    Raises `Refused` where it does so for longer."""
    until = pace.clock() + STUMBLES
    while True:
        try:
            return ask()
        except Refused as stumble:
            if pace.clock() >= until:
                raise
            pace.rest(POLL, stumble.message)


def let_pass(seconds: float, why: str, pace: Pace) -> None:
    """Rest for so many seconds, or until it is told to stop."""
    until = pace.clock() + seconds
    while pace.clock() < until and not pace.stop():
        pace.rest(min(POLL, until - pace.clock()), why)


def _take_back(steps: Steps, trouble: Trouble) -> None:
    try:
        steps.take_back()
    except Trouble as worse:
        text = f"{trouble.message}; and the old one could not be put back: {worse.message}"
        raise type(worse)(text, reason=worse.reason) from trouble


class Failures:
    """Counts, by service, the replacements that failed, and says when they are more than the rollout tolerates."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._all = Counter(service for change in changes if (service := _rolled(change)))
        self._failed: Counter[tuple[str, str]] = Counter()

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Failures:
        failures = cls(outcome.change for outcome in outcomes)
        for outcome in outcomes:
            failures.note(outcome)
        return failures

    def note(self, outcome: Outcome) -> None:
        service = _rolled(outcome.change)
        if service and outcome.status is Status.FAILED:
            self._failed[service] += 1

    def bears(self, change: Change) -> bool:
        """Whether the change is a replacement whose failure its rollout tolerates."""
        return _rolled(change) is not None and not self.too_many(change)

    def too_many(self, change: Change) -> bool:
        """Whether so many replacements of its service failed that the change is not to begin."""
        service, wanted = _rolled(change), change.wanted
        if service is None or wanted is None or wanted.handling.rollout.on_failure is OnFailure.CONTINUE:
            return False
        return self._failed[service] > wanted.handling.rollout.max_failure_ratio * self._all[service]


def _rolled(change: Change) -> tuple[str, str] | None:
    """The stack and the service of which the change replaces a container."""
    wanted = change.wanted
    if change.action is not Action.REPLACE or wanted is None or not wanted.service or wanted.prepares:
        return None
    return (wanted.stack, wanted.service)
