"""The cases of the corpus that can be carried out here: the files, and the calls that Docker Compose made of them.

The corpus lies beside the checkout where it lies at all; the tests that need it are skipped elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

CORPUS = Path(os.environ.get("WINDLASS_TEST_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
RECORDING = "expected_calls-2.40.3-api1.51.json"
HOME = "/home/cspec"  # which the cases say must not exist
BUILT_IN = frozenset({"bridge", "default", "host", "none"})
LABEL = "com.docker.compose."

Call = dict[str, Any]


@dataclass(frozen=True)
class Case:
    folder: Path

    def __str__(self) -> str:
        return str(self.folder.relative_to(CORPUS))

    @cached_property
    def meta(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "meta.json").read_text())
        return found

    @cached_property
    def recording(self) -> str:
        return (self.folder / RECORDING).read_text()

    @cached_property
    def model(self) -> dict[str, Any]:
        """What Compose prints of the files."""
        newest = self.folder / "expected-2.40.3.json"
        file = newest if newest.exists() else self.folder / "expected.json"
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    @property
    def project(self) -> str:
        return str(self.model["name"])

    @cached_property
    def calls(self) -> list[Call]:
        found: list[Call] = json.loads(self.recording)
        return found

    def made(self, call: str) -> list[Call]:
        return [one for one in self.calls if one["call"] == call]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Of the containers."""
        return [one["body"] for one in self.made("container.create")]

    def copied_to(self, directory: Path) -> Path:
        """A copy of the files: what is not there is made when a container mounts it."""
        shutil.copytree(self.folder / "in", directory, symlinks=True)
        return directory

    def arguments(self, root: Path) -> Sequence[str]:
        return [text.replace("@ROOT@", str(root)) for text in self.meta["argv"]]

    def environment(self, root: Path) -> dict[str, str]:
        """All that the files may see of a process's environment."""
        said = {
            name: text.replace("@ROOT@", str(root)).replace("@HOME@", HOME) for name, text in self.meta["env"].items()
        }
        return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **said, "HOME": HOME, "PWD": str(self.directory(root))}

    def directory(self, root: Path) -> Path:
        """Where Compose was called, in a copy."""
        return root / Path(self.meta["project_dir"]).relative_to("in")


@cache
def cases() -> tuple[Case, ...]:
    """Every case whose calls were recorded and that can be carried out on any host, in a fixed order."""
    chosen = os.environ.get("WINDLASS_TEST_CASES", "")
    return tuple(case for case in _recorded() if chosen in str(case) and left_out(case) is None)


