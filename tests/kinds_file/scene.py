"""Wanted files, and one pass over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.kinds.file import FileKind
from agent.model import Action, Cause, Change, Key, Observed, Remedy, Resource, Scope

SCOPE = Scope("host-1", "git:0123456789ab", frozenset({"web"}))
Content = dict[str, tuple[int, bytes]]


def resource(path: Path, content: Content | None = None, **spec: Any) -> Resource:
    return Resource(Key("file", str(path)), "web", ({"content": content} if content else {}) | spec, prepares=True)


def one(data: bytes, mode: int = 0o644) -> Content:
    return {"": (mode, data)}


def see(kind: FileKind, wanted: Resource) -> Observed | None:
    found = kind.observe([wanted], SCOPE)
    return found[0] if found else None


def differing(kind: FileKind, wanted: Resource) -> dict[str, tuple[Remedy, bool]]:
    """By path: how it may change, and whether a commit moved it."""
    seen = see(kind, wanted)
    assert seen
    return {found.path: (found.remedy, found.declared) for found in seen.differences}


def make(kind: FileKind, wanted: Resource) -> None:
    """One pass: whatever is missing or differs is put right, and then nothing does."""
    seen = see(kind, wanted)
    action = Action.UPDATE if seen else Action.CREATE
    change = Change(0, action, wanted.key, "web", Cause.FILE, "", wanted=wanted, seen=seen)
    (kind.update if seen else kind.create)(change, "revision")
    again = see(kind, wanted)
    assert again
    assert not again.differences
