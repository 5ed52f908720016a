"""A witness on a stage, for the tests of what it tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from agent.store import Store
from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from agent.telemetry.sdnotify import Notifier
from agent.witness import Witness


@dataclass
class Stage:
    """A witness with a clock that the test sets, and what it has said."""

    witness: Witness
    lines: LogCapture
    now: list[float]

    def said(self, *events: str) -> list[dict[str, Any]]:
        """The lines so far that are not for debugging, those of these events where some are named."""
        told = [line for line in self.lines.entries if line["log_level"] != "debug"]
        return [dict(line) for line in told if not events or line["event"] in events]

    def settle(self) -> None:
        """Until what is to be written down has been written."""
        self.witness.writer.submit(lambda: None).result(timeout=10)

    def metric(self, series: str) -> float | None:
        text = self.witness.metrics.render("")[1].decode()
        values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")]
        return float(values[0]) if values else None


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    lines, now = LogCapture(), [1000.0]
    witness = Witness(
        metrics=Metrics("0.1.0"),
        store=Store(tmp_path / "state.db"),
        notifier=Notifier(),
        logger=structlog.wrap_logger(
            None, processors=[lines], wrapper_class=structlog.make_filtering_bound_logger("debug")
        ),
        overview=Overview("edge-01"),
        engine_facts=lambda: ("20.10.24", "1.41"),
        clock=lambda: now[0],
        wall=lambda: now[0],
    )
    yield Stage(witness, lines, now)
    witness.close()
