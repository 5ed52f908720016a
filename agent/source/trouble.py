"""What git's standard error means for us: one table from its words to a kind of trouble and a reason.

The one thing to know: what matches nothing is `Unreachable`, because trying again is the only thing that can help.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.errors import Refused, Trouble, Unreachable
from agent.source.content import escaped


class MirrorCorrupt(Unreachable):
    """The mirror on this machine is damaged; the next `sync` makes it anew."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="MirrorCorrupt")


class _Meaning(NamedTuple):
    words: re.Pattern[str]
    reason: str
    advice: str = ""
    trouble: type[Trouble] = Refused


def _meaning(words: str, reason: str, advice: str = "", trouble: type[Trouble] = Refused) -> _Meaning:
    return _Meaning(re.compile(words, re.IGNORECASE), reason, advice, trouble)


# The first that matches holds, so the particular stands before the general.
_MEANINGS = (
    _meaning(r"unable to create '.*\.lock': file exists|unable to lock", "MirrorLocked", trouble=Unreachable),
    _meaning(
        r"died of signal 25|file size limit exceeded|file too large",
        "RepoTooLarge",
        "it is larger than the agent may write",
    ),
    _meaning(r"no space left on device|disk quota exceeded", "StateWriteFailed", "free space in the state directory"),
    _meaning(r"read-only file system", "StateWriteFailed", "make the state directory writable"),
    _meaning(
        r"host key verification failed|remote host identification has changed|no \S+ host key is known",
        "HostKeyRejected",
        "check the server's key and put it into the known_hosts file",
    ),
    _meaning(
        r"ssl certificate problem|certificate verification failed|no alternative certificate subject name"
        r"|certificate subject name|self.signed certificate",
        "TlsRejected",
        "check the server's certificate, its host name and the CA file",
    ),
    _meaning(
        r"authentication failed|could not read (username|password)|permission denied \(|returned error: 40[13]"
        r"|invalid (username|credentials)|too many authentication failures",
        "GitAuthFailed",
        "check the credential for this host and its rights",
    ),
    _meaning(
        r"returned error: 30[0-9]|unable to update url base from redirection",
        "GitRedirect",
        "give the address that it moved to",
    ),
    _meaning(r"fsck error", "RepoInvalid", "the repository holds an object that git does not take"),
    _meaning(r"couldn't find remote ref|no such remote ref", "RefNotFound"),
    _meaning(
        r"not our ref|unadvertised object",
        "RefNotFound",
        "the server has no such commit, or does not give it away by its id",
    ),
    _meaning(r"dubious ownership", "GitDubiousOwnership", "let the agent's user own that repository"),
    _meaning(r"transport '.*' not allowed", "UrlSchemeDenied"),
    _meaning(r"mismatched algorithms", "ObjectFormatUnsupported", "SHA-256 repositories are not supported yet"),
    _meaning(
        r"does not appear to be a git repository|repository '?.*'? ?not found|repository not exported"
        r"|returned error: 404",
        "RepoNotFound",
        "check the address, and that the credential may read it",
    ),
    _meaning(r"could not resolve host|name or service not known", "GitFetchFailed", "check DNS", Unreachable),
)
_DAMAGE = re.compile(
    r"is corrupt|corrupt (loose|patch)|bad (object|tree|signature|index)|unable to (read|unpack|parse)|inflate"
    r"|not a git repository|missing (blob|tree|commit|object|necessary)|invalid (object|index-pack|sha1)"
    r"|nonexistent object|object file .* is empty|does not match index|not a valid object|did not send all"
    r"|cannot be mapped",
    re.IGNORECASE,
)
# What this machine is short of for now, in the words of git and of the system. It says nothing of the mirror.
_SHORTAGE = re.compile(
    r"out of memory|cannot allocate memory|resource temporarily unavailable|too many open files|unable to create thread"
    r"|cannot fork",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^(remote: )?(warning|hint|Please make sure|and the repository exists)|^\s*$|^@+")
_LEVEL = re.compile(r"^(fatal|error): ")


def explain(what: str, errors: str, *, local: bool) -> Trouble:
    """Why a git command failed, from its standard error; `local` when it talked to nobody."""
    said = f"{what}: {_gist(errors)}"
    for meaning in _MEANINGS:
        if not (local and meaning.reason == "RepoNotFound") and meaning.words.search(errors):
            advice = f"; {meaning.advice}" if meaning.advice else ""
            return meaning.trouble(said + advice, reason=meaning.reason)
    if _SHORTAGE.search(errors):
        return Unreachable(said, reason="GitFailed" if local else "GitFetchFailed")
    if local or _DAMAGE.search(errors):
        return MirrorCorrupt(said)
    return Unreachable(said, reason="GitFetchFailed")


def _gist(errors: str) -> str:
    """The lines that say something, on one line and short. The cause is more often in the first than in the last."""
    lines = [_LEVEL.sub("", line.strip()) for line in errors.splitlines() if not _NOISE.match(line)]
    return escaped("; ".join(lines[:3]), 400) or "it gave no reason"
