"""Which images the containers of a stack ran when it was last good, and which others were tried and were no good.

A tag may stand for another image by the time that a stack goes back to what it was. Then its containers are made of the
images that they had, by id, and the tag is left to whoever moved it: other stacks may use it. One that is gone from
this host by then is pulled by the digest that its registry knew it by. And a tag may come to stand for an image that
does not become good in the place of the one before; that one goes on until the tag moves again, the container is wanted
otherwise, or somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from typing import Any

from agent.digests import digest_of
from agent.errors import Refused, Trouble
from agent.images import Image
from agent.jsonfile import JsonFile
from agent.kind_names import CONTAINER, IMAGE
from agent.model import Cause, Key, Outcome, Report, Resource, Stack, Status
from agent.rollout import CRASHED, HEALTH_TIMEOUT

NO_GOOD = frozenset({CRASHED, HEALTH_TIMEOUT, "StartFailed"})
_RAN, _DIGEST, _BAD, _WANTED = "ran", "digest", "bad", "wanted"

# Of a container: the ids of what it ran and of what was no good, the digest of what it ran where that is known, and one
# of what was wanted.
Entry = dict[str, str]
Digests = Mapping[str, Mapping[str, str]]  # of what containers ran, "" where none is known: by reference, by id


class GoodImages:
    """What is noted outlives the process where there is a file, which may be lost. Any thread may call.

    What cannot be written is told to nobody: an older note is kept, and costs no more than a try.
    """

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()

    def note(self, stack: str, images: Mapping[str, Image]) -> None:
        """`images` are by the names of the containers."""
        known = self._of(stack)
        self._keep(stack, {name: _noted(known.get(name, {}), image) for name, image in images.items()})

    def heed(self, stack: Stack, report: Report) -> None:
        """Note the images that were no good in the place of those that ran, as the report of a turn tells."""
        known, wanted = self._of(stack.name), {one.key.name: one for one in stack.resources}
        bad = {
            name: {**known[name], _BAD: identity, _WANTED: _digest(wanted[name])}
            for outcome in report.outcomes
            if (identity := _was_no_good(outcome)) and (name := outcome.change.key.name) in known and name in wanted
        }
        if bad:
            self._keep(stack.name, {**known, **bad})

    def forgive(self, stack: str) -> None:
        """Let what was no good be tried again."""
        kept = (_RAN, _DIGEST)
        entries = self._of(stack).items()
        self._keep(stack, {name: {key: entry[key] for key in kept if key in entry} for name, entry in entries})

    def pinned(self, stack: Stack) -> Stack:
        """The stack with its containers bound to the images that they ran, as far as that is known."""
        known = self._of(stack.name)
        ran = _ran(stack, known)
        return _each(stack, lambda resource: _bound(resource, known, ran))

    def ids(self, left: Set[str] = frozenset()) -> frozenset[str]:
        """The images that stacks may have to go back to, but for the stacks that have `left`. Raises `Refused`
        (`StateReadFailed`) where nobody knows."""
        kept, failure, _ = self._file.look()
        if kept is None and failure is not None:
            raise Refused(failure.message, reason=failure.reason)
        stacks = (kept or {}).keys() - left
        return frozenset(entry[_RAN] for stack in stacks for entry in self._of(stack).values())

    def containers(self, stacks: Iterable[Stack]) -> frozenset[Key]:
        """The containers that the stacks had when they were last good: if one is gone, no commit has said so."""
        return frozenset(Key(CONTAINER, name) for stack in stacks for name in self._of(stack.name))

    def forget(self, stack: str) -> None:
        """The stack has left for good."""
        if stack in self._file.read():
            with suppress(Trouble):
                self._file.change(lambda kept: {name: one for name, one in kept.items() if name != stack}, anew=False)

    def spared(self, stack: Stack) -> Stack:
        """The stack with what was no good told to its containers, so that they stay of what they ran meanwhile."""
        known = {name: entry for name, entry in self._of(stack.name).items() if _BAD in entry}
        bad = {
            one.key.name: entry for one in stack.resources if (entry := _entry_of(one, known)) and _is_bad(one, entry)
        }
        ran = _ran(stack, bad)
        return _each(stack, lambda resource: _without_bad(resource, bad, ran)) if bad else stack

    def _of(self, stack: str) -> dict[str, Entry]:
        found = self._file.read().get(stack)
        entries = found.items() if isinstance(found, dict) else ()
        return {name: entry for name, entry in entries if _is_entry(entry)}

    def _keep(self, stack: str, entries: Mapping[str, Entry]) -> None:
        if entries and entries != self._of(stack):
            with suppress(Trouble):
                self._file.change(lambda kept: {**kept, stack: dict(entries)}, anew=False)


def _each(stack: Stack, change: Callable[[Resource], Resource]) -> Stack:
    return replace(stack, resources=tuple(map(change, stack.resources)))


def _entry_of(resource: Resource, known: Mapping[str, Entry]) -> Entry | None:
    is_ours = resource.key.kind == CONTAINER and not resource.external
    return known.get(resource.key.name) if is_ours else None


def _is_entry(entry: Any) -> bool:
    """Whether it is one of this release or of an earlier one, which noted no digest."""
    return isinstance(entry, dict) and isinstance(entry.get(_RAN), str) and isinstance(entry.get(_DIGEST, ""), str)


def _noted(known: Entry, image: Image) -> Entry:
    """What is known of a container, with the image that it ran. A digest is known for as long as the image is the same,
    though the engine may forget it."""
    same = known.get(_RAN) == image.id
    kept = known if same else {key: value for key, value in known.items() if key != _DIGEST}
    return {**kept, _RAN: image.id} | ({_DIGEST: image.digest} if image.digest else {})


def _is_pulled(resource: Resource) -> bool:
    """Whether it is an image that may come from its registry."""
    pull = resource.spec.get("pull") or {}
    return resource.key.kind == IMAGE and "build" not in resource.spec and pull.get("policy") != "never"


def _reference_of(resource: Resource) -> str:
    return str(resource.spec["body"].get("Image"))


def _ran(stack: Stack, known: Mapping[str, Entry]) -> Digests:
    """Without the digest of what is built, or is not to be pulled."""
    pulled = {resource.key.name for resource in stack.resources if _is_pulled(resource)}
    ran: dict[str, dict[str, str]] = {}
    for resource in stack.resources:
        if entry := _entry_of(resource, known):
            reference, identity = _reference_of(resource), entry[_RAN]
            digests = ran.setdefault(reference, {})
            digests[identity] = digests.get(identity) or (entry.get(_DIGEST, "") if reference in pulled else "")
    return ran


def _bound(resource: Resource, known: Mapping[str, Entry], ran: Digests) -> Resource:
    """A container is made of what it ran. An image that is run so is neither pulled nor built as long as it is here;
    once it is gone, it is pulled by its digest, where that is known."""
    if entry := _entry_of(resource, known):
        return _with(resource, recorded=entry[_RAN], digest=ran[_reference_of(resource)][entry[_RAN]])
    if resource.key.kind == IMAGE and (of := ran.get(resource.key.name)):
        return replace(_with(resource, recorded=sorted(of), digests=_known(of)), renewed=False)
    return resource


def _is_bad(resource: Resource, entry: Entry) -> bool:
    """Whether what was no good is wanted just as it was then."""
    return entry.get(_WANTED) == _digest(resource)


def _without_bad(resource: Resource, bad: Mapping[str, Entry], ran: Digests) -> Resource:
    """A container stays of what it ran, which is pulled by its digest once it is gone. Its image is followed on."""
    if entry := _entry_of(resource, bad):
        digest = ran[_reference_of(resource)][entry[_RAN]]
        return _with(resource, recorded=entry[_RAN], instead_of=entry[_BAD], digest=digest)
    if resource.key.kind == IMAGE and (digests := _known(ran.get(resource.key.name, {}))):
        return _with(resource, digests=digests, instead_of=sorted({entry[_BAD] for entry in bad.values()}))
    return resource


def _known(digests: Mapping[str, str]) -> dict[str, str]:
    return {identity: digest for identity, digest in digests.items() if digest}


def _with(resource: Resource, **noted: Any) -> Resource:
    """The resource with what is noted of it, as far as there is anything."""
    return replace(resource, spec={**resource.spec, **{key: value for key, value in noted.items() if value}})


def _was_no_good(outcome: Outcome) -> str:
    """The id of the image that did not become good although nothing but the image is another, "" where that is not what
    happened."""
    change = outcome.change
    if outcome.status is not Status.FAILED or outcome.reason not in NO_GOOD or change.cause is not Cause.IMAGE:
        return ""
    differences = change.seen.differences if change.seen else ()
    return next((str(one.wanted) for one in differences if one.path == "image"), "")


def _digest(resource: Resource) -> str:
    """Of all that is wanted of a container."""
    return digest_of(resource.spec)
