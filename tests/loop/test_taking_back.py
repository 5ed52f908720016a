"""Content that does not become good is given up for what was good before, and is tried again when that is asked for."""

from __future__ import annotations

import threading
from dataclasses import replace

from agent.desired import Reading
from agent.guard import Consent
from agent.model import Action, Cause, Change, Failure, Health, Key, Outcome, Report, Revision, ServiceState, Status
from agent.ports import AskSource, LookAt
from agent.reconcile import Turn
from agent.rejections import content_of
from agent.stack_order import is_ready
from agent.work import Work
from tests.loop.fakes import (
    NEW,
    OLD,
    FakeAudience,
    FakeClock,
    FakeDesires,
    FakeTurns,
    crash,
    failed,
    make_loop,
    reading,
    running,
    stack,
    synced,
)


def test_it_goes_back_to_the_last_good_content_and_says_why() -> None:
    desires, turns, audience = (
        FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}),
        FakeTurns(crash),
        FakeAudience(),
    )
    with running(make_loop(desires, turns, audience)):
        assert turns.next().stacks[0] == NEW
        back = turns.next()
        assert (back.stacks[0], back.trigger, back.fallback) == (OLD, "rollback", True)
        assert turns.nothing_more()
    good, failure = audience.backs.get(timeout=5)
    assert (good, failure.reason) == (OLD, "CrashOnStart")
    assert desires.rejected["web"][0] == NEW
    first, second = audience.reports.get(timeout=5), audience.reports.get(timeout=5)
    assert not first.synced
    assert second.failure is not None
    assert second.failure.reason == "CrashOnStart"  # what is wanted is not what runs, and that is told on
    assert desires.accepted == turns.noted == [("web", "a" * 40)]


def test_what_goes_wrong_on_the_way_back_is_told_as_that() -> None:
    """The source shows the newest commit beside it."""

    def worse(turn: Turn) -> Report:
        crashed = crash(turn)
        missing = failed(turn, "ImageMissing")
        return replace(missing, revision=OLD.revision) if crashed.synced else crashed

    audience = FakeAudience()
    desires = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD})
    with running(make_loop(desires, FakeTurns(worse), audience)):
        audience.backs.get(timeout=5)
        failures = [audience.reports.get(timeout=5).failure for _ in range(2)]
    assert failures[0] is not None
    assert failures[0].message == "no", "of the turn that found it no good"
    assert failures[1] is not None
    assert failures[1].reason == "ImageMissing"
    assert failures[1].message.startswith("taken back to aaaaaaa, and there: ")


def test_what_gets_ill_is_given_up_with_the_last_words_of_its_container() -> None:
    def ill(turn: Turn) -> Report:
        (wanted,) = turn.stacks
        bad = wanted.resources != OLD.resources
        state = ServiceState("web", 1, 0, Health.DEGRADED if bad else Health.HEALTHY, "unhealthy" if bad else "")
        return replace(synced(turn), services=(state,), health=state.health, commit=BROUGHT)

    desires, audience = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), FakeAudience()
    with running(make_loop(desires, FakeTurns(ill), audience)):
        _, failure = audience.backs.get(timeout=5)
    said = "5555555 was taken back, and `windlass sync` tries it again: "
    expected = Failure("Unhealthy", f"{said}service web is degraded: unhealthy\nweb of web wailed")
    assert failure == desires.rejected["web"][1] == expected


BROUGHT, EARLIER = Revision("5" * 40, "Raise it", "Ada"), Revision("4" * 40, "Add it", "Bert")


def test_the_commit_is_told_on_that_brought_what_was_given_up() -> None:
    """Also of what fails some time after it was made, and not the one of what is gone back to."""

    def ill_later(turn: Turn) -> Report:
        (wanted,) = turn.stacks
        if wanted.resources == OLD.resources:
            return replace(synced(turn), commit=EARLIER)
        if not desires.accepted and turn.known:
            state = ServiceState("web", 1, 0, Health.DEGRADED, "unhealthy")
            return replace(synced(turn), services=(state,), health=state.health)
        state = ServiceState("web", 1, 1, Health.PROGRESSING, patience=60.0)
        (one,) = wanted.resources
        made = Change(0, Action.CREATE, one.key, "web", Cause.COMMIT, "", wanted=one)
        done = (Outcome(made, Status.DONE),)
        return replace(synced(turn), services=(state,), outcomes=done, commit=BROUGHT, as_wanted=frozenset({one.key}))

    desires, audience = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), FakeAudience()
    turns = FakeTurns(ill_later)
    with running(make_loop(desires, turns, audience, clock=(clock := FakeClock()))) as loop:
        made = audience.reports.get(timeout=5)
        clock.ahead += 60
        loop.wake(LookAt("manual"))
        ill, back = audience.reports.get(timeout=5), audience.reports.get(timeout=5)
    assert [(one.failure and one.failure.reason, one.commit) for one in (made, ill, back)] == [
        (None, BROUGHT),
        ("Unhealthy", BROUGHT),
        ("Unhealthy", BROUGHT),
    ]


