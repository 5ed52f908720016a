"""A container that is to be of the image that it had, whatever its reference stands for by now: on a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from agent.errors import Overtaken, Refused, Unreachable
from agent.good_images import GoodImages
from agent.kinds.image_last_good import brought_back, gone, report_of
from agent.model import Key, Report, Resource, Scope, Stack
from agent.reconcile import Turn
from tests.engine import images
from tests.engine.registry import Registry, Tag
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine

BY_ID = {"1": "x@sha256:a"}


@pytest.fixture
def shelf(docker_host: str, prefix: str, sdk: docker.APIClient) -> Iterator[Any]:
    """Loads images under one reference of the test's own."""
    made = []

    def load(value: str) -> str:
        made.append(images.load(docker_host, f"{prefix}:1", Env=["PATH=/bin", f"ONLY={prefix}-{value}"]))
        return made[-1]

    yield load
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={prefix}"}):
        sdk.remove_container(container["Id"], force=True)
    for identity in made:
        if any(image["Id"] == identity for image in sdk.images(all=True)):
            sdk.remove_image(identity, force=True)


def look_at(rig: Rig, stack: Stack) -> Report:
    scope = Scope(rig.identity.instance, rig.identity.origin, frozenset({stack.name}))
    (report,) = rig.reconciler.take(Turn((stack,), scope, "test"))
    return report


def take(rig: Rig, stack: Stack) -> Report:
    report = look_at(rig, stack)
    assert report.failure is None, report.failure
    return report


def compose(rig: Rig, policy: str) -> str:
    return f"services: {{web: {{image: '{rig.stack}:1', pull_policy: {policy}, stop_grace_period: 0s}}}}"


@pytest.mark.parametrize(
    "policy", ["missing", *(pytest.param(policy, marks=pytest.mark.slow) for policy in ("daily", "always"))]
)
def test_it_is_made_of_the_recorded_image_and_stays_so_until_it_is_not_wanted_any_more(
    rig: Rig, shelf: Any, sdk: docker.APIClient, policy: str
) -> None:
    web, good = f"{rig.stack}-web-1", GoodImages()
    first = shelf("1")
    report = take(rig, rig.stack_of(compose(rig, "missing")))
    assert {name: one.id for name, one in report.images.items()} == {web: first}
    good.note(rig.stack, report.images)
    before, second = rig.container("web")["Id"], shelf("2")
    plain = rig.stack_of(compose(rig, policy))
    bound = good.pinned(plain)
    assert done(take(rig, bound)) == {}
    assert rig.container("web")["Id"] == before
    sdk.remove_container(web, force=True)
    assert done(take(rig, bound)) == {web: "create"}
    assert rig.container("web")["Image"] == first
    assert done(take(rig, bound)) == {}
    plain = rig.stack_of(compose(rig, "missing"))
    assert done(take(rig, plain)) == {web: "replace"}
    assert rig.container("web")["Image"] == second
    assert rig.container("web")["Config"]["Image"] == f"{rig.stack}:1"
    assert done(take(rig, bound)) == {web: "replace"}
    assert rig.container("web")["Image"] == first


def test_one_that_was_made_by_its_id_is_as_wanted_once_the_tag_stands_for_it_again(
    rig: Rig, shelf: Any, sdk: docker.APIClient
) -> None:
    web, good = f"{rig.stack}-web-1", GoodImages()
    first = shelf("1")
    plain = rig.stack_of(compose(rig, "missing"))
    good.note(rig.stack, take(rig, plain).images)
    shelf("2")
    sdk.remove_container(web, force=True)
    take(rig, good.pinned(plain))
    sdk.tag(first, rig.stack, "1")
    assert done(take(rig, plain)) == {}


@pytest.mark.usefixtures("images_of_its_own")
def test_where_the_recorded_image_is_gone_the_reference_counts(rig: Rig, shelf: Any, sdk: docker.APIClient) -> None:
    web, good = f"{rig.stack}-web-1", GoodImages()
    first = shelf("1")
    plain = rig.stack_of(compose(rig, "missing"))
    good.note(rig.stack, take(rig, plain).images)
    second = shelf("2")
    sdk.remove_container(web, force=True)
    sdk.remove_image(first, force=True)
    assert done(take(rig, good.pinned(plain))) == {web: "create"}
    assert rig.container("web")["Image"] == second


@pytest.fixture
def tag(registry: Registry, prefix: str, sdk: docker.APIClient) -> Iterator[Tag]:
    made = Tag(registry, prefix, sdk)
    yield made
    images.clear(sdk, prefix, made.reference)


