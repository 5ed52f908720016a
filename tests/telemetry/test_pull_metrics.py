"""What is counted of the images that are fetched."""

from __future__ import annotations

from dataclasses import replace

from agent.model import Action, Key, Outcome, Resource, Status
from agent.telemetry.metrics import Metrics
from tests.telemetry.made import change, did, done, samples

REFERENCE = "ghcr.io/acme/api:1"
KEY = Key("image", REFERENCE)


def counted(*outcomes: Outcome) -> dict[str, float]:
    metrics = Metrics("0.1.0")
    metrics.record(did(*outcomes))
    return {series: value for series, value in samples(metrics).items() if series.startswith("windlass_image_pulls")}


def test_what_is_fetched_is_counted_by_its_registry_and_result() -> None:
    first, second = change(key=KEY), change(key=KEY, action=Action.REPLACE)
    assert counted(done(first), done(second), done(second, Status.FAILED)) == {
        'windlass_image_pulls_total{registry="ghcr.io",result="success"}': 2,
        'windlass_image_pulls_total{registry="ghcr.io",result="error"}': 1,
    }


def test_what_is_removed_or_built_is_not_pulled() -> None:
    built = Resource(KEY, "web", {"reference": REFERENCE, "platform": "", "build": {"digest": "0"}})
    removed = change(key=KEY, action=Action.REMOVE)
    assert counted(done(removed), done(replace(change(key=KEY), wanted=built))) == {}


def test_what_nobody_was_asked_for_is_no_pull() -> None:
    assert counted(done(change(key=KEY), Status.FAILED, attempted=False)) == {}


def test_the_bytes_and_the_time_of_a_pull() -> None:
    metrics = Metrics("0.1.0")
    metrics.pulled(REFERENCE, 30, 2.0)
    metrics.pulled("ghcr.io/acme/web:1", 12, 0.2)
    metrics.pulled("busybox", 0, 0.2)
    found = samples(metrics)
    assert found['windlass_image_pull_bytes_total{registry="ghcr.io"}'] == 42
    assert found['windlass_image_pull_bytes_total{registry="docker.io"}'] == 0
    assert found['windlass_image_pull_duration_seconds_count{registry="ghcr.io"}'] == 2
    assert found['windlass_image_pull_duration_seconds_sum{registry="ghcr.io"}'] == 2.2
