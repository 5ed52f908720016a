"""The context of a build as a tar, and what comes back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.engine import Build, ContextFile, Engine, PullProgress
from agent.engine.builds import tar
from agent.errors import Overtaken, Refused, Unreachable
from tests.engine.fake import FakeEngine, Request, pull_without_end

LONG = "d" * 120 + "/" + "f" * 120


def file(path: str, data: bytes = b"", mode: int = 0o644) -> ContextFile:
    return ContextFile(path, mode, partial(bytes, data))


def test_a_context_holds_its_files_and_their_directories() -> None:
    files = [file("b/c/run", b"x" * 600, 0o755), file("a", b"1"), file("b/ü"), file(LONG)]
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar(files)))) as read:
        found = {one.name: (one.type, one.mode, one.size) for one in read}
        facts = {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in read}
        run = read.extractfile("b/c/run")
        assert run is not None
        assert run.read() == b"x" * 600
    folder = (tarfile.DIRTYPE, 0o755, 0)
    assert found == {
        "a": (tarfile.REGTYPE, 0o644, 1),
        "b": folder,
        "b/c": folder,
        "b/c/run": (tarfile.REGTYPE, 0o755, 600),
        "b/ü": (tarfile.REGTYPE, 0o644, 0),
        "d" * 120: folder,
        LONG: (tarfile.REGTYPE, 0o644, 0),
    }
    assert facts == {(0, 0, 0, "", "")}


def test_of_equal_files_a_context_is_the_same_to_the_byte() -> None:
    files = [file("a", b"1"), file("b/c", b"2")]
    assert b"".join(tar(files)) == b"".join(tar(reversed(files)))


def test_no_more_than_one_file_is_held_at_once() -> None:
    read: list[str] = []

    def reading(path: str) -> ContextFile:
        return ContextFile(path, 0o644, lambda: read.append(path) or b"x")  # type: ignore[func-returns-value]

    pieces = tar([reading("a"), reading("b")])
    next(pieces)
    assert read == ["a"]


BUILD = Build(
    ("app:1", "more:1"),
    (file("Dockerfile", b"FROM scratch"),),
    {
        "dockerfile": "Dockerfile",
        "buildargs": {"A": "1"},
        "cachefrom": ["c"],
        "pull": True,
        "extrahosts": ["a:1", "b:2"],
    },
    "linux/amd64",
)


@pytest.fixture
def door(fake: FakeEngine) -> Iterator[Engine]:
    engine = Engine(fake.url)
    yield engine
    engine.close()


STEP = {"stream": "Step 1/1 : FROM scratch\n"}


def test_the_builder_is_told_everything(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"/build": lambda request: request.lines(STEP)}
    heard: list[PullProgress] = []
    door.build_image(BUILD, progress=heard.append)
    _, path, body = next(one for one in fake.requests if "/build" in one[1])
    assert parse_qs(urlsplit(path).query) == {
        "t": ["app:1", "more:1"],
        "dockerfile": ["Dockerfile"],
        "buildargs": ['{"A": "1"}'],
        "cachefrom": ['["c"]'],
        "extrahosts": ["a:1", "b:2"],
        "pull": ["1"],
        "platform": ["linux/amd64"],
        "version": ["1"],
        "rm": ["1"],
        "forcerm": ["1"],
    }
    assert body.encode() == b"".join(tar(BUILD.files))
    assert heard == [PullProgress("app:1", "", "Step 1/1 : FROM scratch", 0, 0)]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("The command '/x' returned a non-zero code: 1", "ImageBuildFailed"),
        ("write /x: no space left on device", "DiskFull"),
    ],
)
def test_a_build_whose_error_comes_after_the_200(fake: FakeEngine, door: Engine, said: str, reason: str) -> None:
    error = {"errorDetail": {"message": said}, "error": said}
    fake.answers = {"/build": lambda request: request.lines(STEP, error)}
    with pytest.raises(Refused) as caught:
        door.build_image(BUILD)
    assert caught.value.message == f"build app:1: {said}; the builder said last: Step 1/1 : FROM scratch"
    assert caught.value.reason == reason


def test_what_the_builder_says_is_told_without_secrets(fake: FakeEngine, door: Engine) -> None:
    build = BUILD._replace(query={"buildargs": {"NPM_TOKEN": "hunter2", "MODE": "quick"}})
    step = {"stream": "fetch with hunter2, quick\nlog in to https://me:swordfish@registry\n"}
    fake.answers = {"/build": lambda request: request.lines(step, {"error": "The command 'get hunter2' failed"})}
    with pytest.raises(Refused) as caught:
        door.build_image(build)
    assert caught.value.message == (
        "build app:1: The command 'get ***' failed; the builder said last: fetch with ***, quick\n"
        "log in to https://me:***@registry"
    )


def test_a_dockerfile_that_is_none_is_refused_at_once(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"/build": lambda request: request.say({"message": "unknown instruction: FORM"}, 400)}
    with pytest.raises(Refused, match="build app:1: unknown instruction: FORM") as caught:
        door.build_image(BUILD)
    assert caught.value.reason == "ImageBuildFailed"


def test_a_build_that_stalls_is_given_up(fake: FakeEngine, door: Engine) -> None:
    def stall(request: Request) -> None:
        request.lines(STEP, end=False)
        request.hang()

    fake.answers = {"/build": stall}
    with pytest.raises(Unreachable) as caught:
        door.build_image(BUILD, idle=0.2)
    assert caught.value.reason == "ImageBuildStalled"


def test_a_build_is_given_up_when_told_to_and_its_connection_closed(fake: FakeEngine, door: Engine) -> None:
    fake.answers = {"/build": pull_without_end}
    heard: list[PullProgress] = []
    with pytest.raises(Overtaken) as caught:
        door.build_image(BUILD, progress=heard.append, stop=lambda: len(heard) >= 3)
    assert (caught.value.reason, len(heard)) == ("Stopped", 3)
    assert fake.given_up.wait(5)
