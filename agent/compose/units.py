"""Sizes, durations and fractions of CPUs, read and printed as the Go libraries behind Compose do:
docker/go-units for sizes, xhit/go-str2duration for durations."""

from __future__ import annotations

import re
import struct
from typing import Final

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?([a-zA-Z]*)")
_SIZE_UNITS: Final = {unit: 1024**power for power, unit in enumerate("bkmgtp")}
_SIZE_SUFFIX = re.compile(r"b?|[kmgtp](?:b|ib)?")

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_NANOSECONDS: Final = {
    "ns": 1,
    **dict.fromkeys(("us", "µs", "μs"), 10**3),
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "w": 7 * 24 * 3600 * 10**9,
}
_LONGEST: Final = 64  # characters of a number with its unit
_INT64_MAX: Final = 2**63 - 1


def size_in_bytes(text: str) -> int:
    """`64m`, `1.5g`, `1 KiB`: bytes, with 1024 as the base. Raises `ValueError`."""
    match = _SIZE.fullmatch(text) if len(text) <= _LONGEST else None
    if not match or not _SIZE_SUFFIX.fullmatch(match[2].lower()):
        raise ValueError("is no size such as 64m or 1.5g")
    size = int(float(match[1]) * _SIZE_UNITS[(match[2].lower() or "b")[0]])
    if size > _INT64_MAX:
        raise ValueError("is too large")
    return size


def nanoseconds(text: str) -> int:
    """`1m30s`, `1.5h`, `2d`: nanoseconds. Raises `ValueError`."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total = position = 0
    while match := _DURATION.match(rest, position) if len(text) <= _LONGEST else None:
        whole, _, fraction = match[1].partition(".")
        unit = _NANOSECONDS[match[2]]
        total += int(whole or "0") * unit + (int(int(fraction) * unit / 10 ** len(fraction)) if fraction else 0)
        position = match.end()
    if not rest or position < len(rest):
        raise ValueError("is no duration such as 10s or 1m30s")
    if total > _INT64_MAX:
        raise ValueError("is too long")
    return sign * total


def duration_text(value: int) -> str:
    """Nanoseconds as Go prints a duration: `1h0m0s`, `1.5s`, `100ms`."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    if value < 10**9:
        unit, factor = next((u, f) for u, f in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if value >= f or f == 1)
        return f"{sign}{_decimal(value, factor)}{unit}" if value else "0s"
    minutes, rest = divmod(value, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 10**9)}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def _decimal(value: int, factor: int) -> str:
    whole, rest = divmod(value, factor)
    return f"{whole}.{rest:0{len(str(factor)) - 1}d}".rstrip("0") if rest else str(whole)


def float32(value: float) -> float:
    """The nearest number of 32 bits. `ValueError` where there is none."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError as error:
        raise ValueError("is too large") from error


def shortest32(value: float) -> float:
    """The number with the fewest digits that is the same in 32 bits: what Compose prints for `cpus`."""
    rounded = float32(value)
    return next(
        (short for digits in range(1, 10) if float32(short := float(f"{rounded:.{digits}g}")) == rounded), rounded
    )


def nano_cpus(cpus: float) -> int:
    """Billionths of a CPU, with the rounding of Compose's 32-bit multiplication (5.7 is 5699999744)."""
    return int(float32(float32(cpus) * float32(1e9)))
