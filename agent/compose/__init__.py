"""Compose files to what the host must hold: text to model to the payloads of the Engine API, without any effect.

The one thing to know: nothing here looks at the disk, the network, the clock or the environment of the process. All
that a load may see is the tree and the options that it is given.

Here are the names for loading and rendering. What a host must hold for a project comes from `agent.compose.resources`,
which is imported by itself: `windlass render` does without it, and starts sooner.
"""

from agent.compose.discovery import LoadOptions
from agent.compose.project import Admission, Project, load
from agent.compose.render import render

__all__ = ["Admission", "LoadOptions", "Project", "load", "render"]
