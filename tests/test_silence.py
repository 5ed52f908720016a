"""For how long a step may say nothing before the agent is taken to hang."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.converge import Ended, Resting, Started
from agent.handling import Handling, Hook, Stage
from agent.kinds.container_noted import PRE_STOP_LABEL
from agent.model import Action, Cause, Change, Key, Observed, Outcome, Owner, Resource, Status
from agent.silence import silence_after, silence_of

CONTAINER = Change(0, Action.REPLACE, Key("container", "a-web-1"), "a", Cause.COMMIT, "another image")
HOOK = {"Cmd": ["true"]}


def seen(**config: Any) -> Observed:
    return Observed(CONTAINER.key, "id", Owner.OURS, raw={"Config": config})


def wanted(**spec: Any) -> Resource:
    return Resource(CONTAINER.key, "a", spec, service="web")


@pytest.mark.parametrize(
    ("action", "config", "seconds"),
    [
        (Action.REPLACE, {"StopTimeout": 90}, 90.0),
        (Action.REMOVE, {"StopTimeout": None}, 10.0),
        (Action.REMOVE, {"StopTimeout": -1}, 3600.0),
        (Action.REMOVE, {}, 10.0),
        (Action.UPDATE, {"StopTimeout": 90}, 0.0),
    ],
)
def test_who_stops_a_container_waits_as_long_as_that_may_take(
    action: Action, config: dict[str, Any], seconds: float
) -> None:
    assert silence_of(replace(CONTAINER, action=action, seen=seen(**config))) == seconds


def test_who_starts_a_container_anew_stops_it_too() -> None:
    anew = replace(CONTAINER, action=Action.UPDATE, restarts=True, seen=seen(StopTimeout=600))
    assert silence_of(anew) == 600.0


def test_a_network_has_no_time_of_its_own() -> None:
    network = Observed(Key("network", "a_front"), "id", Owner.OURS, raw={"Name": "a_front"})
    assert silence_of(replace(CONTAINER, key=network.key, action=Action.UPDATE, seen=network)) == 0.0


def test_who_makes_something_stops_nothing() -> None:
    assert silence_of(replace(CONTAINER, action=Action.CREATE)) == 0.0


def test_each_of_what_runs_around_its_life_may_take_its_whole_time() -> None:
    around = wanted(hooks={"pre_start": [HOOK, HOOK], "post_start": [HOOK]})
    assert silence_of(replace(CONTAINER, action=Action.CREATE, wanted=around)) == 3 * 600.0
    there = seen(StopTimeout=20, Labels={PRE_STOP_LABEL: '[{"Cmd": ["save"]}]'})
    assert silence_of(replace(CONTAINER, action=Action.REMOVE, seen=there)) == 600.0 + 20.0


def test_a_line_of_a_build_may_be_long_in_coming() -> None:
    image = replace(CONTAINER, action=Action.CREATE, wanted=wanted(build={"digest": "1"}))
    assert silence_of(image) == 600.0
    assert silence_of(replace(image, wanted=wanted(reference="redis:7"))) == 0.0


def test_a_hook_of_a_stack_is_stopped_when_its_time_is_over() -> None:
    hook = replace(wanted(body={"StopTimeout": 400}), handling=Handling(hook=Hook(Stage.PRE_DEPLOY)))
    assert silence_of(replace(CONTAINER, action=Action.CREATE, wanted=hook)) == 400.0


def test_after_a_rest_the_old_one_may_still_have_to_be_stopped() -> None:
    change = replace(CONTAINER, seen=seen(StopTimeout=600))
    assert silence_after(Started(change)) == silence_after(Resting(change, "is not healthy yet", 1.0)) == 600.0
    assert silence_after(Ended(Outcome(change, Status.DONE))) == 0.0
