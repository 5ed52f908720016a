"""The only door to the Docker SDK: one client a thread, a total deadline on each call, plain errors, counted and timed.

There is a method for each thing that the agent may do to an engine and for nothing else: no prune, and no way to remove
a volume or an image.
"""

from agent.engine.builds import Build, ContextFile
from agent.engine.credentials import Credentials, Login
from agent.engine.engine import Engine
from agent.engine.events import Event
from agent.engine.images import PullProgress

__all__ = ["Build", "ContextFile", "Credentials", "Engine", "Event", "Login", "PullProgress"]
