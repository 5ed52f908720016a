"""The parts that services, networks and volumes are made of, with their short notations.

A part has one canonical, long form; whichever way it is written, it is read as that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from agent.compose import merge as merging
from agent.compose import ports, volumes
from agent.compose.amounts import DURATION, EXACT_SIZE
from agent.compose.findings import At
from agent.compose.merge import before_equals, port_of
from agent.compose.nodes import BROKEN, Map, Seq
from agent.compose.scalars import go_text
from agent.compose.shapes import (
    BOOLEAN,
    SCALAR_TEXT,
    TEXT,
    Field,
    Shape,
    choice,
    integer,
    is_text,
    list_of,
    mapping_of,
    pairs,
    record,
    texts,
    whole,
    wrong,
)


def _read_whole_text(value: Any, at: At) -> Any:
    if is_text(value) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return wrong(value, "a string or a whole number", at)


WHOLE: Final = whole()
WHOLE_TEXT: Final = Shape("a string or a whole number", _read_whole_text)
LABELS: Final = pairs()
OPTIONS: Final = mapping_of(SCALAR_TEXT)


def mapped(at: At, **values: Any) -> Map:
    """A mapping that nobody wrote out, all at one place."""
    result = Map(at.place)
    for key, value in values.items():
        result.put(key, mapped(at, **value) if isinstance(value, dict) else value, at.place, at.place)
    return result


# --- short notations --------------------------------------------------------------------------------------------


def _names(value: Any, at: At, make: Callable[[At], Any]) -> Any:
    """A list of names as a mapping of them; `make` gives each its value."""
    if not isinstance(value, Seq):
        return wrong(value, "a list or a mapping", at)
    result = Map(value.place)
    for name, below in texts(value, at):
        if name in result:
            below.problem(f"{below.shown(name)} is in the list already")
        else:
            result.put(name, make(below), below.place, below.place)
    return result


def or_names(long: Shape, make: Callable[[At], Any]) -> Shape:
    """A mapping, or a list of its keys."""

    def read_either(value: Any, at: At) -> Any:
        named = value if isinstance(value, Map) else _names(value, at, make)
        return named if named is BROKEN else long.read(named, at)

    return replace(long, expects="a list or a mapping", read=read_either)


def _volume(value: Any, at: At) -> Any:
    if not is_text(value):
        return wrong(value, "a string or a mapping", at)
    try:
        volume = volumes.parse(value)
    except ValueError as error:
        return at.problem(f"the volume {at.shown(value)} {error}")
    return mapped(at, **volume)


def _read_ports(value: Any, at: At) -> Any:
    """Short entries may stand for several ports, so the list is read as a whole."""
    if not isinstance(value, Seq):
        return wrong(value, "a list", at)
    long = Seq(value.place)
    for index, entry in enumerate(value):
        below = at.below(index, value.item_place(index))
        if isinstance(entry, Map):
            read = PORT.read(entry, below)
            if read is not BROKEN:
                long.add(read, below.place)
        elif entry is not BROKEN:
            for port in _short_ports(entry, below):
                long.add(port, below.place)
    return merging.unique(long, port_of)


def _short_ports(entry: Any, at: At) -> list[Map]:
    if isinstance(entry, bool | float) or not (is_text(entry) or isinstance(entry, int)):
        wrong(entry, "a string, a whole number or a mapping", at)
        return []
    try:
        port = ports.parse(go_text(entry))
    except ValueError as error:
        at.problem(f"the port {at.shown(entry)} {error}")
        return []
    if not at.findings.spend(port.container.size):
        at.problem("the ranges of ports of this stack stand for too many ports")
        return []
    return [mapped(at, **one) for one in ports.expand(port)]


def _read_ip(value: Any, at: At) -> Any:
    if is_text(value) and not ports.is_ip(value):
        return at.problem(f"{at.shown(value)} is no IP address")
    return TEXT.read(value, at)


def _env_file(value: Any, at: At) -> Any:
    return mapped(at, path=value, required=True) if is_text(value) else wrong(value, "a string or a mapping", at)


def _read_test(value: Any, at: At) -> Any:
    """The command of a health check: a string is for the image's shell."""
    if is_text(value):
        result = Seq(at.place)
        for word in ("CMD-SHELL", value):
            result.add(word, at.place)
        return result
    return list_of(TEXT).read(value, at) if isinstance(value, Seq) else wrong(value, "a string or a list", at)


def _read_extra_hosts(value: Any, at: At) -> Any:
    """Entries `host=ip`, sorted, whichever way they are written: a mapping, or a list with `=` or `:`."""
    found: list[tuple[str, At]] = []
    if isinstance(value, Map):
        for host, said in value.items():
            below = at.below(host, value.value_place(host))
            for one in said if isinstance(said, Seq) else [said]:
                found.append((f"{host}={one}", below)) if is_text(one) else wrong(one, "a string or a list", below)
    elif isinstance(value, Seq):
        for index, one in enumerate(value):
            below = at.below(index, value.item_place(index))
            found.append((one, below)) if is_text(one) else wrong(one, "a string", below)
    else:
        return wrong(value, "a list or a mapping", at)
    result = Seq(at.place)
    for entry, place in sorted((entry, below.place) for text, below in found for entry in _host_entries(text, below)):
        result.add(entry, place)
    return result


def _host_entries(text: str, at: At) -> list[str]:
    host, separator, addresses = text.partition("=") if "=" in text else text.partition(":")
    if not separator:
        at.problem(f"{at.shown(text)} has no address", "write host=address")
        return []
    if not host or ":" in host:
        at.problem(f"{at.shown(host)} is no host name")
        return []
    return [f"{host}={one[1:-1] if one[:1] + one[-1:] == '[]' else one}" for one in addresses.split(",")]


