"""What an engine says of a network in its own words, adds to it, or does not know: none of that is a difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agent.kinds import network
from agent.kinds.base import Identity
from agent.kinds.network import NetworkKind
from agent.kinds.table import compare, fingerprint
from agent.model import Action, Cause, Change, Key, Observed, Resource, Scope
from tests.kinds.bench import Bench

MTU = "com.docker.network.driver.mtu"


@pytest.mark.engine
def test_a_network_is_as_wanted_where_the_engine_does_not_know_what_is_asked(bench: Bench) -> None:
    if bench.engine.api >= (1, 48):
        pytest.skip("this engine knows it")
    assert bench.create(bench.network(EnableIPv4=False, Internal=True)).differences == ()


def differing(body: dict[str, Any], report: dict[str, Any]) -> list[str]:
    whole = {"Driver": "bridge", "Options": {}, "IPAM": {"Driver": "default"}, "Internal": False, **report}
    made = fingerprint(network.TABLE, body, b"k")
    return [one.path for one in compare(network.TABLE, network.Facts(body, whole), made, made)]


@pytest.mark.parametrize(
    ("body", "report"),
    [
        (
            {"Driver": "overlay", "Attachable": True},
            {
                "Driver": "overlay",
                "Attachable": True,
                "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097"},
            },
        ),
        (
            {
                "IPAM": {
                    "Config": [
                        {"Subnet": "FD00:0:0::/64", "Gateway": "fd00:0::1", "AuxiliaryAddresses": {"r": "FD00::2"}}
                    ]
                }
            },
            {
                "IPAM": {
                    "Config": [{"Subnet": "fd00::/64", "Gateway": "fd00::1", "AuxiliaryAddresses": {"r": "fd00::2"}}]
                }
            },
        ),
    ],
    ids=["number of an overlay", "addresses"],
)
def test_what_the_engine_says_of_a_network_in_its_own_words_is_no_difference(
    body: dict[str, Any], report: dict[str, Any]
) -> None:
    assert differing(body, report) == []


class Adding:
    """An engine whose daemon has defaults for networks that are made. `made` are the names, in their order."""

    def __init__(self, api: tuple[int, int] = (1, 43), **defaults: Any) -> None:
        self.api, self._defaults = api, defaults
        self.there: dict[str, dict[str, Any]] = {}
        self.made = 0

    def list_networks(self) -> list[dict[str, Any]]:
        return [*self.there.values()]

    def inspect_network(self, network: str) -> dict[str, Any] | None:
        return next((one for one in self.there.values() if network in (one["Id"], one["Name"])), None)

    def create_network(self, name: str, body: Mapping[str, Any]) -> str:
        self.made += 1
        options = {**self._defaults.get("Options", {}), **(body.get("Options") or {})}
        usual = {"Driver": "bridge", "IPAM": {"Driver": "default"}, "Internal": False, "EnableIPv6": False}
        report = {**usual, **self._defaults, **body, "Options": options}
        self.there[str(self.made)] = {**report, "Name": name, "Id": str(self.made)}
        return str(self.made)

    def remove_network(self, network: str) -> None:
        del self.there[network]


def look(engine: Adding, wanted: Resource) -> Observed:
    scope = Scope("host-1", "here", frozenset({"web"}))
    kind: Any = NetworkKind(engine, Identity("host-1", "here", b"k"))  # type: ignore[arg-type]  # all that is asked
    if not engine.there:
        kind.create(Change(0, Action.CREATE, wanted.key, "web", Cause.COMMIT, "new", wanted=wanted), "rev1")
    [found] = kind.observe([wanted], scope)
    assert isinstance(found, Observed)
    return found


def front(**body: Any) -> Resource:
    return Resource(Key("network", "front"), "web", body)


def test_what_the_daemon_adds_to_each_network_is_no_difference_and_what_a_hand_adds_is() -> None:
    engine = Adding(Options={MTU: "1400"}, EnableIPv6=True)
    assert look(engine, front(Labels={"x": "1"})).differences == ()
    assert (engine.made, len(engine.there)) == (2, 1), "made once more, with a note"
    [report] = engine.there.values()
    report["Options"]["com.docker.network.bridge.name"] = "br9"
    report["Options"][MTU] = "1300"
    report["EnableIPv6"] = False
    found = {one.path for one in look(engine, front(Labels={"x": "1"})).differences}
    assert found == {f"driver_opts.{MTU}", "driver_opts.com.docker.network.bridge.name", "enable_ipv6"}


def test_what_is_asked_for_goes_before_what_the_daemon_would_add() -> None:
    engine = Adding(Options={MTU: "1400"})
    assert look(engine, front(Options={MTU: "9000"}, EnableIPv6=False)).differences == ()
    assert engine.made == 1
    [difference] = look(engine, front()).differences
    assert (difference.path, difference.seen, difference.wanted) == (f"driver_opts.{MTU}", "9000", None)
