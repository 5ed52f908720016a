"""Cases of the corpus on a real engine: what Windlass makes is what Compose's own calls make, and stays so.

Of each case the recorded calls are carried out by hand, looked at and taken away; then `windlass apply` carries out the
files, and the two are held against each other. A second apply must change nothing.
"""

from __future__ import annotations

import fcntl
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tests.interop.corpus import CORPUS, Case, cases, spread, tally
from tests.interop.trial import LeftOut, Trial

FEW, MANY, ENOUGH = 4, 120, 60
Carry = Callable[[Case], None]

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of Compose files is not here"),
]


@pytest.mark.parametrize("number", range(FEW))
def test_an_apply_makes_what_the_calls_of_compose_make(number: int, carry: Carry) -> None:
    chosen = spread(FEW)
    if number >= len(chosen):
        pytest.skip("there are not so many cases")
    case = chosen[number]
    try:
        carry(case)
    except LeftOut as why:
        pytest.skip(f"{case}: {why}")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_applies_make_what_the_calls_of_compose_make(carry: Carry) -> None:
    """WINDLASS_TEST_CASES is a part of the names of those to try; else they are taken evenly from all."""
    equal, left_out, failed = [], [], []
    for case in spread(MANY):
        try:
            carry(case)
            equal.append(case)
        except LeftOut as why:
            left_out.append(f"{case}: {why}")
        except AssertionError as error:
            failed.append(f"{case}: {error}")
    told = [f"equal: {len(equal)}", f"for no host: {tally()}", "not for this host:", *left_out]
    sys.stdout.write("\n".join(told))
    assert failed == []
    assert len(equal) >= min(ENOUGH, len(cases()) // 2)


@pytest.fixture
def carry(
    docker_host: str, sdk: docker.APIClient, prefix: str, tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> Carry:
    """Carries cases out, one after the other on this machine: they have images and ports in common."""
    made = 0

    def one(case: Case) -> None:
        nonlocal made
        made += 1
        home = tmp_path / str(made)
        home.mkdir()
        with (Path(tempfile.gettempdir()) / "windlass-test-corpus.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            Trial(docker_host, sdk, f"{prefix}x{made}", home, secrets).run(case)

    monkeypatch.setattr("agent.reconcile.longest_wait", lambda _: 0.0)  # nobody waits for programs that do nothing
    return one
