"""Images that were pulled and that nobody needs any more: on a real engine with a real registry, and made up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from agent.engine import Engine
from agent.errors import Overtaken, Refused
from agent.jsonfile import JsonFile
from agent.kinds.image_prune import Pruning
from agent.model import Scope
from tests.engine.registry import Registry
from tests.kinds.rig import Rig, done

HERE = Scope("one", "here", frozenset({"web"}))


@dataclass
class Shelf:
    """Images by id with their tags, and the containers that are there: each with its image, and the stack it is of."""

    images: dict[str, list[str]] = field(default_factory=dict)
    containers: list[tuple[str, str]] = field(default_factory=list)
    refuses: bool = False

    def list_images(self) -> list[dict[str, Any]]:
        return [{"Id": identity, "RepoTags": tags} for identity, tags in self.images.items()]

    def list_containers(self) -> list[dict[str, Any]]:
        return [{"Id": "c", "ImageID": image, "Labels": {"windlass.stack": stack}} for image, stack in self.containers]

    def inspect_image(self, name: str) -> dict[str, Any] | None:
        found = next((identity for identity, tags in self.images.items() if name == identity or name in tags), None)
        return {"Id": found, "RepoTags": self.images[found], "RepoDigests": [f"{found}@d"]} if found else None

    def remove_image(self, name: str) -> None:
        if self.refuses:
            raise Refused("image has dependent child images", reason="Conflict")
        for identity, tags in list(self.images.items()):
            if name in tags:
                tags.remove(name)
            if name == identity or not tags:
                del self.images[identity]

    def gather(self, asks: Iterable[Callable[[], Any]]) -> list[Any]:
        return [ask() for ask in asks]


class Host:
    """What may come back is `good`."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.good: set[str] = set()
        self.nobody_knows = False
        self._file = JsonFile()
        self.restart()

    def restart(self) -> None:
        """As another process: of what was seen, only what is in the file is known."""
        self.pruning = Pruning(cast("Engine", self.shelf), self._file, self._kept)

    def _kept(self, left: Set[str]) -> Set[str]:
        if self.nobody_knows:
            raise Refused("images.json cannot be read", reason="StateReadFailed")
        return set() if "web" in left else self.good

    def pull(self, reference: str, identity: str, stack: str = "web") -> None:
        before = self.pruning.here()
        for tags in self.shelf.images.values():
            if reference in tags:
                tags.remove(reference)
        self.shelf.images.setdefault(identity, []).append(reference)
        self.pruning.note(reference, stack, before)

    def free(self, *wanted: str, scope: Scope = HERE) -> list[str]:
        """The names of what can go while `web` wants these ids."""
        ids = {"web": frozenset(wanted)} if wanted else {}
        return [seen.key.name for seen in self.pruning.look(scope, ids)]


@pytest.fixture
def host() -> Host:
    """Two images were pulled, and the newer one is wanted."""
    made = Host()
    made.pull("a:1", "one")
    made.pull("a:2", "two")
    return made


def test_what_nobody_needs_can_go_and_is_forgotten_with_it(host: Host) -> None:
    (seen,) = host.pruning.look(HERE, {"web": frozenset({"two"})})
    assert (seen.key, seen.id, seen.spare) == (("image", "a:1"), "one", True)
    host.pruning.remove(seen)
    assert (list(host.shelf.images), host.free("two")) == (["two"], [])
    host.pruning.remove(seen)  # a second time is fine


def test_what_is_wanted_stays_although_nothing_uses_it(host: Host) -> None:
    assert host.free("one", "two") == []


def test_what_somebodys_container_uses_stays(host: Host) -> None:
    host.shelf.containers.append(("one", ""))
    assert host.free("two") == []


def test_everything_stays_while_nobody_knows_what_may_have_to_come_back(host: Host) -> None:
    assert host.free("two") == ["a:1"]
    host.nobody_knows = True
    assert host.free("two") == []


def test_what_may_have_to_come_back_stays_until_its_stack_has_left(host: Host) -> None:
    host.good = {"one"}
    assert host.free("two") == []
    assert host.free() == ["a:1", "a:2"]


