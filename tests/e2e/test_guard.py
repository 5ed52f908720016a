"""Removals that are rather mistakes than wishes, with the process, a repository and an engine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import identity

pytestmark = pytest.mark.engine


def compose(image: str, extra: str = "", name: str = "web") -> str:
    return f"services:\n  {name}:\n    image: {image}\n    restart: unless-stopped\n    stop_grace_period: 0s\n{extra}"


def approval(text: str) -> str:
    found = re.search(r"windlass approve ([0-9a-f]{12})", text)
    return found[1] if found else ""


@pytest.mark.slow
def test_stacks_that_leave_together_stay_until_just_that_is_approved(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    a, b, c = (f"{prefix}{letter}" for letter in "abc")
    files = {f"stacks/{name}/compose.yaml": compose(busybox) for name in (a, b, c)}
    with running(agent):
        head = fleet.push(files)
        until(lambda: all(agent.synced_at(name, head) for name in (a, b, c)), "all deployed")
        before = {name: identity(sdk, f"{name}-web-1") for name in (a, b)}
        fleet.push({f"stacks/{name}/compose.yaml": None for name in (a, b)}, "Retire two of three")
        until(lambda: (agent.stack(a).get("failure") or {}).get("reason") == "PruneGuard", "the first held")
        until(lambda: (agent.stack(b).get("failure") or {}).get("reason") == "PruneGuard", "the second held")
        assert {name: identity(sdk, f"{name}-web-1") for name in (a, b)} == before
        assert "2 of the 3 services here would go at once" in agent.stack(a)["message"]
        removals = approval(agent.stack(a)["message"])
        assert removals == approval(agent.stack(b)["message"])

    fleet.push({}, "The same on another branch", "other")
    agent.extra = ("--ref", "other")
    with running(agent):  # what is held is so for the next process too, and on any branch
        until(lambda: "another branch" in str(agent.status().get("source")), "the branch read")
        until(lambda: (agent.stack(a).get("failure") or {}).get("reason") == "PruneGuard", "held again")
        assert {name: identity(sdk, f"{name}-web-1") for name in (a, b)} == before
        assert agent.windlass("approve", removals).stdout == "Approved for 1 h.\n"
        until(lambda: not any(identity(sdk, f"{name}-web-1") for name in (a, b)), "both gone", patience=15)
        assert identity(sdk, f"{c}-web-1")
        noted = json.loads((agent.home / "state" / "approvals.json").read_text())
        assert noted == {removals: [f"{name}/web" for name in (a, b)]}, (
            "what an agent that is restarted halfway goes by"
        )

        fleet.push(files, "All again", "other")
        until(lambda: all(identity(sdk, f"{name}-web-1") for name in (a, b)), "all again")
        gone = {f"stacks/{name}/compose.yaml": None for name in (b, c)}
        fleet.push(gone, "Retire two of three\n\nWindlass-Allow-Prune: 2", "topic")
        fleet.push({}, "It comes with the same poll, and says nothing", "other")
        until(lambda: not any(identity(sdk, f"{name}-web-1") for name in (b, c)), "gone with the commit", patience=15)


@pytest.mark.slow
def test_an_empty_repository_is_followed_once_that_is_approved(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    head = fleet.push({path: compose(busybox), "README": "stays"})
    until(lambda: started.synced_at(stack, head), "deployed")
    fleet.push({path: None}, "Nothing is left")
    failure = until(lambda: started.status()["source"]["failure"], "the empty state told")
    assert failure["reason"] == "EmptyDesiredState"
    assert identity(sdk, f"{stack}-web-1")
    started.windlass("approve", approval(failure["message"]))
    until(lambda: not identity(sdk, f"{stack}-web-1"), "gone", patience=15)


def test_what_is_protected_is_never_pruned_whether_it_was_made_so_or_not(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    made, later = f"{stack}-made-1", f"{stack}-later-1"
    protect = "    x-windlass: {protect: true}\n"
    rest = compose(busybox).removeprefix("services:\n")

    def services(protection: str) -> str:
        return (
            compose(busybox, protect, "made") + compose(busybox, protection, "later").removeprefix("services:\n") + rest
        )

    head = fleet.push({path: services("")}, "First")
    until(lambda: started.synced_at(stack, head), "the first commit deployed")
    before = identity(sdk, later)
    head = fleet.push({path: services(protect)}, "Protects what runs")
    until(lambda: started.synced_at(stack, head), "the second commit deployed")
    assert identity(sdk, later) == before, "nothing restarts for a label"
    assert "windlass.protect" not in sdk.inspect_container(later)["Config"]["Labels"]
    assert sdk.inspect_container(made)["Config"]["Labels"]["windlass.protect"] == "true"

    fleet.push({path: compose(busybox)}, "Without both\n\nWindlass-Allow-Prune: 2")
    until(lambda: (started.stack(stack).get("failure") or {}).get("reason") == "Protected", "both held")
    held = {one["name"] for one in started.stack(stack)["held"]}
    assert held == {made, later}
    assert identity(sdk, later) == before
    assert identity(sdk, made)
    sdk.remove_container(made, force=True)
    sdk.remove_container(later, force=True)
    until(lambda: started.stack(stack)["sync"] == "synced", "in sync once they are removed by hand")


def left_with_one_of_three(agent: Agent, stack: str, image: str) -> Path:
    """The Compose file of a stack of three services that was applied, and wants just one of them now."""
    file: Path = agent.home / "files" / stack / "compose.yaml"
    file.parent.mkdir(parents=True)
    further = (compose(image, name=name).removeprefix("services:\n") for name in ("x", "y"))
    file.write_text(compose(image) + "".join(further))
    assert agent.windlass("apply", str(file.parent), "--yes").returncode == 0
    file.write_text(compose(image))
    return file


@pytest.mark.slow
def test_apply_is_held_in_the_same_way(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack = f"{prefix}a"
    file = left_with_one_of_three(agent, stack, busybox)
    planned = agent.windlass("plan", str(file.parent), "--detailed-exitcode")
    assert (planned.returncode, "2 of the 3 services" in planned.stdout) == (2, True), planned.stdout
    assert agent.windlass("apply", str(file.parent), "--yes").returncode == 1
    assert identity(sdk, f"{stack}-x-1")
    assert agent.windlass("approve", approval(planned.stdout)).returncode == 0
    applied = agent.windlass("apply", str(file.parent), "--yes")
    assert applied.returncode == 0, applied.stderr
    assert not identity(sdk, f"{stack}-x-1")
    assert identity(sdk, f"{stack}-web-1")


@pytest.mark.slow
def test_a_plan_in_a_file_does_what_was_approved_since_and_nothing_else(
    agent: Agent, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, out = f"{prefix}a", str(agent.home / "plan.json")
    file = left_with_one_of_three(agent, stack, busybox)
    planned = agent.windlass("plan", str(file.parent), "--out", out)
    held = agent.windlass("apply", out, "--yes")
    assert (held.returncode, "PruneGuard" in held.stderr) == (1, True), held.stderr
    assert agent.windlass("approve", approval(planned.stdout)).returncode == 0
    file.write_text(compose(busybox, "    labels: {moved: 'yes'}\n"))
    moved = agent.windlass("apply", out, "--yes")
    assert (moved.returncode, "PlanStale" in moved.stderr) == (1, True), moved.stderr
    assert identity(sdk, f"{stack}-x-1")
    file.write_text(compose(busybox))
    applied = agent.windlass("apply", out, "--yes")
    assert applied.returncode == 0, applied.stderr
    assert not identity(sdk, f"{stack}-x-1")
    assert not identity(sdk, f"{stack}-y-1")
    assert identity(sdk, f"{stack}-web-1")


@pytest.mark.slow
def test_an_orphaned_volume_goes_by_a_persons_word_and_a_wanted_one_never(
    started: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    volume, extra = f"{stack}_data", "    volumes: [data:/data]\nvolumes: {data: }\n"
    head = fleet.push({path: compose(busybox, extra)})
    until(lambda: started.synced_at(stack, head), "deployed")
    common = ["--instance", started.instance]
    refused = started.windlass("volume", "rm", volume, "--confirm", volume, *common)
    assert (refused.returncode, "has it, running or not" in refused.stderr) == (1, True)
    started.windlass("suspend", stack, "--reason", "takes its container away")
    until(lambda: started.stack(stack)["health"] == "suspended", "suspended")
    sdk.remove_container(f"{stack}-web-1", force=True)
    refused = started.windlass("volume", "rm", volume, "--confirm", volume, *common)
    assert (refused.returncode, "it is wanted" in refused.stderr) == (1, True)
    started.windlass("resume", stack)

    head = fleet.push({path: compose(busybox)}, "Without data")
    until(lambda: started.synced_at(stack, head), "deployed without")
    assert f"windlass volume rm {volume}" in str(started.stack(stack)["held"])
    assert volume in started.windlass("volume", "ls", *common).stdout
    removed = started.windlass("volume", "rm", volume, "--confirm", volume, *common)
    assert removed.returncode == 0, removed.stderr
    assert volume not in [one["Name"] for one in sdk.volumes()["Volumes"] or ()]
