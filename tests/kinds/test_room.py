"""Whether there is room for an image, on a filesystem that is really full: of bytes, and of files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from agent.engine import Engine
from agent.errors import Refused
from agent.kinds.image_rules import INODES, MIB, refuse_without_room

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a tmpfs with the given options, which is gone after the test."""
    home = tmp_path / "data"
    home.mkdir()

    def mounted(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", home], check=False, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"only root may mount a filesystem: {done.stderr.strip()}")
        return home

    yield mounted
    subprocess.run(["umount", "--lazy", home], check=False, capture_output=True)


class Daemon:
    """Stands in for an engine that has its data in a directory."""

    def __init__(self, directory: Path, url: str = "unix:///run/docker.sock") -> None:
        self.directory, self.url = directory, url

    def info(self) -> dict[str, str]:
        return {"DockerRootDir": str(self.directory)}


def refused(directory: Path, least: int = 4 * MIB, url: str = "unix:///run/docker.sock") -> str:
    """What is said against a pull, "" for nothing."""
    try:
        refuse_without_room(cast("Engine", Daemon(directory, url)), "pull x:1", least)
    except Refused as error:
        return f"{error.reason}: {error.message}"
    return ""


def test_a_filesystem_that_is_full_of_bytes(mount: Mount) -> None:
    home = mount("size=16m")
    assert refused(home) == ""
    ballast = home / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(17 * MIB))
    assert f"DiskFull: pull x:1: {home} has 0 MiB free, and min_free_space is 4 MiB: " in refused(home)
    assert refused(home, least=0) == "", "whoever says so wants nobody to look"
    assert refused(home, url="tcp://elsewhere:2375") == "", "that one's data are elsewhere"
    ballast.unlink()
    assert refused(home) == ""


def test_a_filesystem_that_is_full_of_files(mount: Mount) -> None:
    home = mount(f"size=16m,nr_inodes={INODES + 50}")
    assert refused(home) == ""
    _fill(home)
    said = refused(home)
    assert said.startswith(f"DiskFull: pull x:1: {home} has 0 inodes free, ")
    assert "df -i" in said
    assert refused(home, least=0) == ""
    for number in range(INODES):
        (home / str(number)).unlink()
    assert refused(home) == ""


def _fill(home: Path) -> None:
    def touch() -> None:
        for number in range(INODES + 100):
            (home / str(number)).touch()

    with pytest.raises(OSError, match="No space left"):
        touch()


def test_a_filesystem_that_makes_as_many_files_as_are_needed(mount: Mount) -> None:
    """As btrfs, it says 0 of 0."""
    assert refused(mount("size=16m,nr_inodes=0")) == ""