def test_one_that_was_removed_meanwhile_is_pulled_by_its_digest_and_where_that_fails_it_is_said(
    rig: Rig, registry: Registry, tag: Tag, sdk: docker.APIClient
) -> None:
    web, good = f"{rig.stack}-web-1", GoodImages()
    plain = rig.stack_of(f"services: {{web: {{image: '{tag.reference}', stop_grace_period: 0s}}}}")
    report = take(rig, plain)
    ran = report.images[web]
    assert ran.id == tag.first
    assert ran.digest.startswith(f"{tag.reference.rpartition(':')[0]}@sha256:")
    assert report.services[0].images == (ran,)
    good.note(rig.stack, report.images)
    moved = tag.move()
    sdk.pull(tag.reference)
    assert done(take(rig, plain)) == {web: "replace"}
    sdk.remove_image(tag.first, force=True)
    bad, bound = rig.container("web"), good.pinned(plain)
    registry.stop()
    try:
        report = look_at(rig, bound)
    finally:
        registry.start()
    assert report.failure is not None
    assert report.failure.reason == "ImagePullFailed"
    gone = f"the image of {tag.reference} that ran when the stack was good is no longer on this host"
    assert f"{gone}, and cannot be had: pull {ran.digest}: " in report.failure.message
    assert (done(report), rig.container("web")) == ({}, bad)
    rig.heard.clear()
    assert done(take(rig, bound)) == {tag.reference: "create", web: "replace"}
    assert {one.reference for one in rig.heard} == {tag.reference}, "who waits for it hears that it gets on"
    assert (rig.container("web")["Image"], tag.here()) == (tag.first, moved), "the tag is left where it is"
    assert done(take(rig, bound)) == {}


def test_the_digest_is_told_from_when_a_registry_has_the_image(
    rig: Rig, tag: Tag, docker_host: str, sdk: docker.APIClient
) -> None:
    identity = images.load(docker_host, tag.reference, Env=["PATH=/bin", f"ONLY={rig.stack}-here"])
    plain = rig.stack_of(f"services: {{web: {{image: '{tag.reference}', stop_grace_period: 0s}}}}")
    assert take(rig, plain).images[f"{rig.stack}-web-1"].id == identity
    assert not [line for line in sdk.push(tag.reference, stream=True, decode=True) if "error" in line]
    digest = take(rig, plain).images[f"{rig.stack}-web-1"].digest
    assert digest.startswith(f"{tag.reference.rpartition(':')[0]}@sha256:")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        pytest.param({"recorded": ["1"]}, {}, id="no digest known"),
        pytest.param({"recorded": ["1"], "digests": BY_ID}, BY_ID, id="gone"),
        pytest.param({"recorded": ["2"], "digests": {"2": "x@sha256:b"}}, {}, id="here"),
        pytest.param({"digests": BY_ID, "instead_of": ["2"]}, BY_ID, id="its tag stands for the bad one"),
        pytest.param({"digests": BY_ID, "instead_of": ["3"]}, {}, id="its tag has moved on"),
    ],
)
def test_what_is_to_be_pulled_again(spec: dict[str, Any], told: dict[str, str]) -> None:
    engine: Any = SimpleNamespace(inspect_image={"x:1": {"Id": "2"}, "2": {"Id": "2"}}.get)
    wanted = Resource(Key("image", "x:1"), "s", spec)
    assert gone(engine, wanted) == told
    assert (report_of(engine, wanted) is None) is bool(told)


def test_an_image_that_its_digest_does_not_bring_back_is_said() -> None:
    engine: Any = SimpleNamespace(inspect_image={"x:1": {"Id": "2"}}.get)
    wanted = Resource(Key("image", "x:1"), "s", {"recorded": ["1"], "digests": {"1": "x@sha256:a"}})
    with (
        pytest.raises(Refused, match="no longer on this host, and its registry has"),
        brought_back(engine, wanted, "1"),
    ):
        """Another one is pulled."""
    with pytest.raises(Unreachable, match="cannot be had: pull x: nobody") as caught, brought_back(engine, wanted, "1"):
        raise Unreachable("pull x: nobody answers", reason="ImagePullStalled", attempted=False)
    assert (caught.value.reason, caught.value.attempted) == ("ImagePullStalled", False)
    with pytest.raises(Overtaken, match=r"^given up$"), brought_back(engine, wanted, "1"):
        raise Overtaken("given up")


def test_what_stays_away_from_an_image_that_was_no_good_says_so_until_there_is_another(
    rig: Rig, shelf: Any, sdk: docker.APIClient
) -> None:
    first = shelf("1")
    plain = rig.stack_of(compose(rig, "missing"))
    take(rig, plain)
    noted = {"recorded": first, "instead_of": shelf("2")}
    resources = [replace(one, spec={**one.spec, **noted}) if one.service else one for one in plain.resources]
    spared = replace(plain, resources=tuple(resources))
    report = take(rig, spared)
    assert (done(report), report.synced, report.failure) == ({}, True, None)
    assert report.stays is not None
    assert report.stays.reason == "ImageNoGood"
    assert f"{rig.stack}:1 stands for by now was tried" in report.stays.message
    sdk.tag(first, rig.stack, "1")
    assert take(rig, spared).stays is None
    shelf("3")
    report = take(rig, spared)
    assert (done(report), report.stays) == ({f"{rig.stack}-web-1": "replace"}, None)
