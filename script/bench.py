"""Measures Windlass beside the bare Engine calls and `docker compose`, in one run, and says which targets it met.

It measures, so a missed target is no failure: it ends with 1 only when something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from script.benchmarks import fleet, idling, loading, looks, planner, rolling
from script.benchmarks.agent_figures import AgentFigures
from script.benchmarks.bare import BenchError
from script.benchmarks.contestants import find_compose, version_of
from script.benchmarks.course import QUICK, Course, Extent
from script.benchmarks.ground import opened
from script.benchmarks.names import (
    CONVERGING,
    FLEETS,
    IDLING,
    LOADING_FILES,
    LOOKING,
    MAKE_PLAN,
    OUTAGES,
    PARTS,
    PLANNER,
    PLANNING,
    PROBING,
    STORMING,
)
from script.benchmarks.races import Race
from script.benchmarks.results import Results

PLANNED = (1_000, 2_500, 5_000, 10_000, 20_000)


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measure(results: Results, extent: Extent) -> None:
    """Fill in the results. Raises `BenchError`."""
    parts = set(results.parts)
    compose = find_compose(os.environ)
    if not compose and parts & {LOADING_FILES, *ON_AN_ENGINE}:
        say("docker compose is not on this machine: its column is left out")
    results.machine.update(describe(compose))
    if PLANNING in parts:
        measure_planner(results)
    if LOADING_FILES in parts:
        loading.measure(results.loading, results.rounds, compose, say)
    if parts & ON_AN_ENGINE.keys():
        measure_on_an_engine(results, extent, compose)
    results.machine["load_after"] = load()


def measure_planner(results: Results) -> None:
    for number in range(results.rounds):
        for size in PLANNED:
            results.planner.add(PLANNER, size, MAKE_PLAN, planner.seconds(size))
        say(f"planner, round {number + 1} of {results.rounds}")


def measure_on_an_engine(results: Results, extent: Extent, compose: tuple[str, ...]) -> None:
    """Raises `BenchError`."""
    with opened() as ground:
        results.machine["engine"] = ground.engine.ask("GET", "/version")["Version"]
        course = Course(ground, extent, compose, results, say)
        for part, measured in ON_AN_ENGINE.items():
            if part in results.parts:
                measured(course)


def measure_converging(course: Course) -> None:
    """Raises `BenchError`."""
    ground, rounds, results = course.ground, course.extent.rounds, course.results
    for size in course.extent.services:
        floor = Race(ground, size, rounds, course.compose, results, say).run()
        agent = AgentFigures(ground, size, rounds, floor, results, say)
        agent.run(weigh=size == max(course.extent.services))


ON_AN_ENGINE: Mapping[str, Callable[[Course], None]] = {
    CONVERGING: measure_converging,
    FLEETS: fleet.measure,
    LOOKING: looks.measure,
    OUTAGES: rolling.measure_outage,
    PROBING: rolling.measure_lost,
    IDLING: idling.measure_idle,
    STORMING: idling.measure_storm,
}


def describe(compose: Sequence[str]) -> dict[str, Any]:
    """Where it is measured. A load beside our own makes the figures worth less."""
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "compose": version_of(compose) or "none",
        "load_before": load(),
    }


def load() -> float:
    return round(os.getloadavg()[0], 2)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each is measured (5)")
    parser.add_argument(
        "--services", default="20,100", metavar="N,N", help="numbers of services to converge (20,100)", type=_sizes
    )
    parser.add_argument("--only", default=PARTS, metavar="PART,PART", help=f"some of {', '.join(PARTS)}", type=_parts)
    parser.add_argument("--quick", action="store_true", help="a few services, one round: only to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there as JSON")
    parser.add_argument("-o", dest="output", choices=["text", "json"], default="text", help="what stdout gets (text)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    usual = Extent(rounds=options.rounds, services=options.services)
    options.extent = QUICK if options.quick else usual
    return options


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in text.split(","))
    if min(sizes) < 2:
        raise argparse.ArgumentTypeError("at least 2 services are needed")
    return sizes


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{min(unknown)} is none of {', '.join(PARTS)}")
    return parts


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)  # by way of every clean-up


def main(arguments: Sequence[str]) -> int:
    options = options_of(arguments)
    signal.signal(signal.SIGTERM, _end)
    results, code = Results(options.extent.rounds, options.only), 0
    try:
        measure(results, options.extent)
    except BenchError as error:
        say(f"could not be measured: {error}; what was measured before follows")
        code = 1
    except KeyboardInterrupt:
        return 130
    document = json.dumps(results.document(), indent=2)
    if options.json:
        options.json.write_text(document + "\n")
    print(results.text(), file=sys.stdout if options.output == "text" else sys.stderr)
    if options.output == "json":
        print(document)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
