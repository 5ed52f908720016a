"""Content that a command brought is judged by what its turn came to, and taken back in one more turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from agent.errors import Refused
from agent.going_back import NONE_KNOWN, SAME, UNWANTED, Trials
from agent.good_images import GoodImages
from agent.handling import Handling, Hook, Rollout, Stage
from agent.images import Image
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    Health,
    Key,
    Outcome,
    Report,
    Resource,
    Result,
    Revision,
    Scope,
    ServiceState,
    Stack,
    Status,
)
from agent.reconcile import Reconciler, Turn
from agent.rejections import content_of
from agent.suspension import Suspended, Suspension

HANDLING = Handling(rollout=Rollout(monitor=5.0))


def stack(content: str, *services: str) -> Stack:
    wanted = tuple(
        Resource(Key("container", f"web-{one}-1"), "web", {"body": {"Image": content}}, service=one, handling=HANDLING)
        for one in services or ("api",)
    )
    return Stack("web", wanted, Revision(content * 40))


OLD, NEW = stack("a"), stack("b")


def turn(of: Stack = NEW) -> Turn:
    return Turn((of,), Scope("one", "here", frozenset({"web"}), whole=True), "manual", exact=True)


def report(*outcomes: Outcome, failure: Failure | None = None, health: Health = Health.HEALTHY) -> Report:
    return Report(
        "r", "web", "manual", NEW.revision, Result.SUCCESS, 0.0, 0.0, outcomes=outcomes, synced=failure is None,
        health=health, services=(ServiceState("api", 1, 1, health),), failure=failure,
        images={"web-api-1": Image("sha256:1")},
    )  # fmt: skip


def step(action: Action, status: Status, reason: str = "") -> Outcome:
    (wanted,) = NEW.resources
    return Outcome(Change(0, action, wanted.key, "web", Cause.COMMIT, "new", wanted=wanted), status, "no", reason)


CRASHED = report(step(Action.REPLACE, Status.FAILED, "CrashOnStart"), failure=Failure("CrashOnStart", "no"))
MADE = report(step(Action.CREATE, Status.DONE))


@dataclass
class Host:
    """Answers each turn with the next of `answers`, the last one again and again; only sleeping takes time."""

    answers: list[Report] = field(default_factory=lambda: [report()])
    turns: list[Turn] = field(default_factory=list)
    now: float = 0.0
    stop: Callable[[], bool] = lambda: False

    def take(self, turn: Turn) -> tuple[Report, ...]:
        self.turns.append(turn)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0],)

    def settle(self, _turn: Turn, reports: tuple[Report, ...], _until: float | None = None) -> tuple[Report, ...]:
        return reports

    @property
    def host(self) -> Host:
        return self

    def words(self, _stack: Stack, service: str) -> str:
        return f"\n{service} wailed"

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Scene:
    host: Host = field(default_factory=Host)
    good: Stack | None = OLD
    accepted: list[Stack] = field(default_factory=list)
    images: GoodImages = field(default_factory=GoodImages)

    def trials(self, good: Callable[[Stack], Stack | None] | None = None) -> Trials:
        known = good or (lambda _: self.good)
        return Trials(cast("Reconciler", self.host), self.images, known, self.accepted.append)


def test_what_failed_goes_back_in_a_turn_of_the_whole_stack() -> None:
    scene = Scene()
    scene.images.note("web", {"web-api-1": Image("sha256:9")})
    scene.good = OLD
    (back,) = scene.trials().conclude(turn(stack("b", "api", "more")), (CRASHED,))
    (taken,) = scene.host.turns
    assert (back.failure.reason, back.revision, back.report) == ("CrashOnStart", OLD.revision, report())
    assert taken.stacks == (scene.images.pinned(OLD),) != (OLD,)
    assert (taken.trigger, taken.fallback, taken.exact, taken.scope.whole) == ("rollback", True, False, False)
    assert taken.consent.free == {"web/more"}, "what the bad content brought may go"
    assert scene.accepted == []


def test_of_hooks_only_the_one_for_a_failure_runs_on_the_way_back() -> None:
    scene, stages = Scene(), (Stage.PRE_DEPLOY, Stage.ON_FAILURE)
    hooks = [
        replace(one, handling=Handling(hook=Hook(stage)), spec={**one.spec, "once": "good"})
        for one, stage in zip(stack("a", "migrate", "alarm").resources, stages, strict=True)
    ]
    scene.good = replace(OLD, resources=(*OLD.resources, *hooks))
    scene.trials().conclude(turn(), (CRASHED,))
    _, migrate, alarm = scene.host.turns[0].stacks[0].resources
    assert [one.handling.hook and one.handling.hook.rests for one in (migrate, alarm)] == [True, False]
    assert alarm.spec["once"] == content_of(NEW)


def test_where_there_is_nothing_else_to_go_back_to_that_is_said() -> None:
    def unreadable(_stack: Stack) -> Stack | None:
        raise Refused("the clone is gone")

    scene = Scene()
    for good, why in (
        (lambda _: None, NONE_KNOWN),
        (lambda _: NEW, SAME),
        (unreadable, "it is left as it is: what was good before cannot be read: the clone is gone"),
    ):
        (back,) = scene.trials(good).conclude(turn(), (CRASHED,))
        assert (back.report, back.why_not) == (None, why)
    assert scene.host.turns == []


def test_what_is_good_is_known_as_good_with_its_images() -> None:
    scene = Scene()
    assert scene.trials().conclude(turn(), (report(step(Action.REPLACE, Status.DONE)),)) == ()
    assert scene.accepted == [NEW]
    assert scene.images.ids() == {"sha256:1"}


def test_what_has_not_proved_good_takes_no_place_of_what_cannot_be_read() -> None:
    def unreadable(_: Stack) -> Stack:
        raise Refused("git hangs")

    for good, accepted in ((unreadable, []), (lambda _: None, [NEW])):
        scene = Scene(Host([MADE]))
        scene.trials(good).conclude(turn(), (MADE,))
        assert scene.accepted == accepted


def test_what_is_made_is_waited_for_where_there_is_something_to_go_back_to() -> None:
    first = Scene(good=None)
    assert first.trials().conclude(turn(), (MADE,)) == ()
    assert (first.accepted, first.host.now) == ([NEW], 0.0)
    later = Scene()
    assert later.trials().conclude(turn(), (MADE,)) == ()
    assert (later.accepted, later.host.now) == ([NEW], 5.0)
    assert not any(one.act for one in later.host.turns)


def test_nothing_is_waited_for_beyond_the_time_that_was_given() -> None:
    scene = Scene()
    assert replace(scene.trials(), until=2.0).conclude(turn(), (MADE,)) == ()
    assert (scene.accepted, scene.host.now) == ([], 2.0), "nobody knows yet whether it is good"


def test_what_is_no_good_stays_where_nobody_wants_it_taken_back() -> None:
    scene = Scene()
    (left,) = replace(scene.trials(), takes_back=False).conclude(turn(), (CRASHED,))
    assert (left.failure.reason, left.report, left.why_not) == ("CrashOnStart", None, UNWANTED)
    assert (scene.host.turns, scene.accepted) == ([], [])


def test_what_does_not_stay_up_while_it_is_waited_for_goes_back() -> None:
    away = replace(report(health=Health.DEGRADED), synced=False)
    scene = Scene(Host([report(), away, report()]))
    (back,) = scene.trials().conclude(turn(), (MADE,))
    assert (back.failure.reason, back.revision) == ("Unhealthy", OLD.revision)
    assert back.failure.message == "service api is degraded\napi wailed", "with what its container wrote last"
    assert scene.host.turns[-1].trigger == "rollback"


def test_what_has_stopped_by_the_end_of_its_turn_goes_back() -> None:
    stopped = replace(
        MADE, synced=False, failure=Failure("DidNotTake", "to do"), services=report(health=Health.DEGRADED).services
    )
    (back,) = Scene().trials().conclude(turn(), (stopped,))
    assert (back.failure.reason, back.revision) == ("Unhealthy", OLD.revision)
    assert Scene().trials().conclude(turn(), (replace(stopped, services=MADE.services),)) == ()


def test_what_an_apply_that_was_cut_brought_is_judged_by_the_next_one() -> None:
    ill = report(health=Health.DEGRADED)
    (back,) = Scene().trials().conclude(turn(), (ill,))
    assert (back.failure.reason, back.revision) == ("Unhealthy", OLD.revision)
    same = Scene(good=NEW)
    assert same.trials().conclude(turn(), (ill,)) == ()
    assert same.accepted == []


def test_what_passes_by_itself_and_what_nobody_wants_judged_is_left() -> None:
    away = report(step(Action.REPLACE, Status.FAILED, "EngineTimeout"), failure=Failure("EngineTimeout", "no"))
    scene = Scene()
    assert scene.trials().conclude(turn(), (away,)) == ()
    held = replace(turn(), suspended={"web": Suspended(Suspension("a migration"))})
    assert scene.trials().conclude(held, (CRASHED,)) == ()
    scene.host.stop = lambda: True
    assert scene.trials().conclude(turn(), (CRASHED,)) == ()
    assert (scene.host.turns, scene.accepted) == ([], [])
