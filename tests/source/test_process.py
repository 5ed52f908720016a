"""A program that is run has a deadline for all of it, a limit, exactly our environment and both pipes drained."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest

from agent.source.process import Ended, Limits, run

SHELL = ("/bin/sh", "-c")


def sh(script: str, *, seconds: float = 20.0, stdin: bytes = b"", file_bytes: int = 1 << 20) -> tuple[Ended, bytes]:
    output = bytearray()
    limits = Limits(seconds, file_bytes)
    ended = run([*SHELL, script], env={"PATH": os.defpath}, limits=limits, take=output.extend, stdin=stdin)
    return ended, bytes(output)


def test_output_errors_and_exit_code_come_back() -> None:
    assert sh("echo out; echo err >&2; exit 3") == (Ended(3, "err\n", False), b"out\n")


def test_large_input_and_output_do_not_wait_for_each_other() -> None:
    data = os.urandom(1 << 20)
    ended, output = sh("cat; head -c 1000000 /dev/zero >&2", stdin=data)
    assert output == data
    assert len(ended.errors) == 1 << 16, "only the last of it is kept"


def test_input_that_nobody_reads_is_no_error() -> None:
    assert sh("exit 0", stdin=b"x" * (1 << 20))[0].code == 0


def test_the_deadline_is_for_children_that_hold_the_pipes_too(tmp_path: Path) -> None:
    started = time.monotonic()
    ended, _ = sh(f"sleep 60 & echo $! >{tmp_path}/child; exit 0", seconds=0.5)
    assert ended.timed_out
    assert time.monotonic() - started < 30
    child = Path("/proc", (tmp_path / "child").read_text().strip())
    assert not child.exists() or "Z" in (child / "stat").read_text().split()[2]


def test_a_slow_drip_does_not_put_the_deadline_off() -> None:
    ended, output = sh("while :; do echo drip; sleep 0.05; done", seconds=0.5)
    assert ended.timed_out
    assert output.startswith(b"drip")


def test_what_take_raises_ends_the_program() -> None:
    def take(chunk: bytes) -> None:
        raise ValueError("enough")

    started = time.monotonic()
    with pytest.raises(ValueError, match="enough"):
        run([*SHELL, "echo x; sleep 60"], env={}, limits=Limits(60, 1 << 20), take=take)
    assert time.monotonic() - started < 30


def test_a_file_cannot_grow_beyond_the_limit(tmp_path: Path) -> None:
    ended, _ = sh(f"head -c 100000 /dev/zero >{tmp_path}/file; echo done", file_bytes=8192)
    assert (tmp_path / "file").stat().st_size == 8192
    assert ended.code == 0, "the shell went on; only the writer was ended"


def test_the_limits_and_the_session_are_the_childs_alone() -> None:
    _, output = sh("ulimit -f; ulimit -t; ulimit -c; ps -o sid= -p $$ | tr -d ' '; echo $$")
    blocks, seconds, core, session, pid = output.decode().split()
    assert (blocks, seconds, core) == ("2048", "81", "0")
    assert session == pid
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_nothing_of_our_environment_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "zz")
    _, output = sh("env")
    assert b"CANARY" not in output
    assert {line.split(b"=")[0] for line in output.split()} <= {b"PATH", b"PWD", b"_", b"SHLVL"}
