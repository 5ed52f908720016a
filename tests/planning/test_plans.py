"""Golden plans: what is wanted, what is there, and the plan as text. One behaviour each."""

from __future__ import annotations

import pytest

from agent.model import Action, Cause, Difference, Owner, Remedy, Revision
from agent.provenance import Provenance
from tests.planning.scene import IN_PLACE, NET, WEB, check, differs, plan, there, want

ASIDE = differs("name", "web.old", "web", IN_PLACE, drift=True)
STOPPED = differs("state", "exited (137)", "running", IN_PLACE, drift=True)

# --- each object by itself --------------------------------------------------------------------------------------


def test_what_is_as_wanted_needs_no_step() -> None:
    found = plan([want(WEB, "network/front"), want("network/front")], [there(WEB), there("network/front")])
    check(found, "")
    assert found.unchanged == 2


def test_what_is_absent_is_made_behind_what_it_requires() -> None:
    found = plan([want(WEB, "network/front", "volume/data"), want("network/front"), want("volume/data")])
    check(
        found,
        """
        0 create network/front (commit: does not exist yet)
        1 create volume/data (commit: does not exist yet)
        2 create container/web (commit: does not exist yet) after 0,1
        """,
    )


def test_what_was_there_before_and_is_gone_has_drifted() -> None:
    found = plan([want(WEB)], known=[WEB])
    check(found, "0 create container/web (drift: was removed outside git)")


def test_what_may_change_in_place_is_updated() -> None:
    found = plan([want(WEB)], [there(WEB, differs("restart", "no", "always", IN_PLACE))])
    check(found, "0 update container/web (commit: restart changed)")
    assert found.changes[0].fields == (("restart", "no", "always"),)


def test_one_field_that_cannot_change_in_place_replaces_the_object() -> None:
    found = plan([want(WEB)], [there(WEB, differs("restart", remedy=IN_PLACE), differs("environment.LOG_LEVEL"))])
    check(found, "0 replace container/web (commit: restart, environment.LOG_LEVEL changed)")


@pytest.mark.parametrize(
    ("differences", "line"),
    [
        ([differs("image", drift=True)], "image: its image moved: the same tag names another image now"),
        ([differs("image")], "commit: image changed"),
        ([differs("hostname", drift=True)], "drift: hostname changed outside git"),
        ([differs("hostname", drift=True), differs("image", drift=True)], "drift: hostname, image changed outside git"),
        ([ASIDE, STOPPED], "drift: was set aside for a replacement that came to nothing"),
        (
            [ASIDE, STOPPED, differs("hostname", drift=True)],
            "drift: was set aside for a replacement that came to nothing; hostname changed outside git",
        ),
        ([differs("user"), differs("hostname", drift=True)], "commit: user changed; hostname changed outside git"),
        ([differs(f"environment.V{number}") for number in range(9)], "and 3 more changed"),
        ([differs("build")], "commit: the content that it is built from changed"),
        ([differs("build"), differs("user")], "commit: user changed; the content that it is built from changed"),
        ([differs("pulled for")], "commit: its pull policy has it pulled for each new content"),
        ([differs("build", drift=True)], "image: its image was not built from the commit"),
        ([differs("post_start", drift=True)], "drift: not all of its post_start hooks have run"),
    ],
    ids=[
        *(
            "image moved",
            "image committed",
            "drift",
            "drift and image",
            "set aside",
            "set aside and drift",
            "commit and drift",
            "many fields",
        ),
        *("built anew", "built anew and changed", "pulled anew", "built by somebody else", "hooks"),
    ],
)
def test_a_cause_and_a_reason(differences: list[object], line: str) -> None:
    found = plan([want(WEB)], [there(WEB, *differences)])  # type: ignore[arg-type]
    assert line in str(found)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("exited", "was stopped outside git"),
        ("exited (137)", "was stopped outside git, exit code 137"),
        ("paused", "was paused outside git"),
        ("created", "was left unstarted outside git"),
        ("removing", "is removing"),
    ],
)
def test_a_state_reads_as_what_somebody_did(state: str, reason: str) -> None:
    found = plan([want(WEB)], [there(WEB, differs("state", state, "running", IN_PLACE, drift=True))])
    check(found, f"0 update container/web (drift: {reason})")


