"""The whole road: a repository, the process, an engine. What a user does and what goes wrong for one."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Callable

import docker
import docker.errors
import pytest

from agent.engine import Engine, Event
from agent.telemetry.catalogue import PHASES
from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.contents import compose, ends_when_told
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


def test_a_commit_becomes_running_containers_and_what_breaks_is_mended(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, web, path = f"{prefix}a", f"{prefix}a-web-1", f"stacks/{prefix}a/compose.yaml"
    head = fleet.push({path: compose(busybox)}, "First")
    until(lambda: started.synced_at(stack, head), "the first commit deployed")
    first = identity(sdk, web)
    assert first

    head = fleet.push({path: compose(busybox, "two")}, "Second")
    until(lambda: started.synced_at(stack, head), "the second commit deployed")
    second = identity(sdk, web)
    assert second not in {"", first}
    assert started.metric("windlass_downtime_seconds_count") == 1, "the old one was up, and stopped first"
    assert started.metric("windlass_health_wait_duration_seconds_count") == 1
    for phase in PHASES:
        assert started.metric(f'windlass_reconcile_phase_duration_seconds_count{{phase="{phase}"}}'), phase
    run = started.windlass("history", stack, "-o", "json").stdout
    assert '"environment.MESSAGE"' in run
    assert "Second" in run

    sdk.remove_container(web, force=True)
    third = until(lambda: identity(sdk, web), "the removed container again", patience=10)
    assert third != second

    sdk.disconnect_container_from_network(web, f"{prefix}a_back")
    until(
        lambda: (
            "web"
            in (sdk.inspect_container(web)["NetworkSettings"]["Networks"].get(f"{prefix}a_back") or {}).get(
                "Aliases", []
            )
        ),
        "the network and its alias again",
        patience=10,
    )
    assert identity(sdk, web) == third, "put right in place"
    until(lambda: started.synced_at(stack, head), "in sync again")
    assert 'revision=""' not in started.get("/metrics")[1]
    assert started.metric("windlass_last_progress_timestamp_seconds")
    corrected = f'windlass_drift_corrected_total{{kind="container",stack="{stack}"}}'
    until(lambda: (started.metric(corrected) or 0) >= 2, "both of them counted")
    assert started.metric(f'windlass_stack_synced{{stack="{stack}"}}') == 1

    fleet.push({path: None}, "Gone")
    until(lambda: not identity(sdk, web) or started.status()["source"]["failure"], "the end of the stack, or its guard")
    started.await_passes(stack)
    assert identity(sdk, web) == third, "the last stack is not removed by an empty repository"


@pytest.mark.slow
def test_a_broken_commit_is_refused_with_its_place_and_the_last_good_state_is_healed(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, web, path = f"{prefix}a", f"{prefix}a-web-1", f"stacks/{prefix}a/compose.yaml"
    with running(agent):
        head = fleet.push({path: compose(busybox)})
        until(lambda: agent.synced_at(stack, head), "the good commit deployed")
        before = identity(sdk, web)
        fleet.push({path: compose(busybox).replace("restart:", "restrat:")}, "A typing mistake")
        failure = until(lambda: agent.stack(stack)["failure"], "the refusal")
        problem = failure["problems"][0]
        assert (problem["file"], problem["line"], problem["column"]) == (path, 6, 5)
        assert 'did you mean "restart"' in f"{problem['message']} {problem['hint']}"
        assert agent.stack(stack)["sync"] == "out of sync"
        assert (agent.metric(f'windlass_validation_errors{{stack="{stack}"}}') or 0) == 1
        assert identity(sdk, web) == before
        sdk.remove_container(web, force=True)
        until(lambda: identity(sdk, web), "the last good state healed", patience=10)
        agent.kill()
    # The agent comes back, and what is in git is still broken: it knows what was good.
    sdk.remove_container(web, force=True)
    with running(agent):
        until(lambda: identity(sdk, web), "the last good state healed after a restart")
        head = fleet.push({path: compose(busybox, "mended")}, "Mended")
        until(lambda: agent.synced_at(stack, head), "the mended commit deployed")


def test_a_removed_service_is_pruned_and_its_volume_kept(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    db = f"  db:\n    image: {busybox}\n    restart: always\n    volumes: [data:/data]\n"
    head = fleet.push({path: compose(busybox, extra=db) + "volumes:\n  data:\n"})
    until(lambda: started.synced_at(stack, head), "both services deployed")
    assert identity(sdk, f"{stack}-db-1")
    head = fleet.push({path: compose(busybox)}, "Without db")
    until(lambda: started.synced_at(stack, head), "the service pruned")
    assert not sdk.containers(all=True, filters={"name": f"{stack}-db-1"})
    assert sdk.inspect_volume(f"{stack}_data")


def test_a_removed_stack_goes_and_the_others_stay(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    path = "stacks/{}/compose.yaml"
    one, two = f"{prefix}a", f"{prefix}b"
    head = fleet.push({path.format(one): compose(busybox), path.format(two): compose(busybox)})
    until(lambda: started.synced_at(one, head) and started.synced_at(two, head), "both stacks deployed")
    kept = identity(sdk, f"{two}-web-1")
    fleet.push({path.format(one): None}, "One stack less")
    until(lambda: started.has_left(one), "the stack gone")
    assert not sdk.containers(all=True, filters={"name": f"{one}-"})
    assert not sdk.networks(names=[f"{one}_back"])
    assert identity(sdk, f"{two}-web-1") == kept


def test_an_unchanged_host_is_not_touched(agent: Agent, fleet: Fleet, prefix: str, busybox: str) -> None:
    stack = f"{prefix}a"
    agent.extra = ("--interval", "200ms")
    with running(agent):
        head = fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox)})
        until(lambda: agent.synced_at(stack, head), "deployed")
        changing = ("create", "start", "stop", "remove", "rename", "update", "connect", "disconnect", "pull", "unpause")

        def changes() -> float:
            lines = agent.get("/metrics")[1].splitlines()
            ours = [line for line in lines if line.startswith("windlass_docker_requests_total")]
            return sum(float(line.rpartition(" ")[2]) for line in ours if any(f"_{word}" in line for word in changing))

        def looks() -> float:
            return agent.metric(f'windlass_reconciles_total{{result="noop",stack="{stack}"}}') or 0

        before, looked = changes(), looks()
        assert before > 0
        until(lambda: looks() >= looked + 5, "five more looks")
        assert changes() == before


Trouble = tuple[Callable[[str, int], str], set[str]]  # of an image and a taken port: the file; the reasons

TROUBLES: dict[str, Trouble] = {
    "an image that does not exist": (
        lambda image, port: compose("127.0.0.1:1/not/there:1"),
        {"ImagePullFailed", "RegistryUnavailable", "EngineUnavailable"},
    ),
    "a port that is taken": (
        lambda image, port: compose(image, extra=f'    ports: ["127.0.0.1:{port}:80"]'),
        {"PortInUse"},
    ),
    "a missing env file": (lambda image, port: compose(image, extra="    env_file: [no.env]"), {"FileMissing"}),
    "an undefined dependency": (
        lambda image, port: compose(image, extra="    depends_on: [nobody]"),
        {"ConfigInvalid"},
    ),
    "a dependency cycle": (
        lambda image, port: compose(
            image, extra=f"    depends_on: [other]\n  other:\n    image: {image}\n    depends_on: [web]"
        ),
        {"ConfigInvalid"},
    ),
    "a wrong type": (lambda image, port: compose(image, extra="    init: [1]"), {"ConfigInvalid"}),
    "malformed YAML": (lambda image, port: compose(image) + "  - : [", {"ConfigInvalid"}),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_trouble_is_told_everywhere_and_what_runs_keeps_running(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str, trouble: str
) -> None:
    good, bad = f"{prefix}a", f"{prefix}b"
    make, reasons = TROUBLES[trouble]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        head = fleet.push(
            {
                f"stacks/{good}/compose.yaml": compose(busybox),
                f"stacks/{bad}/compose.yaml": make(busybox, taken.getsockname()[1]),
            }
        )
        until(lambda: started.synced_at(good, head), "the other stack deployed")
        failure = until(lambda: started.stack(bad).get("failure"), "the trouble in the status")
    assert failure["reason"] in reasons, failure
    counted = f'windlass_reconcile_failures_total{{reason="{failure["reason"]}",stack="{bad}"}}'
    until(lambda: started.metric(counted), "the trouble in a metric")
    assert [line for line in started.log_lines() if line.get("stack") == bad and line["level"] == "error"]
    shown = started.windlass("status")
    assert shown.returncode == 0
    assert bad in shown.stdout
    assert identity(sdk, f"{good}-web-1")


def test_a_name_that_somebody_else_holds_is_left_alone(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack = f"{prefix}a"
    made = sdk.create_container(busybox, name=f"{stack}-web-1")["Id"]
    fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox)})
    held = until(lambda: started.stack(stack).get("held"), "the conflict")
    assert f"{stack}-web-1" in {each["name"] for each in held}
    failure = started.stack(stack)["failure"]
    assert failure["reason"] == "NameConflict"
    assert sdk.inspect_container(f"{stack}-web-1")["Id"] == made
    sdk.remove_container(made, force=True)
    until(lambda: identity(sdk, f"{stack}-web-1"), "deployed as soon as the name is free", patience=10)


@pytest.mark.slow
def test_a_git_server_that_is_away_stops_no_healing(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, web = f"{prefix}a", f"{prefix}a-web-1"
    with running(agent):
        head = fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox)})
        until(lambda: agent.synced_at(stack, head), "deployed")
        away = fleet.bare.rename(fleet.bare.with_suffix(".away"))
        until(lambda: agent.status()["source"]["failure"], "the failure in the status")
        sdk.remove_container(web, force=True)
        until(lambda: identity(sdk, web), "healed without git", patience=10)
        assert agent.get("/readyz")[0] == 503
        assert agent.get("/healthz")[0] == 200
        agent.stop()
    sdk.remove_container(web, force=True)
    with running(agent):
        until(lambda: identity(sdk, web), "healed without git after a restart")
        away.rename(fleet.bare)
        until(lambda: not agent.status()["source"]["failure"], "git is back")


def test_an_empty_repository_is_told(started: Agent) -> None:
    failure = until(lambda: (started.status().get("source") or {}).get("failure"), "the failure in the status")
    assert failure["reason"] in {"EmptyRepository", "RefNotFound"}
    assert started.metric(f'windlass_source_failure{{reason="{failure["reason"]}"}}') == 1
    (line,) = [line for line in started.log_lines() if line["event"] == "source"]
    assert (line["level"], line["reason"]) == ("error", failure["reason"])


def test_an_engine_that_is_away_is_told(agent: Agent, fleet: Fleet, prefix: str, busybox: str) -> None:
    stack = f"{prefix}a"
    agent.docker_host = f"unix://{agent.home}/nobody.sock"
    with running(agent):
        fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox)})
        failure = until(lambda: agent.stack(stack).get("failure"), "the failure")
        assert failure["reason"] == "EngineUnavailable"
        assert agent.metric("windlass_docker_up") == 0
        assert agent.get("/readyz")[0] == 503


@pytest.mark.slow
def test_of_the_commits_that_come_during_a_change_only_the_newest_is_carried_out(
    agent: Agent, fleet: Fleet, engine: Engine, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    made, opened = list[str](), threading.Event()

    def note(event: Event) -> None:
        if event.action == "create" and event.attributes.get("com.docker.compose.project") == stack:
            made.append(event.attributes["message"])

    with running(agent):
        head = fleet.push({path: ends_when_told(busybox, "one", "60s")})
        until(lambda: agent.synced_at(stack, head), "deployed")
        old = identity(sdk, f"{stack}-web-1")
        threading.Thread(target=lambda: engine.events(note, on_open=opened.set), daemon=True).start()
        assert opened.wait(10)
        fleet.push({path: ends_when_told(busybox, "two", "0s")})
        until(lambda: made, "the replacement begun")
        for message in ("three", "four", "five", "six"):
            head = fleet.push({path: ends_when_told(busybox, message, "0s")})
        until(lambda: agent.status()["source"]["revision"]["id"] == head, "the newest known")
        assert made == ["two"]
        engine.execute(old, {"Cmd": ["touch", "/tmp/go"]}, 10)
        until(lambda: agent.synced_at(stack, head), "the newest deployed")
    until(lambda: "six" in made, "its creation heard of")
    assert made == ["two", "six"]
    (run,) = json.loads(agent.windlass("history", stack, "-n", "1", "-o", "json").stdout)["runs"]
    assert (run["revision"], len(run["skipped"])) == (head, 3), "what was never tried"


def test_a_directory_is_followed_as_it_changes(agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str) -> None:
    files = agent.home / "files" / "stacks" / f"{prefix}a"
    files.mkdir(parents=True)
    (files / "compose.yaml").write_text(compose(busybox))
    agent.repo, agent.extra = str(agent.home / "files"), ("--interval", "1h")
    with running(agent):
        first = until(lambda: identity(sdk, f"{prefix}a-web-1"), "deployed")
        (files / "compose.yaml").write_text(compose(busybox, "two"))
        until(lambda: identity(sdk, f"{prefix}a-web-1") not in {"", first}, "the change deployed", patience=20)


@pytest.mark.slow
def test_the_history_may_be_deleted_at_any_time(agent: Agent, fleet: Fleet, prefix: str, busybox: str) -> None:
    stack = f"{prefix}a"
    with running(agent):
        head = fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox)})
        until(lambda: agent.synced_at(stack, head), "deployed")
        for file in (agent.home / "state").glob("state.db*"):
            file.unlink()
        head = fleet.push({f"stacks/{stack}/compose.yaml": compose(busybox, "two")}, "After the loss")
        until(lambda: agent.synced_at(stack, head), "deployed")
        until(lambda: "After the loss" in agent.windlass("history").stdout, "a history again")
        with sqlite3.connect(agent.home / "state" / "state.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
