"""Fixtures that every test may use, and the property tests' profiles."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.engine.fixtures"]

# "ci" looks longer than "dev"; "nightly" is for `script/test --all`. No deadline: the machine may be busy.
for name, examples in (("dev", 50), ("ci", 200), ("nightly", 2000)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
settings.load_profile(os.environ.get("WINDLASS_HYPOTHESIS", "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those on an engine first, for they are long: a run on several processes ends with short ones."""
    items.sort(key=lambda item: item.get_closest_marker("engine") is None)
