"""The same input gives the same plan in every process, whatever the seed of its hashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
from tests.planning.worlds import plan_of
from tests.planning.worlds import RandomDice, make_case
for seed in range(20):
    case = make_case(RandomDice(seed))
    print(plan_of(case, case.world()))
"""


def test_the_seed_of_the_hashes_is_no_matter() -> None:
    root = Path(__file__).parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert b" replace container/" in said.pop()
