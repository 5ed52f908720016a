"""The field table without an engine: fingerprints, who moved, and the normal forms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kinds import base
from agent.kinds.base import FIELDS, Identity, digest, is_ours, make_fingerprint, our_labels, read_fingerprint
from agent.kinds.container_facts import (
    Facts,
    bindings,
    capabilities,
    links,
    named_owner,
    restart,
    security,
    signal,
    volumes_from,
)
from agent.kinds.container_fields import TABLE
from agent.kinds.container_mounts import carry_over, mounts
from agent.kinds.container_state import uses_of
from agent.kinds.network import TABLE as NETWORK_TABLE
from agent.kinds.table import AS_MADE, Row, compare, fingerprint, look, looks_secret
from agent.kinds.volume import TABLE as VOLUME_TABLE
from agent.model import Key, Resource

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
WORLD = Path(__file__).parents[3] / "shared" / "corpus"


@given(JSON, JSON)
def test_digests_tell_values_apart_and_keys_too(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest(b"k", one) == digest(b"k", other)) == same
    assert digest(b"k", one) != digest(b"l", one)


@given(st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=5))
def test_a_fingerprint_is_read_back_with_its_own_key_only(declared: dict[str, Any]) -> None:
    made = make_fingerprint(declared, b"k")
    identity = Identity("i", "o", b"k")
    labels = our_labels(identity, Resource(Key("container", "x"), "s", {}), "r", made)
    assert read_fingerprint(labels, b"k") == made
    assert read_fingerprint(labels, b"another") is None
    assert set(made) == {"", *(path for path, value in declared.items() if value is not None)}


@pytest.mark.parametrize("text", ["", "no json", "[]", '"x"', "{}", "null"])
def test_a_spoilt_fingerprint_is_none(text: str) -> None:
    assert read_fingerprint({FIELDS: text}, b"k") is None
    assert read_fingerprint({}, b"k") is None


ROW = Row[Any]("x", lambda spec: spec.get("x"), lambda facts: facts[0].get("x"), lambda facts: facts[1])
BLIND = Row[Any]("x", lambda spec: spec.get("x"), lambda _: None, lambda _: None, told=lambda _: False)


@pytest.mark.parametrize(
    ("made", "wanted", "seen", "adopted", "declared"),
    [
        ({"x": 1}, {"x": 1}, 1, False, []),
        ({"x": 1}, {"x": 2}, 1, False, [True]),
        ({"x": 1}, {"x": 1}, 2, False, [False]),
        ({"x": 1}, {"x": 2}, 2, False, []),
        ({}, {"x": 2}, 1, False, [True]),
        ({"x": 1}, {}, 1, False, [True]),
        (None, {"x": 2}, 1, False, [False]),
        (None, {"x": 2}, 1, True, [True]),
    ],
    ids=["as made", "commit", "drift", "by hand as the commit", "newly set", "unset", "no fingerprint", "adopted"],
)
def test_who_moved(made: Any, wanted: Any, seen: Any, adopted: bool, declared: list[bool]) -> None:
    made_from = None if made is None else fingerprint([ROW], made, b"k")
    found = compare([ROW], (wanted, seen), made_from, fingerprint([ROW], wanted, b"k"), adopted=adopted)
    assert [one.declared for one in found] == declared


def test_what_the_engine_does_not_tell_differs_by_its_fingerprint() -> None:
    one, other = fingerprint([BLIND], {"x": 1}, b"k"), fingerprint([BLIND], {"x": 2}, b"k")
    assert compare([BLIND], None, one, one) == ()
    assert compare([BLIND], None, None, one, adopted=True) == ()
    [difference] = compare([BLIND], None, one, other)
    assert (difference.path, difference.seen, difference.declared) == ("x", AS_MADE, True)


@pytest.mark.parametrize("table", [TABLE, NETWORK_TABLE, VOLUME_TABLE], ids=["container", "network", "volume"])
def test_no_two_rows_share_a_path(table: tuple[Row[Any], ...]) -> None:
    paths = [row.path for row in table]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("environment.DB_PASSWORD", "x", True),
        ("environment.API_TOKEN", None, True),
        ("environment.DATABASE_URL", "postgres://me:hunter2@db/x", True),
        ("environment.DATABASE_URL", "postgres://db/x", False),
        ("environment.LOG_LEVEL", "debug", False),
    ],
)
def test_what_looks_secret(name: str, value: str | None, secret: bool) -> None:
    assert looks_secret(name, value, None) is secret


@pytest.mark.parametrize(
    ("name", "labels", "inherited", "ours"),
    [
        ("web", {"windlass.instance": "i", "windlass.name": "web"}, {}, True),
        ("web.next", {"windlass.instance": "i", "windlass.name": "web"}, {}, True),
        ("web.old", {"windlass.instance": "i", "windlass.name": "web.old"}, {}, True),
        ("other", {"windlass.instance": "i", "windlass.name": "web"}, {}, False),
        ("web", {"windlass.instance": "j", "windlass.name": "web"}, {}, False),
        ("web", {"windlass.name": "web"}, {}, False),
        (
            "web",
            {"windlass.instance": "i", "windlass.name": "web"},
            {"windlass.instance": "i", "windlass.name": "web"},
            False,
        ),
        (
            "web",
            {"windlass.instance": "i", "windlass.name": "web", "windlass.fields": "{}"},
            {"windlass.instance": "i", "windlass.name": "web"},
            True,
        ),
    ],
)
def test_whose_an_object_is(name: str, labels: dict[str, str], inherited: dict[str, str], ours: bool) -> None:
    assert is_ours(Identity("i", "o", b"k"), name, labels, inherited) is ours


@pytest.mark.parametrize(
    ("form", "one", "other"),
    [
        (capabilities, ["net_admin", "CAP_CHOWN"], ["CHOWN", "NET_ADMIN"]),
        (signal, "quit", "SIGQUIT"),
        (signal, None, "SIGTERM"),
        (restart, None, {"Name": "no", "MaximumRetryCount": 0}),
        (restart, {"Name": "on-failure"}, {"Name": "on-failure", "MaximumRetryCount": 0}),
        (security, ["no-new-privileges", "label:disable"], ["label=disable", "no-new-privileges=true"]),
        (links, ["db:sql"], ["/db:/web/sql"]),
        (bindings, {"80": [{"HostPort": "1"}], "81/tcp": []}, {"80/tcp": [{"HostIp": "", "HostPort": "1"}]}),
        (
            lambda host: mounts(host, {}),
            {"Binds": ["data:/data:rw", "/a/:/b:ro,rprivate"]},
            {
                "Mounts": [
                    {"Type": "bind", "Source": "/a", "Target": "/b/", "ReadOnly": True},
                    {"Type": "volume", "Source": "data", "Target": "/data", "VolumeOptions": {}},
                ]
            },
        ),
    ],
)
def test_two_ways_to_say_it_are_one(form: Any, one: Any, other: Any) -> None:
    assert form(one) == form(other)


ID = "0123456789ab" + "0" * 52


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        (named_owner, f"container:{ID}", "container:db"),
        (named_owner, "container:0123456789ab", "container:db"),
        (named_owner, "container:db", "container:db"),
        (named_owner, "container:0123", "container:0123"),  # nobody's name, and too short to be an id
        (named_owner, "host", "host"),
        (volumes_from, ["db:ro", "other:rw"], ("db:ro", "other")),
        (volumes_from, [ID, "0123456789ab:ro"], ("db", "db:ro")),
    ],
)
def test_a_container_is_meant_by_its_name_or_its_id(form: Any, value: Any, expected: Any) -> None:
    assert form(value, {ID: "db"}) == expected


@pytest.mark.parametrize(("member", "path"), [("NetworkMode", "network_mode"), ("PidMode", "pid"), ("IpcMode", "ipc")])
def test_a_namespace_that_is_asked_for_by_name_is_the_one_that_is_reported_by_id(member: str, path: str) -> None:
    body = {"Image": "x", "HostConfig": {"NetworkMode": "none", member: "container:db"}}
    seen = {"NetworkMode": "none", member: f"container:{ID}"}
    made = fingerprint(TABLE, {"body": body}, b"k")
    for names, expected in (({ID: "db"}, []), ({}, [path])):
        found = compare(TABLE, replace(facts(body, HostConfig=seen), names=names), made, made)
        assert [difference.path for difference in found] == expected


def test_a_link_is_a_use_of_the_container_that_it_leads_to() -> None:
    report = {"Config": {"Image": "x"}, "HostConfig": {"Links": ["/db:/web/sql"], "PidMode": f"container:{ID}"}}
    used = {key.name for key in uses_of(report, {ID: "donor"}) if key.kind == "container"}
    assert used == {"db", "donor"}


def test_a_carried_volume_reads_as_anonymous_again() -> None:
    host = {"Mounts": [{"Type": "volume", "Target": "/a/"}, {"Type": "volume", "Target": "/b"}], "Binds": ["/x:/x"]}
    carried = carry_over(host, {"/a": "0" * 64, "/c": "1" * 64})
    assert mounts(carried, {"/c": {}}) == mounts(host, {"/c": {}})
    assert carried["Binds"] == ["/x:/x", f"{'0' * 64}:/a", f"{'1' * 64}:/c"]


def facts(body: dict[str, Any], api: tuple[int, int] = (1, 51), **report: Any) -> Facts:
    """Facts about a container whose report is its body again, as an engine that changes nothing would give it."""
    config = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    mode = ((body.get("HostConfig") or {}).get("NetworkMode") or "default").replace("default", "bridge")
    has_none = mode in ("none", "host", "disabled") or mode.startswith("container:")
    networks = endpoints or ({} if has_none else {mode: {}})
    inspect = {
        "Id": "f" * 64,
        "Name": "/web",
        "Config": config,
        "HostConfig": body.get("HostConfig") or {},
        "NetworkSettings": {"Networks": networks},
        "State": {"Status": "running"},
    }
    return Facts("web", {"body": body}, {**inspect, **report}, {}, api=api)


def bodies() -> list[dict[str, Any]]:
    """Every creation of a container that Docker Compose was seen to ask for."""
    found = {}
    for file in sorted(WORLD.glob("valid/**/expected_calls-*.json")):
        for call in json.loads(file.read_text()):
            if call["call"] == "container.create":
                found[json.dumps(call["body"], sort_keys=True)] = call["body"]
    return list(found.values())


@pytest.mark.skipif(not WORLD.exists(), reason="the corpus of Compose files is not here")
def test_what_compose_asks_for_is_covered_and_equal_to_itself() -> None:
    asked = bodies()
    assert len(asked) > 1000
    for body in asked:
        made = fingerprint(TABLE, {"body": body}, b"k")
        assert "others" not in made, body
        swap = 2 * ((body.get("HostConfig") or {}).get("Memory") or 0)
        host = {"MemorySwap": swap, **(body.get("HostConfig") or {})}
        found = compare(TABLE, facts({**body, "HostConfig": host}), made, made)
        assert found == (), body


@given(st.sampled_from([row.path for row in TABLE]))
def test_a_container_without_anything_declares_next_to_nothing(path: str) -> None:
    made = fingerprint(TABLE, {"body": {"Image": "x"}}, b"k")
    assert (path in made) == (path in ("image", "network_mode", "networks"))


def test_a_field_that_nobody_knows_is_told_by_its_fingerprint() -> None:
    one, other = {"Image": "x", "HostConfig": {"Brandnew": 1}}, {"Image": "x", "HostConfig": {"Brandnew": 2}}
    made, wanted = (fingerprint(TABLE, {"body": body}, b"k") for body in (one, other))
    assert compare(TABLE, facts(one), made, made) == ()
    assert [difference.path for difference in compare(TABLE, facts(other), made, wanted)] == ["others"]


def test_look_takes_whatever_an_engine_leaves_out() -> None:
    assert look({"a": {"b": None}}, "a.b.c") is None
    assert look(None, "a") is None
    assert look({"a": [1]}, "a.b") is None


def test_what_a_newer_release_adds_replaces_nothing() -> None:
    made = fingerprint(TABLE[:-5], {"body": {"Image": "x", "User": "1"}}, b"k")
    wanted = fingerprint(TABLE, {"body": {"Image": "x", "User": "1"}}, b"k")
    assert compare(TABLE, facts({"Image": "x", "User": "1"}), made, wanted) == ()
    assert base.base_name("web.next") == "web"
