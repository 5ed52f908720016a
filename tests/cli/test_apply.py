"""`apply`: asking, the result, the exit codes, and an orderly end on a signal."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli import changes
from agent.cli.needs import Applied, Patience
from agent.converge import Ended, Started
from agent.errors import Refused
from agent.images import Image
from agent.model import Change, Failure, Health, Outcome, Plan, Report, Result, ServiceState, Status
from agent.target import Target
from tests.cli.conftest import Run
from tests.cli.fakes import ARTEFACT, COMMIT, CREATE, HOLD, REPLACE, UPDATE, Agent, planned


def report(*outcomes: Outcome, **over: object) -> Report:
    good = Report("1a2b", "web", "manual", COMMIT, Result.SUCCESS, 0.0, 8.4, outcomes=outcomes, synced=True)
    return replace(good, health=Health.HEALTHY, **over)  # type: ignore[arg-type]


def done(change: Change) -> Outcome:
    return Outcome(change, Status.DONE, seconds=0.25)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody were there to be asked."""
    monkeypatch.setattr(changes, "_may_ask", lambda: True)


def test_without_a_terminal_it_needs_yes(run: Run, agent: Agent) -> None:
    result = run("apply")
    assert result.exit_code == 64
    assert "add --yes" in result.stderr
    assert agent.asked == []


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "code", "asked"), [("y\n", 0, ["plan", "apply"]), ("n\n", 1, ["plan"])])
def test_it_asks_on_a_terminal(run: Run, agent: Agent, answer: str, code: int, asked: list[str]) -> None:
    result = run("apply", text=answer)
    assert result.exit_code == code
    assert [question for question, *_ in agent.asked] == asked
    assert "Plan 3f9c1a2b: 1 to create" in result.stdout
    assert "Apply these changes?" in result.stderr


@pytest.mark.usefixtures("terminal")
def test_whoever_is_asked_sees_the_plan_even_when_stdout_is_for_json(run: Run) -> None:
    result = run("apply", "-o", "json", text="y\n")
    assert "Plan 3f9c1a2b: 1 to create" in result.stderr
    assert json.loads(result.stdout)["format"] == "1"


@pytest.mark.usefixtures("terminal")
def test_nobody_is_asked_about_nothing(run: Run, agent: Agent) -> None:
    agent.planned = planned(Plan((HOLD,), unchanged=4))
    result = run("apply")
    assert result.exit_code == 0
    assert [question for question, *_ in agent.asked] == ["plan", "apply"]
    assert "Apply these changes?" not in result.output


BROKEN = Failure("PortInUse", "container web-api-1: port 80 is taken\nby nginx")
RUNS = (ServiceState("redis", 1, 1, Health.HEALTHY, images=(Image("sha256:1", "redis@sha256:a"),)),)
ILL = (ServiceState("api", 1, 0, Health.DEGRADED, "2 checks failed"), ServiceState("db", 1, 1, Health.HEALTHY))


@pytest.mark.parametrize(
    ("reports", "healthy", "code", "last", "said"),
    [
        pytest.param(
            (report(done(CREATE), done(REPLACE)),),
            True,
            0,
            "Applied 2 changes in 8.4 s; 12 unchanged.",
            "",
            id="all went well",
        ),
        pytest.param(
            (report(done(CREATE), done(REPLACE), services=ILL),),
            False,
            3,
            "Applied 2 changes in 8.4 s; 12 unchanged. Not everything is healthy.",
            "! web/api: degraded, 0 of 1 ready: 2 checks failed\n",
            id="not healthy in time",
        ),
        pytest.param(
            (
                report(
                    done(CREATE),
                    Outcome(REPLACE, Status.FAILED, "no"),
                    result=Result.ERROR,
                    failure=BROKEN,
                    synced=False,
                ),
            ),
            True,
            1,
            "Applied 1 of 2 changes in 8.4 s: 1 failed; 12 unchanged.",
            "✗ web: container web-api-1: port 80 is taken (PortInUse)\n    by nginx\n",
            id="one failed",
        ),
        pytest.param(
            (report(done(CREATE), Outcome(REPLACE, Status.OVERTAKEN), synced=False),),
            True,
            1,
            "Applied 1 of 2 changes in 8.4 s: 1 overtaken; 12 unchanged.",
            "",
            id="one overtaken",
        ),
    ],
)
def test_the_result(
    run: Run, agent: Agent, *, reports: tuple[Report, ...], healthy: bool, code: int, last: str, said: str
) -> None:
    agent.planned = planned(Plan((CREATE, REPLACE), unchanged=12))
    agent.applied = Applied(reports, healthy, 8.4)
    result = run("apply", "--yes")
    assert result.exit_code == code
    assert result.stdout.splitlines()[-1] == last
    assert result.stderr == said


