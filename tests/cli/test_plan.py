"""`plan`: the golden text, the object for scripts, the exit codes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.plans import NO_CHANGES, cause_text, interruption_text, plan_lines, summary, summary_text
from agent.errors import BadManifest, Unreachable
from agent.handling import Handling, Hook, Stage
from agent.host_ports import HostPort
from agent.model import Action, Cause, Change, FieldChange, Key, Place, Plan, Problem, Resource, Revision
from agent.target import OneStack, Target
from tests.cli.conftest import Run
from tests.cli.fakes import ADOPT, ARTEFACT, COMMIT, CREATE, HOLD, REMOVE, REPLACE, UPDATE, WEB, Agent, planned
from tests.planning import scene

GOLDEN = """\
Source  git@github.com:acme/fleet.git  main  git 9f2c1ab "bump api to 2.4.1" (anna)
Host    edge-01 · Engine 27.3.1 (API 1.47) · 1 stack, 3 resources

stack cron                              not in the source
   -  container cron-1        remove    prune: no longer wanted
   !  volume    cron_data     hold      volumes are never removed

stack web                               stacks/web/compose.yaml
   +  network   web_metrics   create    git 9f2c1ab "bump api to 2.4.1" (anna)
  -/+ container web-api-1     replace   git 9f2c1ab "bump api to 2.4.1" (anna)
        image          ghcr.io/acme/api:2.4.0 → ghcr.io/acme/api:2.4.1
        env.LOG_LEVEL  "info" → "debug"
        env.DB_PASS    *** (before) → *** (after)
        interruption: away while it is replaced
   ~  container web-redis-1   update    drift: changed outside git
        restart  "no" → "unless-stopped"

