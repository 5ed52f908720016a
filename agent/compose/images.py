"""The images that a project needs: each pulled, or built from the commit.

The `spec` of an image resource is {"reference": text, "platform": "os/arch" or ""} and, where the file says so,

"pull": {"policy": "always", "never", "refresh" or "follow", "after": seconds}, with `after` for "refresh": how old the
    image's last tag may become, and for "follow": how often the registry is asked for what the tag stands for; and
    "content" for "always" alone: a digest, keyed, over all that the stack wants. Without it an image is pulled where
    it is missing.
"build": how it is built instead:
    "digest": 16 hex digits, keyed, over all of the following; the image carries it as the label `windlass.build`, and
        one that carries another is built anew.
    "tree", "paths": the tree, and for each file of the context its path in the tree; what `.dockerignore` leaves out
        is not there.
    "content": for each further file of the context its bytes: a Dockerfile that the Compose file holds itself.
    "query": the members of `POST /build` that the file asks for, as JSON-like values, with "dockerfile" among them;
        the reference, the platform and the label are the builder's to add.
    "tags": further references for it.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from agent.compose.bindings import Target
from agent.compose.build import is_local
from agent.compose.files import Files, NotReadable
from agent.compose.findings import At
from agent.compose.handlings import image_interval, image_policy
from agent.compose.ignore import is_ignored, read_patterns
from agent.compose.nodes import Map
from agent.compose.payload import platform
from agent.compose.project import Project
from agent.compose.units import nanoseconds
from agent.digests import canonical
from agent.errors import BadManifest
from agent.model import Key, Resource
from agent.tree import itself

MOST_FILES: Final = 20_000  # of one build context
MOST_BYTES: Final = 256 << 20
MOST_IN_ALL: Final = 4 * MOST_BYTES  # of all contexts of a stack, each directory once
DOCKERFILE: Final = ".windlass.Dockerfile"  # what lies outside of the context is called in it
_DAY: Final = 24 * 3600.0
_WINDOWS: Final = {"daily": _DAY, "weekly": 7 * _DAY}
_PLAIN: Final = {
    "target": "target",
    "network": "networkmode",
    "no_cache": "nocache",
    "pull": "pull",
    "shm_size": "shmsize",
    "isolation": "isolation",
}


class _Context(NamedTuple):
    """The files of a build context: name in it to path in the tree, and a digest of them all."""

    paths: dict[str, str]
    digest: bytes
    size: int  # bytes


@dataclass(frozen=True)
class Images:
    """Makes the image resources of one project; a build context is read once for all that are built from it."""

    project: Project
    files: Files
    target: Target
    _contexts: dict[str, _Context] = field(default_factory=dict)

    def of(self, name: str, service: Map, at: At) -> list[Resource]:
        """What the service runs, and what it mounts. `at` is the service's."""
        wanted = platform(service, self.project.environment)
        spec: dict[str, Any] = {"reference": self.project.image_of(name), "platform": wanted}
        if "build" in service and self.target.allow_build:
            if build := self.build(service, at):
                spec["build"] = build
        elif pull := self._follow(service) or _pull(service):
            spec["pull"] = pull
        key = "build" if "build" in service else "image"
        mounted = [
            self._image({"reference": volume["source"], "platform": ""}, at.of_item(service, "volumes", index))
            for index, volume in enumerate(service.get("volumes") or ())
            if volume["type"] == "image" and volume.get("source")
        ]
        before = [
            self._image({"reference": hook["image"], "platform": ""}, at.of_item(service, "pre_start", index))
            for index, hook in enumerate(service.get("pre_start") or ())
            if hook.get("image", spec["reference"]) != spec["reference"]
        ]
        return [self._image(spec, at.of(service, key)), *mounted, *before]

    def _follow(self, service: Map) -> dict[str, Any] | None:
        if "build" in service or image_policy(self.project, service) != "digest":
            return None
        return {"policy": "follow", "after": image_interval(self.project, service)}

    def _image(self, spec: Mapping[str, Any], at: At) -> Resource:
        """One whose tag is followed is to be here always: by what is here it is told that the tag has moved."""
        key, policy = Key("image", spec["reference"]), (spec.get("pull") or {}).get("policy")
        follows, renewed = policy == "follow" and "@" not in key.name, policy == "always"
        return Resource(
            key, self.project.name, spec, prepares=True, on_demand=not follows, renewed=renewed, place=at.place
        )

    def build(self, service: Map, at: At) -> dict[str, Any] | None:
        """How the image is built, if it is. None where it cannot be, which is reported."""
        build = service.get("build")
        if build is None or not self.target.allow_build:
            return None
        if not is_local(build["context"]) or build["context"].startswith("~"):
            return None  # which has been refused
        try:
            return self._build(build, at.of(service, "build"))
        except BadManifest as error:
            at.findings.take(error)
            return None

    def _build(self, build: Map, at: At) -> dict[str, Any] | None:
        try:
            directory = self.files.locate(self.project.directory, build["context"])
            context = self._context(directory, at)
            dockerfile = self._dockerfile(build, directory)
        except NotReadable as error:
            at.findings.problem(at.place, error.message, at.path, reason=error.reason)
            return None
        if context is None:
            return None
        content = {} if dockerfile is not None else {DOCKERFILE: build["dockerfile_inline"].encode()}
        if dockerfile is not None and not self.files.is_file(dockerfile):
            at.of(build, "dockerfile").problem(f'there is no file "{dockerfile}" in the repository')
            return None
        paths = context.paths
        inside = (dockerfile or "").removeprefix(f"{directory}/" if directory else "")
        name = inside if dockerfile and paths.get(inside) == dockerfile else DOCKERFILE
        if dockerfile and name == DOCKERFILE:
            paths = {**paths, name: dockerfile}
        query = _query(build) | {"dockerfile": name}
        own = self.files.read(dockerfile) if dockerfile else content[DOCKERFILE]
        return {
            "digest": self._digest(context, own, query),
            "tree": itself(self.files.tree),
            "paths": paths,
            "content": content,
            "query": query,
            "tags": list(build.get("tags") or ()),
        }

    def _context(self, directory: str, at: At) -> _Context | None:
        """Read once, however many services are built from it. None, and a problem, where it is too much. Raises
        `NotReadable`."""
        if directory not in self._contexts:
            paths = self._listed(directory)
            sizes = [self.files.entries[path].size for path in paths.values()]
            before = sum(context.size for context in self._contexts.values())
            if len(paths) > MOST_FILES or sum(sizes) > MOST_BYTES or before + sum(sizes) > MOST_IN_ALL:
                text = f"the context has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB, or all have"
                at.problem(f"{text} {MOST_IN_ALL >> 20} MiB", "use .dockerignore")
                return None
            self._contexts[directory] = _Context(paths, self._digest_of(paths), sum(sizes))
        return self._contexts[directory]

    def _listed(self, directory: str) -> dict[str, str]:
        """The files of a context: name in it to path in the tree. Raises `NotReadable`."""
        found = self.files.beneath(directory)
        if not found:
            raise NotReadable(f'there is no directory "{directory or "."}" in the repository', "FileMissing")
        skip = len(directory) + 1 if directory else 0
        ignore = posixpath.join(directory, ".dockerignore")
        text = self.files.read(ignore).decode(errors="replace") if self.files.is_file(ignore) else ""
        patterns = read_patterns(text)
        return {path[skip:]: path for path in found if not is_ignored(path[skip:], patterns)}

    def _dockerfile(self, build: Map, directory: str) -> str | None:
        """Its path in the tree, None where the Compose file holds it. Raises `NotReadable`."""
        inline = build.get("dockerfile_inline")
        return None if inline else self.files.locate(directory, build.get("dockerfile") or "Dockerfile")

    def _digest_of(self, paths: Mapping[str, str]) -> bytes:
        digest = hashlib.sha256()
        for name, path in sorted(paths.items()):
            data = self.files.read(path)
            digest.update(f"{len(name.encode())}:{name}:{self.files.mode(path):o}:{len(data)}:".encode())
            digest.update(data)
        return digest.digest()

    def _digest(self, context: _Context, dockerfile: bytes, query: Mapping[str, Any]) -> str:
        """Keyed: the arguments of a build may hold a secret, and everybody who may ask the engine sees labels."""
        digest = hmac.new(self.target.key, canonical(query), hashlib.sha256)
        digest.update(context.digest + dockerfile)
        return digest.hexdigest()[:16]


