"""Building an image: the context goes out as a tar while it is made, and errors come after the engine has said 200."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from agent.engine.calls import Calls
from agent.engine.credentials import Credentials
from agent.engine.errors import BUILD_MEANINGS, plain_errors, plain_text
from agent.engine.images import Progress, PullProgress
from agent.engine.transport import Client
from agent.errors import Overtaken, Refused, Unreachable
from agent.secrecy import looks_secret, without_secrets, without_values

IDLE: Final = 600.0  # seconds that a step of a build may be silent
_BLOCK: Final = tarfile.BLOCKSIZE
_JSON: Final = frozenset({"buildargs", "labels", "cachefrom"})  # what goes into the query as one text of JSON
_WORDS: Final = 600  # characters of what the builder said last
_HEARD: Final = 2000  # of those in which secrets are looked for: half a one would not be found


class ContextFile(NamedTuple):
    """One file of a context: its path in it, the mode, and how its bytes are come by."""

    path: str
    mode: int
    read: Callable[[], bytes]


class Build(NamedTuple):
    """What is built. `query` are the members of `POST /build`, as JSON-like values, beside the tags and the platform;
    `files` may be gone through once for each build."""

    tags: tuple[str, ...]
    files: tuple[ContextFile, ...]
    query: Mapping[str, Any]
    platform: str = ""


def build(
    calls: Calls,
    credentials: Credentials,
    wanted: Build,
    progress: Progress,
    *,
    idle: float,
    stop: Callable[[], bool],
) -> None:
    """See `Engine.build_image`."""
    subject, said = f"build {wanted.tags[0]}", ""
    header = credentials.build_header()
    try:
        with plain_errors(subject, meanings=BUILD_MEANINGS), calls.lasting("image_build") as client:
            for line in _lines(client, wanted, idle, header):
                _raise_said(wanted, line, said)
                text = str(line.get("stream") or line.get("status") or "")
                said = (said + text)[-_HEARD:]
                progress(PullProgress(wanted.tags[0], "", text.strip(), 0, 0))
                if stop():  # to leave the stream closes it, and with it the engine's own build
                    raise Overtaken(f"{subject}: given up, for nobody waits for it any more", reason="Stopped")
    except Unreachable as error:
        if error.reason != "EngineTimeout":
            raise
        text = f"{subject}: nothing came for {idle:g} s, given up"
        raise Unreachable(text, reason="ImageBuildStalled") from error


def _lines(client: Client, wanted: Build, idle: float, header: str | None) -> Any:
    """`header` is for whatever it is FROM."""
    headers = {"Content-Type": "application/x-tar", **({"X-Registry-Config": header} if header else {})}
    return client.lines("POST", "/build", idle=idle, headers=headers, content=tar(wanted.files), **_query(wanted))


def tar(files: Iterable[ContextFile]) -> Iterator[bytes]:
    """A tar of the files, piece by piece: of equal files always the same bytes, whoever and whenever makes it.

    Directories stand in it too: those that are only implied get a mode and an owner of the engine's choice.
    """
    known: set[str] = set()
    for file in sorted(files):
        for directory in _above(file.path):
            if directory not in known:
                known.add(directory)
                yield _header(directory, 0o755, type=tarfile.DIRTYPE)
        data = file.read()
        yield _header(file.path, file.mode, size=len(data))
        yield data
        yield bytes(-len(data) % _BLOCK)
    yield bytes(2 * _BLOCK)


def _above(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth])


def _header(path: str, mode: int, *, size: int = 0, type: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.size, entry.type = mode, size, type  # the rest is zero or empty: no time, no owner
    return entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _query(wanted: Build) -> dict[str, Any]:
    values = {key: json.dumps(value) if key in _JSON else value for key, value in sorted(wanted.query.items())}
    platform = wanted.platform or None
    # The classic builder, which needs no session with its client; what it made on the way goes whatever comes of it.
    return {**values, "t": list(wanted.tags), "platform": platform, "version": "1", "rm": True, "forcerm": True}


def _raise_said(wanted: Build, line: Mapping[str, Any], said: str) -> None:
    """Raise the error that a line of a stream with status 200 tells of, with what was said before it, and without the
    arguments that are secrets: the builder repeats its commands, and these what they were given."""
    detail = line.get("errorDetail")
    text = detail.get("message") if isinstance(detail, dict) else None
    error = str(text or line.get("error") or "")
    if not error:
        return
    reason = next(meaning.reason for meaning in BUILD_MEANINGS if meaning.pattern.search(error))
    plain, words = plain_text(_redacted(wanted, error)), _redacted(wanted, said.strip())[-_WORDS:]
    text = f"build {wanted.tags[0]}: {plain}{f'; the builder said last: {words}' if words else ''}"
    raise Refused(text, reason=reason)


def _redacted(wanted: Build, text: str) -> str:
    arguments = wanted.query.get("buildargs") or {}
    told = without_values(text, [str(value) for name, value in arguments.items() if looks_secret(name) and value])
    return "\n".join(map(without_secrets, told.splitlines()))
