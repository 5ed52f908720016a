"""Who moved, told of containers that were changed in place, taken over from Compose or given other names by hand."""

from __future__ import annotations

from typing import Any

import docker
import pytest

from agent.errors import Unreachable
from agent.jsonfile import JsonFile
from agent.kinds.container import ContainerKind
from agent.kinds.container_mended import Mended
from agent.kinds.taken import Taken
from agent.model import Action, Cause, Change, Key, Observed, Owner, Resource
from tests.kinds.bench import Bench

pytestmark = pytest.mark.engine

MEGA = 1 << 20


def composes(bench: Bench, service: str, number: int = 1) -> dict[str, str]:
    return {
        "com.docker.compose.project": bench.stack,
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.oneoff": "False",
    }


def made_by_compose(bench: Bench, sdk: docker.APIClient, name: str, number: int = 1) -> Any:
    """The id of a container of the service `web`."""
    made = sdk.create_container(bench.image, name=bench.name(name), labels=composes(bench, "web", number))
    sdk.start(made)
    return made["Id"]


def tidy(bench: Bench, *wanted: Resource) -> None:
    """What the end of a turn does, after its last look."""
    kind = bench.kinds["container"]
    assert isinstance(kind, ContainerKind)
    kind.tidy(bench.stack, {one.key for one in wanted})


def adopt(bench: Bench, wanted: Resource, seen: Observed) -> None:
    kind = bench.kinds["container"]
    assert isinstance(kind, ContainerKind)
    kind.adopt(Change(1, Action.ADOPT, wanted.key, bench.stack, Cause.COMMIT, "test", wanted=wanted, seen=seen))


def moved(bench: Bench, wanted: Resource) -> list[tuple[str, bool]]:
    return [(one.path, one.declared) for one in bench.seen(wanted).differences]


def test_what_a_commit_has_changed_in_place_drifts_from_that(bench: Bench, sdk: docker.APIClient) -> None:
    before, after = bench.container(Memory=64 * MEGA), bench.container(Memory=128 * MEGA)
    bench.create(before)
    assert moved(bench, after) == [("memory", True), ("memswap_limit", True)]
    assert bench.update(after).differences == ()
    assert bench.seen(after).revision == "rev1"
    sdk.update_container(bench.name("web"), mem_limit=100 * MEGA, memswap_limit=256 * MEGA)
    assert moved(bench, after) == [("memory", False)]
    bench.update(after)
    assert moved(bench, before) == [("memory", True), ("memswap_limit", True)], "and back again by a commit"
    bench.update(before)
    tidy(bench, before)
    sdk.update_container(bench.name("web"), mem_limit=32 * MEGA)
    assert moved(bench, before) == [("memory", False)]


