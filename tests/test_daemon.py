"""The agent itself: how it ends."""

from __future__ import annotations

import os

import pytest
import structlog
from structlog.testing import LogCapture

from agent.daemon import leave


def test_what_does_not_end_in_time_is_told_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, lines = list[int](), LogCapture()

    def end(code: int) -> None:
        codes.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit):
        leave(("turn-web",), structlog.wrap_logger(None, processors=[lines]), 143)
    assert codes == [143]
    assert [(line["event"], line["jobs"]) for line in lines.entries] == [("left", ("turn-web",))]
