"""Text to positioned data: one pass over the events of the YAML parser, with every bound kept before memory is spent.

PyYAML's composer and constructors are not used: libyaml's composer overruns the C stack on deep nesting, aliases would
expand without a bound, and YAML 1.1 scalars are not what Compose reads. Only the event stream is, which is flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, NamedTuple

import yaml

from agent.compose.findings import Findings, brief, step_down
from agent.compose.nodes import BROKEN, Broken, Map, Mark, Seq, Timestamp
from agent.compose.resets import Steps, repeated, settled
from agent.compose.scalars import plain, tagged
from agent.model import Place

MAX_BYTES: Final = 4 * 1024 * 1024  # a file
MAX_DEPTH: Final = 64
MAX_DOCUMENTS: Final = 100  # of a file
MAX_NODES: Final = 500_000  # five thousand services of the usual size; with aliases counted as often as they are used

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the pure one where PyYAML came without libyaml
_MERGE: Final = "<<"


_IN_QUOTES: Final = 'put a text that begins with "*" or "&" in quotes'
_HINTS: Final = {  # by what the parser says, or what it was about
    "while scanning an alias": _IN_QUOTES,  # as in cron: */5 * * * *
    "while scanning an anchor": _IN_QUOTES,
    "found character that cannot start any token": "indent with spaces, and put a text that begins so in quotes",
    "mapping values are not allowed in this context": 'put a text with ": " in it in quotes, or mind the indentation',
}


class Malformed(Exception):  # noqa: N818 - read as a word: the text is malformed
    """The text is no YAML, or more of it than is allowed: nothing of the file can be used."""

    def __init__(self, place: Place, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.reason = reason


class Document(NamedTuple):
    """One YAML document, and the paths of what it takes away of the documents before it."""

    root: Map
    resets: tuple[Steps, ...] = ()


def documents(file: str, content: bytes, findings: Findings) -> list[Document] | None:
    """Every document of a file, none of an empty one. None, and a problem, for a file that cannot be read at all."""
    try:
        text = decoded(file, content)
        composer = _Composer(file, yaml.parse(text, Loader=_LOADER), findings)
        roots = [_as_mapping(node, place, findings) for node, place in composer.documents()]
    except Malformed as error:
        findings.problem(error.place, error.message, reason=error.reason)
        return None
    except yaml.YAMLError as error:
        _report(file, error, findings)
        return None
    return [Document(*settled(root)) if composer.marked else Document(root) for root in roots]


def _report(file: str, error: yaml.YAMLError, findings: Findings) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    said = getattr(error, "problem", None) or getattr(error, "context", None) or brief(str(error), 200)
    hint = _HINTS.get(said) or _HINTS.get(getattr(error, "context", None) or "", "")
    findings.problem(place, f"not valid YAML: {said}", hint=hint)


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
    node = node.value if isinstance(node, Mark) else node
    if isinstance(node, Map):
        return node
    if not isinstance(node, Broken):
        findings.problem(place, "the top level must be a mapping" if node is not None else "the document is empty")
    return Map(place)


@dataclass(eq=False, repr=False)
class _Anchored:
    """What an anchor stands for; `None` weight while it is still being read, when an alias to it would be a cycle."""

    value: Any = None
    weight: int | None = None
    height: int = 0
    repeated: bool = False  # it has been made into what aliases stand for


@dataclass(eq=False, repr=False)
class _Composer:
    file: str
    events: Iterator[Any]
    findings: Findings
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    nodes: int = 0
    marked: bool = False
    trail: list[str | int] = field(default_factory=list)  # the way down to where the reading is, for the problems

    def documents(self) -> Iterator[tuple[Any, Place]]:
        count = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors.clear()
                first = next(self.events)
                count += 1
                if count > MAX_DOCUMENTS:
                    raise Malformed(self._place(first), f"more than {MAX_DOCUMENTS} documents", "YamlTooLarge")
                yield self._node(first)[0], self._place(first)

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _problem(self, place: Place, message: str, hint: str = "") -> Broken:
        path = reduce(step_down, self.trail, "")
        self.findings.problem(place, message, path, hint)
        return BROKEN

    def _node(self, event: Any) -> tuple[Any, int]:
        """The value that starts at `event`, and how many levels there are below it."""
        if isinstance(event, yaml.ScalarEvent) and not event.anchor:
            return self._scalar(event), 0
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        anchored = _Anchored()
        if event.anchor:
            self.anchors[event.anchor] = anchored
        before = self.nodes
        match event:
            case yaml.ScalarEvent():
                value, height = self._scalar(event), 0
            case yaml.SequenceStartEvent():
                value, height = self._sequence(event)
            case _:
                value, height = self._mapping(event)
        anchored.value, anchored.weight, anchored.height = value, self.nodes - before, height
        return value, height

    def _count(self, event: Any, weight: int) -> None:
        self.nodes += weight
        if self.nodes > MAX_NODES:
            raise Malformed(self._place(event), f"more than {MAX_NODES} values, aliases expanded", "YamlTooLarge")

    def _check_depth(self, event: Any, below: int) -> None:
        if len(self.trail) + below >= MAX_DEPTH:
            raise Malformed(self._place(event), f"nested deeper than {MAX_DEPTH} levels", "YamlTooDeep")

    def _alias(self, event: Any) -> tuple[Any, int]:
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            raise Malformed(self._place(event), f'unknown anchor "{brief(event.anchor)}"')
        if anchored.weight is None:
            raise Malformed(self._place(event), f'the alias "{brief(event.anchor)}" contains itself')
        self._check_depth(event, anchored.height)
        self._count(event, anchored.weight)
        if self.marked and not anchored.repeated:
            anchored.value, anchored.repeated = repeated(anchored.value), True
        return anchored.value, anchored.height

    def _scalar(self, event: Any) -> Any:
        text = event.value
        self._count(event, 1 + len(text) // 1024)
        if "\0" in text:
            return self._problem(self._place(event), "a NUL character is not allowed")
        if event.tag is None or event.tag == "!":
            return plain(text) if event.implicit[0] else text
        if event.tag in _MARKS:
            return self._marked(event, text if event.style else plain(text))
        try:
            value = tagged(event.tag, text)
        except ValueError as error:
            return self._problem(self._place(event), str(error))
        if isinstance(value, str) and "\0" in value:
            return self._problem(self._place(event), "a NUL character is not allowed")
        return value

    def _sequence(self, event: Any) -> tuple[Any, int]:
        self._count(event, 1)
        self._check_depth(event, 0)
        result = Seq(self._place(event))
        height = 0
        while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
            self.trail.append(len(result))
            value, below = self._node(item)
            self.trail.pop()
            result.add(value, self._place(item))
            height = max(height, below + 1)
        return self._checked_tag(event, result), height

    def _mapping(self, event: Any) -> tuple[Any, int]:
        self._count(event, 1)
        self._check_depth(event, 0)
        result = Map(self._place(event))
        merged: list[Map] = []
        seen: dict[str, Place] = {}
        height = 0
        while not isinstance(key_event := next(self.events), yaml.MappingEndEvent):
            self.trail.append("?")
            key, _ = self._node(key_event)
            value_event = next(self.events)
            self.trail[-1] = key if isinstance(key, str) else "?"
            value, below = self._node(value_event)
            self.trail.pop()
            height = max(height, below + 1)
            place = self._place(key_event)
            if not self._usable(key, place, seen):
                continue
            seen[key] = place
            if key == _MERGE and _is_plain(key_event):
                merged += self._merge_sources(value, value_event)
            else:
                result.put(key, value, place, self._place(value_event))
        return self._checked_tag(event, self._with_merged(result, merged, event)), height

    def _usable(self, key: Any, place: Place, seen: dict[str, Place]) -> bool:
        if not isinstance(key, str) or isinstance(key, Timestamp):
            if not isinstance(key, Broken):
                self._problem(place, "a key must be a string", "put it in quotes")
        elif key in seen:
            hint = "write one, with a list of aliases" if key == _MERGE else ""
            self._problem(place, f'key "{brief(key)}" is already defined at line {seen[key].line}', hint)
            self.findings.doubt(reduce(step_down, [*self.trail, key], ""))
        else:
            return True
        return False

    def _merge_sources(self, value: Any, event: Any) -> list[Map]:
        value = value.value if isinstance(value, Mark) else value
        sources = value if isinstance(value, Seq) else [value]
        if all(isinstance(source, Map) for source in sources):
            return list(sources)
        self._problem(self._place(event), '"<<" takes a mapping or a list of mappings')
        return []

    def _with_merged(self, result: Map, sources: list[Map], event: Any) -> Map:
        """Adds what the merge keys bring: a key that is written out wins, and of the sources the first.

        A source that takes something away does so all the same.
        """
        for source in sources:
            self._count(event, len(source))
            for key, value in source.items():
                if key not in result:
                    result.put_from(source, key, value)
                elif isinstance(value, Mark) and not isinstance(result[key], Mark):
                    result[key] = Mark(result[key])
        return result

    def _checked_tag(self, event: Any, value: Any) -> Any:
        if event.tag in _MARKS:
            return self._marked(event, value)
        if event.tag and event.tag.startswith("tag:") and event.tag not in _COLLECTION_TAGS:
            return self._problem(self._place(event), f'the tag "{brief(event.tag)}" is not allowed')
        return value

    def _marked(self, event: Any, value: Any) -> Mark:
        self.marked = True
        return Mark() if event.tag == "!reset" else Mark(value)


_MARKS: Final = frozenset({"!reset", "!override"})
_COLLECTION_TAGS: Final = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


def _is_plain(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and (event.implicit[0] or event.tag == "tag:yaml.org,2002:merge")
