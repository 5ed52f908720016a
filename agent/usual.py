"""What holds on a host where nobody says otherwise: where the settings are, where the rest goes, which engine is meant.

The one thing to know: nothing heavy is imported here. A command that only reads files on a host without settings does
without the module that reads them, and starts the sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

USUAL = Path("/etc/windlass/agent.yaml")


def usual_file(path: Path = USUAL) -> Path | None:
    """The file that is read where none is named, if it is there. One that may not be looked for counts as there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return path  # reading it tells why not: to go on without it would be to go on as another instance
    return path


def default_state_dir(uid: int, environment: Mapping[str, str]) -> Path:
    """Where state goes when nobody says: the system's place for root, the user's own for everybody else."""
    if uid == 0:
        return Path("/var/lib/windlass")
    home = environment.get("XDG_STATE_HOME", "")
    if not home.startswith("/"):
        home = f"{environment.get('HOME', '/')}/.local/state"
    return Path(home) / "windlass"


def default_secrets_dir(uid: int, environment: Mapping[str, str]) -> Path:
    """Where secrets go when nobody says: what systemd made for the service, the system's place for root, or the
    user's own. All of them are in memory as a rule; whether they are is looked at before anything is written."""
    if service := environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        return Path(service) / "secrets"
    own = environment.get("XDG_RUNTIME_DIR", "")
    return Path(own if uid and own.startswith("/") else "/run") / "windlass" / "secrets"


def docker_url(given: str, environment: Mapping[str, str]) -> str:
    """The engine's address: what was given, what Docker's own client would take, or the usual socket."""
    return given or environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