def test_a_new_file_is_a_cause_of_its_own() -> None:
    found = plan([want("file/f/ab/nginx.conf")])
    check(found, "0 create file/f/ab/nginx.conf (file: its content is new)")


SECRET = "/run/windlass/secrets/web/2b/db password"


def test_a_new_secret_is_a_cause_of_its_own() -> None:
    found = plan([want(f"file/{SECRET}", spec={"content": {"": (0o444, b"x")}, "secret": True})])
    check(found, f"0 create file/{SECRET} (secret: its content is new)")


@pytest.mark.parametrize(
    ("differences", "cause"),
    [
        ([differs("volumes./run/secrets/db", "bind /secrets/1a/db ro", f"bind {SECRET} ro")], "secret"),
        ([differs("volumes./run/secrets/db", None, f"bind {SECRET} ro")], "commit"),
        ([differs("volumes./run/secrets/db", "bind /secrets/1a/db ro", f"bind {SECRET}2 ro")], "commit"),
        ([differs("environment.DB_PASS", secret=True)], "secret"),
        ([differs("environment.DB_PASS", secret=True), differs("user", drift=True)], "secret"),
        ([differs("environment.DB_PASS", secret=True), differs("user")], "commit"),
        ([differs("environment.DB_PASS", secret=True, drift=True)], "drift"),
    ],
    ids=["another content", "mounted newly", "another path", "a field", "drift beside", "commit beside", "by hand"],
)
def test_only_secrets_that_changed_are_the_cause(differences: list[Difference], cause: str) -> None:
    secret = want(f"file/{SECRET}", spec={"content": {}, "secret": True})
    found = plan([want(WEB, f"file/{SECRET}"), secret], [there(WEB, *differences), there(f"file/{SECRET}")])
    assert [change.cause for change in found.changes] == [cause]


def test_what_was_made_at_the_same_revision_changes_because_of_the_settings() -> None:
    revision = "0" * 40  # that the scene wants everything at
    found = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision=revision)])
    check(found, "0 replace container/web (settings: environment.LEVEL changed)")
    drifted = plan([want(WEB)], [there(WEB, differs("hostname", drift=True), revision=revision)])
    check(drifted, "0 replace container/web (drift: hostname changed outside git)")
    older = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="1" * 40)])
    check(older, "0 replace container/web (commit: environment.LEVEL changed)")


RAISED = Revision("2" * 40, "Raise the level", "Ada")


def test_the_commit_that_brought_it_is_named_with_each_change_that_has_one_as_its_cause() -> None:
    wanted = [want(WEB), want("container/db"), want("container/other", stack="other")]
    seen = [there(WEB, differs("environment.LEVEL")), there("container/db", differs("user", drift=True))]
    found = plan(wanted, seen, traced={"web": Provenance(RAISED)})
    named = {change.key.name: (change.cause, change.commit) for change in found.changes}
    assert named == {"web": ("commit", RAISED), "db": ("drift", None), "other": ("commit", None)}


def test_what_was_made_at_a_revision_with_the_same_content_changes_because_of_the_settings() -> None:
    traced = {"web": Provenance(RAISED, frozenset({"1" * 40}))}
    found = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="1" * 40)], traced=traced)
    check(found, "0 replace container/web (settings: environment.LEVEL changed)")
    assert [change.commit for change in found.changes] == [None]
    older = plan([want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="3" * 40)], traced=traced)
    check(older, "0 replace container/web (commit: environment.LEVEL changed)")
    elsewhere = plan(
        [want(WEB)], [there(WEB, differs("environment.LEVEL"), revision="1" * 40)], traced={"db": traced["web"]}
    )
    check(elsewhere, "0 replace container/web (commit: environment.LEVEL changed)")


def test_what_the_settings_make_is_told_as_theirs_where_they_change_something_else_too() -> None:
    made = {"revision": "0" * 40}
    new = [want("network/front"), want("container/other", stack="other")]
    found = plan([want(WEB), *new], [there(WEB, differs("networks.front"), **made)])
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "settings",
        "front": "settings",
        "other": "commit",
    }
    both = [there(WEB, differs("networks.front"), **made), there("container/db", differs("user"), revision="1" * 40)]
    found = plan([want(WEB), want("container/db"), *new], both)
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "settings",
        "db": "commit",
        "front": "commit",
        "other": "commit",
    }
    found = plan([want(WEB), *new], [there(WEB, differs("user", drift=True), **made)])
    assert {change.key.name: change.cause for change in found.changes}["front"] == "commit"


