"""The commit of the build, from whatever a package manager may have noted."""

from __future__ import annotations

import json
import re

import pytest

from agent.build import build_revision
from agent.telemetry.metrics import Metrics

COMMIT = "9f2c1ab" + "0" * 33


@pytest.mark.parametrize(
    ("note", "revision"),
    [
        (json.dumps({"url": "https://git.example/w.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}), "9f2c1ab"),
        (json.dumps({"url": "file:///src/windlass", "dir_info": {"editable": True}}), "unknown"),
        (None, "unknown"),
        ("{", "unknown"),
        ("[]", "unknown"),
        (json.dumps({"vcs_info": {"commit_id": None}}), "unknown"),
    ],
)
def test_the_revision_of_the_build(note: str | None, revision: str) -> None:
    assert build_revision(lambda: note) == revision


def test_a_build_of_which_the_revision_is_not_known_says_so() -> None:
    assert b'revision="unknown"' in Metrics("0.1.0").render("")[1]
    assert re.fullmatch("unknown|[0-9a-f]{7,40}", build_revision()), "of this installation, whichever it is"
