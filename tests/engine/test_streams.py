"""What comes in a stream, pulls and events, and what becomes of one that stalls, is cut or tells of an error."""

from __future__ import annotations

from typing import Any

import pytest

from agent.engine import Engine, Event, PullProgress
from agent.errors import Overtaken, Refused, Unreachable
from tests.engine.fake import FakeEngine, Request, pull_without_end


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (500, "Get https://r/v2/: unauthorized: authentication required", "RegistryUnauthorized"),
        (404, "pull access denied for x, repository does not exist or may require 'docker login'", "RegistryDenied"),
        (404, "manifest for x:9 not found: manifest unknown: manifest unknown", "ManifestUnknown"),
        (404, 'failed to resolve reference "h.example/x:9": h.example/x:9: not found', "ManifestUnknown"),
        (500, 'failed to resolve reference "h.example/x:9": lookup h.example: no such host', "ImagePullFailed"),
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
        "/info": lambda request: request.say({"SystemTime": "1970-01-01T00:00:01.000000000Z"}),
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
