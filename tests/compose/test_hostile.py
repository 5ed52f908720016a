"""What a stranger may push: every path that leads out, every link, every bomb; all of it through the whole load."""

from __future__ import annotations  # noqa: I001

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from script.fuzzing.worst import WORST

from agent.compose import LoadOptions, load
from agent.compose.resources import resources
from agent.errors import BadManifest
from script.fuzzing.check import check
from tests.compose.tree import TARGET, DictTree

ROOT = Path(__file__).parents[2]

# Every key that names a file which a load reads, with {} in place of the path.
READ = {
    "env_file": "services: {{a: {{image: x, env_file: {}}}}}",
    "env_file in long": "services: {{a: {{image: x, env_file: [{{path: {}, required: false}}]}}}}",
    "raw env_file": "services: {{a: {{image: x, env_file: [{{path: {}, format: raw}}]}}}}",
    "label_file": "services: {{a: {{image: x, label_file: {}}}}}",
    "include": "include: [{}]",
    "include.path": "include: [{{path: [ok.yaml, {}]}}]",
    "include.env_file": "include: [{{path: ok.yaml, env_file: {}}}]",
    "include.project_directory": "include: [{{path: ok.yaml, project_directory: {}}}]",
    "extends.file": "services: {{a: {{extends: {{service: ok, file: {}}}}}}}",
}
# And every one whose file is read when it is said what the host is to hold.
WANTED = {
    "seccomp": "services: {{a: {{image: x, security_opt: ['seccomp:{}']}}}}",
    "secrets.file": "services: {{a: {{image: x, secrets: [s]}}}}\nsecrets: {{s: {{file: {}}}}}",
    "configs.file": "services: {{a: {{image: x, configs: [c]}}}}\nconfigs: {{c: {{file: {}}}}}",
    "build": "services: {{a: {{build: {}}}}}",
    "build.dockerfile": "services: {{a: {{build: {{context: app, dockerfile: {}}}}}}}",
    "volumes": "services: {{a: {{image: x, volumes: ['{}:/t:ro']}}}}",
}
BESIDE = {
    "ok.yaml": "services: {ok: {image: x}}",
    "app/Dockerfile": "FROM x",
    "sub/inner": "x",
}
OUT = (
    "..",
    "../x",
    "../../../../../../proc/self/environ",
    "./a/../../x",
    "a/../../x",
    "a//../../x",
    "a/./../..//x",
    ".././x",
    "./../x",
    "sub/../../x",
    "x/../../../etc/passwd",
    "....//../../../x",
)
ABSOLUTE = (
    "/etc/passwd",
    "//etc/passwd",
    "/./etc/passwd",
    "/proc/self/environ",
    "/run/credentials/agent/token",
    "~",
    "~/x",
    "$HOME/x",
    "${HOME}/x",
    "${ROOT:-/etc}/passwd",
)
NOWHERE = (  # what means something to others is a name like any other here
    "file:///etc/passwd",
    "%2e%2e/x",
    "..%2fx",
    "%2e%2e%2fx",
    "..\\x",
    "..\uff0fx",
    "\u2025/x",
    ". ./x",
    ".. /x",
    "...",
    "~root/x",
)

pytestmark = pytest.mark.slow


def take(tree: DictTree, **options: Any) -> None:
    """The project at the root of a tree, by the load and by what is asked of the host."""
    given = {"project_name": "p", "environment": {"HOME": "/root"}}
    resources(load(tree, LoadOptions(**{**given, **options})), tree, TARGET_THAT_BUILDS)


def refused(tree: DictTree, **options: Any) -> BadManifest:
    """Why it is not taken."""
    with pytest.raises(BadManifest) as caught:
        take(tree, **options)
    for problem in caught.value.problems:
        assert "root:" not in str(problem)
    return caught.value


TARGET_THAT_BUILDS = type(TARGET)(TARGET.directory, TARGET.files, allow_build=True)


class Watched(DictTree):
    """A tree that nobody may ask for what it does not hold."""

    def read(self, path: str) -> bytes:
        assert path in self.entries()
        assert not path.startswith(("/", "..", "~"))
        return super().read(path)


@pytest.mark.parametrize("path", [*OUT, *ABSOLUTE])
@pytest.mark.parametrize("key", READ)
def test_no_spelling_of_a_path_leads_out_of_the_repository(key: str, path: str) -> None:
    tree = Watched({"compose.yaml": READ[key].format(f'"{path}"'), **BESIDE})
    if path.startswith("~") and key == "include.project_directory":
        take(tree)  # a directory like any other to it, that nothing is read from
        return
    home = path.startswith("~") and key in ("include", "include.path", "include.env_file", "extends.file")
    reason = "FileMissing" if home else "PathEscape"  # where it means nothing, it is a name like any other
    assert refused(tree).reason == reason


