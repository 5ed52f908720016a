"""What is known of content that was rejected, as the loop asks for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Refused, Unreachable
from agent.follower import KEPT, Follower
from agent.jsonfile import JsonFile
from agent.model import Failure, Revision, Stack
from agent.provenance import PATIENCE, NoPast
from agent.rejections import Rejections, content_of
from agent.timing import Measured
from tests.loop.fakes import reading, stack

GOOD, BAD, BETTER = stack("web", "a" * 40, "1"), stack("web", "b" * 40, "2"), stack("web", "c" * 40, "3")
CRASHED = Failure("CrashOnStart", "exit code 1")


class Blame(NoPast):
    """Has one answer, and one revision that wants the same."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, frozenset[str]]] = []
        self.same = ""

    def is_same(self, one: str, other: str, paths: frozenset[str]) -> bool:
        return one == self.same

    def last_change(self, revision: str, paths: frozenset[str]) -> Revision | None:
        self.asked.append((revision, paths))
        return Revision("0" * 40, "Break it", "Ada")


class Repository:
    """A source and its reader at once: it holds one stack."""

    def __init__(self, newest: Stack) -> None:
        self.stack = newest
        self.good_at = ""
        self.past = Blame()

    def sync(self) -> Any:
        return reading(self.stack, revision=self.stack.revision.id).snapshot

    def read(self, snapshot: Any) -> Any:
        at = {one.revision.id: one for one in (GOOD, BAD, BETTER, self.stack)}[snapshot.revision.id]
        return reading(at, revision=at.revision.id)

    def good(self, _name: str) -> Any:
        return reading(revision=self.good_at).snapshot if self.good_at else None

    def accept(self, _name: str, revision: str) -> None:
        if len(revision) != len(GOOD.revision.id):
            raise Refused(f"'{revision}' is no commit", reason="RevisionUnknown")
        self.good_at = revision

    def forget(self, _name: str) -> None:
        self.good_at = ""


def follower(repository: Any, applied: JsonFile | None = None) -> Follower:
    return Follower(repository, repository, lambda _result, _seconds: None, applied=applied)


def test_what_was_rejected_counts_as_broken_once_there_is_something_to_go_back_to() -> None:
    repository = Repository(BAD)
    desires = follower(repository)
    desires.reject(BAD, CRASHED)
    assert desires.newest().stacks == {"web": BAD}
    repository.good_at = GOOD.revision.id
    assert (desires.newest().stacks, desires.newest().broken) == ({}, {"web": CRASHED})
    assert desires.newest().rejected == {"web": content_of(BAD)}


def test_what_a_command_left_good_since_the_last_agent_ran_is_good(tmp_path: Path) -> None:
    """Else it would be taken back for as long as its content waits for another stack, or for a window to end."""
    repository, file = Repository(BETTER), JsonFile(tmp_path / "applied.json")
    repository.good_at = GOOD.revision.id
    file.change(lambda _: {"web": {"rev": BETTER.revision.id, "path": "/srv/fleet"}, "spoilt": "x"})
    desires = follower(repository, file)
    desires.newest()
    assert desires.last_good("web") == BETTER
    assert file.read() == {}, "from now on it is the agent's word that counts"
    repository.good_at = GOOD.revision.id
    desires.newest()
    assert repository.good_at == GOOD.revision.id, "heeded once"


def test_the_commit_is_named_that_brought_what_was_rejected() -> None:
    repository = Repository(replace(BAD, inputs=frozenset({"web/compose.yaml"})))
    desires = follower(repository)
    assert (desires.newest().blamed, repository.past.asked) == ({}, [])
    desires.reject(BAD, CRASHED)
    repository.good_at = GOOD.revision.id
    for _ in range(3):
        assert {name: commit.subject for name, commit in desires.newest().blamed.items()} == {"web": "Break it"}
    assert repository.past.asked == [(BAD.revision.id, frozenset({"web/compose.yaml"}))]


