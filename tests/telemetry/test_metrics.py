"""The metrics say what the reports said, in bounded series, in the names that the documents give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.engine import Engine
from agent.held import PRUNE_GUARD, PRUNE_OFF
from agent.kind_names import KINDS
from agent.kinds import make_kinds
from agent.kinds.base import Identity
from agent.model import (
    Action,
    Cause,
    Change,
    Failure,
    Health,
    Key,
    Observed,
    Owner,
    Plan,
    Report,
    Revision,
    ServiceState,
    Status,
)
from agent.suspension import Suspended, Suspension
from agent.telemetry import catalogue
from agent.telemetry.labels import registry_label, repository_label
from agent.telemetry.metrics import Metrics
from agent.timing import Measured
from tests.telemetry.made import BROKEN, OLDER, REVISION, UNREACHABLE, change, did, done, failed, report, samples

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "metrics.md"
DRIFT = change(action=Action.REPLACE, cause=Cause.DRIFT)


def kept(code: str, **facts: Any) -> Change:
    """Something that nobody wants any more and that is held."""
    seen = Observed(Key("container", "old-1"), "id", Owner.OURS, **facts)
    return Change(1, Action.HOLD, seen.key, "web", Cause.PRUNE, "is held", code=code, seen=seen)


def after(*reports: Report) -> dict[str, float]:
    metrics = Metrics("0.1.0", "abcdef0", clock=lambda: 7000.0)
    for each in reports:
        metrics.record(each)
    return samples(metrics)


SERIES = [
    pytest.param([report()], 'windlass_reconciles_total{result="noop",stack="web"}', 1, id="noop counted"),
    pytest.param([report()], 'windlass_reconciles_total{result="error",stack="web"}', 0, id="known results start at 0"),
    pytest.param([report()], 'windlass_last_reconcile_timestamp_seconds{result="noop"}', 7000, id="last, our clock"),
    pytest.param([report()], 'windlass_stack_synced{stack="web"}', 1, id="synced"),
    pytest.param([report(), report(synced=False)], 'windlass_stack_synced{stack="web"}', 0, id="no longer synced"),
    pytest.param([report()], 'windlass_stack_health{health="healthy",stack="web"}', 1, id="health"),
    pytest.param([report()], 'windlass_stack_health{health="degraded",stack="web"}', 0, id="other health"),
    pytest.param([report()], 'windlass_stack_services_desired{stack="web"}', 2, id="desired"),
    pytest.param(
        [report(services=(ServiceState("api", 2, 1, Health.PROGRESSING),))],
        'windlass_stack_services_ready{stack="web"}',
        1,
        id="ready",
    ),
    pytest.param([report()], 'windlass_stack_revision_info{revision="9f2c1ab",stack="web"}', 1, id="revision"),
    pytest.param(
        [report(revision=OLDER), failed(BROKEN)],
        'windlass_stack_revision_info{revision="31c09de",stack="web"}',
        1,
        id="revision is the one synced to",
    ),
    pytest.param(
        [did(done(change(commit=OLDER))), report()],
        'windlass_stack_commit_info{commit="31c09de",stack="web"}',
        1,
        id="commit",
    ),
    pytest.param([did(done(change()))], 'windlass_stack_last_change_timestamp_seconds{stack="web"}', 5002, id="change"),
    pytest.param(
        [report(suspended=Suspended(Suspension("why")))], 'windlass_stack_suspended{stack="web"}', 1, id="suspended"
    ),
    pytest.param(
        [report(suspended=Suspended(services={"api": Suspension("why")})), report()],
        'windlass_stack_suspended{stack="web"}',
        0,
        id="resumed",
    ),
    pytest.param(
        [failed(BROKEN), failed(UNREACHABLE)], 'windlass_stack_consecutive_failures{stack="web"}', 2, id="failures"
    ),
    pytest.param(
        [failed(BROKEN), report()], 'windlass_stack_consecutive_failures{stack="web"}', 0, id="failures are over"
    ),
    pytest.param([failed(BROKEN)], 'windlass_validation_errors{stack="web"}', 2, id="mistakes"),
    pytest.param([], 'windlass_validation_errors{stack=""}', 0, id="mistakes of the source start at 0"),
    pytest.param(
        [failed(BROKEN)], 'windlass_reconcile_failures_total{reason="ConfigInvalid",stack="web"}', 1, id="reason"
    ),
    pytest.param(
        [failed(BROKEN), report(failure=BROKEN, synced=False), report(failure=BROKEN, synced=False)],
        'windlass_reconcile_failures_total{reason="ConfigInvalid",stack="web"}',
        1,
        id="a mistake that goes on beside good passes fails none of them",
    ),
    pytest.param(
        [report(plan=Plan((change(),)))], 'windlass_plan_changes{action="create",stack="web"}', 1, id="planned"
    ),
    pytest.param([did(done(change()))], 'windlass_plan_changes{action="create",stack="web"}', 0, id="planned and done"),
    pytest.param(
        [report(plan=Plan((change(action=Action.STOP),)))],
        'windlass_plan_changes{action="stop",stack="web"}',
        1,
        id="who is to let go of a port before it is replaced is counted",
    ),
    pytest.param(
        [report(plan=Plan((change(action=Action.STOP, cause=Cause.SCHEDULE),)))],
        'windlass_plan_changes{action="stop",stack="web"}',
        0,
        id="a job that is cut short is not",
    ),
    pytest.param(
        [report(plan=Plan((change(action=Action.HOLD, cause=Cause.PRUNE),)))],
        'windlass_prune_held{stack="web"}',
        1,
        id="prune held",
    ),
    pytest.param(
        [report(plan=Plan((kept("KeepsData", keeps_data=True), kept(PRUNE_OFF), kept(PRUNE_GUARD))))],
        'windlass_prune_held{stack="web"}',
        1,
        id="what is never removed, or not here, is not held for somebody's word",
    ),
    pytest.param(
        [did(done(change(), Status.FAILED))],
        'windlass_actions_total{action="create",kind="container",result="error"}',
        1,
        id="step failed",
    ),
    pytest.param(
        [did(done(change(), seconds=3.0))],
        'windlass_action_duration_seconds_sum{action="create",kind="container"}',
        3,
        id="step's time",
    ),
    pytest.param(
        [report(plan=Plan((DRIFT,)), synced=False)] * 3,
        'windlass_drift_detected_total{kind="container",stack="web"}',
        1,
        id="drift that stays counts once",
    ),
    pytest.param(
        [did(done(DRIFT)), did(done(DRIFT))],
        'windlass_drift_detected_total{kind="container",stack="web"}',
        2,
        id="drift that comes again counts again",
    ),
    pytest.param(
        [did(done(DRIFT))], 'windlass_drift_corrected_total{kind="container",stack="web"}', 1, id="drift corrected"
    ),
    pytest.param(
        [did(done(change(key=Key("image", "ghcr.io/acme/api:1"))))],
        'windlass_image_pulls_total{registry="ghcr.io",result="success"}',
        1,
        id="pull",
    ),
    pytest.param([], 'windlass_log_messages_total{level="error"}', 0, id="levels start at 0"),
    pytest.param([], 'windlass_reconcile_triggers_total{trigger="event"}', 0, id="triggers start at 0"),
]


@pytest.mark.parametrize(("reports", "series", "value"), SERIES)
def test_series(reports: list[Report], series: str, value: float) -> None:
    assert after(*reports)[series] == value


def test_a_stack_that_is_gone_has_no_series() -> None:
    metrics = Metrics("0.1.0")
    before = set(samples(metrics))
    for made in (did(done(DRIFT)), failed(BROKEN)):
        metrics.record(made)
    metrics.forget("web")
    assert not [series for series in samples(metrics) if 'stack="web"' in series]
    assert before <= set(samples(metrics))


def test_the_deploy_lag_is_that_of_the_oldest_stack() -> None:
    metrics = Metrics("0.1.0")
    metrics.source("https://token@git.example/fleet.git", "main", REVISION)
    metrics.record(report(stack="a"))
    metrics.record(report(stack="b", revision=OLDER))
    found = samples(metrics)
    repository = 'repository="https://git.example/fleet.git"'
    assert found[f"windlass_git_head_commit_timestamp_seconds{{{repository}}}"] == 1000
    assert found[f"windlass_git_applied_commit_timestamp_seconds{{{repository}}}"] == 400
    assert found[f'windlass_git_revision_info{{branch="main",{repository},revision="9f2c1ab"}}'] == 1


def test_facts_told_one_by_one() -> None:
    metrics = Metrics("0.1.0")
    metrics.git_call("fetch", 0.5, "success")
    metrics.fetch("/srv/git/fleet.git", "error", 0.5)
    metrics.engine_call("containers/create", 0.1, 201)
    metrics.engine_up("20.10.24", "1.41")
    metrics.event_stream(up=True)
    metrics.engine_event("die")
    metrics.trigger("event")
    metrics.trigger("never heard of")
    metrics.interval(60)
    metrics.log_message("error")
    metrics.http_request("/metrics", "BREW", 405, 0.1)
    metrics.watch_state_db(lambda: 4096)
    metrics.timed(Measured.PLAN, 0.2)
    metrics.timed(Measured.WAIT, 3.0)
    metrics.timed(Measured.AWAY, 4.0)
    with metrics.reconciling():
        assert samples(metrics)["windlass_reconcile_in_progress"] == 1
    expected = {
        'windlass_git_calls_total{result="success",verb="fetch"}': 1,
        'windlass_git_fetches_total{repository="fleet.git",result="error"}': 1,
        'windlass_docker_requests_total{code="201",endpoint="containers/create"}': 1,
        'windlass_docker_info{api="1.41",engine="20.10.24"}': 1,
        "windlass_docker_up": 1,
        "windlass_docker_event_stream_up": 1,
        'windlass_docker_events_total{type="die"}': 1,
        'windlass_reconcile_triggers_total{trigger="event"}': 1,
        'windlass_reconcile_triggers_total{trigger="other"}': 1,
        "windlass_reconcile_interval_seconds": 60,
        'windlass_log_messages_total{level="error"}': 1,
        'windlass_http_requests_total{code="405",method="other",route="/metrics"}': 1,
        "windlass_state_db_size_bytes": 4096,
        'windlass_reconcile_phase_duration_seconds_sum{phase="plan"}': 0.2,
        'windlass_reconcile_phase_duration_seconds_count{phase="observe"}': 0,
        "windlass_health_wait_duration_seconds_sum": 3,
        "windlass_downtime_seconds_sum": 4,
        "windlass_reconcile_in_progress": 0,
    }
    found = samples(metrics)
    assert {series: found.get(series) for series in expected} == expected
    metrics.engine_down()
    assert samples(metrics)["windlass_docker_up"] == 0


def test_a_source_that_fails_is_told_with_its_reason_and_its_mistakes() -> None:
    metrics = Metrics("0.1.0")
    metrics.source_failure(BROKEN)
    found = samples(metrics)
    assert found['windlass_source_failure{reason="ConfigInvalid"}'] == 1
    assert found['windlass_validation_errors{stack=""}'] == 2
    metrics.source_failure(Failure("EmptyDesiredState", "no stack"))
    found = samples(metrics)
    assert found['windlass_source_failure{reason="ConfigInvalid"}'] == 0
    assert found['windlass_source_failure{reason="EmptyDesiredState"}'] == 1
    assert found['windlass_validation_errors{stack=""}'] == 0
    metrics.source_failure(None)
    assert samples(metrics)['windlass_source_failure{reason="EmptyDesiredState"}'] == 0


def test_the_counters_of_a_stack_are_there_before_their_first_event_and_go_with_it() -> None:
    metrics = Metrics("0.1.0")
    metrics.expect(["web"])
    first = 'windlass_drift_corrected_total{kind="container",stack="web"}'
    assert samples(metrics)[first] == 0
    metrics.record(did(done(DRIFT)))
    metrics.expect(["web"])
    assert samples(metrics)[first] == 1
    metrics.forget("web")
    assert not [series for series in samples(metrics) if 'stack="web"' in series]


def test_drift_is_expected_of_every_kind_that_there_is(tmp_path: Path) -> None:
    engine, identity = Engine("unix:///nowhere"), Identity("i", "o", b"")
    kinds = make_kinds(engine, identity, tmp_path, tmp_path, on_pull=lambda _: None, stop=lambda _: False)
    assert sorted(kind.name for kind in kinds) == sorted(KINDS)


def test_when_a_pass_last_got_on() -> None:
    metrics = Metrics("0.1.0", clock=lambda: 7000.0)
    assert samples(metrics)["windlass_last_progress_timestamp_seconds"] == 0
    metrics.progressed()
    assert samples(metrics)["windlass_last_progress_timestamp_seconds"] == 7000


def test_the_duration_carries_the_revision_as_its_exemplar() -> None:
    metrics = Metrics("0.1.0")
    metrics.record(report())
    content_type, body = metrics.render("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3")
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    exemplars = [sample.exemplar for sample in families["windlass_reconcile_duration_seconds"].samples]
    assert {"revision": "9f2c1ab"} in [exemplar.labels for exemplar in exemplars if exemplar]


@given(st.text(max_size=60) | st.builds("application/openmetrics-text;version={}".format, st.text(max_size=9)))
@settings(max_examples=30, deadline=None)
def test_any_accept_header_is_answered(accept: str) -> None:
    content_type, body = Metrics("0.1.0").render(accept)
    assert b"windlass_build_info" in body
    assert re.fullmatch(r"[ -~]+", content_type)


def test_thousands_of_commits_make_no_more_series() -> None:
    metrics = Metrics("0.1.0")
    counts = set()
    for number in range(5000):
        revision = Revision(f"{number:040x}", timestamp=float(number))
        metrics.source("https://git.example/fleet.git", "main", revision)
        metrics.record(report(revision=revision))
        if number % 1000 == 0:
            counts.add(len(samples(metrics)))
    assert len(counts) == 1


def test_hundreds_of_names_share_what_series_there_are() -> None:
    metrics = Metrics("0.1.0")
    for number in range(300):
        metrics.record(failed(BROKEN, stack=f"stack-{number}"))
        metrics.engine_call(f"endpoint-{number}", 0.1, 200)
    found = samples(metrics)
    assert found['windlass_reconciles_total{result="error",stack="other"}'] == 100
    assert found['windlass_validation_errors{stack="other"}'] == 200
    assert found['windlass_stack_synced{stack="other"}'] == 0
    assert len({series for series in found if series.startswith("windlass_stack_synced")}) == 201
    assert len({series for series in found if series.startswith("windlass_docker_requests_total")}) == 101


def test_label_values_from_outside_cannot_forge_series() -> None:
    metrics = Metrics("0.1.0")
    metrics.record(report(stack='web"} 1\nwindlass_forged 1'))
    found = samples(metrics)
    assert not [series for series in found if series.startswith("windlass_forged")]


def test_the_document_is_what_the_catalogue_says() -> None:
    assert DOCUMENTATION.read_text() == catalogue.table(), "run: python -m agent.telemetry.catalogue > docs/metrics.md"


def test_the_registry_holds_the_catalogue_and_nothing_else() -> None:
    served = {
        match[1]: match[2]
        for match in re.finditer(r"^# TYPE (windlass_\w+) (\w+)$", Metrics("1").render("")[1].decode(), re.MULTILINE)
    }
    assert served == {spec.name: spec.type for spec in catalogue.ALL}


def test_every_label_in_use_is_in_the_catalogue() -> None:
    labels = {spec.name: set(spec.labels) for spec in catalogue.ALL}
    metrics = Metrics("1")
    for made in (did(done(DRIFT)), failed(BROKEN)):
        metrics.record(made)
    for family in parse_text(metrics.render("")[1].decode()):
        for sample in family.samples:
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name)
            if name in labels:
                assert set(sample.labels) - {"le"} == labels[name]


REPOSITORIES = [
    ("https://u:p@h/a.git", "https://h/a.git"),
    ("/srv/git/fleet.git/", "fleet.git"),
    ("./fleet", "fleet"),
    ("file:///srv/git/fleet.git", "fleet.git"),
    ("git@h:a/b.git", "git@h:a/b.git"),
]


@pytest.mark.parametrize(("url", "label"), REPOSITORIES, ids=[url for url, _ in REPOSITORIES])
def test_a_repository_is_named_without_credentials_and_paths(url: str, label: str) -> None:
    assert repository_label(url) == label


REGISTRIES = [
    ("nginx", "docker.io"),
    ("library/nginx:1", "docker.io"),
    ("ghcr.io/a/b@sha256:00", "ghcr.io"),
    ("localhost/a", "localhost"),
    ("reg:5000/a", "reg:5000"),
    ("nginx:1.27", "docker.io"),
]


@pytest.mark.parametrize(("reference", "registry"), REGISTRIES, ids=[reference for reference, _ in REGISTRIES])
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_label(reference) == registry
