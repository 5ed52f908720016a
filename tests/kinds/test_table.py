"""The field table without an engine: fingerprints, who moved, and the normal forms."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kinds.base import FIELDS, Identity, digest, is_ours, make_fingerprint, our_labels, read_fingerprint
from agent.kinds.container_compose import compose_labels
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
from agent.kinds.container_state import unmoved, uses_of
from agent.kinds.network import TABLE as NETWORK_TABLE
from agent.kinds.table import AS_MADE, Row, compare, fingerprint, holds_secret, look
from agent.kinds.volume import TABLE as VOLUME_TABLE
from agent.model import Key, Resource
from agent.twins import NEXT, OLD, base_name
from tests.interop.corpus import CORPUS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


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
        ("environment.MYSQL_PWD", "x", True),
        ("environment.DATABASE_URL", "postgres://me:hunter2@db/x", True),
        ("environment.DATABASE_URL", "postgres://db/x", False),
        ("environment.LOG_LEVEL", "debug", False),
    ],
)
def test_what_looks_secret(name: str, value: str | None, secret: bool) -> None:
    assert holds_secret(name, value, None) is secret


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
        (links, ["db:sql", "db:sql"], ["/db:/web/sql"]),
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


FRONT = {"EndpointsConfig": {"front": {"Aliases": ["web"], "Links": ["db:db"]}}}


@pytest.mark.parametrize(
    ("body", "report"),
    [
        pytest.param(
            {"Hostname": "door", "NetworkingConfig": FRONT, "HostConfig": {"NetworkMode": "front"}},
            {"NetworkSettings": {"Networks": {"front": {"Aliases": ["web", "f" * 12, "door"], "Links": ["db:db"]}}}},
            id="aliases that an older engine adds",
        ),
        pytest.param(
            {"Hostname": "web", "NetworkingConfig": FRONT, "HostConfig": {"NetworkMode": "front"}},
            {"NetworkSettings": {"Networks": {"front": {"Aliases": ["web"], "Links": ["db:db"]}}}},
            id="an alias that is the host name",
        ),
        pytest.param(
            {"HostConfig": {"NetworkMode": "container:other"}},
            {"Config": {"Hostname": "door", "Domainname": "example.test"}},
            id="names of whoever's network is shared",
        ),
        pytest.param(
            {"NetworkingConfig": FRONT, "HostConfig": {"NetworkMode": "front", "Links": ["db:db"]}},
            {"HostConfig": {"NetworkMode": "front", "Links": None}},
            id="links that are the endpoint's",
        ),
    ],
)
def test_what_the_engine_sees_to_by_itself_is_no_difference(body: dict[str, Any], report: dict[str, Any]) -> None:
    made = fingerprint(TABLE, {"body": body}, b"k")
    assert compare(TABLE, facts(body, **report), made, made) == ()


@pytest.mark.parametrize(
    ("body", "report", "path"),
    [
        ({"Domainname": "a"}, {"Config": {"Domainname": "b"}}, "domainname"),
        ({"HostConfig": {"Links": ["db:db"]}}, {"HostConfig": {"Links": None}}, "links"),
        (
            {"NetworkingConfig": FRONT, "HostConfig": {"NetworkMode": "front"}},
            {"NetworkSettings": {"Networks": {"front": {"Aliases": ["web"]}}}},
            "networks.front.links",
        ),
        (
            {"Hostname": "door", "NetworkingConfig": FRONT, "HostConfig": {"NetworkMode": "front"}},
            {"NetworkSettings": {"Networks": {"front": {"Aliases": ["door"], "Links": ["db:db"]}}}},
            "networks.front.aliases",
        ),
    ],
)
def test_and_yet_it_is_one_where_it_was_asked_for(body: dict[str, Any], report: dict[str, Any], path: str) -> None:
    made = fingerprint(TABLE, {"body": body}, b"k")
    assert [one.path for one in compare(TABLE, facts(body, **report), made, made)] == [path]


COPIED = {"HostConfig": {"Binds": ["/state/1/c:/etc/c:ro"]}, "Image": "x"}


@pytest.mark.parametrize(
    ("bind", "unmoved", "paths"),
    [
        pytest.param("/here/c:/etc/c:ro", {"/here/c"}, [], id="the file itself, as it was"),
        pytest.param("/here/c:/etc/c:ro", set(), ["volumes./etc/c"], id="the file itself, changed since"),
        pytest.param("/here/c:/etc/c:rw", {"/here/c"}, ["volumes./etc/c"], id="mounted otherwise"),
        pytest.param("/here/d:/etc/c:ro", {"/here/c"}, ["volumes./etc/c"], id="another file"),
        pytest.param("/state/1/c:/etc/c:ro", {"/here/c"}, [], id="the copy"),
    ],
)
def test_the_file_itself_is_as_good_as_its_copy(bind: str, unmoved: set[str], paths: list[str]) -> None:
    seen = facts(COPIED, HostConfig={"Binds": [bind]})
    seen = replace(seen, spec={"body": COPIED, "lying": {"/state/1/c": "/here/c"}}, unmoved=frozenset(unmoved))
    made = fingerprint(TABLE, seen.spec, b"k")
    assert [one.path for one in compare(TABLE, seen, made, made)] == paths


@pytest.mark.parametrize(
    ("injected", "binds", "paths"),
    [({"/etc/c"}, [], []), (set(), [], ["volumes./etc/c"]), ({"/etc/c"}, ["/else:/etc/c:ro"], ["volumes./etc/c"])],
    ids=["a copy in the container", "none", "something mounted over it"],
)
def test_a_copy_in_the_container_is_as_good_as_a_mount(injected: set[str], binds: list[str], paths: list[str]) -> None:
    seen = replace(facts(COPIED, HostConfig={"Binds": binds}), injected=frozenset(injected))
    made = fingerprint(TABLE, seen.spec, b"k")
    assert [one.path for one in compare(TABLE, seen, made, made)] == paths


def test_a_file_that_changed_after_the_start_is_told_by_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "c"
    file.write_text("1")
    wanted = [str(file)]

    def seen(started: str, *, running: bool = True) -> frozenset[str]:
        return unmoved({"State": {"Running": running, "StartedAt": started}}, wanted)

    assert seen("2999-01-01T00:00:00.123456789Z") == {str(file)}
    assert seen("2001-01-01T00:00:00.123456789Z") == frozenset()
    assert seen("2001-01-01T00:00:00Z", running=False) == {str(file)}, "a start looks anew"
    file.unlink()
    assert seen("2999-01-01T00:00:00.123456789Z") == frozenset()
    assert seen("sometime") == frozenset()


def test_what_compose_knows_a_container_by() -> None:
    mine = {"com.docker.compose.project": "p", "com.docker.compose.config-hash": "by name"}
    spec = {"body": {"Labels": mine}, "hashed": '{"network_mode":"container:\\u0000p-db-1\\u0000"}'}
    wanted = Resource(Key("container", "p-a-1"), "p", spec)
    assert compose_labels(wanted, "sha256:1", {"p-db-1": "0123"}.__getitem__) == {
        "com.docker.compose.image": "sha256:1",
        "com.docker.compose.config-hash": hashlib.sha256(b'{"network_mode":"container:0123"}').hexdigest(),
    }
    plain = Resource(Key("container", "p-b-1"), "p", {"body": {"Labels": mine}})
    assert compose_labels(plain, "sha256:1", str) == {"com.docker.compose.image": "sha256:1"}
    assert compose_labels(plain, "", str) == {}


def bodies() -> list[dict[str, Any]]:
    """Every creation of a container that Docker Compose was seen to ask for."""
    found = {}
    for file in sorted(CORPUS.glob("valid/**/expected_calls-*.json")):
        for call in json.loads(file.read_text()):
            if call["call"] == "container.create":
                found[json.dumps(call["body"], sort_keys=True)] = call["body"]
    return list(found.values())


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of Compose files is not here")
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


def test_the_twins_of_a_replacement_are_known_by_their_name() -> None:
    assert [base_name(name) for name in ("web", f"web{NEXT}", f"web{OLD}")] == ["web", "web", "web"]
