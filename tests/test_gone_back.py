"""What is wanted of hooks once a stack has gone back."""

from __future__ import annotations

from agent.gone_back import gone_back
from agent.handling import Handling, Hook, Stage
from agent.model import Condition, Key, Requirement, Resource, Revision, Stack

IMAGE = Requirement(Key("image", "x"))


def container(name: str, *requires: Requirement, stage: Stage | None = None, rests: bool = False) -> Resource:
    hook = Hook(stage, rests=rests) if stage else None
    spec = {"body": {}, **({"once": "good content"} if stage else {})}
    return Resource(
        Key("container", name), "web", spec, requires=(IMAGE, *requires), service=name, handling=Handling(hook=hook)
    )


def requires(name: str, condition: Condition = Condition.EXISTS) -> Requirement:
    return Requirement(Key("container", name), condition)


GOOD = Stack(
    "web",
    (
        container("alarm", stage=Stage.ON_FAILURE, rests=True),
        container("migrate", stage=Stage.PRE_DEPLOY),
        container("tell", requires("migrate"), requires("web", Condition.GOOD), stage=Stage.POST_DEPLOY),
        container("web", requires("migrate")),
    ),
    Revision("a" * 40),
)


def test_nobody_waits_for_what_is_not_run_again() -> None:
    alarm, migrate, tell, web = gone_back(GOOD, "").resources
    assert [one.requires for one in (migrate, tell, web)] == [(IMAGE,)] * 3
    assert [one.handling.hook and one.handling.hook.rests for one in (alarm, migrate, tell)] == [True] * 3
    assert alarm == GOOD.resources[0]


def test_the_one_for_a_failure_runs_for_what_was_given_up_once_all_else_is_good_or_will_not_be() -> None:
    alarm = gone_back(GOOD, "bad content").resources[0]
    assert alarm.requires == (IMAGE, requires("web", Condition.GOOD)._replace(optional=True))
    assert alarm.spec["once"] == "bad content"
    assert alarm.handling.hook == Hook(Stage.ON_FAILURE)


def test_what_it_needs_itself_has_to_be_good() -> None:
    alarm = container("alarm", requires("db", Condition.STARTED), stage=Stage.ON_FAILURE, rests=True)
    stack = Stack("web", (alarm, container("db"), container("web")), Revision("a" * 40))
    assert gone_back(stack, "bad content").resources[0].requires == (
        IMAGE,
        requires("db", Condition.GOOD),
        requires("web", Condition.GOOD)._replace(optional=True),
    )


def test_a_stack_without_hooks_is_the_same() -> None:
    plain = Stack("web", (container("web"),), Revision("a" * 40))
    assert gone_back(plain, "bad content") is plain
