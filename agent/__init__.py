"""Windlass keeps a Docker host equal to what a git repository says."""

__version__ = "0.1.0"
