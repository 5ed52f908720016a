"""`status`, against a real store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.cli import status as command
from agent.cli.status import status_lines, verdict
from agent.images import Image
from agent.model import Health
from agent.store import Store
from agent.telemetry.overview import (
    EngineStatus,
    FailureStatus,
    Held,
    Overview,
    ProblemStatus,
    RevisionStatus,
    ServiceCount,
    SourceStatus,
    StackStatus,
    Sync,
)
from tests.cli.conftest import Run
from tests.cli.fakes import Agent

NOW = 1_800_000_000.0
HEAD = RevisionStatus("9f2c1ab" + "0" * 33, "9f2c1ab", "bump api")
OLD = RevisionStatus("31c09de" + "0" * 33, "31c09de")
WEB = StackStatus(
    "web", Sync.SYNCED, Health.HEALTHY, HEAD, HEAD, ServiceCount(3, 3), NOW - 130, 8.4, "applied in 8.4 s"
)
JOBS = StackStatus("jobs", Sync.OUT_OF_SYNC, Health.PROGRESSING, HEAD, HEAD, ServiceCount(1, 2), NOW, None, "2 to do")
BAD = StackStatus(
    "bad",
    Sync.OUT_OF_SYNC,
    Health.UNKNOWN,
    None,
    HEAD,
    message="bad/compose.yaml:3:5: \x1b[31munknown key",
    failure=FailureStatus(
        "ConfigInvalid", "…", (ProblemStatus("bad/compose.yaml", 3, 5, "unknown key", "services.a"),)
    ),
    held=(Held("volume", "bad_data", "keeps data"),),
)
MEDIA = StackStatus("media", Sync.SYNCED, Health.SUSPENDED, OLD, OLD, ServiceCount(4, 4), NOW - 3 * 86400)
FLEET = Overview(
    host="edge-01",
    version="0.4.0",
    started=NOW - 1000,
    source=SourceStatus("git@github.com:acme/fleet.git", "main", ".", HEAD, NOW - 41, NOW + 19),
    engine=EngineStatus(True, "27.3.1", "1.47"),
    stacks=(BAD, JOBS, MEDIA, WEB),
)

GOLDEN = r"""
Host   edge-01   Source  git@github.com:acme/fleet.git  main@9f2c1ab  (fetched 41 s ago)
Agent  0.4.0     Mode    apply   Next  in 19 s
Engine 27.3.1 (API 1.47)

