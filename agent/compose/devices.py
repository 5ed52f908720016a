"""Devices of the host that a service gets: mapped one by one, asked for by what they can do, or limited in use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from agent.compose.amounts import SIZE
from agent.compose.elements import LABELS, mapped
from agent.compose.findings import At
from agent.compose.merge import target_of
from agent.compose.nodes import BROKEN, Map, Seq
from agent.compose.shapes import TEXT, Field, Fields, Shape, integer, is_text, list_of, record, wrong

ALL: Final = -1  # as a count: every device that there is


# --- devices of the host ----------------------------------------------------------------------------------------


def _device(value: Any, at: At) -> Any:
    """`SOURCE[:TARGET[:PERMISSIONS]]`."""
    if not is_text(value):
        return wrong(value, "a string or a mapping", at)
    parts: list[str] = value.split(":")
    source, *rest = parts
    if len(rest) > 2:
        return at.problem(f"the device {at.shown(value)} has too many colons", "write source, target and permissions")
    target = rest[0] if rest else ""
    permissions = rest[1] if len(rest) > 1 else "rwm"
    return mapped(at, source=source, target=target or source, permissions=permissions)


DEVICES: Final = list_of(
    record(
        {"source": Field(TEXT, required=True), "target": Field(TEXT, required=True), "permissions": Field(TEXT)},
        short=_device,
    ),
    key=target_of,
)


# --- requests for devices ---------------------------------------------------------------------------------------


def _read_count(value: Any, at: At) -> Any:
    if is_text(value) and value.lower() == "all":
        return ALL
    return integer().read(value, at)


_REQUEST: Final[Fields] = {
    "capabilities": Field(list_of(TEXT, distinct=True)),
    "driver": Field(TEXT),
    "count": Field(Shape('a whole number or "all"', _read_count)),
    "device_ids": Field(list_of(TEXT, distinct=True), kept=True),  # none of them is not all of them
    "options": Field(LABELS),
}


def _requests(fields: Fields) -> Shape:
    """A list of requests. One that says neither how many nor which asks for all."""
    one = record(fields)

    def read_request(value: Any, at: At) -> Any:
        request = one.read(value, at)
        if request is BROKEN:
            return request
        if "count" in request and "device_ids" in request:
            return at.of(request, "count").problem("count and device_ids exclude each other")
        if not {"count", "device_ids"} & request.keys():
            request.put("count", ALL, at.place, at.place)
        return request

    return list_of(replace(one, read=read_request))


RESERVED_DEVICES: Final = _requests({**_REQUEST, "capabilities": Field(list_of(TEXT, distinct=True), required=True)})

_GPU_LIST: Final = _requests(_REQUEST)


def _read_gpus(value: Any, at: At) -> Any:
    if is_text(value):
        if value != "all":
            return at.problem(f"{at.shown(value)} is not all", "write all, or a list of what is asked for")
        result = Seq(at.place)
        result.add(mapped(at, count=ALL), at.place)
        return result
    return _GPU_LIST.read(value, at)


GPUS: Final = replace(_GPU_LIST, expects='"all" or a list', read=_read_gpus)


# --- limits of block devices ------------------------------------------------------------------------------------


def _limited(key: str, shape: Shape) -> Shape:
    """A list of one limit per device."""
    one = record({"path": Field(TEXT), key: Field(shape)})

    def read_limit(value: Any, at: At) -> Any:
        """Also as it is printed, so that what is printed can be read."""
        printed = {"Path": "path", key.title(): key}
        if not isinstance(value, Map) or not printed.keys() & value.keys():
            return one.read(value, at)
        renamed = Map(value.place)
        for name, said in value.items():
            renamed.put(printed.get(name, name), said, *value.places(name))
        return one.read(renamed, at)

    def write(value: Map) -> dict[str, Any]:
        """Compose has no names for these keys in its JSON, so they come out as its fields are called."""
        return {"Path": value.get("path", ""), key.title(): shape.write(value.get(key, 0))}

    return list_of(replace(one, read=read_limit, write=write))


_WEIGHT: Final = integer(0, 2**16 - 1)
_RATES: Final = _limited("rate", SIZE)

BLKIO: Final = record(
    {
        "weight": Field(_WEIGHT),
        "weight_device": Field(_limited("weight", _WEIGHT)),
        "device_read_bps": Field(_RATES),
        "device_read_iops": Field(_RATES),
        "device_write_bps": Field(_RATES),
        "device_write_iops": Field(_RATES),
    }
)