def tally() -> Mapping[str, int]:
    """Why cases are left out, and how many for each reason; those that remain have "" for one."""
    counts: dict[str, int] = {}
    for case in _recorded():
        reason = left_out(case) or ""
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def spread(count: int) -> list[Case]:
    """So many cases, taken evenly from all of them."""
    found = cases()
    return [found[index * len(found) // count] for index in range(min(count, len(found)))]


def _recorded() -> Iterator[Case]:
    for file in sorted(CORPUS.glob(f"valid/*/*/{RECORDING}")):
        yield Case(file.parent)


# --- what cannot be carried out on any host ---------------------------------------------------------------------


def left_out(case: Case) -> str | None:
    """Why the case is not for a host that has nothing but an engine, None where it is."""
    return next((reason for reason, applies in RULES.items() if applies(case)), None)


def _no_container(case: Case) -> bool:
    return not case.bodies


def _names_of_its_own(case: Case) -> bool:
    """A name that is not the stack's may be somebody's on the engine of the tests."""
    of_network = (call["body"]["Name"] for call in case.made("network.create"))
    of_volume = (call["body"]["Name"] for call in case.made("volume.create"))
    expected = (f"{case.project}-{labels(body, 'service')}-{labels(body, 'container-number')}" for body in case.bodies)
    containers = [call["name"] for call in case.made("container.create")]
    return containers != list(expected) or any(
        not name.startswith(f"{case.project}_") for name in (*of_network, *of_volume)
    )


def _says_its_name(case: Case) -> bool:
    """It is given another one here, which would reach its values."""
    return any("COMPOSE_PROJECT_NAME" in text for text in _texts(case))


def _external(case: Case) -> bool:
    networks = {call["body"]["Name"] for call in case.made("network.create")} | BUILT_IN
    volumes = {call["body"]["Name"] for call in case.made("volume.create")}
    names = {bind.partition(":")[0] for body in case.bodies for bind in host(body).get("Binds") or ()}
    names |= {mount.get("Source", "") for mount in _mounts(case) if mount["Type"] == "volume"}
    joined = {name for body in case.bodies for name in endpoints(body)}
    modes = {host(body).get("NetworkMode", "") for body in case.bodies}
    links = {link.partition(":")[0] for body in case.bodies for link in host(body).get("Links") or ()}
    containers = {call["name"] for call in case.made("container.create")}
    outside = {mode for mode in modes if mode.startswith("container:") and "@CID(" not in mode}
    return bool(
        joined - networks
        or outside
        or links - containers
        or {n for n in names if n and "/" not in n} - volumes - {"@ROOT@"}
    )


def _host_paths(case: Case) -> bool:
    """Paths of a host that are not those of the case; the engine makes what it does not find."""
    binds = [bind.partition(":")[0] for body in case.bodies for bind in host(body).get("Binds") or ()]
    binds += [mount["Source"] for mount in _mounts(case) if mount["Type"] == "bind"]
    devices = [(call["body"].get("DriverOpts") or {}).get("device", "") for call in case.made("volume.create")]
    return any(devices) or any(bind.startswith(("/", "@HOME@", "~")) for bind in binds)


def _devices(case: Case) -> bool:
    return any(host(body).get(member) for body in case.bodies for member in ("Devices", "DeviceRequests"))


def _drivers(case: Case) -> bool:
    return any(call["body"].get("Driver", "") not in ("", "bridge", "local") for call in case.calls if "body" in call)


def _kinds_of_mounts(case: Case) -> bool:
    return any(mount["Type"] not in ("bind", "volume", "tmpfs") for mount in _mounts(case))


def _images(case: Case) -> bool:
    """An image of a platform, by its digest, or under what is no name cannot be made up."""
    names = [body["Image"] for body in case.bodies]
    asked = any(call.get("platform") for call in case.made("container.create"))
    return asked or any("@" in name or name.endswith(":") for name in names)


def _content(case: Case) -> bool:
    """Compose copies it into the container, Windlass mounts it."""
    stores = (*case.model.get("configs", {}).values(), *case.model.get("secrets", {}).values())
    return any("content" in store or "environment" in store for store in stores)


def _programs(case: Case) -> bool:
    """What has to do something, where the programs of these tests do nothing."""
    services = case.model["services"].values()
    waits = (how.get("condition") for one in services for how in (one.get("depends_on") or {}).values())
    hooks = any(one.get(key) for one in services for key in ("post_start", "pre_stop", "pre_start"))
    return hooks or "service_completed_successfully" in waits


def _slow_health(case: Case) -> bool:
    """The first check comes after an interval, which is half a minute where nothing is said."""
    services = case.model["services"]
    waited = {
        name
        for one in services.values()
        for name, how in (one.get("depends_on") or {}).items()
        if how.get("condition") == "service_healthy"
    }
    checked = {labels(body, "service"): body.get("Healthcheck") or {} for body in case.bodies}
    return any((checked.get(name) or {}).get("Interval", 30 * 10**9) > 5 * 10**9 for name in waited)


def _refused(case: Case) -> bool:
    """What Windlass does not carry out, and says so."""
    refused = ("build", "models", "provider", "use_api_socket")
    return "TestAliasBomb" in case.folder.name or any(
        one.get(key) for one in case.model["services"].values() for key in refused
    )


RULES: Mapping[str, Callable[[Case], bool]] = {
    "makes no container": _no_container,
    "has names that are not the stack's": _names_of_its_own,
    "says the project's name": _says_its_name,
    "needs what is external": _external,
    "needs paths of a host": _host_paths,
    "needs devices": _devices,
    "needs a driver": _drivers,
    "needs a mount of another kind": _kinds_of_mounts,
    "needs a certain image": _images,
    "has content that Compose copies": _content,
    "waits for what a program does": _programs,
    "waits for a slow health check": _slow_health,
    "is refused by Windlass": _refused,
}


def labels(body: Mapping[str, Any], name: str) -> str:
    return str((body.get("Labels") or {}).get(LABEL + name, ""))


def host(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("HostConfig") or {}


def endpoints(body: Mapping[str, Any]) -> dict[str, Any]:
    return dict((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {})


def _mounts(case: Case) -> list[Mapping[str, Any]]:
    return [mount for body in case.bodies for mount in host(body).get("Mounts") or ()]


def _texts(case: Case) -> Iterator[str]:
    for file in (case.folder / "in").rglob("*"):
        if file.is_file() and re.search(r"\.ya?ml$|env", file.name):
            yield file.read_text(errors="replace")
