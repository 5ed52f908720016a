"""`history`, against a real store."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.images import Image
from agent.model import Failure, Outcome, Place, Plan, Problem, Report, Result, Revision, Status
from agent.store import Store
from tests.cli.conftest import Run
from tests.cli.fakes import COMMIT, CREATE, HOLD, REPLACE, UPDATE, Agent

STARTED = 1_800_000_000.0
EVIL = Revision("b" * 40, "\x1b[2Jhello", "mallory")


@pytest.fixture
def store(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two runs: one that went well, then one that failed twice in the same way."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    agent.stored = store = Store(tmp_path / "windlass.db", clock=lambda: STARTED + 120)
    store.prepare()
    plan = Plan((CREATE, REPLACE, HOLD))
    outcomes = (
        Outcome(CREATE, Status.DONE, seconds=0.04),
        Outcome(REPLACE, Status.FAILED, "port 80 is taken", "PortInUse"),
        Outcome(HOLD, Status.HELD),
    )
    store.record(Report("aaaa", "web", "git", COMMIT, Result.SUCCESS, STARTED, 8.4, plan, outcomes, synced=True))
    for run_id in ("bbbb", "cccc"):
        problems = (Problem(Place("cron/compose.yaml", 3, 5), "unknown key \x1b[1m"),)
        failure = Failure("ConfigInvalid", "cron/compose.yaml:3:5: unknown key\nand more", problems)
        store.record(Report(run_id, "cron", "interval", EVIL, Result.ERROR, STARTED + 60, 0.1, failure=failure))
    return store


def test_the_table(run: Run, store: Store) -> None:
    result = run("history", "--color=never")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "WHEN                 RUN  STACK  REVISION  TRIGGER   RESULT      CHANGES              TOOK   MESSAGE",
        "2027-01-15 08:01:00  2    cron   bbbbbbb   interval  ✗ error ×2  -"
        "                    0.1 s  cron/compose.yaml:3:5: unknown key",
        "2027-01-15 08:00:00  1    web    9f2c1ab   git       ✔ success   1 create, 1 replace"
        "  8.4 s  bump api to 2.4.1",
    ]


@pytest.mark.parametrize(
    ("words", "ids"),
    [((), ["bbbb", "aaaa"]), (("web",), ["aaaa"]), (("-n", "1"), ["bbbb"]), (("--show", "1"), ["aaaa"])],
)
def test_json(run: Run, store: Store, words: tuple[str, ...], ids: list[str]) -> None:
    document = json.loads(run("history", *words, "-o", "json").stdout)
    assert document["format"] == "1"
    assert [kept["run_id"] for kept in document["runs"]] == ids


@pytest.mark.parametrize("name", ["1", "aaaa"])
def test_one_run_in_full(run: Run, store: Store, name: str) -> None:
    assert run("history", "--show", name).stdout.splitlines() == [
        "Run       1 (aaaa)",
        "Stack     web",
        'Revision  git 9f2c1ab "bump api to 2.4.1" (anna)',
        "Trigger   git",
        "Result    ✔ success after 8.4 s",
        "Started   2027-01-15 08:00:00",
        "",
        "✔ create network web_metrics: commit: is not there (0.0 s)",
        "✗ replace container web-api-1: commit: image, env.LOG_LEVEL changed (failed port 80 is taken)",
        "    image          ghcr.io/acme/api:2.4.0 → ghcr.io/acme/api:2.4.1",
        '    env.LOG_LEVEL  "info" → "debug"',
        "    env.DB_PASS    *** (before) → *** (after)",
        "! hold volume cron_data: prune: volumes are never removed (held)",
    ]


SKIPPED = (Revision("5" * 40, "once again", "bert"), Revision("6" * 40, "and again", "anna"))
BROUGHT = Revision("4f2a1c9" + "0" * 33, "raise \x1b[1mit", "bert")


def test_the_commit_is_told_that_brought_it_where_the_run_is_at_a_later_one(run: Run, store: Store) -> None:
    brought, drifted = replace(CREATE, commit=BROUGHT), UPDATE
    for run_id, commit in {"dddd": BROUGHT, "eeee": COMMIT}.items():
        outcomes = (Outcome(brought, Status.DONE), Outcome(drifted, Status.DONE))
        plan = Plan((brought, drifted))
        done = Report(run_id, "web", "git", COMMIT, Result.SUCCESS, STARTED, 8.4, plan, outcomes, True, commit=commit)
        store.record(replace(done, skipped=SKIPPED))
    later, same = (run("history", "--color=never").stdout.splitlines()[number] for number in (2, 1))
    assert later.endswith(r'8.4 s  git 4f2a1c9 "raise \x1b[1mit" (bert)')
    assert same.endswith("8.4 s  bump api to 2.4.1")
    lines = run("history", "--show", "dddd").stdout.splitlines()
    assert lines[2:4] == [
        'Revision    git 9f2c1ab "bump api to 2.4.1" (anna)',
        r'Because of  git 4f2a1c9 "raise \x1b[1mit" (bert)',
    ]
    assert r'✔ create network web_metrics: git 4f2a1c9 "raise \x1b[1mit" (bert): is not there (0.0 s)' in lines
    assert "✔ update container web-redis-1: drift: changed outside git (0.0 s)" in lines
    (kept,) = json.loads(run("history", "--show", "dddd", "-o", "json").stdout)["runs"]
    assert kept["commit"] == {"id": BROUGHT.id, "subject": BROUGHT.subject, "author": "bert"}
    assert [line for line in lines if "again" in line] == [
        'Skipped     git 5555555 "once again" (bert)',
        '            git 6666666 "and again" (anna)',
    ]
    assert [one["id"] for one in kept["skipped"]] == ["5" * 40, "6" * 40]


def test_a_run_that_no_commit_is_the_cause_of_is_blamed_on_none(run: Run, store: Store) -> None:
    plan, outcomes = Plan((HOLD, UPDATE)), (Outcome(UPDATE, Status.DONE),)
    store.record(Report("dddd", "web", "event", COMMIT, Result.SUCCESS, STARTED, 8.4, plan, outcomes, synced=True))
    assert run("history").stdout.splitlines()[1].endswith("8.4 s  drift: changed outside git")


def test_what_a_container_was_made_from(run: Run, store: Store) -> None:
    made = Outcome(REPLACE, Status.DONE), {REPLACE.key.name: Image("sha256:1", "ghcr.io/acme/api@sha256:a")}
    plan, (outcome, images) = Plan((REPLACE,)), made
    store.record(
        Report("dddd", "web", "git", COMMIT, Result.SUCCESS, STARTED, 8.4, plan, (outcome,), synced=True, images=images)
    )
    assert "\n    made from      ghcr.io/acme/api@sha256:a\n" in run("history", "--show", "dddd").stdout
    (kept,) = json.loads(run("history", "--show", "dddd", "-o", "json").stdout)["runs"]
    assert kept["changes"][0]["image"] == "ghcr.io/acme/api@sha256:a"


def test_a_run_that_failed_again_and_again(run: Run, store: Store) -> None:
    shown = run("history", "--show", "2").stdout
    assert "Last      2027-01-15 08:02:00, the same 2 times\n" in shown
    assert shown.endswith("\n\n" + r"cron/compose.yaml:3:5: unknown key \x1b[1m" + "\n")
    assert r'git bbbbbbb "\x1b[2Jhello" (mallory)' in shown
    assert "\x1b" not in shown


def test_an_unknown_run(run: Run, store: Store) -> None:
    result = run("history", "--show", "99")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: there is no run '99': `windlass history` lists those that are kept (NoSuchRun)\n"


def test_nothing_is_kept_yet(run: Run, store: Store) -> None:
    result = run("history", "nosuch")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No runs of stack nosuch are kept.\n")


def test_without_an_agent(run: Run) -> None:
    assert run("history").exit_code == 6


def test_the_number_of_runs_is_at_least_one(run: Run) -> None:
    assert run("history", "-n", "0").exit_code == 64
