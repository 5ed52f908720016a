"""Hooks of a stack: what `x-windlass.hooks` makes of a service, and what cannot be."""

from __future__ import annotations

import textwrap

import pytest

from agent.compose import render
from agent.handling import Hook, Stage
from agent.model import Key, Requirement
from tests.compose.tree import problems, project, wanted

SHOP = """\
    x-windlass:
      hooks: {pre_deploy: [migrate, seed], post_deploy: tell, on_failure: [alarm], timeout: 90s}
    services:
      migrate: {image: app, depends_on: {db: {condition: service_healthy}}}
      seed: {image: app}
      tell: {image: app, depends_on: [web]}
      alarm: {image: app}
      db: {image: postgres}
      web: {image: app, depends_on: [db]}
"""


def needs(text: str, service: str) -> list[tuple[str, str]]:
    """The other containers that a service requires, each with the condition."""
    requires = wanted(text)[f"container/web-{service}-1"].requires
    return [(one.key.name[4:-2], one.condition) for one in requires if one.key.kind == "container"]


def test_each_stage_has_its_place() -> None:
    assert needs(SHOP, "db") == [], "what a hook needs comes before it"
    assert needs(SHOP, "migrate") == [("db", "healthy")]
    assert needs(SHOP, "seed") == [("migrate", "exists")]
    assert needs(SHOP, "web") == [("db", "started"), ("migrate", "exists"), ("seed", "exists")]
    assert needs(SHOP, "tell") == [("migrate", "exists"), ("seed", "exists"), ("db", "good"), ("web", "good")]
    assert needs(SHOP, "alarm") == []


def test_how_they_are_dealt_with() -> None:
    found = wanted(SHOP)
    hooks = {one.service: one.handling.hook for one in found.values() if one.handling.hook}
    assert hooks == {
        "migrate": Hook(Stage.PRE_DEPLOY, 0, 90.0),
        "seed": Hook(Stage.PRE_DEPLOY, 1, 90.0),
        "tell": Hook(Stage.POST_DEPLOY, 0, 90.0),
        "alarm": Hook(Stage.ON_FAILURE, 0, 90.0, rests=True),
    }
    assert wanted(SHOP.replace(", timeout: 90s", ""))["container/web-seed-1"].handling.hook == Hook(
        Stage.PRE_DEPLOY, 1, 600.0
    )


def test_without_hooks_nothing_is_another() -> None:
    assert wanted("services: {a: {image: x}}")["container/web-a-1"].requires == (
        Requirement(Key("image", "x")),
        Requirement(Key("network", "web_default")),
    )


BASE = """\
    x-windlass: {hooks: {pre_deploy: migrate}}
    services:
      migrate: {image: app}
      web: {image: "app:1", environment: {A: "1"}, volumes: [data:/d]}
    volumes: {data: {}}
"""


