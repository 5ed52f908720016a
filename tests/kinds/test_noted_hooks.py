"""What a container was made to run around its life: on its labels, but for what may be secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.errors import Refused
from agent.handling import Handling, Hook, Stage
from agent.jsonfile import JsonFile
from agent.kinds import HOOKS, RUNS, make_kinds
from agent.kinds.base import NAME, STACK, Identity
from agent.kinds.container import ContainerKind
from agent.kinds.container_hooks import Hooks
from agent.kinds.container_noted import ENVIRONMENT, KEPT, POST_START_LABEL, PRE_STOP_LABEL, Noted
from agent.kinds.container_unhooked import Unhooked
from agent.model import Key, Resource
from agent.stand_ins import ignore, never
from tests.kinds.hook_log import Log, Moved

SAVE = {"Cmd": ["save"], "Env": ["API_KEY=hunter2"]}
TELL = {"Cmd": ["tell"]}


def wanting(name: str = "web", **around: Any) -> Resource:
    return Resource(Key("container", name), "s", {"body": {}, "hooks": around}, service="web")


def made(noted: Noted, resource: Resource) -> dict[str, Any]:
    labels = {STACK: resource.stack, NAME: resource.key.name, **noted.labels(resource)}
    return {"Id": "id", "Name": f"/{resource.key.name}", "Config": {"Labels": labels}}


def test_the_commands_are_labels_and_their_environment_is_not(tmp_path: Path) -> None:
    file = tmp_path / "hooks.json"
    report = made(Noted(b"key", JsonFile(file)), wanting(pre_stop=[SAVE, TELL], post_start=[TELL]))
    labels = report["Config"]["Labels"]
    assert (labels[PRE_STOP_LABEL], labels[POST_START_LABEL]) == (
        '[{"Cmd":["save"]},{"Cmd":["tell"]}]',
        '[{"Cmd":["tell"]}]',
    )
    assert "hunter2" not in str(labels)
    again = Noted(b"key", JsonFile(file))
    assert (again.bodies(report, PRE_STOP_LABEL), again.bodies(report, POST_START_LABEL)) == ([SAVE, TELL], [TELL])
    assert Noted(b"key").bodies(report, PRE_STOP_LABEL) == [{"Cmd": ["save"]}, TELL], (
        "where it is lost, it is run without"
    )


def test_without_an_environment_nothing_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "hooks.json"
    report = made(Noted(b"key", JsonFile(file)), wanting(pre_stop=[TELL]))
    assert (ENVIRONMENT in report["Config"]["Labels"], file.exists()) == (False, False)
    assert Noted(b"key").labels(wanting()) == {}


def test_one_that_an_earlier_release_made_has_it_on_its_label() -> None:
    report = {"Id": "id", "Config": {"Labels": {PRE_STOP_LABEL: '[{"Cmd":["save"],"Env":["API_KEY=hunter2"]}]'}}}
    assert Noted(b"key").bodies(report, PRE_STOP_LABEL) == [SAVE]


def test_the_one_that_runs_and_the_one_that_takes_its_place_each_have_their_own(tmp_path: Path) -> None:
    noted = Noted(b"key", JsonFile(tmp_path / "hooks.json"))
    reports = [made(noted, wanting(pre_stop=[{**SAVE, "Env": [f"N={number}"]}])) for number in range(KEPT + 1)]
    given = [noted.bodies(report, PRE_STOP_LABEL)[0].get("Env") for report in reports]
    assert given == [None, *([f"N={number}"] for number in range(1, KEPT + 1))]


def test_what_is_not_wanted_any_more_is_forgotten(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "hooks.json")
    noted = Noted(b"key", file)
    web, db = wanting(pre_stop=[SAVE]), wanting("db", pre_stop=[SAVE])
    report, _ = made(noted, web), made(noted, db)
    noted.forget("other", ())
    noted.forget("s", {web.key})
    assert (noted.bodies(report, PRE_STOP_LABEL), list(file.read()["s"])) == ([SAVE], ["web"])


def test_what_was_run_counts_on_while_something_of_its_stack_stays(tmp_path: Path) -> None:
    engine, identity = cast("Engine", None), Identity("i", "o", b"k")
    kinds = make_kinds(engine, identity, tmp_path, tmp_path / "secrets", on_pull=ignore, stop=never)
    (containers,) = (kind for kind in kinds if isinstance(kind, ContainerKind))
    containers.once.note(replace(wanting("migrate"), handling=Handling(hook=Hook(Stage.PRE_DEPLOY))))
    containers.tidy("s", {Key("container", "web")}, stays=True)
    assert "migrate" in JsonFile(tmp_path / RUNS).read()["s"]
    containers.tidy("s", {Key("container", "web")})
    assert JsonFile(tmp_path / RUNS).read() == {}


def test_one_that_is_started_again_has_what_it_was_made_to_run_after_a_start() -> None:
    log, noted = Log(), Noted(b"key")
    report = made(noted, wanting(post_start=[TELL]))
    Hooks(cast("Engine", log), noted=noted).start_again(report)
    assert log.calls == ["start id", "tell in id"]
    failing = Log(codes={"tell": 2})
    with pytest.raises(Refused, match="post_start of web, hook 0 ended with status 2"):
        Hooks(cast("Engine", failing), noted=noted).start_again(report)
    Hooks(cast("Engine", Moved()), noted=noted).start_again(report)


def test_what_an_agent_that_ends_leaves_of_it_is_run_by_the_next_one(tmp_path: Path) -> None:
    log, noted, unhooked, wanted = Log(), Noted(b"key"), Unhooked(), wanting(post_start=[TELL])
    report = {**made(noted, wanted), "State": {"Status": "running"}}
    Hooks(cast("Engine", log), noted=noted, unhooked=unhooked, ending=lambda: True).start_again(report)
    assert (log.calls, unhooked.is_waiting(wanted, report)) == (["start id"], True)
    Hooks(cast("Engine", log), noted=noted, unhooked=unhooked).catch_up(wanted, report)
    assert (log.calls, unhooked.is_waiting(wanted, report)) == (["start id", "tell in id"], False)
    Hooks(cast("Engine", log), noted=noted, unhooked=unhooked).start_again(report)
    assert not unhooked.is_waiting(wanted, report)


def test_the_environments_of_an_agent_are_for_its_eyes_alone(tmp_path: Path) -> None:
    engine, identity = cast("Engine", None), Identity("i", "o", b"k")
    kinds = make_kinds(engine, identity, tmp_path, tmp_path / "secrets", on_pull=ignore, stop=never)
    (containers,) = (kind for kind in kinds if isinstance(kind, ContainerKind))
    containers.noted.labels(wanting(pre_stop=[SAVE]))
    assert (tmp_path / HOOKS).stat().st_mode & 0o777 == 0o600