def test_what_does_not_hold_after_all_is_no_success(run: Run, agent: Agent) -> None:
    agent.planned = planned(Plan((HOLD,)))
    agent.applied = Applied((report(result=Result.NOOP, synced=False, plan=Plan((HOLD,))),), healthy=True)
    result = run("apply", "--yes")
    assert result.exit_code == 1
    assert result.stderr == "! web: held: volume cron_data: volumes are never removed\n"


def test_quiet_says_nothing_of_what_went_well(run: Run, agent: Agent) -> None:
    agent.events = (Started(CREATE), Ended(done(CREATE)))
    agent.applied = Applied((report(done(CREATE)),), healthy=True)
    assert run("apply", "--yes", "--quiet").output == ""


def test_json_is_the_plan_with_what_came_of_it(run: Run, agent: Agent) -> None:
    agent.planned = planned(Plan((CREATE, UPDATE), unchanged=12))
    failed = Outcome(UPDATE, Status.FAILED, "the engine said no", "EngineRefused", 0.5)
    agent.applied = Applied(
        (report(failed, done(CREATE), result=Result.ERROR, failure=BROKEN, synced=False, services=RUNS),), False, 8.4
    )
    agent.events = (Started(CREATE), Ended(done(CREATE)))
    result = run("apply", "--yes", "-o", "json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["hash"] == ARTEFACT["hash"]
    assert document["summary"]["create"] == 1
    assert [change["name"] for change in document["changes"]] == ["web_metrics", "web-redis-1"]
    assert document["outcomes"] == [
        {
            "number": 1,
            "stack": "web",
            "action": "create",
            "kind": "network",
            "name": "web_metrics",
            "status": "done",
            "detail": "",
            "reason": "",
            "seconds": 0.25,
        },
        {
            "number": 3,
            "stack": "web",
            "action": "update",
            "kind": "container",
            "name": "web-redis-1",
            "status": "failed",
            "detail": "the engine said no",
            "reason": "EngineRefused",
            "seconds": 0.5,
        },
    ]
    assert (document["result"], document["healthy"], document["synced"]) == ("error", False, False)
    assert document["reports"][0]["failure"] == {"reason": "PortInUse", "message": BROKEN.message}
    images = [{"id": "sha256:1", "digest": "redis@sha256:a"}]
    assert document["reports"][0]["services"] == [
        {"name": "redis", "ready": 1, "desired": 1, "health": "healthy", "images": images}
    ]


def test_progress_goes_to_stderr_one_line_for_each_change_of_state(run: Run, agent: Agent) -> None:
    agent.events = (Started(CREATE), Ended(done(CREATE)))
    result = run("apply", "--yes")
    assert result.stderr == "… create  network   web_metrics\n✔ create  network   web_metrics   0.2 s\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_for_an_orderly_end(
    run: Run, agent: Agent, number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[bool] = []

    def interrupt(stop: Callable[[], bool]) -> None:
        heard.append(stop())
        signal.raise_signal(number)
        heard.append(stop())
        heard.append(signal.getsignal(number) is signal.SIG_DFL)

    before = signal.getsignal(number)
    agent.on_apply = interrupt
    agent.applied = Applied((report(done(CREATE), result=Result.ERROR, synced=False),), healthy=True)
    result = run("apply", "--yes", "-o", "json")
    assert heard == [False, True, True]
    assert result.exit_code == code
    assert json.loads(result.stdout)["outcomes"][0]["status"] == "done"
    assert "steps under way are finished" in capfd.readouterr().err
    assert signal.getsignal(number) is before


def test_handlers_are_put_back_when_applying_fails(run: Run, agent: Agent) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    agent.applied = Refused("another run holds the lock", reason="Locked")
    assert run("apply", "--yes").exit_code == 5
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# --- how long it waits, and for what ---


@pytest.mark.parametrize(
    ("words", "patience"),
    [
        ((), Patience()),
        (("--timeout", "90s"), Patience(90.0)),
        (("--no-wait",), Patience(0.0)),
        (("--on-failure", "keep"), Patience(takes_back=False)),
    ],
)
@pytest.mark.parametrize("plan", [Plan((CREATE,)), Plan()], ids=["something to do", "nothing to do"])
def test_how_long_is_waited_for_health(
    run: Run, agent: Agent, words: tuple[str, ...], patience: Patience, plan: Plan
) -> None:
    agent.planned = planned(plan)
    agent.applied = Applied((report(),), healthy=True)
    assert run("apply", "--yes", *words).exit_code == 0
    assert agent.asked[-1] == ("apply", agent.planned, patience)


@pytest.mark.parametrize(
    ("health", "words", "code"),
    [
        (Health.PROGRESSING, (), 3),
        (Health.PROGRESSING, ("--no-wait",), 0),
        (Health.DEGRADED, ("--no-wait",), 3),
        (Health.MISSING, ("--no-wait",), 3),
    ],
)
def test_where_nobody_waits_what_is_on_its_way_is_well(
    run: Run, agent: Agent, health: Health, words: tuple[str, ...], code: int
) -> None:
    agent.applied = Applied((replace(report(done(CREATE)), health=health),), healthy=False)
    assert run("apply", "--yes", *words).exit_code == code


# --- some stacks, and with or without pruning ---


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")], ids=" ".join)
def test_which_part_is_meant(run: Run, agent: Agent, command: tuple[str, ...], tmp_path: Path) -> None:
    agent.applied = Applied((report(),), healthy=True)
    run(*command, str(tmp_path), "--stack", "web", "--stack", "db", "--stack", "web", "--no-prune")
    assert agent.asked[0] == ("plan", Target(tmp_path, stacks=("web", "db"), prune=False))
    twice = run(*command, "-f", "compose.yaml", "--stack", "web")
    assert (twice.exit_code, "leave out --stack" in twice.stderr) == (64, True)


def test_a_part_is_applied_by_way_of_a_file(run: Run) -> None:
    said = run("plan", "--stack", "web").stdout.splitlines()[-1]
    assert said == "Apply it by way of a file: add --out FILE, then windlass apply FILE"


@pytest.mark.parametrize("words", [("--stack", "web"), ("--prune",)])
def test_a_plan_says_itself_which_part_is_meant(
    run: Run, agent: Agent, plan_file: Path, words: tuple[str, ...]
) -> None:
    result = run("apply", "--yes", *words, str(plan_file))
    assert (result.exit_code, agent.asked) == (64, [])
    assert "a plan says itself which stacks it is about" in result.stderr


# --- plans in files ---------------------------------------------------------------------------------------------


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(ARTEFACT))
    return file


