"""Looks that find nothing to do, at stacks of several sizes: how what a service costs grows with their number."""

from __future__ import annotations

import time
from pathlib import Path

from script.benchmarks.course import Course
from script.benchmarks.ground import COMPOSE_FILE, compose_file
from script.benchmarks.names import FULL_LOOK, LOOKS, RECONCILE
from script.benchmarks.room import fits
from script.benchmarks.warm import Warm

TIMES = 3  # looks a round
PAUSE = 2.0  # seconds for the events of what was made to be heard


def measure(course: Course) -> None:
    """One stack that grows from size to size: what is there already need not be made again. Raises `BenchError`."""
    ground, name = course.ground, f"{course.ground.prefix}-looks"
    root = ground.home / f"{name}-files"
    warm = Warm(root, ground.home / f"{name}-state", name, ground.engine.url)
    there = 0
    try:
        for size in course.extent.looks:
            if not fits(course, LOOKS, size - there):
                break
            _grow(course, warm, root / name / COMPOSE_FILE, size)
            there = size
            _looks(course, warm, name, size)
    finally:
        warm.close()
        course.sweep(name)


def _grow(course: Course, warm: Warm, file: Path, size: int) -> None:
    """Let the stack have so many services. They are made by the turn itself, which takes no longer than bare calls."""
    course.tell(f"making {size} containers")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(compose_file(course.ground.image, size))
    warm.take(warm.read(), file.parent.name)
    course.ground.expect(file.parent.name, size)
    time.sleep(PAUSE)


def _looks(course: Course, warm: Warm, name: str, size: int) -> None:
    reading, figures = warm.read(), course.results.looks
    warm.take(reading, name)
    for number in course.rounds:
        for _ in range(TIMES):
            warm.forget()
            figures.add(LOOKS, size, FULL_LOOK, warm.take(reading, name))
            figures.add(LOOKS, size, RECONCILE, warm.take(reading, name))
        full, again = (figures.median(LOOKS, size, who) or 0.0 for who in (FULL_LOOK, RECONCILE))
        course.tell(f"looks at {size} services, {course.said(number)}: {full:.3f} s for all, {again:.3f} s by events")
