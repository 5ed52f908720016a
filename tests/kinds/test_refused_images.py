"""What an image that cannot be had comes to: for its service, for the others of the stack, and for the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import Event

import docker
import pytest

from agent.converge import Ended
from agent.converge import Event as Progress
from agent.errors import Refused
from agent.kinds.image_refusals import BUILDS, PULLS, Pause, Refusals
from agent.model import Report
from agent.reconcile import Turn
from tests.engine import front as faults
from tests.engine.front import Front
from tests.engine.registry import Registry
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


@pytest.fixture
def image(registry: Registry, front: Front, prefix: str, sdk: docker.APIClient) -> Iterator[str]:
    """The reference of an image that only the registry behind the front has."""
    reference, identity = registry.push(prefix, Env=["PATH=/bin", f"ONLY={prefix}"])
    yield front.of(reference)
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={prefix}"}):
        sdk.remove_container(container["Id"], force=True)
    if sdk.images(name=front.of(reference)):
        sdk.remove_image(identity, force=True)


def compose(rig: Rig, busybox: str, image: str, version: str = "1", more: str = "") -> str:
    return f"""
        services:
          web:
            image: {busybox}
            environment: {{V: "{version}"}}
            stop_grace_period: 0s
          api: {{image: "{image}", stop_grace_period: 0s{more}}}
    """


def tried(report: Report, image: str) -> list[bool]:
    """Of each step that fetches the image, whether anybody was asked for it."""
    return [one.attempted for one in report.outcomes if one.change.key.name == image]


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_the_registry_is_left_alone_for_a_while_and_what_drifts_is_mended_meanwhile(
    rig: Rig, busybox: str, front: Front, image: str, sdk: docker.APIClient, status: int
) -> None:
    text = compose(rig, busybox, image)
    front.fault = faults.refuse(status)
    first = rig.take(text)
    assert first.failure is not None
    assert done(first) == {f"{rig.stack}_default": "create", f"{rig.stack}-web-1": "create"}
    asked = front.count("/manifests/")
    assert asked
    sdk.stop(f"{rig.stack}-web-1", 0)
    second = rig.take(text)
    assert done(second) == {f"{rig.stack}-web-1": "update"}
    assert second.failure == first.failure
    assert front.count("/manifests/") == asked
    assert [tried(report, image) for report in (first, second)] == [[True], [False]]
    front.fault = lambda _: None
    rig.trigger = "manual"  # somebody asks for it
    assert rig.apply(text) == {image: "create", f"{rig.stack}-api-1": "create"}


def test_what_has_been_pushed_meanwhile_is_pulled_for_new_content_at_once(
    rig: Rig, busybox: str, front: Front, image: str
) -> None:
    front.fault = faults.refuse(404)
    assert rig.take(compose(rig, busybox, image)).failure is not None
    front.fault = lambda _: None
    rig.trigger = "git"
    assert rig.apply(compose(rig, busybox, image, more=", labels: {by: other}")) == {
        image: "create",
        f"{rig.stack}-api-1": "create",
    }


def test_a_failed_pull_stops_nothing(rig: Rig, busybox: str, front: Front, image: str) -> None:
    rig.apply(compose(rig, busybox, busybox))
    before = rig.container("web"), rig.container("api")
    front.fault = faults.of_blobs(faults.flip)
    report = rig.take(compose(rig, busybox, image, version="2"))
    assert report.failure is not None
    assert report.failure.reason == "ImageCorrupt"
    assert (rig.container("web"), rig.container("api")) == before


def test_what_drifted_does_not_wait_for_a_pull(
    rig: Rig, busybox: str, front: Front, image: str, sdk: docker.APIClient
) -> None:
    """Which goes on only once it has been mended."""
    rig.apply(compose(rig, busybox, busybox))
    sdk.stop(f"{rig.stack}-web-1", 0)
    ended, gate = list[str](), Event()

    def note(_turn: Turn, event: Progress) -> None:
        if isinstance(event, Ended):
            ended.append(event.outcome.change.key.name)
            gate.set()

    front.fault = faults.of_blobs(faults.until(gate))
    rig.reconciler = replace(rig.reconciler, listen=note)
    assert rig.take(compose(rig, busybox, image)).failure is None
    assert ended == [f"{rig.stack}-web-1", image, f"{rig.stack}-api-1"]


def test_an_image_for_another_platform_alone_is_an_error_of_its_service(
    rig: Rig, busybox: str, front: Front, image: str
) -> None:
    other = "arm64" if rig.engine.info()["Architecture"] == "x86_64" else "amd64"
    report = rig.take(compose(rig, busybox, image, more=f", platform: linux/{other}"))
    assert report.failure is not None
    assert report.failure.reason == "PlatformMismatch"
    assert f"linux/{other}" in report.failure.message  # whether the engine finds out or the agent
    assert done(report) == {f"{rig.stack}_default": "create", f"{rig.stack}-web-1": "create"}
    asked = len(front.seen)
    again = rig.take(compose(rig, busybox, image, more=f", platform: linux/{other}")).failure
    assert again is not None
    assert again.reason == "PlatformMismatch"
    assert len(front.seen) == asked


class Door:
    """What is asked for behind `refusals`, and what comes of it. `now` is its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.refusals = Refusals(lambda: self.now)

    def pull(self, name: str, refused: str = "", what: str = "", pauses: Mapping[str, Pause] = PULLS) -> str:
        """The reason why it is refused, be it by now or from before."""
        try:
            with self.refusals.heeded(name, what, pauses):
                self._ask(name, refused)
        except Refused as error:
            return error.reason
        return ""

    def _ask(self, name: str, refused: str) -> None:
        self.asked.append(name)
        if refused:
            raise Refused(f"no {name}", reason=refused)


