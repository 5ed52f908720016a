"""What a stranger may hide in a text: bombs, what is no UTF-8, what turns a message around or has it show a secret."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.compose import LoadOptions, load
from agent.errors import BadManifest
from script.fuzzing.check import check
from script.fuzzing.worst import WORST
from tests.compose.tree import DictTree, refused

pytestmark = pytest.mark.slow

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
    tree = DictTree({"compose.yaml": "services: {a: {image: x, security_opt: ['seccomp:p.json']}}", "p.json": profile})
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
