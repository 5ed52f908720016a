"""What an image that cannot be had comes to: for its service, for the others of the stack, and for the registry."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from agent.errors import Refused
from agent.kinds.image_refusals import Refusals
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
    front.fault = lambda _: None
    rig.trigger = "manual"  # somebody asks for it
    assert rig.apply(text) == {image: "create", f"{rig.stack}-api-1": "create"}


def test_a_failed_pull_stops_nothing(rig: Rig, busybox: str, front: Front, image: str) -> None:
    rig.apply(compose(rig, busybox, busybox))
    before = rig.container("web"), rig.container("api")
    front.fault = faults.of_blobs(faults.flip)
    report = rig.take(compose(rig, busybox, image, version="2"))
    assert report.failure is not None
    assert report.failure.reason == "ImageCorrupt"
    assert (rig.container("web"), rig.container("api")) == before


def test_an_image_for_another_platform_alone_is_an_error_of_its_service(
    rig: Rig, busybox: str, front: Front, image: str
) -> None:
    other = "arm64" if rig.engine.info()["Architecture"] == "x86_64" else "amd64"
    report = rig.take(compose(rig, busybox, image, more=f", platform: linux/{other}"))
    assert report.failure is not None
    assert report.failure.reason == "PlatformMismatch"
    assert f"and linux/{other} is wanted" in report.failure.message
    assert done(report) == {f"{rig.stack}_default": "create", f"{rig.stack}-web-1": "create"}
    asked = len(front.seen)
    again = rig.take(compose(rig, busybox, image, more=f", platform: linux/{other}")).failure
    assert again is not None
    assert again.reason == "PlatformMismatch"
    assert len(front.seen) == asked


def test_what_was_refused_is_asked_for_again_after_its_time() -> None:
    now, asked = [0.0], []
    refusals = Refusals(lambda: now[0])

    def ask(reference: str, reason: str) -> None:
        asked.append(reference)
        if reason:
            raise Refused(f"no {reference}", reason=reason)

    def pull(reference: str, reason: str = "") -> str:
        try:
            with refusals.heeded(reference, ""):
                ask(reference, reason)
        except Refused as error:
            return error.reason
        return ""

    assert pull("x", "RegistryRateLimited") == "RegistryRateLimited"
    now[0] = 59.0
    assert pull("x") == "RegistryRateLimited"
    assert pull("y", "ImagePullFailed") == "ImagePullFailed"
    assert pull("y") == "", "what may pass is tried again at once"
    now[0] = 60.0
    assert pull("x") == ""
    assert asked == ["x", "y", "y", "x"]
    pull("x", "RegistryUnauthorized")
    refusals.forget()
    assert pull("x") == ""
