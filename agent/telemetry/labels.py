"""Keeps the number of series bounded, whatever a repository, a network peer or an engine may name.

A label takes so many values and no more: one that comes when there is no room is counted as `other`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

OTHER = "other"
_LONGEST = 128


class Labels:
    """The values that one label has taken. May be asked from any thread."""

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit, self._known = limit, set(known)
        self._lock = threading.Lock()

    def of(self, value: str) -> str:
        """The value to use for a label: the one given where there is room for it, else `other`."""
        value = value[:_LONGEST]
        with self._lock:
            if value in self._known:
                return value
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(value)
            return value

    def forget(self, value: str) -> None:
        """Make room: the value is not in use any more."""
        with self._lock:
            self._known.discard(value[:_LONGEST])


def without_credentials(url: str) -> str:
    """The URL as it may be shown: without password, query and fragment, and without a user that may be a token."""
    if "://" not in url:  # a local path, or the scp-like USER@HOST:PATH, which has no place for a password
        return url
    try:
        parts = urlsplit(url)
    except ValueError:  # an address that is none; what it holds is not known, so nothing of it is shown
        return "(malformed URL)"
    user, at, host = parts.netloc.rpartition("@")
    keep_user = parts.scheme in {"ssh", "git+ssh"}
    netloc = f"{user.partition(':')[0]}{at}{host}" if keep_user else host
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def repository_label(url: str) -> str:
    """How a repository is called in a metric: its URL without credentials, or the last part of a local path."""
    shown = without_credentials(url)
    if shown.startswith("file:"):
        shown = urlsplit(shown).path
    is_path = shown.startswith(("/", "."))
    return shown.rstrip("/").rpartition("/")[2] if is_path else shown


def registry_label(reference: str) -> str:
    """The registry of an image reference, as Docker reads it: `docker.io` unless the first part looks like a host."""
    first, slash, _ = reference.partition("/")
    is_host = bool(slash) and (first == "localhost" or bool(re.search(r"[.:]", first)))
    return first if is_host else "docker.io"
