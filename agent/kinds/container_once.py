"""Containers that run once for each content of their stack: whether one has run, and its run to the end.

A label tells which content a container is for, by a keyed digest, since secrets are part of it. What it was run for is
also noted in a file, for a container that has ended may be cleared away (`docker system prune`), which is no reason to
run it again. Where the note is lost, the container tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from agent.engine import Engine
from agent.errors import Overtaken, Refused, Trouble, Unreachable
from agent.handling import Hook, Stage
from agent.jsonfile import JsonFile, with_entry
from agent.kinds.base import PREFIX, Identity, Report, digest
from agent.kinds.container_report import ended_well, exit_code, has_ended, labels_of, name_of, status_of
from agent.kinds.container_words import HOOK_FAILED, exit_text, last_words, redacted
from agent.kinds.table import look
from agent.model import Difference, Health, Key, Observed, Owner, Remedy, Resource
from agent.rollout import POLL, Pace, patiently

CONTENT = f"{PREFIX}content"  # on such a container: what it runs for
NEW, RUN, REST = "runs for", "run", "rest"  # the fields of such a container
DONE = "completed"
_LATE = "HookTimeout"


class Once:
    """`file` holds the contents that were run for, by stack and container. Any thread may call."""

    def __init__(self, engine: Engine, identity: Identity, file: JsonFile | None = None) -> None:
        self._engine, self._identity = engine, identity
        self._file = file or JsonFile()

    # --- what is there ---

    def labels(self, resource: Resource) -> dict[str, str]:
        return {CONTENT: self._content(resource)} if hook_of(resource) else {}

    def without_container(self, resource: Resource) -> Observed | None:
        """What is seen of one whose container is gone; None where it has not run yet, so that it is made."""
        hook = hook_of(resource)
        if hook is None or resource.external:
            return None
        done = self._noted(resource) == self._content(resource)
        if not done and not hook.rests:
            return None
        moves = () if done or hook.stage is Stage.ON_FAILURE else (self._rest(resource, self._noted(resource)),)
        return Observed(
            resource.key,
            "",
            Owner.OURS,
            stack=resource.stack,
            service=resource.service,
            differences=moves,
            detail=DONE if done else "not run",
        )

    def observed(self, resource: Resource, hook: Hook, seen: Observed) -> Observed:
        """What is seen of one whose container is there, given how it compares. One that has ended is attached to
        nothing, and has no revision before it has run for it."""
        report = seen.raw
        differences = self._differences(resource, hook, report, seen.differences)
        health, detail = self._health(resource, hook, report)
        return replace(
            seen,
            differences=differences if seen.owner is not Owner.FOREIGN else seen.differences,
            health=health,
            detail=detail,
            uses=frozenset() if has_ended(report) else seen.uses,
            revision="" if any(one.path == RUN for one in differences) else seen.revision,
        )

    def _differences(
        self, resource: Resource, hook: Hook, report: Report, found: Iterable[Difference]
    ) -> tuple[Difference, ...]:
        """Of one whose container is there. `found` is what else differs, which does not matter once it has run, unless
        its image moved."""
        made_for, content = _made_for(report), self._content(resource)
        if hook.rests:
            settled = hook.stage is Stage.ON_FAILURE or made_for == content
            return () if settled else (self._rest(resource, made_for),)
        if made_for != content:
            declared = (one for one in found if one.declared)
            return (*declared, Difference(NEW, made_for or None, content))
        if not self.has_run(resource, report):
            remedy = Remedy.REPLACE if has_ended(report) else Remedy.IN_PLACE
            return (Difference(RUN, _told(report), DONE, remedy),)
        return tuple(one for one in found if one.path == "image" and not one.declared)

    def _health(self, resource: Resource, hook: Hook, report: Report) -> tuple[Health, str]:
        if hook.rests:
            return Health.HEALTHY, "not run"
        if self.has_run(resource, report) or (ended_well(report) and not self.is_for(resource, report)):
            return Health.HEALTHY, DONE  # one that ran for former content is as it was, until its turn comes
        return (Health.DEGRADED, exit_text(report)) if has_ended(report) else (Health.PROGRESSING, "runs")

    def is_for(self, resource: Resource, report: Report) -> bool:
        """Whether the container was made for what is wanted now."""
        return _made_for(report) == self._content(resource)

    def has_run(self, resource: Resource, report: Report) -> bool:
        """Whether the container has done what it was made for, which is what it is wanted for now."""
        noted = self._noted(resource) == self._content(resource)
        return self.is_for(resource, report) and (noted or ended_well(report))

    def _rest(self, resource: Resource, before: str) -> Difference:
        return Difference(REST, before or None, self._content(resource), Remedy.IN_PLACE)

    def _content(self, resource: Resource) -> str:
        return digest(self._identity.key, resource.spec.get("once"))

    # --- the note ---

    def _noted(self, resource: Resource) -> str:
        found = self._file.read().get(resource.stack)
        return str(found.get(resource.key.name, "")) if isinstance(found, dict) else ""

    def note(self, resource: Resource) -> None:
        """It has run, or counts as if it had. What cannot be noted costs another run at most."""
        content = self._content(resource)
        with suppress(Trouble):
            self._file.change(lambda kept: with_entry(kept, resource.stack, resource.key.name, content))

    def forget(self, stack: str, keep: Collection[Key]) -> None:
        """Keep notes of these alone."""
        self._file.tidy(stack, lambda name, _: Key("container", name) in keep)

    # --- the run ---

    def let_end(self, hook: Hook, report: Report, pace: Pace) -> None:
        """Wait for a run for former content, which newer content does not cut off; only its timeout does."""
        if _made_for(report) and not has_ended(report) and status_of(report) != "created":
            with suppress(Refused):
                self.await_end(hook, str(report["Id"]), pace)

    def await_end(self, hook: Hook, container: str, pace: Pace) -> None:
        """Wait until the container has ended well. Raises `Refused` with its last words where it failed or took too
        long. When told to stop (`Overtaken`), and where nobody tells how it fares (`Unreachable`), it goes on."""
        began = pace.clock()
        while True:
            report = self.seen(container, pace)
            if report is None:
                raise Refused(f"{hook.stage}: its container was removed while it ran", reason=HOOK_FAILED)
            if has_ended(report):
                break
            if pace.clock() - began >= hook.timeout:
                self._engine.stop_container(container, look(report, "Config.StopTimeout"))
                said = redacted(self._engine.logs(container).rstrip(), report)
                message = f"{hook.stage} has not ended after {hook.timeout:g} s and was stopped\n{said}"
                raise Refused(message.rstrip(), reason=_LATE)
            if pace.stop():
                raise Overtaken(f"{name_of(report)} goes on, and the next pass waits for it")
            pace.rest(POLL, f"{hook.stage} has not ended yet")
        if exit_code(report):
            raise Refused(f"{hook.stage} failed: {last_words(report, self._engine.logs)}", reason=HOOK_FAILED)

    def seen(self, container: str, pace: Pace) -> Report | None:
        """Its report. Where the engine stumbles over that for long, the run may go on all the same (`Unreachable`)."""
        try:
            return patiently(partial(self._engine.inspect_container, container), pace)
        except Refused as refused:
            raise Unreachable(refused.message, reason=refused.reason) from refused


def hook_of(resource: Resource) -> Hook | None:
    return resource.handling.hook


def runs_once(report: Report) -> bool:
    """Whether it was made to run once."""
    return bool(_made_for(report))


def _made_for(report: Report) -> str:
    return labels_of(report).get(CONTENT, "")


def _told(report: Report) -> str:
    return f"exited ({exit_code(report)})" if status_of(report) == "exited" else status_of(report)
