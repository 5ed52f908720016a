"""What would go at once is counted over the whole host, and an approval covers what is left of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.guard import _KEPT, Acknowledgements, Consent, removal_of
from agent.handling import Handling
from agent.jsonfile import JsonFile
from agent.model import Action, Key, Observed, Owner, Report, Resource, Revision, Scope, Stack
from agent.planning import Removal
from agent.protections import Protections
from agent.reconcile import Reconciler, Turn
from agent.source.mirror import allowed_removals
from tests.world import Host, Thing

HERE = Scope("host-1", "here", frozenset({"a"}))


def seen(stack: str, service: str, **more: object) -> Observed:
    facts: dict[str, object] = {"id": "1", "owner": Owner.OURS, "stack": stack, "origin": "here", "service": service}
    return Observed(**{"key": Key("container", f"{stack}-{service}-1"), **facts, **more})  # type: ignore[arg-type]


def test_all_stacks_count_by_what_is_wanted_in_them() -> None:
    everything = [
        *(seen("a", "x"), seen("a", "y")),
        *(seen("b", "x"), seen("c", "x")),
        seen("unreadable", "x"),
        seen("a", "z", protected=True),
        seen("a", "w", leftover=True),
        seen("a", "", key=Key("network", "a_default")),
    ]
    removal = removal_of(everything, HERE, {"a": frozenset({"x"}), "b": frozenset(), "c": frozenset({"x"})})
    assert removal == Removal(frozenset({"a/w", "a/y", "b/x"}), 7), "what is left over may be all of its service"


def test_in_a_whole_scope_the_stacks_that_are_not_given_go_but_for_those_of_others() -> None:
    everything = [seen("a", "x"), seen("gone", "x"), seen("else", "x", origin="elsewhere")]
    removal = removal_of(everything, replace(HERE, whole=True), {"a": frozenset({"x"})})
    assert removal.services == {"gone/x"}


def test_what_is_left_of_an_approved_removal_is_approved() -> None:
    known = Acknowledgements()
    three, two = Removal(frozenset({"a", "b", "c"}), 4), Removal(frozenset({"a", "b"}), 3)
    approved = Consent(frozenset({three.hash}))
    assert not known.cover(two, approved)
    assert known.cover(three, approved)
    assert not known.cover(two, approved), "who only looks notes nothing"
    known.remember(three, approved)
    assert known.cover(two, approved)
    assert not known.cover(Removal(frozenset({"a", "d"}), 3), approved)
    assert not known.cover(two, Consent()), "it is over"


def test_what_is_left_is_approved_over_a_restart_too(tmp_path: Path) -> None:
    three, two = Removal(frozenset({"a", "b", "c"}), 4), Removal(frozenset({"a", "b"}), 3)
    approved, file = Consent(frozenset({three.hash})), tmp_path / "approvals.json"
    Acknowledgements(JsonFile(file)).remember(three, approved)
    assert Acknowledgements(JsonFile(file)).cover(two, approved)
    assert not Acknowledgements(JsonFile(file)).cover(two, Consent()), "the approval is over"


def test_a_turn_that_began_before_the_approval_makes_nobody_forget_it() -> None:
    known = Acknowledgements()
    three, two = Removal(frozenset({"a", "b", "c"}), 4), Removal(frozenset({"a", "b"}), 3)
    approved = Consent(frozenset({three.hash}))
    known.remember(three, approved)
    known.remember(two, Consent())
    assert not known.cover(three, Consent())
    assert known.cover(two, approved)


@pytest.mark.parametrize(("allowed", "covered"), [(1, False), (2, True), (3, True)])
def test_a_commit_allows_so_many_services(allowed: int, covered: bool) -> None:
    assert Acknowledgements().cover(Removal(frozenset({"a", "b"}), 2), Consent(allowed=allowed)) is covered


def test_what_the_newest_commit_says_is_used_up_by_so_many_services(tmp_path: Path) -> None:
    two, other = Removal(frozenset({"a/x", "a/y"}), 3), Removal(frozenset({"b/x", "b/y"}), 3)
    consent, file = Consent(allowed=2, newest="a" * 40), tmp_path / "approvals.json"
    known = Acknowledgements(JsonFile(file))
    assert known.cover(other, consent)
    known.remember(two, consent)
    assert known.cover(two, consent)
    assert known.cover(Removal(frozenset({"a/y"}), 2), consent), "what is left of it"
    assert not known.cover(other, consent)
    assert known.cover(other, replace(consent, newest="b" * 40)), "another commit's word"
    file.write_text("{")
    unread = Acknowledgements(JsonFile(file))
    unread.remember(two, consent)
    assert not unread.cover(two, consent), "nobody knows what went with it"
    assert file.read_text() == "{"


def test_what_is_free_needs_nobodys_word_and_uses_none_up() -> None:
    known, free = Acknowledgements(), frozenset({"a/x", "a/y"})
    assert known.cover(Removal(free, 3), Consent(free=free))
    three = Removal(free | {"b/z"}, 4)
    assert not known.cover(three, Consent(free=free))
    consent = Consent(allowed=1, newest="a" * 40, free=free)
    assert known.cover(three, consent)
    known.remember(three, consent)
    assert known.file.read() == {"a" * 40: ["b/z"]}


@pytest.mark.parametrize(
    ("message", "allowed"),
    [
        ("Retire\n\nWindlass-Allow-Prune: 3\n", 3),
        ("Retire\n\nWhy.\n\nSigned-off-by: A <a@b>\nwindlass-allow-prune: 12\n", 12),
        ("Retire\r\n\r\nWindlass-Allow-Prune: 3\r\n", 3),
        ("Windlass-Allow-Prune: 3", 0),
        ("Retire\n\nWindlass-Allow-Prune: 3\n\nNot at the end", 0),
        ("Retire\n\nWindlass-Allow-Prune: many", 0),
        ("Retire\n\nSays Windlass-Allow-Prune: 3", 0),
        ("Retire\n\nWindlass-Allow-Prune: 99999999", 0),
        ("Retire", 0),
        ("", 0),
    ],
)
def test_the_trailer_of_a_commit(message: str, allowed: int) -> None:
    assert allowed_removals(message) == allowed


# --- in a turn ------------------------------------------------------------------------------------------------------


class Served(Host):
    """The service of a container is what its name ends with."""

    def observe(self, wanted: object, scope: Scope) -> dict[Key, Observed]:
        found = super().observe(wanted, scope)  # type: ignore[arg-type]
        return {
            key: replace(one, service=key.name.partition("-")[2]) if key.kind == "container" else one
            for key, one in found.items()
        }


def host(*names: str) -> Served:
    return Served(
        {Key("container", name): Thing(number, stack=name.partition("-")[0]) for number, name in enumerate(names)}
    )


def stack(name: str, *services: str) -> Stack:
    wanted = (
        Resource(Key("container", f"{name}-{one}"), name, {"fixed": "A", "live": "x"}, service=one) for one in services
    )
    return Stack(name, tuple(wanted), Revision("dir-1"))


def taken(on: Served, turn: Turn, reconciler: Reconciler | None = None) -> Report:
    return (reconciler or Reconciler(on)).take(turn)[0]  # type: ignore[arg-type]  # the world answers what is asked


def test_stacks_that_leave_one_by_one_are_counted_together() -> None:
    on = host("a-x", "b-x", "c-x")
    elsewhere = {"a": frozenset[str](), "b": frozenset[str](), "c": frozenset({"x"})}
    leaving = Turn((), HERE, "git", elsewhere=elsewhere)
    report = taken(on, leaving)
    assert report.failure is not None
    assert (report.failure.reason, on.performed) == ("PruneGuard", [])
    assert (on.staying, Key("container", "a-x") in on.tidied["a"]) == ({"a"}, True), "it may be wanted again"
    removal = Removal(frozenset({"a/x", "b/x"}), 3)
    assert removal.hash in report.failure.message

    consent = Consent(frozenset({removal.hash}))
    reconciler = Reconciler(on)  # type: ignore[arg-type]  # as above
    assert taken(on, replace(leaving, consent=consent), reconciler).synced
    second = replace(leaving, scope=replace(HERE, stacks=frozenset({"b"})), consent=consent)
    assert taken(on, second, reconciler).synced
    assert on.performed == ["remove container/a-x", "remove container/b-x"]
    assert on.staying == set()


def test_a_look_writes_nothing_and_a_turn_notes_what_was_approved(tmp_path: Path) -> None:
    on, file = host("a-x", "b-x", "c-x"), tmp_path / "approvals.json"
    removal = Removal(frozenset({"a/x", "b/x"}), 3)
    elsewhere = {"a": frozenset[str](), "b": frozenset[str](), "c": frozenset({"x"})}
    leaving = Turn((), HERE, "git", elsewhere=elsewhere, consent=Consent(frozenset({removal.hash})))
    reconciler = Reconciler(on, acknowledgements=Acknowledgements(JsonFile(file)))  # type: ignore[arg-type]  # as above
    look = reconciler.look(leaving)
    assert (len(look.plan.pending), look.removal, file.exists()) == (1, removal, False)
    assert reconciler.take(leaving, look)[0].synced
    assert JsonFile(file).read() == {removal.hash: ["a/x", "b/x"]}


def test_of_many_commits_the_newest_notes_are_kept(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "approvals.json")
    commits = [f"{_KEPT + 1 - number:040x}" for number in range(_KEPT + 2)]  # which sort the other way
    for commit in commits:
        known = Acknowledgements(file, said=lambda newest, _stacks: {newest: 2})
        known.remember(Removal(frozenset({"a/x", "a/y"}), 3), Consent(allowed=2, newest=commit))
    assert commits[0] not in file.read()
    assert commits[-1] in file.read()


def test_one_stack_that_leaves_many_goes_at_once() -> None:
    on = host("a-x", *(f"b-{number}" for number in range(4)))
    assert taken(on, Turn((), HERE, "git", elsewhere={"b": frozenset(map(str, range(4)))})).synced


def test_the_services_of_a_stack_that_stays_count_too() -> None:
    on = host("a-x", "a-y", "a-z")
    turn = Turn((stack("a", "x"),), HERE, "git")
    report = taken(on, turn)
    assert report.failure is not None
    assert report.failure.reason == "PruneGuard"
    assert taken(on, replace(turn, consent=Consent(allowed=2))).synced
    assert sorted(on.performed) == ["remove container/a-y", "remove container/a-z"]


# --- what is under protection ---------------------------------------------------------------------------------------


def protecting(protect: bool) -> Stack:
    made = stack("a", "x", "y")
    x, y = made.resources
    return replace(made, resources=(x, replace(y, handling=Handling(protect=protect))))


def test_protection_that_came_after_its_container_was_made_holds_also_for_the_next_process(tmp_path: Path) -> None:
    on, file = host("a-x", "a-y"), JsonFile(tmp_path / "protections.json")
    made, gone = Turn((protecting(True),), HERE, "git"), Turn((stack("a", "x"),), HERE, "git")

    def next_process() -> Reconciler:
        return Reconciler(on, protections=Protections(file))  # type: ignore[arg-type]  # as above

    assert taken(on, made, next_process()).synced
    report = taken(on, gone, next_process())
    assert report.failure is not None
    assert (report.failure.reason, on.performed) == ("Protected", [])
    assert [change.action for change in report.plan.changes] == [Action.HOLD]
    taken(on, Turn((protecting(False),), HERE, "git"), next_process())
    assert taken(on, gone, next_process()).synced
    assert on.performed == ["remove container/a-y"]


def test_protection_that_was_lifted_outdoes_the_label_and_a_lost_note_does_not(tmp_path: Path) -> None:
    file = tmp_path / "protections.json"
    notes = Protections(JsonFile(file))
    labelled = seen("a", "y", protected=True)
    (wanted,) = (one for one in protecting(False).resources if one.service == "y")
    named = replace(wanted, key=labelled.key)
    notes.note([named], {labelled.key: labelled})
    assert not notes.applied([], {labelled.key: labelled})[labelled.key].protected
    file.unlink()
    assert notes.applied([], {labelled.key: labelled})[labelled.key].protected


def test_nothing_goes_while_nobody_can_tell_what_is_under_protection(tmp_path: Path) -> None:
    on, file = host("a-x", "a-y"), tmp_path / "protections.json"
    file.write_text("{")
    gone = Turn((stack("a", "x"),), HERE, "git")
    reconciler = Reconciler(on, protections=Protections(JsonFile(file)))  # type: ignore[arg-type]  # as above
    report = taken(on, gone, reconciler)
    assert report.failure is not None
    assert (report.failure.reason, on.performed) == ("StateReadFailed", [])
    assert str(file) in report.failure.message
    assert file.read_text() == "{"
    file.unlink()
    assert taken(on, gone, reconciler).synced
    assert on.performed == ["remove container/a-y"]


def test_what_was_said_of_an_object_is_said_of_its_twin(tmp_path: Path) -> None:
    protections = Protections(JsonFile(tmp_path / "protections.json"))
    (wanted,) = (one for one in protecting(True).resources if one.service == "y")
    protections.note([wanted], {wanted.key: replace(seen("a", "y"), key=wanted.key)})
    twin = Key("container", f"{wanted.key.name}.old")
    for leftover in (True, False):
        found = protections.applied([], {twin: replace(seen("a", "y", leftover=leftover), key=twin)})
        assert found[twin].protected is leftover


def test_what_the_label_says_already_is_not_noted(tmp_path: Path) -> None:
    file = tmp_path / "protections.json"
    (wanted,) = (one for one in protecting(True).resources if one.service == "y")
    labelled = replace(seen("a", "y", protected=True), key=wanted.key)
    Protections(JsonFile(file)).note([wanted], {wanted.key: labelled})
    assert not file.exists()
