"""A plan as a document: what it holds, what it must not hold, and what is said where it is no longer the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import __version__
from agent.account import Look
from agent.artefact import Where, check, hold_to, is_same, make, short, target_document, target_of
from agent.errors import Refused
from agent.images import Image
from agent.model import Difference, Health, Observed, Owner, Remedy, Resource, Revision, Scope, Stack
from agent.planning import Policy, make_plan
from agent.target import OneStack, Target
from tests.planning.scene import ORIGIN, differs, there, want

KEY = b"k" * 32
WHERE = Where("edge-01", "default", "ABCD:EFGH", ORIGIN)
COMMIT = Revision("9f2c1ab" + "0" * 33, "bump api", "anna")
TARGET = {"here": "/home/anna", "path": "fleet", "one": None}
CANARY = "hunter2canary"

API = want("container/web-api-1", spec={"body": {"Env": [f"DB_PASS={CANARY}"]}})
REDIS = want("container/web-redis-1")
SEEN_API = there("container/web-api-1", differs("environment.DB_PASS", "old", CANARY, secret=True))
SEEN_REDIS = there("container/web-redis-1")


def document(
    wanted: Sequence[Resource] = (API, REDIS),
    seen: Sequence[Observed] = (SEEN_API, SEEN_REDIS),
    *,
    revision: Revision = COMMIT,
    where: Where = WHERE,
    key: bytes = KEY,
) -> dict[str, Any]:
    stack = Stack("web", tuple(wanted), revision)
    actual = {one.key: one for one in seen}
    plan = make_plan([stack], actual, Scope("default", ORIGIN, frozenset({"web"})), Policy())
    made = make(where, TARGET, revision, [stack], Look(actual, plan), key=key)
    read: dict[str, Any] = json.loads(json.dumps(made))  # as it comes back from a file
    return read


def moved(before: dict[str, Any], **over: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        hold_to(before, document(**over))
    assert caught.value.reason == "PlanStale"
    first, *told, last = caught.value.message.splitlines()
    assert first == f"plan {short(before)} is not what would be done now, so nothing was done:"
    assert last.endswith("windlass plan --out FILE")
    return told


def test_it_says_what_is_to_be_done_where_and_because_of_what() -> None:
    made = document()
    assert {name: made[name] for name in ("format", "kind", "host", "instance", "engine", "origin", "revision")} == {
        "format": "1",
        "kind": "windlass.plan",
        **WHERE._asdict(),
        "revision": COMMIT.id,
    }
    assert made["changes"] == [
        {
            "number": 0,
            "stack": "web",
            "action": "replace",
            "kind": "container",
            "name": "web-api-1",
            "cause": "secret",
            "cause_text": "secret: environment.DB_PASS changed",
            "commit": None,
            "reason": "environment.DB_PASS changed",
            "approval": "",
            "interruption": "away while it is replaced",
            "fields": [{"path": "environment.DB_PASS", "from": "*** (before)", "to": "*** (after)"}],
            "after": [],
            "follows": [],
        }
    ]
    assert [(one["kind"], one["name"]) for one in made["seen"]] == [
        ("container", "web-api-1"),
        ("container", "web-redis-1"),
    ]
    assert short(made) == made["hash"][:8]


def test_no_secret_is_in_it_and_none_can_be_guessed_from_it() -> None:
    made, other = document(), document(key=b"x" * 32)
    assert CANARY not in json.dumps(made)
    for part in ("stacks", "seen"):
        assert [one.get("digest", one.get("content")) for one in made[part]] != [
            one.get("digest", one.get("content")) for one in other[part]
        ]


def test_the_same_world_gives_the_same_plan_however_its_objects_fare() -> None:
    ill = replace(SEEN_REDIS, health=Health.DEGRADED, detail="2 checks failed", raw={"State": "other"})
    ill = replace(ill, image=Image(digest="redis@sha256:a"))  # it was pushed somewhere
    stranger = there("container/other", owner=Owner.FOREIGN, uses=["network/shared"])
    before, now = document(), document(seen=(SEEN_API, ill, stranger))
    assert is_same(before, now)
    hold_to(before, now)


@pytest.mark.parametrize(
    ("over", "told"),
    [
        pytest.param(
            {"seen": (SEEN_REDIS,)},
            [
                "new: create container web-api-1 (commit: does not exist yet)",
                "gone: replace container web-api-1 (secret: environment.DB_PASS changed)",
            ],
            id="removed by hand",
        ),
        pytest.param(
            {"seen": (SEEN_API, replace(SEEN_REDIS, image=Image("sha256:2")))},
            ["container web-redis-1 changed, or is another one"],
            id="another image",
        ),
        pytest.param(
            {"seen": (SEEN_API, replace(SEEN_REDIS, id="other"))},
            ["container web-redis-1 changed, or is another one"],
            id="made anew by hand",
        ),
        pytest.param(
            {"seen": (SEEN_API, SEEN_REDIS, there("container/web-cron-1", stack="other", origin="git:else"))},
            ["container web-cron-1 is new"],
            id="one more",
        ),
        pytest.param(
            {"wanted": (API,), "seen": (SEEN_API,)},
            [
                "stack web wants something else, though its files are the same: the settings are not",
                "container web-redis-1 is gone",
            ],
            id="one less",
        ),
        pytest.param(
            {"seen": (SEEN_API, there("container/web-redis-1", differs("user", drift=True)))},
            ["new: replace container web-redis-1 (drift: user changed outside git)"],
            id="drifted",
        ),
        pytest.param(
            {"seen": (replace(SEEN_API, differences=(*SEEN_API.differences, differs("user", drift=True))), SEEN_REDIS)},
            [
                "other: replace container web-api-1 (secret: environment.DB_PASS changed; user changed outside git),"
                " and was because of secret: environment.DB_PASS changed"
            ],
            id="drifted more",
        ),
        pytest.param({"release": "9.9.9"}, [f"windlass is 9.9.9 now, and was {__version__}"], id="another release"),
        pytest.param(
            {"revision": Revision("31c09de" + "0" * 33)},
            ["stack web is at revision 31c09de now, and was at revision 9f2c1ab"],
            id="another commit",
        ),
        pytest.param(
            {"wanted": (replace(API, spec={"body": {"Env": ["DB_PASS=other"]}}), REDIS)},
            ["stack web wants something else, though its files are the same: the settings are not"],
            id="another secret",
        ),
    ],
)
def test_what_has_moved_is_named(over: dict[str, Any], told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = document()
    if release := over.pop("release", None):
        monkeypatch.setattr("agent.artefact.__version__", release)
    assert moved(before, **over) == told


def test_a_change_to_another_value_names_the_field() -> None:
    before, after = (
        (SEEN_API, there("container/web-redis-1", differs("user", seen, "b"), differs("hostname"))) for seen in "ac"
    )
    assert moved(document(seen=before), seen=after) == [
        "other: replace container web-redis-1 (commit: user, hostname changed), with another user"
    ]


def test_a_value_that_is_masked_alike_is_not_the_same() -> None:
    """What is shown of it is the same; what was seen is not."""
    other = Difference("environment.DB_PASS", "older", CANARY, Remedy.REPLACE, secret=True)
    assert moved(document(), seen=(there("container/web-api-1", other), SEEN_REDIS)) == [
        "container web-api-1 changed, or is another one"
    ]


def test_of_very_much_only_some_is_named() -> None:
    many = [there(f"container/web-{number}") for number in range(25)]
    told = moved(document(), seen=(SEEN_API, SEEN_REDIS, *many))
    assert (len(told), told[-1]) == (11, "and 15 more")


@pytest.mark.parametrize("name", ["host", "instance", "engine", "origin"])
def test_a_plan_for_another_host_is_refused_as_that(name: str) -> None:
    with pytest.raises(Refused, match=f"its {name} is .*, and this one's is other") as caught:
        hold_to(document(), document(where=WHERE._replace(**{name: "other"}), seen=()))
    assert caught.value.reason == "PlanForeign"


def test_only_what_was_made_with_the_key_is_believed() -> None:
    made = document()
    check(made, KEY)
    for other in (document(key=b"x" * 32), {**made, "target": {**TARGET, "path": "/etc"}}, {**made, "hash": "0"}):
        with pytest.raises(Refused) as caught:
            check(other, KEY)
        assert caught.value.reason == "PlanForeign"
    for other in ({**made, "format": "2"}, {}):
        with pytest.raises(Refused) as caught:
            check(other, KEY)
        assert caught.value.reason == "PlanUnknown"


@pytest.mark.parametrize(
    "one",
    [
        None,
        OneStack((Path("a.yaml"), Path("/b.yaml")), Path(".."), "web", ("all",), (Path("x.env"),), os_env=True),
    ],
)
def test_the_files_are_found_again(one: OneStack | None) -> None:
    part: dict[str, Any] = {"stacks": ("web", "db"), "prune": False}
    target, host = Target(Path("../stacks/web"), one, host="edge-01", **part), Target(host="edge-01")
    said = target_document(target, Path("/home/anna"), rev=COMMIT.id, repo="https://git.example.com/x.git")
    assert target_of({"target": json.loads(json.dumps(said))}, host) == Target(
        Path("/home/stacks/web"),
        one,
        host="edge-01",
        rev=COMMIT.id,
        repo="https://git.example.com/x.git",
        here=Path("/home/anna"),
        **part,
    )