def content(text: str, files: dict[str, str] | None = None) -> object:
    return wanted(text, files)["container/web-migrate-1"].spec["once"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('A: "1"', 'A: "2"'),
        ("image: app}", "image: other}"),
        ("data: {}", "data: {labels: {a: b}}"),
        ("[data:/d]", "[data:/e]"),
        ("web: {", "more: {image: x}\n      web: {"),
        ("web: {", "web: {post_start: [{command: [x]}], "),
    ],
)
def test_other_content_is_any_that_the_engine_is_asked_for(old: str, new: str) -> None:
    assert content(BASE.replace(old, new)) != content(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hooks: {", "rollout: {delay: 3s}, hooks: {timeout: 3s, "),
        ("web: {", "web: {pull_policy: always, "),
        ("services:", "# a comment\n    services:"),
        ("data: {}", "data: {name: web_data}"),
    ],
)
def test_how_it_is_dealt_with_is_no_content(old: str, new: str) -> None:
    assert content(BASE.replace(old, new)) == content(BASE)


def test_a_mounted_file_is_content() -> None:
    text = BASE.replace("[data:/d]", "['./conf:/conf:ro']").replace("volumes: {data: {}}", "")
    assert content(text, {"conf": "1"}) != content(text, {"conf": "2"})


def test_what_is_named_is_on_whatever_its_profiles() -> None:
    text = BASE.replace("migrate: {", "migrate: {profiles: [hooks], ")
    assert "container/web-migrate-1" in wanted(text)
    assert sorted(project(textwrap.dedent(text)).services) == ["migrate", "web"]
    assert "x-windlass" not in str(render(project(textwrap.dedent(text)), "/srv"))


@pytest.mark.parametrize(
    ("hooks", "services", "problem"),
    [
        ("{pre_deploy: migrat}", "", '1:34: x-windlass.hooks.pre_deploy[0]: there is no service "migrat", did you mean '
         '"migrate"?'),
        ("{pre_deploy: [migrate], post_deploy: [migrate]}", "", "1:59: x-windlass.hooks.post_deploy[0]: the service"
         ' "migrate" is named already, at x-windlass.hooks.pre_deploy[0]'),
        ("{pre_deploy: [migrate, migrate]}", "", "1:44: x-windlass.hooks.pre_deploy[1]: the service"
         ' "migrate" is named already, at x-windlass.hooks.pre_deploy[0]'),
        ("{pre_deploy: migrate}", "depends_on: [migrate]", "4:32: services.web.depends_on.migrate: the service"
         ' "migrate" is a hook: nothing can depend on it, leave it out: see pre_deploy'),
        ("{pre_deploy: migrate}", "network_mode: 'service:migrate'", "4:33: services.web.network_mode: the service"
         ' "migrate" is a hook: nothing can depend on it, leave it out: see pre_deploy'),
        ("{on_failure: web, pre_deploy: migrate}", "depends_on: [migrate]", "4:32: services.web.depends_on.migrate: the"
         ' service "migrate" is a hook: nothing can depend on it, they run in the order in which they are named'),
        ("{post_deploy: web}", "scale: 2", "4:26: services.web.scale: a hook runs once, so it has one container, leave "
         "it out"),
        ("{post_deploy: web}", "deploy: {replicas: 0}", "4:38: services.web.deploy.replicas: a hook runs once, so it "
         "has one container, leave it out"),
        ("{post_deploy: web}", "restart: always", "4:28: services.web.restart: a hook runs once, so nothing restarts "
         'it, write "no", or leave it out'),
        ("{post_deploy: web}", "deploy: {restart_policy: {delay: 1s}}", "4:44: services.web.deploy.restart_policy: a "
         "hook runs once, so nothing restarts it, leave it out"),
        ("{post_deploy: web}", "x-windlass: {schedule: '0 3 * * *'}", "4:31: services.web.x-windlass: a hook runs once "
         "for each content, so it has no schedule, make two services of it"),
        ("{before: web}", "", '1:22: x-windlass.hooks: unknown key "before"'),
        ("{timeout: 5}", "", "1:31: x-windlass.hooks.timeout: must be a duration with its unit, write 5s for seconds"),
        ("{timeout: 0s}", "", "1:31: x-windlass.hooks.timeout: is no time in which a run could end, write how long one "
         "may take, as in 1h"),
    ],
)  # fmt: skip
def test_what_cannot_be(hooks: str, services: str, problem: str) -> None:
    text = f"x-windlass: {{hooks: {hooks}}}\nservices:\n  migrate: {{image: x}}\n  web: {{image: x, {services}}}\n"
    assert problems(text) == [f"compose.yaml:{problem}"]


def test_a_good_restart_policy_is_none() -> None:
    none = 'restart: "no", deploy: {replicas: 1, restart_policy: {condition: none}}'
    text = BASE.replace("image: app}", f"image: app, {none}}}")
    assert wanted(text)["container/web-migrate-1"].handling.hook is not None
