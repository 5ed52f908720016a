"""script/bench: its arithmetic and how it makes the floor from what was recorded. Nothing here is timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.compose import LoadOptions, load
from agent.source.directory import DirectorySource
from script.benchmarks import loading, planner, prober, rolling, room, storm
from script.benchmarks.floor import script_of, until_started
from script.benchmarks.names import (
    BEYOND,
    CHANGES_ONLY,
    COLD,
    COMPOSE,
    CONFIG,
    CONVERGING,
    CPU,
    CREEP,
    FLEET,
    FLEETS,
    FLOOR,
    FULL_LOOK,
    HEAL,
    IDLE,
    IDLING,
    LOAD,
    LOADING,
    LOADING_FILES,
    LOOKING,
    LOOKS,
    LOST,
    MAKE_PLAN,
    MEASURED,
    MEMORY,
    NO_MEMORY,
    NOOP,
    OUTAGE,
    OUTAGES,
    PLANNER,
    PLANNING,
    PROBING,
    PROCESS,
    RECONCILE,
    RENDER,
    RESIDENT,
    STORM,
    STORMING,
)
from script.benchmarks.recorder import Call
from script.benchmarks.report import Figures, Target, growth, shown, table
from script.benchmarks.results import Results

WEB, DB = "a" * 64, "b" * 64


def test_medians_and_ratios() -> None:
    figures = Figures()
    for value in (5.0, 1.0, 3.0):
        figures.add(COLD, 20, RECONCILE, value)
    figures.add(COLD, 20, FLOOR, 2.0)
    assert figures.median(COLD, 20, RECONCILE) == 3.0
    assert figures.ratio(COLD, 20, RECONCILE, FLOOR) == 1.5
    assert figures.ratio(COLD, 20, RECONCILE, COMPOSE) is None
    assert figures.ratio(COLD, 100, RECONCILE, FLOOR) is None


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.09, "met"), (1.1, "met"), (1.11, "missed"), (None, "not measured")], ids=str
)
def test_a_target_is_an_upper_limit(value: float | None, verdict: str) -> None:
    assert Target("cold", value, 1.1, "×").verdict == verdict


@pytest.mark.parametrize("power", [1, 2, 0.5], ids=["linear", "quadratic", "root"])
def test_growth_is_the_exponent(power: float) -> None:
    assert growth({size: 0.003 * size**power for size in (1000, 2500, 20000)}) == pytest.approx(power)


def test_every_promise_is_held_against_its_own_figures() -> None:
    results = Results(rounds=1, parts=(CONVERGING, PLANNING, LOADING_FILES))
    for who, seconds in ((FLOOR, 10.0), (CHANGES_ONLY, 8.0), (RECONCILE, 10.4), (PROCESS, 12.0), (COMPOSE, 8.0)):
        results.races.add(COLD, 100, who, seconds)
    for who, seconds in ((RECONCILE, 0.2), (PROCESS, 0.9), (COMPOSE, 1.0)):
        results.races.add(NOOP, 100, who, seconds)
    results.agent.add(HEAL, 100, BEYOND, 0.2)
    results.memory.add(MEMORY, 100, RESIDENT, 79.0, "MiB")
    for size in (1_000, 10_000):
        results.planner.add(PLANNER, size, MAKE_PLAN, size * 1e-4)
    for size, seconds in ((5, 0.1), (1_000, 1.0), (5_000, 5.0)):
        results.loading.add(LOADING, size, LOAD, seconds)
        results.loading.add(LOADING, size, RENDER, seconds + 0.2)
        results.loading.add(LOADING, size, CONFIG, 2 * seconds)
    assert [(target.value, target.verdict) for target in results.targets()] == [
        (pytest.approx(1.04), "met"),
        (pytest.approx(1.3), "missed"),
        (pytest.approx(1.3), "missed"),
        (pytest.approx(1.2), "missed"),
        (pytest.approx(1.5), "missed"),
        (pytest.approx(0.2), "met"),
        (pytest.approx(0.9), "missed"),
        (0.2, "met"),
        (79.0, "met"),
        (pytest.approx(1.0), "met"),
        (pytest.approx(1.0), "met"),
        (pytest.approx(0.5), "met"),
        (pytest.approx(0.3), "missed"),
        (pytest.approx(1.0), "met"),
    ]
    document = json.loads(json.dumps(results.document()))
    assert document["figures"][0] == {
        "scene": COLD, "size": 100, "who": FLOOR, "unit": "s", "median": 10.0, "min": 10.0, "max": 10.0,
        "values": [10.0],
    }  # fmt: skip
    assert "missed" in results.text()


def test_the_parts_that_were_added_are_held_against_their_own_figures() -> None:
    results = Results(rounds=1, parts=(FLEETS, LOOKING, OUTAGES, PROBING, IDLING, STORMING))
    for figures, scene, size in ((results.fleet, FLEET, 50), (results.outage, OUTAGE, 1)):
        figures.add(scene, size, RECONCILE, 6.0)
        figures.add(scene, size, COMPOSE, 10.0)
    for size in (100, 250, 500):
        results.looks.add(LOOKS, size, FULL_LOOK, size * 0.001)
        results.looks.add(LOOKS, size, RECONCILE, size**2 * 0.001)
    results.lost.add(LOST, 10_000, RECONCILE, 1, "requests")
    results.idle.add(f"{IDLE}, {CPU}", 200, MEASURED, 0.4, "% of a core")
    results.idle.add(f"{IDLE}, {RESIDENT}", 200, MEASURED, 81.0, "MiB")
    results.idle.add(CREEP, 2_000, MEASURED, 0.5, "MiB")
    results.storm.add(STORM, 20, MEASURED, 30.0, "% of a core")
    assert [(target.value, target.verdict) for target in results.targets()] == [
        (pytest.approx(0.6), "met"),
        (pytest.approx(1.0), "met"),
        (pytest.approx(2.0), "missed"),
        (pytest.approx(0.6), "met"),
        (1, "missed"),
        (0.4, "met"),
        (81.0, "missed"),
        (0.5, "met"),
        (30.0, "met"),
    ]


def test_what_was_not_measured_is_said_and_is_no_error() -> None:
    verdicts = {target.verdict for target in Results(rounds=1).targets()}
    assert verdicts == {"not measured"}


def test_a_size_that_does_not_fit_into_memory_leaves_its_promise_open() -> None:
    results = Results(rounds=1, parts=(LOOKING,), left_out={LOOKS: NO_MEMORY})
    for size in (100, 250):
        results.looks.add(LOOKS, size, FULL_LOOK, size * 0.001)
    assert [(target.value, target.verdict) for target in results.targets()] == [(None, "not measured: memory")] * 2


@pytest.mark.parametrize(("containers", "missing"), [(10, 0.0), (100, 1024.0)], ids=str)
def test_what_does_not_fit_into_memory_is_known_before(containers: int, missing: float) -> None:
    assert room.short_of(containers, 2_000.0) == missing


@pytest.mark.parametrize(
    ("answered", "away"), [([], 0.0), ([5.0], 0.0), ([5.0, 5.25, 7.0, 7.25], 1.75), ([7.0, 5.0, 5.5], 1.5)], ids=str
)
def test_the_longest_time_away_is_between_two_answers(answered: list[float], away: float) -> None:
    assert prober.longest(answered) == away


def test_an_event_of_the_storm_is_one_line_of_its_own() -> None:
    first, second = (json.loads(storm.line(number)) for number in (1, 2))
    assert storm.line(1).count(b"\n") == 1
    assert (first["Type"], second["Type"]) == ("container", "network")
    assert first["Actor"]["ID"] != second["Actor"]["ID"]


@pytest.mark.parametrize("text", [rolling.published, rolling.behind_a_proxy], ids=["published", "behind a proxy"])
def test_a_service_that_is_rolled_out_is_a_compose_file(tmp_path: Path, text: rolling.Text) -> None:
    (tmp_path / "compose.yaml").write_text("name: rolled\n" + text("image:1", 8080, "3"))
    project = load(DirectorySource(tmp_path).sync().tree, LoadOptions(files=("compose.yaml",)))
    assert "web" in project.services


def test_a_table_has_one_width_a_column() -> None:
    assert table([["", "floor"], ["cold, 20", "1.25"]]) == ["          floor", "---------------", "cold, 20   1.25"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123")], ids=str
)
def test_three_digits_are_shown(value: float | None, text: str) -> None:
    assert shown(value) == text


def call(method: str, path: str, answer: object = None, body: object = None) -> Call:
    return Call(method, f"/v1.41{path}", json.dumps(body or {}).encode(), 200, json.dumps(answer or {}).encode())


def test_the_floor_keeps_apart_what_may_not_be_side_by_side() -> None:
    look = call("GET", "/containers/json")
    network = call("POST", "/networks/create", {"Id": "c" * 64})
    made_db = call("POST", "/containers/create?name=p-db-1", {"Id": DB})
    made_web = call("POST", "/containers/create?name=p-web-1", {"Id": WEB})
    attached = call("POST", "/networks/front/connect", body={"Container": WEB})
    started_web, started_db = (call("POST", f"/containers/{one}/start") for one in (WEB, DB))
    again = call("GET", "/containers/p-web-1/json")
    absent = call("GET", "/containers/p-db-1/json")
    names: dict[str, str] = {}
    recorded = [look, network, absent, made_db, made_web, attached, started_web, started_db, again]
    script = script_of(recorded, names)
    assert names == {DB: "p-db-1", WEB: "p-web-1"}
    assert script.before == ((look,), (absent,))
    assert script.changes == (((network,),), ((made_db, started_db), (made_web, attached, started_web)))
    assert script.after == ((again,),)


def test_a_replacement_is_one_chain_of_the_floor() -> None:
    names = {WEB: "p-web-1"}
    twin = call("POST", "/containers/create?name=p-web-1.next", {"Id": DB})
    aside = call("POST", f"/containers/{WEB}/rename?name=p-web-1.old")
    started = call("POST", f"/containers/{DB}/start")
    proved = call("GET", f"/containers/{DB}/json")
    old = call("GET", f"/containers/{WEB}/json")
    removed = call("DELETE", f"/containers/{WEB}")
    script = script_of([twin, aside, old, started, proved, removed], names)
    assert script.changes == (((twin, aside, started, proved, removed),),)
    assert script.before == ((old,),)
    assert list(until_started(script.changes[0][0])) == [twin, aside, started]


@pytest.mark.parametrize("count", [1, 50, 120])
def test_made_up_hosts_have_the_size_that_was_asked_for(count: int) -> None:
    stacks = planner.wanted_stacks(count)
    assert sum(len(stack.resources) for stack in stacks) == count
    assert all(
        required.key.name.startswith(stack.name)
        for stack in stacks
        for each in stack.resources
        for required in each.requires
    )


def test_a_made_up_file_is_a_compose_file(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(loading.made_up(4))
    loading.seconds(file)  # which loads and renders it: an error would show here
    project = load(DirectorySource(tmp_path).sync().tree, LoadOptions(files=(file.name,)))
    assert sorted(project.services) == [f"service-{number}" for number in range(4)]
