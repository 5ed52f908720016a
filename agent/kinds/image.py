"""Images. `spec` is {"reference": as the engine is sent it, "platform": "os/arch" or ""} and perhaps "pull" or "build",
as `agent.compose.images` has them, and perhaps "recorded" and "digests": see `image_last_good`.

An image is there, or it is pulled or built. Where the operator wants that, what was pulled is removed once nobody needs
it (`agent.kinds.image_prune`). An image that is built carries a digest of what it was built from, and is built anew
where that changes. An image with a pull policy is pulled although it is there: "refresh" when it was last pulled or
tagged too long ago, "follow" when its tag stands for another image in its registry, "always" for each new content of
its stack. That a local tag has moved is seen on the containers, which know the image that they were made from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from agent.engine import Build, ContextFile, Engine, PullProgress
from agent.errors import Refused
from agent.kinds.base import BUILD, seen_of, wanted_of
from agent.kinds.image_follow import Followed
from agent.kinds.image_last_good import brought_back, gone, report_of
from agent.kinds.image_last_pulls import LastPulls
from agent.kinds.image_prune import Pruning
from agent.kinds.image_refusals import BUILDS, Refusals
from agent.kinds.image_rules import ImageRules, Slots, refuse_without_room
from agent.kinds.table import look, moment
from agent.model import Change, Condition, Difference, Key, Observed, Owner, Remedy, Resource, Scope
from agent.probe import Gate, Probe
from agent.rollout import Pace
from agent.stand_ins import ignore, never
from agent.tree import EntryKind, Tree

RUNS_TOO = {"linux/amd64": ("linux/386",), "linux/arm64": ("linux/arm",)}  # without any emulation

_AHEAD = 60.0  # seconds by which clocks may be set right without being wrong
STALE, NEW_CONTENT, FOLLOWED = (
    "pulled",
    "pulled for",
    "digest",
)  # the fields in which an image with a pull policy may differ


class ImageKind:
    """`stop` is asked during each pull and build whether to give it up; whoever wants the image next begins anew."""

    name = "image"

    def __init__(
        self,
        engine: Engine,
        progress: Callable[[PullProgress], None] = ignore,
        stop: Callable[[str], bool] = never,
        *,
        rules: ImageRules | None = None,
        last_pulls: LastPulls | None = None,
        pruning: Pruning | None = None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._progress = progress
        self._stop = stop
        self._last_pulls = last_pulls or LastPulls()
        self._pruning = pruning
        self._wall = wall
        self._rules = rules or ImageRules()
        self._followed = Followed(engine, clock)
        self._slots = Slots(self._rules.pulls)
        self._refusals = Refusals(clock)
        self._contents: dict[str, dict[str, str]] = {}  # by reference and stack, as last wanted

    def observe(self, wanted: Sequence[Resource], scope: Scope) -> list[Observed]:
        """See `Kind.observe`. An image that several stacks want differs where it does for any of them."""
        self._followed.ask({one.key.name: one.spec["pull"]["after"] for one in wanted if _is_followed(one)})
        reports = self._engine.gather(partial(report_of, self._engine, resource) for resource in wanted)
        seen: dict[Key, Observed] = {}
        for resource, report in zip(wanted, reports, strict=True):
            if content := (resource.spec.get("pull") or {}).get("content"):
                self._contents.setdefault(resource.key.name, {})[resource.stack] = content
            if report and not (resource.key in seen and seen[resource.key].differences):
                seen[resource.key] = _observed(resource, report, self._differences(resource, report))
        return [*seen.values(), *self._unneeded(wanted, reports, scope)]

    def _unneeded(
        self, wanted: Sequence[Resource], reports: Sequence[Mapping[str, Any] | None], scope: Scope
    ) -> list[Observed]:
        if self._pruning is None:
            return []
        ids: dict[str, frozenset[str]] = {}
        for resource, report in zip(wanted, reports, strict=True):
            here = frozenset({str(report["Id"])} if report else ())
            ids[resource.stack] = ids.get(resource.stack, frozenset()) | here
        return self._pruning.look(scope, ids)

    def place(self, change: Change, pace: Pace) -> AbstractContextManager[None]:
        """See `Limited`. A build has no place among the pulls."""
        builds = change.wanted is not None and "build" in change.wanted.spec
        return nullcontext() if builds else self._slots.one(pace)

    def create(self, change: Change, revision: str) -> None:  # noqa: ARG002 - an image carries no revision
        """Pull or build it; one that came meanwhile is fine."""
        resource = wanted_of(change)
        for identity, digest in gone(self._engine, resource).items():
            with brought_back(self._engine, resource, identity):
                self._pull(resource, digest)
        report = report_of(self._engine, resource)
        if report is None or self._differences(resource, report):
            self._fetch(resource)

    def update(self, change: Change, revision: str) -> None:
        self.create(change, revision)

    def replace(self, change: Change, revision: str, pace: Pace) -> None:  # noqa: ARG002 - an image carries no revision
        self._fetch(wanted_of(change))

    def _fetch(self, resource: Resource) -> None:
        spec = resource.spec
        reference, platform = str(spec["reference"]), str(spec.get("platform") or "")
        if "build" in spec:
            refuse_without_room(self._engine, f"build {reference}", self._rules.min_free)
            with self._refusals.heeded(reference, f"{spec['build']['digest']} {platform}", BUILDS):
                wanted = _build(reference, platform, spec["build"])
                self._engine.build_image(wanted, progress=self._progress, stop=partial(self._stop, reference))
            return
        _refuse_pull(reference, spec)
        self._pull(resource, reference)
        self._followed.pulled(reference)
        if pull := spec.get("pull"):
            contents = {resource.stack: pull["content"]} if "content" in pull else {}
            contents = {**self._last_pulls.of(reference).contents, **self._contents.get(reference, {}), **contents}
            for gone in self._last_pulls.note(reference, self._wall(), contents, self._is_here):
                self._contents.pop(gone, None)

    def _is_here(self, reference: str) -> bool:
        return self._engine.inspect_image(reference) is not None

    def _pull(self, resource: Resource, reference: str) -> None:
        """Pull by a reference, which may be another one than the resource's: its progress is reported as the
        resource's."""
        platform = str(resource.spec.get("platform") or "")

        def progress(one: PullProgress) -> None:
            self._progress(one._replace(reference=resource.key.name))

        refuse_without_room(self._engine, f"pull {reference}", self._rules.min_free)
        with self._refusals.heeded(resource.key.name, f"{reference} {platform}"):
            before = self._pruning.here() if self._pruning else {}
            stop = partial(self._stop, resource.key.name)
            self._engine.pull_image(reference, platform, progress=progress, stop=stop)
            if self._pruning:
                self._pruning.note(reference, resource.stack, before)
            self._refuse_platform(reference, platform)

    def _refuse_platform(self, reference: str, platform: str) -> None:
        """Raises `Refused` where the image is for another platform: a registry gives an image that it has for one
        platform alone, whichever is asked for."""
        report = self._engine.inspect_image(reference) or {}
        if platform and (other := _other_platform(platform, report)):
            text = f"pull {reference}: it is for {other}, and {platform} is wanted: push one for that, or name another"
            raise Refused(text, reason="PlatformMismatch")
        if not platform and (other := self._foreign(report)):
            text = (
                f"pull {reference}: it is for {other}, and this host is {self._host}: push one for that, or write"
                f" platform: {other} in the file, if this host can run that"
            )
            raise Refused(text, reason="PlatformMismatch")

    def _foreign(self, report: Mapping[str, Any]) -> str:
        """The image's platform where it is one that this host is not known to run without emulation, else ""."""
        if not report.get("Architecture"):
            return ""
        able = (self._host, *RUNS_TOO.get(self._host, ()))
        others = [_other_platform(platform, report) for platform in able]
        return others[0] if all(others) else ""

    @cached_property
    def _host(self) -> str:
        """The platform of the engine's host, as it calls it."""
        version = self._engine.version()
        return "/".join(str(version.get(part) or "") for part in ("Os", "Arch"))

    def forgive(self, names: Collection[str] | None = None) -> None:
        """See `Forgiving`."""
        self._refusals.forget(names)

    def _differences(self, resource: Resource, report: Mapping[str, Any]) -> tuple[Difference, ...]:
        if report["Id"] in (resource.spec.get("recorded") or ()):
            return ()
        found = _differences(resource.spec, report)
        if not (resource.spec.get("platform") or "build" in resource.spec) and (other := self._foreign(report)):
            found.append(Difference("platform", other, self._host, Remedy.REPLACE))
        return tuple(found or self._due_by_policy(resource, report))

    def _due_by_policy(self, resource: Resource, report: Mapping[str, Any]) -> list[Difference]:
        """Why its pull policy has it pulled again. A digest stands for one image for ever."""
        pull, reference = resource.spec.get("pull") or {}, resource.key.name
        if not pull or "@" in reference:
            return []
        pulled, digests = self._last_pulls.of(reference), report.get("RepoDigests") or ()
        match pull["policy"]:
            case "refresh":
                return _stale((pulled.at, _tagged(report)), pull["after"], self._wall())
            case "follow" if moved := self._followed.moved(reference, digests):
                seen = ", ".join(str(one).partition("@")[2] for one in digests)
                return [Difference(FOLLOWED, seen, moved, Remedy.REPLACE, declared=False)]
            case "always" if pulled.contents.get(resource.stack) != pull.get("content"):
                return [Difference(NEW_CONTENT, "for other content", "for this content", Remedy.REPLACE)]
            case _:
                return []

    def remove(self, change: Change) -> None:
        if self._pruning is None:
            raise Refused(f"image {change.key.name} is left where it is", reason="ImageKept")
        self._pruning.remove(seen_of(change))

    def probe(self, key: Key, condition: Condition) -> Probe:  # noqa: ARG002 - it is there or it is not
        return Probe(Gate.PASSED) if self._is_here(key.name) else Probe(Gate.FAILED, "the image is gone")


