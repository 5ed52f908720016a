"""A container that somebody is just removing, on the model: it is waited for, and not renamed on its way."""

from __future__ import annotations

from agent.model import Status
from tests.model.images import HostWithImages
from tests.model.trial import IMAGE, MakeAgent


def test_what_is_being_removed_is_waited_for_and_made_anew(on_model: MakeAgent, host: HostWithImages) -> None:
    agent = on_model()
    stack = agent.stack_of(f"services: {{web: {{image: '{IMAGE}'}}}}\nx-windlass: {{rollout: {{monitor: 1ns}}}}\n")
    assert agent.towards(stack).synced
    going = agent.container("web")["Id"]
    host.containers[going].state = "removing"
    (outcome,) = agent.towards(stack).outcomes
    assert (str(outcome.change.reason), outcome.status) == ("is removing", Status.OVERTAKEN)
    assert not host.containers, "nothing was made in its place while it had the name"
    assert agent.towards(stack).synced
    assert agent.container("web")["State"]["Running"]
    agent.engine.close()
