"""The only door to the Docker SDK: total deadlines, plain errors, each call counted and timed, each client lent to one
thread at a time.

There is a method for each thing that the agent may do to an engine and for nothing else: no prune, and no way to remove
a volume.
"""

from agent.engine.builds import Build, ContextFile
from agent.engine.credentials import Credentials, Login, registry_of
from agent.engine.engine import Engine
from agent.engine.events import Event
from agent.engine.images import PullProgress

__all__ = ["Build", "ContextFile", "Credentials", "Engine", "Event", "Login", "PullProgress", "registry_of"]