STACK  SYNC           HEALTH         REVISION  SERVICES  CHANGED     MESSAGE
bad    ! out of sync  ? unknown      -         0/0       -           bad/compose.yaml:3:5: \x1b[31munknown key
jobs   ! out of sync  … progressing  9f2c1ab   1/2       now         2 to do
media  ✔ synced       ‖ suspended    31c09de   4/4       3 days ago
web    ✔ synced       ✔ healthy      9f2c1ab   3/3       2 min ago   applied in 8.4 s
""".strip()


@pytest.fixture
def store(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(command, "time", SimpleNamespace(time=lambda: NOW))
    agent.stored = store = Store(tmp_path / "windlass.db")
    return store


def test_the_table(run: Run, store: Store) -> None:
    store.save_overview(FLEET.document())
    result = run("status", "--color", "never")
    assert (result.exit_code, result.stdout.rstrip(), result.stderr) == (0, GOLDEN, "")


def test_verbose_lists_every_mistake_and_everything_held(run: Run, store: Store) -> None:
    store.save_overview(FLEET.document())
    result = run("status", "--verbose")
    assert result.stdout.endswith(
        "\n\nstack bad\n  bad/compose.yaml:3:5: services.a: unknown key\n  ! volume bad_data: keeps data\n"
    )


def test_verbose_tells_what_runs(run: Run, store: Store) -> None:
    images = {"api": (Image("sha256:1", "registry.example/api@sha256:a"), Image("sha256:2")), "db": (), "web": ()}
    store.save_overview(Overview(stacks=(replace(WEB, images=images),)).document())
    assert run("status", "--verbose").stdout.endswith(
        "\n\nstack web\n  api  registry.example/api@sha256:a\n  api  sha256:2\n"
    )


def test_verbose_tells_which_commit_last_brought_something(run: Run, store: Store) -> None:
    commit = RevisionStatus("4f2a1c9" + "0" * 33, "4f2a1c9", "raise \x1b[1mit", "bert")
    store.save_overview(Overview(stacks=(replace(WEB, commit=commit),)).document())
    assert run("status", "--verbose").stdout.endswith(
        '\n\nstack web\n  changed by git 4f2a1c9 "raise \\x1b[1mit" (bert)\n'
    )


def test_json_is_the_document_that_the_agent_saved(run: Run, store: Store) -> None:
    newer = FLEET.document() | {"from a newer release": 1}
    store.save_overview(newer)
    assert json.loads(run("status", "-o", "json").stdout) == json.loads(json.dumps(newer))


def test_stacks_that_are_named_are_shown_alone(run: Run, store: Store) -> None:
    store.save_overview(FLEET.document())
    table = run("status", "web", "media").stdout
    assert [line.partition(" ")[0] for line in table.splitlines()[-3:]] == ["STACK", "media", "web"]
    document = json.loads(run("status", "web", "-o", "json").stdout)
    assert document == json.loads(json.dumps(replace(FLEET, stacks=(WEB,)).document()))
    assert [run("status", "--exit-code", name).exit_code for name in ("web", "jobs")] == [0, 2]
    unknown = run("status", "wep")
    assert (unknown.exit_code, unknown.stdout) == (64, "")
    assert "there is no stack named 'wep': did you mean 'web'?" in unknown.stderr


def test_what_ails_the_source_and_the_engine_is_in_the_head() -> None:
    problems = (ProblemStatus("windlass.yaml", 1, 1, "no"), ProblemStatus("windlass.yaml", 2, 1, "no"))
    overview = Overview(
        host="edge-01",
        version="0.4.0",
        source=SourceStatus(
            "https://git.example/f",
            "v1",
            "hosts/a",
            failure=FailureStatus("Unreachable", "no answer\nfor 60 s", problems),
        ),
        engine=EngineStatus(failure=FailureStatus("EngineUnavailable", "cannot connect")),
    )
    assert status_lines(overview, NOW) == [
        "Host   edge-01   Source  https://git.example/f hosts/a  v1  (never fetched)",
        "Agent  0.4.0     Mode    apply",
        "Source \x1b[31m✗\x1b[0m no answer (Unreachable), and 1 more",
        "Engine \x1b[31m✗\x1b[0m cannot connect (EngineUnavailable)",
        "",
        "No stacks.",
    ]


@pytest.mark.parametrize(
    ("overview", "code"),
    [
        pytest.param(replace(FLEET, stacks=(WEB, MEDIA)), 0, id="synced and healthy"),
        pytest.param(replace(FLEET, stacks=(WEB, JOBS)), 2, id="out of sync"),
        pytest.param(replace(FLEET, stacks=(replace(WEB, health=Health.DEGRADED),)), 3, id="not healthy"),
        pytest.param(
            replace(FLEET, stacks=(WEB,), source=replace(FLEET.source, failure=FailureStatus("Unreachable", "no"))),
            2,
            id="source fails",
        ),
        pytest.param(replace(FLEET, stacks=(WEB,), source=replace(FLEET.source, next_at=NOW - 301)), 6, id="overdue"),
    ],
)
def test_the_exit_code_for_scripts(run: Run, store: Store, overview: Overview, code: int) -> None:
    store.save_overview(overview.document())
    result = run("status", "--exit-code")
    assert result.exit_code == code
    assert ("is it running?" in result.stderr) is (code == 6)
    assert run("status").exit_code == 0


def test_every_sync_and_health_has_an_icon_of_its_own_kind() -> None:
    for sync in Sync:
        assert sync.value in command._SYNC
    for health in Health:
        assert health.value in command._HEALTH
        expected = 0 if health in {Health.HEALTHY, Health.SUSPENDED} else 3
        assert verdict(Overview(stacks=(replace(WEB, health=health),)), late=False) == expected


def test_before_the_first_look(run: Run, store: Store) -> None:
    store.prepare()
    result = run("status")
    assert result.exit_code == 6
    assert "windlass run --repo URL" in result.stderr


def test_without_an_agent(run: Run, agent: Agent) -> None:
    result = run("status", "--state-dir", "/nowhere", "-o", "json")
    assert result.exit_code == 6
    assert json.loads(result.stdout)["failure"]["reason"] == "NoAgent"
    assert "say with --state-dir where" in result.stderr
    assert agent.asked == [("records", Path("/nowhere"))]


@pytest.mark.parametrize("words", [("status",), ("status", "-o", "json"), ("sync",)])
def test_a_status_of_a_release_with_other_words_is_no_bug(
    run: Run, agent: Agent, tmp_path: Path, words: tuple[str, ...]
) -> None:
    agent.stored = Store(tmp_path / "state.db")
    agent.stored.save_overview({"stacks": [{"name": "web", "health": "dormant"}]})
    result = run(*words)
    assert result.exit_code == 1
    assert "was written by another release of windlass" in result.stderr
    assert "(StatusUnreadable)" in result.stderr
