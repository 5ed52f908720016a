"""The only door to the Docker SDK: one client a thread, a total deadline on each call, plain errors, counted and timed.

There is a method for each thing that the agent may do to an engine and for nothing else: no exec, no build, no prune,
and no way to remove a volume.
"""

from agent.engine.engine import Engine
from agent.engine.events import Event
from agent.engine.images import PullProgress

__all__ = ["Engine", "Event", "PullProgress"]
