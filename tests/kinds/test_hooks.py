"""What runs around a container's life: in which order, and what a failure stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.handling import Handling, Schedule
from agent.jsonfile import JsonFile
from agent.kinds.base import INSTANCE, Remarking
from agent.kinds.container_hooks import HOOK_LABEL, Hooks
from agent.kinds.container_noted import PRE_STOP_LABEL, Noted
from agent.kinds.container_unhooked import NOT_RUN, NOT_RUN_AGAIN, Unhooked
from agent.model import Action, Key, Resource
from tests.kinds.bench import Bench
from tests.kinds.hook_log import Log, Moved

UP = {"Id": "id", "State": {"Status": "running", "Running": True}}
RESTARTING = {"Id": "id", "State": {"Status": "restarting", "Running": True, "Restarting": True, "ExitCode": 1}}
ENDED = {"Id": "id", "State": {"Status": "exited", "ExitCode": 1}}
BODY = {"Image": "x", "HostConfig": {"NetworkMode": "n"}, "Labels": {HOOK_LABEL: "pre_start"}}


def hooks(log: Log) -> Hooks:
    return Hooks(cast("Engine", log), sleep=lambda _seconds: None)


def wanting(**around: Any) -> Resource:
    return Resource(Key("container", "web"), "s", {"body": {}, "hooks": around}, service="web")


ALL = wanting(pre_start=[BODY, BODY], post_start=[{"Cmd": ["a"]}, {"Cmd": ["b"]}], pre_stop=[{"Cmd": ["c"]}])


def test_everything_runs_in_its_order() -> None:
    log = Log()
    hooks(log).start(ALL, "id")
    before = ["create web.hook", "start made", "remove made"]
    assert log.calls == [*before, *before, "start id", "a in id", "b in id"]
    assert log.bodies[0]["HostConfig"] == {"NetworkMode": "n", "VolumesFrom": ["id"]}


def test_without_hooks_it_is_only_started() -> None:
    log = Log()
    hooks(log).start(Resource(Key("container", "web"), "s", {"body": {}}), "id")
    assert log.calls == ["start id"]


@pytest.mark.parametrize(
    ("code", "message", "calls"),
    [
        ("made", "pre_start[0] of web ended with status 3: wailed", ["create web.hook", "start made", "remove made"]),
        ("a", "post_start of web, hook 0 ended with status 3: said", ["start id", "a in id"]),
    ],
)
def test_what_fails_ends_it(code: str, message: str, calls: list[str]) -> None:
    log = Log(codes={code: 3})
    with pytest.raises(Refused) as caught:
        hooks(log).start(ALL, "id")
    assert (caught.value.message, caught.value.reason) == (message, "HookFailed")
    assert log.calls[-len(calls) :] == calls


RUNS = {"Id": "id", "State": {"Status": "running"}}


def noted(log: Log, file: Path) -> tuple[Hooks, Unhooked]:
    """As another agent with the same file."""
    unhooked = Unhooked(JsonFile(file))
    return Hooks(cast("Engine", log), sleep=lambda _seconds: None, unhooked=unhooked), unhooked


@pytest.mark.parametrize("cut", ["start id", "a in id", "b in id"])
def test_what_was_to_run_after_a_start_that_was_cut_is_run_by_the_next_agent(tmp_path: Path, cut: str) -> None:
    class Killed(Log):
        def start_container(self, container: str) -> None:
            super().start_container(container)
            self.die(f"start {container}")

        def execute(self, container: str, body: Mapping[str, Any], *how: Any) -> tuple[int | None, str]:
            self.die(f"{body['Cmd'][0]} in {container}")
            return super().execute(container, body, *how)

        def die(self, what: str) -> None:
            if what == cut:
                raise KeyboardInterrupt

    first, _ = noted(Killed(), tmp_path / "started.json")
    with pytest.raises(KeyboardInterrupt):
        first.start(ALL, "id")
    log = Log()
    second, unhooked = noted(log, tmp_path / "started.json")
    assert unhooked.is_waiting(ALL, RUNS)
    assert not unhooked.is_waiting(ALL, {**RUNS, "State": {"Status": "exited"}}), "it runs with the next start"
    assert not unhooked.is_waiting(ALL, {**RUNS, "Id": "another"})
    assert not unhooked.is_waiting(wanting(), RUNS), "nothing is to run any more"
    second.catch_up(ALL, RUNS)
    second.catch_up(ALL, RUNS)
    assert log.calls == ["a in id", "b in id"]
    assert not unhooked.is_waiting(ALL, RUNS)


def test_a_hook_that_failed_is_run_again_in_what_goes_on(tmp_path: Path) -> None:
    log = Log(codes={"b": 1})
    made, unhooked = noted(log, tmp_path / "started.json")
    with pytest.raises(Refused):
        made.start(ALL, "id")
    with pytest.raises(Refused):
        made.catch_up(ALL, RUNS)
    assert unhooked.is_waiting(ALL, RUNS)
    log.codes = {}
    made.catch_up(ALL, RUNS)
    assert not unhooked.is_waiting(ALL, RUNS)


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_hook_that_fails_in_what_is_only_started_again_is_nothing_of_a_commit(
    tmp_path: Path, scheduled: bool
) -> None:
    log = Log(codes={"b": 1}, left={"Id": "id", "State": {"StartedAt": "0001-01-01T00:00:00Z"}})
    job = replace(ALL, handling=Handling(schedule=Schedule("@daily")))
    hooks, unhooked = noted(log, tmp_path / "started.json")
    wanted = job if scheduled else ALL
    with pytest.raises(Refused):
        hooks.start(wanted, "id")
    assert unhooked.lacks(wanted, RUNS) == (NOT_RUN_AGAIN if scheduled else NOT_RUN)
    log.left = {"Id": "id", "State": {"StartedAt": "2026-11-27T12:00:00Z"}}
    with pytest.raises(Refused):
        hooks.start(wanted, "id")
    assert unhooked.lacks(wanted, RUNS) == (NOT_RUN_AGAIN if scheduled else NOT_RUN), "it has never had it"
    log.codes = {}
    hooks.catch_up(wanted, RUNS)
    assert unhooked.lacks(wanted, RUNS) is None
    log.codes = {"b": 1}
    with pytest.raises(Refused):
        hooks.start(wanted, "id")
    assert unhooked.lacks(wanted, RUNS) == NOT_RUN_AGAIN
    assert not NOT_RUN_AGAIN.declared
    log.codes = {}
    hooks.catch_up(wanted, RUNS)
    assert JsonFile(tmp_path / "started.json").read() == {}


def test_what_runs_already_when_the_note_is_lost_is_left_alone(tmp_path: Path) -> None:
    made, _ = noted(Log(), tmp_path / "started.json")
    made.start(ALL, "id")
    log = Log()
    again, unhooked = noted(log, tmp_path / "lost.json")
    assert not unhooked.is_waiting(ALL, RUNS)
    again.catch_up(ALL, RUNS)
    assert log.calls == []


def test_what_cannot_be_noted_keeps_nothing_from_running_and_runs_once(tmp_path: Path) -> None:
    log = Log()
    made, unhooked = noted(log, tmp_path / "no" / "started.json")
    made.start(ALL, "id")
    assert (log.calls[-3:], unhooked.is_waiting(ALL, RUNS)) == (["start id", "a in id", "b in id"], False)
    file = tmp_path / "started.json"
    made, unhooked = noted(log, file)
    unhooked.expect(ALL, "id")
    (tmp_path / "started.json.new").mkdir()  # so that nothing can be written
    made.catch_up(ALL, RUNS)
    assert not unhooked.is_waiting(ALL, RUNS)
    unhooked.expect(ALL, "id")
    assert unhooked.is_waiting(ALL, RUNS), "it is started again"


def test_what_is_not_wanted_any_more_is_forgotten(tmp_path: Path) -> None:
    _, unhooked = noted(Log(), tmp_path / "started.json")
    unhooked.expect(ALL, "id")
    unhooked.forget("other", ())
    unhooked.forget("s", {ALL.key})
    assert unhooked.is_waiting(ALL, RUNS)
    unhooked.forget("s", ())
    assert JsonFile(tmp_path / "started.json").read() == {}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("access denied with hunter2-of-the-container", id="of the container"),
        pytest.param("access denied with hunter2-of-the-hook", id="of the hook alone"),
        pytest.param("mysql --password hunter2", id="by its looks"),
    ],
)
def test_what_a_failing_hook_says_is_told_without_secrets(said: str) -> None:
    log = Log(codes={"a": 3}, left={**UP, "Config": {"Env": ["MYSQL_PWD=hunter2-of-the-container"]}})
    log.said = said
    with pytest.raises(Refused, match=r"post_start of web, hook 0 ended with status 3: .*\*\*\*") as caught:
        hooks(log).start(wanting(post_start=[{"Cmd": ["a"], "Env": ["API_KEY=hunter2-of-the-hook"]}]), "id")
    assert "hunter2" not in caught.value.message


def test_a_command_that_cannot_be_run_is_told_without_the_secrets_of_its_container() -> None:
    class Lacking(Log):
        def start_container(self, container: str) -> None:
            raise Refused('start container id: exec: "serve hunter2-of-the-container": not found', reason="StartFailed")

    log = Lacking(left={**UP, "Config": {"Env": ["DB_PWD=hunter2-of-the-container"]}})
    for start in (partial(hooks(log).start, wanting(), "id"), partial(hooks(log).start_again, log.left or {})):
        with pytest.raises(Refused) as caught:
            start()
        told = 'start container id: exec: "serve ***": not found'
        assert (caught.value.message, caught.value.reason) == (told, "StartFailed")


def test_one_that_runs_when_the_agent_ends_is_stopped_and_what_it_is_for_is_not_started() -> None:
    log, looks = Log(), iter([False, False, True])
    log.status = "running"
    around = Hooks(cast("Engine", log), sleep=lambda _seconds: None, ending=lambda: next(looks))
    with pytest.raises(Overtaken, match="the next one runs it again"):
        around.start(ALL, "id")
    assert log.calls == ["create web.hook", "start made", "stop made in 10 s", "remove made"]


def test_none_is_begun_when_the_agent_ends() -> None:
    log = Log()
    around = Hooks(cast("Engine", log), ending=lambda: True)
    with pytest.raises(Overtaken, match=r"pre_start\[0\] of web is not begun"):
        around.start(ALL, "id")
    with pytest.raises(Overtaken, match="pre_stop of web, hook 0 is not begun"):
        around.before_stop(ALL, {"Id": "id", "Name": "/web"})
    assert log.calls == []


def test_what_a_cut_attempt_left_is_cleared_away_and_nobody_elses() -> None:
    ours, others = Log(left={"Id": "old", "Config": {"Labels": {HOOK_LABEL: "pre_start"}}}), Log(left={"Id": "old"})
    for log in (ours, others):
        hooks(log).start(wanting(pre_start=[BODY]), "id")
    assert (ours.calls[0], others.calls[0]) == ("remove old", "create web.hook")


def test_before_a_stop_runs_what_it_was_made_with() -> None:
    log = Log()
    labels = {INSTANCE: "default", **Noted(b"").labels(ALL)}
    report = {"Id": "id", "Name": "/web", "Config": {"Labels": labels}}
    newer = wanting(pre_stop=[{"Cmd": ["new"]}])
    for wanted in (None, newer, wanting()):
        hooks(log).before_stop(wanted, report)
    assert log.calls == ["c in id"] * 3
    hooks(log).before_stop(newer, {**report, "Config": {"Labels": {INSTANCE: "default"}}})
    hooks(log).before_stop(None, {**report, "Config": {"Labels": {PRE_STOP_LABEL: "broken"}}})
    assert log.calls == ["c in id"] * 3, "the image of the old one may not have what the new file names"
    hooks(log).before_stop(newer, {**report, "Config": {"Labels": {}}})
    assert log.calls[3:] == ["new in id"], "it was made by Compose, so nothing is noted"
    assert Noted(b"").labels(wanting()) == {}


def test_what_fails_before_a_stop_is_a_remark_and_no_reason_not_to_stop() -> None:
    log = Log(codes={"c": 127})
    around = hooks(log)
    around.before_stop(ALL, {"Id": "id", "Name": "/web", "Config": {"Labels": Noted(b"").labels(ALL)}})
    said = "pre_stop of web, hook 0 ended with status 127: said; it was stopped all the same"
    assert (around.remarks.take(), around.remarks.take()) == (said, "")


def test_what_does_not_end_fails_after_its_time_and_is_waited_for_no_more() -> None:
    log = Log(codes={"a": None, "c": None})
    around = hooks(log)
    with pytest.raises(Refused, match="post_start of web, hook 0 has not ended after 600 seconds") as caught:
        around.start(ALL, "id")
    assert caught.value.reason == "HookFailed"
    around.before_stop(ALL, {"Id": "id", "Name": "/web", "Config": {"Labels": {}}})
    assert (
        around.remarks.take() == "pre_stop of web, hook 0 has not ended after 600 seconds; it was stopped all the same"
    )


def test_where_nothing_runs_nothing_is_run_before_a_stop() -> None:
    log = Moved()
    hooks(log).before_stop(ALL, {**RESTARTING, "Config": {"Labels": {}}})
    assert log.calls == [], "it is known to crash"
    for left in (RESTARTING, ENDED, None):  # it crashed, or went, since it was looked at
        log.left = left
        hooks(log).before_stop(ALL, {**UP, "Config": {"Labels": {}}})
    log.left = UP
    with pytest.raises(Overtaken):
        hooks(log).before_stop(ALL, {**UP, "Config": {"Labels": {}}})


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (ENDED, "exit code 1"),
        (RESTARTING, "exit code 1"),
        ({**UP, "RestartCount": 1}, "it ended, and its restart policy started it again"),
    ],
)
def test_what_crashes_before_anything_can_run_in_it_is_refused(left: Mapping[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        hooks(Moved(left=left)).start(ALL, "id")
    assert (caught.value.message, caught.value.reason) == (f"did not stay up: {words}\nwailed", "CrashOnStart")


def test_what_was_changed_meanwhile_is_looked_at_again_and_a_job_that_is_done_needs_nothing() -> None:
    for left in (None, UP):
        with pytest.raises(Overtaken):
            hooks(Moved(left=left)).start(ALL, "id")
    with pytest.raises(Refused, match="did not stay up"):
        hooks(Log(codes={"a": 126}, left=ENDED)).start(ALL, "id")
    job = replace(ALL, spec={**ALL.spec, "state": "completed"})
    hooks(Moved(left={"Id": "id", "State": {"Status": "exited", "ExitCode": 0}})).start(job, "id")
    with pytest.raises(Refused):
        hooks(Moved(left=ENDED)).start(job, "id")


@pytest.mark.engine
def test_hooks_on_the_engine(bench: Bench) -> None:
    shared = {"Binds": [f"{bench.name('shared')}:/shared:rw"]}
    common = {"Labels": {HOOK_LABEL: "pre_start"}, "HostConfig": {}}
    wanted = bench.container(Cmd=["sleep", "60"], HostConfig=shared, StopTimeout=0)
    wanted.spec["hooks"] = {  # type: ignore[index]  # a dict behind the interface
        "pre_start": [{"Image": bench.image, "Cmd": ["sh", "-c", "echo before > /shared/log"], **common}],
        "post_start": [{"Cmd": ["sh", "-c", "echo after >> /shared/log"], "AttachStdout": True}],
        "pre_stop": [{"Cmd": ["sh", "-c", "cat /shared/log; exit 7"], "AttachStdout": True}],
    }
    bench.do(Action.REMOVE, seen=bench.create(wanted))
    kind = bench.kinds["container"]
    assert isinstance(kind, Remarking)
    assert "status 7: before\nafter" in kind.remarks.take()
    for name in (wanted.key.name, f"{wanted.key.name}.hook"):
        assert bench.engine.inspect_container(name) is None
