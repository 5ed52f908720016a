"""What the engine's misbehaviour becomes: a plain error, in time, with nothing done twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.engine import Engine, Event, PullProgress, commands
from agent.engine.calls import WRITES_AT_ONCE
from agent.errors import Overtaken, Refused, Unreachable
from agent.stand_ins import ignore
from tests.engine.fake import FakeEngine, Request, pull_without_end

INFO, START = "/info", "/start"


@pytest.fixture
def door(fake: FakeEngine) -> Any:
    engine = Engine(fake.url, timeout=0.5)
    yield engine
    engine.close()


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


CONFLICT = 'Conflict. The container name "/web" is already in use by container "abc". You have to remove that.'
BIND = "driver failed programming external connectivity on endpoint x (abc): Bind for 127.0.0.1:80 failed: port is "
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


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (500, "Get https://r/v2/: unauthorized: authentication required", "RegistryUnauthorized"),
        (404, "pull access denied for x, repository does not exist or may require 'docker login'", "RegistryDenied"),
        (404, "manifest for x:9 not found: manifest unknown: manifest unknown", "ManifestUnknown"),
        (500, "toomanyrequests: You have reached your pull rate limit", "RegistryRateLimited"),
        (500, "error unmarshalling content: invalid character '<'", "ImagePullFailed"),
        (404, "no matching manifest for linux/amd64 in the manifest list entries", "PlatformMismatch"),
        (500, 'Get "https://r/v2/": dial tcp 127.0.0.1:1: connect: connection refused', "ImagePullFailed"),
    ],
)
def test_a_pull_that_is_refused(fake: FakeEngine, door: Engine, status: int, text: str, reason: str) -> None:
    fake.answers = {"/images/create": lambda request: request.say({"message": text}, status)}
    with pytest.raises(Refused) as caught:
        door.pull_image("x:9")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("filesystem layer verification failed for digest sha256:00", "ImageCorrupt"),
        ("unexpected EOF", "ImageCorrupt"),
        ("write /var/lib/x: no space left on device", "DiskFull"),
        ("something else", "ImagePullFailed"),
    ],
)
def test_a_pull_whose_error_comes_after_the_200(fake: FakeEngine, door: Engine, text: str, reason: str) -> None:
    layer = {"status": "Downloading", "progressDetail": {"current": 5, "total": 9}, "id": "0123456789ab"}
    error = {"errorDetail": {"message": text}, "error": text}
    fake.answers = {"/images/create": lambda request: request.lines({"status": "Pulling from x"}, layer, error)}
    heard: list[PullProgress] = []
    with pytest.raises(Refused) as caught:
        door.pull_image("x:9", "linux/arm64", progress=heard.append)
    assert caught.value.reason == reason
    assert heard[-1] == PullProgress("x:9", "0123456789ab", "Downloading", 5, 9)
    assert fake.requests[-1][1].endswith("?fromImage=x&tag=9&platform=linux%2Farm64")


def test_a_pull_that_stalls_is_given_up(fake: FakeEngine, door: Engine) -> None:
    def stall(request: Request) -> None:
        request.lines({"status": "Pulling from x"}, end=False)
        request.hang()

    fake.answers = {"/images/create": stall}
    with pytest.raises(Unreachable) as caught:
        door.pull_image("x", idle=0.2)
    assert caught.value.reason == "ImagePullStalled"


def test_a_pull_is_given_up_when_told_to_and_its_connection_closed(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"/images/create": pull_without_end}
    heard: list[PullProgress] = []
    with pytest.raises(Overtaken) as caught:
        door.pull_image("x:9", progress=heard.append, stop=lambda: len(heard) >= 3)
    assert (caught.value.reason, len(heard)) == ("Stopped", 3)
    assert fake.given_up.wait(5)


def event(nano: int, action: str = "start", kind: str = "container") -> dict[str, Any]:
    actor = {"ID": "abc", "Attributes": {"name": "web", "x": "y"}}
    return {"Type": kind, "Action": action, "Actor": actor, "timeNano": nano}


def test_events_are_resumed_after_a_silence_without_doubles(fake: FakeEngine, door: Engine) -> None:
    def stream(request: Request) -> None:
        if fake.count("/events") == 1:
            request.lines(event(10**9 + 1), event(10**9 + 5, "die"), end=False)
            request.hang()
        else:
            request.lines(event(10**9 + 5, "die"), event(10**9 + 7, kind="volume"))

    fake.answers = {
        "/events": stream,
        "/_ping": lambda request: request.say("OK"),
        INFO: lambda request: request.say({"SystemTime": "1970-01-01T00:00:01.000000000Z"}),
    }
    heard: list[Event] = []
    opened: list[int] = []
    with pytest.raises(Unreachable):
        door.events(heard.append, on_open=lambda: opened.append(len(heard)), idle=0.2)
    assert [(one.kind, one.action, one.name, one.nano - 10**9) for one in heard] == [
        ("container", "start", "web", 1),
        ("container", "die", "web", 5),
        ("volume", "start", "abc", 7),
    ]
    assert heard[0].attributes["x"] == "y"
    assert opened == [0]
    asked = [path for _, path, _ in fake.requests if "/events" in path]
    assert "since=1.000000000&" in asked[0]
    assert "since=1.000000005&" in asked[1]


def test_events_end_when_the_engine_does_not_answer_a_ping(fake: FakeEngine, door: Engine) -> None:
    def stream(request: Request) -> None:
        request.lines(end=False)
        request.hang()

    fake.answers = {"/events": stream, "/_ping": Request.silence}
    with pytest.raises(Unreachable):
        door.events(lambda _: None, since=10**9, idle=0.2)
    assert fake.count("/events") == 1


def test_events_cut_within_a_line_end_plainly(fake: FakeEngine, door: Engine) -> None:
    def stream(request: Request) -> None:
        request.head(200, {"Transfer-Encoding": "chunked"})
        request.chunk(b'{"Type": "cont')
        request.chunk(b"")

    fake.answers = {"/events": stream}
    with pytest.raises(Unreachable):
        door.events(lambda _: None, since=10**9, idle=5)


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


@pytest.mark.parametrize("said", [{"a": 1}, [], 5, "x", [5]])
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


def test_a_server_that_is_no_engine_is_told_as_such(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"version": Request.missing}
    with pytest.raises(Refused, match=f"ask {fake.url} for the version of its engine: the answer makes no sense"):
        door.list_containers()


@pytest.mark.parametrize("said", [{}, 5, "x"])
def test_an_answer_that_is_no_list_is_no_empty_one(fake: FakeEngine, door: Engine, said: Any) -> None:
    fake.answers = dict.fromkeys(("/json", "/networks"), lambda request: request.say(said))
    for ask in (door.list_containers, door.list_networks, door.list_images):
        with pytest.raises(Refused, match="the answer makes no sense"):
            ask()


@pytest.mark.parametrize(("code", "frames"), [(0, b""), (3, b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n")])
def test_a_command_in_a_container_is_waited_for(fake: FakeEngine, door: Engine, code: int, frames: bytes) -> None:
    def talk(request: Request) -> None:
        """As the engine does: no length, and the end of the connection is the end of the command."""
        request.head(200, {"Connection": "close"})
        request.wfile.write(frames[:5])
        request.wfile.flush()
        time.sleep(0.8)  # longer than a call may take that is not about running something
        request.wfile.write(frames[5:])
        request.close_connection = True

    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": talk,
        "/exec/e1/json": lambda request: request.say({"Running": False, "ExitCode": code}),
    }
    said = door.execute("c", {"Cmd": ["x"], "AttachStdout": True}, 5)
    assert said == (code, "out\nerr\n" if frames else "")
    assert json.loads(fake.requests[2][2]) == {"Cmd": ["x"], "AttachStdout": True}
    assert json.loads(fake.requests[3][2]) == {"Detach": False, "Tty": False}


def say_nothing(request: Request) -> None:
    """The end of a command that wrote nothing."""
    request.head(200, {"Connection": "close"})
    request.close_connection = True


def test_a_command_that_the_engine_has_forgotten_has_not_ended_well(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": say_nothing,
        "/exec/e1/json": lambda request: request.say({"message": "No such exec instance: e1"}, 404),
    }
    with pytest.raises(Overtaken, match="run it in container c: the engine does not know how it ended"):
        door.execute("c", {"Cmd": ["x"]}, 5)


def answered(fake: FakeEngine, *reports: dict[str, Any]) -> None:
    """A command that says nothing, and by the reports what the engine knows of it, the last one from then on."""
    left = list(reports)
    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": say_nothing,
        "/exec/e1/json": lambda request: request.say(left.pop(0) if len(left) > 1 else left[0]),
    }


def runs(*command: str, **more: Any) -> dict[str, Any]:
    return {"Running": True, "ProcessConfig": {"entrypoint": command[0], "arguments": list(command[1:])}, **more}


def test_the_same_command_that_still_runs_is_waited_for_and_no_other_begun(fake: FakeEngine, door: Engine) -> None:
    reports = [runs("sh", "-c", "x"), runs("sh", "-c", "x", Running=False, ExitCode=3)]
    fake.answers = {
        "/containers/c/json": lambda request: request.say({"Id": "c", "Name": "/c", "ExecIDs": ["e7", "e8", "e9"]}),
        "/exec/e7/json": lambda request: request.say(runs("sh", "-c", "y")),
        "/exec/e8/json": lambda request: request.say(runs("sh", "-c", "x", Running=False)),
        "/exec/e9/json": lambda request: request.say(reports.pop(0)),
    }
    assert door.execute("c", {"Cmd": ["sh", "-c", "x"]}, 5) == (3, "")
    assert not fake.count("/containers/c/exec")


@pytest.mark.parametrize("early", [{"Running": False, "ExitCode": None}, {"Running": True, "ExitCode": None}, {}])
def test_a_status_that_comes_after_the_last_word_is_waited_for(
    fake: FakeEngine, door: Engine, early: dict[str, Any]
) -> None:
    answered(fake, early, early, {"Running": False, "ExitCode": 7})
    assert door.execute("c", {"Cmd": ["x"]}, 5) == (7, "")


def test_a_status_that_does_not_come_is_no_success(
    fake: FakeEngine, door: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "TELLING", 0.2)
    answered(fake, {"Running": False, "ExitCode": None})
    with pytest.raises(
        Refused, match="run hook 0 in container c: it has ended, and the engine told no exit status"
    ) as told:
        door.execute("c", {"Cmd": ["x"]}, 5, "hook 0")
    assert told.value.reason == "EngineError"


def test_a_command_that_goes_on_without_a_word_has_its_time_and_no_more(fake: FakeEngine, door: Engine) -> None:
    answered(fake, {"Running": True, "ExitCode": 0})
    assert door.execute("c", {"Cmd": ["x"]}, 0.3) == (None, "")
    with pytest.raises(Overtaken, match="not waited for"):
        door.execute("c", {"Cmd": ["x"]}, 600, "hook 0", lambda: fake.count("/exec/e1/json") > 20)


def test_a_command_that_does_not_end_is_given_up_and_only_silence_is_the_engines(
    fake: FakeEngine, door: Engine
) -> None:
    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": Request.hang,
        "/exec/e1/json": lambda request: request.say({"Running": True, "ExitCode": None}),
    }
    assert door.execute("c", {"Cmd": ["x"]}, 0.2) == (None, "")
    fake.answers = {**fake.answers, "/exec/e1/json": lambda request: request.say({"Running": False, "ExitCode": 3})}
    assert door.execute("c", {"Cmd": ["x"]}, 0.2) == (3, ""), "what it left behind holds on to what it says"
    fake.answers = {**fake.answers, "/exec/e1/json": Request.hang}
    with pytest.raises(Unreachable) as caught:
        door.execute("c", {"Cmd": ["mysql", "--password=hunter2"]}, 0.2, "post_start of web, hook 0")
    assert caught.value.reason == "EngineTimeout"
    assert "hunter2" not in caught.value.message


def test_a_command_is_not_waited_for_by_an_agent_that_ends(fake: FakeEngine, door: Engine) -> None:
    asked = list[str]()

    def hang(request: Request) -> None:
        asked.append("exec")
        request.hang()

    fake.answers = {
        "/containers/c/exec": lambda request: request.say({"Id": "e1"}, 201),
        "/exec/e1/start": hang,
    }
    with pytest.raises(Overtaken, match="not waited for") as caught:
        door.execute("c", {"Cmd": ["sleep", "600"]}, 600, "pre_stop of web, hook 0", lambda: bool(asked))
    assert caught.value.message.startswith("run pre_stop of web, hook 0 in container c: ")
