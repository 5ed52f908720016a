"""A plan tells of a job that it is made, when it runs, and that it does not run for that."""

from __future__ import annotations

import pytest

from agent.cli.plans import _detail_lines
from agent.handling import Handling, Schedule
from agent.model import Action, Cause, Change, Key, Resource

KEY = Key("container", "web-job-1")


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (Action.CREATE, ["        runs at 0 3 * * * Europe/Berlin, and not for this"]),
        (Action.REPLACE, ["        runs at 0 3 * * * Europe/Berlin, and not for this"]),
        (Action.UPDATE, []),
        (Action.REMOVE, []),
    ],
)
def test_a_job_that_is_made_does_not_run_for_that(action: Action, told: list[str]) -> None:
    handling = Handling(schedule=Schedule("0 3 * * *", "Europe/Berlin"))
    wanted = Resource(KEY, "web", {}, service="job", handling=handling)
    change = Change(0, action, KEY, "web", Cause.COMMIT, "does not exist yet", wanted=wanted)
    assert _detail_lines(change, verbose=False) == told
