"""Makes the demo's images, without a registry, an engine or a build tool: an archive for `docker load`.

The same input gives the same bytes, and so the same image id, on every machine: times are fixed, and every id is
computed. All images share one layer with one file, the server of server-ARCH.S; they differ in VERSION and MESSAGE.

    script/image/image.py windlass/demo:1 windlass/demo:2 | docker load
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "AMD64": "amd64"}
SECOND = 1_000_000_000  # the Engine API counts in nanoseconds
CREATED = "2000-01-01T00:00:00Z"


def archive(tag: str, message: str = "", architecture: str = "") -> bytes:
    """One image as `docker load` takes it; see `bundle`."""
    return bundle([tag], message, architecture)


def bundle(tags: Sequence[str], message: str = "", architecture: str = "") -> bytes:
    """An archive with one image a tag ("windlass/demo:2").

    VERSION is what follows the tag's colon. Without `message` a server says which image it is. `architecture` is
    "amd64" or "arm64", that of this machine if empty; ValueError for any other.
    """
    architecture = architecture or own_architecture()
    layer = tar({"server": (server(architecture), 0o555)})
    files, manifest = {"layer.tar": (layer, 0o444)}, []
    for tag in tags:
        config = encoded(configuration(tag, message or f"hello from {tag}", architecture, digest(layer)))
        name = f"{digest(config)}.json"
        files[name] = (config, 0o444)
        manifest.append({"Config": name, "Layers": ["layer.tar"], "RepoTags": [tag]})
    return tar(files | {"manifest.json": (encoded(manifest), 0o444)})


def image_id(tag: str, message: str = "", architecture: str = "") -> str:
    """The id ("sha256:…") that the engine will give to the image of `archive`."""
    architecture = architecture or own_architecture()
    layer = tar({"server": (server(architecture), 0o555)})
    config = configuration(tag, message or f"hello from {tag}", architecture, digest(layer))
    return f"sha256:{digest(encoded(config))}"


def configuration(tag: str, message: str, architecture: str, layer: str) -> dict[str, Any]:
    """The image's own JSON document. `layer` is the digest of its one layer."""
    return {
        "architecture": architecture,
        "os": "linux",
        "created": CREATED,
        "config": {
            "User": "65532:65532",
            "Entrypoint": ["/server"],
            "Env": [f"MESSAGE={message}", f"VERSION={tag.rpartition(':')[2]}"],
            "ExposedPorts": {"8080/tcp": {}},
            "Healthcheck": {
                "Test": ["CMD", "/server", "--check"],
                "Interval": SECOND,
                "Timeout": SECOND,
                "Retries": 3,
                "StartPeriod": 2 * SECOND,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created": CREATED, "created_by": "script/image/image.py"}],
    }


def own_architecture() -> str:
    """What the engine calls this machine."""
    machine = platform.machine()
    if machine not in MACHINES:
        raise ValueError(f"the demo image is made for amd64 and arm64, not for {machine}")
    return MACHINES[machine]


def server(architecture: str) -> bytes:
    """The program, as build.py left it."""
    if architecture not in MACHINES.values():
        raise ValueError(f"the demo image is made for amd64 and arm64, not for {architecture}")
    return (HERE / f"server-{architecture}.bin").read_bytes()


def tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A tar of `files` (path: content and mode), owned by root, with nothing in it that depends on when or where."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as written:
        for path, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(content), mode, 0
            written.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def encoded(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(tags: Sequence[str]) -> int:
    if not tags or sys.stdout.isatty():
        print("usage: script/image/image.py TAG… > images.tar", file=sys.stderr)
        return 64
    sys.stdout.buffer.write(bundle(tags))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