def test_who_broke_what_is_looked_for_as_long_as_there_is_time_and_later_for_the_rest() -> None:
    broken = replace(
        reading(revision=BAD.revision.id),
        broken=dict.fromkeys("abc", CRASHED),
        read={name: frozenset({f"{name}/compose.yaml"}) for name in "abc"},
    )
    repository: Any = Repository(BAD)
    repository.read = lambda _snapshot: broken
    times = iter([*[0.0] * 6, PATIENCE - 1, PATIENCE, *[100.0] * 4])
    desires = Follower(repository, repository, lambda _result, _seconds: None, clock=lambda: next(times))
    assert set(desires.newest().blamed) == {"a", "b"}
    assert set(desires.newest().blamed) == {"a", "b", "c"}
    assert len(repository.past.asked) == 3


def test_asking_and_reading_are_measured_and_what_was_read_is_read_once() -> None:
    heard: list[Measured] = []
    repository: Any = Repository(GOOD)
    desires = Follower(repository, repository, lambda *_: None, timed=lambda what, _: heard.append(what))
    for _ in range(2):
        desires.newest()
    assert heard == [Measured.FETCH, Measured.RENDER, Measured.FETCH]


def test_no_commit_is_blamed_for_what_was_good_with_the_same_files() -> None:
    """The settings may have brought it, which no commit can help."""
    repository = Repository(replace(BAD, inputs=frozenset({"web/compose.yaml"})))
    repository.past.same = GOOD.revision.id
    desires = follower(repository)
    desires.accept(GOOD)
    desires.reject(BAD, CRASHED)
    assert (desires.newest().broken, desires.newest().blamed) == ({"web": CRASHED}, {})


def test_what_proves_good_although_it_was_rejected_is_what_one_goes_back_to_and_is_not_broken() -> None:
    """As where nothing was known any more to go back to, and so it was tried again."""
    repository = Repository(BAD)
    desires = follower(repository)
    desires.reject(BAD, CRASHED)
    assert desires.newest().stacks == {"web": BAD}
    desires.accept(BAD)
    assert desires.newest().stacks == {"web": BAD}
    repository.stack = BETTER
    desires.newest()
    desires.accept(BETTER)
    repository.stack = BAD
    assert desires.newest().stacks == {"web": BAD}, "it is forgiven"


def test_what_was_rejected_is_not_tried_again_because_its_source_has_lost_what_was_good() -> None:
    """This process knows it, goes back to it, and would try the other one again at once."""
    repository = Repository(BAD)
    desires = follower(repository)
    desires.accept(GOOD)
    desires.reject(BAD, CRASHED)
    repository.good_at = ""
    assert desires.newest().broken == {"web": CRASHED}


def test_what_was_good_and_cannot_be_read_for_now_is_not_taken_for_none() -> None:
    class Hung(Repository):
        def good(self, _name: str) -> Any:
            raise Unreachable("git did not answer")

    bad = replace(BAD, inputs=frozenset({"web/compose.yaml"}))
    desires = follower(Hung(bad))
    with pytest.raises(Unreachable):
        desires.last_good("web")
    assert desires.newest().stacks == {"web": bad}
    desires.reject(bad, CRASHED)
    found = desires.newest()
    assert (found.broken, found.blamed["web"].subject) == ({"web": CRASHED}, "Break it")


def test_what_was_good_before_and_proves_good_again_forgives_nothing() -> None:
    repository = Repository(BAD)
    desires = follower(repository)
    desires.newest()
    desires.reject(BAD, CRASHED)
    desires.accept(GOOD)
    assert desires.newest().broken == {"web": CRASHED}


def test_what_a_stack_was_before_it_left_for_good_is_not_gone_back_to() -> None:
    desires = follower(Repository(BAD))
    desires.accept(GOOD)
    desires.reject(BAD, CRASHED)
    assert desires.newest().broken
    desires.forget("web")
    assert desires.last_good("web") is None
    assert desires.newest().stacks == {"web": BAD}, "it is tried as any new one"
    desires.accept(GOOD)
    assert desires.newest().stacks == {"web": BAD}, "and nobody remembers that it was no good"


def test_without_having_asked_for_the_newest_nothing_is_forgiven() -> None:
    repository = Repository(BAD)
    desires = follower(repository)
    desires.reject(BAD, CRASHED)
    desires.accept(GOOD)
    assert desires.newest().broken == {"web": CRASHED}