@pytest.mark.parametrize("path", NOWHERE)
@pytest.mark.parametrize("key", READ)
def test_what_is_a_path_to_others_is_a_name_in_the_repository(key: str, path: str) -> None:
    tree = Watched({"compose.yaml": READ[key].format(f"'{path}'"), **BESIDE})
    if key in ("env_file in long", "include.project_directory"):
        with suppress(BadManifest):  # it may be missing, or mean a directory that nothing is read from
            take(tree)
        return
    assert refused(tree).reason in ("FileMissing", "RemoteIncludeDenied", "ConfigInvalid")


@pytest.mark.parametrize("path", OUT)
@pytest.mark.parametrize("key", WANTED)
def test_nothing_out_of_the_repository_is_mounted_or_built(key: str, path: str) -> None:
    written = path if key in ("seccomp", "volumes") else f'"{path}"'
    if key == "volumes" and not path.startswith("."):
        written = f"./{path}"
    if key == "build.dockerfile":
        written = f'"../{path}"'  # which is meant from the context
    assert refused(Watched({"compose.yaml": WANTED[key].format(written), **BESIDE})).reason == "PathEscape"


@pytest.mark.parametrize("path", ["link", "./link", "sub/../link", "links/x", "links/../link"])
@pytest.mark.parametrize("key", [*READ, *WANTED])
def test_no_link_of_the_repository_is_followed(key: str, path: str) -> None:
    """Neither one that is the file, nor one that is a directory on the way to it."""
    text = {**READ, **WANTED}[key].format(path if not (key == "volumes" and path[0] != ".") else f"./{path}")
    tree = Watched({"compose.yaml": text, **BESIDE, "app/keep": ""}, links=("link", "links", "app/link", "app/links"))
    assert refused(tree).reason == "SymlinkRefused"


@pytest.mark.parametrize(
    "name", ["compose.yaml", "compose.override.yaml", ".env", "docker-compose.yml"], ids=lambda name: f"{name} a link"
)
def test_what_is_found_by_itself_is_no_link_either(name: str) -> None:
    files = {"compose.yaml": "services: {a: {image: x}}"} if name not in ("compose.yaml", "docker-compose.yml") else {}
    assert refused(Watched(files, links=(name,))).reason == "SymlinkRefused"


@pytest.mark.parametrize(
    "named",
    [
        "https://example.com/compose.yaml",
        "https://example.com/r.git#main:../../x",
        "http://169.254.169.254/latest/meta-data",
        "git@example.com:org/repo.git",
        "github.com/org/repo",
        "ssh://git@example.com/repo",
        "oci://registry.example/app:1",
        "OCI://registry.example/app:1",
        "docker.io://x",
        "ftp://example.com/x",
    ],
)
@pytest.mark.parametrize("key", ["include", "include.path", "extends.file"])
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, key: str, named: str) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a socket is opened")

    monkeypatch.setattr(socket, "socket", refuse)
    tree = Watched({"compose.yaml": READ[key].format(f'"{named}"'), **BESIDE})
    assert refused(tree).reason == "RemoteIncludeDenied"


# --- the environment of the process -----------------------------------------------------------------------------

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


# --- bombs ------------------------------------------------------------------------------------------------------

REASONS = {
    "a file of 100 MB": "refused: FileTooLarge",
    "levels in flow": "refused: YamlTooDeep",
    "levels in block": "refused: YamlTooDeep",
    "levels of keys": "refused: YamlTooDeep",
    "an alias bomb": "refused: YamlTooLarge",
    "a bomb of merge keys": "refused: YamlTooLarge",
    "a large text, repeated": "refused: YamlTooLarge",
}
# What takes more than some seconds at its full size; script/fuzz --worst measures these as well.
LONG = ("values", "keys", "anchors", "documents", "lines of variables", "binds", "one service of many networks")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in WORST]
)
def test_the_worst_of_each_kind_is_borne(name: str) -> None:
    """Within the bounds of time and memory that `check` holds everything to."""
    outcome = check(WORST[name]())
    assert outcome.what == REASONS.get(name, outcome.what)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [*a]", 'compose.yaml:1:8: the alias "a" contains itself'),
        ("a: &a {b: *a}", 'compose.yaml:1:11: the alias "a" contains itself'),
        ("a: &a {<<: *a}", 'compose.yaml:1:12: the alias "a" contains itself'),
        ("services: {a: {image: x, image: y}}",
         'compose.yaml:1:26: services.a: key "image" is already defined at line 1'),
        ("services: {a: {image: !!python/object/apply:os.system [id]}}", "compose.yaml:1:23: services.a.image: "
         'the tag "tag:yaml.org,2002:python/object/apply:os.system" is not allowed'),
        ("services: {a: {image: !!python/name:os.system x}}",
         "compose.yaml:1:23: services.a.image: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed"),
        ('services: {a: {image: "x\\0"}}', "compose.yaml:1:23: services.a.image: a NUL character is not allowed"),
        ('services: {a: {image: x, environment: {"K\\0": v}}}',
         "compose.yaml:1:40: services.a.environment[\"?\"]: a NUL character is not allowed"),
        ('services: {a: {image: !!binary "eAA="}}',
         "compose.yaml:1:23: services.a.image: a NUL character is not allowed"),
        ("services: {null: {image: x}}", "compose.yaml:1:12: services: a key must be a string, put it in quotes"),
        ("services: {a: {image: x, scale: " + "9" * 5000 + "}}",
         'compose.yaml:1:33: services.a.scale: "' + "9" * 80 + '…" is not a whole number'),
        ("services: {a: {image: x, cpu_shares: " + "9" * 500 + "}}",
         'compose.yaml:1:38: services.a.cpu_shares: "' + "9" * 80 + '…" is not a whole number'),
        ("services: {a: {image: x, stop_grace_period: " + "9" * 5000 + "s}}",
         'compose.yaml:1:45: services.a.stop_grace_period: "' + "9" * 80 + '…" is no duration such as 10s or 1m30s'),
    ],
)  # fmt: skip
def test_what_yaml_can_hide_is_told(text: str, problem: str) -> None:
    with pytest.raises(BadManifest) as caught:
        load(DictTree({"compose.yaml": text}), LoadOptions(project_name="p"))
    assert problem in [str(one) for one in caught.value.problems]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("[" * 100_000, "the seccomp profile"),
        ("9" * 5000, "the seccomp profile"),
        ('{"a": ' * 100_000, "the seccomp profile"),
    ],
    ids=["nested lists", "a number of 5000 digits", "nested objects"],
)
def test_a_profile_that_is_a_bomb_is_no_profile(profile: str, expected: str) -> None:
    tree = DictTree({"compose.yaml": WANTED["seccomp"].format("p.json"), "p.json": profile})
    assert expected in str(refused(tree))