def test_without_anything_to_go_back_to_it_is_tried_on() -> None:
    clock, desires = FakeClock(), FakeDesires(reading(NEW, revision="b" * 40))
    turns, audience = FakeTurns(crash), FakeAudience()
    with running(make_loop(desires, turns, audience, clock=clock)):
        turns.next()
        audience.reports.get(timeout=5)
        clock.ahead += 400  # what was interrupted in vain is let be for a while
        assert turns.next().trigger == "retry"
    assert not desires.rejected
    assert audience.backs.empty()


def test_rejected_content_is_not_followed_again_but_other_content_is() -> None:
    desires, turns = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), FakeTurns(crash)
    audience = FakeAudience()
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next(), turns.next()
        _, failure = audience.backs.get(timeout=5)
        desires.answer = reading(broken={"web": failure}, revision="c" * 40)  # as the follower has it then
        loop.wake(AskSource("git"))
        assert turns.nothing_more()
        better = stack("web", "d" * 40, "1")
        desires.answer = reading(better, revision="d" * 40)
        loop.wake(AskSource("git"))
        assert turns.next().stacks[0] == better


def test_what_was_read_before_it_was_rejected_does_not_bring_it_back() -> None:
    reads, may_answer = threading.Event(), threading.Event()

    class SlowDesires(FakeDesires):
        def newest(self) -> Reading:
            found = super().newest()
            if self.asked == 2:
                reads.set()
                assert may_answer.wait(5)
            return found

    def crashes_while_it_reads(turn: Turn) -> Report:
        if turn.stacks[0] == NEW:
            loop.wake(AskSource("poll"))
            assert reads.wait(5)
        return crash(turn)

    desires = SlowDesires(reading(NEW, revision="b" * 40), good={"web": OLD})
    turns, audience = FakeTurns(crashes_while_it_reads), FakeAudience()
    loop = make_loop(desires, turns, audience)
    with running(loop):
        assert turns.next().stacks[0] == NEW
        _, failure = audience.backs.get(timeout=5)
        desires.answer = reading(broken={"web": failure}, revision="b" * 40)  # as the follower has it from now on
        assert turns.next().stacks[0] == OLD
        may_answer.set()
        while desires.asked < 3:
            audience.sources.get(timeout=5)
        loop.wake(LookAt("event", stack="web"))
        assert turns.next().stacks[0] == OLD


def test_who_asks_has_it_tried_again() -> None:
    desires, turns, audience = (
        FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}),
        FakeTurns(crash),
        FakeAudience(),
    )
    with running(make_loop(desires, turns, audience)) as loop:
        turns.next(), turns.next()
        loop.wake(LookAt("manual", stack="web"))
        assert NEW in (turns.next().stacks[0], turns.next().stacks[0])  # the source may be read before the next turn
    assert audience.backs.qsize() == 2


def test_what_went_with_the_bad_content_is_no_drift_when_it_is_tried_again() -> None:
    more = replace(stack("web", "b" * 40, "1"), resources=(*OLD.resources, *stack("web-more").resources))

    work = Work("web")
    work.want(more)
    work.known = work.goal.keys
    work.want(OLD)
    work.want(more)
    assert work.known == {resource.key for resource in OLD.resources}


def test_what_bad_content_brought_may_go_without_anybodys_word() -> None:
    more = stack("more").resources[0]
    services = tuple(replace(more, key=Key("container", f"web-{name}-1"), service=name) for name in ("a", "b", "c"))
    bad = replace(NEW, resources=(*NEW.resources, *services))
    desires, turns = FakeDesires(reading(bad, revision="b" * 40), good={"web": OLD}), FakeTurns(crash)
    with running(make_loop(desires, turns, FakeAudience())):
        assert turns.next().consent.free == frozenset()
        assert turns.next().consent == Consent(newest="b" * 40, free=frozenset({"web/a", "web/b", "web/c"}))


def test_it_is_told_what_was_given_up_also_by_the_next_process() -> None:
    desires, turns = FakeDesires(reading(NEW, revision="b" * 40), good={"web": OLD}), FakeTurns(crash)
    with running(make_loop(desires, turns, FakeAudience())):
        first, back = turns.next(), turns.next()
    assert (first.gone_back, first.rejected) == (False, "")
    assert (back.gone_back, back.rejected) == (True, content_of(NEW))
    failure = Failure("CrashOnStart", "no")
    known = replace(reading(broken={"web": failure}, revision="b" * 40), rejected={"web": content_of(NEW)})
    desires, turns = FakeDesires(known, good={"web": OLD}), FakeTurns(crash, host_stacks=frozenset({"web"}))
    with running(make_loop(desires, turns, FakeAudience())):
        turn = turns.next()
    assert (turn.stacks, turn.gone_back, turn.rejected) == ((OLD,), True, content_of(NEW))


def test_what_stays_at_what_was_good_is_told_on_and_nothing_is_tried_for_it() -> None:
    stays = Failure("ImageNoGood", "container/web-web-1 stays of the image that it ran")
    desires, audience = FakeDesires(reading(OLD)), FakeAudience()
    turns = FakeTurns(lambda turn: replace(synced(turn), stays=stays))
    with running(make_loop(desires, turns, audience)):
        turns.next()
        report = audience.reports.get(timeout=5)
        assert (report.synced, report.failure) == (False, stays)
        assert is_ready(replace(report, health=Health.HEALTHY)), "who waits for the stack need not wait for that"
        assert turns.nothing_more()
    assert desires.accepted == [("web", "a" * 40)], "the content is good for all that"
