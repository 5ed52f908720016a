"""Images for the tests, made of the host's static busybox: no registry is asked for anything.

An image is loaded as the archive that `docker save` writes, so that its configuration can hold whatever an image's can.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import docker

BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "sleep", "cat", "echo", "true", "false", "httpd", "wget", "kill", "ls", "touch", "test")
FOREVER = ("sh", "-c", "trap 'exit 0' TERM INT; while true; do sleep 1 & wait; done")


def load(host: str, reference: str, ballast: int = 0, **config: Any) -> str:
    """Load an image whose configuration is `config` (Env, Cmd, Entrypoint, Volumes, …) as `reference`; its id.

    Without a Cmd it runs until it is told to stop, which it does at once. With `ballast` it has a layer more, of its
    own, of so many bytes that nothing packs.
    """
    layers = [_layer(), *([_ballast(ballast)] if ballast else [])]
    return load_layers(host, [reference], layers, {"Cmd": list(FOREVER), "Env": ["PATH=/bin"], **config})


def load_layers(host: str, references: Sequence[str], layers: Sequence[bytes], config: Mapping[str, Any]) -> str:
    """Load an image of these layers, each a tar, under all the references; its id."""
    archive = _archive(references, layers, config)
    client: Any = docker.APIClient(base_url=host)
    try:
        for _ in client.load_image(archive):
            pass
        return str(client.inspect_image(references[0])["Id"])
    finally:
        client.close()


def unload(host: str, *references: str) -> None:
    client = docker.APIClient(base_url=host)
    try:
        for reference in references:
            client.remove_image(reference, force=True)
    finally:
        client.close()


def clear(sdk: docker.APIClient, project: str, reference: str) -> None:
    """Remove the containers of a project, and every image that is called as the reference but for its tag."""
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={project}"}):
        sdk.remove_container(container["Id"], force=True)
    for image in sdk.images(name=reference.rpartition(":")[0]):
        sdk.remove_image(image["Id"], force=True)


@cache
def _layer() -> bytes:
    """One layer with busybox and its applets, the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in ("bin", "tmp"):
            tar.addfile(entry(folder, type=tarfile.DIRTYPE, mode=0o777 if folder == "tmp" else 0o755))
        program = BUSYBOX.read_bytes()
        tar.addfile(entry("bin/busybox", size=len(program), mode=0o755), io.BytesIO(program))
        for applet in APPLETS:
            tar.addfile(entry(f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox"))
    return buffer.getvalue()


def _ballast(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(entry("ballast", size=size), io.BytesIO(os.urandom(size)))
    return buffer.getvalue()


def entry(name: str, **facts: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for fact, value in facts.items():
        setattr(made, fact, value)
    return made


def _archive(references: Sequence[str], layers: Sequence[bytes], config: Mapping[str, Any]) -> bytes:
    described = {
        "architecture": _architecture(),
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
    }
    text = json.dumps(described, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    tars = {f"{number}.tar": layer for number, layer in enumerate(layers)}
    manifest = json.dumps([{"Config": name, "RepoTags": list(references), "Layers": list(tars)}]).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in {name: text, **tars, "manifest.json": manifest}.items():
            tar.addfile(entry(path, size=len(content)), io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), compresslevel=1, mtime=0)


def _architecture() -> str:
    machine = BUSYBOX.read_bytes()[18:20]  # e_machine of the ELF header
    return {b"\x3e\x00": "amd64", b"\xb7\x00": "arm64"}[machine]
