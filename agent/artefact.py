"""A plan as a document that a later `apply` can hold against the plan that it makes then. Pure: values in, values out.

The one thing to know: it is sealed with the key of the state directory. Whoever has no part in that directory can
neither write such a document nor guess, from the digests in it, a secret that went into a plan.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from agent import __version__
from agent.account import Look
from agent.cli.documents import change_document
from agent.cli.planfiles import KIND
from agent.digests import canonical
from agent.errors import Refused
from agent.model import Action, Difference, Key, Observed, Owner, Revision, Stack
from agent.rejections import content_of
from agent.target import OneStack, Target

_FORMAT = "1"
_MOST_TOLD = 10
_SHORT = 8  # hex digits of a hash that people read
_MOVING = ("health", "detail", "job", "over", "raw")  # of what was seen
_PATHS = ("files", "env_files", "project_directory")
_ALONG = (
    "number",
    "after",
    "follows",
    "cause_text",
    "commit",
)  # of a change: what moves along with other changes, or a commit

Document = Mapping[str, Any]


class Where(NamedTuple):
    """Which host a plan is for, and which source's objects it is about."""

    host: str
    instance: str
    engine: str  # the id that it gives itself
    origin: str


def make(
    where: Where, target: Document, revision: Revision, stacks: Sequence[Stack], look: Look, *, key: bytes
) -> dict[str, Any]:
    """The document of a plan. `target` says how its files are found again; `key` is that of the state directory."""
    revisions = {stack.name: stack.revision for stack in stacks}
    document = {
        "format": _FORMAT,
        "kind": KIND,
        "windlass": __version__,
        **where._asdict(),
        "target": dict(target),
        "revision": revision.id,
        "stacks": [_stack(stack, key) for stack in stacks],
        "changes": [change_document(change, revisions.get(change.stack, revision)) for change in look.plan.changes],
        "seen": _seen(stacks, look, key),
    }
    return {**document, "hash": _seal(document, key)}


def check(document: Document, key: bytes) -> None:
    """Return for a document that `make` made with this key. Raises `Refused` (`PlanUnknown`, `PlanForeign`)."""
    if document.get("kind") != KIND or document.get("format") != _FORMAT:
        message = "this is no plan that this windlass can read: make one with `windlass plan --out FILE`"
        raise Refused(message, reason="PlanUnknown")
    body = {name: value for name, value in document.items() if name != "hash"}
    if not hmac.compare_digest(str(document.get("hash")), _seal(body, key)):
        message = (
            "the plan was made with another state directory, or was changed since: make it anew here, or name the"
            " state directory that it was made with by --state-dir"
        )
        raise Refused(message, reason="PlanForeign")


def is_same(document: Document, now: Document) -> bool:
    """Whether the plan made now is the document's."""
    return bool(document["hash"] == now["hash"])


def only_approved(held: Document, now: Document) -> bool:
    """Whether two plans differ in nothing but what is held in the first one, and may be done in the second: what was
    approved since the first one was written down is what somebody wants."""
    if any(held[name] != now[name] for name in held if name not in ("changes", "hash")):
        return False
    before, after = _by_change(held), _by_change(now)
    gone, come = before.keys() - after.keys(), after.keys() - before.keys()
    return (
        all(one[2] == Action.HOLD for one in gone)
        and all(one[2] == Action.REMOVE for one in come)
        and {one[:2] for one in gone} == {one[:2] for one in come}
    )


def hold_to(document: Document, now: Document) -> None:
    """Return where the plan made now is the document's. Raises `Refused`: `PlanForeign` where that is for another
    host, else `PlanStale` with what has moved."""
    if is_same(document, now):
        return
    if elsewhere := [name for name in Where._fields if document[name] != now[name]]:
        told = [f"its {name} is {document[name]}, and this one's is {now[name]}" for name in elsewhere]
        raise Refused(_told("is for somewhere else", document, told), reason="PlanForeign")
    raise Refused(_told("is not what would be done now", document, list(_moved(document, now))), reason="PlanStale")


def short(document: Document) -> str:
    """The hash, as people read it; "" without one."""
    return str(document.get("hash", ""))[:_SHORT]


def _stack(stack: Stack, key: bytes) -> dict[str, str]:
    return {
        "name": stack.name,
        "revision": stack.revision.id,
        "file": stack.place.file if stack.place else "",
        "content": _digest(key, [content_of(stack), stack.after]),
    }


def _seen(stacks: Sequence[Stack], look: Look, key: bytes) -> list[dict[str, str]]:
    """A digest of each object that is wanted or ours. What else is there counts by what the plan makes of it."""
    wanted = {resource.key for stack in stacks for resource in stack.resources}
    told = {of: seen for of, seen in look.actual.items() if of in wanted or seen.owner is not Owner.FOREIGN}
    return [{"kind": of.kind, "name": of.name, "digest": _digest(key, _facts(told[of]))} for of in sorted(told)]


def _facts(seen: Observed) -> dict[str, Any]:
    """All that a plan can depend on. How an object fares is no part of it: that moves without anybody's doing. Nor is
    what registries call its image."""
    differences = [_members(difference) for difference in seen.differences]
    return _members(seen, but=_MOVING) | {"differences": differences, "image": seen.image.id}


