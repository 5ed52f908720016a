"""Digests of what is wanted. Those that are noted in files and on objects have to stay as they are from release to
release: hooks would run again for another one."""

from __future__ import annotations

import json
from hashlib import sha256
from types import MappingProxyType

from agent.digests import canonical, digest_of
from agent.model import Condition, Key, Requirement


def test_the_order_of_members_is_no_matter() -> None:
    assert digest_of({"a": 1, "b": {"x", "y"}}) == digest_of({"b": {"y", "x"}, "a": 1})
    assert digest_of(MappingProxyType({"a": 1})) == digest_of({"a": 1})
    assert digest_of(["a", "b"]) != digest_of(["b", "a"])


def test_plain_values_are_digested_as_their_json() -> None:
    value = {"b": [1, 2.5, None, True], "a": "grün"}
    assert digest_of(value) == sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
    assert digest_of("a", "b") == sha256(b'"a""b"').hexdigest()
    required = Requirement(Key("network", "web_default"), Condition.HEALTHY)
    assert canonical(required) == b'[["network", "web_default"], "healthy", false, false]'


def test_bytes_count_and_a_tree_counts_by_the_digest_beside_it() -> None:
    assert digest_of({"": b"1"}) != digest_of({"": b"2"})
    assert digest_of({"tree": object()}) == digest_of({"tree": object()})
