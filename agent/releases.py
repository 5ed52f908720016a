"""Which releases run here: our own and our libraries', and those of git and of the engine, as far as these answer.

The one thing to know: it is for a command that is to answer at once and always, so nothing heavy is imported (the door
to the engine is), and whoever does not answer in time is left out.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import socket
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from agent import __version__
from agent.source.process import Limits, run

_PATIENCE = 2.0  # seconds
_MOST = 1 << 20  # bytes of an answer


def versions(environment: Mapping[str, str], engine_url: str) -> dict[str, str]:
    """Component → version, in the order to be shown."""
    return {
        "windlass": __version__,
        "python": platform.python_version(),
        **git(environment),
        **engine(engine_url),
        "docker-sdk": importlib.metadata.version("docker"),
        "gitpython": importlib.metadata.version("gitpython"),
    }


def git(environment: Mapping[str, str], patience: float = _PATIENCE) -> dict[str, str]:
    """The git that the agent would run."""
    path = shutil.which(environment.get("GIT_PYTHON_GIT_EXECUTABLE") or "git", path=environment.get("PATH"))
    if path is None:
        return {}
    output = bytearray()
    try:
        ended = run([path, "--version"], env={}, limits=Limits(patience, _MOST), take=output.extend)
    except OSError:
        return {}
    version = output.decode(errors="replace").strip().removeprefix("git version ")
    return {"git": version} if ended.code == 0 and not ended.timed_out and version else {}


def engine(url: str, patience: float = _PATIENCE) -> dict[str, str]:
    """The engine at a `unix://` or `tcp://` address, and the newest version of its API."""
    answer: dict[str, str] = {}
    # No timeout of a socket reaches the lookup of a name; and a daemon of this kind keeps no process from ending.
    asking = threading.Thread(target=_ask, args=(url, patience, answer), daemon=True)
    asking.start()
    asking.join(patience)
    return dict(answer)


def _ask(url: str, patience: float, answer: dict[str, str]) -> None:
    try:
        with _connected(url, patience) as connection:
            connection.sendall(b"GET /version HTTP/1.0\r\nHost: engine\r\n\r\n")
            said = json.loads(_read(connection).partition(b"\r\n\r\n")[2])
        version, api = str(said["Version"]), str(said["ApiVersion"])
    except (OSError, ValueError, LookupError, TypeError):
        return  # nobody there, or no engine
    answer.update({"engine": version, "engine-api": api})


def _connected(url: str, patience: float) -> socket.socket:
    """Raises `OSError` or `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        return socket.create_connection((parts.hostname or "localhost", parts.port or 2375), patience)
    if parts.scheme != "unix":
        raise ValueError(url)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(patience)
    try:
        connection.connect(parts.path)
    except OSError:
        connection.close()
        raise
    return connection


def _read(connection: socket.socket) -> bytes:
    data = bytearray()
    while len(data) < _MOST and (chunk := connection.recv(_MOST)):
        data += chunk
    return bytes(data)
