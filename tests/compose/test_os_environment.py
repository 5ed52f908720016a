"""The environment of the process is never part of what is read, unless that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


CANARY = "zzq-canary-of-the-process"
ECHOES = """
name: p${CANARY_ENV}
services:
  a:
    image: "x:1${CANARY_ENV}"
    hostname: $CANARY_ENV
    container_name: c${CANARY_ENV:-}
    command: ["${CANARY_ENV-}", "${CANARY_ENV:+set $CANARY_ENV}", "${UNSET:-${CANARY_ENV}}"]
    environment: {CANARY_ENV: , A: "$CANARY_ENV", B: "${CANARY_ENV:-}"}
    labels: ["a=${CANARY_ENV}"]
    env_file: [a.env]
    label_file: [l.env]
    configs: [c, d]
    secrets: [s]
    build: {context: ., args: [CANARY_ENV, "X=$CANARY_ENV"], additional_contexts: ["y=./${CANARY_ENV}"]}
    post_start: [{command: "echo $CANARY_ENV", environment: [CANARY_ENV]}]
    volumes: ["./d${CANARY_ENV}:/d"]
    networks: {n: {aliases: ["${CANARY_ENV}x"]}}
  b:
    extends: {file: base.yaml, service: base}
    environment: [CANARY_ENV]
include: [{path: inc.yaml, env_file: inc.env}]
networks: {n: {name: "n${CANARY_ENV}", driver_opts: {o: "$CANARY_ENV"}}}
configs: {c: {content: "$CANARY_ENV"}, d: {environment: CANARY_ENV}}
secrets: {s: {environment: CANARY_ENV}}
x-a: $CANARY_ENV
"""
ECHOED = {
    "compose.yaml": ECHOES,
    ".env": "CANARY_ENV\nDOT=$CANARY_ENV\n",
    "a.env": 'CANARY_ENV\nE=$CANARY_ENV\nF=${CANARY_ENV:-}\nG="$CANARY_ENV"\nCOPY=${DOT}\n',
    "l.env": "L=$CANARY_ENV\n",
    "base.yaml": "services: {base: {image: x, environment: [CANARY_ENV], user: 'u$CANARY_ENV'}}",
    "inc.yaml": "services: {i: {image: x, environment: [CANARY_ENV, 'I=$CANARY_ENV', 'J=$INC']}}",
    "inc.env": "CANARY_ENV\nINC=$CANARY_ENV\n",
}


def windlass(directory: Path, *words: str) -> str:
    """All that the real process says, with the canary in its environment under every name that Compose listens to."""
    names = (
        "COMPOSE_PROFILES",
        "COMPOSE_ENV_FILES",
        "DOCKER_DEFAULT_PLATFORM",
        "COMPOSE_PATH_SEPARATOR",
        "PWD",
        "HOME",
    )
    variables = {"CANARY_ENV": CANARY, "COMPOSE_PROJECT_NAME": CANARY, **dict.fromkeys(names, CANARY)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINDLASS", "COV_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "agent", *words],
        cwd=directory,
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture
def echoing(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    for name, text in ECHOED.items():
        (tmp_path / "d" / name).write_text(text)
    return tmp_path / "d"


@pytest.mark.parametrize(
    "words",
    [
        ("render", "-o", "yaml"),
        ("render", "-o", "json"),
        ("render", "-o", "calls"),
        ("validate", "--format", "json"),
        ("render", "-f", "compose.yaml", "-o", "yaml"),
        ("render", "-f", "compose.yaml", "-o", "calls"),
        ("validate", "-f", "compose.yaml"),
    ],
    ids=" ".join,
)
def test_the_environment_of_the_process_is_never_seen(echoing: Path, words: tuple[str, ...]) -> None:
    assert CANARY not in windlass(echoing, *words)


def test_it_is_with_os_env(echoing: Path) -> None:
    said = windlass(echoing, "render", "--os-env", "-p", "p", "-f", "compose.yaml", "--env-file", ".env", "-o", "json")
    assert said.count(CANARY) > 20
