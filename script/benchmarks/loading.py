"""How long reading Compose files takes: the load by itself, `windlass render`, and `docker compose config`, in one run.

The load is timed in a process of its own (`python -m script.benchmarks.loading FILE`), cold, from bytes on the disk to
the resolved model; starting Python and importing is what the whole process shows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.compose import LoadOptions, load, render
from agent.source.directory import DirectorySource
from script.benchmarks.contestants import output_of, timed
from script.benchmarks.ground import COMPOSE_FILE, ROOT, WINDLASS
from script.benchmarks.names import CONFIG, LOAD, LOADING, RENDER
from script.benchmarks.report import Figures

SIZES = (5, 1_000, 2_500, 5_000)
COMPARED = (5, 1_000)  # beyond that `docker compose config` takes longer than all the rest

_HEAD = """\
name: loaded
x-environment: &environment
  LOG_LEVEL: ${LOG_LEVEL:-info}
  REGION: "eu-1"
services:
"""
_SERVICE = """\
  service-{number}:
    image: registry.example/team/service-{number}:${{TAG:-1.4.2}}
    command: ["serve", "--port", "8080"]
    environment:
      <<: *environment
      NAME: service-{number}
      WORKERS: 4
      DATABASE: db-{number}
    ports:
      - "127.0.0.1:{port}:8080"
    volumes:
      - data-{number}:/data
      - ./config/service-{number}.toml:/etc/service.toml:ro
    networks: [front, back]
    labels:
      team: platform
      traefik.http.routers.s{number}.rule: Host(`s{number}.example.com`)
    healthcheck:
      test: ["CMD", "/healthy", "--port", "8080"]
      interval: 30s
      timeout: 5s
      retries: 3
    deploy:
      resources:
        limits: {{cpus: "0.5", memory: 256M}}
    restart: unless-stopped
"""


def made_up(services: int) -> str:
    """A file of so many services as people write them, some 28 lines each, every second one behind the one before."""
    lines = [_HEAD]
    for number in range(services):
        lines.append(_SERVICE.format(number=number, port=10_000 + number))
        if number % 2:
            lines.append(f"    depends_on:\n      service-{number - 1}: {{condition: service_healthy}}\n")
    lines += ["networks:\n  front:\n  back: {internal: true}\n", "volumes:\n"]
    lines += [f"  data-{number}:\n" for number in range(services)]
    return "".join(lines)


def measure(figures: Figures, rounds: int, compose: Sequence[str], say: Callable[[str], None]) -> None:
    """Add the figures of every size. Raises `BenchError`."""
    with tempfile.TemporaryDirectory(prefix="windlass-bench-") as home:
        files = {size: _written(Path(home), size) for size in SIZES}
        for number in range(rounds):
            for size, file in files.items():
                figures.add(LOADING, size, LOAD, _seconds_of_load(file))
                figures.add(LOADING, size, RENDER, timed([str(WINDLASS), "render", "-f", str(file)], {}))
                if compose and size in COMPARED:
                    figures.add(LOADING, size, CONFIG, timed([*compose, "--file", str(file), "config"], {}))
            say(f"loading, round {number + 1} of {rounds}")


def _written(home: Path, services: int) -> Path:
    file = home / str(services) / COMPOSE_FILE
    file.parent.mkdir()
    file.write_text(made_up(services))
    return file


def _seconds_of_load(file: Path) -> float:
    python = ROOT / ".venv" / "bin" / "python"
    return float(output_of([str(python), "-m", "script.benchmarks.loading", str(file)], {}))


def seconds(file: Path) -> float:
    """Of one load of the file, in this process."""
    began = time.perf_counter()
    tree = DirectorySource(file.parent).sync().tree
    model = render(load(tree, LoadOptions(files=(file.name,))), str(file.parent))
    took = time.perf_counter() - began
    if not model["services"]:
        raise AssertionError("the file is meant to have services")
    return took


if __name__ == "__main__":
    print(seconds(Path(sys.argv[1])))
