"""The agent's own HTTP server: metrics, health, status and one page. It only ever reads snapshots."""

from agent.web.listening import Listening
from agent.web.server import Server

__all__ = ["Listening", "Server"]
