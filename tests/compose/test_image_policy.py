"""`x-windlass.image_policy`: what is refused with its place, and what an image resource comes to."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from agent.compose import LoadOptions, load
from agent.compose.bindings import Target
from agent.compose.resources import resources
from agent.errors import BadManifest
from agent.model import Resource
from tests.compose.tree import DictTree

DIGEST = "sha256:" + "0" * 64


def wanted(text: str) -> list[Resource]:
    tree = DictTree({"compose.yaml": textwrap.dedent(text)})
    target = Target("/data", "/files", key=b"key")
    found = resources(load(tree, LoadOptions(project_name="web")), tree, target)
    return [one for one in found if one.key.kind == "image"]


def images(text: str) -> dict[str, Any]:
    return {one.key.name: one.spec.get("pull") for one in wanted(text)}


def problems(text: str) -> list[str]:
    with pytest.raises(BadManifest) as caught:
        images(text)
    return [str(one) for one in caught.value.problems]


def test_what_is_pinned_names_a_digest() -> None:
    text = f"""\
        x-windlass: {{image_policy: pinned}}
        services:
          a: {{image: "x:1"}}
          b: {{image: "x:1@{DIGEST}"}}
          c:
            image: x
            x-windlass: {{image_policy: digest}}
          d:
            image: "x@{DIGEST}"
            pre_start: [{{image: "y:2", command: [a]}}]
            volumes: [{{type: image, source: "z:3", target: /z}}]
        """
    words = "names no digest, which image_policy: pinned wants, say"
    inspect = "docker buildx imagetools inspect tells the digest"
    assert problems(text) == [
        f'compose.yaml:3:14: services.a.image: "x:1" {words} "x:1@sha256:…"; {inspect}',
        *(
            f'compose.yaml:{place} "{reference}" {words} "{reference}@sha256:…"; {inspect}'
            for place, reference in (
                ("10:17: services.d.pre_start[0]:", "y:2"),
                ("11:15: services.d.volumes[0]:", "z:3"),
            )
        ),
    ]


@pytest.mark.parametrize(
    ("top", "service", "pull"),
    [
        ("image_policy: digest", "", {"policy": "follow", "after": 300.0}),
        ("image_policy: digest, image_interval: 1h", "", {"policy": "follow", "after": 3600.0}),
        ("image_interval: 1h", "image_policy: digest, image_interval: 90s", {"policy": "follow", "after": 90.0}),
        ("image_interval: 1h", "", None),
        ("image_policy: digest", "image_policy: pinned", None),
    ],
)
def test_a_tag_that_is_followed_is_asked_for_at_an_interval(top: str, service: str, pull: Any) -> None:
    reference = f"x@{DIGEST}" if "pinned" in service else "x:1"
    own = f", x-windlass: {{{service}}}" if service else ""
    text = f"x-windlass: {{{top}}}\nservices: {{a: {{image: '{reference}'{own}}}}}"
    assert images(text) == {reference: pull}


@pytest.mark.parametrize(
    ("image", "keys", "on_demand"),
    [
        ("x:1", "x-windlass: {image_policy: digest}", False),
        (f"x:1@{DIGEST}", "x-windlass: {image_policy: digest}", True),
        ("x:1", "pull_policy: daily", True),
    ],
)
def test_what_is_followed_is_wanted_though_nothing_is_to_be_made_of_it(image: str, keys: str, on_demand: bool) -> None:
    """Its local tag may be removed by hand: then nothing would tell any more that it has moved."""
    (found,) = wanted(f"services: {{a: {{image: '{image}', {keys}}}}}")
    assert found.on_demand is on_demand


def test_of_two_services_the_one_that_follows_counts() -> None:
    text = """\
        services:
          a: {image: "x:1", pull_policy: daily}
          b: {image: "x:1", x-windlass: {image_policy: digest}}
          c: {image: "x:1", x-windlass: {image_policy: digest, image_interval: 10s}}
        """
    assert images(text) == {"x:1": {"policy": "follow", "after": 10.0}}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "pull_policy: never, x-windlass: {image_policy: digest}",
            "1:45: services.a.pull_policy: never pulls what image_policy: digest is to follow, drop one of the two",
        ),
        (
            "x-windlass: {image_policy: newest}",
            '1:45: services.a.x-windlass.image_policy: "newest" is not one of pinned, digest',
        ),
        ("x-windlass: {image_interval: 5}", "1:47: services.a.x-windlass.image_interval: must be a duration"),
    ],
)
def test_what_is_wrong_with_a_policy(keys: str, problem: str) -> None:
    (found,) = problems(f"services: {{a: {{image: x, {keys}}}}}")
    assert found.partition(": ")[2].startswith(problem.partition(": ")[2])
