"""Runs rounds of inputs for the loader, each in a process of its own, and tells what came of them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage

from script.fuzzing.cases import parse_case
from script.fuzzing.check import Wrong, check
from script.fuzzing.rounds import ROOT
from script.fuzzing.shrink import smaller

ROUND = 300.0  # seconds; what a round keeps goes on in the next
PATIENCE = 120.0  # seconds that a round may take beyond its time


@dataclass
class Told:
    """All rounds so far."""

    began: float = field(default_factory=time.monotonic)
    rounds: int = 0
    inputs: int = 0
    kept: int = 0
    processor: float = 0.0
    slowest: float = 0.0
    peak: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    found: dict[str, Path] = field(default_factory=dict)

    def add(self, told: dict[str, Any]) -> None:
        self.rounds += 1
        self.inputs += told["inputs"]
        self.kept += told["kept"]
        self.processor += told["seconds"]
        self.slowest = max(self.slowest, told["slowest"])
        self.peak = max(self.peak, told["peak_mib"])
        self.outcomes.update(told["outcomes"])

    def text(self, covered: str) -> str:
        seconds = time.monotonic() - self.began
        lines = [
            f"{self.inputs} inputs in {seconds:.0f} s and {self.rounds} rounds ({self.inputs / seconds:.1f}/s; "
            f"{self.inputs / (self.processor or 1):.1f} a second of the processor)",
            f"{self.kept} of them took branches that none before in their round had taken",
            f"slowest input {self.slowest:.2f} s of the processor, most memory of a round {self.peak:.0f} MiB",
            f"branches of agent/compose: {covered}",
            *(f"{number:8} {what}" for what, number in self.outcomes.most_common()),
            *(f"FOUND {kind}: {path}" for kind, path in self.found.items()),
        ]
        return "\n".join(lines)


def say(text: str) -> None:
    print(f"fuzz: {text}", file=sys.stderr, flush=True)


def run(options: argparse.Namespace, place: Path) -> Told:
    """Rounds until the time is over."""
    told = Told()
    (place / "kept").mkdir()
    options.found.mkdir(parents=True, exist_ok=True)
    while (left := options.seconds - (time.monotonic() - told.began)) > 0:
        seed = options.seed + told.rounds
        _round(seed, min(ROUND, left), options, place, told)
        say(f"{told.inputs} inputs, {told.kept} kept, {len(told.found)} kinds of faults, {covered(place)}")
    return told


def _round(seed: int, seconds: float, options: argparse.Namespace, place: Path, told: Told) -> None:
    command = [sys.executable, "-m", "script.fuzzing.rounds", "--seed", str(seed), "--seconds", str(seconds)]
    command += ["--place", str(place), *(["--corpus", str(options.corpus)] if options.corpus else [])]
    began = time.monotonic()
    try:
        code = subprocess.run(command, cwd=ROOT, check=False, timeout=seconds + PATIENCE).returncode
    except subprocess.TimeoutExpired:
        code = -1
    result = place / f"told.{seed}"
    if code == 0:
        held = json.loads(result.read_text())
        told.add(held)
        for kind, text in held["wrong"].items():
            keep(kind, text, options.found, told)
        return
    told.rounds += 1
    say(f"round {seed} ended with {code} after {time.monotonic() - began:.0f} s")
    keep(f"the process ended with {code}", (place / "input").read_text(), options.found, told)


def keep(kind: str, text: str, folder: Path, told: Told) -> None:
    """Writes an input to the folder, as small as it can be made, unless there is one with that fault already."""
    if kind in told.found:
        return
    held = json.loads(text)
    case = parse_case(json.dumps(held.get("case", held)))
    if "case" in held:
        case = smaller(case, kind)
    path = folder / ("".join(char if char.isalnum() else "-" for char in kind)[:80] + ".json")
    path.write_text(case.dump() + "\n")
    told.found[kind] = path
    say(f"FOUND {kind}: {path}\n{held.get('detail', '')}")


def covered(place: Path) -> str:
    """How many of the branches and lines of agent/compose were run through by the rounds so far."""
    files = [str(path) for path in place.glob("coverage.*")]
    if not files:
        return "nothing covered"
    source = [str(ROOT / "agent" / "compose")]
    whole = coverage.Coverage(data_file=str(place / "whole"), branch=True, source=source, config_file=False)
    whole.combine(files, keep=True)
    whole.save()
    whole.json_report(outfile=str(place / "report.json"))
    totals = json.loads((place / "report.json").read_text())["totals"]
    branches, lines = (totals[f"covered_{one}"] for one in ("branches", "lines"))
    share = 100 * branches / totals["num_branches"]
    return f"{branches} of {totals['num_branches']} ({share:.1f} %), lines {lines} of {totals['num_statements']}"


def again(path: Path) -> int:
    try:
        outcome = check(parse_case(path.read_text()))
    except Wrong as wrong:
        print(wrong)
        return 1
    print(f"{outcome.what}, {outcome.seconds:.2f} s")
    return 0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=0, help="what chance starts with (0)")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="a folder of Compose files to change")
    parser.add_argument("--found", type=Path, metavar="DIR", default=ROOT / ".run" / "fuzz", help="where to keep finds")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try one input that was kept")
    options = parser.parse_args(arguments)
    if options.again:
        return again(options.again)
    if options.corpus and not options.corpus.is_dir():
        parser.error(f"{options.corpus} is no folder")
    os.environ["PYTHONHASHSEED"] = str(options.seed)
    place = Path(tempfile.mkdtemp(prefix="windlass-fuzz-"))
    try:
        told = run(options, place)
        print(told.text(covered(place)))
    finally:
        shutil.rmtree(place)
    return 1 if told.found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
