"""Containers of which a rollout paused: what was to come in their place was no good, and they are not interrupted once
more for it before there is other content, or somebody says so.

What counts is the content and not the commit, as it does for what was rejected. The image that was no good is a part of
it: once its tag stands for another one, that is new content. Where the notes cannot be read, any
container may be among them whose rollout may pause.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agent.blame import interrupts, is_refused
from agent.errors import Trouble
from agent.handling import OnFailure
from agent.jsonfile import JsonFile, part_of, with_part
from agent.kind_names import CONTAINER
from agent.model import Key, Report, Resource, Stack, Status
from agent.planning.suspend import image_wanted
from agent.rejections import content_of
from agent.rollout import Failures

_CONTENT, _IMAGES = "content", "images"

Entry = dict[str, Any]


class Paused:
    """What is noted outlives the process where there is a file. Any thread may call. What cannot be written is known to
    this process alone: the next one tries once."""

    def __init__(self, file: JsonFile | None = None) -> None:
        self._file = file or JsonFile()
        self._unwritten: dict[str, Entry] = {}  # by stack; an empty one says that nothing is paused

    def of(self, stack: Stack) -> Mapping[Key, str]:
        """What of the stack, as it is wanted here, is paused, and the id of the image that was no good, "" where nobody
        knows."""
        entry = self._entry(stack.name)
        if entry is None:
            return {one.key: "" for one in stack.resources if _may_pause(one)}
        images = part_of(entry, _IMAGES) if entry.get(_CONTENT) == content_of(stack) else {}
        return {Key(CONTAINER, name): str(image) for name, image in images.items()}

    def heed(self, stack: Stack, report: Report) -> None:
        """Note what paused in a turn, as its report tells. What is as wanted after all was good then."""
        known = self.of(stack)
        paused = {key: image for key, image in {**known, **paused_by(report)}.items() if key not in report.as_wanted}
        if paused != known:
            images = {key.name: image for key, image in paused.items()}
            self._keep(stack.name, {_CONTENT: content_of(stack), _IMAGES: images} if paused else {})

    def follow(self, stack: Stack) -> None:
        """This is what the source wants by now: other content is worth a try when it is wanted again."""
        entry = self._entry(stack.name)
        if entry and entry.get(_CONTENT) != content_of(stack):
            self._keep(stack.name, {})

    def forget(self, name: str) -> None:
        """Somebody says to go on, or the stack has left for good."""
        if self._entry(name) != {}:
            self._keep(name, {})

    def _entry(self, name: str) -> Entry | None:
        """An empty one where nothing is paused, None where nobody knows."""
        if name in self._unwritten:
            return self._unwritten[name]
        kept = self._file.look().kept
        return None if kept is None else part_of(kept, name)

    def _keep(self, name: str, entry: Entry) -> None:
        self._unwritten[name] = entry
        with suppress(Trouble):
            self._file.change(lambda kept: with_part(kept, name, entry), anew=False)
            del self._unwritten[name]


def paused_by(report: Report) -> Mapping[Key, str]:
    """What was not replaced and is not to be tried again by itself, each time with an interruption: its rollout pauses
    when something is refused, or bears that. With the image that it was to have, as `Paused.of` has it."""
    failures = Failures.of(report.outcomes)
    refused = [outcome.change for outcome in report.outcomes if interrupts(outcome) and is_refused(outcome)]
    paused = {(one.stack, one.wanted.service) for one in refused if one.wanted and _pauses(one.wanted)}
    left = [outcome.change for outcome in report.outcomes if interrupts(outcome) and outcome.status is not Status.DONE]
    stopped = {one.key for one in left if one.wanted and (one.stack, one.wanted.service) in paused}
    keys = stopped | {one.key for one in refused if failures.bears(one)}
    before = {outcome.change.key: outcome.change.seen for outcome in report.outcomes}
    # by the last look, which knows what was fetched meanwhile
    seen = before | {change.key: change.seen for change in report.left.changes if change.seen}
    return {key: image_wanted(one) if (one := seen[key]) else "" for key in sorted(keys)}


def _pauses(wanted: Resource) -> bool:
    return wanted.handling.rollout.on_failure is OnFailure.PAUSE


def _may_pause(wanted: Resource) -> bool:
    """Whether it is a container of a service whose rollout does not take a failure back."""
    rollout = wanted.handling.rollout
    bears = rollout.on_failure is not OnFailure.ROLLBACK or rollout.max_failure_ratio > 0
    return wanted.key.kind == CONTAINER and bool(wanted.service) and bears
