"""Figures, targets, and how they are printed. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured: `scene` at a `size` (services, or resources) for one contestant."""

    scene: str
    size: int
    who: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def document(self) -> dict[str, Any]:
        rounded = [round(value, 6) for value in self.values]
        facts = {"scene": self.scene, "size": self.size, "who": self.who, "unit": self.unit}
        return {**facts, "median": round(self.median, 6), "min": min(rounded), "max": max(rounded), "values": rounded}


@dataclass(frozen=True)
class Target:
    """A promise: what was measured may be `limit` at most. `value` is None where it was not measured; `why` not."""

    text: str
    value: float | None
    limit: float
    unit: str
    why: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return f"not measured: {self.why}" if self.why else "not measured"
        return "met" if self.value <= self.limit else "missed"

    def document(self) -> dict[str, Any]:
        value = None if self.value is None else round(self.value, 4)
        return {"target": self.text, "value": value, "limit": self.limit, "unit": self.unit, "verdict": self.verdict}


@dataclass
class Figures:
    """Collects what is measured, by scene, size and contestant."""

    _values: dict[tuple[str, int, str, str], list[float]] = field(default_factory=dict)

    def add(self, scene: str, size: int, who: str, value: float, unit: str = "s") -> None:
        self._values.setdefault((scene, size, who, unit), []).append(value)

    def all(self) -> list[Figure]:
        """In the order in which each was first heard of."""
        return [
            Figure(scene, size, who, tuple(values), unit) for (scene, size, who, unit), values in self._values.items()
        ]

    @property
    def sizes(self) -> list[int]:
        return sorted({size for _, size, _, _ in self._values})

    def median(self, scene: str, size: int, who: str) -> float | None:
        """None where it was not measured."""
        found = [each.median for each in self.all() if (each.scene, each.size, each.who) == (scene, size, who)]
        return found[0] if found else None

    def ratio(self, scene: str, size: int, who: str, against: str) -> float | None:
        """How many times the median of `against`; None where one of them was not measured."""
        mine, other = self.median(scene, size, who), self.median(scene, size, against)
        return mine / other if mine is not None and other else None

    def growth(self, scene: str, who: str, least: int = 0) -> float | None:
        """How the median grows from the size `least` on: 1 is linear; None with fewer than two sizes."""
        found = [each for each in self.all() if (each.scene, each.who) == (scene, who) and each.size >= least]
        return growth({each.size: each.median for each in found}) if len(found) > 1 else None


def growth(seconds: Mapping[int, float]) -> float:
    """The exponent of how time grows with size: 1 is linear, 2 is quadratic. The slope of a line through logarithms."""
    sizes = sorted(seconds)
    slope, _ = statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(seconds[size]) for size in sizes]
    )
    return slope


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, the first one as the head; the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return [lines[0].rstrip(), "-" * len(lines[0]), *(line.rstrip() for line in lines[1:])]


def shown(value: float | None, unit: str = "") -> str:
    """Three digits that mean something; "-" for what was not measured."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 or not value else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}{' ' if unit else ''}{unit}"


def figure_lines(figures: Iterable[Figure]) -> list[str]:
    """One row a scene and size, one column a contestant."""
    listed = list(figures)
    if not listed:
        return []
    contestants = list(dict.fromkeys(figure.who for figure in listed))
    rows = [["", *contestants]]
    for scene, size, unit in dict.fromkeys((figure.scene, figure.size, figure.unit) for figure in listed):
        medians = {
            each.who: each.median for each in listed if (each.scene, each.size, each.unit) == (scene, size, unit)
        }
        rows.append([f"{scene}, {size} [{unit}]", *(shown(medians.get(who)) for who in contestants)])
    return table(rows)


def target_lines(targets: Iterable[Target]) -> list[str]:
    rows = [["target", "limit", "measured", ""]]
    rows += [[each.text, shown(each.limit, each.unit), shown(each.value, each.unit), each.verdict] for each in targets]
    return table(rows)
