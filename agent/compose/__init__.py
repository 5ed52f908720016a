"""Compose files to what the host must hold: text to model to the payloads of the Engine API, without any effect.

The one thing to know: nothing here looks at the disk, the network, the clock or the environment of the process. All
that a load may see is the tree and the options that it is given.
"""

from agent.compose.admit import admit
from agent.compose.bindings import Target
from agent.compose.calls import engine_calls
from agent.compose.discovery import COMPOSE_FILES, LoadOptions
from agent.compose.project import Admission, Project, load
from agent.compose.render import render
from agent.compose.resources import resources

__all__ = [
    "COMPOSE_FILES",
    "Admission",
    "LoadOptions",
    "Project",
    "Target",
    "admit",
    "engine_calls",
    "load",
    "render",
    "resources",
]
