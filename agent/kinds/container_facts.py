"""What a container is compared by: the facts of one comparison, and the normal forms of its fields.

Two values that the engine treats alike have one normal form, however a file, Compose or an older release wrote them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.kinds.container_report import ended_well
from agent.kinds.table import Spec, ip_text, look, set_or_none

HOST = "HostConfig."
CGROUPS = "CgroupVersion"  # what an engine says of how the kernel limits things
SHORT_ID = 12  # characters of an id that Docker shows


@dataclass(frozen=True)
class Facts:
    """All that one comparison of a container needs.

    `name` is the one that it is to have. `image` is the configuration of the image that it was made from, None where
    that image is gone; `local` the id that the wanted reference has on this host now, "" where it has none. `networks`
    are the ids of the networks by name, `names` the names of containers by id, `api` the version that is spoken.
    `unmoved` are files of the host that are as they were when the container was started; `rewritten` are the targets of
    mounts behind which the commit's files were written again since then, and `outdated` the names of containers in
    whose namespaces it is and that were started after it. `injected` are the targets of mounts in whose place the
    container has a copy that will do. `heals`: a failing health check is a fault.
    """

    name: str
    spec: Spec
    report: Mapping[str, Any]
    image: Mapping[str, Any] | None
    local: str = ""
    daemon: Mapping[str, Any] = field(default_factory=dict)
    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    api: tuple[int, int] = (1, 41)
    unmoved: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()
    outdated: frozenset[str] = frozenset()
    injected: frozenset[str] = frozenset()
    heals: bool = False

    @property
    def body(self) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self.spec["body"]
        return body

    def asked(self, path: str) -> Any:
        return look(self.body, path)

    def seen(self, path: str) -> Any:
        return look(self.report, path if path.startswith(HOST) else f"Config.{path}")

    def default(self, path: str) -> Any:
        return look(self.image or {}, path)


# --- normal forms -----------------------------------------------------------------------------------------------


def number(value: Any) -> int:
    return int(value or 0)


def limit(value: Any) -> int:
    """A limit of which zero and minus one both mean that there is none."""
    return max(int(value or 0), 0)


def text(value: Any) -> str:
    return str(value or "")


def ordered(value: Any) -> tuple[Any, ...]:
    return tuple(value or ())


def addresses(value: Any) -> tuple[str, ...]:
    return tuple(map(ip_text, value or ()))


def unordered(value: Any) -> tuple[str, ...]:
    return tuple(sorted({_flat(item) for item in value or ()}))


def mapping(value: Any) -> dict[str, Any]:
    return dict(value or {})


def capabilities(value: Any) -> tuple[str, ...]:
    """`net_admin` and `CAP_NET_ADMIN` are one; newer engines store the latter."""
    return tuple(sorted({str(name).upper().removeprefix("CAP_") for name in value or ()}))


def signal(value: Any) -> str:
    name = str(value or "SIGTERM").upper()
    return name if name.startswith("SIG") or name.isdigit() else f"SIG{name}"


def folder(value: Any) -> str:
    """As the engine cleans it; for Python two slashes at the beginning are another root."""
    path = posixpath.normpath(value) if value else ""
    return f"/{path.lstrip('/')}" if path.startswith("//") else path


def ports(value: Any) -> tuple[str, ...]:
    return tuple(sorted(_port(name) for name in value or ()))


def bindings(value: Any) -> dict[str, tuple[str, ...]]:
    """`80/tcp` to the addresses of the host that lead there, `127.0.0.1:8080`; an empty port is one of its choice."""
    found = {
        _port(target): tuple(sorted(f"{ip_text(one.get('HostIp'))}:{one.get('HostPort') or ''}" for one in hosts or ()))
        for target, hosts in (value or {}).items()
    }
    return {target: hosts for target, hosts in found.items() if hosts}


def restart(value: Any) -> str:
    name, tries = look(value, "Name") or "no", look(value, "MaximumRetryCount") or 0
    return f"{name}:{tries}" if name == "on-failure" and tries else str(name)


def security(value: Any) -> tuple[str, ...]:
    """Options with `=` between name and value, and the forms of `no-new-privileges` made one."""
    options = {str(option).replace(":", "=", 1) if "=" not in str(option) else str(option) for option in value or ()}
    return tuple(sorted("no-new-privileges=true" if option == "no-new-privileges" else option for option in options))


def devices(value: Any) -> tuple[str, ...]:
    return tuple(
        sorted(
            f"{one.get('PathOnHost')}:{one.get('PathInContainer')}:{one.get('CgroupPermissions') or 'rwm'}"
            for one in value or ()
        )
    )


def hosts(value: Any) -> tuple[str, ...]:
    return tuple(sorted(str(entry).replace("=", ":", 1) for entry in value or ()))


def links(value: Any) -> tuple[str, ...]:
    """`target:alias`, each once; the engine reports `/target:/self/alias`."""
    pairs = (str(link).partition(":")[::2] for link in value or ())
    return tuple(sorted({f"{target.lstrip('/')}:{alias.rpartition('/')[2]}" for target, alias in pairs}))


def environment(entries: Any) -> dict[str, str | None]:
    return {name: value if is_set else None for name, is_set, value in (str(e).partition("=") for e in entries or ())}


def program(words: Any) -> tuple[str, ...]:
    return () if list(words or ()) == [""] else tuple(words or ())


def ulimits(value: Any) -> dict[str, str]:
    return {one["Name"]: f"{one.get('Soft') or 0}:{one.get('Hard') or 0}" for one in value or ()}


def system_paths(value: Any) -> tuple[str, ...] | None:
    """None for the engine's own list of paths that are hidden; an empty one means that none is."""
    return None if value is None else tuple(sorted(value))


