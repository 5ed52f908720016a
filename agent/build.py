"""From which commit the agent that runs was built, as the package manager noted it."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

UNKNOWN = "unknown"


def _direct_url() -> str | None:
    """The note of an installation from a repository (PEP 610); a release of an index and a checkout have none."""
    try:
        return distribution("windlass").read_text("direct_url.json")
    except PackageNotFoundError:
        return None


def build_revision(read: Callable[[], str | None] = _direct_url) -> str:
    """The short commit, or "unknown" for what was installed in another way than from a repository."""
    try:
        note: Any = json.loads(read() or "{}")
    except ValueError:
        return UNKNOWN
    source = note.get("vcs_info") if isinstance(note, dict) else None
    commit = source.get("commit_id") if isinstance(source, dict) else None
    return commit[:7] if isinstance(commit, str) and commit else UNKNOWN