def test_what_compose_made_and_was_as_wanted_drifts(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.container(Labels=composes(bench, "web"))
    made_by_compose(bench, sdk, "web")
    seen = bench.seen(wanted)
    assert (seen.differences, seen.untaken) == ((), True)
    adopt(bench, wanted, seen)
    assert not bench.seen(wanted).untaken
    tidy(bench, wanted)
    sdk.stop(bench.name("web"), timeout=0)
    seen = bench.seen(wanted)
    assert (seen.owner, moved(bench, wanted)) == (Owner.ADOPTABLE, [("state", False)])
    assert moved(bench, bench.container(Labels=composes(bench, "web"), Env=["A=1"])) == [
        ("environment.A", True),
        ("state", False),
    ]


def test_what_compose_made_and_never_was_as_wanted_is_of_a_commit(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.container(Labels=composes(bench, "web"), Memory=64 * MEGA)
    made_by_compose(bench, sdk, "web")
    assert dict(moved(bench, wanted))["memory"]
    tidy(bench, wanted)
    assert dict(moved(bench, wanted))["memory"]
    assert bench.update(wanted).differences == ()
    sdk.update_container(bench.name("web"), mem_limit=32 * MEGA)
    assert moved(bench, wanted) == [("memory", False)], "now it was"


def test_what_compose_made_is_found_under_the_name_that_somebody_gave_it(bench: Bench, sdk: docker.APIClient) -> None:
    wanted = bench.container(Labels=composes(bench, "web"))
    made = made_by_compose(bench, sdk, "elsewhere")
    seen = bench.seen(wanted)
    assert (seen.id, seen.owner, [one.path for one in seen.differences]) == (made, Owner.ADOPTABLE, ["name"])
    bench.update(wanted)
    assert bench.report(wanted)["Id"] == made
    assert bench.seen(wanted).differences == ()


def test_each_container_of_composes_stands_for_one_that_is_wanted(bench: Bench, sdk: docker.APIClient) -> None:
    first, second, third = (
        Resource(Key("container", bench.name(f"web-{number}")), bench.stack, one.spec, service="web")
        for number in (1, 2, 3)
        for one in [bench.container(Labels=composes(bench, "web", number))]
    )
    ids = [made_by_compose(bench, sdk, name, number) for name, number in (("web-2", 2), ("a", 4), ("b", 3))]
    seen = bench.look(first, second, third)
    assert [seen[one.key].id for one in (first, second, third)] == [ids[1], ids[0], ids[2]]


def test_containers_that_swapped_their_names_get_them_back(bench: Bench, sdk: docker.APIClient) -> None:
    one, other = bench.container("one"), bench.container("other")
    ids = [bench.create(wanted).id for wanted in (one, other)]
    sdk.rename(ids[0], bench.name("aside"))
    sdk.rename(ids[1], one.key.name)
    sdk.rename(ids[0], other.key.name)
    seen = bench.look(one, other)
    assert [(seen[wanted.key].id, seen[wanted.key].owner) for wanted in (one, other)] == [
        (ids[0], Owner.OURS),
        (ids[1], Owner.OURS),
    ]
    for wanted in (one, other):
        bench.do(Action.UPDATE, wanted, seen[wanted.key])
    assert [bench.report(wanted)["Id"] for wanted in (one, other)] == ids
    assert all(not found.differences for found in bench.look(one, other).values())


@pytest.mark.usefixtures("namesakes")
def test_of_networks_of_one_name_ours_is_meant(bench: Bench, sdk: docker.APIClient) -> None:
    for _ in range(3):  # whichever id is the least
        sdk.create_network(bench.name("front"), check_duplicate=False)
    bench.do(Action.CREATE, bench.network("back"))
    ours = sdk.create_network(bench.name("front"), labels={"windlass.instance": bench.identity.instance})["Id"]
    wanted = bench.container(NetworkMode=bench.name("back"))
    bench.create(wanted)
    sdk.disconnect_container_from_network(bench.name("web"), bench.name("back"))
    both: dict[str, Any] = {"EndpointsConfig": {bench.name("back"): {}, bench.name("front"): {}}}
    wanted = bench.container(NetworkMode=bench.name("back"), NetworkingConfig=both)
    bench.update(wanted)
    assert bench.report(wanted)["NetworkSettings"]["Networks"][bench.name("front")]["NetworkID"] == ours
    assert bench.seen(wanted).differences == ()


def test_what_was_mended_is_known_to_the_next_agent_and_of_that_container_alone(tmp_path: Any) -> None:
    wanted = Resource(Key("container", "web-1"), "web", {}, service="web")
    report = {"Id": "a", "Config": {"Labels": {"windlass.revision": "old", "windlass.fields": "{}", "x": "y"}}}
    Mended(JsonFile(tmp_path / "notes")).note(wanted, report, {"": "k", "memory": "1"}, "new")
    noted = {"windlass.fields": '{"":"k","memory":"1"}', "windlass.revision": "new"}
    after = Mended(JsonFile(tmp_path / "notes"))
    assert after.labels(wanted, report) == {**noted, "x": "y"}
    assert after.of(wanted, {**report, "Id": "b"}) == {}
    after.forget("web", {wanted.key})
    assert after.of(wanted, report) == noted
    after.forget("web", set())
    assert Mended(JsonFile(tmp_path / "notes")).of(wanted, report) == {}


def test_a_drift_that_was_mended_leaves_no_note(tmp_path: Any) -> None:
    wanted = Resource(Key("container", "web-1"), "web", {}, service="web")
    labels = {"windlass.instance": "i", "windlass.fields": '{"":"k"}', "windlass.revision": "old"}
    report = {"Id": "a", "Config": {"Labels": labels}}
    Mended(JsonFile(tmp_path / "notes")).note(wanted, report, {"": "k"}, "new")
    assert not (tmp_path / "notes").exists()


def test_what_cannot_be_noted_is_known_as_long_as_the_agent_lives(tmp_path: Any) -> None:
    """Or it would be taken over anew at each turn."""
    (tmp_path / "notes").mkdir()
    wanted, report = Resource(Key("container", "web-1"), "web", {}, service="web"), {"Id": "a", "Config": {}}
    mended = Mended(JsonFile(tmp_path / "notes"), "o")
    mended.note(wanted, report, {"": "k"}, "")
    assert (mended.is_taken(wanted, report), mended.whose()["a"]["windlass.origin"]) == (True, "o")
    taken = Taken(JsonFile(tmp_path / "notes"), "o")
    taken.note(wanted, "n")
    assert taken.has(wanted, "n")
    taken.forget("web", lambda id: id != "n")
    assert taken.has(wanted, "n")
    taken.forget("web", lambda id: id == "n")
    assert taken.whose() == {}


def test_nothing_is_forgotten_as_long_as_nobody_can_tell_whether_it_is_gone() -> None:
    def unanswered(_id: str) -> bool:
        raise Unreachable("nobody answers")

    taken, wanted = Taken(origin="o"), Resource(Key("network", "web_default"), "web", {})
    taken.note(wanted, "n")
    taken.forget("web", unanswered)
    assert taken.has(wanted, "n")