def test_what_was_refused_is_asked_for_again_after_its_time() -> None:
    door = Door()
    assert door.pull("x", "RegistryRateLimited") == "RegistryRateLimited"
    door.now = 59.0
    assert door.pull("x") == "RegistryRateLimited"
    assert door.pull("y", "ImagePullFailed") == "ImagePullFailed"
    assert door.pull("y") == "", "what may pass is tried again at once"
    door.now = 60.0
    assert door.pull("x") == ""
    assert door.asked == ["x", "y", "y", "x"]
    door.pull("x", "RegistryUnauthorized")
    door.refusals.forget()
    assert door.pull("x") == ""


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        ("ImagePullStalled", 60.0),
        ("ManifestUnknown", 300.0),
        ("RegistryUnauthorized", 300.0),
        ("RegistryDenied", 300.0),
        ("PlatformMismatch", 3600.0),
    ],
)
def test_how_long_a_registry_is_left_alone(reason: str, seconds: float) -> None:
    door = Door()
    door.pull("x", reason)
    door.now = seconds - 1
    assert door.pull("x") == reason
    door.now = seconds
    assert door.pull("x", reason) == reason
    door.now += seconds
    assert door.pull("x") == "", "as long the second time"


def test_a_build_that_fails_again_and_again_is_tried_less_and_less_often() -> None:
    door, tried = Door(), []
    for minute in range(200):
        door.now = minute * 60.0
        before = len(door.asked)
        assert door.pull("x", "ImageBuildFailed", "content", BUILDS) == "ImageBuildFailed"
        tried += [minute] if len(door.asked) > before else []
    assert tried == [0, 5, 15, 35, 75, 135, 195]
    assert door.pull("x", "", "other content", BUILDS) == ""


def test_new_content_forgives_what_it_has_and_nothing_gives_more_of_a_registry() -> None:
    door = Door()
    door.pull("its", "ManifestUnknown")
    door.pull("another", "ManifestUnknown")
    door.pull("limited", "RegistryRateLimited")
    door.refusals.forget({"its", "limited"})
    assert [door.pull(name) for name in ("its", "another", "limited")] == ["", "ManifestUnknown", "RegistryRateLimited"]
