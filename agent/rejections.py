"""Content that was tried and did not become good, by stack: it is not tried again until somebody asks for it.

What counts is the content and not the commit: another commit that wants the same of the stack changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict

from agent.digests import digest_of
from agent.jsonfile import JsonFile
from agent.model import Failure, Stack


class Rejections:
    """What is noted outlives the process where there is a file. Every method that writes raises `Refused`."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()

    def of(self, stack: Stack) -> Failure | None:
        """Why the stack's content was rejected, None where it was not."""
        found = self._file.read().get(stack.name)
        if not isinstance(found, dict) or found.get("content") != content_of(stack):
            return None
        return Failure(str(found.get("reason")), str(found.get("message")))

    def note(self, stack: Stack, failure: Failure) -> None:
        entry = {"content": content_of(stack), "reason": failure.reason, "message": failure.message}
        self._file.change(lambda kept: {**kept, stack.name: entry})

    def forgive(self, name: str) -> bool:
        """Let it be tried again. Returns whether anything of the stack was rejected."""
        if name not in self._file.read():
            return False
        self._file.change(lambda kept: {key: value for key, value in kept.items() if key != name})
        return True


def content_of(stack: Stack) -> str:
    """A digest of all that is wanted in the stack."""
    return digest_of([[one.key, one.spec, one.requires, asdict(one.handling)] for one in stack.resources])
