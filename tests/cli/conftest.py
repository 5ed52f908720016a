"""Runs commands inside the test's process, against a made-up agent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from agent.cli import windlass
from tests.cli.fakes import Agent

Run = Callable[..., Result]


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def run(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `windlass` with the given words. Variables of the test's own environment are out of sight."""
    for name in ("NO_COLOR", "CLICOLOR_FORCE", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, env: dict[str, str] | None = None, text: str | None = None) -> Result:
        result = CliRunner(env=env or {}).invoke(windlass, list(words), obj=agent, input=text)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
