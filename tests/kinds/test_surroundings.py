"""What containers are compared against beside what is wanted, and when a comparison holds on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from agent.engine import Engine
from agent.kinds import container_compare, container_strays
from agent.kinds.base import Identity
from agent.kinds.container_around import Surroundings, look_around
from agent.kinds.container_compare import Comparisons
from agent.kinds.container_facts import Facts
from agent.kinds.container_mended import Mended
from agent.kinds.container_once import Once
from agent.kinds.container_state import health_of
from agent.kinds.container_strays import Strays
from agent.kinds.container_unhooked import NOT_RUN, Unhooked
from agent.model import Health, Key, Owner, Remedy, Resource

AROUND = Surroundings({}, {}, {})
OWNER, OTHER = "a" * 64, "b" * 64  # ids of containers
WANTED = Resource(Key("container", "web"), "s", {"body": {}})
REPORT = {"Id": "id", "Name": "/web", "State": {"Status": "running", "Running": True}}


class Networks:
    """Stands in for an engine that has two networks, and no image."""

    api = (1, 41)

    def inspect_image(self, _reference: str) -> None:
        return None

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        return [ask() for ask in asks]

    def __init__(self) -> None:
        self.asked = 0

    def info(self) -> dict[str, Any]:
        self.asked += 1
        return {"SystemTime": f"2026-01-01T00:00:{self.asked:02}Z", "Containers": self.asked, "MemoryLimit": True}

    def list_networks(self) -> list[dict[str, Any]]:
        return [{"Name": "front", "Id": "newer"}, {"Name": "other", "Id": "somebody's"}]


def made(unhooked: Unhooked | None = None) -> Comparisons:
    engine, identity = cast("Engine", Networks()), Identity("i", "o", b"k")
    return Comparisons(engine, identity, Once(engine, identity), unhooked or Unhooked(), Mended())


@pytest.mark.parametrize(("api", "remedy"), [((1, 43), Remedy.IN_PLACE), ((1, 44), Remedy.REPLACE)])
def test_a_lost_network_whose_card_has_an_address_is_put_right_as_the_engine_can(
    api: tuple[int, int], remedy: Remedy
) -> None:
    endpoints = {"front": {"MacAddress": "02:42:ac:11:00:77"}}
    body = {"HostConfig": {"NetworkMode": "front"}, "NetworkingConfig": {"EndpointsConfig": endpoints}}
    facts = Facts("web", {"body": body}, REPORT, {}, networks={"front": frozenset({"newer"})}, api=api)
    found = made().differences(WANTED, facts, Owner.OURS)
    assert {one.remedy for one in found if one.path.startswith("networks.front")} == {remedy}


@pytest.mark.parametrize("labels", [{}, {"windlass.instance": "i", "windlass.name": "web"}])
def test_nobody_looks_into_a_container_that_compose_did_not_make(labels: dict[str, str]) -> None:
    """There is nothing at this engine that could be asked for a file."""
    wanted = replace(WANTED, spec={"body": {}, "injectable": {"/etc/x": "digest"}})
    report = {**REPORT, "Config": {"Labels": labels}}
    assert made().facts(wanted, report, AROUND, "").injected == frozenset()


def test_what_is_around_has_none_of_what_the_engine_counts() -> None:
    around = look_around(cast("Engine", Networks()), "i", [], [{"Id": OWNER, "Names": ["/db"]}])
    assert around.daemon == {"MemoryLimit": True}
    assert around.networks == {"front": {"newer"}, "other": {"somebody's"}}
    assert around.names == {OWNER: "db"}


@pytest.mark.parametrize(
    ("report", "body"),
    [
        ({"NetworkSettings": {"Networks": {"front": {}}}}, {}),
        ({}, {"HostConfig": {"NetworkMode": "front"}}),
    ],
)
def test_a_container_has_to_do_with_its_own_networks(report: dict[str, Any], body: dict[str, Any]) -> None:
    around = Surroundings({}, {"front": frozenset({"1"}), "other": frozenset({"2"})}, {OTHER: "somebody"})
    assert around.of(report, body) == Surroundings({}, {"front": frozenset({"1"})}, {})


@pytest.mark.parametrize("said", [OWNER, OWNER[:12], "db"])
def test_a_container_has_to_do_with_whom_it_shares_something_with_however_that_is_said(said: str) -> None:
    around = Surroundings({}, {}, {OWNER: "db", OTHER: "somebody"})
    assert around.of({"HostConfig": {"PidMode": f"container:{said}"}}, {}).names == {OWNER: "db"}
    assert around.of({}, {"HostConfig": {"VolumesFrom": [f"{said}:ro"]}}).names == {OWNER: "db"}


@pytest.mark.parametrize("said", [OWNER, OWNER[:12], "db"])
@pytest.mark.parametrize("mode", ["NetworkMode", "PidMode", "IpcMode"])
def test_one_is_in_what_is_left_of_an_earlier_start_of_whom_it_shares_a_namespace_with(said: str, mode: str) -> None:
    def outdated(began: int, *, runs: bool = True, other: str = mode) -> frozenset[str]:
        state = {"Running": runs, "StartedAt": "2026-01-01T00:00:10.5Z"}
        shared: object = [said] if other == "VolumesFrom" else f"container:{said}"
        report = {"State": state, "HostConfig": {other: shared}}
        at = datetime(2026, 1, 1, 0, 0, began, tzinfo=UTC).timestamp()
        around = Surroundings({}, {}, {OWNER: "db", OTHER: "somebody"}, began={OWNER: at, OTHER: at + 40})
        assert around.of(report, {}).outdated(report) == around.outdated(report)
        return around.outdated(report)

    assert outdated(11) == {"db"}
    assert not outdated(10)
    assert not outdated(11, runs=False), "a start joins anew"
    assert not outdated(11, other="VolumesFrom"), "a volume is the same"


@pytest.mark.parametrize(
    ("began", "is_outdated"), [("2026-01-01T00:00:10Z", True), ("", False)], ids=["told", "not to be read"]
)
def test_a_start_in_the_future_says_nothing(began: str, is_outdated: bool) -> None:
    report = {"State": {"Running": True, "StartedAt": began}, "HostConfig": {"PidMode": "container:db"}}
    assert not Surroundings({}, {}, {OWNER: "db"}, began={OWNER: time.time() + 60}).outdated(report)
    assert bool(Surroundings({}, {}, {OWNER: "db"}, began={OWNER: time.time() - 60}).outdated(report)) is is_outdated


def test_what_others_do_is_no_reason_to_compare_again() -> None:
    comparisons, others = made(), AROUND._replace(networks={"other": frozenset({"1"})}, names={OTHER: "somebody"})
    seen = comparisons.seen(WANTED, REPORT, AROUND, "")
    assert comparisons.seen(WANTED, REPORT, others, "") is seen
    ours = AROUND._replace(networks={"bridge": frozenset({"1"})})
    assert comparisons.seen(WANTED, REPORT, ours, "") is not seen


def test_a_container_of_which_the_report_is_the_same_becomes_healthy_with_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = datetime.now(UTC).isoformat()
    state = {"Status": "running", "Running": True, "StartedAt": began}
    comparisons, strays, report = made(), Strays(), {**REPORT, "RestartCount": 2, "State": state}
    assert comparisons.seen(WANTED, report, AROUND, "").health is Health.DEGRADED
    assert strays.seen(report, AROUND, {}).health is Health.DEGRADED

    def later(report: dict[str, Any], spec: dict[str, Any]) -> tuple[Health, str]:
        return health_of(report, spec, lambda: time.time() + 61)

    monkeypatch.setattr(container_compare, "health_of", later)
    monkeypatch.setattr(container_strays, "health_of", later)
    assert comparisons.seen(WANTED, report, AROUND, "").health is Health.HEALTHY
    assert strays.seen(report, AROUND, {}).health is Health.HEALTHY


def test_what_nobody_wants_is_seen_once_for_each_report_and_label() -> None:
    strays = Strays()
    seen = strays.seen(REPORT, AROUND, {})
    assert strays.seen(REPORT, AROUND, {}) is seen
    assert strays.seen(REPORT, AROUND, {"windlass.stack": "s"}) is not seen
    assert strays.seen(dict(REPORT), AROUND, {}) is not seen


def test_a_comparison_is_kept_as_long_as_its_container_is_there_although_another_look_does_not_want_it() -> None:
    comparisons, strays = made(), Strays()
    seen, stray = comparisons.seen(WANTED, REPORT, AROUND, ""), strays.seen(REPORT, AROUND, {})
    comparisons.forget_all_but({"web", "other"})
    strays.forget_all_but({"id", "other"})
    assert comparisons.seen(WANTED, REPORT, AROUND, "") is seen
    assert strays.seen(REPORT, AROUND, {}) is stray
    comparisons.forget_all_but({"other"})
    strays.forget_all_but({"other"})
    assert comparisons.seen(WANTED, REPORT, AROUND, "") is not seen
    assert strays.seen(REPORT, AROUND, {}) is not stray


def test_a_container_of_which_the_report_is_the_same_is_seen_anew_once_its_hooks_have_run() -> None:
    unhooked = Unhooked()
    comparisons = made(unhooked)
    wanted = Resource(Key("container", "web"), "s", {"body": {}, "hooks": {"post_start": [{"Cmd": ["x"]}]}})
    unhooked.expect(wanted, "id")
    assert NOT_RUN in comparisons.seen(wanted, REPORT, AROUND, "").differences
    unhooked.settle(wanted.stack, "id")
    assert NOT_RUN not in comparisons.seen(wanted, REPORT, AROUND, "").differences
