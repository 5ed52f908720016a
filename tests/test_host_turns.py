"""The host as the loop asks it: what is noted of the turns that are taken."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.converge import Started
from agent.engine import PullProgress
from agent.good_images import GoodImages
from agent.guard import Acknowledgements, Consent
from agent.host_turns import HostTurns
from agent.images import Image
from agent.model import Action, Cause, Health, Key, Outcome, Report, Result, Revision, Scope, Stack, Status
from agent.planning import Removal
from agent.pulls import Pulls
from agent.reconcile import Turn
from tests.telemetry.made import change
from tests.world import Thing, World

WEB = Scope("one", "here", frozenset({"web"}))


class Taken:
    """Answers each turn with the same report."""

    def __init__(self, *outcomes: Outcome, synced: bool) -> None:
        report = Report("r", "web", "git", None, Result.SUCCESS, 0.0, 0.0, synced=synced, health=Health.HEALTHY)
        self.report = replace(report, outcomes=outcomes)

    def take(self, _turn: Turn) -> tuple[Report, ...]:
        return (self.report,)


def kept_after(*outcomes: Outcome, synced: bool) -> frozenset[str]:
    """The images that may have to come back once a stack that left has had its turn."""
    images, reconciler = GoodImages(), cast("Any", Taken(*outcomes, synced=synced))
    images.note("web", {"web-1": Image("sha256:1")})
    images.note("api", {"api-1": Image("sha256:2")})
    HostTurns(reconciler, WEB, images).take(Turn((), WEB, "git"))
    return images.ids()


def test_a_turn_that_meets_a_bug_waits_for_no_pull_any_more() -> None:
    pulls, heard = Pulls(), list[str]()

    class Buggy:
        def take(self, turn: Turn) -> tuple[Report, ...]:
            pulls.listen(turn, Started(change(key=Key("image", "api:2"))))
            raise ZeroDivisionError

    pulls.tell = lambda turn, *_: heard.append(turn.run_id)
    host = HostTurns(cast("Any", Buggy()), WEB, GoodImages(), ended=pulls.forget)
    with pytest.raises(ZeroDivisionError):
        host.take(Turn((), WEB, "git"))
    pulls(PullProgress("api:2", "0" * 12, "Downloading", 1, 2))
    assert heard == []


def test_what_was_there_when_its_stack_was_good_is_known_to_the_next_agent() -> None:
    images, seen = GoodImages(), list[Turn]()
    images.note("web", {"web-1": Image("sha256:1")})
    images.note("api", {"api-1": Image("sha256:2")})

    class Heard(Taken):
        def take(self, turn: Turn) -> tuple[Report, ...]:
            seen.append(turn)
            return (self.report,)

    network = Key("network", "front")
    turns = HostTurns(cast("Any", Heard(synced=True)), WEB, images)
    turns.take(Turn((Stack("web", (), Revision("r")),), WEB, "git", frozenset({network})))
    assert seen[0].known == {Key("container", "web-1"), network}


def test_a_stack_that_has_left_for_good_needs_its_images_no_more() -> None:
    assert kept_after(synced=False) == {"sha256:1", "sha256:2"}
    assert kept_after(synced=True) == {"sha256:2"}


def test_what_was_pruned_beside_what_is_kept_is_not_taken_for_removed_by_hand_when_it_is_wanted_again() -> None:
    removed = change(action=Action.REMOVE, cause=Cause.PRUNE)
    assert kept_after(Outcome(removed, Status.DONE), synced=False) == {"sha256:2"}
    assert kept_after(Outcome(removed, Status.FAILED), synced=False) == {"sha256:1", "sha256:2"}


def test_who_approved_of_everything_has_approved_of_what_is_left_of_it() -> None:
    reconciler = cast("Any", SimpleNamespace(acknowledgements=Acknowledgements()))
    turns = HostTurns(reconciler, WEB, GoodImages())
    everything, left = Removal(frozenset({"a/x", "b/x"}), 2), Removal(frozenset({"b/x"}), 1)
    consent = Consent(frozenset({everything.hash}))
    assert not turns.may_go(left, consent)
    assert turns.may_go(everything, consent)
    assert turns.may_go(left, consent)


def test_what_another_source_made_is_told_and_counts_as_none_of_this_one() -> None:
    told: list[frozenset[str]] = []
    world = World(
        {
            Key("container", "web-1"): Thing(1, stack="web"),
            Key("container", "old-1"): Thing(2, stack="old", origin="elsewhere"),
            Key("volume", "gone_data"): Thing(3, stack="gone", origin="elsewhere"),
            Key("container", "web-2"): Thing(4, stack="web", origin="elsewhere"),
        }
    )
    reconciler = cast("Any", SimpleNamespace(host=world))
    turns = HostTurns(reconciler, Scope("one", "here", frozenset(), whole=True), GoodImages(), elsewhere=told.append)
    assert turns.on_host().keys() == {"web"}
    assert told == [{"old"}]
