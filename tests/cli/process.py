"""How a command is run as a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("docker", "requests", "git", "starlette", "uvicorn", "rich", "prometheus_client", "jinja2", "watchfiles")


def environment(**variables: str) -> dict[str, str]:
    """As this process has it, but nothing that changes what commands do or how Python buffers its output."""
    strange = ("WINDLASS", "DOCKER", "COV_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"} | variables