def _read_ulimit(value: Any, at: At) -> Any:
    return _ULIMIT_RANGE.read(value, at) if isinstance(value, Map) else integer().read(value, at)


def _write_ulimit(value: Any) -> Any:
    """A limit of zero is none that Compose would print."""
    return _ULIMIT_RANGE.write(value) if isinstance(value, Map) else value or {}


def _read_file_mode(value: Any, at: At) -> Any:
    if is_text(value):
        return at.problem("must be a number", "write the octal digits without quotes, with 0o before them")
    return whole(0, 2**32 - 1).read(value, at)


def _read_log_option(value: Any, at: At) -> Any:
    """One without a value is an empty text, and over another one, as everywhere, nothing."""
    if value is None:
        return None if at.partial else ""
    return SCALAR_TEXT.read(value, at)


def _read_external(value: Any, at: At) -> Any:
    """`external: {name: x}` is the old spelling; normalising moves the name to where it belongs now."""
    if not isinstance(value, Map):
        return BOOLEAN.read(value, at)
    at.warn("external.name is deprecated", "write the name beside external: true")
    return record({"name": Field(TEXT)}).read(value, at)


# --- parts of a service -----------------------------------------------------------------------------------------

DEPENDENCY: Final = record(
    {
        "condition": Field(
            choice("service_started", "service_healthy", "service_completed_successfully"), required=True
        ),
        "restart": Field(BOOLEAN),
        "required": Field(BOOLEAN, kept=True),
    }
)

ENV_FILE: Final = record(
    {
        "path": Field(TEXT, required=True),
        "required": Field(BOOLEAN, kept=True),
        "format": Field(choice("raw")),
    },
    short=_env_file,
)

HEALTHCHECK: Final = record(
    {
        "test": Field(Shape("a string or a list", _read_test, merge=merging.override)),
        "timeout": Field(DURATION, kept=True),
        "interval": Field(DURATION, kept=True),
        "retries": Field(whole(0), kept=True),
        "start_period": Field(DURATION, kept=True),
        "start_interval": Field(DURATION, kept=True),
        "disable": Field(BOOLEAN),
    }
)

_LOG_OPTIONS: Final = mapping_of(replace(SCALAR_TEXT, read=_read_log_option, nullable=True))
LOGGING: Final = record({"driver": Field(TEXT), "options": Field(_LOG_OPTIONS)}, merge=merging.logging)

SERVICE_NETWORK: Final = record(
    {
        "aliases": Field(list_of(TEXT, key=before_equals)),
        "driver_opts": Field(OPTIONS),
        "gw_priority": Field(WHOLE),
        "interface_name": Field(TEXT),
        "ipv4_address": Field(TEXT),
        "ipv6_address": Field(TEXT),
        "link_local_ips": Field(list_of(TEXT, key=before_equals)),
        "mac_address": Field(TEXT),
        "priority": Field(WHOLE),
    },
    nullable=True,
)

PORT: Final = record(
    {
        "name": Field(TEXT),
        "mode": Field(TEXT),
        "host_ip": Field(Shape("a string", _read_ip)),
        "target": Field(integer(0, 2**32 - 1), required=True, kept=True),
        "published": Field(WHOLE_TEXT),
        "protocol": Field(TEXT),
        "app_protocol": Field(TEXT),
    }
)

_PORT_LIST: Final = list_of(PORT, key=port_of)
PORTS: Final = replace(_PORT_LIST, read=_read_ports)

BIND: Final = record(
    {
        "selinux": Field(choice("z", "Z")),
        "propagation": Field(TEXT),
        "create_host_path": Field(BOOLEAN),
        "recursive": Field(choice("enabled", "disabled", "writable", "readonly")),
    }
)

SERVICE_VOLUME: Final = record(
    {
        "type": Field(choice("bind", "volume", "tmpfs", "cluster", "npipe", "image"), required=True),
        "source": Field(TEXT),
        "target": Field(TEXT, required=True),
        "read_only": Field(BOOLEAN),
        "consistency": Field(TEXT),
        "bind": Field(BIND, kept=True),
        "volume": Field(record({"labels": Field(LABELS), "nocopy": Field(BOOLEAN), "subpath": Field(TEXT)}), kept=True),
        "tmpfs": Field(
            record({"size": Field(EXACT_SIZE), "mode": Field(Shape("a number", _read_file_mode))}), kept=True
        ),
        "image": Field(record({"subpath": Field(TEXT)}), kept=True),
    },
    short=_volume,
)

_ULIMIT_RANGE: Final = record({"soft": Field(integer(), required=True), "hard": Field(integer(), required=True)})

EXTRA_HOSTS: Final = Shape("a list or a mapping", _read_extra_hosts, sorted, merging.missing)

ULIMIT: Final = Shape("a number or a mapping", _read_ulimit, _write_ulimit, merging.override)

EXTERNAL: Final = Shape("a boolean", _read_external)

IPAM: Final = record(
    {
        "driver": Field(TEXT),
        "config": Field(
            list_of(
                record(
                    {
                        "subnet": Field(TEXT),
                        "gateway": Field(TEXT),
                        "ip_range": Field(TEXT),
                        "aux_addresses": Field(mapping_of(TEXT)),
                    }
                ),
                merge=merging.by_subnet,
            )
        ),
        "options": Field(mapping_of(TEXT), printed=False),
    }
)
