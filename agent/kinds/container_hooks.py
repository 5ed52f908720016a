"""What runs around a container's life, as `hooks` of its spec say; see `agent.compose.lifecycle` for their shape.

What fails around a start is a refusal: what was to start does not stay started. What fails before a stop keeps nothing
from stopping, or it could never be replaced, and is told. What is to run before a stop is noted on the container: it
was made for that one, and is there when nobody wants it any more. What is to run after a start is caught up on where
the start was cut, see `container_unhooked`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.kinds.base import COMPOSE, INSTANCE, NAME, STACK
from agent.kinds.container_facts import is_done
from agent.kinds.container_noted import POST_START_LABEL, PRE_STOP_LABEL, Noted, bodies_in
from agent.kinds.container_report import (
    exit_code,
    has_ended,
    has_processes,
    labels_of,
    name_of,
    started_at,
)
from agent.kinds.container_unhooked import POST_START, Unhooked, after_start
from agent.kinds.container_words import HOOK_FAILED, last_words, redacted
from agent.kinds.remarks import Remarks
from agent.kinds.table import look
from agent.model import Resource
from agent.rollout import CRASHED
from agent.stand_ins import never

HOOK = ".hook"  # how a container that runs before another one starts is called after that
HOOK_LABEL = f"{COMPOSE}hook"  # which no container but such a one carries
PATIENCE = 600.0  # seconds that a hook may take
GRACE = 10  # seconds that one which runs has to stop, where the agent ends before it does
POLL = 0.2
AWAITED = ": it goes on in there, and is waited for before it is begun again"
WORDS = 500  # characters of what a failing hook said last


class Hooks:
    def __init__(
        self,
        engine: Engine,
        sleep: Callable[[float], None] = time.sleep,
        starting: Callable[[str], AbstractContextManager[object]] = nullcontext,
        *,
        unhooked: Unhooked | None = None,
        ending: Callable[[], bool] = never,
        noted: Noted | None = None,
        told_apart: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = lambda _stack, body: body,
    ) -> None:
        """`starting` is entered for the start itself, with the container's id, and may say more of why that failed.
        `unhooked` notes what has still to run after a start, `noted` the hooks that containers were made with.
        `told_apart` gives the body of a container of a stack with the ids of networks that share their names.

        `ending` says that nobody can wait for a hook any more. Then every method raises `Overtaken` instead of waiting,
        and the hook is run again with whatever it belongs to, unless it still runs by then.
        """
        self._engine = engine
        self._ending = ending
        self._sleep = sleep
        self._starting = starting
        self._unhooked = unhooked or Unhooked()
        self.noted = noted or Noted(b"")
        self._told_apart = told_apart
        self.remarks = Remarks()

    def start(self, resource: Resource, container: str) -> None:
        """Start the container, with what has to run before and after. Raises `Refused` (`HookFailed`, or `CrashOnStart`
        where it ends before that can run)."""
        for index, body in enumerate(_of(resource, "pre_start")):
            apart = self._told_apart(resource.stack, body)
            self._run(f"{resource.key.name}{HOOK}", apart, container, f"pre_start[{index}] of {resource.service}")
        if after_start(resource):
            self._unhooked.expect(resource, container, again=self._is_again(resource, container))
        with self._starting(container):
            self._start(container)
        self._finish_start(resource, container)

    def _start(self, container: str) -> None:
        """Start it. An engine that cannot run the command repeats it in its error, and it may hold secrets of the
        container: these are taken out."""
        try:
            self._engine.start_container(container)
        except Refused as refused:
            report = self._engine.inspect_container(container) or {}
            raise Refused(redacted(refused.message, report), reason=refused.reason) from refused

    def _is_again(self, resource: Resource, container: str) -> bool:
        """Whether it is not started for new content: it ran before, or its time has come."""
        began = started_at(self._engine.inspect_container(container) or {})
        return resource.handling.schedule is not None or (began is not None and began >= 0)

    def catch_up(self, resource: Resource, report: Mapping[str, Any]) -> None:
        """Run what a start that was cut, or in which a hook failed, left to run. Raises `Refused` (`HookFailed`)."""
        if self._unhooked.is_waiting(resource, report):
            self._finish_start(resource, str(report["Id"]), fresh=False)

    def _finish_start(self, resource: Resource, container: str, *, fresh: bool = True) -> None:
        """`fresh`: it has just been started."""
        if not (bodies := after_start(resource)):
            return
        try:
            self._execute(bodies, container, f"{POST_START} of {resource.service}", AWAITED)
        except (Refused, Overtaken) as trouble:
            has_completed = not self._ending() and self._has_completed(resource, container, fresh=fresh)
            if isinstance(trouble, Refused) or not has_completed:
                raise
        self._unhooked.settle(resource.stack, container)

    def _has_completed(self, resource: Resource, container: str, *, fresh: bool) -> bool:
        """Whether it is a job that has done its work before anything could run in it. Raises `Refused` where it is no
        such job and did not stay up, for trying the same again would end in the same way."""
        report = self._engine.inspect_container(container)
        if report is None or (has_processes(report) and not (fresh and look(report, "RestartCount"))):
            return False
        if is_done(resource.spec, report):
            return True
        raise Refused(f"did not stay up: {last_words(report, self._engine.logs)}", reason=CRASHED)

    def start_again(self, report: Mapping[str, Any]) -> None:
        """Start one that was stopped for another one, and run what it was made to run after a start; what an agent that
        ends leaves of that is caught up on. Raises `Refused` (`HookFailed`): then it runs all the same."""
        container, labels = str(report["Id"]), labels_of(report)
        bodies, stack = self.noted.bodies(report, POST_START_LABEL), labels.get(STACK, "")
        if bodies:
            self._unhooked.expect_for(stack, labels.get(NAME, ""), container, again=True)
        self._start(container)
        try:
            self._execute(bodies, container, f"{POST_START} of {name_of(report)}")
        except Overtaken:  # it ends again, or the agent does, which the next look tells
            return
        except Refused:
            self._unhooked.settle(stack, container)
            raise
        if bodies:
            self._unhooked.settle(stack, container)

    def before_stop(self, resource: Resource | None, report: Mapping[str, Any]) -> None:
        """Run what has to run before the container stops: what was noted when it was made, and what the file says now
        in one that we did not make. Where nothing runs, be it by then, nothing can; what fails is a remark."""
        labels = labels_of(report)
        is_noted = resource is None or INSTANCE in labels
        bodies = (
            self.noted.bodies(report, PRE_STOP_LABEL) if is_noted or resource is None else _of(resource, "pre_stop")
        )
        if look(report, "State.Restarting"):
            return
        try:
            self._execute(bodies, report["Id"], f"pre_stop of {name_of(report)}")
        except Refused as refused:
            self.remarks.add(f"{refused.message}; it was stopped all the same")
        except Overtaken:
            if self._ending() or has_processes(self._engine.inspect_container(report["Id"]) or {}):
                raise

    def _execute(self, bodies: Sequence[Mapping[str, Any]], container: str, what: str, more: str = "") -> None:
        """`more` is said of one that does not end."""
        for index, body in enumerate(bodies):
            hook = f"{what}, hook {index}"
            self._must_not_end(hook)
            code, said = self._engine.execute(container, body, PATIENCE, hook, self._ending)
            if code is None:  # it goes on in there until the container stops: an exec cannot be ended
                raise _too_long(hook, more)
            if code:
                raise self._failed(hook, code, said, container, body)

    def _run(self, name: str, body: Mapping[str, Any], container: str, what: str) -> None:
        """Run a container of its own to its end, with the volumes of the other one; it is gone afterwards."""
        left = self._engine.inspect_container(name)
        if left and HOOK_LABEL in labels_of(left):
            self._engine.remove_container(left["Id"], force=True, volumes=True)
        self._must_not_end(what)
        host = {**body["HostConfig"], "VolumesFrom": [container]}
        made = self._engine.create_container(name, {**body, "HostConfig": host})
        try:
            self._engine.start_container(made)
            code = self._await_end(made, what)
            if code:
                raise self._failed(what, code, self._engine.logs(made), made, body)
        finally:
            self._engine.remove_container(made, force=True, volumes=True)

    def _must_not_end(self, what: str) -> None:
        if self._ending():
            raise Overtaken(f"{what} is not begun, for the agent ends")

    def _await_end(self, container: str, what: str) -> int:
        for _ in range(int(PATIENCE / POLL)):
            report = self._engine.inspect_container(container)
            if report is None:
                raise Refused(f"{what} was removed while it ran", reason=HOOK_FAILED)
            if has_ended(report):
                return exit_code(report)
            if self._ending():
                self._engine.stop_container(container, GRACE)
                raise Overtaken(f"{what} is stopped, for the agent ends; the next one runs it again")
            self._sleep(POLL)
        raise _too_long(what)

    def _failed(self, what: str, code: int, said: str, container: str, body: Mapping[str, Any]) -> Refused:
        """With the last words, less the secrets that the container has and those that the hook has for itself."""
        words = said.strip()
        for given in (self._engine.inspect_container(container) or {}, {"Config": body}):
            words = redacted(words, given)
        words = words[-WORDS:]
        return Refused(f"{what} ended with status {code}{f': {words}' if words else ''}", reason=HOOK_FAILED)


def _too_long(what: str, more: str = "") -> Refused:
    return Refused(f"{what} has not ended after {PATIENCE:g} seconds{more}", reason=HOOK_FAILED)


def patience_of(resource: Resource | None, report: Mapping[str, Any]) -> float:
    """Seconds that all that runs around the life of a container may take: of the one that is wanted, and of the one
    that is there by its report."""
    labels = labels_of(report)
    noted = [body for label in (PRE_STOP_LABEL, POST_START_LABEL) for body in bodies_in(str(labels.get(label, "")))]
    wanted = (_of(resource, key) for key in ("pre_start", POST_START, "pre_stop")) if resource else ()
    return PATIENCE * sum(map(len, (noted, *wanted)))


def _of(resource: Resource, key: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (resource.spec.get("hooks") or {}).get(key) or ()
    return found
