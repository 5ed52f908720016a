"""How long the health of what was made is waited for, on a made-up host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import pytest

from agent.account import service_states
from agent.handling import Handling, Rollout
from agent.model import Failure, Health, Key, Observed, Owner, Plan, Resource, Result, Revision, Scope, Stack
from agent.reconcile import HEALTH_POLL, Reconciler, Turn

P, H, D = Health.PROGRESSING, Health.HEALTHY, Health.DEGRADED
PATIENCE = 900.0  # seconds that their health checks may take
TWO = tuple(
    Stack(name, (Resource(Key("container", name), name, {}, service="web"),), Revision("dir-1")) for name in ("a", "b")
)
LOOKING = Turn(TWO, Scope("host-1", "here", frozenset({"a", "b"})), "manual")


@dataclass
class Recovering:
    """A host whose containers are in another health at each look. Only sleeping takes time there."""

    looks: list[tuple[Health, Health]]
    now: float = 0.0

    def unable(self, _plan: Plan) -> dict[Key, str]:
        return {}

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> dict[Key, Observed]:
        healths = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return {
            one.key: Observed(one.key, "1", Owner.OURS, one.stack, health=health, patience=PATIENCE)
            for one, health in zip(wanted, healths, strict=True)
        }

    def tidy(self, stack: str, keep: set[Key], *, stays: bool) -> None:
        """There are no files."""

    def forgive(self, wanted: Iterable[Resource] | None = None) -> None:
        """Nothing is refused."""

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def reconciler(self, stop: Callable[[], bool] = lambda: False) -> Reconciler:
        return Reconciler(self, sleep=self.sleep, clock=lambda: self.now, stop=stop)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("looks", "slept"),
    [
        pytest.param([(H, D)], 0, id="nothing is on its way"),
        pytest.param([(P, H), (P, H), (H, H)], 2, id="it comes to be healthy"),
        pytest.param([(P, H), (D, H)], 1, id="it turns out to be ill"),
        pytest.param([(P, H), (H, P), (H, H)], 2, id="another one after it"),
        pytest.param([(P, H)], PATIENCE / HEALTH_POLL, id="never"),
    ],
)
def test_health_is_waited_for_until_nothing_is_on_its_way(looks: list[tuple[Health, Health]], slept: float) -> None:
    ended, host = looks[-1], Recovering(looks)
    reconciler = host.reconciler()
    reports = tuple(replace(report, result=Result.SUCCESS) for report in reconciler.take(LOOKING))
    settled = reconciler.settle(LOOKING, reports)
    assert tuple(report.health for report in settled) == ended
    assert {report.result for report in settled} == {Result.SUCCESS}, "what was done stays told"
    assert host.now / HEALTH_POLL == slept


def test_health_is_waited_for_no_longer_than_is_said() -> None:
    host = Recovering([(P, H)])
    reports = host.reconciler().take(LOOKING)
    assert host.reconciler().settle(LOOKING, reports, host.now) == reports
    assert host.now == 0
    host.reconciler().settle(LOOKING, reports, host.now + 7.0)
    assert host.now == 7.0


@pytest.mark.parametrize(("timeout", "patience"), [(0.0, 900.0), (60.0, 60.0)])
def test_a_service_has_the_time_of_its_health_checks_unless_its_rollout_says_another(
    timeout: float, patience: float
) -> None:
    handling = Handling(rollout=Rollout(timeout=timeout))
    wanted = tuple(Resource(Key("container", n), "a", {}, service="web", handling=handling) for n in ("1", "2", "3"))
    seen = [Observed(wanted[n].key, "1", Owner.OURS, patience=checks) for n, checks in ((0, 900.0), (1, 30.0))]
    (state,) = service_states(wanted, {one.key: one for one in seen})
    assert state.patience == patience
    (none,) = service_states(wanted, {})
    assert none.patience == 0.0


def test_nobody_waits_once_something_failed_or_the_end_is_wanted() -> None:
    host = Recovering([(P, P)])
    reports = host.reconciler().take(LOOKING)
    failed = tuple(replace(report, failure=Failure("PortInUse", "taken")) for report in reports)
    assert host.reconciler().settle(LOOKING, failed) == failed
    assert host.reconciler(stop=lambda: True).settle(LOOKING, reports) == reports
    assert host.now == 0