def volumes_from(value: Any, names: Mapping[str, str]) -> tuple[str, ...]:
    entries = (str(entry).partition(":") for entry in value or ())
    return tuple(
        sorted(name_of_id(one, names) + (f":{mode}" if mode not in ("", "rw") else "") for one, _, mode in entries)
    )


def name_of_id(container: str, names: Mapping[str, str]) -> str:
    """The name of the container that is meant by a name, an id or the usual beginning of one."""
    if container in names or len(container) < SHORT_ID or container in names.values():
        return names.get(container, container)
    return next((name for identity, name in sorted(names.items()) if identity.startswith(container)), container)


def named_owner(mode: str, names: Mapping[str, str]) -> str:
    """A mode such as `container:ID` with the name for the id; any other as it is."""
    kind, _, owner = mode.partition(":")
    return f"{kind}:{name_of_id(owner, names)}" if kind == "container" else mode


def abilities(daemon: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine says of its defaults and abilities, without what it counts and the time of its clock."""
    texts = ("LoggingDriver", CGROUPS)
    return {name: said for name, said in daemon.items() if isinstance(said, bool) or name in texts}


def is_job(spec: Spec) -> bool:
    """Whether the container is wanted to run to its end and not to stay."""
    return spec.get("state") == "completed" or bool(spec.get("job")) or "once" in spec


def is_done(spec: Spec, report: Mapping[str, Any]) -> bool:
    """Whether the container was wanted to run to its end, and has done so well."""
    return is_job(spec) and ended_well(report)


def is_scheduled(spec: Spec) -> bool:
    """Whether the container is there to run at times only."""
    return spec.get("state") == "scheduled"


def _port(name: str) -> str:
    return name if "/" in name else f"{name}/tcp"


def _flat(item: Any) -> str:
    """An item of a list as text, so that lists of mappings can be sorted; empty members are as good as absent."""
    if not isinstance(item, Mapping):
        return str(item)
    return ",".join(f"{key}={value}" for key, value in sorted(item.items()) if set_or_none(value) is not None)
