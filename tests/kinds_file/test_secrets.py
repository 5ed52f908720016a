"""Owners and modes that were asked for, and secrets, which are written in memory alone."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.errors import Refused
from agent.kinds import memory
from agent.kinds.file import FileKind
from agent.model import Key, Remedy, Resource
from tests.kinds_file.scene import differing, make, one, resource, see
from tests.nobody import NOBODY

MEMORY = Path("/dev/shm")
in_memory = pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="there is no tmpfs to write to")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def owned(path: Path, mode: int, uid: int | None = None, gid: int | None = None) -> Resource:
    return resource(path, one(b"x", mode), uid=uid, gid=gid)


@pytest.fixture
def secrets() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY) as directory:
        yield Path(directory) / "windlass/secrets"


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o600, 0o4755])
def test_a_mode_that_was_asked_for_is_kept(kind: FileKind, state: Path, mode: int) -> None:
    wanted = owned(state / "files/ab/x", mode)
    make(kind, wanted)
    assert stat.S_IMODE((state / "files/ab/x").stat().st_mode) == mode
    (state / "files/ab/x").chmod(0o644)
    assert differing(kind, wanted) == {"content": (Remedy.IN_PLACE, False)}
    make(kind, wanted)


@as_root
def test_an_owner_that_was_asked_for_is_kept(kind: FileKind, state: Path) -> None:
    file = state / "files/ab/x"
    for wanted in (owned(file, 0o400, 103, 104), owned(file, 0o400, 105), owned(file, 0o400, gid=106)):
        make(kind, wanted)
    assert (file.stat().st_uid, file.stat().st_gid) == (os.geteuid(), 106)
    make(kind, owned(file, 0o400, 103, 104))
    assert (file.stat().st_uid, file.stat().st_gid) == (103, 104)
    os.chown(file, 1, 104)
    assert differing(kind, owned(file, 0o400, 103, 104)) == {"content": (Remedy.IN_PLACE, False)}


def test_an_owner_that_cannot_be_given_is_said(kind: FileKind, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_descriptor: int, _uid: int, _gid: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", denied)
    with pytest.raises(Refused, match="may not give it to uid 103, gid None: run it as root, or leave both out"):
        make(kind, owned(state / "files/ab/x", 0o400, 103))
    assert not (state / "files/ab/x").exists()


@in_memory
def test_a_secret_is_written_in_memory_for_the_agent_alone(state: Path, secrets: Path) -> None:
    kind = FileKind(state, secrets=secrets)
    wanted = resource(secrets / "web/0123/s", one(b"hunter2", 0o444), uid=None, gid=None, secret=True)
    before = os.umask(0)
    try:
        make(kind, wanted)
    finally:
        os.umask(before)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "web/0123/s").stat().st_mode) == 0o444
    assert not list(state.iterdir())


@in_memory
def test_nothing_of_a_secret_is_shown(state: Path, secrets: Path) -> None:
    kind = FileKind(state, secrets=secrets)
    wanted = resource(secrets / "web/0123/s", one(b"hunter2", 0o444), uid=None, gid=None, secret=True)
    make(kind, wanted)
    (secrets / "web/0123/s").unlink()
    (secrets / "web/0123/s").write_bytes(b"other")
    seen = see(kind, wanted)
    assert seen
    (difference,) = seen.differences
    assert difference.secret
    assert (difference.seen, difference.wanted) == ("edited", "as wanted")


def test_a_secret_is_never_written_to_a_disk(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_IN_MEMORY", frozenset())
    wanted = resource(tmp_path / "secrets/web/0123/s", one(b"x"), uid=None, gid=None, secret=True)
    with pytest.raises(Refused, match="on a disk: mount a tmpfs there") as caught:
        make(FileKind(state, secrets=tmp_path / "secrets"), wanted)
    assert caught.value.reason == "SecretsOnDisk"
    assert not list((tmp_path / "secrets").iterdir())


@pytest.mark.parametrize("secret", [True, False])
def test_secrets_and_other_files_keep_apart(state: Path, tmp_path: Path, secret: bool) -> None:
    path = (state if secret else tmp_path / "secrets") / "files/ab/x"
    with pytest.raises(Refused) as caught:
        make(
            FileKind(state, secrets=tmp_path / "secrets"), resource(path, one(b"x"), uid=None, gid=None, secret=secret)
        )
    assert caught.value.reason in ("PathOutside", "SecretsOnDisk")
    assert not path.exists()


@in_memory
def test_the_secrets_that_nobody_mounts_are_cleared_away(state: Path, secrets: Path) -> None:
    kind = FileKind(state, secrets=secrets)
    for path in ("web/01/s", "web/02/s", "db/03/s"):
        make(kind, resource(secrets / path, one(b"x", 0o444), uid=None, gid=None, secret=True))
    kind.tidy("web", {Key("file", str(secrets / "web/01/s"))})
    assert sorted(str(path.relative_to(secrets)) for path in secrets.glob("*/*")) == ["db/03", "web/01"]


# --- written by root, for an agent that is not ------------------------------------------------------------------


@as_root
def test_what_a_command_of_roots_writes_is_the_agents_to_change(kind: FileKind, state: Path) -> None:
    """`sudo windlass apply` in the state directory of the service."""
    os.chown(state, NOBODY, NOBODY)
    make(kind, resource(state / "files/web/ab/x", one(b"x")))
    make(kind, resource(state / "stacks/web/y", one(b"y"), seed=True))
    make(kind, owned(state / "files/web/cd/z", 0o400, gid=7))
    made = {str(path.relative_to(state)): path.stat() for path in state.rglob("*")}
    assert {name: found.st_uid for name, found in made.items()} == dict.fromkeys(made, NOBODY)
    assert made["files/web/cd/z"].st_gid == 7


@as_root
@in_memory
def test_secrets_of_a_command_of_roots_are_the_agents_to_enter(state: Path, secrets: Path) -> None:
    secrets.parent.mkdir()
    os.chown(secrets.parent, NOBODY, NOBODY)
    os.chown(state, NOBODY, NOBODY)
    make(FileKind(state, secrets), resource(secrets / "web/ab/token", one(b"x"), secret=True))
    owners = {path.stat().st_uid for path in (secrets, *secrets.rglob("*"))}
    assert owners == {NOBODY}
