"""Planning a revision, not what lies on the disk: of a clone, and of a repository elsewhere. Without an engine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.assembly import Assembly
from agent.cli.needs import Planned
from agent.errors import BadManifest, BadSettings, Refused
from agent.source.disk import origin_of
from agent.source.repository import GitSource
from agent.target import OneStack, Target
from tests.bare import Bare, put_in_place
from tests.source.repositories import Repository

WEB, DB = "stacks/web/compose.yaml", "stacks/db/compose.yaml"


def files(image: str, **more: bytes) -> dict[str, bytes]:
    text = f"services:\n  one:\n    image: {image}\n    volumes: [./page:/page:ro, ./data:/data]\n"
    return {WEB: text.encode(), DB: b"services:\n  db:\n    image: db:1\n", "stacks/web/page": b"hello", **more}


class Scene:
    """A repository whose main has image one:1, and a branch and a pull request with one:2."""

    def __init__(self, home: Path, engine: Bare) -> None:
        self.home, self.engine = home, engine
        self.settings = home / "agent.yaml"
        self.settings.write_text(f"state_dir: {home}/state\nsecrets_dir: {home}/secrets\n")
        self.clone, self.bare = home / "fleet", Repository.create(home / "fleet.git")
        self.main = self.bare.commit(files("one:1"), "One")
        self.other = self.bare.commit(files("one:2"), "Two", branch="other", onto=self.main)
        self.bare.git("update-ref", "refs/pull/7/head", self.other)
        self.bare.git("clone", "--quiet", str(self.bare), str(self.clone))
        self.bare.git(
            "--git-dir", f"{self.clone}/.git", "fetch", "--quiet", "origin", "refs/pull/7/head:refs/pull/7/head"
        )

    def assembly(self) -> Assembly:
        return Assembly({}, os.getuid(), self.settings)

    def plan(self, target: Target) -> Planned:
        return self.assembly().plan(target)

    def image(self, planned: Planned) -> str:
        (web,) = (stack for stack in planned.stacks if stack.name == "web")
        return str(next(one.spec["body"]["Image"] for one in web.resources if one.key.kind == "container"))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.chdir(tmp_path)
    return Scene(tmp_path, put_in_place(monkeypatch))


@pytest.mark.parametrize(("rev", "ref"), [("origin/other", "origin/other"), ("pull/7/head", "pull/7/head")])
def test_a_revision_of_a_clone_is_planned_for_where_the_clone_lies(scene: Scene, rev: str, ref: str) -> None:
    here, there = scene.plan(Target(scene.clone)), scene.plan(Target(scene.clone, rev=rev))
    assert (scene.image(here), scene.image(there)) == ("one:1", "one:2")
    assert str(there.revision) == f'git {scene.other[:7]} "Two" (Ada)'
    assert {stack.revision for stack in there.stacks} == {there.revision}
    assert (there.url, there.ref) == ("fleet", ref)
    before, after = scene.engine.turns
    assert after.scope == before.scope
    assert after.scope.origin == origin_of(scene.clone)
    assert after.scope.whole
    assert homes(there) == homes(here) != set()


@pytest.mark.parametrize("here", ["", "fleet/stacks"])
def test_one_stack_by_its_file_is_that_of_the_revision(
    scene: Scene, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene.home / here)
    file = Path(os.path.relpath(scene.clone / WEB, scene.home / here))
    (scene.clone / WEB).write_text("no longer what was committed")
    one = OneStack((file,), project_name="shop")
    planned = scene.plan(Target(one=one, rev="origin/other"))
    (stack,) = planned.stacks
    assert (stack.name, stack.revision.id, stack.place and stack.place.file) == ("shop", scene.other, str(file))
    images = [one.spec["body"]["Image"] for one in stack.resources if one.key.kind == "container"]
    assert images == ["one:2"]
    assert homes(planned) == homes(scene.plan(Target(scene.clone / "stacks" / "web", rev="origin/other"))) != set()
    assert again(scene, planned).hash == planned.hash


def test_one_stack_of_a_revision_cannot_reach_out_of_its_repository(scene: Scene) -> None:
    (scene.home / "else.yaml").write_text("services: {a: {image: x}}")
    one = OneStack((scene.clone / WEB, scene.home / "else.yaml"))
    with pytest.raises(BadManifest, match="leads out of"):
        scene.plan(Target(one=one, rev="origin/other"))


def homes(planned: Planned) -> set[str]:
    """Where the stacks have their data."""
    bodies = [one.spec["body"] for stack in planned.stacks for one in stack.resources if one.key.kind == "container"]
    return {bind for body in bodies for bind in body["HostConfig"].get("Binds") or () if "/data" in bind}


def test_one_stack_of_a_revision(scene: Scene) -> None:
    for path in (scene.clone / "stacks" / "web", scene.clone / WEB):
        planned = scene.plan(Target(path, rev="origin/other"))
        assert [stack.name for stack in planned.stacks] == ["web"]
        assert scene.image(planned) == "one:2"
        assert not scene.engine.turns[-1].scope.whole


def test_where_one_stands_is_a_clone_too_unless_settings_are_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene.settings.open("a") as file:
        file.write(f"repo: {scene.bare}\n")
    monkeypatch.chdir(scene.clone / "stacks")
    assert scene.plan(Target(rev="origin/other")).url == "."
    assert scene.plan(Target(rev="other", config=scene.settings)).url == str(scene.bare)
    assert scene.plan(Target(scene.clone, rev="origin/other", config=scene.settings)).url == ".."
    assert scene.plan(Target(named=True, rev="origin/other", config=scene.settings)).url == ".", "named, be it by a dot"
    monkeypatch.chdir(scene.home)
    assert scene.plan(Target(rev="other")).url == str(scene.bare)


@pytest.mark.parametrize("repo", ["", "fleet.git"], ids=["in the settings", "on the command line"])
def test_a_revision_of_a_repository_elsewhere_is_planned_as_the_agent_has_it(scene: Scene, repo: str) -> None:
    if not repo:
        with scene.settings.open("a") as file:
            file.write(f"repo: {scene.bare}\n")
    planned = scene.plan(Target(rev="pull/7/head", config=scene.settings, repo=repo))
    assert scene.image(planned) == "one:2"
    assert (planned.url, planned.ref, planned.revision.id) == (str(scene.bare), "pull/7/head", scene.other)
    assert [stack.place.file for stack in planned.stacks if stack.place] == [DB, WEB]
    (turn,) = scene.engine.turns
    assert turn.scope.origin.startswith("git:")
    assert turn.scope.whole
    assert any(f"{scene.home}/state/stacks/web/data" in bind for bind in homes(planned))
    assert not (scene.home / "state" / "mirror").exists(), "the agent's own is left alone"


def test_without_a_revision_it_is_the_one_that_the_agent_follows(scene: Scene) -> None:
    assert scene.plan(Target(repo=str(scene.bare))).ref == "main"


def again(scene: Scene, planned: Planned) -> Planned:
    return scene.assembly().plan_again(Target(config=scene.settings), planned.artefact)


def test_a_plan_of_a_revision_goes_on_with_the_commit_though_its_branch_moved(scene: Scene) -> None:
    for more in ({"path": scene.clone, "rev": "origin/other"}, {"repo": str(scene.bare), "rev": "other"}):
        scene.bare.git("update-ref", "refs/heads/other", scene.other)
        planned = scene.plan(Target(**more))
        scene.bare.git("update-ref", "refs/heads/other", scene.main)
        clone = scene.clone / ".git"
        scene.bare.git("--git-dir", str(clone), "update-ref", "refs/remotes/origin/other", scene.main)
        repeated = again(scene, planned)
        assert repeated.hash == planned.hash
        assert (repeated.revision.id, repeated.ref) == (scene.other, "")
        assert scene.image(repeated) == "one:2"
        assert scene.engine.turns[-1].exact


def test_what_was_planned_of_a_repository_elsewhere_needs_it_no_more(scene: Scene) -> None:
    planned = scene.plan(Target(repo=str(scene.bare), rev="pull/7/head"))
    shutil.rmtree(scene.bare.path)
    assert again(scene, planned).hash == planned.hash


def test_a_plan_of_what_lies_there_does_not_go_on_with_another_commit(scene: Scene) -> None:
    planned = scene.plan(Target(scene.clone))
    assert planned.revision.id == scene.main
    again(scene, planned)
    git = ("--git-dir", f"{scene.clone}/.git", "--work-tree", str(scene.clone))
    scene.bare.git(*git, "checkout", "--quiet", "origin/other")
    with pytest.raises(Refused, match=f"is at revision {scene.other[:7]} now, and was at revision {scene.main[:7]}"):
        again(scene, planned)


def test_the_address_in_a_plan_holds_no_credential(tmp_path: Path) -> None:
    source = GitSource("https://ada:hunter2@git.example.com/x.git", "main", "", tmp_path / "mirror")
    assert source.address == "https://git.example.com/x.git"


def test_files_of_a_revision_are_checked_and_rendered(scene: Scene) -> None:
    broken = scene.bare.commit(files("one:1") | {WEB: b"services: {one: {imagine: x}}"}, "Broken", branch="bad")
    assembly = scene.assembly()
    checked = assembly.check(Target(repo=str(scene.bare), rev="bad"))
    assert [str(problem.place) for problem in checked.errors] == [f"{WEB}:1:18"]
    with pytest.raises(BadManifest):
        scene.plan(Target(repo=str(scene.bare), rev=broken))
    rendered = assembly.render(Target(scene.clone, rev="origin/other"))
    assert rendered.documents["web"]["services"]["one"]["image"] == "one:2"
    checked = assembly.check(Target(scene.clone / "stacks", rev="origin/other"))
    assert checked == assembly.check(Target(scene.clone / "stacks"))


def test_a_path_that_is_in_no_repository_has_no_revisions(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(Refused, match="is in no git repository, so it has no revision main: name one with --repo"):
        scene.plan(Target(tmp_path / "plain", rev="main"))
    with pytest.raises(BadSettings) as caught:
        scene.plan(Target(scene.clone, rev="--upload-pack=x"))
    assert caught.value.reason == "RefInvalid"


def test_a_stack_that_the_revision_does_not_have_is_told(scene: Scene) -> None:
    scene.bare.commit({DB: files("one:1")[DB]}, "Less", branch="less")
    clone = ("--git-dir", f"{scene.clone}/.git")
    scene.bare.git(*clone, "fetch", "--quiet", "origin")
    with pytest.raises(BadManifest, match="there is no stack here"):
        scene.plan(Target(scene.clone / "stacks" / "web", rev="origin/less"))
    assert [stack.name for stack in scene.plan(Target(scene.clone, rev="origin/less")).stacks] == ["db"]


def test_of_repositories_elsewhere_those_that_were_looked_at_last_are_kept(scene: Scene) -> None:
    repositories = [scene.bare.path, *(scene.home / f"copy{number}.git" for number in range(5))]
    for path in repositories[1:]:
        shutil.copytree(scene.bare.path, path)
    mirrors = scene.home / "state" / "looked-at"

    def look(path: Path) -> set[str]:
        scene.plan(Target(repo=str(path)))
        return {mirror.parent.name for mirror in mirrors.glob("*/HEAD")}

    first, second = look(repositories[0]), look(repositories[1])
    look(repositories[0])  # again, so the second is the oldest
    kept = [look(path) for path in repositories[2:]][-1]
    assert len(kept) == 5
    assert first <= kept
    assert not (second - first) & kept
