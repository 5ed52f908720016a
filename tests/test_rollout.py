"""The order of the steps of a replacement, and what is done when the new one does not become good."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.handling import Order, Rollout
from agent.probe import Gate
from agent.rollout import Pace, Proof, roll
from agent.timing import Measured

PASSED, STARTING = Proof(Gate.PASSED, checked=True), Proof(Gate.PENDING, "starting", checked=True, patience=30.0)
RUNS = Proof(Gate.PASSED)
CRASHED = Proof(Gate.FAILED, "exit code 1", reason="CrashOnStart")
STOP_FIRST, START_FIRST = Rollout(), Rollout(order=Order.START_FIRST, drain=2.0)


@dataclass
class Stage:
    """Notes the steps. `trouble` is raised by the step of that name; `proofs` are given in turn, the last for ever."""

    proofs: list[Proof | Trouble] = field(default_factory=lambda: [PASSED])
    trouble: dict[str, Trouble] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    now: float = 0.0
    stopping: bool = False
    leaves: bool = True
    is_finished: bool = False
    old_is_there: bool = True
    is_missed: bool = True
    takes: dict[str, float] = field(default_factory=dict)  # seconds, by step
    measured: dict[str, float] = field(default_factory=dict)

    def _do(self, step: str) -> None:
        self.steps.append(step)
        self.now += self.takes.get(step, 0.0)
        if step in self.trouble:
            raise self.trouble[step]

    def prepare(self) -> None:
        self._do("prepare")

    def start(self) -> None:
        self._do("start")

    def retire(self) -> None:
        self._do("retire")

    def hand_over(self) -> None:
        self._do("hand over")

    def words(self) -> str:
        return "\nwaits for the database"

    def finish(self) -> None:
        self._do("finish")

    def take_back(self) -> None:
        self._do("take back")

    def stand_in(self) -> bool:
        self._do("stand in")
        return self.old_is_there

    def prove(self) -> Proof:
        found = self.proofs.pop(0) if len(self.proofs) > 1 else self.proofs[0]
        if isinstance(found, Trouble):
            raise found
        return found

    def rest(self, seconds: float, why: str) -> None:
        assert why
        self.now += seconds

    def roll(self, rollout: Rollout) -> None:
        pace = Pace(lambda: self.now, self.rest, lambda: self.stopping, self.note, self.leaves)
        roll(self, rollout, replace(pace, is_finished=lambda: self.is_finished))

    def note(self, what: Measured, seconds: float) -> None:
        self.measured[what.value] = round(seconds, 6)


@pytest.mark.parametrize(
    ("rollout", "steps"),
    [
        (STOP_FIRST, ["prepare", "retire", "hand over", "start", "finish"]),
        (START_FIRST, ["prepare", "start", "hand over", "retire", "finish"]),
    ],
    ids=["stop-first", "start-first"],
)
def test_the_order_of_the_steps(rollout: Rollout, steps: Sequence[str]) -> None:
    stage = Stage()
    stage.roll(rollout)
    assert stage.steps == steps


def test_the_old_one_goes_on_for_the_drain_beside_the_new_one() -> None:
    stage = Stage()
    stage.roll(START_FIRST)
    assert stage.now == pytest.approx(2.0)


STUMBLE = Refused("inspect: HTTP 500", reason="EngineError")


@pytest.mark.parametrize("seen", [RUNS, STARTING], ids=["runs so far", "not yet healthy"])
def test_an_engine_that_stumbles_over_how_it_fares_says_nothing_of_it(seen: Proof) -> None:
    stage = Stage([STUMBLE, seen, STUMBLE, STUMBLE, PASSED])
    stage.roll(replace(STOP_FIRST, timeout=1.0))
    assert stage.steps[-1] == "finish"


def test_an_engine_that_never_tells_how_it_fares_is_not_waited_for_without_end() -> None:
    stage = Stage([STUMBLE])
    with pytest.raises(Refused, match="HTTP 500"):
        stage.roll(STOP_FIRST)
    assert stage.steps[-1] == "take back"
    assert stage.now == pytest.approx(5.0, abs=0.2)


def test_without_a_check_it_has_to_run_for_a_while() -> None:
    stage = Stage([RUNS])
    stage.roll(replace(STOP_FIRST, monitor=5.01))
    assert stage.now == pytest.approx(5.01, abs=1e-9)
    assert stage.steps[-1] == "finish"


def test_a_check_that_passes_is_the_last_word() -> None:
    stage = Stage([STARTING, STARTING, PASSED])
    stage.roll(replace(STOP_FIRST, monitor=60.0))
    assert stage.now == pytest.approx(0.2)


@pytest.mark.parametrize("proofs", [[CRASHED], [RUNS, CRASHED], [STARTING, CRASHED]], ids=["at once", "soon", "late"])
@pytest.mark.parametrize("rollout", [STOP_FIRST, START_FIRST], ids=["stop-first", "start-first"])
def test_what_fails_is_taken_back(rollout: Rollout, proofs: list[Proof]) -> None:
    stage = Stage(list(proofs))
    with pytest.raises(Refused, match="exit code 1") as caught:
        stage.roll(rollout)
    assert caught.value.reason == "CrashOnStart"
    assert stage.steps[-1] == "take back"
    assert ("retire" in stage.steps) is (rollout is STOP_FIRST)


@pytest.mark.parametrize(
    ("rollout", "seconds"), [(STOP_FIRST, 30.0), (replace(STOP_FIRST, timeout=7.0), 7.0)], ids=["its own", "given"]
)
def test_a_check_has_so_much_time(rollout: Rollout, seconds: float) -> None:
    stage = Stage([STARTING])
    with pytest.raises(Refused, match="gave up after") as caught:
        stage.roll(rollout)
    assert caught.value.reason == "HealthTimeout"
    assert caught.value.message.endswith(" s)\nwaits for the database")
    assert stage.now == pytest.approx(seconds, abs=0.2)
    assert stage.steps[-1] == "take back"


@pytest.mark.parametrize("step", ["retire", "hand over", "start"])
def test_a_step_that_is_refused_is_taken_back(step: str) -> None:
    stage = Stage(trouble={step: Refused("no", reason="PortInUse")})
    with pytest.raises(Refused):
        stage.roll(STOP_FIRST)
    assert stage.steps[-1] == "take back"


def test_what_cannot_be_prepared_is_taken_back_since_an_attempt_that_was_cut_may_have_begun() -> None:
    stage = Stage(trouble={"prepare": Refused("no")})
    with pytest.raises(Refused):
        stage.roll(STOP_FIRST)
    assert stage.steps == ["prepare", "take back"]


@pytest.mark.parametrize("step", ["retire", "start", "finish"])
def test_an_engine_that_is_gone_is_not_asked_to_take_back(step: str) -> None:
    stage = Stage(trouble={step: Unreachable("gone")})
    with pytest.raises(Unreachable):
        stage.roll(STOP_FIRST)
    assert stage.steps[-1] == step


LATE = Unreachable("start: no answer in time", reason="EngineTimeout")


@pytest.mark.parametrize(
    ("rollout", "steps"),
    [
        (STOP_FIRST, ["prepare", "retire", "hand over", "start", "stand in"]),
        (START_FIRST, ["prepare", "start", "stand in"]),
    ],
    ids=["stop-first", "start-first"],
)
def test_a_start_that_hangs_has_the_old_one_run_meanwhile_and_touches_nothing_else(
    rollout: Rollout, steps: Sequence[str]
) -> None:
    stage = Stage(trouble={"start": LATE})
    with pytest.raises(Refused, match="the old one goes on meanwhile") as caught:
        stage.roll(rollout)
    assert (caught.value.reason, stage.steps) == ("StartTimeout", steps)


def test_an_engine_that_answers_nothing_at_all_is_at_fault_and_not_what_is_started() -> None:
    stage = Stage(trouble={"start": LATE, "stand in": Unreachable("gone")})
    with pytest.raises(Unreachable, match="gone"):
        stage.roll(STOP_FIRST)


def test_what_has_started_after_all_is_left_to_whoever_looks_next() -> None:
    stage = Stage(trouble={"start": LATE}, old_is_there=False)
    with pytest.raises(Unreachable, match="no answer in time"):
        stage.roll(STOP_FIRST)


def test_both_reasons_are_told_where_the_old_one_cannot_be_started_either() -> None:
    stage = Stage(trouble={"start": LATE, "stand in": Refused("80 is in use", reason="PortInUse")})
    with pytest.raises(Refused, match=r"no answer in time; and the old one could not be started .* in use") as caught:
        stage.roll(STOP_FIRST)
    assert (caught.value.reason, stage.steps[-1]) == ("StartTimeout", "stand in")


@pytest.mark.parametrize("trouble", [Refused("device or resource busy"), Overtaken("it goes already")])
@pytest.mark.parametrize("rollout", [STOP_FIRST, START_FIRST], ids=["stop-first", "start-first"])
def test_an_old_one_that_cannot_be_removed_says_nothing_against_the_new_one(rollout: Rollout, trouble: Trouble) -> None:
    stage = Stage(trouble={"finish": trouble})
    stage.roll(rollout)
    assert stage.steps[-1] == "finish"


def test_when_it_is_told_to_stop_both_are_left_for_the_next_pass() -> None:
    stage = Stage([STARTING], stopping=True)
    with pytest.raises(Overtaken):
        stage.roll(STOP_FIRST)
    assert stage.steps == ["prepare", "retire", "hand over", "start"]


@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("rollout", [STOP_FIRST, START_FIRST], ids=["stop-first", "start-first"])
def test_what_nobody_would_go_on_with_is_finished_although_it_is_told_to_stop(
    rollout: Rollout, *, leaves: bool
) -> None:
    rollout = replace(rollout, monitor=5.0)
    good = Stage([RUNS], stopping=True, leaves=leaves, is_finished=True)
    good.roll(rollout)
    assert good.now == pytest.approx(5.0 + rollout.drain, abs=0.1)
    assert good.steps[-1] == "finish"
    ill = Stage([STARTING, STARTING, CRASHED], stopping=True, leaves=leaves, is_finished=True)
    with pytest.raises(Refused, match="exit code 1"):
        ill.roll(rollout)
    assert ill.steps[-1] == "take back"


def test_what_gets_ill_while_the_old_one_drains_is_taken_back() -> None:
    stage = Stage([PASSED, CRASHED])
    with pytest.raises(Refused, match="exit code 1"):
        stage.roll(START_FIRST)
    assert stage.steps == ["prepare", "start", "hand over", "take back"]


@pytest.mark.parametrize(("stopping", "left"), [(True, True), (False, False)], ids=["it ends", "it was overtaken"])
def test_what_is_proved_stays_where_there_is_no_time_for_the_end_of_the_old_one(*, stopping: bool, left: bool) -> None:
    """What is to run before that may take longer than there is."""
    stage = Stage(trouble={"retire": Overtaken("pre_stop is not begun")}, stopping=stopping)
    with pytest.raises(Overtaken, match="pre_stop is not begun"):
        stage.roll(START_FIRST)
    assert (stage.steps[-1] == "retire") is left


def test_when_it_is_told_to_stop_what_runs_is_good_enough() -> None:
    stage = Stage([RUNS], stopping=True)
    stage.roll(STOP_FIRST)
    assert stage.steps[-1] == "finish"


def test_both_reasons_are_told_where_taking_back_fails_too() -> None:
    stage = Stage([CRASHED], {"take back": Refused("the disk is full", reason="DiskFull")})
    with pytest.raises(Refused, match="exit code 1; and the old one could not be put back: the disk is full") as caught:
        stage.roll(STOP_FIRST)
    assert caught.value.reason == "DiskFull"


@pytest.mark.parametrize("proof", [RUNS, STARTING], ids=["runs so far", "not yet healthy"])
@pytest.mark.parametrize("rollout", [STOP_FIRST, START_FIRST], ids=["stop-first", "start-first"])
def test_what_others_wait_for_is_taken_back_where_there_is_no_time_to_prove_it(rollout: Rollout, proof: Proof) -> None:
    stage = Stage([proof], stopping=True, leaves=False)
    with pytest.raises(Overtaken, match="not proved yet"):
        stage.roll(replace(rollout, monitor=5.0))
    assert stage.steps[-1] == "take back"


def test_what_others_wait_for_and_is_proved_stays() -> None:
    stage = Stage(stopping=True, leaves=False)
    stage.roll(STOP_FIRST)
    assert stage.steps[-1] == "finish"


SLOW = {"prepare": 9.0, "retire": 3.0, "start": 1.0, "finish": 9.0}


@pytest.mark.parametrize(
    ("rollout", "proofs", "measured"),
    [
        (STOP_FIRST, [STARTING, STARTING, PASSED], {"wait": 0.2, "away": 4.2}),
        (replace(STOP_FIRST, monitor=0.15), [RUNS], {"wait": 0.15, "away": 4.0}),
        (STOP_FIRST, [STARTING, CRASHED], {"wait": 0.1}),
        (replace(START_FIRST, drain=0.0), [STARTING, PASSED], {"wait": 0.1}),
        (STOP_FIRST, [PASSED], {"away": 4.0}),
    ],
    ids=["until it is healthy", "until it is started", "what failed", "start-first", "nothing to wait for"],
)
def test_what_is_measured_of_a_replacement(rollout: Rollout, proofs: list[Proof], measured: dict[str, float]) -> None:
    stage = Stage(list(proofs), takes=SLOW)
    with suppress(Refused):
        stage.roll(rollout)
    assert stage.measured == measured


def test_what_was_down_before_is_not_missed() -> None:
    stage = Stage(takes=SLOW, is_missed=False)
    stage.roll(STOP_FIRST)
    assert stage.measured == {}


def test_where_the_engine_ends_it_is_no_refusal_that_the_new_one_has_stopped() -> None:
    stage = Stage([CRASHED], {"take back": Unreachable("it refuses connections", reason="EngineUnavailable")})
    with pytest.raises(Unreachable, match="exit code 1; and the old one could not be put back: it refuses") as caught:
        stage.roll(STOP_FIRST)
    assert caught.value.reason == "EngineUnavailable"
