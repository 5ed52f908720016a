"""Fixtures that every test may use, and the property tests' profiles."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.engine.fixtures"]

# "ci" looks longer than "dev"; "nightly" is for `script/test --all`. No deadline: the machine may be busy.
for name, examples in (("dev", 50), ("ci", 200), ("nightly", 2000)):
    settings.register_profile(
        name, max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
settings.load_profile(os.environ.get("WINDLASS_HYPOTHESIS", "dev"))