def merged(one: Resource, other: Resource) -> Resource:
    """The one of two demands for the same image that asks for more: to build it, then to pull it oftener."""
    ranks = {"always": 0, "follow": 1, "refresh": 2, "never": 4}

    def rank(resource: Resource) -> tuple[bool, int, float]:
        pull = resource.spec.get("pull") or {}
        return "build" not in resource.spec, ranks.get(pull.get("policy", ""), 3), pull.get("after", 0.0)

    return min(one, other, key=rank)


def with_content(wanted: Sequence[Resource], key: bytes) -> list[Resource]:
    """The resources, where an image that is pulled for each new content knows which one it is wanted for."""
    if not any(resource.renewed for resource in wanted):
        return list(wanted)
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for resource in sorted(wanted, key=lambda resource: resource.key):
        if resource.key.kind != "image":
            digest.update(canonical([resource.key, resource.spec]))
    content = digest.hexdigest()[:16]
    return [
        replace(one, spec={**one.spec, "pull": {**one.spec["pull"], "content": content}}) if one.renewed else one
        for one in wanted
    ]


def _pull(service: Map) -> dict[str, Any] | None:
    """None for the usual: to pull what is missing."""
    policy: str = service.get("pull_policy", "")
    if policy in ("always", "never"):
        return {"policy": policy}
    if policy == "build":
        return {"policy": "never"}  # which Compose never pulls
    if policy in _WINDOWS:
        return {"policy": "refresh", "after": _WINDOWS[policy]}
    after = service.get("pull_refresh_after", "") if policy == "refresh" else policy.removeprefix("every_")
    try:
        return {"policy": "refresh", "after": nanoseconds(after) / 1e9}
    except ValueError:
        return None  # "missing" or nothing; any other text has been refused


def _query(build: Map) -> dict[str, Any]:
    values = {member: build.get(key) for key, member in _PLAIN.items()}
    lists = {"cachefrom": build.get("cache_from"), "extrahosts": _hosts(build)}
    pairs = {"buildargs": build.get("args"), "labels": build.get("labels")}
    return {
        **{member: value for member, value in values.items() if value},
        **{member: list(value) for member, value in lists.items() if value},
        **{member: dict(value) for member, value in pairs.items() if value},
    }


def _hosts(build: Map) -> list[str]:
    return [host.replace("=", ":", 1) for host in build.get("extra_hosts") or ()]
