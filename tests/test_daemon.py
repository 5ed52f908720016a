"""The host side of the agent as the loop asks it: what it notes of the turns that it takes."""

from __future__ import annotations

from typing import Any, cast

from agent.daemon import HostTurns
from agent.good_images import GoodImages
from agent.images import Image
from agent.model import Health, Report, Result, Scope
from agent.reconcile import Turn
from agent.telemetry.metrics import Metrics

WEB = Scope("one", "here", frozenset({"web"}))


class Taken:
    """Answers each turn with the same report."""

    def __init__(self, *, synced: bool) -> None:
        self.report = Report("r", "web", "git", None, Result.SUCCESS, 0.0, 0.0, synced=synced, health=Health.HEALTHY)

    def take(self, _turn: Turn) -> tuple[Report, ...]:
        return (self.report,)


def kept_after(*, synced: bool) -> frozenset[str]:
    """The images that may have to come back once a stack that left has had its turn."""
    images, reconciler = GoodImages(), cast("Any", Taken(synced=synced))
    images.note("web", {"web-1": Image("sha256:1")})
    images.note("api", {"api-1": Image("sha256:2")})
    HostTurns(cast("Any", None), reconciler, Metrics("1.0"), WEB, lambda: None, images).take(Turn((), WEB, "git"))
    return images.ids()


def test_a_stack_that_has_left_for_good_needs_its_images_no_more() -> None:
    assert kept_after(synced=False) == {"sha256:1", "sha256:2"}
    assert kept_after(synced=True) == {"sha256:2"}