Plan 3f9c1a2b: 1 to create, 1 to update, 1 to replace, 1 to remove, 1 held; 12 unchanged.
Expected interruption: web-api-1.
Apply it with: windlass apply
"""


TAKEN = Change(1, Action.HOLD, Key("container", "web-api-1"), "web", Cause.COMMIT, "the name is taken")


def test_the_whole_plan(run: Run) -> None:
    result = run("plan")
    assert (result.exit_code, result.stdout, result.stderr) == (0, GOLDEN, "")


BROUGHT = Revision("4f2a1c9" + "0" * 33, "raise it", "bert")


def test_the_commit_is_named_that_brought_a_change_and_not_the_newest_one(run: Run, agent: Agent) -> None:
    agent.planned = planned(Plan((replace(CREATE, commit=BROUGHT), UPDATE, REPLACE)))
    assert 'create    git 4f2a1c9 "raise it" (bert)\n' in run("plan").stdout
    document = json.loads(run("plan", "-o", "json").stdout)
    created, updated, replaced = document["changes"]
    assert (created["commit"]["id"], created["cause_text"]) == (BROUGHT.id, 'git 4f2a1c9 "raise it" (bert)')
    assert (created["commit"]["subject"], created["commit"]["author"]) == ("raise it", "bert")
    assert (updated["commit"], replaced["commit"]["id"]) == (None, COMMIT.id)


def test_files_that_are_in_no_commit_have_none(run: Run, agent: Agent) -> None:
    uncommitted = Revision("dir-0123456789ab")
    agent.planned = planned(Plan((CREATE,)), revision=uncommitted, stacks=(replace(WEB, revision=uncommitted),))
    assert json.loads(run("plan", "-o", "json").stdout)["changes"][0]["commit"] is None


def test_nothing_to_do(run: Run, agent: Agent) -> None:
    agent.planned = planned(Plan(unchanged=16))
    result = run("plan", "--detailed-exitcode")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2:] == ["", NO_CHANGES]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param((), 0, id="nothing"),
        pytest.param((HOLD,), 0, id="only what outlives its use"),
        pytest.param((TAKEN,), 2, id="a name that is taken"),
        pytest.param((ADOPT,), 2, id="only what is adopted"),
        pytest.param((CREATE, HOLD), 2, id="something"),
    ],
)
def test_the_detailed_exit_code(run: Run, agent: Agent, changes: tuple[Change, ...], code: int) -> None:
    agent.planned = planned(Plan(changes))
    assert run("plan", "--detailed-exitcode").exit_code == code
    assert run("plan").exit_code == 0


def test_the_next_command_is_named_with_its_path(run: Run, agent: Agent, tmp_path: Path) -> None:
    agent.planned = planned(Plan((CREATE,)))
    assert run("plan", str(tmp_path)).stdout.splitlines()[-1] == f"Apply it with: windlass apply {tmp_path}"


def test_verbose_tells_the_order_and_the_reason(run: Run) -> None:
    lines = run("plan", "-v").stdout.splitlines()
    assert "        step 2 after 1: image, env.LOG_LEVEL changed" in lines
    assert "        step 1: is not there" in lines


def test_warnings_are_beside_the_data(run: Run, agent: Agent) -> None:
    agent.planned = planned(warnings=(Problem(Place("compose.yaml", 1, 1), "`version` is obsolete"),))
    result = run("plan")
    assert result.stdout == GOLDEN
    assert result.stderr == "compose.yaml:1:1: warning: `version` is obsolete\n"


def test_nothing_of_a_commit_or_a_value_reaches_the_terminal_raw(run: Run, agent: Agent) -> None:
    evil = Revision("a" * 40, "\x1b]0;owned\x07", "\x1b[2J\u202e")
    change = replace(REPLACE, fields=(FieldChange("env.A\x1b[1m", "\x1b[31m", "a\nb"),))
    agent.planned = planned(Plan((change,)), stacks=(replace(WEB, revision=evil),), revision=evil, url="\x1b[8m")
    for words in (("plan",), ("plan", "-o", "json")):
        shown = run(*words).output
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert r"        env.A\x1b[1m  \x1b[31m → a\nb" in run("plan").stdout


def test_colours_only_where_they_are_wanted(run: Run) -> None:
    assert "\x1b[" not in run("plan").stdout
    assert "\x1b[" in run("plan", "--color", "always").stdout
    assert "\x1b[" in run("plan", env={"CLICOLOR_FORCE": "1"}).stdout
    assert "\x1b[" not in run("plan", env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}).stdout
    assert "\x1b[" not in run("--color=never", "plan", env={"CLICOLOR_FORCE": "1"}).stdout


DIRECTORY = Revision("dir-0123456789abcdef0123")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(CREATE, 'git 9f2c1ab "bump api to 2.4.1" (anna)', id="new in the commit"),
        pytest.param(
            Change(1, Action.REPLACE, Key("container", "a"), "web", Cause.COMMIT, "uses network/front"),
            'git 9f2c1ab "bump api to 2.4.1" (anna): uses network/front',
            id="taken along",
        ),
        pytest.param(UPDATE, "drift: changed outside git", id="drift"),
        pytest.param(HOLD, "volumes are never removed", id="held"),
        pytest.param(replace(UPDATE, cause=Cause.IMAGE, reason=""), "image", id="no reason"),
        pytest.param(
            replace(REPLACE, cause=Cause.SECRET, reason="env.DB_PASS changed"),
            "secret: env.DB_PASS changed",
            id="secret",
        ),
        pytest.param(replace(REPLACE, cause=Cause.SETTINGS), "settings: image, env.LOG_LEVEL changed", id="settings"),
    ],
)
def test_the_cause(change: Change, words: str) -> None:
    assert cause_text(change, COMMIT) == words


def test_the_cause_from_a_directory() -> None:
    assert cause_text(CREATE, DIRECTORY) == "directory dir-0123456789ab"


def test_the_summary_leaves_out_what_there_is_none_of() -> None:
    assert summary_text(Plan((ADOPT, HOLD), unchanged=3)) == "1 held, 1 to adopt; 3 unchanged"


def test_what_is_interrupted_is_named_once_and_only_some_of_it() -> None:
    assert interruption_text(Plan((CREATE, UPDATE, REMOVE))) == "Expected interruption: none."
    away = replace(REMOVE, key=Key("container", "web-db-1"), interruption="away until it is made again")
    again = replace(CREATE, key=away.key)
    assert interruption_text(Plan((away, REPLACE, again))) == "Expected interruption: web-db-1, web-api-1."
    many = [replace(REPLACE, key=Key("container", f"c-{number}")) for number in range(7)]
    assert interruption_text(Plan(tuple(many))) == "Expected interruption: c-0, c-1, c-2, c-3, c-4 and 2 more."


def test_json(run: Run) -> None:
    result = run("plan", "-o", "json", "--detailed-exitcode")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert {key: document[key] for key in ("format", "hash", "revision", "host")} == {
        "format": "1",
        "hash": ARTEFACT["hash"],
        "revision": COMMIT.id,
        "host": "edge-01",
    }
    assert [stack["name"] for stack in document["stacks"]] == ["web"]
    assert document["changes"][1] == {
        "number": 2,
        "stack": "web",
        "action": "replace",
        "kind": "container",
        "name": "web-api-1",
        "cause": "commit",
        "cause_text": 'git 9f2c1ab "bump api to 2.4.1" (anna)',
        "commit": {
            "id": COMMIT.id,
            "short": "9f2c1ab",
            "subject": "bump api to 2.4.1",
            "author": "anna",
            "timestamp": 0.0,
        },
        "reason": "image, env.LOG_LEVEL changed",
        "approval": "",
        "interruption": "away while it is replaced",
        "fields": [
            {"path": "image", "from": "ghcr.io/acme/api:2.4.0", "to": "ghcr.io/acme/api:2.4.1"},
            {"path": "env.LOG_LEVEL", "from": '"info"', "to": '"debug"'},
            {"path": "env.DB_PASS", "from": "*** (before)", "to": "*** (after)"},
        ],
        "after": [1],
        "follows": [],
    }
    assert document["summary"] == {
        "create": 1,
        "update": 1,
        "replace": 1,
        "remove": 1,
        "hold": 1,
        "adopt": 0,
        "stop": 0,
        "unchanged": 12,
    }


def test_who_is_stopped_for_its_port_is_counted_too(run: Run, agent: Agent) -> None:
    http, https = HostPort(8080), HostPort(8443)
    wanted = [
        scene.want("container/app", ports=frozenset({https})),
        scene.want("container/vpn", ports=frozenset({http})),
    ]
    seen = [
        scene.there("container/app", scene.differs("ports"), ports=frozenset({http})),
        scene.there("container/vpn", scene.differs("ports"), ports=frozenset({https})),
    ]
    agent.planned = planned(swap := scene.plan(wanted, seen))
    assert summary(swap) == {"create": 0, "update": 0, "replace": 2, "remove": 0, "hold": 0, "adopt": 0, "stop": 2}
    assert "2 to replace, 2 to stop; 0 unchanged." in run("plan").stdout


def test_a_plan_that_cannot_be_made_is_an_object_too(run: Run, agent: Agent) -> None:
    agent.planned = Unreachable("the engine does not answer: start it", reason="EngineUnavailable")
    result = run("plan", "-o", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "format": "1",
        "result": "error",
        "failure": {
            "reason": "EngineUnavailable",
            "message": "the engine does not answer: start it",
            "problems": [],
        },
    }
    assert result.stderr == "Error: the engine does not answer: start it (EngineUnavailable)\n"


def test_a_manifest_with_mistakes(run: Run, agent: Agent) -> None:
    agent.planned = BadManifest([Problem(Place("compose.yaml", 3, 5), "unknown key")])
    result = run("plan")
    assert (result.exit_code, result.stdout, result.stderr) == (4, "", "compose.yaml:3:5: unknown key\n1 error\n")


def test_a_plan_without_a_hash_is_shown_as_well(run: Run, agent: Agent) -> None:
    agent.planned = planned(artefact={})
    assert "\nPlan: 1 to create" in run("plan").stdout


def test_a_plan_is_written_down_and_named_as_what_to_apply(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    result = run("plan", "--out", str(file))
    assert json.loads(file.read_text()) == ARTEFACT
    assert result.stdout.splitlines()[-1] == f"Apply it with: windlass apply {file}"
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_what_to_apply_is_named_as_a_shell_takes_it(run: Run, tmp_path: Path) -> None:
    (directory := tmp_path / "my fleet").mkdir()
    assert run("plan", str(directory)).stdout.splitlines()[-1] == f"Apply it with: windlass apply '{directory}'"
    named = run("plan", "--out", str(directory / "plan.json")).stdout.splitlines()[-1]
    assert named == f"Apply it with: windlass apply '{directory}/plan.json'"


def test_a_plan_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    result = run("plan", "--out", str(tmp_path / "nosuch" / "plan.json"))
    assert result.exit_code == 1
    assert (
        result.stderr
        == f"Error: {tmp_path}/nosuch/plan.json cannot be written: No such file or directory (PlanNotWritten)\n"
    )


def test_a_plan_goes_through_a_pipe_that_stays_one(run: Run, tmp_path: Path) -> None:
    """As /dev/null and /dev/stdout do: what is no file is written to and not replaced, by root least of all."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        result = run("plan", "--out", str(pipe))
        assert (result.exit_code, result.stderr) == (0, "")
        assert pipe.is_fifo()
        assert json.loads(os.read(reader, 1 << 16)) == ARTEFACT
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_plan_is_written_where_a_link_leads(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    link = tmp_path / "newest.json"
    link.symlink_to("plans/1.json")
    for _ in range(2):
        assert run("plan", "--out", str(link)).exit_code == 0
    assert link.is_symlink()
    assert json.loads((tmp_path / "plans" / "1.json").read_text()) == ARTEFACT


def test_an_empty_name_of_a_file_is_told(run: Run) -> None:
    result = run("plan", "--out", "")
    assert (result.exit_code, result.stdout) == (64, "")
    assert "Invalid value for '--out': it is empty." in result.stderr


# --- a revision that is not what lies there ---------------------------------------------------------------------


@pytest.mark.parametrize("command", ["plan", "validate", "render"])
def test_a_revision_is_asked_for(run: Run, agent: Agent, command: str, tmp_path: Path) -> None:
    run(command, "--rev", "pull/7/head", str(tmp_path))
    run(command, "--rev", "main", "--repo", "https://git.example.com/x.git")
    assert [asked[1] for asked in agent.asked] == [
        Target(tmp_path, rev="pull/7/head"),
        Target(rev="main", repo="https://git.example.com/x.git"),
    ]


def test_a_revision_may_be_that_of_one_named_file(run: Run, agent: Agent) -> None:
    run("plan", "--rev", "main", "-f", "x.yaml")
    assert [asked[1] for asked in agent.asked] == [Target(one=OneStack((Path("x.yaml"),)), rev="main")]


def test_a_plan_of_a_revision_is_applied_by_way_of_a_file(run: Run, tmp_path: Path) -> None:
    said = run("plan", "--rev", "pull/7/head").stdout
    assert said.splitlines()[-1] == "Apply it by way of a file: add --out FILE, then windlass apply FILE"
    file = tmp_path / "plan.json"
    said = run("plan", "--rev", "pull/7/head", "--out", str(file)).stdout
    assert said.splitlines()[-1] == f"Apply it with: windlass apply {file}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--repo", "x.git", "-p", "web"), "--repo is read as the agent reads it, from its root: leave out -p web"),
        (("--rev", ""), "Invalid value for '--rev': it is empty."),
        (("--rev", "main", "--repo", ""), "Invalid value for '--repo': it is empty."),
        (("--rev", "main", "--repo", "x.git", "."), "--repo is read as the agent reads it, from its root"),
    ],
)
def test_a_revision_is_one_of_a_whole_repository(run: Run, agent: Agent, words: tuple[str, ...], said: str) -> None:
    result = run("plan", *words)
    assert result.exit_code == 64
    assert said in " ".join(result.stderr.split())
    assert agent.asked == []


@pytest.mark.parametrize(("rests", "told"), [(False, True), (True, False)])
def test_what_runs_once_is_told_from_what_stays(*, rests: bool, told: bool) -> None:
    handling = Handling(hook=Hook(Stage.PRE_DEPLOY, rests=rests))
    wanted = Resource(Key("container", "web-migrate-1"), "web", {}, service="migrate", handling=handling)
    change = Change(0, Action.CREATE, wanted.key, "web", Cause.COMMIT, "runs once", wanted=wanted)
    lines = plan_lines(planned(Plan((change,))))
    assert ("        runs once, to its end: pre_deploy" in lines) is told
