"""On a real engine: what `docker compose` made is taken over as it is, and what it left beside is dealt with; a name
that a replacement needs and somebody else's container has."""

from __future__ import annotations

import io
import tarfile

import docker
import pytest

from agent.engine.disposal import Disposal
from agent.model import Action
from agent.orphans import Orphans, taken_over
from tests.engine.images import entry
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine

TEXT = """
services:
  web: {image: IMAGE, network_mode: none, stop_grace_period: 0s, environment: {A: "1"}, volumes: [/scratch]}
"""


def made_by_compose(rig: Rig, text: str, service: str, number: int) -> str:
    """The id of a container as Compose makes it of the service `web`, for this one."""
    (web,) = (one for one in rig.stack_of(text).resources if one.key.kind == "container")
    body = web.spec["body"]
    labels = {
        **body["Labels"],
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
    }
    made = rig.engine.create_container(f"{rig.stack}-{service}-{number}", {**body, "Labels": labels})
    rig.engine.start_container(made)
    return made


def test_it_is_taken_over_goes_or_is_told(rig: Rig, busybox: str) -> None:
    text = TEXT.replace("IMAGE", busybox)
    made = made_by_compose(rig, text, "web", 1)
    made_by_compose(rig, text, "web", 2)
    orphan = made_by_compose(rig, text, "old", 1)
    started = rig.container("web")["State"]["StartedAt"]
    report = rig.take(text)
    assert done(report) == {f"{rig.stack}-web-1": Action.ADOPT, f"{rig.stack}-web-2": Action.REMOVE}
    assert (rig.container("web")["Id"], rig.container("web")["State"]["StartedAt"]) == (made, started)
    (left,) = rig.plan(text).changes
    assert (left.key.name, left.code, report.synced) == (f"{rig.stack}-old-1", "ComposeOrphan", True)
    assert rig.container("old")["Id"] == orphan
    assert rig.engine.inspect_container(f"{rig.stack}-web-2") is None
    rig.restart()
    gone = rig.take(text.replace("web:", "api:"))
    assert done(gone)[f"{rig.stack}-web-1"] == Action.REMOVE, "the next agent knows whose it is"


COPIED = (
    TEXT.replace("volumes: [/scratch]", "configs: [{source: c, target: /etc/c, mode: 0440, uid: '5'}]")
    + "configs: {c: {content: one}}"
)


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [
        pytest.param(b"one", 0o440, Action.ADOPT, id="as wanted"),
        pytest.param(b"two", 0o440, Action.REPLACE, id="another content"),
        pytest.param(b"one", 0o444, Action.REPLACE, id="another mode"),
        pytest.param(None, 0, Action.REPLACE, id="nothing"),
    ],
)
def test_what_compose_copied_into_it_will_do_while_it_is_wanted_so(
    content: bytes | None, mode: int, expected: Action, rig: Rig, sdk: docker.APIClient, busybox: str
) -> None:
    text = COPIED.replace("IMAGE", busybox)
    name = f"{rig.stack}-web-1"
    made = made_by_compose(rig, TEXT.replace("IMAGE", busybox).replace("volumes: [/scratch]", ""), "web", 1)
    if content is not None:
        sdk.put_archive(made, "/etc", packed("c", content, mode))
    assert rig.apply(text)[name] == expected
    if expected is Action.ADOPT:
        assert rig.container("web")["Id"] == made
        rig.restart()
        sdk.put_archive(made, "/etc", packed("c", b"edited", 0o600))
        assert str(rig.plan(text)) == "", "what is done inside of a container is its own"
        assert rig.apply(text.replace("content: one", "content: new"))[name] == Action.REPLACE


def packed(name: str, content: bytes, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry(name, size=len(content), mode=mode, uid=5), io.BytesIO(content))
    return buffer.getvalue()


def test_a_volume_that_was_taken_over_is_told_of_once_nobody_wants_it_and_stays(
    rig: Rig, docker_host: str, busybox: str
) -> None:
    text = TEXT.replace("IMAGE", busybox)
    with_data = text.replace("[/scratch]", "[data:/data]") + "volumes: {data: }\n"
    (data,) = (one for one in rig.stack_of(with_data).resources if one.key.kind == "volume")
    name = data.key.name
    rig.engine.create_volume(name, dict(data.spec))
    rig.engine.create_volume(f"{rig.stack}_other", {"Labels": data.spec["Labels"]})
    disposal = Disposal(docker_host, timeout=60)
    made_by_compose(rig, with_data, "web", 1)
    assert rig.apply(with_data)[name] == Action.ADOPT
    assert listed(disposal, rig) == {}, "a container has it"
    rig.restart()
    rig.take(text)
    (kept,) = rig.plan(text).changes
    assert (kept.key.name, kept.action, kept.code) == (name, Action.HOLD, "KeepsData")
    assert listed(disposal, rig) == {name: rig.stack}
    orphans = Orphans(disposal, "another-instance", taken=taken_over(rig.home))
    assert orphans.remove(name).stack == rig.stack
    rig.take(text)
    assert listed(disposal, rig) == taken_over(rig.home) == {}, "the note goes with it"
    disposal.close()


def listed(disposal: Disposal, rig: Rig) -> dict[str, str]:
    """The stack of each volume of the rig's that is orphaned."""
    orphans = Orphans(disposal, rig.identity.instance, taken=taken_over(rig.home)).all()
    return {one.name: one.stack for one in orphans}


def test_a_replacement_waits_for_the_name_that_it_needs(rig: Rig, sdk: docker.APIClient, busybox: str) -> None:
    text = TEXT.replace("IMAGE", busybox)
    made = made_by_compose(rig, text, "web", 1)
    stranger = sdk.create_container(busybox, name=f"{rig.stack}-web-1.windlass-old")["Id"]
    newer = text.replace('A: "1"', 'A: "2"')
    report = rig.take(newer)
    assert report.failure is not None
    assert (report.failure.reason, "docker rename" in report.failure.message) == ("NameConflict", True)
    assert (rig.container("web")["Id"], rig.calls) == (made, [])
    sdk.remove_container(stranger)
    assert rig.apply(newer)[f"{rig.stack}-web-1"] == Action.REPLACE
