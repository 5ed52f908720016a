"""Whether so many containers fit into the memory that the machine has to spare."""

from __future__ import annotations

from pathlib import Path

from script.benchmarks.course import Course
from script.benchmarks.names import NO_MEMORY

EACH = 20.0  # MiB that a container takes with the processes that keep it: measured are about twelve
RESERVE = 1024.0  # MiB that are left to the rest of the machine


def fits(course: Course, scene: str, containers: int) -> bool:
    """Whether so many more can be made. If not, the scene is noted as one that was left out."""
    missing = short_of(containers, available())
    if missing:
        course.results.left_out[scene] = NO_MEMORY
        course.tell(f"{scene}: {missing:.0f} MiB of memory are missing for {containers} containers")
    return not missing


def short_of(containers: int, mebibytes: float) -> float:
    """MiB that are missing to make so many containers where so many MiB are available; 0 where none are."""
    return max(0.0, containers * EACH + RESERVE - mebibytes)


def available() -> float:
    """MiB that this machine has for more."""
    lines = (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return next(int(rest.split()[0]) / 1024 for name, _, rest in lines if name == "MemAvailable")
