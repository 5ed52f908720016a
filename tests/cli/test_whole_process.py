"""The whole program as a process, with its real parts: without an engine, or with one that has nothing on it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.process import HEAVY, environment
from tests.engine.fake import FakeEngine, Request, fake_engine
from tests.source.repositories import ENV

Windlass = Callable[..., subprocess.CompletedProcess[str]]
FILE = "services:\n  web:\n    image: web:1\n"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """The directory of a stack."""
    made = tmp_path / "web"
    made.mkdir()
    (made / "compose.yaml").write_text(FILE)
    return made


@pytest.fixture
def windlass(tmp_path: Path) -> Windlass:
    """Runs the program with a state directory of its own, on a machine without an engine."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {
            "WINDLASS_STATE_DIR": str(tmp_path / "state"),
            "WINDLASS_CONFIG": os.devnull,
            "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock",
        }
        return subprocess.run(
            [sys.executable, "-m", "agent", *words],
            cwd=tmp_path,  # which paths are told from
            env=environment(**given | variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    """An engine with nothing on it."""
    with fake_engine(tmp_path) as made:
        made.answers = {
            "/containers/json": lambda request: request.say([]),
            "/networks": lambda request: request.say([]),
            "/volumes": lambda request: request.say({"Volumes": []}),
            "/info": lambda request: request.say({}),
        }
        yield made


@pytest.mark.parametrize("words", [("plan",), ("apply", "--yes")], ids=" ".join)
def test_without_an_engine_stdout_is_still_one_object(windlass: Windlass, stack: Path, words: tuple[str, ...]) -> None:
    ended = windlass(*words, str(stack), "-o", "json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["failure"]["reason"] == "EngineUnavailable"
    assert (
        ended.stderr == "Error: ask the engine for its version: there is no engine at its socket: start it, or name"
        " another one with --docker-host (EngineUnavailable)\n"
    )


def test_the_plan_of_a_clone_names_the_commit_as_the_cause(windlass: Windlass, stack: Path, engine: FakeEngine) -> None:
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "Bring the web")):
        subprocess.run(["git", *words], cwd=stack, env=ENV, check=True)
    head = subprocess.check_output(["git", "rev-parse", "--short=7", "HEAD"], cwd=stack, text=True).strip()
    cause = f'git {head} "Bring the web" (Ada)'
    planned = windlass("plan", str(stack), DOCKER_HOST=engine.url)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.splitlines()[0] == f"Source  {stack.name}  {cause}"
    assert [line for line in planned.stdout.splitlines() if "container web-web-1" in line and line.endswith(cause)]
    (stack / "compose.yaml").write_text(FILE.replace("web:1", "web:2"))
    assert f"Source  {stack.name}  directory dir-" in windlass("plan", str(stack), DOCKER_HOST=engine.url).stdout


@pytest.mark.parametrize("words", [("plan",), ("apply", "--yes")], ids=" ".join)
def test_a_build_is_refused_with_its_place_and_what_to_do(
    windlass: Windlass, stack: Path, words: tuple[str, ...]
) -> None:
    (stack / "compose.yaml").write_text("services:\n  web:\n    build: .\n")
    (stack / "Dockerfile").write_text("FROM scratch\n")
    ended = windlass(*words, str(stack))
    assert ended.returncode == 4
    assert (
        f"{stack.name}/compose.yaml:3:12: services.web.build: images are not built on this host unless its operator "
        "allows it, build it elsewhere, push it to a registry and say only image\n"
    ) in ended.stderr


def container(name: str, origin: Path) -> dict[str, object]:
    """One that an apply of the directory `origin` made in a stack `name`, as a list and as inspect show it."""
    digest = hashlib.sha256(str(origin).encode()).hexdigest()[:12]
    marks = {"instance": "default", "stack": name, "name": f"{name}-web-1", "origin": f"dir:{digest}", "fields": "{}"}
    labels = {f"windlass.{key}": value for key, value in marks.items()}
    return {
        "Id": name * 8,
        "Names": [f"/{name}-web-1"],
        "Name": f"/{name}-web-1",
        "State": {"Status": "running", "Running": True},
        "Labels": labels,
        "Config": {"Labels": labels},
    }


@pytest.mark.parametrize(
    ("path", "removed"),
    [(".", ["gone"]), ("web", []), ("web/compose.yaml", [])],
    ids=["the repository's root", "one stack", "one file"],
)
def test_a_stack_that_left_the_repository_is_removed_where_its_root_is_named(
    windlass: Windlass, stack: Path, engine: FakeEngine, path: str, removed: list[str]
) -> None:
    """Only what was made from this very directory: what another source made is none of its business."""
    root = stack.parent
    there = [container("gone", root), container("elses", root / "another")]
    engine.answers |= {
        "/containers/json": lambda request: request.say([{**one, "State": "running"} for one in there]),
        **{f"/containers/{one['Id']}/json": _telling(one) for one in there},
    }
    planned = json.loads(windlass("plan", str(root / path), "-o", "json", DOCKER_HOST=engine.url).stdout)
    assert [(one["stack"], one["cause"]) for one in planned["changes"] if one["action"] == "remove"] == [
        (name, "prune") for name in removed
    ]


def _telling(what: object) -> Callable[[Request], None]:
    return lambda request: request.say(what)


def test_the_versions_of_all_that_answers(windlass: Windlass, engine: FakeEngine) -> None:
    told = json.loads(windlass("version", "-o", "json", DOCKER_HOST=engine.url).stdout)
    assert list(told) == ["windlass", "python", "git", "engine", "engine-api", "docker-sdk", "gitpython"]
    assert (told["engine"], told["engine-api"]) == ("20.10.24", "1.41")
    assert told["git"] in subprocess.check_output(["git", "--version"], text=True)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Request.hang, id="hangs"),
        pytest.param(Request.drip, id="a byte at a time"),
        pytest.param(Request.silence, id="says nothing"),
        pytest.param(Request.cut, id="half an answer"),
        pytest.param(lambda request: request.say([]), id="something else"),
        pytest.param(None, id="nobody there"),
    ],
)
def test_the_version_waits_for_nobody(
    windlass: Windlass, engine: FakeEngine, answer: Callable[[Request], None] | None
) -> None:
    if answer is not None:
        engine.answers["version"] = answer
    where = {"DOCKER_HOST": engine.url} if answer else {}
    began = time.monotonic()
    ended = windlass("version", PATH="/nonexistent", WINDLASS_CONFIG="/nonexistent", **where)
    assert time.monotonic() - began < 15
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["windlass", "python", "docker-sdk", "gitpython"]


def test_the_version_imports_nothing_heavy(engine: FakeEngine) -> None:
    program = (
        "import atexit, json, sys; from agent.__main__ import main;"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr)); main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "version"],
        env=environment(DOCKER_HOST=engine.url), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "engine-api" in ended.stdout
    assert [name for name in HEAVY if name in json.loads(ended.stderr)] == []


@pytest.mark.slow
def test_plain_http_is_allowed_by_the_settings_alone_and_warned_of(windlass: Windlass, tmp_path: Path) -> None:
    settings = tmp_path / "agent.yaml"
    command = ("run", "-c", str(settings), "--once", "--listen", "")
    settings.write_text("repo: http://git.invalid/fleet.git\n")
    refused = windlass(*command)
    assert refused.returncode == 78
    assert "git.insecure_http" in refused.stderr
    settings.write_text("repo: http://git.invalid/fleet.git\ngit: {insecure_http: true, timeout: 5s}\n")
    taken = windlass(*command)
    assert taken.returncode == 1
    assert "plain http: anybody on the way" in taken.stderr
    assert "GitFetchFailed" in taken.stderr
