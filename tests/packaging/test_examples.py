"""manifests-example and charts: what a newcomer copies is taken by the agent as it stands, and teaches good habits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import compose, fleet
from agent.compose import LoadOptions
from agent.compose.bindings import Target
from agent.compose.resources import resources
from agent.model import Snapshot
from agent.source.directory import DirectorySource
from agent.tree import Tree

STACKS = ("docs", "shop", "workers")
TARGET = Target(directory="/var/lib/windlass/stacks/x", files="/var/lib/windlass/files")


@pytest.fixture
def tree(root: Path) -> Tree:
    return snapshot(root / "manifests-example").tree


def snapshot(path: Path) -> Snapshot:
    return DirectorySource(path).sync()


def services(tree: Tree, stack: str, environment: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    options = LoadOptions(directory=f"stacks/{stack}", environment=environment or {})
    rendered: dict[str, dict[str, Any]] = compose.render(compose.load(tree, options), "/fleet")["services"]
    return rendered


def test_the_fleet_has_its_stacks(tree: Tree) -> None:
    assert tuple(found.name for found in fleet.stacks(tree)) == STACKS


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (
            "shop",
            [
                "container/shop-db-1",
                "container/shop-web-1",
                "image/windlass/demo:1",
                "network/shop_backend",
                "volume/shop_data",
            ],
        ),
        ("docs", ["container/docs-web-1", "file/*", "image/windlass/demo:1", "network/docs_default"]),
        (
            "workers",
            [
                "container/workers-worker-1",
                "container/workers-worker-2",
                "image/windlass/demo:2",
                "network/workers_default",
            ],
        ),
    ],
)
def test_each_stack_becomes_what_its_comments_say(tree: Tree, stack: str, expected: list[str]) -> None:
    project = compose.load(tree, LoadOptions(directory=f"stacks/{stack}"))
    keys = sorted(str(resource.key) for resource in resources(project, tree, TARGET))
    assert [key if not key.startswith("file/") else "file/*" for key in keys] == expected
    assert project.warnings == ()


@pytest.mark.parametrize(("stack", "variable", "port"), [("shop", "SHOP_PORT", 18080), ("docs", "DOCS_PORT", 18081)])
def test_ports_are_the_machines_own_and_can_be_chosen(tree: Tree, stack: str, variable: str, port: int) -> None:
    for environment, expected in ({}, port), ({variable: "20123"}, 20123):
        published = [
            (each["host_ip"], int(each["published"]))
            for service in services(tree, stack, environment).values()
            for each in service.get("ports", [])
        ]
        assert published == [("127.0.0.1", expected)]


def test_the_environment_file_yields_to_the_compose_file(tree: Tree) -> None:
    environment = services(tree, "workers")["worker"]["environment"]
    assert environment == {"QUEUE": "thumbnails", "BATCH_SIZE": "20"}


@pytest.mark.parametrize("stack", STACKS)
def test_every_image_is_one_that_the_demo_makes(tree: Tree, stack: str) -> None:
    images = {service["image"] for service in services(tree, stack).values()}
    assert images <= {"windlass/demo:1", "windlass/demo:2"}


@pytest.mark.parametrize("chart", ["monitoring"])
def test_each_chart_is_a_stack_that_the_agent_takes(root: Path, chart: str) -> None:
    tree = snapshot(root / "charts" / chart).tree
    project = compose.load(tree, LoadOptions(default_name=chart))
    assert project.name == chart
    kinds = {resource.key.kind for resource in resources(project, tree, TARGET)}
    assert kinds == {"container", "file", "image", "network", "volume"}