def test_what_somebody_else_tagged_or_had_before_stays(host: Host) -> None:
    host.shelf.images["one"].append("mine:1")
    host.shelf.images["three"] = ["theirs:1"]
    host.pull("a:3", "three")
    assert host.free("two") == []


def test_what_lost_its_tag_goes_by_its_digest(host: Host) -> None:
    host.pull("a:1", "three")
    assert host.free("two", "three") == ["one@d"]


def test_what_another_stack_wants_by_now_is_not_removed(host: Host) -> None:
    (seen,) = host.pruning.look(HERE, {"web": frozenset({"two"})})
    host.pruning.look(Scope("one", "here", frozenset({"api"})), {"api": frozenset({"one"})})
    with pytest.raises(Overtaken):
        host.pruning.remove(seen)
    assert "one" in host.shelf.images


def test_what_the_engine_refuses_is_left(host: Host) -> None:
    (seen,) = host.pruning.look(HERE, {"web": frozenset({"two"})})
    host.shelf.refuses = True
    with pytest.raises(Overtaken):
        host.pruning.remove(seen)
    assert host.free("two") == []


def test_a_removal_that_takes_long_keeps_nobodys_look_waiting(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (seen,) = host.pruning.look(HERE, {"web": frozenset({"two"})})
    begun, may_end, looked = threading.Event(), threading.Event(), threading.Event()

    def slow(_name: str) -> None:
        begun.set()
        may_end.wait(10)

    def look_too() -> None:
        host.free("two")
        looked.set()

    monkeypatch.setattr(host.shelf, "remove_image", slow)
    removal = threading.Thread(target=host.pruning.remove, args=(seen,))
    look = threading.Thread(target=look_too)
    removal.start()
    assert begun.wait(10)
    look.start()
    in_time = looked.wait(5)
    may_end.set()
    removal.join()
    look.join()
    assert in_time


def test_of_stacks_that_are_gone_it_is_seen_by_a_look_at_everything(host: Host) -> None:
    host.pull("b:1", "three", stack="old")
    whole = Scope("one", "here", frozenset({"web"}), whole=True)
    host.restart()
    host.shelf.containers.append(("", "old"))
    assert host.free("two", scope=whole) == ["a:1"]
    host.shelf.containers.clear()
    assert host.free("two", scope=whole) == ["a:1", "b:1"]


# --- on a real engine -----------------------------------------------------------------------------------------------


@pytest.fixture
def cleared(prefix: str, sdk: docker.APIClient) -> Iterator[None]:
    yield
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={prefix}"}):
        sdk.remove_container(container["Id"], force=True)
    for image in sdk.images():
        if any(f"/{prefix}:" in tag for tag in image["RepoTags"] or ()):
            sdk.remove_image(image["Id"], force=True)


@pytest.mark.engine
@pytest.mark.usefixtures("cleared")
def test_a_pulled_image_goes_once_it_need_not_come_back(
    rig: Rig, registry: Registry, sdk: docker.APIClient, tmp_path: Path
) -> None:
    references, ids = zip(
        *(registry.push(rig.stack, tag, Env=["PATH=/bin", f"ONLY={rig.stack}{tag}"]) for tag in ("1", "2")), strict=True
    )
    good = {ids[0]}
    rig.kept = lambda left: set() if left else good
    rig.restart()

    def compose(number: int) -> str:
        return f"services: {{web: {{image: '{references[number]}', stop_grace_period: 0s}}}}"

    rig.apply(compose(0))
    rig.apply(compose(1))
    assert rig.engine.inspect_image(ids[0]), "it may have to come back"
    good.clear()
    rig.restart()
    assert str(rig.plan(compose(1))) == f"0 remove image/{references[0]} (prune: is not wanted any more)"
    report = rig.take(compose(1))
    assert (report.synced, report.failure) == (True, None)
    assert done(report) == {references[0]: "remove"}
    assert not [one for one in sdk.images(all=True) if one["Id"] == ids[0]]
    assert rig.container("web")["Image"] == ids[1]
    assert rig.take(compose(1)).plan.changes == ()
