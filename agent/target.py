"""What a command is about, as its user named it. Nothing here is looked up yet: paths are as they were typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OneStack:
    """One stack, named as one names a project to `docker compose`. Paths are as they were typed."""

    files: tuple[Path, ...] = ()
    project_directory: Path | None = None
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[Path, ...] = ()
    os_env: bool = False  # its files see the variables of this process, COMPOSE_FILE and its like among them
    newest: bool = True  # keys that came after the Compose that `render` follows are read too


@dataclass(frozen=True)
class Target:
    """What a command is about: the files at `path`, or `one` stack, and the host that they are for. None means the
    default."""

    path: Path = Path()  # a compose file, a stack's directory or a repository's root
    one: OneStack | None = None
    state_dir: Path | None = None
    docker_host: str | None = None
    host: str | None = None
    instance: str | None = None
    config: Path | None = None  # the settings file of the agent: its variables, and what is not given above
    rev: str = ""  # the revision to be read instead of what lies at the path; "" with `repo`: the one that is followed
    repo: str = ""  # the repository to be read instead of the one that the path is in
    stacks: tuple[str, ...] = ()  # the only ones that are meant of all that are there; none: all of them
    prune: bool | None = None  # whether what is not wanted any more is removed
    here: Path | None = None  # where relative paths begin, when that is not where the user stands
    named: bool = False  # whether that path was given although it is the one that is meant without
