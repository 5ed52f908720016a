"""Content that was tried and did not become good, by stack: it is not tried again until somebody asks for it.

What counts is the content and not the commit: another commit that wants the same of the stack changes nothing. Where
the notes cannot be read, any content may be among them.
"""

from __future__ import annotations

from dataclasses import asdict

from agent.digests import digest_of
from agent.held import STATE_READ_FAILED
from agent.jsonfile import JsonFile
from agent.model import Failure, Stack


class Rejections:
    """What is noted outlives the process where there is a file. Every method that writes raises `Refused`."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._unwritten: dict[str, dict[str, str]] = {}  # what could not be noted, by stack: this process knows it
        self._asked: set[str] = set()  # stacks that somebody asked for, although nobody knows what was noted of them

    def of(self, stack: Stack) -> Failure | None:
        """Why the stack's content was rejected, None where it was not. `is_doubt` of it where nobody knows."""
        kept, failure, _ = self._file.look()
        noted = (self._unwritten.get(stack.name), (kept or {}).get(stack.name))
        for found in (one for one in noted if isinstance(one, dict)):  # of most stacks there is none to compare with
            if found.get("content") == content_of(stack):
                return Failure(str(found.get("reason")), str(found.get("message")))
        unknown = kept is None and stack.name not in self._asked
        return _doubt(failure) if unknown and failure is not None else None

    def note(self, stack: Stack, failure: Failure) -> None:
        entry = {"content": content_of(stack), "reason": failure.reason, "message": failure.message}
        self._unwritten[stack.name] = entry
        self._file.change(lambda kept: {**kept, stack.name: entry}, anew=False)
        self._unwritten.pop(stack.name, None)

    def forgive(self, name: str) -> bool:
        """Let it be tried again. Returns whether anything of the stack was rejected, or may have been."""
        kept = self._file.look().kept
        was = self._unwritten.pop(name, None) is not None
        if kept is None:
            self._asked.add(name)
            return True
        if name not in kept:
            return was
        self._file.change(lambda kept: {key: value for key, value in kept.items() if key != name}, anew=False)
        return True


def _doubt(failure: Failure) -> Failure:
    said = f"{failure.message}; until then nobody knows whether this content was tried already and was no good"
    return Failure(STATE_READ_FAILED, said)


def is_doubt(failure: Failure) -> bool:
    """Whether content counts as rejected only because nobody knows."""
    return failure.reason == STATE_READ_FAILED


def content_of(stack: Stack) -> str:
    """A digest of all that is wanted in the stack."""
    return digest_of([[one.key, one.spec, one.requires, asdict(one.handling)] for one in stack.resources])
