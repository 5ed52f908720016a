"""A command that was made in a container: run, heard, and waited for until the engine says how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.engine.calls import Calls
from agent.engine.transport import Client
from agent.errors import Overtaken, Refused
from agent.stand_ins import never

POLL = 0.05  # seconds between looks at one that has said its last word
TELLING = 5.0  # seconds that the engine may take to know the status of one that has ended
UNHEARD = "what it said is not known, for an earlier try had begun it"
Look = Callable[[str], Mapping[str, Any] | None]


def under_way(container: Mapping[str, Any], body: Mapping[str, Any], look: Look) -> str:
    """The id of what runs the same command in a container by now, "" where nothing does. `container` is its report,
    which names all that runs in it, `body` that of the command, and `look` gives the report of one of these. The engine
    tells the words of a command and whose it is, but not its environment."""
    usual = str((container.get("Config") or {}).get("User") or "")
    wanted = ([*body["Cmd"]], str(body.get("User") or usual), bool(body.get("Privileged")))
    for one in container.get("ExecIDs") or ():
        seen = look(one) or {}
        process = seen.get("ProcessConfig") or {}
        words = [process.get("entrypoint"), *(process.get("arguments") or ())]
        same = (words, str(process.get("user") or usual), bool(process.get("privileged"))) == wanted
        if seen.get("Running") and same:
            return str(one)
    return ""


def hear(
    calls: Calls,
    command: str,
    subject: str,
    *,
    until: float,
    stop: Callable[[], bool] | None,
    clock: Callable[[], float],
) -> str:
    """Run it and take down the last of what it says; "" where it goes on at the moment `until` of the `clock`. Once
    `stop` says so nobody waits any more (`Overtaken`)."""

    def tell(client: Client) -> Any:
        return client.hear("/exec/{0}/start", command, body={"Detach": False, "Tty": False})

    def is_over() -> bool:
        return clock() >= until

    def gives_up() -> bool:
        return is_over() or (stop or never)()

    try:
        said: bytes = calls.write("exec_start", subject, tell, extra=until - clock(), stop=gives_up)
    except Overtaken:
        if not is_over():
            raise
        return ""  # what has become of it is asked next
    return said.decode(errors="replace")


def await_status(
    look: Callable[[], Mapping[str, Any] | None],
    subject: str,
    *,
    until: float,
    stop: Callable[[], bool] | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> int | None:
    """The exit status, by what `look` gives as its report. It comes a moment after the last word; one that
    says nothing that anybody hears is waited for as well. None where it goes on at the moment `until` of the `clock`:
    the engine answers, so it is the command that takes too long.

    Raises `Overtaken` where its report is gone or `stop` says so, and `Refused` (`EngineError`) where it has ended and
    the engine does not tell how.
    """
    known_by = float("inf")
    while True:
        report = look()
        if report is None:
            raise Overtaken(f"{subject}: the engine does not know how it ended, for its container went or began anew")
        runs, code = bool(report.get("Running")), report.get("ExitCode")
        if code is not None and not runs:
            return int(code)
        known_by = float("inf") if runs else min(known_by, clock() + TELLING)
        if clock() >= known_by:
            raise Refused(f"{subject}: it has ended, and the engine told no exit status", reason="EngineError")
        if runs and clock() >= until:
            return None
        if (stop or never)():
            raise Overtaken(f"{subject}: was not waited for to its end")
        sleep(POLL)
