"""The agent itself: how it ends."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from structlog.testing import LogCapture

from agent.daemon import Daemon


def test_what_does_not_end_in_time_is_told_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, lines = list[int](), LogCapture()

    def end(code: int) -> None:
        codes.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", end)
    daemon = Daemon.__new__(Daemon)
    daemon._witness = cast("Any", SimpleNamespace(logger=structlog.wrap_logger(None, processors=[lines])))
    with pytest.raises(SystemExit):
        daemon._leave(("turn-web",))
    assert codes == [0]
    assert [(line["event"], line["jobs"]) for line in lines.entries] == [("left", ("turn-web",))]