@pytest.mark.parametrize("option", [(), ("--plan",)], ids=["as the path", "by its option"])
def test_a_plan_in_a_file_is_told_from_files_to_plan(
    run: Run, agent: Agent, plan_file: Path, option: tuple[str, ...]
) -> None:
    agent.applied = Applied((report(done(CREATE)),), healthy=True)
    result = run("apply", "--yes", "--state-dir", "/state", *option, str(plan_file))
    assert result.exit_code == 0, result.stderr
    assert agent.asked[0] == ("plan again", Target(state_dir=Path("/state")), ARTEFACT)
    assert [question for question, *_ in agent.asked] == ["plan again", "apply"]


@pytest.mark.parametrize("text", ["services: {}", '{"services": {}}', "{", "[1]", ""])
def test_whatever_else_is_in_the_file_is_planned(run: Run, agent: Agent, tmp_path: Path, text: str) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(text)
    run("apply", "--yes", str(file))
    assert agent.asked[0] == ("plan", Target(file))
    refused = run("apply", "--yes", "--plan", str(file))
    assert refused.exit_code == 1
    assert f"{file} holds no plan: make one with `windlass plan --out FILE` (PlanUnknown)" in refused.stderr


def test_a_plan_that_is_not_there_is_told_as_that(run: Run, agent: Agent, tmp_path: Path) -> None:
    refused = run("apply", "--yes", "--plan", str(tmp_path / "no.json"))
    assert refused.exit_code == 64
    assert "no.json' does not exist" in " ".join(refused.stderr.split())
    assert agent.asked == []


@pytest.mark.parametrize("words", [("-p", "web", "PLAN"), ("-p", "web", "--plan", "PLAN"), (".", "--plan", "PLAN")])
def test_a_plan_says_itself_which_files_it_is_about(
    run: Run, agent: Agent, plan_file: Path, words: tuple[str, ...]
) -> None:
    result = run("apply", "--yes", *(str(plan_file) if word == "PLAN" else word for word in words))
    assert result.exit_code == 64
    assert "a plan says itself which files it is about" in result.stderr
    assert agent.asked == []


def test_a_plan_that_is_stale_is_not_applied(run: Run, agent: Agent, plan_file: Path) -> None:
    agent.planned = Refused(
        "plan 3f9c1a2b is not what would be done now\ngone: replace container a", reason="PlanStale"
    )
    result = run("apply", "--yes", "-o", "json", str(plan_file))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["failure"]["reason"] == "PlanStale"
    assert [question for question, *_ in agent.asked] == ["plan again"]
