"""Images that are built from the commit, on a real engine: when, from what, and what a failure leaves alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from agent.kinds.base import BUILD
from tests.engine.images import BUSYBOX
from tests.kinds.rig import Rig

pytestmark = pytest.mark.engine

PLAIN = {"app/said": "one"}


def compose(build: str) -> str:
    return f"""
        services:
          web:
            build: {{context: app, {build}}}
            command: [sleep, "600"]
            stop_grace_period: 0s
    """


@pytest.fixture
def rig(rig: Rig, sdk: docker.APIClient) -> Iterator[Rig]:
    yield rig
    for container in sdk.containers(all=True, filters={"label": f"com.docker.compose.project={rig.stack}"}):
        sdk.remove_container(container["Id"], force=True)
    for image in sdk.images():
        for tag in image["RepoTags"] or ():
            if tag.startswith(rig.stack):
                sdk.remove_image(tag, force=True)
    for image in sdk.images(filters={"dangling": True, "label": BUILD}):  # what was built over
        with suppress(docker.errors.APIError):  # another test's container is made of it
            sdk.remove_image(image["Id"])


def said(rig: Rig, path: str) -> str:
    return rig.engine.execute(rig.container("web")["Id"], {"Cmd": ["cat", path], "AttachStdout": True}, 5)[1]


def test_an_image_is_built_and_built_anew_when_its_content_changes(rig: Rig, busybox: str) -> None:
    text, dockerfile = compose("args: {WORD: hello}"), f"FROM {busybox}\nARG WORD\nCOPY . /app\nENV WORD=$WORD\n"
    files = {"app/Dockerfile": dockerfile, "app/said": "one", "app/left": "x", "app/.dockerignore": "left\n"}
    image, web = f"{rig.stack}-web", f"{rig.stack}-web-1"
    assert rig.apply(text, files) == {image: "create", web: "create", f"{rig.stack}_default": "create"}
    assert "WORD=hello" in rig.container("web")["Config"]["Env"]
    assert (said(rig, "/app/said"), rig.container("web")["Config"]["Image"]) == ("one", image)
    assert (
        "No such file"
        in rig.engine.execute(rig.container("web")["Id"], {"Cmd": ["cat", "/app/left"], "AttachStderr": True}, 5)[1]
    )
    assert rig.apply(text, {**files, "app/left": "y"}) == {}
    plan = rig.plan(text, {**files, "app/said": "two"})
    assert str(plan) == (
        f"0 replace image/{image} (commit: the content that it is built from changed)\n"
        f"1 replace container/{web} (commit: the content that it is built from changed) after 0"
    )
    assert rig.apply(text, {**files, "app/said": "two"}) == {image: "replace", web: "replace"}
    assert said(rig, "/app/said") == "two"
    assert rig.apply(compose("args: {WORD: bye}"), {**files, "app/said": "two"}) == {image: "replace", web: "replace"}


def test_a_stage_of_a_dockerfile_that_begins_with_nothing(rig: Rig) -> None:
    dockerfile = "FROM scratch AS first\nCOPY busybox /bin/sleep\nFROM scratch\nCOPY none /\n"
    files: dict[str, str | bytes] = {"app/Dockerfile": dockerfile, "app/busybox": BUSYBOX.read_bytes()}
    rig.apply(
        compose(f"target: first, tags: ['{rig.stack}-more:1'], labels: {{x: '1'}}").replace("sleep,", "/bin/sleep,"),
        files,
    )
    assert rig.container("web")["State"]["Running"]
    more = rig.engine.inspect_image(f"{rig.stack}-more:1")
    assert more is not None
    assert (more["Id"], more["Config"]["Labels"]["x"]) == (rig.container("web")["Image"], "1")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("RUN echo alas; exit 3", "returned a non-zero code: 3; the builder said last: .*alas"),
        ("COPY nothing /", "COPY failed: .*nothing"),
        ("FORM x", "unknown instruction: FORM"),
    ],
)
def test_a_build_that_fails_stops_nothing(rig: Rig, busybox: str, step: str, said: str) -> None:
    good = compose(f'dockerfile_inline: "FROM {busybox}"')
    rig.apply(good, PLAIN)
    before = rig.container("web")
    report = rig.take(compose(f'dockerfile_inline: "FROM {busybox}\\n{step}"'), PLAIN)
    assert report.failure is not None
    assert report.failure.reason == "ImageBuildFailed"
    assert re.search(
        f"replace image/{rig.stack}-web: build {rig.stack}-web: .*{said}", report.failure.message, re.DOTALL
    )
    assert rig.container("web") == before
    assert rig.apply(good, PLAIN) == {}


def test_a_build_that_failed_is_tried_again_when_that_may_help(rig: Rig, busybox: str) -> None:
    bad = compose(f'dockerfile_inline: "FROM {busybox}\\nCOPY missing /"')
    first = rig.take(bad, PLAIN).failure
    assert first is not None
    assert rig.calls.count("image_build") == 1
    assert rig.take(bad, PLAIN).failure == first
    assert "image_build" not in rig.calls
    rig.take(bad, {"app/said": "two"})
    assert "image_build" in rig.calls, "it is of other content"
    rig.take(bad, {"app/said": "two"})
    assert "image_build" not in rig.calls
    rig.now += 301
    rig.take(bad, {"app/said": "two"})
    assert "image_build" in rig.calls, "it may have passed by now"
    rig.trigger = "manual"
    rig.take(bad, {"app/said": "two"})
    assert "image_build" in rig.calls, "somebody asks for it"


def test_another_image_under_the_name_is_built_over(rig: Rig, busybox: str, sdk: docker.APIClient) -> None:
    text = compose(f'dockerfile_inline: "FROM {busybox}"')
    rig.apply(text, PLAIN)
    sdk.tag(busybox, f"{rig.stack}-web", "latest", force=True)
    assert "image/" in str(rig.plan(text, PLAIN))
    assert "its image was not built from the commit" in str(rig.plan(text, PLAIN))
    rig.apply(text, PLAIN)
    image = rig.engine.inspect_image(f"{rig.stack}-web")
    assert image is not None
    assert image["Id"] == rig.container("web")["Image"]
