"""The history: what it keeps, and that no mishap to its file is more than a `StoreUnavailable`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent.images import Image
from agent.model import Action, Failure, Key, Plan, Result, Revision, Status
from agent.store import RunFailure, RunField, Store, StoreUnavailable
from tests.telemetry.made import BROKEN, REVISION, UNREACHABLE, change, did, done, failed, report

CHANGED = did(done(change(1), seconds=1.5), done(change(2, action=Action.HOLD), Status.HELD))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "windlass.db"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path, clock=lambda: 7000.0)


def reason_of(job: Callable[[], object]) -> str:
    with pytest.raises(StoreUnavailable) as error:
        job()
    return error.value.reason


# --- what it keeps ----------------------------------------------------------------------------------------------


def test_a_run_is_kept_with_its_steps(store: Store) -> None:
    store.record(CHANGED)
    (run,) = store.history()
    assert (run.sequence, run.run_id, run.stack, run.trigger, run.result) == (1, "r1", "web", "git", "success")
    assert (run.short, run.subject, run.author) == ("9f2c1ab", "bump api to 2.4.1", "anna")
    assert (run.started, run.ended, run.seconds, run.repeats, run.failure) == (5000.0, 7000.0, 2.0, 0, None)
    first, second = run.changes
    assert (first.action, first.kind, first.name, first.status) == ("create", "container", "web-api-1", "done")
    assert (first.cause, first.reason, first.seconds) == ("commit", "is not there", 1.5)
    assert first.fields == (RunField("image", "api:1", "api:2"),)
    assert (second.action, second.status) == ("hold", "held")


def test_a_run_is_kept_with_what_its_containers_were_made_from(store: Store) -> None:
    api, db, web = (change(number, key=Key("container", name)) for number, name in enumerate(("api", "db", "web")))
    pull, gone = change(3, key=Key("image", "api")), change(4, action=Action.REMOVE, key=Key("container", "old"))
    images = {"api": Image("1", "api@sha256:a"), "db": Image("2"), "web": Image("3"), "old": Image("4")}
    store.record(did(done(api), done(db), done(web, Status.FAILED), done(pull), done(gone), images=images))
    (run,) = store.history()
    assert [step.image for step in run.changes] == ["api@sha256:a", "2", "", "", ""]


def test_a_failure_is_kept_with_its_places(store: Store) -> None:
    store.record(failed(BROKEN, plan=Plan((change(),))))
    (run,) = store.history()
    assert run.failure == RunFailure("ConfigInvalid", "two mistakes", tuple(map(str, BROKEN.problems)))
    assert run.failure.problems[0].startswith("web/compose.yaml:7:5: ")
    assert run.changes[0].status == "planned"


def test_a_pass_with_nothing_to_do_leaves_no_trace(store: Store) -> None:
    store.begin("r1", "web", "interval", REVISION)
    store.record(report())
    store.record(report(stack="db"))
    assert store.history() == []


def test_the_newest_come_first_by_our_own_count(store: Store) -> None:
    for number, started in enumerate((9e9, 5.0, 4000.0)):
        store.record(did(done(change()), run_id=f"r{number}", started=started, stack="db" if number == 1 else "web"))
    assert [run.run_id for run in store.history()] == ["r2", "r1", "r0"]
    assert [run.run_id for run in store.history("web")] == ["r2", "r0"]
    assert [run.run_id for run in store.history(limit=1)] == ["r2"]
    assert [run.sequence for run in store.show("2")] == [2]
    assert [run.sequence for run in store.show("r0")] == [1]
    assert store.show("nothing") == []


def test_it_forgets_the_oldest(path: Path) -> None:
    store = Store(path, keep=3)
    for number in range(10):
        store.record(did(done(change()), run_id=f"r{number}"))
    assert [run.run_id for run in store.history()] == ["r9", "r8", "r7"]


def test_the_same_failure_again_is_the_same_run(store: Store) -> None:
    for made in (failed(UNREACHABLE), failed(UNREACHABLE), failed(UNREACHABLE, stack="db"), failed(UNREACHABLE)):
        store.record(made)
    assert [(run.stack, run.repeats) for run in store.history()] == [("db", 0), ("web", 2)]
    store.record(CHANGED)
    store.record(failed(UNREACHABLE))
    assert [run.repeats for run in store.history("web")] == [0, 0, 2]


def test_what_is_held_is_kept_once_and_is_no_error(store: Store) -> None:
    held = report(failure=Failure("Protected", "container/web: is held"), waits=True, synced=False)
    for _ in range(3):
        store.record(held)
    (run,) = store.history()
    assert (run.result, run.repeats, run.failure and run.failure.reason) == ("noop", 2, "Protected")


def test_another_failure_is_another_run(store: Store) -> None:
    one = failed(UNREACHABLE)
    others = (
        failed(UNREACHABLE, revision=Revision("b" * 40)),
        failed(Failure("EngineUnavailable", "another text")),
        did(done(change(1)), done(change(2), Status.FAILED), result=Result.ERROR, failure=UNREACHABLE),
    )
    for made in (one, *others):
        store.record(made)
    assert len(store.history()) == 4


def test_what_began_and_never_ended_was_interrupted(path: Path, store: Store) -> None:
    store.begin("r1", "web", "git", REVISION)
    assert [run.result for run in store.history()] == ["running"]
    assert Store(path).prepare() == 1
    assert [run.result for run in store.history()] == ["interrupted"]
    assert Store(path).prepare() == 0


def test_what_began_ends_in_its_place(store: Store) -> None:
    store.begin("r1", "web", "git", REVISION)
    store.record(did(done(change()), run_id="r0", stack="db"))
    store.record(CHANGED)
    assert [(run.sequence, run.stack, run.result) for run in store.history()] == [
        (2, "db", "success"),
        (1, "web", "success"),
    ]


def test_what_a_committer_may_write_is_bounded_and_taken(store: Store) -> None:
    poison = Revision("a" * 40, "s" * 1_000_000, "\ud800\0\x1b[2J" + "a" * 10_000, timestamp=4e9)
    changes = tuple(change(number, reason="r" * 100_000) for number in range(20))
    store.record(did(*map(done, changes), revision=poison))
    (run,) = store.history()
    assert (len(run.subject), len(run.author)) == (4096, 4096)
    assert run.author.startswith("?\0\x1b[2J")
    assert store.size() < 500_000


def test_the_json_form(store: Store) -> None:
    store.record(CHANGED)
    document = msgspec.json.decode(msgspec.json.encode(store.history()[0].document()))
    assert document["changes"][0]["fields"] == [{"path": "image", "from": "api:1", "to": "api:2"}]
    assert document["failure"] is None


def test_the_status_is_kept(path: Path, store: Store) -> None:
    assert store.overview() is None
    store.save_overview({"format": "1", "host": "a"})
    store.save_overview({"format": "1", "host": "b"})
    assert Store(path).overview() == {"format": "1", "host": "b"}


# --- its file ---------------------------------------------------------------------------------------------------


def test_it_is_for_our_eyes_only(path: Path, store: Store) -> None:
    store.record(CHANGED)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_reading_makes_no_file(path: Path, store: Store) -> None:
    assert (store.history(), store.show("1"), store.overview(), store.size()) == ([], [], None, 0)
    assert not path.parent.exists()


def test_deleted_while_running_it_is_made_anew(path: Path, store: Store) -> None:
    store.record(CHANGED)
    shutil.rmtree(path.parent)
    assert store.history() == []
    store.record(CHANGED)
    assert len(store.history()) == 1


def test_replaced_while_running_the_new_one_is_used(path: Path, store: Store) -> None:
    store.record(CHANGED)
    other = Store(path.with_name("other.db"))
    other.save_overview({"host": "other"})
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.with_name("other.db").replace(path)
    store.record(CHANGED)
    assert store.overview() == {"host": "other"}


def _garbage_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(100))


def _garbage_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _nothing(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("harm", [_garbage_head, _garbage_pages, _half])
def test_a_corrupt_file_is_set_aside_at_the_start(path: Path, harm: Callable[[Path], None]) -> None:
    store = Store(path, clock=lambda: 0.0)
    for number in range(40):
        store.record(did(done(change()), run_id=f"r{number}"))
    harm(path)
    assert store.prepare() == 0
    assert [file.name for file in store.set_aside()] == ["windlass.db.corrupt-19700101T000000Z"]
    store.record(CHANGED)
    assert len(store.history()) == 1


def test_a_file_that_turns_corrupt_is_set_aside_by_the_next_write(path: Path, store: Store) -> None:
    store.record(CHANGED)
    _garbage_head(path)
    assert reason_of(store.history) == "StateCorrupt"
    store.record(CHANGED)
    assert len(store.history()) == 1
    assert len(store.set_aside()) == 1


def test_a_file_of_no_length_is_filled(path: Path, store: Store) -> None:
    store.record(CHANGED)
    _nothing(path)
    assert store.history() == []
    store.record(CHANGED)
    assert len(store.history()) == 1
    assert store.set_aside() == []


def test_of_a_newer_release_nothing_is_written_and_the_rest_is_read(path: Path, store: Store) -> None:
    store.record(CHANGED)
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    assert reason_of(lambda: store.record(CHANGED)) == "StateTooNew"
    assert reason_of(store.prepare) == "StateTooNew"
    assert len(store.history()) == 1
    assert store.set_aside() == []


def test_details_of_another_release_do_not_hide_the_run(path: Path, store: Store) -> None:
    store.record(CHANGED)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE runs SET details = ?", (b'{"changes": 3}',))
        other.commit()
    assert [(run.result, run.changes) for run in store.history()] == [("success", ())]


def test_a_short_lock_is_waited_for_and_reads_go_on(path: Path, store: Store) -> None:
    store.record(CHANGED)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        writing = threading.Thread(target=store.record, args=(CHANGED,))
        writing.start()
        assert len(store.history()) == 1
        other.execute("COMMIT")
        writing.join(30)
    assert len(store.history()) == 2


def test_a_long_lock_is_given_up(path: Path, store: Store) -> None:
    store.record(CHANGED)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert reason_of(lambda: store.record(CHANGED)) == "StateLocked"
    store.record(CHANGED)
    assert len(store.history()) == 2


def test_a_place_where_there_can_be_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "windlass.db")
    assert reason_of(lambda: store.record(CHANGED)) == "StateUnavailable"
    assert store.history() == []


def test_many_threads_write_side_by_side(store: Store) -> None:
    def write(number: int) -> None:
        for step in range(5):
            store.record(did(done(change()), run_id=f"r{number}-{step}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({run.run_id for run in store.history(limit=100)}) == 20


WRITER = """
import sys
from pathlib import Path
from agent.store import Store
from tests.telemetry.made import change, did, done
store = Store(Path(sys.argv[1]))
for number in range(10_000):
    store.record(did(done(change()), run_id=f"r{number}"))
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        acknowledged = [int(writer.stdout.readline()) for _ in range(25)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    store = Store(path)
    store.prepare()
    kept = {run.run_id for run in store.history(limit=10_000)}
    assert {f"r{number}" for number in acknowledged} <= kept
    assert store.set_aside() == []


MOUNTED = """
import subprocess, sys
from pathlib import Path
from agent.store import Store, StoreUnavailable
from tests.telemetry.made import change, did, done
def tried():
    try:
        store.record(did(done(*[change(reason="r" * 4000)])))
    except StoreUnavailable as error:
        return error.reason
    return "done"
def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", sys.argv[1]], check=True)
mount("-o", "size=400k")
store = Store(Path(sys.argv[1]) / "state" / "windlass.db")
ballast = Path(sys.argv[1]) / "ballast"
print(tried())
with ballast.open("wb", buffering=0) as file:
    try:
        while file.write(b"x" * 4096):
            pass
    except OSError:
        pass
print(tried(), len(store.history()))
ballast.unlink()
print(tried(), len(store.history()))
mount("-o", "remount,ro")
print(tried(), len(store.history()))
mount("-o", "remount,rw")
print(tried(), len(store.history()))
"""


def _may_mount() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run(["unshare", "-m", "true"], check=False).returncode


@pytest.mark.skipif(not _may_mount(), reason="needs root to mount a small file system")
def test_a_full_and_a_read_only_disk(tmp_path: Path) -> None:
    command = ["unshare", "-m", sys.executable, "-c", MOUNTED, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert told.splitlines() == ["done", "StateWriteFailed 1", "done 2", "StateReadOnly 2", "done 3"]
