"""Fetching an image: the one call whose errors may come after the engine has said 200."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from docker.utils import parse_repository_tag

from agent.engine.calls import Calls
from agent.engine.credentials import Credentials, registry_of
from agent.engine.errors import PULL_MEANINGS, plain_errors, translated
from agent.engine.transport import Client
from agent.errors import Overtaken, Refused, Unreachable

_LOGIN = "give a name and a password for {registry} under `registries` in the agent's settings, or docker login there"
ADVICE = {
    "RegistryUnauthorized": _LOGIN,
    "RegistryDenied": _LOGIN,
    "ManifestUnknown": "push it, or name one that is there",
    "PlatformMismatch": "push one for this platform, or name another image",
    "RegistryRateLimited": "log in, pull less often, or use a mirror",
    "ImageCorrupt": "push it again, and look at what lies between this host and {registry}",
    "DiskFull": "make room where the engine keeps its data",
}  # by reason: what to do, where that is not said by the reason alone


class PullProgress(NamedTuple):
    """How far one layer of an image is; `current` and `total` are bytes, 0 where the engine does not say."""

    reference: str
    layer: str
    status: str
    current: int
    total: int


Progress = Callable[[PullProgress], None]


def pull(
    calls: Calls,
    credentials: Credentials,
    reference: str,
    platform: str,
    progress: Progress,
    *,
    idle: float,
    stop: Callable[[], bool],
) -> None:
    """See `Engine.pull_image`."""
    subject = f"pull {reference}"
    try:
        header = credentials.header(reference)
        with plain_errors(subject, meanings=PULL_MEANINGS), calls.lasting("image_pull") as client:
            for line in _lines(client, reference, platform, idle, header):
                _raise_said(subject, line)
                progress(_progress(reference, line))
                if stop():  # to leave the stream closes it, and with it the engine's own pull
                    raise Overtaken(f"{subject}: given up, for nobody waits for it any more", reason="Stopped")
    except Refused as error:
        raise Refused(advised(error, reference), reason=error.reason) from error
    except Unreachable as error:
        if error.reason != "EngineTimeout":
            raise
        text = f"{subject}: nothing came for {idle:g} s, given up"
        raise Unreachable(text, reason="ImagePullStalled") from error


def resolve(calls: Calls, credentials: Credentials, reference: str, seconds: float) -> str:
    """See `Engine.resolve_image`."""
    subject = f"ask for the digest of {reference}"
    header = credentials.header(reference)
    headers = {"X-Registry-Auth": header} if header else None
    with calls.conversation("image_resolve", subject, extra=seconds - calls.timeout) as client:
        said = client.ask("/distribution/{0}/json", reference, headers=headers)
    return str(((said or {}).get("Descriptor") or {}).get("digest") or "")


def advised(error: Refused, reference: str) -> str:
    """The message, with what to do about it."""
    advice = ADVICE.get(error.reason, "")
    return f"{error.message}: {advice.format(registry=registry_of(reference))}" if advice else error.message


def _lines(client: Client, reference: str, platform: str, idle: float, header: str | None) -> Any:
    repository, tag = parse_repository_tag(reference)
    return client.lines(
        "POST",
        "/images/create",
        idle=idle,
        headers={"X-Registry-Auth": header} if header else None,
        fromImage=repository,
        tag=tag or "latest",
        platform=platform or None,
    )


def _raise_said(subject: str, line: Mapping[str, Any]) -> None:
    """Raise the error that a line of a stream with status 200 tells of."""
    detail = line.get("errorDetail")
    text = detail.get("message") if isinstance(detail, dict) else None
    if said := text or line.get("error"):
        raise translated(subject, 500, str(said), PULL_MEANINGS)


def _progress(reference: str, line: Mapping[str, Any]) -> PullProgress:
    detail = line.get("progressDetail") or {}
    layer = str(line.get("id") or "")
    known = layer if re.fullmatch(r"[0-9a-f]{12}", layer) else ""
    status = str(line.get("status") or "")
    return PullProgress(reference, known, status, int(detail.get("current") or 0), int(detail.get("total") or 0))
