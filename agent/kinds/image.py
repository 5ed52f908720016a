"""Images. `spec` is {"reference": as the engine is sent it, "platform": "os/arch" or ""} and perhaps "pull" or "build",
as `agent.compose.images` has them; of "pull" only "never" is heeded so far.

An image is there, or it is pulled or built; none is ever removed. One that is built carries a digest of what it was
built from, and is built anew where that is another. That a tag stands for another image by now is seen on the
containers, which know the image that they were made from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from agent.engine import Build, ContextFile, Engine, PullProgress
from agent.errors import Refused
from agent.kinds.base import BUILD, wanted_of
from agent.kinds.table import look
from agent.model import (
    Change,
    Condition,
    Difference,
    EntryKind,
    Gate,
    Key,
    Observed,
    Owner,
    Remedy,
    Resource,
    Scope,
    Tree,
)


def unwatched(_progress: PullProgress) -> None:
    """Stands in where nobody watches a pull."""


def never() -> bool:
    return False


class ImageKind:
    """`stop` is asked during each pull and build; what is given up is begun anew by whoever wants the image next."""

    name = "image"

    def __init__(
        self,
        engine: Engine,
        progress: Callable[[PullProgress], None] = unwatched,
        stop: Callable[[], bool] = never,
    ) -> None:
        self._engine = engine
        self._progress = progress
        self._stop = stop

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:  # noqa: ARG002 - none is pruned
        found = self._engine.gather(partial(self._engine.inspect_image, resource.key.name) for resource in wanted)
        return [_observed(resource, report) for resource, report in zip(wanted, found, strict=True) if report]

    def create(self, change: Change, revision: str) -> None:  # noqa: ARG002 - an image carries no labels of ours
        """Pull or build it; one that came meanwhile is fine."""
        spec = wanted_of(change).spec
        reference, platform = str(spec["reference"]), str(spec.get("platform") or "")
        report = self._engine.inspect_image(reference)
        if report is not None and not _differences(spec, report):
            return
        if "build" in spec:
            self._engine.build_image(
                _build(reference, platform, spec["build"]), progress=self._progress, stop=self._stop
            )
        else:
            _refuse_pull(reference, spec)
            self._engine.pull_image(reference, platform, progress=self._progress, stop=self._stop)

    def update(self, change: Change, revision: str) -> None:
        self.create(change, revision)

    def replace(self, change: Change, revision: str) -> None:
        self.create(change, revision)

    def remove(self, change: Change, revision: str) -> None:  # noqa: ARG002 - it never happens
        raise Refused(f"image {change.key.name} is left where it is", reason="ImageKept")

    def probe(self, key: Key, condition: Condition) -> tuple[Gate, str]:  # noqa: ARG002 - it is there or it is not
        there = self._engine.inspect_image(key.name) is not None
        return (Gate.PASSED, "") if there else (Gate.FAILED, "the image is gone")


def _refuse_pull(reference: str, spec: Mapping[str, Any]) -> None:
    if (spec.get("pull") or {}).get("policy") == "never":
        message = f"image {reference} is not on this host, and its pull_policy forbids to pull it"
        raise Refused(message, reason="ImageMissing")


def _observed(resource: Resource, report: Mapping[str, Any]) -> Observed:
    return Observed(
        resource.key,
        str(report["Id"]),
        Owner.OURS,
        stack=resource.stack,
        differences=tuple(_differences(resource.spec, report)),
        raw=report,
    )


def _differences(spec: Mapping[str, Any], report: Mapping[str, Any]) -> list[Difference]:
    found = []
    if other := _other_platform(str(spec.get("platform") or ""), report):
        found.append(Difference("platform", other, spec["platform"], Remedy.REPLACE))
    if "build" in spec:
        seen, wanted = str((look(report, "Config.Labels") or {}).get(BUILD) or ""), spec["build"]["digest"]
        if seen != wanted:  # without a label somebody else has put the name on an image
            found.append(Difference("build", seen, wanted, Remedy.REPLACE, declared=bool(seen)))
    return found


def _build(reference: str, platform: str, spec: Mapping[str, Any]) -> Build:
    files = [ContextFile(name, *_file_of(spec["tree"], path)) for name, path in spec["paths"].items()]
    files += [ContextFile(name, 0o644, partial(bytes, data)) for name, data in spec["content"].items()]
    labels = {**spec["query"].get("labels", {}), BUILD: spec["digest"]}
    return Build((reference, *spec["tags"]), tuple(files), {**spec["query"], "labels": labels}, platform)


def _file_of(tree: Tree, path: str) -> tuple[int, Callable[[], bytes]]:
    executable = tree.entries()[path].kind is EntryKind.EXECUTABLE
    return 0o755 if executable else 0o644, partial(tree.read, path)


def _other_platform(platform: str, report: Mapping[str, Any]) -> str:
    """The image's platform where that is not the wanted one; what either does not say is no matter."""
    wanted = platform.split("/")
    seen = [str(report.get(part) or "") for part in ("Os", "Architecture", "Variant")]
    unlike = any(one and other and one != other for one, other in zip(wanted, seen, strict=False))
    return "/".join(filter(None, seen)) if unlike else ""