def test_a_service_that_is_new_though_git_has_nothing_new_is_so_because_of_the_settings() -> None:
    wanted = [want(WEB, "network/front"), want("network/front"), want("container/db")]
    was_good = {"web": Provenance(RAISED, was_good=True)}
    found = plan(wanted, [there("container/db")], traced=was_good)
    check(
        found,
        """
        0 create network/front (settings: does not exist yet)
        1 create container/web (settings: does not exist yet) after 0
        """,
    )
    assert [change.commit for change in found.changes] == [None, None]
    found = plan(wanted, [], known=[WEB], traced=was_good)
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "drift",
        "db": "settings",
        "front": "settings",
    }
    found = plan([want("network/front")], [], traced=was_good)
    check(found, "0 create network/front (commit: does not exist yet)")


def test_what_drifts_or_does_not_say_when_it_was_made_is_no_word_against_the_settings() -> None:
    made = {"revision": "0" * 40}
    drifts, front = (
        there("container/db", differs("user", drift=True), **made),
        there("network/front", differs("driver")),
    )
    found = plan(
        [want(WEB), want("container/db"), NET[1]], [there(WEB, differs("networks.front"), **made), drifts, front]
    )
    assert {change.key.name: change.cause for change in found.changes} == {
        "web": "settings",
        "db": "drift",
        "front": "settings",
    }


def test_a_file_that_the_commit_changed_is_the_cause() -> None:
    found = plan([want("file/f")], [there("file/f", differs("content"))])
    check(found, "0 replace file/f (file: content changed)")


def test_what_is_adopted_as_it_is_needs_no_step() -> None:
    check(plan([want(WEB)], [there(WEB, owner=Owner.ADOPTABLE)]), "")


def test_what_was_adopted_and_drifts_says_no_more_than_that() -> None:
    stopped = differs("state", "exited (0)", "running", Remedy.IN_PLACE, drift=True)
    found = plan([want(WEB)], [there(WEB, stopped, owner=Owner.ADOPTABLE)])
    check(found, "0 update container/web (drift: was stopped outside git, exit code 0)")


def test_what_is_adopted_and_differs_says_so() -> None:
    found = plan([want(WEB)], [there(WEB, differs("image"), owner=Owner.ADOPTABLE)])
    check(found, "0 replace container/web (commit: adopted: image changed)")
    drifts = differs("user", drift=True)
    found = plan([want(WEB)], [there(WEB, differs("image"), drifts, owner=Owner.ADOPTABLE)])
    assert "commit: adopted: image changed" in str(found)


# --- what is prepared -------------------------------------------------------------------------------------------


def test_an_image_is_fetched_for_what_is_made_from_it_and_nothing_stops_before() -> None:
    wanted = [want(WEB, "image/app:2"), want("image/app:2"), want("container/cron")]
    actual = [there(WEB, differs("image")), there("container/cron", differs("user")), there("container/old")]
    check(
        plan(wanted, actual),
        """
        0 create image/app:2 (commit: needed by container/web)
        1 remove container/old (prune: is not wanted any more) after 0
        2 replace container/cron (commit: user changed) after 0,1
        3 replace container/web (commit: image changed) after 0,1
        """,
    )


def test_an_image_that_nobody_needs_now_is_not_fetched() -> None:
    found = plan(
        [want(WEB, "image/app:2"), want("image/app:2")], [there(WEB, differs("restart", remedy=IN_PLACE, drift=True))]
    )
    check(found, "0 update container/web (drift: restart changed outside git)")
    assert found.unchanged == 1


def test_an_image_that_is_always_pulled_is_so_for_what_is_made() -> None:
    wanted = [want(WEB, "image/app"), want("image/app", renewed=True)]
    check(plan(wanted, [there(WEB), there("image/app")]), "")
    check(
        plan(wanted, [there(WEB, differs("user")), there("image/app")]),
        """
        0 replace image/app (commit: needed by container/web)
        1 replace container/web (commit: user changed) after 0
        """,
    )
    moved = plan(wanted, [there(WEB, differs("image", drift=True)), there("image/app")])
    check(moved, "0 replace container/web (image: its image moved: the same tag names another image now)")


