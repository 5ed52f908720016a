"""What the engine's refusals mean: every error of the SDK becomes one of ours here, and nowhere else.

The engine tells most things only in its text, so the texts are matched. They were taken from a real engine
(20.10); what none of them matches stays what it is, a refusal with the engine's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import requests
from docker.errors import APIError, DockerException

from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.secrecy import without_secrets

WORDS = 400  # of the engine's own text, at most


class Meaning(NamedTuple):
    """A refusal that is known: how its text reads, our code for it, and our words, `{0}` being the first group."""

    pattern: re.Pattern[str]
    reason: str
    message: str = ""


def _meaning(pattern: str, reason: str, message: str = "") -> Meaning:
    return Meaning(re.compile(pattern, re.IGNORECASE | re.DOTALL), reason, message)


REMOVAL_UNDER_WAY = re.compile(r"removal of container .* is already in progress", re.IGNORECASE)

MOVED = re.compile(
    r"is not running|is not paused|is (already )?paused|is restarting|is marked for removal|already in progress"
    r"|is not connected to (the )?network|already exists in network",
    re.IGNORECASE,
)

# The order matters, here and below: the more particular text first.
PULL_MEANINGS = (
    _meaning(r"no matching manifest for|does not match the specified platform", "PlatformMismatch"),
    _meaning(r"toomanyrequests|too many requests|rate limit", "RegistryRateLimited"),
    _meaning(r"\bunauthorized\b|authentication required|no basic auth credentials", "RegistryUnauthorized"),
    _meaning(r"\bdenied\b|forbidden", "RegistryDenied"),
    _meaning(
        r"manifest unknown|manifest for .* not found|not found: manifest|name unknown"
        r"|failed to resolve reference .*: not found",  # where containerd keeps the images
        "ManifestUnknown",
    ),
    _meaning(r"no space left on device", "DiskFull"),
    _meaning(
        r"verification failed|invalid checksum|checksum mismatch|unexpected EOF|invalid tar header"
        r"|does not match digest|unexpected commit digest|unexpected end of JSON|corrupt",
        "ImageCorrupt",
    ),
    _meaning(r"", "ImagePullFailed"),
)

BUILD_MEANINGS = (
    _meaning(r"no space left on device", "DiskFull"),
    _meaning(r"", "ImageBuildFailed"),
)

MEANINGS = (
    _meaning(r"client version \S+ is too (old|new)|client is newer than server", "EngineTooOld"),
    _meaning(r"does not match the specified platform", "PlatformMismatch"),
    _meaning(r"no such image:? ?(\S*)", "ImageNotFound", "there is no image {0} on this host"),
    _meaning(r'container name "?/?([^"\s]+)"? is already in use', "NameConflict", "another container is called {0}"),
    _meaning(r"network with name (\S+) already exists", "NameConflict", "another network is called {0}"),
    _meaning(r"network (\S+) is ambiguous", "NameAmbiguous", "more than one network is called {0}"),
    _meaning(r"bind for (\S+) failed: port is already allocated", "PortInUse", "{0} is in use already"),
    _meaning(r"listen \w+ (\S+): bind: address already in use", "PortInUse", "{0} is in use already"),
    _meaning(r"bind host port for (\S+): address already in use", "PortInUse", "{0} is in use already"),
    _meaning(r"port is already allocated|address already in use", "PortInUse"),
    _meaning(r"(all ports are allocated)", "PortInUse", "every port of a range that it publishes is in use already"),
    _meaning(r'plugin "?([^"\s]+)"? not found', "PluginMissing", "there is no plugin {0} on this host"),
    _meaning(r"pool overlaps|invalid pool request", "SubnetOverlap"),
    _meaning(r"non-overlapping IPv4 address pool|predefined address pools", "AddressPoolExhausted"),
    _meaning(r"has active endpoints", "NetworkInUse"),
    _meaning(r"no space left on device", "DiskFull"),
    _meaning(r"bind source path does not exist:? ?(\S*)", "MountSourceMissing", "{0} does not exist on this host"),
    _meaning(
        r"task ([0-9a-f]{12})[0-9a-f]*: already exists",
        "StartCut",
        "the engine ended while it started {0}, and cannot start it again",
    ),
    _meaning(r"OCI runtime|failed to create (shim|task)|starting container process", "StartFailed"),
)


@contextmanager
def plain_errors(
    subject: str, *, late: Callable[[], bool] = bool, meanings: Sequence[Meaning] = MEANINGS
) -> Iterator[None]:
    """Turn the SDK's errors into `Refused`, `Overtaken` and `Unreachable`.

    `subject` opens the message ("start container web-1"); `late` tells whether the call's time was over.
    """
    try:
        yield
    except APIError as error:
        raise translated(subject, error.status_code or 0, error.explanation or "", meanings) from error
    except requests.exceptions.RequestException as error:
        raise _silence(subject, error, late()) from error
    except DockerException as error:
        raise Refused(f"{subject}: {plain_text(str(error))}", reason="EngineClient") from error


def translated(subject: str, status: int, text: str, meanings: Sequence[Meaning] = MEANINGS) -> Trouble:
    """Our error for an answer of the engine: its HTTP status and its text, of which no secret is told. What it means is
    read before that is masked."""
    line = _on_one_line(text)
    for meaning in meanings:
        if match := meaning.pattern.search(line):
            first = next((group for group in match.groups() if group), "")
            said = meaning.message.format(first) if meaning.message and first else line
            return Refused(f"{subject}: {_tellable(said)}", reason=meaning.reason)
    told = _tellable(line)
    if status == 404 or (status in (409, 500) and MOVED.search(line)):  # engines do not agree on which of the two
        return Overtaken(f"{subject}: {told}")
    reason = {400: "InvalidRequest", 401: "EngineDenied", 403: "EngineDenied", 409: "Conflict"}
    return Refused(f"{subject}: {told or f'HTTP {status}'}", reason=reason.get(status, "EngineError"))


def plain_text(text: str) -> str:
    """The engine's words on one line, without the chain of causes that its runtime puts before them, and without what
    looks like a secret: a command that cannot be run is told whole."""
    return _tellable(_on_one_line(text))


def _on_one_line(text: str) -> str:
    line = " ".join(text.split()).removesuffix(": unknown").removesuffix(".")
    for lead in ("Error response from daemon: ", "Conflict. "):
        line = line.removeprefix(lead)
    if "OCI runtime" in line and "caused: " in line:
        line = f"OCI runtime: {line.rsplit('caused: ', 1)[1]}"
    return line


def _tellable(line: str) -> str:
    """Masked before it is cut: half of a URL would not be seen to hold a password."""
    told = without_secrets(line)
    return told if len(told) <= WORDS else f"{told[:WORDS]}…"


def is_quick(error: Exception) -> bool:
    """Whether a read may be asked again at once: the connection broke, or the engine stumbled."""
    if isinstance(error, APIError):
        return (error.status_code or 0) >= 500
    broken = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, broken) and not timed_out(error)


def _silence(subject: str, error: Exception, late: bool) -> Unreachable:
    if late or timed_out(error):
        return Unreachable(f"{subject}: the engine did not answer in time", reason="EngineTimeout")
    return Unreachable(f"{subject}: {_why_silent(error)}", reason="EngineUnavailable")


def timed_out(error: BaseException) -> bool:
    """Whether a timeout is at the root: of requests, of urllib3 or of the socket, whoever wrapped it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (requests.exceptions.Timeout, TimeoutError)) or "timed out" in str(seen).lower():
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _why_silent(error: BaseException) -> str:
    text = str(error)
    for sign, words in (
        (
            "No such file or directory",
            "there is no engine at its socket: start it, or name another one with --docker-host",
        ),
        ("Connection refused", "the engine refuses connections"),
        ("Permission denied", "no permission to use the engine's socket"),
        ("Too many open files", "too many open files"),
    ):
        if sign in text:
            return words
    return "the engine broke off the connection"
