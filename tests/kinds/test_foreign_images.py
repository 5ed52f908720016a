"""Images for another platform than the host's, where the file does not name one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.errors import Refused
from agent.kinds.image import ImageKind
from agent.kinds.image_rules import ImageRules
from agent.model import Action, Cause, Change, Key, Resource, Scope

SCOPE = Scope("i", "o", frozenset({"web"}))


class Host:
    """An engine of one platform that has one image, which each pull brings again."""

    url = "unix:///nowhere"

    def __init__(self, platform: str, image: str) -> None:
        self._os, self._arch = platform.split("/")
        self.image = dict(zip(("Os", "Architecture", "Variant"), image.split("/"), strict=False)) | {"Id": "sha256:a"}
        self.pulled: list[str] = []

    def version(self) -> dict[str, str]:
        return {"Os": self._os, "Arch": self._arch}

    def info(self) -> dict[str, str]:
        return {}

    def gather(self, calls: Iterable[Callable[[], Any]]) -> list[Any]:
        return [call() for call in calls]

    def inspect_image(self, _reference: str) -> Mapping[str, Any]:
        return self.image

    def pull_image(self, reference: str, _platform: str, **_more: Any) -> None:
        self.pulled.append(reference)


def image(**more: Any) -> Resource:
    spec = {"reference": "app:1", "platform": "", **more}
    return Resource(Key("image", "app:1"), "web", spec, prepares=True, on_demand=True)


def kind_of(host: Host) -> ImageKind:
    return ImageKind(cast(Engine, host), rules=ImageRules(min_free=0))


@pytest.mark.parametrize(
    ("host", "is_for", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v2", True),
        ("linux/amd64", "linux/386", True),
        ("linux/arm64", "linux/arm/v7", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/amd64", "linux", True),
        ("linux/amd64", "linux/arm64/v8", False),
        ("linux/arm64", "linux/amd64", False),
        ("linux/arm", "linux/arm64", False),
    ],
)
def test_it_differs_where_the_host_cannot_run_it(host: str, is_for: str, fits: bool) -> None:
    kind = kind_of(Host(host, is_for))
    [seen] = kind.observe([image()], SCOPE)
    assert [(one.path, one.seen, one.wanted) for one in seen.differences] == (
        [] if fits else [("platform", is_for, host)]
    )
    [built] = kind.observe([image(build={"digest": ""})], SCOPE)
    assert "platform" not in [one.path for one in built.differences], "a builder knows for what it builds"


def test_it_is_refused_before_anything_is_stopped_for_it() -> None:
    host = Host("linux/amd64", "linux/arm64")
    kind = kind_of(host)
    [seen] = kind.observe([image()], SCOPE)
    change = Change(1, Action.REPLACE, seen.key, "web", Cause.COMMIT, "", wanted=image(), seen=seen)
    with pytest.raises(Refused) as caught:
        kind.create(change, "")
    assert (caught.value.reason, host.pulled) == ("PlatformMismatch", ["app:1"])
    assert "it is for linux/arm64, and this host is linux/amd64" in str(caught.value)
    assert "write platform: linux/arm64 in the file" in str(caught.value)


def test_one_that_the_file_names_is_taken() -> None:
    kind = kind_of(Host("linux/amd64", "linux/arm64"))
    [seen] = kind.observe([image(platform="linux/arm64")], SCOPE)
    assert seen.differences == ()
