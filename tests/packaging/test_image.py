"""The demo image: its bytes come from its source, it is the same everywhere, and the engine runs it."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from script.image import build, image

ARCHITECTURES = ("amd64", "arm64")
E_MACHINE = {"amd64": 62, "arm64": 183}
READ_AND_EXECUTE, READ_AND_WRITE = 5, 6


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_program_comes_from_its_source(architecture: str) -> None:
    try:
        assembled = build.assemble(architecture)
    except build.NoAssemblerError as missing:
        pytest.skip(str(missing))
    assert assembled == image.server(architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_header_says_what_the_kernel_needs(architecture: str) -> None:
    program = image.server(architecture)
    assert program[:7] == b"\x7fELF\x02\x01\x01"
    kind, machine, _, entry, segments = struct.unpack_from("<HHIQQ", program, 16)
    load, stack = (struct.unpack_from("<IIQQQQQQ", program, segments + 56 * number) for number in (0, 1))
    base = load[3]
    assert (kind, machine) == (2, E_MACHINE[architecture])
    assert load[:3] == (1, READ_AND_EXECUTE, 0)
    assert load[5] == load[6] == len(program) < 1300
    assert base + segments < entry < base + len(program)
    assert stack[:2] == (0x6474E551, READ_AND_WRITE)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_archive_is_the_same_each_time_and_its_ids_are_those_of_its_content(architecture: str) -> None:
    first, second = (image.archive("demo:1", "hi", architecture) for _ in range(2))
    assert first == second
    files = unpacked(first)
    entry = json.loads(files["manifest.json"])[0]
    config = json.loads(files[entry["Config"]])
    assert image.image_id("demo:1", "hi", architecture) == f"sha256:{image.digest(files[entry['Config']])}"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{image.digest(files[name])}" for name in entry["Layers"]]
    assert config["architecture"] == architecture
    assert unpacked(files[entry["Layers"][0]]) == {"server": image.server(architecture)}


def test_two_tags_share_the_layer_and_differ_in_their_environment() -> None:
    files = unpacked(image.bundle(["demo:1", "demo:2"], architecture="amd64"))
    entries = json.loads(files["manifest.json"])
    environments = [json.loads(files[entry["Config"]])["config"]["Env"] for entry in entries]
    assert [entry["RepoTags"] for entry in entries] == [["demo:1"], ["demo:2"]]
    assert environments == [["MESSAGE=hello from demo:1", "VERSION=1"], ["MESSAGE=hello from demo:2", "VERSION=2"]]
    assert sorted(files) == sorted([entries[0]["Config"], entries[1]["Config"], "layer.tar", "manifest.json"])


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        image.archive("demo:1", architecture="riscv64")


def test_the_command_writes_an_archive(root: Path) -> None:
    command = [sys.executable, str(root / "script/image/image.py")]
    done = subprocess.run([*command, "demo:1", "demo:2"], capture_output=True, check=True)
    assert done.stdout == image.bundle(["demo:1", "demo:2"])
    assert subprocess.run(command, capture_output=True, check=False).returncode == 64


# --- the program by itself, in a network namespace of its own, since its port is fixed --------------------------------


@pytest.fixture(params=ARCHITECTURES)
def server(request: pytest.FixtureRequest, tmp_path: Path, program: Callable[[str], str]) -> list[str]:
    """The command that runs the server of each architecture here, under emulation where it must be."""
    architecture: str = request.param
    binary = tmp_path / "server"
    binary.write_bytes(image.server(architecture))
    binary.chmod(0o755)
    if architecture == image.own_architecture():
        return [str(binary)]
    return [program(f"qemu-{build.ARCHITECTURES[architecture]}-static"), str(binary)]


def test_the_server_answers_outlives_bad_clients_and_ends(server: list[str], tmp_path: Path) -> None:
    shown = tmp_path / "shown.txt"
    shown.write_text("x" * 70_000)
    isolated = ["unshare", "--net", "--map-root-user", sys.executable, "-m", "tests.packaging.server_probe"]
    done = subprocess.run(
        [*isolated, str(shown), *server], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no network namespace to be had: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["message"] == ["HTTP/1.1 200 OK", "text/plain; charset=utf-8", "close", "from the test\n"]
    assert seen["default"] == "hello from windlass\n"
    assert seen["posted"] == "from the test\n"
    assert seen["after a silent client"] == "from the test\n"
    assert seen["file"] == "x" * 65_536
    assert seen["no such file"] == "from the test\n"
    assert (seen["check"], seen["check without a server"]) == (0, 1)
    assert (seen["after SIGTERM"], seen["unknown option"]) == (0, 1)


# --- on a real engine -------------------------------------------------------------------------------------------------


@pytest.fixture
def tag(client: DockerClient, unique: str) -> Iterator[str]:
    """The image, loaded under a name of its own."""
    name = f"{unique}:1"
    client.images.load(image.archive(name))
    yield name
    client.images.remove(name, force=True)


@pytest.mark.engine
def test_the_engine_takes_it_under_the_computed_id(client: DockerClient, tag: str) -> None:
    found = client.images.get(tag)
    assert found.id == image.image_id(tag)
    assert found.attrs["Config"]["ExposedPorts"] == {"8080/tcp": {}}
    assert found.attrs["Config"]["User"] == "65532:65532"


@pytest.mark.engine
def test_it_becomes_healthy_answers_without_any_right_and_stops_at_once(
    client: DockerClient, tag: str, unique: str
) -> None:
    network = client.networks.create(unique)
    container = client.containers.create(
        tag,
        name=unique,
        network=unique,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        ports={"8080/tcp": ("127.0.0.1", None)},  # type: ignore[dict-item]  # None: a free port; the stubs know none
    )
    try:
        container.start()
        wait_for(lambda: state(client, unique)["Health"]["Status"] == "healthy")
        port = client.api.port(unique, 8080)[0]["HostPort"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/any/path", timeout=10) as answer:
            assert (answer.status, answer.read().decode()) == (200, f"hello from {tag}\n")
        container.stop(timeout=60)
        stopped = state(client, unique)
        assert (stopped["Status"], stopped["ExitCode"]) == ("exited", 0)
    finally:
        container.remove(force=True)
        network.remove()


def state(client: DockerClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.api.inspect_container(name)["State"]
    return found


def wait_for(seen: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {member.name: files.extractfile(member).read() for member in files}  # type: ignore[union-attr]
