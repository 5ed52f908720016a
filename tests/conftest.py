"""Fixtures that every test may use, and the property tests' profiles."""

from __future__ import annotations

import os
from itertools import groupby

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.engine.fixtures", "tests.telemetry.stage"]

# "ci" looks longer than "dev"; "nightly" is for `script/test --all`. No deadline: the machine may be busy.
for name, examples in (("dev", 50), ("ci", 200), ("nightly", 2000)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
settings.load_profile(os.environ.get("WINDLASS_HYPOTHESIS", "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those on an engine come first in what each process is given, for they are long: a run ends with short ones.

    Each process is given as many tests in a row as any other, in this order. Those of a file, which share what was set
    up for them, stay together.
    """

    def needs_none(item: pytest.Item) -> bool:
        return item.get_closest_marker("engine") is None

    shares: list[list[pytest.Item]] = [[] for _ in range(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))]
    in_order = sorted(items, key=needs_none)
    for _, together in groupby(in_order, key=lambda item: (needs_none(item), item.path)):
        min(shares, key=len).extend(together)
    items[:] = [item for share in shares for item in share]
