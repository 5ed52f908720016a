"""A tag that moves under a stack, from the push to what runs afterwards: a real agent, engine and registry."""

from __future__ import annotations

import json
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.agents import Agent, Fleet, running, until
from tests.e2e.seen import accepted, identity, version
from tests.engine import images
from tests.engine.registry import Registry, Tag

pytestmark = pytest.mark.engine


@pytest.fixture
def tag(registry: Registry, prefix: str, sdk: docker.APIClient) -> Iterator[Tag]:
    made = Tag(registry, prefix, sdk)
    yield made
    images.clear(sdk, f"{prefix}a", made.reference)


def made_of(sdk: docker.APIClient, name: str) -> str:
    """The id of a container's image, "" while there is none of that name."""
    try:
        return str(sdk.inspect_container(name)["Image"])
    except docker.errors.NotFound:
        return ""


def taken_back(agent: Agent, stack: str) -> float:
    series = [f'windlass_rollbacks_total{{result="{result}",stack="{stack}"}}' for result in ("success", "noop")]
    return sum(agent.metric(one) or 0 for one in series)


def compose(tag: Tag, value: str, api: str = "sleep 600") -> str:
    service = (
        f'image: "{tag.reference}", pull_policy: always, stop_grace_period: 0s, environment: {{VERSION: "{value}"}}'
    )
    return (
        "x-windlass: {rollout: {monitor: 1s}}\n"
        f'services:\n  web: {{{service}}}\n  api: {{{service}, command: [sh, -c, "{api}"]}}\n'
    )


@pytest.mark.slow
def test_a_stack_goes_back_to_the_very_images_that_it_ran_with_the_registry_away(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, registry: Registry, tag: Tag
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web, api = f"{stack}-web-1", f"{stack}-api-1"
    note = agent.home / "state" / "images.json"
    with running(agent):
        first = fleet.push({path: compose(tag, "one")}, "First")
        until(lambda: agent.synced_at(stack, first), "the first commit deployed")
        until(lambda: accepted(agent, stack) == first and note.exists(), "the first commit known to be good")
        (runs,) = agent.stack(stack)["images"]["web"]
        assert runs["id"] == tag.first
        assert runs["digest"].startswith(f"{tag.reference.rpartition(':')[0]}@sha256:")
        assert json.loads(note.read_text())[stack][web] == {"ran": runs["id"], "digest": runs["digest"]}
        moved = tag.move()
        fleet.push({path: compose(tag, "two", "exit 7")}, "Second")
        until(lambda: made_of(sdk, web) == moved, "the other image rolled out", 60)
        registry.stop()
        try:
            until(lambda: (agent.stack(stack)["failure"] or {}).get("reason") == "CrashOnStart", "the failure told")
            until(lambda: taken_back(agent, stack), "taken back")
            assert version(sdk, web) == version(sdk, api) == "one"
            assert made_of(sdk, web) == made_of(sdk, api) == tag.first
            assert tag.here() == moved, "the tag is left to whoever moved it"
            sdk.remove_container(web, force=True)
            until(lambda: identity(sdk, web), "what is good healed meanwhile")
            assert made_of(sdk, web) == tag.first
            before = identity(sdk, web), identity(sdk, api)
            agent.kill()
            agent.start()
            until(lambda: agent.stack(stack).get("failure"), "the failure known to the next process")
            fleet.push({"README.md": "unrelated"}, "Unrelated")
            until(lambda: agent.status()["source"]["revision"]["subject"] == "Unrelated", "the unrelated commit seen")
            agent.await_passes(stack)
            assert (identity(sdk, web), identity(sdk, api)) == before
            third = fleet.push({path: compose(tag, "three")}, "Third")
            until(
                lambda: (agent.stack(stack)["failure"] or {}).get("reason") == "ImagePullFailed", "the registry missed"
            )
            assert (identity(sdk, web), identity(sdk, api)) == before, "what cannot be fetched stops nothing"
            backs = taken_back(agent, stack)
        finally:
            registry.start()
        until(lambda: agent.synced_at(stack, third), "the mended commit tried again by the agent itself, and deployed")
        assert made_of(sdk, web) == made_of(sdk, api) == moved
        assert taken_back(agent, stack) == backs


@pytest.mark.slow
@pytest.mark.parametrize("failure_action", ["rollback", "pause"])
def test_an_image_that_a_followed_tag_moves_to_and_that_is_no_good_is_tried_once(
    agent: Agent, fleet: Fleet, sdk: docker.APIClient, prefix: str, tag: Tag, failure_action: str
) -> None:
    stack, path = f"{prefix}a", f"stacks/{prefix}a/compose.yaml"
    web = f"{stack}-web-1"
    text = (
        "x-windlass: {rollout: {monitor: 1s}, image_policy: digest, image_interval: 1s}\n"
        f'services: {{web: {{image: "{tag.reference}", stop_grace_period: 0s,'
        f" deploy: {{update_config: {{failure_action: {failure_action}}}}}}}}}\n"
    )
    with running(agent):
        first = fleet.push({path: text}, "First")
        until(lambda: agent.synced_at(stack, first), "the first commit deployed")
        until((agent.home / "state" / "images.json").exists, "what it runs noted")
        good = identity(sdk, web)
        bad = tag.move(Cmd=["sh", "-c", "exit 3"])
        until(lambda: (agent.stack(stack)["failure"] or {}).get("reason") == "CrashOnStart", "the failure told")
        assert tag.here() == bad
        assert identity(sdk, web) == good, "the old container itself"
        assert agent.stop() == 0
        started = sdk.inspect_container(web)["State"]["StartedAt"]
        agent.start()
        until(
            lambda: (agent.stack(stack).get("failure") or {}).get("reason") == "ImageNoGood", "told by the next process"
        )
        assert agent.stack(stack)["sync"] == "out of sync"
        assert (identity(sdk, web), sdk.inspect_container(web)["State"]["StartedAt"]) == (good, started)
        mended = tag.move()
        until(lambda: made_of(sdk, web) == mended, "the tag followed once it has moved on")
        until(lambda: agent.synced_at(stack, first), "in sync again")
