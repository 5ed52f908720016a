"""Images under the names that a case asks for, in which every program does nothing until it is told to stop.

What a container runs is no matter to what the engine is asked for, but it has to run: programs, and users, are those
that the case names. What is run inside of a container that runs already, a health check, ends well at once.
"""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import docker

from tests.engine.images import BUSYBOX, entry, load_layers

PROGRAM = "/.stand-in/run"
SCRIPT = b"""#!/.stand-in/busybox sh
[ $$ -eq 1 ] || [ "$PPID" != 0 ] || exit 0
trap 'exit 0' HUP INT QUIT USR1 USR2 ALRM TERM WINCH
while :; do /.stand-in/busybox sleep 600 & wait $!; done
"""


@contextmanager
def stand_ins(host: str, bodies: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """The images of the bodies, made for the block; those that are there already, and are left as they are, by name."""
    client: Any = docker.APIClient(base_url=host)
    wanted = sorted({_tagged(body["Image"]) for body in bodies})
    there = [name for name in wanted if _is_there(client, name)]
    try:
        if there:
            yield there
            return
        made = load_layers(host, wanted, [_layer(bodies)], {"Entrypoint": [PROGRAM], "Env": ["PATH=/bin"]})
        try:
            yield []
        finally:
            for name in wanted:
                if _is_there(client, name) and client.inspect_image(name)["Id"] == made:
                    client.remove_image(name, force=True)
            if _is_there(client, made):  # somebody else has given its names to another one
                client.remove_image(made, force=True)
    finally:
        client.close()


def _is_there(client: Any, name: str) -> bool:
    try:
        client.inspect_image(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _tagged(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def _layer(bodies: Sequence[Mapping[str, Any]]) -> bytes:
    users, groups = _names(bodies)
    files = {
        "etc/passwd": "".join(f"{name}:x:{number}:{number}::/:\n" for number, name in enumerate(users)).encode(),
        "etc/group": "".join(f"{name}:x:{number}:\n" for number, name in enumerate(groups)).encode(),
        ".stand-in/busybox": BUSYBOX.read_bytes(),
        **dict.fromkeys(sorted({PROGRAM.lstrip("/"), *_programs(bodies)}), SCRIPT),
    }
    folders = {"tmp", *(above for name in files for above in _above(name))}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in sorted(folders):
            tar.addfile(entry(folder, type=tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755))
        for name, content in files.items():
            mode = 0o644 if name.startswith("etc/") else 0o755
            tar.addfile(entry(name, size=len(content), mode=mode), io.BytesIO(content))
    return buffer.getvalue()


def _above(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _programs(bodies: Iterable[Mapping[str, Any]]) -> set[str]:
    """Where the programs lie that the bodies name: what is run, and what checks the health."""
    named = {"sh", "bash"}
    for body in bodies:
        named |= {body["Entrypoint"][0]} if body.get("Entrypoint") else set()
        if body.get("Entrypoint") == []:
            named |= {body["Cmd"][0]} if body.get("Cmd") else set()
        test = (body.get("Healthcheck") or {}).get("Test") or []
        named |= {test[1]} if test[:1] == ["CMD"] and len(test) > 1 else set()
    return {name.lstrip("/") if "/" in name else f"bin/{name}" for name in named if shlex.quote(name) == name}


def _names(bodies: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    users, groups = {"root": None}, {"root": None}
    for body in bodies:
        user, _, group = str(body.get("User") or "root").partition(":")
        users |= {user: None} if not user.isdecimal() else {}
        added = [group, *((body.get("HostConfig") or {}).get("GroupAdd") or ())]
        groups |= {name: None for name in added if name and not str(name).isdecimal()}
    return list(users), list(groups)
