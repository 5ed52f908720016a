"""The command line as a process: what it imports, how it ends when it has a bug, no reader or a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.process import HEAVY, environment

PROGRAM = """
import atexit, json, os, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
from agent.cli import main
from agent.cli.needs import Rendered
from agent.store import Store
from agent.telemetry.overview import Overview
from tests.cli.fakes import Agent

agent = Agent()
{setup}
atexit.register(lambda: print("MODULES", json.dumps(sorted(sys.modules)), file=sys.stderr))
main(agent)
"""


def windlass(
    *words: str, setup: str = "", encoding: str = "utf-8", **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(setup=setup), *words],
        env=environment(**variables),
        capture_output=True,
        encoding=encoding,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("version",),
        ("validate",),
        ("render",),
        ("plan",),
        ("apply", "--yes"),
        ("status",),
        ("status", "-o", "json"),
        ("history",),
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(tmp_path: Path, words: tuple[str, ...]) -> None:
    saved = f"agent.stored = Store(Path({str(tmp_path)!r}, 'db')); agent.stored.save_overview(Overview().document())"
    ended = windlass(*words, setup=saved)
    assert ended.returncode == 0, ended.stderr
    modules = json.loads(ended.stderr.partition("MODULES ")[2])
    assert [name for name in HEAVY if name in modules] == []


@pytest.mark.parametrize(
    "words",
    [("render", "-f", "compose.yaml", "--os-env"), ("render", "-o", "calls"), ("validate",)],
    ids=" ".join,
)
def test_whoever_only_reads_files_pays_for_nothing_else(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x, ports: ['80:80']}}")
    real = f"from agent.assembly import Assembly; agent = Assembly({{}}, 1000, Path({str(tmp_path)!r}, 'no'))"
    ended = windlass(*words, setup=f"{real}; os.chdir({str(tmp_path)!r})")
    assert ended.returncode == 0, ended.stderr
    modules = set(json.loads(ended.stderr.partition("MODULES ")[2]))
    others = {
        "importlib.metadata",
        "sqlite3",
        "structlog",
        "asyncio",
        "email",
        "http",
        "ssl",
        "tempfile",
        "msgspec",
        "agent.settings",
    }
    unneeded = {"agent.engine", "agent.kinds", "agent.planning", "agent.source.git", "agent.store", "agent.web"}
    made_up = {"agent.store", "sqlite3", "msgspec"}  # the program of these tests imports them itself
    assert sorted(({*HEAVY} | others | unneeded) & modules - made_up) == []


def test_an_engine_that_does_not_answer_leaves_stdout_to_the_data(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x}}")
    real = "from agent.assembly import make_assembly; agent = make_assembly()"
    words = (
        "plan",
        str(tmp_path),
        "-o",
        "json",
        "--state-dir",
        str(tmp_path),
        "--docker-host",
        f"unix://{tmp_path}/no",
    )
    ended = windlass(*words, setup=real)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["failure"]["reason"] == "EngineUnavailable"
    assert ended.stderr.startswith("Error: ")


def test_a_bug_is_one_line_without_a_traceback() -> None:
    ended = windlass("plan", setup="agent.planned = KeyError('no\\x1bsuch')")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[0] == r"internal error: KeyError: 'no\x1bsuch'"
    assert "Traceback" not in ended.stderr
    assert "report" in ended.stderr


def test_a_bug_shows_its_traceback_to_whoever_wants_it() -> None:
    ended = windlass("plan", setup="agent.planned = KeyError('x')", WINDLASS_DEBUG="1")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


@pytest.mark.parametrize("size", [10, 100_000], ids=["in the buffer", "while writing"])
def test_a_reader_that_goes_away(size: int) -> None:
    program = PROGRAM.format(setup=f"agent.rendered = Rendered({{'a': {{'name': 'x' * {size}}}}})")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program, "render"],
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert ended.returncode == 141
    assert ended.stderr.partition("MODULES")[0] == ""


def test_an_icon_that_the_locale_lacks_is_no_reason_to_fail() -> None:
    ended = windlass("plan", encoding="latin-1", PYTHONIOENCODING="latin-1")
    assert ended.returncode == 0
    assert r"image          ghcr.io/acme/api:2.4.0 \u2192 ghcr.io/acme/api:2.4.1" in ended.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_programs_read_is_the_same_in_every_locale(encoding: str) -> None:
    said = {"name": "\U0001f389 \u20ac \u00fc", "lines": "one \u20ac\ntwo \U0001f389\n"}
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        ended = windlass(
            "render", "-o", form, setup=f"agent.rendered = Rendered({{'a': {said!r}}})", PYTHONIOENCODING=encoding
        )
        assert ended.returncode == 0, ended.stderr
        assert read(ended.stdout) == said


@pytest.mark.parametrize("words", [("plan",), ("plan", "-o", "json"), ("render",)], ids=" ".join)
def test_a_disk_that_is_full_for_the_output_is_no_bug(words: tuple[str, ...]) -> None:
    program = PROGRAM.format(setup="agent.rendered = Rendered({'a': {'name': 'x'}})")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program, *words],
            env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    told = ended.stderr.partition("MODULES")[0]
    assert told == "Error: the output cannot be written: No space left on device (OutputNotWritten)\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("plan", 0), ("apply --yes", 0), ("apply", 64)])
def test_whoever_starts_it_may_have_closed_its_streams(words: str, code: int, closed: str) -> None:
    line = f'exec "$0" -c "$1" {words} {closed}'
    ended = subprocess.run(
        ["/bin/sh", "-c", line, sys.executable, PROGRAM.format(setup="atexit.register = lambda told: None")],
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, "internal error" in ended.stderr) == (code, False)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command(number: signal.Signals, code: int) -> None:
    slow = f"agent.plan = lambda target: os.kill(os.getpid(), {number:d}) or __import__('time').sleep(30)"
    ended = windlass("plan", setup=slow)
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
