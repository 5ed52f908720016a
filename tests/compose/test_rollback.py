"""`deploy.rollback_config`: how the containers of a service are replaced while its stack goes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.handling import Handling, OnFailure, Order, Rollout
from tests.compose.tree import wanted

NONE = Rollout(on_failure=OnFailure.PAUSE)


def handling(service: str, top: str = "{}") -> Handling:
    found = wanted(f"x-windlass: {top}\nservices:\n  a: {{image: x, {service}}}\n")
    return found["container/web-a-1"].handling


def rollback(said: str, more: str = "", top: str = "{}") -> Rollout | None:
    return handling(f"deploy: {{rollback_config: {said}}}{more}", top).rollback


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("{parallelism: 0}", Rollout(parallelism=0, on_failure=OnFailure.PAUSE)),
        ("{order: start-first, delay: 2s}", Rollout(Order.START_FIRST, delay=2.0, on_failure=OnFailure.PAUSE)),
        ("{failure_action: continue}", Rollout(on_failure=OnFailure.CONTINUE)),
        ("{failure_action: pause}", NONE),
        ("{failure_action: rollback}", NONE),  # from there is nothing to go back to
        ("{monitor: 2s, max_failure_ratio: 0.5}", replace(NONE, monitor=2.0, max_failure_ratio=0.5)),
    ],
)  # fmt: skip
def test_what_it_says(said: str, expected: Rollout) -> None:
    assert rollback(said) == expected


def test_what_it_leaves_out_is_as_windlass_is_told_and_not_as_updates_are() -> None:
    found = handling(
        "x-windlass: {rollout: {drain: 1s, order: start-first, failure_action: continue}},"
        " deploy: {update_config: {parallelism: 3, delay: 9s}, rollback_config: {order: stop-first, monitor: 0s}}",
        top="{rollout: {monitor: 300ms}}",
    )
    assert found.rollback == Rollout(drain=1.0, monitor=0.3, on_failure=OnFailure.PAUSE)
    assert (found.rollout.parallelism, found.rollout.order) == (3, Order.START_FIRST)


def test_where_two_cannot_run_side_by_side_it_is_stop_first_and_said() -> None:
    found = rollback("{order: start-first}", ", ports: ['8080:80']")
    assert found is not None
    assert (found.order, "8080" in found.obstacle) == (Order.STOP_FIRST, True)


@pytest.mark.parametrize(
    ("published", "scale", "parallelism", "possible"),
    [
        ("8080-8081", 1, 1, True),
        ("8080-8081", 2, 1, False),
        ("8080-8082", 2, 1, True),
        ("8080-8082", 2, 2, False),
        ("8080-8082", 2, 0, False),
        ("8080-8083", 2, 0, True),
        ("8080-8081", 1, 9, True),
    ],
)
def test_a_range_of_ports_has_to_have_room_for_both(
    published: str, scale: int, parallelism: int, *, possible: bool
) -> None:
    found = rollback(
        f"{{order: start-first, parallelism: {parallelism}}}", f", scale: {scale}, ports: ['{published}:80']"
    )
    assert found is not None
    assert (found.order is Order.START_FIRST, published in found.obstacle) == (possible, not possible)


def test_without_it_one_goes_back_as_one_comes() -> None:
    found = handling("deploy: {update_config: {parallelism: 2}}")
    assert found.rollback is None
    assert found.going_back() == found
    told = handling("deploy: {rollback_config: {parallelism: 2}}")
    assert told.going_back().rollout == told.rollback
