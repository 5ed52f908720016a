"""script/demo on the engine of the tests: its steps, what `--keep` leaves, and an end before its time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

STEPS = (
    "a commit becomes running containers",
    "a commit changes a service",
    "a container is removed by hand",
    "a network is disconnected by hand",
    "a commit is broken",
    "a service is removed from git",
    "a rollout fails its health check and is taken back",
)
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(root: Path, docker_host: str, tmp_path: Path, prefix: str) -> Start:
    """Starts the demo on the engine of the tests, under names of its own."""
    # Where the checkout has no .venv, the script would first make one: what it then starts is started here.
    own = (root / ".venv/bin/windlass").exists()
    command = [str(root / "script/demo")] if own else [sys.executable, "-m", "script.demo"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINDLASS", "COV", "PYTEST"))}

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--prefix", f"{prefix}-demo", *words],
            cwd=root,
            env={**kept, "DOCKER_HOST": docker_host, "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def left(sdk: docker.APIClient, prefix: str, home: Path) -> list[str]:
    """All that there is of the demo: on the engine, on the disk, among the processes."""
    names = [name for each in sdk.containers(all=True) for name in each["Names"]]
    names += [each["Name"] for each in [*sdk.networks(), *(sdk.volumes()["Volumes"] or [])]]
    running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(home) in read(path)]
    return [name for name in names if prefix in name] + list(map(str, [*home.iterdir(), *running]))


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


def test_the_steps_are_seen_and_what_is_kept_ends_as_it_says(
    start: Start, sdk: docker.APIClient, prefix: str, tmp_path: Path
) -> None:
    process = start("--keep")
    said, _ = process.communicate(timeout=200)
    ending = said.partition("End all of it with:\n")[2]
    try:
        assert process.returncode == 0, said
        assert [f"{number}. {step}: " in said for number, step in enumerate(STEPS, 1)] == [True] * 7, said
        assert "replace   git " in said, "the plan names the commit"
        status = next(line.split()[1] for line in said.splitlines() if line.startswith("  status "))
        with urllib.request.urlopen(f"{status}healthz", timeout=10) as answer:
            assert answer.status == 200
    finally:
        if not shutil.which("docker"):
            ending = ending.splitlines()[0]  # the agent ends, and the fixture removes the rest
        done = subprocess.run(["sh", "-c", ending], capture_output=True, text=True, check=False)
    if not shutil.which("docker"):
        pytest.skip("docker's command line is not installed")
    if left(sdk, prefix, tmp_path):  # a busy engine may fail to remove a container that it has just killed
        done = subprocess.run(["sh", "-c", ending], capture_output=True, text=True, check=False)
    assert left(sdk, prefix, tmp_path) == [], done.stderr


@pytest.mark.slow
def test_an_early_end_leaves_nothing_behind(start: Start, sdk: docker.APIClient, prefix: str, tmp_path: Path) -> None:
    with start() as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[2/7]"):
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM, rest
    assert left(sdk, prefix, tmp_path) == []