def test_content_that_was_rejected_is_tried_again_after_other_content_was_good() -> None:
    repository = Repository(BAD)
    desires = follower(repository)
    desires.reject(BAD, CRASHED)
    repository.stack = BETTER
    desires.newest()
    desires.accept(BETTER)
    repository.stack = BAD
    assert desires.newest().stacks == {"web": BAD}


class Unreadable(Repository):
    """Its newest is BAD, it was good at GOOD, and what was noted of rejected content lies in a file."""

    def __init__(self, home: Path) -> None:
        super().__init__(BAD)
        self.good_at = GOOD.revision.id
        self.file = home / "rejections.json"
        self.file.write_text("{")

    def desires(self) -> Follower:
        return Follower(self, self, lambda *_: None, rejections=Rejections(JsonFile(self.file)))  # type: ignore[arg-type]


def test_content_that_may_have_been_rejected_is_not_tried_before_that_can_be_read(tmp_path: Path) -> None:
    repository = Unreadable(tmp_path)
    desires = repository.desires()
    failure = desires.newest().broken["web"]
    assert failure.reason == "StateReadFailed"
    assert str(repository.file) in failure.message
    assert desires.newest().rejected == {}, "it was not given up, and nothing is done for that"
    repository.file.unlink()
    assert desires.newest().stacks == {"web": BAD}


def test_there_is_no_doubt_of_what_is_good_and_of_what_somebody_asks_for(tmp_path: Path) -> None:
    repository = Unreadable(tmp_path)
    desires = repository.desires()
    assert desires.newest().broken
    assert desires.forgive("web")
    assert desires.newest().stacks == {"web": BAD}
    repository.good_at = BAD.revision.id
    assert repository.desires().newest().stacks == {"web": BAD}


def test_what_this_process_rejected_it_does_not_try_again_although_it_could_not_note_it(tmp_path: Path) -> None:
    repository = Unreadable(tmp_path)
    repository.file.unlink()
    repository.file.mkdir()
    desires = repository.desires()
    assert desires.newest().broken
    desires.forgive("web")
    desires.reject(BAD, CRASHED)
    assert desires.newest().broken == {"web": CRASHED}
    desires.forgive("web")
    assert desires.newest().stacks == {"web": BAD}


class Fleet(Repository):
    """Of three stacks, that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__(BETTER)
        self.known = {"api": "a" * 40, "web": "a" * 40, "db": "d" * 40}  # by stack, where it was good
        self.reads: list[str] = []
        self.asked: list[str] = []

    def at(self, revision: str) -> Any:
        return reading(*(stack(name, revision) for name in ("api", "db", "web")), revision=revision)

    def sync(self) -> Any:
        return self.at("d" * 40).snapshot

    def read(self, snapshot: Any) -> Any:
        self.reads.append(snapshot.revision.id)
        return self.at(snapshot.revision.id)

    def good(self, name: str) -> Any:
        self.asked.append(name)
        return self.at(self.known[name]).snapshot


def test_a_revision_is_read_once_for_all_the_stacks_that_were_good_at_it() -> None:
    fleet = Fleet()
    desires = follower(fleet)
    desires.newest()
    good = [desires.last_good(name) for name in ("api", "db", "web", "api", "db", "web")]
    assert [one and one.revision.id for one in good] == ["a" * 40, "d" * 40, "a" * 40] * 2
    assert (fleet.reads, fleet.asked) == (["d" * 40, "a" * 40], ["api", "db", "web"])


def test_what_proves_good_now_is_known_without_a_look() -> None:
    fleet = Fleet()
    desires = follower(fleet)
    for revision in "abc":
        newer = stack("web", revision * 40)
        desires.accept(newer)
        assert desires.last_good("web") is newer
    assert (fleet.reads, fleet.asked) == ([], [])


def test_only_the_readings_that_were_asked_for_last_are_kept() -> None:
    fleet = Fleet()
    fleet.known = {f"unreadable-{number}": str(number) * 40 for number in range(2 * KEPT)}
    desires = follower(fleet)
    for name in fleet.known:
        with pytest.raises(Refused, match="can be read no more"):
            desires.last_good(name)
    assert len(fleet.reads) == 2 * KEPT
    for name in list(fleet.known)[KEPT:]:
        with pytest.raises(Refused):
            desires.last_good(name)
    assert len(fleet.reads) == 2 * KEPT
