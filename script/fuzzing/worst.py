"""The dearest inputs that are known: one for each bound, made as large as the bound lets them be.

They are for the tests, which see that each ends as it should, and for `script/fuzz --worst`, which measures them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from agent.compose.documents import MAX_BYTES
from script.fuzzing.cases import Case

_HEAD: Final = "services:\n  a:\n    image: x\n"


def _one(text: str, **files: bytes) -> Case:
    """One file, and others beside it."""
    named = {name.replace("_", "."): content for name, content in files.items()}
    return Case({"compose.yaml": text.encode(), **named}, {"project_name": "p"})


def _filled(line: str, head: str = "", share: float = 1.0) -> str:
    """The line, with its number filled in, until the file is as large as it may be."""
    size = int(MAX_BYTES * share) - len(head.encode())
    count = size // len(line.format(n=10**6).encode())
    return head + "".join(line.format(n=number) for number in range(count))


def _bomb(step: str, first: str, levels: int) -> str:
    lines = [f"x-0: &x0 {first}"]
    lines += [f"x-{n}: &x{n} {step.format(', '.join([f'*x{n - 1}'] * 10))}" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def _services(count: int, line: str) -> str:
    return "services:\n" + "".join(line.format(n=number, m=number + 1) for number in range(count))


_MATCHED: Final = (
    "container_name", "cpus", "mem_limit", "stop_grace_period", "command", "restart", "pull_policy", "network_mode",
    "platform", "user", "hostname", "memswap_limit", "pull_refresh_after",
)  # fmt: skip

WORST: Final[Mapping[str, Callable[[], Case]]] = {
    # the size and the shape of a file
    "a file of 100 MB": lambda: _one("a: " + "x" * 100_000_000),
    "values": lambda: _one(_filled("  - {n}\n", "x-a:\n")),
    "keys": lambda: _one(_filled("  k{n}:\n", "x-a:\n", 0.7)),
    "empty lines": lambda: _one(_HEAD + "\n" * (MAX_BYTES - 100)),
    "comments": lambda: _one(_HEAD + "#x\n" * (MAX_BYTES // 3 - 100)),
    "one text": lambda: _one(f"{_HEAD}    hostname: '{'x' * (MAX_BYTES - 200)}'\n"),
    "escapes": lambda: _one(f'{_HEAD}    hostname: "' + "\\x41" * (MAX_BYTES // 4 - 100) + '"\n'),
    "documents": lambda: _one(_filled("---\nservices: {{s{n}: {{image: x}}}}\n")),
    "documents over many services": lambda: _one(
        _services(80_000, "  s{n}: {{image: x}}\n") + "".join(f"---\nservices: {{s{n}: {{user: u}}}}\n" for n in range(99))  # noqa: E501
    ),
    "empty documents": lambda: _one("---\n" * (MAX_BYTES // 4)),
    "anchors": lambda: _one(_filled("  - &a{n} x\n", "x-a:\n")),
    "aliases": lambda: _one(_filled("  - *a\n", "x-a: &a [1]\nx-b:\n", 0.35)),
    "levels in flow": lambda: _one("x-a: " + "[" * (MAX_BYTES - 10)),
    "levels in block": lambda: _one("x-a:\n" + "- " * (MAX_BYTES // 2 - 10)),
    "levels of keys": lambda: _one("? " * (MAX_BYTES // 2 - 10)),
    "an alias bomb": lambda: _one(_bomb("[{}]", "[1, 2, 3]", 10)),
    "a bomb of merge keys": lambda: _one(_bomb("{{<<: [{}]}}", "{a: 1, b: 2}", 8)),
    "a large text, repeated": lambda: _one(f"x-a: &a {'x' * (MAX_BYTES // 2)}\nx-b: [" + "*a, " * 500_000 + "]"),
    "the same key": lambda: _one(_filled("a: 1\n")),
    # variables
    "variables": lambda: _one(f"{_HEAD}    hostname: '{'$A' * (MAX_BYTES // 2 - 200)}'\n"),
    "variables with defaults": lambda: _one(f"{_HEAD}    hostname: '" + "${A:-x}" * (MAX_BYTES // 7 - 200) + "'\n"),
    "nested variables": lambda: _one(f"{_HEAD}    hostname: '" + "${A:-" * 30 + "x" * 4_000_000 + "}" * 30 + "'\n"),
    "open braces": lambda: _one(f"{_HEAD}    hostname: '" + "${A:-" * (MAX_BYTES // 5 - 200) + "}'\n"),
    "values that double": lambda: _one(f"{_HEAD}    hostname: $V30\n", _env=_doubling(30)),
    "values that are filled in": lambda: _one(_filled("    - $A\n", f"{_HEAD}    dns_search:\n"), _env=b"A=" + b"x" * 4_000_000),  # noqa: E501
    "lines of variables": lambda: _one(_HEAD, _env=_filled("A{n}=$A\n").encode()),
    "a quoted value": lambda: _one(_HEAD, _env=b'A="' + b"x" * (MAX_BYTES - 10) + b'"'),
    "an open quote": lambda: _one(_HEAD, _env=b"A=x\n" * 100_000 + b'A="' + b"\\x" * 1_000_000),
    "a name without an end": lambda: _one(_HEAD, _env=b"a" * (MAX_BYTES - 10)),
    # short notations that stand for more
    "ranges of ports": lambda: _one(f"{_HEAD}    ports:\n" + "    - 1-60000\n" * 1000),
    "ports of many addresses": lambda: _one(_filled("    - '[::{n:x}]:80:80'\n", f"{_HEAD}    ports:\n", 0.3)),
    "containers": lambda: _one(_services(20_000, "  s{n}: {{image: x, scale: 1000}}\n")),
    "one service of many networks": lambda: _one(
        _filled("    n{n}:\n", "networks:\n" + _filled("  n{n}:\n", "", 0.4) + f"{_HEAD}    networks:\n", 0.8)
    ),
    "a command": lambda: _one(f"{_HEAD}    command: '{'a ' * (MAX_BYTES // 2 - 200)}'\n"),
    # services
    "a chain of services": lambda: _one(_services(40_000, "  s{n}: {{image: x, depends_on: [s{m}]}}\n")),
    "a chain of extends": lambda: _one(_services(40_000, "  s{n}: {{image: x, extends: s{m}}}\n")),
    "links to all": lambda: _one(_services(600, "  s{n}: {{image: x, links: [" + ", ".join(f"s{i}" for i in range(600)) + "]}}\n")),  # noqa: E501
    "unknown names": lambda: _one(_services(20_000, "  service-{n}: {{image: x, depends_on: [servce-{m}]}}\n")),
    "unknown keys": lambda: _one(_services(20_000, "  s{n}: {{image: x, key-{m}-that-nobody-knows: 1}}\n")),
    "binds": lambda: _one(_filled("    - ./d{n}:/d{n}\n", f"{_HEAD}    volumes:\n", 0.25)),
    "binds of everything": lambda: Case(
        {"compose.yaml": _services(5000, "  s{n}: {{image: x, volumes: ['.:/d:ro']}}\n").encode()}
        | {f"f{n}": b"x" * 1000 for n in range(1000)},
        {"project_name": "p"},
    ),
    "builds of everything": lambda: Case(
        {"compose.yaml": _services(2000, "  s{n}: {{build: .}}\n").encode(), "Dockerfile": b"FROM x"}
        | {f"f{n}": b"x" * 1000 for n in range(1000)},
        {"project_name": "p"},
    ),
    # files that name others
    "includes of includes": lambda: Case(
        {"compose.yaml": b"include: [i0.yaml]\n"}
        | {f"i{n}.yaml": f"include: [i{n + 1}.yaml, ./i{n + 1}.yaml]\n".encode() for n in range(40)},
        {"project_name": "p"},
    ),
    "includes in a circle": lambda: Case(
        {"compose.yaml": b"include: [a.yaml]\n", "a.yaml": b"include: [compose.yaml]\n"}, {"project_name": "p"}
    ),
    "environment files": lambda: _one(
        _services(4000, "  s{n}: {{image: x, env_file: [a.env, ./a.env]}}\n"), a_env=_filled("A{n}=x\n", "", 0.25).encode()  # noqa: E501
    ),
    # one character, 64 kB of it, where a pattern is matched
    **{
        f"64 kB of {char!r}": lambda char=char: _one(  # type: ignore[misc]
            _HEAD + "".join(f'    {key}: "{char * 65536}"\n' for key in _MATCHED) + f'    tmpfs: ["{char * 65536}"]\n'
            f'    ports: ["{char * 65536}"]\n    volumes: ["{char * 65536}"]\n    extra_hosts: ["{char * 65536}"]\n'
            f'    devices: ["{char * 65536}"]\n    env_file: "{char * 65536}"\n    environment: ["{char * 65536}"]\n'
            f'    healthcheck: {{interval: "{char * 65536}"}}\n    security_opt: ["{char * 65536}"]\n'
        )
        for char in "a-/.:_9@ ${"
    },
}  # fmt: skip


def _doubling(times: int) -> bytes:
    lines = ["V0=" + "x" * 100, *(f"V{n}=$V{n - 1}$V{n - 1}" for n in range(1, times + 1))]
    return "\n".join(lines).encode()
