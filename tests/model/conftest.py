"""Agents on a model of a host, and on a real engine: each call of what these give makes the next one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.engine import Engine
from agent.kinds.image_prune import kept_by_nobody
from tests.model.fate import FatedEngine
from tests.model.images import HostWithImages
from tests.model.rig import FatedRig, ModelRig
from tests.model.trial import IMAGE, MakeAgent


@pytest.fixture
def host() -> HostWithImages:
    return HostWithImages({IMAGE: {"Cmd": ["forever"]}})


@pytest.fixture
def on_model(host: HostWithImages, tmp_path: Path) -> MakeAgent:
    def make() -> FatedRig:
        rig = ModelRig(host, tmp_path)
        rig.kept = kept_by_nobody  # images that were fetched go once nobody needs them
        rig.restart()
        return rig

    return make


@pytest.fixture
def on_engine(docker_host: str, prefix: str, tmp_path: Path) -> Iterator[MakeAgent]:
    made: list[FatedRig] = []

    def make() -> FatedRig:
        made.append(FatedRig(FatedEngine(docker_host), prefix, tmp_path))
        return made[-1]

    yield make
    for one in made:
        Engine.close(one.engine)
