"""The agent's own HTTP server: metrics, health, status and one page. It only ever reads snapshots."""

from agent.web.server import Server

__all__ = ["Server"]
