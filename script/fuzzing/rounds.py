"""One round of a run, in a process of its own: inputs until the time is over, what covers something new is kept."""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import coverage

if TYPE_CHECKING:
    from script.fuzzing.cases import Case

ROOT: Final = Path(__file__).resolve().parents[2]
_PATIENCE: Final = 60.0  # seconds that a round may take beyond its time
_MOST_KEPT: Final = 20_000
_LARGEST_KEPT: Final = 100_000  # bytes


class Tracer:
    """The branches of agent/compose that were taken, and how many they are so far."""

    def __init__(self, data_file: Path) -> None:
        source = [str(ROOT / "agent" / "compose")]
        self._coverage = coverage.Coverage(data_file=str(data_file), branch=True, source=source, config_file=False)
        self._coverage.start()

    def count(self) -> int:
        """Its own data, as they are at any moment: to ask for them in public would cost more than the load."""
        collector: Any = self._coverage._collector
        return sum(map(len, collector.data.values()))

    def save(self) -> None:
        self._coverage.stop()
        self._coverage.save()


@dataclass
class Round:
    """What a round has to tell. `wrong` has the first inputs with each kind of fault. Times are of the processor."""

    inputs: int = 0
    kept: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {**vars(self), "seconds": time.process_time(), "peak_mib": peak}

    def note(self, case: Case) -> bool:
        """Tries a case, and tells whether nothing is wrong with it."""
        from script.fuzzing.check import Wrong, check

        self.inputs += 1
        try:
            outcome = check(case)
        except Wrong as wrong:
            self.outcomes["WRONG"] += 1
            if wrong.kind not in self.wrong:
                self.wrong[wrong.kind] = json.dumps({"detail": wrong.detail, "case": json.loads(case.dump())})
            return False
        self.outcomes[outcome.what] += 1
        self.slowest = max(self.slowest, outcome.seconds)
        return True


def run(seed: int, seconds: float, corpus: Path | None, place: Path) -> Round:
    """`place` is a folder: `input` in it has what is tried at the moment, `kept` what was worth keeping."""
    tracer = Tracer(place / f"coverage.{seed}")
    from script.fuzzing.cases import corpus as read_corpus
    from script.fuzzing.cases import made_up, parse_case
    from script.fuzzing.mutate import Mutator

    random, told, deadline = Random(seed), Round(), time.monotonic() + seconds
    kept = [parse_case(path.read_text()) for path in sorted((place / "kept").iterdir())[-_MOST_KEPT:]]
    pool = [*([] if corpus is None else read_corpus(corpus)), *kept] or [made_up(random)]
    mutator = Mutator(random, pool)
    while time.monotonic() < deadline:
        if random.random() < 0.25:
            case = made_up(random, wild=random.choice((0, 0.01, 0.05)))
        else:
            case = mutator.mutated(random.choice(kept if kept and random.random() < 0.4 else pool))
        (place / "input").write_text(case.dump())
        before = tracer.count()
        if told.note(case) and tracer.count() > before and case.size < _LARGEST_KEPT:
            told.kept += 1
            kept.append(case)
            (place / "kept" / f"{seed:06}-{told.inputs:08}").write_text(case.dump())
    tracer.save()
    return told


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--place", type=Path, required=True)
    options = parser.parse_args(arguments)
    from script.fuzzing import words

    os.environ[words.OS_NAME] = words.OS_CANARY
    faulthandler.dump_traceback_later(options.seconds + _PATIENCE, exit=True)  # says where it hangs
    told = run(options.seed, options.seconds, options.corpus, options.place)
    (options.place / f"told.{options.seed}").write_text(json.dumps(told.document()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
