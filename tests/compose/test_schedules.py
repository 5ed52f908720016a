"""`x-windlass.schedule`: how it is read, and what is refused with its place."""

from __future__ import annotations

import pytest

from agent.compose.extension import schema
from agent.errors import BadManifest
from agent.handling import Handling, Order, Overlap, Schedule
from agent.model import Resource
from tests.compose.tree import problems, project, wanted


def job(text: str) -> Resource:
    """The container of the service `job`."""
    return wanted(text)["container/web-job-1"]


def refusals(text: str) -> list[str]:
    """What is admitted by nobody, as the user reads it."""
    with pytest.raises(BadManifest) as caught:
        wanted(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("said", "schedule"),
    [
        ('"0 3 * * *"', Schedule("0 3 * * *")),
        ('{cron: "0  3 * * *"}', Schedule("0 3 * * *", "", 3600.0, Overlap.SKIP)),
        (
            '{cron: "*/5 * * * *", timezone: Europe/Berlin, timeout: 1m30s, overlap: replace}',
            Schedule("*/5 * * * *", "Europe/Berlin", 90.0, Overlap.REPLACE),
        ),
    ],
)
def test_how_it_is_read(said: str, schedule: Schedule) -> None:
    made = job(f"services: {{job: {{image: x, x-windlass: {{schedule: {said}}}}}}}")
    assert made.handling.schedule == schedule
    assert made.spec["state"] == "scheduled"


def test_what_runs_all_the_time_has_none() -> None:
    made = job("services: {job: {image: x}}")
    assert made.handling == Handling()
    assert made.spec["state"] == "running"


def test_a_later_file_says_more() -> None:
    base = 'services: {job: {image: x, x-windlass: {schedule: "0 3 * * *"}}}'
    more = "services: {job: {x-windlass: {schedule: {timeout: 5m}}}}"
    found = project(base, {"compose.override.yaml": more})
    assert dict(found.services["job"]["x-windlass"]["schedule"]) == {"cron": "0 3 * * *", "timeout": "5m0s"}


def test_a_job_is_neither_rolled_nor_healed() -> None:
    made = job("""\
        x-windlass: {heal_unhealthy: true, rollout: {order: start-first}}
        services: {job: {image: x, restart: "no", x-windlass: {schedule: "0 3 * * *"}}}
        """)
    assert (made.handling.heal_unhealthy, made.handling.rollout.order) == (False, Order.STOP_FIRST)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('"0 3 * *"', '3:39: services.job.x-windlass.schedule.cron: "0 3 * *" is no cron expression'),
        ('{cron: "61 3 * * *"}', '3:46: services.job.x-windlass.schedule.cron: "61 3 * * *" is no cron expression'),
        ("5", "3:39: services.job.x-windlass.schedule: must be a cron expression or a mapping, not a number"),
        ("{timeout: 1h}", '3:39: services.job.x-windlass.schedule: needs the key "cron"'),
        (
            '{cron: "0 3 * * *", timezone: Europe/Nowhere}',
            '3:69: services.job.x-windlass.schedule.timezone: there is no time zone "Europe/Nowhere"',
        ),
        (
            '{cron: "0 3 * * *", timeout: 0s}',
            "3:68: services.job.x-windlass.schedule.timeout: is no time in which a run could end",
        ),
        ('{cron: "0 3 * * *", timeout: 60}', "3:68: services.job.x-windlass.schedule.timeout: must be a duration"),
        (
            '{cron: "0 3 * * *", overlap: wait}',
            '3:68: services.job.x-windlass.schedule.overlap: "wait" is not one of skip, replace',
        ),
        (
            '{cron: "0 3 * * *", time_out: 1h}',
            '3:59: services.job.x-windlass.schedule: unknown key "time_out", did you mean "timeout"?',
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(said: str, problem: str) -> None:
    text = f"services:\n  job:\n    {{image: x, x-windlass: {{schedule: {said}}}}}\n"
    (found,) = problems(text)
    assert found.startswith(f"compose.yaml:{problem}"), found


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("restart: always", "the service is restarted by the engine (restart: always) whenever a run ends"),
        ("restart: on-failure", "the service is restarted by the engine (restart: on-failure)"),
        ("deploy: {restart_policy: {}}", "the service is restarted by the engine (deploy.restart_policy: any)"),
        ("deploy: {restart_policy: {condition: none}}", ""),
        ("deploy: {restart_policy: {condition: no}}", ""),
        ('restart: "no"', ""),
        ("scale: 2", "a job runs in one container, and 2 are asked for"),
        ("deploy: {replicas: 3}", "a job runs in one container, and 3 are asked for"),
        ("scale: 1", ""),
    ],
)
def test_what_a_job_cannot_be(more: str, problem: str) -> None:
    text = f'services:\n  job:\n    image: x\n    {more}\n    x-windlass: {{schedule: "0 3 * * *"}}\n'
    if not problem:
        assert job(text).handling.schedule
        return
    (found,) = refusals(text)
    assert found.startswith(f"compose.yaml:5:28: services.job.x-windlass.schedule: {problem}"), found


def test_nothing_can_wait_for_a_job() -> None:
    text = """\
        services:
          web: {image: x, depends_on: [job]}
          job: {image: x, depends_on: [db], x-windlass: {schedule: "0 3 * * *"}}
          db: {image: x}
        """
    (found,) = refusals(text)
    assert 'services.web.depends_on.job: the service "job" runs at times only' in found


def test_schedule_is_of_a_service_and_not_of_a_stack() -> None:
    (found,) = problems('x-windlass: {schedule: "0 3 * * *"}\nservices: {job: {image: x}}')
    assert 'unknown key "schedule"' in found


def test_the_schema_has_both_forms() -> None:
    said = schema()["properties"]["services"]["additionalProperties"]["properties"]["x-windlass"]["properties"]
    short, long = said["schedule"]["anyOf"]
    assert short == {"type": "string"}
    assert set(long["properties"]) == {"cron", "timezone", "timeout", "overlap"}
    assert long["required"] == ["cron"]
