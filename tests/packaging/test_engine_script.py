"""script/engine: uses what answers, starts a daemon of its own where it may, and takes away exactly what it made."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from docker import DockerClient

Answer = TypeVar("Answer")


class Script:
    """script/engine of this checkout, with `directory` as its --dir."""

    def __init__(self, root: Path, directory: Path) -> None:
        self.command, self.directory = root / "script/engine", directory

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command, *arguments, "--dir", self.directory],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def start_private(self, *arguments: str) -> str:
        """The URL of a private engine in a network namespace."""
        done = self("start", "--private", *arguments)
        assert done.returncode == 0, done.stderr
        name, _, url = done.stdout.removesuffix("\n").partition("=")
        assert (name, url.partition("://")[0]) == ("DOCKER_HOST", "unix")
        return url


@pytest.fixture
def script(root: Path, tmp_path: Path) -> Iterator[Script]:
    made = Script(root, tmp_path / "engine")
    yield made
    assert made("stop").returncode == 0


@pytest.fixture
def private(script: Script) -> Script:
    """The script where it can start an engine: as root, with Docker's daemon installed."""
    if os.geteuid() != 0 or not shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("needs root and dockerd")
    return script


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Path]:
    """The socket of something that answers a ping as an engine does, until the test ends."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=answer_pings, args=(listening,))
        thread.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def answer_pings(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # shut down: the test is over
            return
        with connection:
            connection.recv(1024)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK")


def test_an_engine_that_answers_is_used_as_it_is(script: Script, answering: Path) -> None:
    done = script("start", DOCKER_HOST=f"unix://{answering}")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"DOCKER_HOST=unix://{answering}\n", "")
    assert script("stop").returncode == 0
    assert not script.directory.exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("restart",), ("start", "--unknown"), ("start", "--dir"), ("stop",)],
    ids=["nothing", "an unknown command", "an unknown option", "an option without its value", "stop without --dir"],
)
def test_wrong_usage(root: Path, arguments: tuple[str, ...]) -> None:
    done = subprocess.run([root / "script/engine", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (64, "")
    assert "script/engine start [--private]" in done.stderr


def test_stop_leaves_a_folder_alone_that_it_did_not_make(script: Script) -> None:
    script.directory.mkdir()
    (script.directory / "data").write_text("somebody's")
    assert script("stop").returncode == 0
    assert (script.directory / "data").read_text() == "somebody's"


@pytest.mark.engine
def test_a_private_engine_is_started_and_taken_away_whole(private: Script) -> None:
    done = private("start", "--private")
    namespace = Path("/run/netns", done.stderr.split()[-1])
    with_engine(done.stdout.strip().removeprefix("DOCKER_HOST="), lambda engine: engine.networks.create("something"))
    assert namespace.exists()
    assert private("stop").returncode == 0
    assert not private.directory.exists()
    assert not namespace.exists()


@pytest.mark.engine
def test_one_that_was_killed_is_started_again_with_its_data(private: Script) -> None:
    url = private.start_private()
    with_engine(url, lambda engine: engine.volumes.create("kept"))
    pid = daemon(private)
    os.kill(pid, signal.SIGKILL)
    assert private.start_private() == url
    assert daemon(private) != pid
    assert with_engine(url, lambda engine: [volume.name for volume in engine.volumes.list()]) == ["kept"]


@pytest.mark.engine
def test_stop_cleans_up_after_one_that_was_killed(private: Script) -> None:
    private.start_private()
    os.kill(daemon(private), signal.SIGKILL)
    assert private("stop").returncode == 0
    assert not private.directory.exists()
    assert str(private.directory) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.engine
def test_it_stays_while_somebody_uses_it(private: Script) -> None:
    url = private.start_private("--for", "1")
    assert private.start_private("--for", str(os.getpid())) == url
    assert private("stop", "--for", str(os.getpid())).returncode == 0
    assert with_engine(url, lambda engine: engine.ping())


@pytest.mark.engine
def test_a_folder_whose_name_is_too_long_for_a_socket(private: Script, tmp_path: Path) -> None:
    private.directory = tmp_path / ("long" * 30)
    socket_path = Path(private.start_private().removeprefix("unix://"))
    assert socket_path.exists()
    assert private("stop").returncode == 0
    assert not socket_path.parent.exists()


def daemon(script: Script) -> int:
    run = Path((script.directory / "windlass-engine").read_text().strip())
    return int((run / "docker.pid").read_text())


def with_engine(url: str, ask: Callable[[DockerClient], Answer]) -> Answer:
    client = DockerClient(url, timeout=60)
    try:
        return ask(client)
    finally:
        client.close()
