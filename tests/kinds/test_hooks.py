"""What runs around a container's life: in which order, and what a failure stops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.errors import Refused
from agent.jsonfile import JsonFile
from agent.kinds.container_hooks import HOOK_LABEL, PRE_STOP, Hooks
from agent.kinds.container_unhooked import Unhooked
from agent.model import Action, Key, Resource
from tests.kinds.bench import Bench

BODY = {"Image": "x", "HostConfig": {"NetworkMode": "n"}, "Labels": {HOOK_LABEL: "pre_start"}}


class Log:
    """Stands in for an engine of which every call succeeds, but for what ends with a status of its own."""

    def __init__(self, *, codes: Mapping[str, int] | None = None, left: Mapping[str, Any] | None = None) -> None:
        self.calls: list[str] = []
        self.codes = codes or {}
        self.left = left
        self.bodies: list[Mapping[str, Any]] = []
        self.said = "said"

    def inspect_container(self, name: str) -> Mapping[str, Any] | None:
        if name == "made":
            return {"Id": "made", "State": {"Status": "exited", "ExitCode": self.codes.get("made", 0)}}
        return self.left

    def create_container(self, name: str, body: Mapping[str, Any]) -> str:
        self.calls.append(f"create {name}")
        self.bodies.append(body)
        return "made"

    def start_container(self, container: str) -> None:
        self.calls.append(f"start {container}")

    def remove_container(self, container: str, **_how: bool) -> None:
        self.calls.append(f"remove {container}")

    def execute(self, container: str, body: Mapping[str, Any], _patience: float, _what: str) -> tuple[int, str]:
        self.calls.append(f"{body['Cmd'][0]} in {container}")
        return self.codes.get(body["Cmd"][0], 0), self.said

    def logs(self, _container: str) -> str:
        return "wailed"


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

        def execute(self, container: str, body: Mapping[str, Any], _patience: float, _what: str) -> tuple[int, str]:
            self.die(f"{body['Cmd'][0]} in {container}")
            return super().execute(container, body, _patience, _what)

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
    log = Log(codes={"a": 3}, left={"Id": "id", "Config": {"Env": ["MYSQL_PWD=hunter2-of-the-container"]}})
    log.said = said
    with pytest.raises(Refused, match=r"post_start of web, hook 0 ended with status 3: .*\*\*\*") as caught:
        hooks(log).start(wanting(post_start=[{"Cmd": ["a"], "Env": ["API_KEY=hunter2-of-the-hook"]}]), "id")
    assert "hunter2" not in caught.value.message


def test_what_a_cut_attempt_left_is_cleared_away_and_nobody_elses() -> None:
    ours, others = Log(left={"Id": "old", "Config": {"Labels": {HOOK_LABEL: "pre_start"}}}), Log(left={"Id": "old"})
    for log in (ours, others):
        hooks(log).start(wanting(pre_start=[BODY]), "id")
    assert (ours.calls[0], others.calls[0]) == ("remove old", "create web.hook")


def test_before_a_stop_runs_what_the_file_says_or_what_it_said() -> None:
    log = Log()
    labels = hooks(log).labels(ALL)
    report = {"Id": "id", "Name": "/web", "Config": {"Labels": labels}}
    hooks(log).before_stop(None, report)
    hooks(log).before_stop(wanting(pre_stop=[{"Cmd": ["new"]}]), report)
    hooks(log).before_stop(wanting(), report)
    hooks(log).before_stop(None, {**report, "Config": {"Labels": {PRE_STOP: "broken"}}})
    assert log.calls == ["c in id", "new in id"]
    assert hooks(log).labels(wanting()) == {}


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
    seen = bench.create(wanted)
    with pytest.raises(Refused, match="status 7: before\nafter"):
        bench.do(Action.REMOVE, seen=seen)
    bench.engine.stop_container(seen.id, 0)
    bench.do(Action.REMOVE, seen=bench.seen(wanted))
    assert bench.engine.inspect_container(f"{wanted.key.name}.hook") is None
