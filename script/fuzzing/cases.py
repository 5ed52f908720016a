"""One input of the loader, a tree of files and the options of the load: where it comes from, and how it is kept."""

from __future__ import annotations

import argparse
import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from agent.cli.frame import json_text
from agent.cli.yaml_text import yaml_text
from agent.compose import LoadOptions
from agent.tree import Entry, EntryKind
from script.fuzzing import words
from script.fuzzing.grammar import Grammar, Plain

BASE: Final = "/srv/base"  # where the project would lie on a host
_LARGEST: Final = 256 * 1024  # bytes of a file of the corpus: larger ones are no better, only slower


@dataclass(frozen=True)
class Case:
    """`files` by path; `links` are symbolic links. `options` are those of `LoadOptions`, as JSON has them."""

    files: Mapping[str, bytes]
    options: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[str, ...] = ()

    @property
    def load_options(self) -> LoadOptions:
        options: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in self.options.items()
        }
        return LoadOptions(**options)

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    def with_file(self, path: str, content: bytes) -> Case:
        return replace(self, files={**self.files, path: content})

    def dump(self) -> str:
        """As text that `parse_case` reads again."""
        shown = {path: _shown(content) for path, content in sorted(self.files.items())}
        return json.dumps({"options": dict(self.options), "links": self.links, "files": shown}, indent=1)


def parse_case(text: str) -> Case:
    held = json.loads(text)
    files = {
        path: one.encode() if isinstance(one, str) else base64.b64decode(one["base64"])
        for path, one in held["files"].items()
    }
    return Case(files, held["options"], tuple(held["links"]))


def _shown(content: bytes) -> str | dict[str, str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


class MemoryTree:
    """The files of a case as a `model.Tree`."""

    def __init__(self, case: Case) -> None:
        self._files = case.files
        self._entries = {path: Entry(EntryKind.FILE, len(content)) for path, content in case.files.items()}
        self._entries |= {path: Entry(EntryKind.SYMLINK, 9) for path in case.links}

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def beneath(self, directory: str) -> list[str]:
        return [path for path in self._entries if not directory or path.startswith(f"{directory}/")]

    def read(self, path: str) -> bytes:
        return self._files[path]


# --- made up ----------------------------------------------------------------------------------------------------

_VARIABLES: Final = {
    "A": "va", "B": "vb", "HOME": "/home/u", "EMPTY": "", words.SECRET_NAME: words.CANARY,
    "API_TOKEN": f"{words.CANARY}${{", "PRIVATE_KEY": f"[{words.CANARY}\n",
}  # fmt: skip


def variables(random: Random) -> dict[str, str]:
    """What interpolation sees: always the secrets, and some of the others."""
    secret = {name for name, value in _VARIABLES.items() if words.CANARY in value}
    return {name: value for name, value in _VARIABLES.items() if name in secret or random.random() < 0.8}


def made_up(random: Random, *, wild: float = 0.02) -> Case:
    """A project of the grammar: one file or several, with environment files, an include, an override."""
    grammar = Grammar(random, wild)
    document, files = grammar.document(), {"a.env": b"A=1\nNAME=n\n", "labels.env": b"L=1\nM=$L\n"}
    files["b.env"] = _env_file(random, wild)
    options: dict[str, Any] = {"project_name": "p", "environment": variables(random)}
    if random.random() < 0.2:
        files |= {"sub/a.env": b"A=sub\n", "sub/b.env": b"", "sub/labels.env": b"S=1\n"}
        files["sub/inc.yaml"] = written(
            {"services": {"inc2": {"image": "x"}, "inc": grammar.service(("inc2",))}}, random
        )
        document["include"] = ["sub/inc.yaml"]
    if random.random() < 0.2:
        files |= {"sub/a.env": b"A=sub\n", "sub/b.env": b"", "sub/labels.env": b"S=1\n"}
        files["sub/base.yaml"] = written({"services": {"base": grammar.service()}}, random)
        document["services"]["ext"] = {"extends": {"file": "sub/base.yaml", "service": "base"}}
    files["compose.yaml"] = written(document, random)
    if random.random() < 0.25:
        other = written({"services": {name: grammar.service() for name in ("a", "b")}}, random)
        if random.random() < 0.5:
            files["compose.override.yaml"] = other
        else:
            files["compose.yaml"] += b"\n---\n" + other
    if random.random() < 0.3:
        files[".env"] = _env_file(random, wild)
    if random.random() < 0.4:
        options["profiles"] = ["*"]
    return Case(files, options, ("link.env",))


def _env_file(random: Random, wild: float) -> bytes:
    return random.choice(words.BAD_ENV_FILES if random.random() < wild * 3 else words.ENV_FILES)


def written(document: Any, random: Random) -> bytes:
    """The document as YAML, in one of the ways in which it can be written."""
    if not _has_plain(document):
        return (yaml_text(document) if random.random() < 0.8 else json_text(document)).encode(errors="replace")
    return _with_plain(document).encode(errors="replace")


def _has_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_plain, value.values()))
    return any(map(_has_plain, value)) if isinstance(value, list) else isinstance(value, Plain)


def _with_plain(value: Any) -> str:
    """In flow style, where a plain scalar can stand as it is."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(key)}: {_with_plain(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_with_plain, value)) + "]"
    return str(value) if isinstance(value, Plain) else _json(value)


def _json(value: Any) -> str:
    """On one line. Numbers that are none are YAML's to name."""
    return json_text(value).replace("Infinity", ".inf").replace("NaN", ".nan")


# --- read from a folder -----------------------------------------------------------------------------------------


def corpus(folder: Path) -> Iterator[Case]:
    """Every case below a folder: folders with a `meta.json` and the files in `in`, or else single YAML files."""
    for meta in sorted(folder.rglob("meta.json")):
        if (case := _described(meta.parent, json.loads(meta.read_text()))) is not None:
            yield case
    for file in sorted(folder.rglob("*.y*ml")):
        if file.is_file() and not any((above / "meta.json").exists() for above in file.parents):
            yield Case({"compose.yaml": file.read_bytes()[:_LARGEST]}, {"project_name": "p"})


def _described(folder: Path, meta: Mapping[str, Any]) -> Case | None:
    root = folder / "in"
    files, links = {}, []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            links.append(name)
        elif path.is_file() and path.stat().st_size <= _LARGEST:
            files[name] = path.read_bytes()
    parser = argparse.ArgumentParser()
    for option, name in (("-f", "files"), ("--profile", "profiles"), ("--env-file", "env_files")):
        parser.add_argument(option, dest=name, action="append", default=[])
    parser.add_argument("-p", dest="project_name", default="")
    arguments = [one.replace("@ROOT@/", "/") for one in meta["argv"]]
    told = vars(parser.parse_args(arguments))
    directory = os.path.relpath(folder / meta["project_dir"], root).removeprefix(".")
    for name in ("files", "env_files"):
        told[name] = [os.path.normpath(os.path.join(directory, one)).removeprefix("/") for one in told[name]]  # noqa: PTH118
    environment = {
        key: value.replace("@ROOT@", BASE).replace("@HOME@", "/home/u") for key, value in meta["env"].items()
    }
    told |= {"directory": directory, "environment": environment, "default_name": "p"}
    return Case(files, {key: value for key, value in told.items() if value}, tuple(links)) if files else None