@pytest.mark.parametrize("where", ["compose.yaml", ".env", "a.env", "inc.yaml"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfea\x00", "not UTF-8"),
        ("services: {a: {image: x}}".encode("utf-16"), "not UTF-8"),
        ("services: {a: {image: x}}".encode("utf-32"), "not UTF-8"),
        (b"A: x\xc3\x28", "not UTF-8"),
        (b"A: \xed\xa0\x80", "not UTF-8"),
        (b"A: \xc0\xaf", "not UTF-8"),
        (b"A: x\0y", "a NUL character"),
    ],
    ids=["UTF-16 mark", "UTF-16", "UTF-32", "a broken sequence", "a surrogate", "an overlong one", "NUL"],
)
def test_only_utf8_is_read(where: str, content: bytes, said: str) -> None:
    text = "include: [inc.yaml]\nservices: {b: {image: x, env_file: a.env}}"
    tree = DictTree({"compose.yaml": text, "a.env": "", "inc.yaml": "services: {c: {image: x}}", where: content})
    assert said in str(refused(tree))


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\x1b", "\x85", "\u2028", "\x7f", "\ufeff"])
def test_no_message_turns_the_text_around(char: str) -> None:
    text = f'services: {{a: {{image: x, depends_on: ["b{char}"], networks: ["n{char}"], "k{char}": 1, user: [x]}}}}'
    said = str(refused(DictTree({"compose.yaml": _escaped(text)})))
    assert char not in said


def _escaped(text: str) -> str:
    return "".join(char if " " <= char <= "~" else f"\\u{ord(char):04x}" for char in text)


@pytest.mark.parametrize(
    "make",
    [
        lambda value: f"services: {{a: {{image: '{value}!'}}}}",
        lambda value: f"services: {{a: {{image: x, environment: ['DB_PASSWORD={value}', 5]}}}}",
        lambda value: "services: {a: {image: x, env_file: $DB_PASSWORD}}",
        lambda value: "services: {a: {image: x, env_file: './${DB_PASSWORD}/x'}}",
        lambda value: "services: {a: {image: x, depends_on: [$DB_PASSWORD]}}",
        lambda value: "services: {a: {image: x, networks: [$DB_PASSWORD]}}",
        lambda value: "services: {a: {image: x, volumes: ['${DB_PASSWORD}:/x']}}",
        lambda value: "services: {a: {image: x, volumes: ['./x:${DB_PASSWORD}']}}",
        lambda value: "services: {a: {image: x, scale: $DB_PASSWORD, ports: [$DB_PASSWORD], mem_limit: $DB_PASSWORD}}",
        lambda value: "services: {a: {image: x, extends: {file: $DB_PASSWORD, service: $DB_PASSWORD}}}",
        lambda value: "services: {a: &a {image: x, container_name: $DB_PASSWORD}, b: *a}",
        lambda value: "include: [$DB_PASSWORD]",
        lambda value: "services: {a: {image: $COPY}}",
    ],
)  # fmt: skip
def test_no_message_shows_the_value_of_a_secret(make: Callable[[str], str]) -> None:
    secret = "Hunter2 Hunter2"
    tree = DictTree({"compose.yaml": make("${DB_PASSWORD"), ".env": "COPY=${DB_PASSWORD}/x\n"})
    said = str(refused(tree, environment={"DB_PASSWORD": secret}))
    assert "Hunter2" not in said
