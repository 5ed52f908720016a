"""Digests of what is wanted: the same for the same value, in whatever process and order of its members."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def canonical(value: Any) -> bytes:
    """A value as JSON, in just one spelling. Sets are sorted, bytes are their digest, and what is not plain is its type
    alone: the tree that a build is made of, which is known by the digest beside it."""
    return json.dumps(value, sort_keys=True, default=_plain).encode()


def digest_of(*values: Any) -> str:
    """64 hex digits."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(canonical(value))
    return digest.hexdigest()


def file_digest(key: bytes, mode: int, uid: int, gid: int, content: bytes) -> str:
    """64 hex digits of a file, its owner and its mode. Keyed, for a short secret could be guessed from a plain one."""
    return hmac.new(key, f"{mode:o}:{uid}:{gid}:".encode() + content, hashlib.sha256).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return dict(value) if isinstance(value, Mapping) else type(value).__name__
