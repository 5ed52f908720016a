"""Which commits say that services may go, asked of real repositories: those that are new to the stacks concerned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.guard import Acknowledgements, Consent
from agent.jsonfile import JsonFile
from agent.model import Snapshot
from agent.planning import Removal
from agent.source.directory import DirectorySource
from agent.source.repository import GitSource
from tests.source.repositories import Repository

Open = Callable[..., GitSource]
BOTH = frozenset({"web", "db"})
RETIRE = "Retire two\n\nWindlass-Allow-Prune: 2"
THESE, OTHERS = Removal(frozenset({"web/a", "db/a"}), 4), Removal(frozenset({"x/a", "y/a"}), 2)


def commit(repository: Repository, message: str, *, branch: str = "main", onto: str | None = "") -> str:
    return repository.commit({"README.md": message.encode()}, message, branch=branch, onto=onto)


def good_at_newest(source: GitSource, *stacks: str) -> str:
    revision = source.sync().revision.id
    for stack in stacks:
        source.accept(stack, revision)
    return revision


def told(source: GitSource, *stacks: str) -> dict[str, int]:
    return dict(source.past.allowances(source.sync().revision.id, frozenset(stacks or BOTH)))


def consent(snapshot: Snapshot) -> Consent:
    return Consent(allowed=snapshot.revision.allow_prune, newest=snapshot.revision.id)


def test_what_an_older_commit_of_the_same_poll_says_counts(repository: Repository, open_source: Open) -> None:
    source = open_source(repository)
    good_at_newest(source, "web", "db")
    said = commit(repository, RETIRE)
    commit(repository, "Explain")
    assert told(source) == {said: 2}
    assert Acknowledgements(said=source.past.allowances).cover(THESE, consent(source.sync()))
    assert not Acknowledgements(said=source.past.allowances).cover(
        Removal(THESE.services | {"web/b"}, 4), consent(source.sync())
    ), "it says how many"
    assert not Acknowledgements().cover(THESE, consent(source.sync()))
    assert told(open_source(repository)) == {said: 2}, "to the next process too"


def test_what_the_commits_of_a_merged_branch_say_counts(repository: Repository, open_source: Open) -> None:
    source = open_source(repository)
    base = good_at_newest(source, "web", "db")
    first = commit(repository, RETIRE, branch="topic", onto=base)
    second = commit(repository, "Retire one\n\nwindlass-allow-prune: 1", branch="topic")
    ours = commit(repository, "Meanwhile")
    merge = repository.git(
        *("commit-tree", f"{second}^{{tree}}", "-p", ours, "-p", second), stdin=b"Merge branch 'topic'"
    )
    repository.git("update-ref", "refs/heads/main", merge)
    assert told(source) == {first: 2, second: 1}


def test_what_was_said_before_a_stack_was_good_does_not_count(repository: Repository, open_source: Open) -> None:
    source = open_source(repository)
    good_at_newest(source, "web")
    said = commit(repository, RETIRE)
    good_at_newest(source, "db")
    commit(repository, "Explain")
    assert told(source) == {}, "it may have been said of others"
    assert told(source, "web") == {said: 2}


def test_a_rewritten_history_says_nothing_anew(repository: Repository, open_source: Open) -> None:
    source = open_source(repository)
    commit(repository, RETIRE)
    good_at_newest(source, "web", "db")
    again = commit(repository, RETIRE.replace("Retire", "Do retire"), onto=None)
    head = commit(repository, "Rewritten")
    assert source.sync().revision.id == head != again
    assert told(source) == {}


def test_where_nobody_can_tell_nothing_is_told(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    source = open_source(repository)
    commit(repository, RETIRE)
    assert told(source) == {}, "nothing was good here yet"
    assert source.past.allowances("dir-1", BOTH) == {}
    assert source.past.allowances("1" * 40, BOTH) == {}
    assert DirectorySource(tmp_path).past.allowances("dir-1", BOTH) == {}
    assert Acknowledgements(said=source.past.allowances).cover(THESE, consent(source.sync())), "by the newest commit"


def test_a_history_that_ends_too_soon_tells_nothing(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    source = open_source(repository)
    good_at_newest(source, "web", "db")
    said = commit(repository, RETIRE)
    head = commit(repository, "Explain")
    assert told(source) == {said: 2}
    (tmp_path / "state" / "mirror" / "shallow").write_text(f"{head}\n")
    assert told(source) == {}


def test_what_a_commit_said_is_used_up_by_so_many_services(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    source = open_source(repository)
    good_at_newest(source, "web", "db", "x", "y")
    said = commit(repository, RETIRE)
    file = JsonFile(tmp_path / "approvals.json")
    known = Acknowledgements(file, source.past.allowances)
    known.remember(THESE, consent(source.sync()))
    assert file.read() == {said: sorted(THESE.services)}
    commit(repository, "Retire the others as well")
    now = consent(source.sync())
    assert Acknowledgements(said=source.past.allowances).cover(OTHERS, now), "as far as git goes it is new to them"
    again = Acknowledgements(file, source.past.allowances)
    assert not again.cover(OTHERS, now)
    assert again.cover(THESE, now)
    again.remember(OTHERS, now)
    assert file.read() == {said: sorted(THESE.services)}, "what did not go used nothing up"
    file.change(lambda kept: {**kept, "0123456789ab": ["a/b"]})
    approved = Consent(frozenset({OTHERS.hash}))
    again.remember(OTHERS, approved)
    assert file.read() == {said: sorted(THESE.services), OTHERS.hash: sorted(OTHERS.services)}
