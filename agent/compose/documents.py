"""Text to positioned data: one pass over the events of the YAML parser, with every bound kept before memory is spent.

PyYAML's composer and constructors are not used: libyaml's composer overruns the C stack on deep nesting, aliases would
expand without a bound, and YAML 1.1 scalars are not what Compose reads. Only the event stream is, which is flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from agent.compose.findings import Findings, path_to, printable
from agent.compose.nodes import BROKEN, Broken, Map, Seq
from agent.compose.scalars import plain, tagged
from agent.model import Place

MAX_BYTES: Final = 1024 * 1024  # a file; also the longest text that interpolation may make
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000  # with aliases counted as often as they are used

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the pure one where PyYAML came without libyaml
_MERGE: Final = "<<"


class Malformed(Exception):  # noqa: N818 - read as a word: the text is malformed
    """The text is no YAML, or more of it than is allowed: nothing of the file can be used."""

    def __init__(self, place: Place, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.reason = reason


def documents(file: str, content: bytes, findings: Findings) -> list[Map]:
    """Every document of a file. What cannot be read at all is reported and gives no document."""
    try:
        found = _read(file, content, findings)
    except Malformed as error:
        findings.problem(error.place, error.message, reason=error.reason)
        return []
    if not found:
        findings.problem(Place(file), "the file is empty")
    return [_as_mapping(node, place, findings) for node, place in found]


def decoded(file: str, content: bytes) -> str:
    """The text of a file. Raises `Malformed` for what is too large, no UTF-8, or holds a NUL."""
    if len(content) > MAX_BYTES:
        raise Malformed(Place(file), f"the file has more than {MAX_BYTES} bytes", "FileTooLarge")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(file, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise Malformed(place, "the file is not UTF-8 text") from error
    if "\0" in text:
        at = text.index("\0")
        raise Malformed(Place(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)), "a NUL character")
    return text.removeprefix("\ufeff")


def _as_mapping(node: Any, place: Place, findings: Findings) -> Map:
    if isinstance(node, Map):
        return node
    if not isinstance(node, Broken):
        findings.problem(place, "the top level must be a mapping" if node is not None else "the document is empty")
    return Map(place)


def _read(file: str, content: bytes, findings: Findings) -> list[tuple[Any, Place]]:
    text = decoded(file, content)
    try:
        return list(_Composer(file, yaml.parse(text, Loader=_LOADER), findings).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise Malformed(place, f"not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Malformed(Place(file), f"not valid YAML: {printable(str(error), 200)}") from error


@dataclass
class _Anchored:
    """What an anchor stands for; `None` weight while it is still being read, when an alias to it would be a cycle."""

    value: Any = None
    weight: int | None = None
    height: int = 0


@dataclass
class _Composer:
    file: str
    events: Iterator[Any]
    findings: Findings
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    nodes: int = 0

    def documents(self) -> Iterator[tuple[Any, Place]]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors.clear()
                first = next(self.events)
                yield self._node(first, 1, "")[0], self._place(first)

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _node(self, event: Any, depth: int, path: str) -> tuple[Any, int]:
        """The value that starts at `event`, and how many levels it has."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if depth > MAX_DEPTH:
            raise Malformed(self._place(event), f"nested deeper than {MAX_DEPTH} levels", "YamlTooDeep")
        anchored = _Anchored()
        if event.anchor:
            self.anchors[event.anchor] = anchored
        before = self.nodes
        match event:
            case yaml.ScalarEvent():
                self._count(event, 1 + len(event.value) // 1024)
                value, height = self._scalar(event, path), 0
            case yaml.SequenceStartEvent():
                self._count(event, 1)
                value, height = self._sequence(event, depth, path)
            case _:
                self._count(event, 1)
                value, height = self._mapping(event, depth, path)
        anchored.value, anchored.weight, anchored.height = value, self.nodes - before, height
        return value, height

    def _count(self, event: Any, weight: int) -> None:
        self.nodes += weight
        if self.nodes > MAX_NODES:
            raise Malformed(self._place(event), f"more than {MAX_NODES} values, aliases expanded", "YamlTooLarge")

    def _alias(self, event: Any, depth: int) -> tuple[Any, int]:
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            raise Malformed(self._place(event), f"unknown anchor {printable(event.anchor)!r}")
        if anchored.weight is None:
            raise Malformed(self._place(event), f"the alias {printable(event.anchor)!r} contains itself")
        if depth + anchored.height > MAX_DEPTH:
            raise Malformed(self._place(event), f"nested deeper than {MAX_DEPTH} levels", "YamlTooDeep")
        self._count(event, anchored.weight)
        return anchored.value, anchored.height

    def _scalar(self, event: Any, path: str) -> Any:
        if "\0" in event.value:
            self.findings.problem(self._place(event), "a NUL character is not allowed", path)
            return BROKEN
        if event.tag in ("!reset", "!override"):
            return self._later_tag(event, path)
        if event.tag is None or event.tag == "!":
            return plain(event.value) if event.implicit[0] else event.value
        try:
            return tagged(event.tag, event.value)
        except ValueError as error:
            self.findings.problem(self._place(event), str(error), path)
            return BROKEN

    def _sequence(self, event: Any, depth: int, path: str) -> tuple[Any, int]:
        result = Seq(self._place(event))
        height = 0
        while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
            value, below = self._node(item, depth + 1, f"{path}[{len(result)}]")
            result.add(value, self._place(item))
            height = max(height, below + 1)
        return self._checked_tag(event, result, path), height

    def _mapping(self, event: Any, depth: int, path: str) -> tuple[Any, int]:
        result = Map(self._place(event))
        merged: list[Map] = []
        seen: dict[str, Place] = {}
        height = 0
        while not isinstance(key_event := next(self.events), yaml.MappingEndEvent):
            key, _ = self._node(key_event, depth + 1, path)
            value_event = next(self.events)
            value, below = self._node(value_event, depth + 1, path_to(path, key) if isinstance(key, str) else path)
            height = max(height, below + 1)
            place = self._place(key_event)
            if not self._usable(key, place, path, seen):
                continue
            seen[key] = place
            if key == _MERGE and _is_plain(key_event):
                merged += self._merge_sources(value, value_event, path)
            else:
                result.put(key, value, place, self._place(value_event))
        return self._checked_tag(event, self._with_merged(result, merged, event), path), height

    def _usable(self, key: Any, place: Place, path: str, seen: dict[str, Place]) -> bool:
        if not isinstance(key, str):
            if not isinstance(key, Broken):
                self.findings.problem(place, "a key must be a string", path, "put it in quotes")
        elif key in seen:
            first = seen[key]
            where = f"line {first.line}" if first.file == place.file else str(first)
            self.findings.problem(place, f'key "{printable(key)}" is already defined at {where}', path)
        else:
            return True
        return False

    def _merge_sources(self, value: Any, event: Any, path: str) -> list[Map]:
        sources = value if isinstance(value, Seq) else [value]
        if all(isinstance(source, Map) for source in sources):
            return list(sources)
        self.findings.problem(self._place(event), '"<<" takes a mapping or a list of mappings', path)
        return []

    def _with_merged(self, result: Map, sources: list[Map], event: Any) -> Map:
        """Adds what the merge keys bring: a key that is written out wins, and of the sources the first."""
        for source in sources:
            self._count(event, len(source))
            for key, value in source.items():
                if key not in result:
                    result.put_from(source, key, value)
        return result

    def _checked_tag(self, event: Any, value: Any, path: str) -> Any:
        if event.tag in ("!reset", "!override"):
            return self._later_tag(event, path)
        if event.tag and event.tag.startswith("tag:") and event.tag not in _COLLECTION_TAGS:
            self.findings.problem(self._place(event), f"the tag {printable(event.tag)!r} is not allowed", path)
            return BROKEN
        return value

    def _later_tag(self, event: Any, path: str) -> Broken:
        self.findings.problem(self._place(event), f"the tag {event.tag} is not supported yet", path)
        return BROKEN


_COLLECTION_TAGS: Final = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


def _is_plain(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and (event.implicit[0] or event.tag == "tag:yaml.org,2002:merge")
