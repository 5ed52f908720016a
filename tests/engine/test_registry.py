"""What a real engine makes of a registry that refuses, stalls or gives other bytes, and what becomes of that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from agent.engine import Build, ContextFile, Credentials, Engine, Login, PullProgress
from agent.errors import Refused, Trouble, Unreachable
from tests.engine import front as faults
from tests.engine.front import Choice, Front
from tests.engine.registry import Registry

pytestmark = pytest.mark.engine

SECRET = "s3cret-canary"


@dataclass
class Shelf:
    """An image in the registry, as it is asked of the front."""

    front: Front
    reference: str
    sdk: docker.APIClient

    def refused(self, engine: Engine, fault: Choice, **how: Any) -> Trouble:
        self.front.fault = fault
        with pytest.raises((Refused, Unreachable)) as caught:
            engine.pull_image(self.reference, **how)
        assert not self.is_here(), "half an image"
        return caught.value

    def is_here(self) -> bool:
        return bool(self.sdk.images(name=self.reference))


@pytest.fixture
def shelf(registry: Registry, front: Front, prefix: str, sdk: docker.APIClient) -> Iterator[Shelf]:
    reference, identity = registry.push(prefix, Env=["PATH=/bin", f"ONLY={prefix}"])
    yield Shelf(front, front.of(reference), sdk)
    if sdk.images(name=front.of(reference)):
        sdk.remove_image(identity, force=True)


@pytest.mark.parametrize(
    ("fault", "reason", "advice"),
    [
        (faults.refuse(401), "RegistryUnauthorized", "under `registries` in the agent's settings, or docker login"),
        (faults.refuse(403), "RegistryDenied", "under `registries` in the agent's settings, or docker login"),
        (faults.refuse(404), "ManifestUnknown", "push it, or name one that is there"),
        (faults.refuse(429), "RegistryRateLimited", "log in, pull less often, or use a mirror"),
        (faults.refuse(500), "ImagePullFailed", "500 Internal Server Error"),
        (faults.of_manifests(faults.page), "ImagePullFailed|ImageCorrupt", "invalid character '<'|unexpected EOF"),
        (faults.of_blobs(faults.flip), "ImageCorrupt", "push it again, and look at what lies between"),
    ],
    ids=["401", "403", "404", "429", "500", "a web page", "other bytes"],
)
def test_a_registry_that_refuses(shelf: Shelf, engine: Engine, fault: Choice, reason: str, advice: str) -> None:
    found = shelf.refused(engine, fault)
    assert found.reason in reason.split("|")
    assert found.message.startswith(f"pull {shelf.reference}: ")
    assert any(one in found.message for one in advice.split("|"))


def test_a_manifest_that_is_not_the_one_that_was_named_is_refused(shelf: Shelf, engine: Engine) -> None:
    shelf.reference = f"{shelf.reference.rpartition(':')[0]}@{engine.resolve_image(shelf.reference)}"
    assert shelf.refused(engine, faults.of_manifests(faults.flip)).reason == "ImageCorrupt"


@pytest.mark.slow  # the engine fetches it six times, and waits longer each time
@pytest.mark.timeout(300)
def test_a_layer_that_is_cut_short_is_given_up_in_the_end(shelf: Shelf, engine: Engine) -> None:
    found = shelf.refused(engine, faults.of_blobs(faults.truncate))
    assert found.reason == "ImageCorrupt"
    assert shelf.front.count("/blobs/") > 2


@pytest.mark.parametrize(
    "fault", [faults.of_manifests(faults.hang), faults.of_blobs(faults.stall)], ids=["hangs", "stalls within a layer"]
)
def test_a_registry_that_falls_silent_is_given_up_and_asked_again(shelf: Shelf, engine: Engine, fault: Choice) -> None:
    with ThreadPoolExecutor(2) as both:  # of which the engine makes one transfer
        for pull in [both.submit(shelf.refused, engine, fault, idle=1.5) for _ in range(2)]:
            assert (pull.result().reason, type(pull.result())) == ("ImagePullStalled", Unreachable)
    shelf.front.fault = lambda _: None
    heard: list[PullProgress] = []
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(engine.pull_image, shelf.reference, progress=heard.append) for _ in range(2)]:
            done.result()
    assert shelf.is_here()
    assert {one.reference for one in heard} == {shelf.reference}


@pytest.mark.usefixtures("images_of_its_own")
def test_a_slow_registry_is_waited_for_as_long_as_something_comes(
    registry: Registry, front: Front, prefix: str, sdk: docker.APIClient, engine: Engine
) -> None:
    """Which takes three times as long as nothing may come."""
    reference, identity = registry.push(prefix, ballast=800_000)
    front.fault = faults.of_blobs(faults.slowly(threading.Event()))
    heard: list[PullProgress] = []
    try:
        engine.pull_image(front.of(reference), progress=heard.append, idle=2.0)
        assert (engine.inspect_image(front.of(reference)) or {}).get("Id") == identity
    finally:
        if sdk.images(name=front.of(reference)):
            sdk.remove_image(identity, force=True)
    came = [one.current for one in heard if one.status == "Downloading" and one.total > 800_000]
    assert len(set(came)) > 3, "how far it is"
    assert came == sorted(came)


def test_the_settings_credentials_reach_the_registry(shelf: Shelf, docker_host: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong\n")
    registry = shelf.reference.partition("/")[0]
    engine = Engine(docker_host, credentials=Credentials({registry: Login("windlass", file)}))
    fault = faults.demand("windlass", SECRET)
    try:
        assert shelf.refused(engine, fault).reason == "RegistryUnauthorized"
        file.write_text(f"{SECRET}\n")  # renewed while the agent runs
        engine.pull_image(shelf.reference)
        assert shelf.is_here()
    finally:
        engine.close()


def test_dockers_own_helper_is_asked(shelf: Shelf, docker_host: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "test"}')
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"""#!/bin/sh\necho '{{"Username":"windlass","Secret":"{SECRET}"}}'\n""")
    helper.chmod(0o755)
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    engine = Engine(docker_host, credentials=Credentials(environment=environment))
    shelf.front.fault = faults.demand("windlass", SECRET)
    try:
        engine.pull_image(shelf.reference)
        assert shelf.is_here()
    finally:
        engine.close()


def test_the_settings_credentials_reach_the_registry_of_what_is_built_on(
    shelf: Shelf, docker_host: str, prefix: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET)
    registry = shelf.reference.partition("/")[0]
    shelf.front.fault = faults.demand("windlass", SECRET)
    dockerfile = ContextFile("Dockerfile", 0o644, f"FROM {shelf.reference}\nLABEL a=b\n".encode)
    wanted = Build((f"{prefix}-built:1",), (dockerfile,), {})
    for credentials, built in ((Credentials(), False), (Credentials({registry: Login("windlass", file)}), True)):
        engine = Engine(docker_host, credentials=credentials)
        try:
            with nullcontext() if built else pytest.raises(Refused):
                engine.build_image(wanted)
        finally:
            engine.close()
    shelf.sdk.remove_image(f"{prefix}-built:1", force=True)
