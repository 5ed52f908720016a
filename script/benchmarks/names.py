"""What is measured, by whom, and the parts of a run: the rows, columns and choices by name."""

from __future__ import annotations

# The columns and rows that promises are about; whoever measures adds figures under these names.
COLD, NOOP, CHANGE, REMOVAL = "cold", "no-op", "one changed", "removal"
FLOOR, CHANGES_ONLY = "floor", "its changes only"
RECONCILE, PROCESS, COMPOSE = "reconcile", "windlass apply", "docker compose"
READING = "reading the file"
FULL_LOOK = "full look"
MEMORY, RESIDENT = "idle agent", "VmRSS"
PLANNER, MAKE_PLAN = "plan", "make_plan"
LOADING, LOAD, RENDER, CONFIG = "read a file", "the load", "windlass render", "docker compose config"
FLEET = "a fleet of stacks, cold"
LOOKS = "no-op look"
OUTAGE, LOST, ROLLOUTS = "stop-first, longest time away", "start-first, requests that failed", "start-first, rollouts"
IDLE, CPU, CREEP = "nothing to do", "processor", "many passes, memory gained"
STORM, HEARD = "storm of foreign events, processor", "storm of foreign events, heard"
HEAL = "docker rm -f to running"
MEASURED, ALONE, BEYOND = "measured", "engine alone", "beyond the engine"
NO_MEMORY = "memory"  # why something was left out

# The parts of a run, which `--only` chooses from.
PLANNING, LOADING_FILES, CONVERGING, FLEETS, LOOKING = "planner", "loading", "converging", "fleet", "looks"
OUTAGES, PROBING, IDLING, STORMING = "outage", "prober", "idle", "storm"
PARTS = (PLANNING, LOADING_FILES, CONVERGING, FLEETS, LOOKING, OUTAGES, PROBING, IDLING, STORMING)
