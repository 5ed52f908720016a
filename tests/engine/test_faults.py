"""What the engine's misbehaviour becomes: a plain error, in time, with nothing done twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.engine import Engine
from agent.engine.calls import WRITES_AT_ONCE
from agent.errors import Overtaken, Refused, Unreachable
from agent.stand_ins import ignore
from tests.engine.fake import FakeEngine, Request

INFO, START = "/info", "/start"


@pytest.mark.parametrize("fault", [Request.drip, Request.hang], ids=["a byte at a time", "silent"])
def test_every_call_has_a_total_deadline(fake: FakeEngine, door: Engine, fault: Callable[[Request], None]) -> None:
    fake.answers = {INFO: fault, START: fault}
    for call in (door.info, lambda: door.start_container("x")):
        began = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            call()
        assert caught.value.reason == "EngineTimeout"
        assert time.monotonic() - began < 5
    assert (fake.count(INFO), fake.count(START)) == (1, 1), "what took too long is not asked again"


def test_stopping_takes_its_grace_beyond_the_deadline(fake: FakeEngine, door: Engine) -> None:
    def late(request: Request) -> None:
        time.sleep(0.8)
        request.say("")

    fake.answers = {"/stop": late}
    door.stop_container("x", 1)
    assert fake.requests[-1][1].endswith("/containers/x/stop?t=1")
    with pytest.raises(Unreachable):
        door.stop_container("x", 0)


def test_no_more_is_changed_at_once_than_the_engine_bears_but_what_waits_for_a_container_may_begin(
    fake: FakeEngine,
) -> None:
    begun, over = threading.Semaphore(0), threading.Event()

    def held(request: Request) -> None:
        begun.release()
        over.wait(20)
        request.say("")

    fake.answers = {START: held, "/stop": held}
    engine = Engine(fake.url, timeout=30)
    with ThreadPoolExecutor(WRITES_AT_ONCE + 2) as pool:
        calls = [pool.submit(engine.start_container, f"x{number}") for number in range(WRITES_AT_ONCE + 1)]
        assert all(begun.acquire(timeout=20) for _ in range(WRITES_AT_ONCE))
        assert not begun.acquire(timeout=0.3), "the next one waits its turn"
        calls.append(pool.submit(engine.stop_container, "y", 600))
        assert begun.acquire(timeout=20), "a stop does not wait behind them"
        over.set()
        for call in calls:
            call.result(20)
    assert fake.count(START) == WRITES_AT_ONCE + 1
    engine.close()


@pytest.mark.parametrize("fault", [Request.cut, Request.silence], ids=["cut", "closed"])
def test_a_read_is_asked_again_and_a_write_is_not(
    fake: FakeEngine, door: Engine, fault: Callable[[Request], None]
) -> None:
    fake.answers = {INFO: fault, START: fault}
    for call in (door.info, lambda: door.start_container("x")):
        with pytest.raises(Unreachable) as caught:
            call()
        assert caught.value.reason == "EngineUnavailable"
    assert (fake.count(INFO), fake.count(START)) == (3, 1)


def test_a_read_that_fails_once_succeeds(fake: FakeEngine, door: Engine) -> None:
    def stumble(request: Request) -> None:
        if fake.count(INFO) < 2:
            request.say({"message": "oops"}, 500)
        else:
            request.say({"Driver": "x"})

    fake.answers = {INFO: stumble}
    assert door.info() == {"Driver": "x"}


def test_an_engine_that_ends_answers_whom_it_knows_and_nobody_new(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {INFO: lambda request: request.say({"a": 1}), "/_ping": lambda request: request.say("OK")}
    assert door.info() == {"a": 1}
    door.ping()
    fake.shutdown()
    fake.server_close()
    assert door.info() == {"a": 1}
    with pytest.raises(Unreachable, match="reach the engine: the engine refuses connections"):
        door.ping()


def test_who_is_kept_until_another_engine_is_there_is_not_answered(fake: FakeEngine) -> None:
    """As by systemd, where that listens for it."""
    fake.answers = {"/_ping": Request.hang}
    engine = Engine(fake.url, timeout=30)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        engine.ping()
    assert time.monotonic() - began < 10, "the usual time of a call is long enough for another one to start"
    engine.close()


def test_a_client_that_met_a_fault_is_not_used_again(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {START: Request.cut, INFO: lambda request: request.say({"a": 1})}
    for _ in range(3):
        with pytest.raises(Unreachable):
            door.start_container("x")
        assert door.info() == {"a": 1}


@pytest.mark.parametrize(
    ("url", "words"),
    [("unix:///there/is/none.sock", "no engine at its socket"), ("tcp://127.0.0.1:1", "refuses connections")],
)
def test_no_engine_at_all(url: str, words: str) -> None:
    engine = Engine(url, timeout=2)
    with pytest.raises(Unreachable) as caught:
        engine.ping()
    assert caught.value.reason == "EngineUnavailable"
    assert words in caught.value.message
    engine.close()


@pytest.mark.parametrize(
    ("said", "spoken", "reason"),
    [
        ({"ApiVersion": "1.41"}, (1, 41), ""),
        ({"ApiVersion": "1.47", "MinAPIVersion": "1.24"}, (1, 47), ""),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.44"}, (1, 51), ""),
        ({"ApiVersion": "1.40", "MinAPIVersion": "1.12"}, None, "EngineTooOld"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.52"}, None, "EngineTooNew"),
    ],
)
def test_the_version_is_the_engines_own_but_none_that_is_not_known(
    fake: FakeEngine, door: Engine, said: dict[str, str], spoken: tuple[int, int] | None, reason: str
) -> None:
    fake.answers = {"version": lambda request: request.say(said), INFO: lambda request: request.say({})}
    if spoken:
        door.info()
        assert door.api == spoken
        assert fake.requests[-1][1] == f"/v{spoken[0]}.{spoken[1]}/info"
    else:
        with pytest.raises(Refused) as caught:
            door.info()
        assert caught.value.reason == reason


@pytest.mark.parametrize("first", ["read", "write"])
def test_an_engine_of_another_release_in_the_place_of_the_one_before_is_spoken_to_in_its_own_version(
    fake: FakeEngine, door: Engine, first: str
) -> None:
    """Started anew behind the same socket, so soon that nobody met it away; connections of before are kept."""
    both = threading.Barrier(2)

    def old(request: Request) -> None:
        both.wait(5)
        request.say({})

    def new(request: Request) -> None:
        if request.path.startswith("/v1.41/"):
            said = "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client"
            request.say({"message": said}, 400)
        else:
            request.say({})

    fake.answers = {INFO: old}
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: door.info(), range(2))) == [{}, {}]
    versions = {"ApiVersion": "1.52", "MinAPIVersion": "1.44"}
    fake.answers = {"version": lambda request: request.say(versions), INFO: new, START: new}
    calls: list[Callable[[], object]] = [door.info, lambda: door.start_container("x")]
    for call in calls if first == "read" else reversed(calls):
        call()
        assert fake.requests[-1][1].startswith("/v1.51/")
    assert door.api == (1, 51)


CONFLICT = 'Conflict. The container name "/web" is already in use by container "abc". You have to remove that.'


PROGRAMMING = "driver failed programming external connectivity on endpoint x (abc)"
BIND = f"{PROGRAMMING}: Bind for 127.0.0.1:80 failed: port is "


LISTEN = "driver failed: Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use"


RUNC = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    'exec: "nope": executable file not found in $PATH: unknown'
)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ((404, "No such container: abc"), "Overtaken", "No such container"),
        ((404, "No such image: nginx:9"), "ImageNotFound", "no image nginx:9 on this host"),
        ((409, CONFLICT), "NameConflict", "another container is called web"),
        ((409, "cannot start a paused container, is already paused"), "Overtaken", "paused"),
        ((500, "container 0a1b is not connected to network web_front"), "Overtaken", "not connected"),
        ((500, "Container 0a1b is not paused"), "Overtaken", "not paused"),
        ((409, "something else"), "Conflict", "something else"),
        ((500, BIND + "already allocated"), "PortInUse", "127.0.0.1:80 is in use already"),
        ((500, LISTEN), "PortInUse", "0.0.0.0:8080 is in use already"),
        ((500, f"{PROGRAMMING}: all ports are allocated"), "PortInUse", "web: every port of a range"),
        (
            (500, f"task {'0a1b' * 16}: already exists: unknown"),
            "StartCut",
            "while it started 0a1b0a1b0a1b, and cannot",
        ),
        ((400, RUNC), "StartFailed", 'exec: "nope": executable file not found in $PATH'),
        ((404, 'plugin "weave" not found'), "PluginMissing", "no plugin weave on this host"),
        ((400, 'create x: error looking up volume plugin y: plugin "y" not found'), "PluginMissing", "no plugin y"),
        ((403, "Pool overlaps with other one on this address space"), "SubnetOverlap", "overlaps"),
        ((403, "error while removing network: network x has active endpoints"), "NetworkInUse", "active"),
        ((400, "network front is ambiguous (2 matches found)"), "NameAmbiguous", "more than one"),
        ((400, "bind source path does not exist: /x"), "MountSourceMissing", "/x does not exist"),
        ((500, "write /x: no space left on device"), "DiskFull", "no space"),
        ((400, "client version 1.51 is too new. Maximum is 1.47"), "EngineTooOld", "too new"),
        ((400, "invalid " + "x" * 5000), "InvalidRequest", "…"),
        ((500, ""), "EngineError", "HTTP 500"),
    ],
)
def test_a_refusal_says_what_it_means(
    fake: FakeEngine, door: Engine, answer: tuple[int, str], reason: str, words: str
) -> None:
    fake.answers = {START: lambda request: request.say({"message": answer[1]}, answer[0])}
    with pytest.raises(Overtaken if reason == "Overtaken" else Refused) as caught:
        door.start_container("web")
    assert caught.value.reason == reason
    assert words in caught.value.message
    assert "http" not in caught.value.message.replace("HTTP", "")
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (400, RUNC.replace("nope", "server --password=hunter2"), "StartFailed"),
        (409, "something else with TOKEN=hunter2", "Conflict"),
        (404, "no such thing as TOKEN=hunter2", "Overtaken"),
        (404, "No such image: https://me:hunter2@registry/x", "ImageNotFound"),
        (400, f"invalid {'x' * 380} https://me:hunter2{'2' * 300}@registry", "InvalidRequest"),
        (500, "token: hunter2: no space left on device", "DiskFull"),
    ],
)
def test_the_engines_words_are_told_without_secrets_and_mean_the_same(
    fake: FakeEngine, door: Engine, status: int, text: str, reason: str
) -> None:
    fake.answers = {START: lambda request: request.say({"message": text}, status)}
    with pytest.raises(Overtaken if reason == "Overtaken" else Refused) as caught:
        door.start_container("web")
    assert caught.value.reason == reason
    assert "hunter2" not in caught.value.message


def test_removal_waits_for_one_that_is_under_way(fake: FakeEngine, door: Engine) -> None:
    def going(request: Request) -> None:
        if request.command == "DELETE":
            request.say({"message": "removal of container x is already in progress"}, 409)
        elif fake.count("/json") < 3:
            request.say({"Id": "x", "Name": "/x"})
        else:
            request.missing()

    fake.answers = {"/containers/x": going, "/json": going}
    door.remove_container("x")
    assert fake.count("/json") == 3


def test_every_call_is_counted(fake: FakeEngine, tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []
    door = Engine(fake.url, timeout=1, observe=lambda endpoint, seconds, code: heard.append((endpoint, code)))
    fake.answers = {INFO: lambda request: request.say({}), START: lambda request: request.say({"message": "x"}, 404)}
    door.info()
    with pytest.raises(Overtaken):
        door.start_container("x")
    assert door.inspect_image("x") is None
    assert heard == [("version", "ok"), ("info", "ok"), ("container_start", "404"), ("image_inspect", "ok")]
    door.close()


def test_one_connection_serves_calls_for_many_objects(fake: FakeEngine, door: Engine) -> None:
    peers: set[int] = set()

    def inspect(request: Request) -> None:
        peers.add(id(request.connection))
        name = request.path.split("/")[3]
        request.say({"Id": "full", "Name": f"/{name}"})

    fake.answers = {"/json": inspect}
    for number in range(20):
        assert door.inspect_container(f"c{number}")
    assert len(peers) == 1
    assert door.inspect_container("full"), "by its full id"


def test_the_beginning_of_an_id_is_no_name(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"/json": lambda request: request.say({"Id": "abcdef", "Name": "/web"})}
    assert door.inspect_container("abc") is None
    assert door.inspect_container("web") is not None


@pytest.mark.parametrize(("api", "networks"), [("1.41", 1), ("1.44", 2)])
def test_an_older_engine_is_told_of_more_networks_after_the_creation(
    fake: FakeEngine, door: Engine, api: str, networks: int
) -> None:
    fake.answers = {
        "version": lambda request: request.say({"ApiVersion": api}),
        "/containers/create": lambda request: request.say({"Id": "new"}, 201),
        "/connect": lambda request: request.say(""),
    }
    endpoints = {"front": {"Aliases": ["a"], "MacAddress": "02:00:00:00:00:01"}, "back": {"Aliases": ["b"]}}
    body = {"HostConfig": {"NetworkMode": "front"}, "NetworkingConfig": {"EndpointsConfig": endpoints}}
    assert door.create_container("web", body) == "new"
    created = next(text for _, path, text in fake.requests if "/containers/create" in path)
    assert created.count("Aliases") == networks
    assert fake.count("/networks/back/connect") == 2 - networks
    assert ('"MacAddress": "02:00:00:00:00:01"}' in created) or api == "1.44"


@pytest.mark.parametrize("said", [None, [], [None, 1, {}, {"Id": None}, {"Id": 5}]])
def test_what_does_not_say_who_it_is_is_no_object(fake: FakeEngine, door: Engine, said: Any) -> None:
    fake.answers = {"/containers/json": lambda request: request.say(said), "/networks": lambda r: r.say(said)}
    assert door.list_containers("a=b") == []
    assert door.list_networks() == []


@pytest.mark.parametrize("said", [{"a": 1}, [], 5, "x", [5], None])
@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("/containers/web/json", lambda door: door.inspect_container("web")),
        ("/images/web/json", lambda door: door.inspect_image("web")),
        ("/info", lambda door: door.events(ignore)),
        ("version", lambda door: door.version()),
        ("/containers/create", lambda door: door.create_container("web", {})),
        ("/networks/create", lambda door: door.create_network("front", {})),
        ("/exec", lambda door: door.execute("web", {"Cmd": ["true"]}, 1)),
    ],
)
def test_an_answer_that_makes_no_sense_says_nothing(
    fake: FakeEngine, door: Engine, place: str, call: Callable[[Engine], object], said: Any
) -> None:
    """Neither that something is there nor that it is not; a proxy may have made it up."""
    fake.answers = {place: lambda request: request.say(said)}
    with pytest.raises(Refused, match="the answer makes no sense") as caught:
        call(door)
    assert caught.value.reason == "EngineObjectInvalid"


@pytest.mark.parametrize("said", [{"Id": None, "Name": "/web"}, {"Id": 5, "Name": "/web"}])
def test_who_says_no_id_is_nobody(fake: FakeEngine, door: Engine, said: Any) -> None:
    fake.answers = {"/containers/web/json": lambda request: request.say(said)}
    with pytest.raises(Refused, match="read container web: the answer makes no sense"):
        door.inspect_container("web")


def test_a_version_that_is_none_is_told_as_such(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"version": lambda request: request.say({"ApiVersion": "1.41", "MinAPIVersion": "x"})}
    with pytest.raises(Refused, match="the answer makes no sense"):
        door.list_containers()


def test_a_server_that_is_no_engine_is_told_as_such(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"version": Request.missing}
    with pytest.raises(Refused, match=f"ask {fake.url} for the version of its engine: the answer makes no sense"):
        door.list_containers()


@pytest.mark.parametrize("said", [{}, 5, "x"])
def test_an_answer_that_is_no_list_is_no_empty_one(fake: FakeEngine, door: Engine, said: Any) -> None:
    fake.answers = dict.fromkeys(("/json", "/networks"), lambda request: request.say(said))
    fake.answers["/volumes"] = lambda request: request.say([said])
    for ask in (door.list_containers, door.list_networks, door.list_images, door.list_volumes):
        with pytest.raises(Refused, match="the answer makes no sense"):
            ask()