def test_an_image_that_is_due_is_fetched_though_nobody_is_made() -> None:
    wanted = [want(WEB, "image/app"), want("image/app")]
    found = plan(wanted, [there(WEB), there("image/app", differs("pulled", drift=True))])
    check(found, "0 replace image/app (image: its pull policy has it looked for again by now)")


def test_an_image_that_is_to_be_here_is_fetched_again_though_nobody_is_made() -> None:
    wanted = [want(WEB, "image/app"), want("image/app", on_demand=False)]
    found = plan(wanted, [there(WEB, uses=["image/app"])])
    check(found, "0 create image/app (drift: was removed outside git)")


def test_a_held_user_needs_no_image() -> None:
    wanted = [want(WEB, "image/app:2", "network/x"), want("image/app:2"), want("network/x", external=True)]
    assert [change.key.kind for change in plan(wanted).changes] == ["container", "network"]


@pytest.mark.parametrize("drift", [True, False])
def test_drift_is_mended_beside_a_pull_and_what_is_committed_comes_behind_it(drift: bool) -> None:
    wanted = [want(WEB, "image/app:2"), want("image/app:2"), want("container/db")]
    found = plan(wanted, [there("container/db", differs("restart", remedy=IN_PLACE, drift=drift))])
    update = next(change for change in found.changes if change.action is Action.UPDATE)
    pull = frozenset(change.number for change in found.changes if change.key.kind == "image")
    assert (update.after, update.follows) == (frozenset(), frozenset() if drift else pull)


def test_what_is_prepared_for_another_stack_is_not_waited_for() -> None:
    wanted = [want("container/a", "image/a", stack="a"), want("image/a", stack="a"), want("container/b", stack="b")]
    found = plan(wanted, [there("container/b", differs("user"), stack="b")])
    assert "replace container/b (commit: user changed)\n" in f"{found}\n"


def test_an_image_of_two_stacks_is_fetched_once_for_both() -> None:
    wanted = [want(f"container/{name}", "image/app", stack=name) for name in ("a", "b")]
    wanted += [want("image/app", stack=name) for name in ("a", "b")]
    actual = [there(f"container/{name}", differs("image"), stack=name) for name in ("a", "b")]
    check(
        plan(wanted, actual),
        """
        0 create image/app (commit: needed by container/a)
        1 replace container/a (commit: image changed) after 0
        2 replace container/b (commit: image changed) after 0
        """,
    )


def test_a_repaired_file_takes_nobody_along() -> None:
    wanted = [want(WEB, "file/f"), want("file/f")]
    actual = [there(WEB, uses=["file/f"]), there("file/f", differs("content", drift=True))]
    check(plan(wanted, actual), "0 replace file/f (drift: content changed outside git)")


def test_an_image_that_is_gone_is_not_made_by_hand() -> None:
    """That a container still has it is no wonder: it is fetched for the commit that changes the container."""
    found = plan([want(WEB, "image/app"), want("image/app")], [there(WEB, differs("user"), uses=["image/app"])])
    assert [(change.key.kind, change.cause) for change in found.changes] == [
        ("image", Cause.COMMIT),
        ("container", Cause.COMMIT),
    ]


def test_what_shares_nothing_is_pruned_once_all_that_is_new_is_good() -> None:
    actual = [there(WEB, differs("user")), there("container/old", service="old", apart=True)]
    check(
        plan([want(WEB), want("container/new")], actual),
        """
        0 create container/new (commit: does not exist yet)
        1 replace container/web (commit: user changed)
        2 remove container/old (prune: is not wanted any more) after 0,1
        """,
    )


def test_what_is_in_the_way_of_a_network_is_pruned_first() -> None:
    old = there("container/old", service="old", apart=True, uses=["network/front"])
    found = plan(NET, [there("network/front", differs("internal")), old])
    assert [f"{change.action} {change.key}" for change in found.changes] == [
        "remove container/old",
        "remove network/front",
        "create network/front",
        "create container/web",
    ]