def _members(value: Observed | Difference, but: Collection[str] = ()) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value) if one.name not in but}


# --- which files it is about ------------------------------------------------------------------------------------


def target_document(target: Target, here: Path, *, rev: str = "", repo: str = "") -> dict[str, Any]:
    """How the files of a command are found again, from wherever that is done.

    `here` is where relative paths begin, `rev` the commit that was read where it is not what lies on the disk, `repo`
    the address, without credentials, of a repository that is elsewhere.
    """
    one = asdict(target.one) if target.one else None
    return {
        "here": str(here),
        "path": posixpath.normpath(posixpath.join(here, target.path)),
        "one": one and {name: _typed(one[name]) for name in one},
        "rev": rev,
        "repo": repo,
        "stacks": list(target.stacks),
        "prune": target.prune,
    }


def target_of(document: Document, host: Target) -> Target:
    """The files of a document, for a host as the command line names it."""
    said = document["target"]
    one = said["one"]
    return replace(
        host,
        path=Path(said["path"]),
        here=Path(said["here"]),
        one=one and OneStack(**{name: _parsed(name, one[name]) for name in one}),
        rev=said["rev"],
        repo=said["repo"],
        stacks=tuple(said.get("stacks", ())),  # notes of what was good may be of an earlier release
        prune=said.get("prune"),
    )


def _typed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_typed(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _parsed(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_parsed(name, part) for part in value)
    return Path(value) if value is not None and name in _PATHS else value


# --- what has moved ---------------------------------------------------------------------------------------------


def _told(what: str, document: Document, moved: Sequence[str]) -> str:
    more = len(moved) - _MOST_TOLD
    lines = [f"plan {short(document)} {what}, so nothing was done:", *moved[:_MOST_TOLD]]
    lines += [f"and {more} more"] if more > 0 else []
    return "\n".join([*lines, "look at what would be done now, and write that down: windlass plan --out FILE"])


def _moved(document: Document, now: Document) -> Iterator[str]:
    if document["windlass"] != now["windlass"]:
        yield f"windlass is {now['windlass']} now, and was {document['windlass']}"
    yield from _moved_stacks(_by_name(document), _by_name(now))
    before, after = _by_change(document), _by_change(now)
    told = set()
    for one in sorted(before.keys() | after.keys()):
        if before.get(one) != after.get(one):
            told.add(Key(*one[:2]))
            yield _moved_change(before.get(one), after.get(one))
    yield from _moved_objects(_by_object(document), _by_object(now), told)


def _moved_stacks(before: Mapping[str, Document], after: Mapping[str, Document]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield f"stack {name} is {'new' if was is None else 'gone'}"
        elif was["revision"] != now["revision"]:
            yield f"stack {name} is at {_revision(now)} now, and was at {_revision(was)}"
        elif was != now:
            yield f"stack {name} wants something else, though its files are the same: the settings are not"


def _revision(stack: Document) -> str:
    return f"revision {Revision(stack['revision']).short}"


def _moved_change(was: Document | None, now: Document | None) -> str:
    if was is None or now is None:
        change, word = (now, "new") if now else (was or {}, "gone")
        return f"{word}: {_words(change)}"
    if (was["cause"], was["reason"]) != (now["cause"], now["reason"]):
        return f"other: {_words(now)}, and was because of {was['cause']}: {was['reason']}"
    values = {one["path"]: one for one in was["fields"]}
    paths = [one["path"] for one in now["fields"] if one != values.get(one["path"])]
    return f"other: {_words(now)}, with another {', '.join(paths) or 'interruption'}"


def _words(change: Document) -> str:
    return f"{change['action']} {change['kind']} {change['name']} ({change['cause']}: {change['reason']})"


def _moved_objects(before: Mapping[Key, str], after: Mapping[Key, str], told: set[Key]) -> Iterator[str]:
    for key in sorted((before.keys() | after.keys()) - told):
        if before.get(key) != after.get(key):
            how = "is new" if key not in before else "is gone" if key not in after else "changed, or is another one"
            yield f"{key.kind} {key.name} {how}"


def _by_name(document: Document) -> dict[str, Document]:
    return {stack["name"]: stack for stack in document["stacks"]}


def _by_change(document: Document) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        (one["kind"], one["name"], one["action"], one["stack"]): {
            name: value for name, value in one.items() if name not in _ALONG
        }
        for one in document["changes"]
    }


def _by_object(document: Document) -> dict[Key, str]:
    return {Key(one["kind"], one["name"]): one["digest"] for one in document["seen"]}


# --- digests ----------------------------------------------------------------------------------------------------


def _seal(document: Document, key: bytes) -> str:
    return hmac.new(key, canonical(["plan", document]), hashlib.sha256).hexdigest()


def _digest(key: bytes, value: Any) -> str:
    """16 hex digits of a keyed digest: a short secret could be guessed from a plain one."""
    return hmac.new(key, canonical(["seen", value]), hashlib.sha256).hexdigest()[:16]