def _refuse_pull(reference: str, spec: Mapping[str, Any]) -> None:
    if (spec.get("pull") or {}).get("policy") == "never":
        message = f"image {reference} is not on this host, and its pull_policy forbids to pull it"
        raise Refused(message, reason="ImageMissing", attempted=False)


def _is_followed(resource: Resource) -> bool:
    """Whether its registry is asked what its tag stands for; a digest stands for one image for ever."""
    policy = (resource.spec.get("pull") or {}).get("policy")
    return policy == "follow" and "@" not in resource.key.name and "recorded" not in resource.spec


def _observed(resource: Resource, report: Mapping[str, Any], differences: tuple[Difference, ...]) -> Observed:
    return Observed(
        resource.key,
        str(report["Id"]),
        Owner.OURS,
        stack=resource.stack,
        differences=differences,
        raw=report,
    )


def _tagged(report: Mapping[str, Any]) -> float:
    """When somebody gave the image its name by hand, in seconds since the epoch; 0 where nobody did."""
    return max(0.0, moment(report, "Metadata.LastTagTime") or 0.0)


def _stale(times: Sequence[float], after: float, now: float) -> list[Difference]:
    """Whether the last of these times is too long ago. One in the future says nothing: the clock was set back since."""
    pulled = max((one for one in times if one <= now + _AHEAD), default=0.0)
    if now - pulled <= after:
        return []
    seen = f"{datetime.fromtimestamp(pulled, UTC):%Y-%m-%dT%H:%M:%SZ}" if pulled else "at no known time"
    wanted = f"after {datetime.fromtimestamp(now - after, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return [Difference(STALE, seen, wanted, Remedy.REPLACE, declared=False)]


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
