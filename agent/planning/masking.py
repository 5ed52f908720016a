"""Values as text that may be shown: secrets masked, control characters escaped, long ones cut.

A value is masked for its field, when the field says so or its name looks like a secret's, for what it holds, the value
of a variable that is called like a secret, and for its looks: the password of a URL, an assignment to something named
like a secret, a private key. Too much masked is a nuisance, too little is a leak.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.model import Difference, FieldChange
from agent.printable import printable
from agent.secrecy import FLAG, MASK, holds_value, looks_secret, without_secrets

_WORDS = frozenset({"true", "false", "none", "null"})  # no secrets, whatever is called so (AUTH_ENABLED=true)
_LONGEST = 200  # characters of a value that are shown


def field_change(difference: Difference, hidden: frozenset[str] = frozenset()) -> FieldChange:
    """The two values of a field, told apart even where what tells them apart is masked or cut. A field that holds one
    of the `hidden` values is masked whole: what stood there before may be the one that was so then."""
    path = printable(difference.path)
    is_secret = difference.secret or _looks_secret(difference.path)
    if is_secret or _holds(difference.seen, hidden) or _holds(difference.wanted, hidden):
        return FieldChange(path, _masked(difference.seen, "before"), _masked(difference.wanted, "after"))
    before, after = shown(difference.seen), shown(difference.wanted)
    if before == after:
        before, after = f"{before} (before)", f"{after} (after)"
    return FieldChange(path, before, after)


def shown(value: Any) -> str:
    """A JSON-like value as one short line; None, which is unset, is empty."""
    if value is None:
        return ""
    text = printable(without_secrets(value) if isinstance(value, str) else _compact(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _looks_secret(path: str) -> bool:
    """By any name on the path but the first, which is a field of ours and holds many."""
    _, dot, names = path.replace("[", ".").partition(".")
    return looks_secret(names if dot else path)


def _holds(value: Any, hidden: frozenset[str]) -> bool:
    """Whether one of these values stands anywhere in a JSON-like one."""
    if isinstance(value, str):
        return any(holds_value(value, one) for one in hidden if one.casefold() not in _WORDS)
    if isinstance(value, Mapping):
        return any(_holds(part, hidden) for part in (*value, *value.values()))
    return isinstance(value, list | tuple | set | frozenset) and any(_holds(part, hidden) for part in value)


def _masked(value: Any, when: str) -> str:
    return "" if value is None else f"{MASK} ({when})"


def _compact(value: Any) -> str:
    return json.dumps(_pruned(value), sort_keys=True, separators=(", ", ": "), ensure_ascii=False, default=_opaque)


def _opaque(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes | bytearray) else f"({type(value).__name__})"


def _pruned(value: Any) -> Any:
    """The value with everything masked that a name inside of it gives away."""
    if isinstance(value, Mapping):
        return {
            str(name): MASK if looks_secret(str(name)) and part is not None else _pruned(part)
            for name, part in value.items()
        }
    if isinstance(value, set | frozenset):
        return sorted((_pruned(part) for part in value), key=str)
    if isinstance(value, list | tuple):
        return [_after_flag(before, part) for before, part in zip([None, *value], value, strict=False)]
    return without_secrets(value) if isinstance(value, str) else value


def _after_flag(before: Any, part: Any) -> Any:
    """A word of a command line: what follows `--password` is one."""
    hidden = isinstance(before, str) and isinstance(part, str) and FLAG.fullmatch(before)
    return MASK if hidden else _pruned(part)
