"""Makes other inputs of those that there are: in the tree of a YAML file, in its bytes, in the options of a load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

import yaml

from agent.compose.schema import SERVICE_FIELDS
from agent.compose.shapes import Field
from script.fuzzing import words
from script.fuzzing.cases import Case, written
from script.fuzzing.grammar import Grammar

_LARGEST: Final = 64 * 1024  # bytes of a file that is changed in its tree
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAGS: Final = (
    "!reset",
    "!override",
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:binary",
    "!x",
)
_TEXT: Final = "tag:yaml.org,2002:str"
_MOST_LEVELS: Final = 200  # the emitter and the composer of PyYAML both go down by calls


class Mutator:
    """`others` is where parts of other inputs are taken from."""

    def __init__(self, random: Random, others: Sequence[Case]) -> None:
        self.random = random
        self.others = others
        self.grammar = Grammar(random, 0.05)

    def mutated(self, case: Case) -> Case:
        """Another case: one to four changes, mostly in one file."""
        if self.random.random() < 0.1:
            case = self._other_options(case)
        path = self._pick(case)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 4))):
            case = case.with_file(path, self._changed(case.files[path], path))
        return case

    def _pick(self, case: Case) -> str:
        paths = sorted(case.files)
        yamls = [path for path in paths if path.endswith((".yaml", ".yml"))]
        return self.random.choice(yamls if yamls and self.random.random() < 0.85 else paths)

    def _changed(self, content: bytes, path: str) -> bytes:
        if path.endswith((".yaml", ".yml")) and self.random.random() < 0.7:
            changed = self._changed_tree(content)
            if changed is not None:
                return changed
        return self._changed_bytes(content)

    # --- bytes ---

    def _changed_bytes(self, content: bytes) -> bytes:
        at = self.random.randint(0, len(content))
        to = min(len(content), at + self.random.choice((1, 2, 8, 64)))
        match self.random.randrange(6):
            case 0:
                return content[:at] + content[to:]
            case 1:
                return content[:at] + content[at:to] * self.random.choice((2, 3, 50)) + content[to:]
            case 2:
                return content[:at] + bytes([self.random.randrange(256)]) + content[at + 1 :]
            case 3:
                other = self._other_content()
                start = self.random.randint(0, len(other))
                return content[:at] + other[start : start + self.random.choice((4, 40, 400))] + content[to:]
            case 4:
                return content[:at] + self.random.choice(words.TEXTS).encode(errors="replace") + content[to:]
            case _:
                return content[:at] + self.random.choice(words.SNIPPETS) + content[at:]

    def _other_content(self) -> bytes:
        other = self.random.choice(self.others)
        return other.files[self._pick(other)]

    # --- the tree ---

    def _changed_tree(self, content: bytes) -> bytes | None:
        """None where the file is no YAML by now, or too much of it."""
        roots = _composed(content)
        if not roots:
            return None
        nodes = [node for root in roots for node in _below(root)]
        holders = [node for node in nodes if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and node.value]
        if not holders:
            return None
        holder = self.random.choice(holders)
        if isinstance(holder, yaml.MappingNode):
            self._change_mapping(holder, nodes)
        else:
            self._change_list(holder, nodes)
        try:
            text: str = yaml.serialize_all(roots, Dumper=_DUMPER, allow_unicode=True)
        except (yaml.YAMLError, RecursionError, ValueError):
            return None
        return text.encode(errors="replace")

    def _change_mapping(self, holder: yaml.MappingNode, nodes: Sequence[yaml.Node]) -> None:
        index = self.random.randrange(len(holder.value))
        key, value = holder.value[index]
        match self.random.randrange(10):
            case 0:
                del holder.value[index]
            case 1:
                holder.value.insert(index, (key, self._new(key, nodes)))
            case 2 | 3 | 4:
                holder.value[index] = (key, self._new(key, nodes))
            case 5:
                named = self.random.choice((*SERVICE_FIELDS, *words.KEYS, "<<", "file", "services"))
                holder.value[index] = (yaml.ScalarNode(_TEXT, named), value)
            case 6:
                other = self.random.randrange(len(holder.value))
                holder.value[index], holder.value[other] = (
                    (key, holder.value[other][1]),
                    (holder.value[other][0], value),
                )
            case 7:
                self._tag(value)
            case 8:
                name = self.random.choice(list(SERVICE_FIELDS))
                holder.value.append((yaml.ScalarNode(_TEXT, name), self._made(name)))
            case _:
                holder.value[index] = (key, self._wrapped(value))

    def _change_list(self, holder: yaml.SequenceNode, nodes: Sequence[yaml.Node]) -> None:
        index = self.random.randrange(len(holder.value))
        match self.random.randrange(5):
            case 0:
                del holder.value[index]
            case 1:
                holder.value.insert(index, holder.value[index])
            case 2 | 3:
                holder.value[index] = self._new(None, nodes)
            case _:
                self._tag(holder.value[index])

    def _new(self, key: yaml.Node | None, nodes: Sequence[yaml.Node]) -> yaml.Node:
        """A value from this file (then it is an alias), of another one, of the grammar, or a plain scalar."""
        kind = self.random.randrange(5)
        if kind == 0:
            return self.random.choice(nodes)
        if kind == 1 and (roots := _composed(self._other_content())):
            return self.random.choice(_below(roots[0]))
        if kind == 2 and isinstance(key, yaml.ScalarNode) and key.value in SERVICE_FIELDS:
            return self._made(key.value)
        text = self.random.choice(words.TEXTS if kind == 3 else words.SCALARS)
        return yaml.ScalarNode(_TEXT, text, style=None if kind == 4 else '"')

    def _made(self, name: str) -> yaml.Node:
        field = SERVICE_FIELDS[name]
        value = self.grammar.value(field.shape, name) if isinstance(field, Field) else self.grammar.anything()
        roots = _composed(written({"k": value}, self.random))
        return roots[0].value[0][1] if roots and roots[0].value else yaml.ScalarNode(_TEXT, "x")

    def _tag(self, node: yaml.Node) -> None:
        node.tag = self.random.choice(_TAGS)

    def _wrapped(self, value: yaml.Node) -> yaml.Node:
        if self.random.random() < 0.5:
            return yaml.SequenceNode("tag:yaml.org,2002:seq", [value])
        return yaml.MappingNode(
            "tag:yaml.org,2002:map", [(yaml.ScalarNode(_TEXT, self.random.choice(words.KEYS)), value)]
        )

    # --- options ---

    def _other_options(self, case: Case) -> Case:
        options = dict(case.options)
        match self.random.randrange(8):
            case 7:
                options["newest"] = not options.get("newest", True)
            case 0:
                options["profiles"] = self.random.choice(([], ["*"], ["p", "q"]))
            case 1:
                options["files"] = [self.random.choice(sorted(case.files)) for _ in range(self.random.randint(1, 3))]
            case 2:
                options["project_name"] = self.random.choice(("", "ok", "Not Ok", "\u202ex", "a" * 300))
            case 3:
                options["environment"] = {**options.get("environment", {}), **self._variables()}
            case 4:
                options["env_files"] = [self.random.choice((*sorted(case.files), "no.env", "../x", "/etc/passwd"))]
            case 5:
                options["project_directory"] = self.random.choice(("", "sub", "../up", "a/b"))
            case _:
                options["root"] = self.random.choice(("", "/srv/base", "/"))
        return replace(case, options=options)

    def _variables(self) -> dict[str, str]:
        names = ("A", "COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES", "COMPOSE_PROJECT_NAME", "HOME", "UNSET")
        return {self.random.choice(names): self.random.choice(words.TEXTS)}


def _composed(content: bytes) -> list[Any] | None:
    """The documents as nodes, with their tags and anchors."""
    levels = max(content.count(b"["), content.count(b"{"), content.count(b"- "), content.count(b"? "))
    if len(content) > _LARGEST or levels > 2000:
        return None  # libyaml's composer goes down by calls as well, and would end the process
    try:
        roots = list(yaml.compose_all(content, Loader=_LOADER))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return None
    return [root for root in roots if root is not None and _height(root) < _MOST_LEVELS]


def _height(root: yaml.Node) -> int:
    """How deep it is; at least `_MOST_LEVELS` for what contains itself."""
    level, height = [root], 0
    while level and height < _MOST_LEVELS:
        following = {id(child): child for node in level for child in _children(node)}
        level, height = list(following.values()), height + 1
    return height


def _below(root: yaml.Node) -> list[yaml.Node]:
    """The node and all below it, each once."""
    found: dict[int, yaml.Node] = {id(root): root}
    pending = [root]
    while pending:
        for child in _children(pending.pop()):
            if id(child) not in found:
                found[id(child)] = child
                pending.append(child)
    return list(found.values())


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
