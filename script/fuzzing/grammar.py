"""Compose documents that are made up from the table of keys, with a source of chance that may be Hypothesis's own.

Most values are right, so that a document comes through the load; `wild` is how often something else stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar

from agent.compose.elements import EXTRA_HOSTS, PORTS, ULIMIT
from agent.compose.schema import DOCUMENT, SERVICE_FIELDS
from agent.compose.shapes import COMMAND, Shape
from script.fuzzing import words

T = TypeVar("T")

_SECTIONS: Final = ("networks", "volumes", "secrets", "configs", "models")
_DEEPEST: Final = 8
_REFERRING: Final = ("networks", "secrets", "configs", "models", "volumes")  # keys of a service that name an element


class Plain(str):
    """A text to be written without quotes, whatever it means then."""

    __slots__ = ()


@dataclass(frozen=True)
class Grammar:
    """Makes values up. `names` are those of the elements that a document defines, by section."""

    random: Random
    wild: float = 0.0
    files: Sequence[str] = ("a.env", "b.env")
    names: Mapping[str, Sequence[str]] = field(default_factory=lambda: words.NAMES)

    def document(self) -> dict[str, Any]:
        """A whole document, with all that its services refer to."""
        services = self._some(self.names["services"], 1, 3)
        made: dict[str, Any] = {"services": {}}
        for index, name in enumerate(services):
            made["services"][name] = self.service(services[:index])
        for section in _SECTIONS:
            fields = DOCUMENT.made_of[section].shape.made_of
            made[section] = {name: self._element(fields, section) for name in self.names[section]}
        if self.chance(0.2):
            made["name"] = self.random.choice(("proj", "${NAME:-proj}", "My Proj"))
        if self.chance(0.1):
            made["x-more"] = self.anything()
        if self.chance(0.1):
            made["version"] = "3"
        return made

    def service(self, others: Sequence[str] = ()) -> dict[str, Any]:
        """A service that may depend on the `others`."""
        keys = self._some([key for key in SERVICE_FIELDS if key not in ("image", "extends")], 0, 6)
        made = {key: self.of_field(key, SERVICE_FIELDS[key], 1) for key in keys}
        if not self.chance(self.wild * 2):
            made["image"] = self.text("image")
        if not self.chance(self.wild * 5):
            self._reconcile(made, others)
        return made

    def _reconcile(self, made: dict[str, Any], others: Sequence[str]) -> None:
        """Takes away what cannot stand beside something else, and lets references lead somewhere."""
        for one, excluded in words.EXCLUDING.items():
            for other in excluded if one in made else ():
                made.pop(other, None)
        if "depends_on" in made:
            made["depends_on"] = {name: self._dependency() for name in others}
        for key in ("links", "volumes_from"):
            if key in made:
                made[key] = [self.random.choice((name, f"{name}:ro")) for name in others]
        for key in ("network_mode", "ipc", "pid"):
            if key in made:
                made[key] = self.random.choice((*(f"service:{name}" for name in others), "host", "container:x"))
        for request in made.get("gpus") or () if isinstance(made.get("gpus"), list) else ():
            request.pop("count", None) if isinstance(request, dict) else None
        for volume in made.get("volumes") or () if isinstance(made.get("volumes"), list) else ():
            if isinstance(volume, dict) and volume.get("type") == "volume" and self.chance(0.8):
                volume["source"] = self.random.choice(self.names["volumes"])

    def _dependency(self) -> dict[str, Any]:
        said: dict[str, Any] = {"condition": "service_started"}
        return said | {key: self.chance(0.5) for key in ("required", "restart") if self.chance(0.5)}

    def _element(self, shape: Shape, section: str) -> Any:
        """Of a section of the document. One that is external, or a secret, says one thing only."""
        made = self.value(shape, section, 1)
        if not isinstance(made, dict) or self.chance(self.wild * 5):
            return made
        if "external" in made:
            named = made["external"] not in (True, "true")
            return {key: made[key] for key in ("external", "name") if key in made and (key == "external" or not named)}
        if section in ("secrets", "configs"):
            ways = ("file", "environment") if section == "secrets" else ("file", "environment", "content")
            way = self.random.choice(ways)
            made = {key: value for key, value in made.items() if key not in ways} | {way: self.text(way)}
        return made

    def of_field(self, key: str, field: Any, depth: int) -> Any:
        """A value for a key of the table."""
        return self.value(field.shape, key, depth)

    def value(self, shape: Shape, key: str, depth: int = 0) -> Any:
        """A value of that shape; `key` tells what it is for."""
        if self.chance(self.wild):
            return self.anything()
        if depth > _DEEPEST:
            return None
        for known, make in _SPECIAL:
            if key == known or shape is known:
                return make(self, key)
        inside = shape.made_of
        if isinstance(inside, Mapping):
            return self._record(shape, inside, key, depth)
        if isinstance(inside, Shape):
            return self._collection(shape, inside, key, depth)
        if isinstance(inside, tuple):
            return self.random.choice(inside)
        if isinstance(inside, range):
            return self._number(inside)
        return self._simple(shape.expects, key)

    def text(self, key: str) -> str:
        """A text for a key of that name, perhaps with a variable in it."""
        known = words.BY_KEY.get(key)
        if known and (key in words.STRICT or self.chance(0.85)) and not self.chance(self.wild):
            return self.random.choice(known)
        if key in words.PATHS and self.chance(0.5):
            return self.random.choice(self.files)
        return self.random.choice(words.TEXTS)

    def anything(self, depth: int = 0) -> Any:
        """A value of which nothing is known."""
        kind = self.random.randrange(8 if depth < 3 else 6)
        if kind == 6:
            return [self.anything(depth + 1) for _ in range(self.random.randrange(3))]
        if kind == 7:
            return {self.random.choice(words.KEYS): self.anything(depth + 1) for _ in range(self.random.randrange(3))}
        if kind == 5:
            return Plain(self.random.choice(words.SCALARS))
        return self.random.choice((*words.TEXTS, None, True, False, 0, 1, -1, 1.5, 2**63, 1e300))

    def chance(self, share: float) -> bool:
        return share > 0 and self.random.random() < share

    def _some(self, of: Sequence[T], least: int, most: int) -> list[T]:
        return self.random.sample(list(of), min(len(of), self.random.randint(least, most)))

    def _record(self, shape: Shape, fields: Mapping[str, Any], key: str, depth: int) -> Any:
        if "string or a mapping" in shape.expects and self.chance(0.5):
            return self._short(key)
        if shape.nullable and self.chance(0.2):
            return None
        required = [name for name, field in fields.items() if field.required]
        chosen = dict.fromkeys(required + self._some(list(fields), 0, 4))
        made = {name: self.of_field(name, fields[name], depth + 1) for name in chosen}
        if "source" in fields and key in _REFERRING and self.chance(0.9):
            made["source"] = self._named(key)
        if self.chance(0.05):
            made["x-own"] = self.anything()
        return made

    def _short(self, key: str) -> str:
        if key in ("secrets", "configs"):
            return self._named(key)
        return self.text(f"{key} in short") if f"{key} in short" in words.BY_KEY else self.text(key)

    def _collection(self, shape: Shape, item: Shape, key: str, depth: int) -> Any:
        items = [self.value(item, key, depth + 1) for _ in range(self.random.randrange(4))]
        if shape.expects.startswith("a string or") and self.chance(0.4):
            return self._short(key)
        if "mapping" not in shape.expects:
            return items
        names = list(self.names.get(key, words.KEYS)) if key in _REFERRING else list(words.KEYS)
        keys = self._some(names, 0, 3)
        if "list" in shape.expects and self.chance(0.4):
            return keys
        return {name: self.value(item, key if key in _REFERRING else name, depth + 1) for name in keys}

    def _simple(self, expects: str, key: str) -> Any:
        if expects == "a mapping or a list":
            return self._pairs()
        if expects == "a boolean":
            return self.random.choice((True, False) if self.chance(0.8) else ("yes", "${ON:-true}"))
        made = words.BY_KIND.get(expects)
        if made and not self.chance(self.wild):
            return self.random.choice(made)
        return self.text(key)

    def _pairs(self) -> Any:
        keys = self._some(words.VARIABLES, 0, 4)
        if self.chance(0.4):
            return [key if self.chance(0.2) else f"{key}={self.text('value')}" for key in keys]
        return {key: self.random.choice((self.text("value"), None, 1, 1.5, True)) for key in keys}

    def _number(self, within: range) -> Any:
        number = (
            self.random.choice((within[0], within[-1])) if self.chance(self.wild) else self.random.choice((0, 1, 3, 9))
        )
        number = min(max(number, within[0]), within[-1])
        return self.random.choice((number, str(number), Plain(f"0o{abs(number):o}")))

    def _named(self, section: str) -> str:
        return self.random.choice(self.names[section]) if self.chance(0.95) else self.random.choice(words.KEYS)

    def ports(self, _key: str) -> Any:
        made: list[Any] = [self.random.choice(words.PORTS) for _ in range(self.random.randrange(3))]
        fields: Mapping[str, Any] = PORTS.made_of.made_of
        if self.chance(0.5):
            made.append(
                {"target": 80} | {key: self.of_field(key, fields[key], 3) for key in self._some([*fields], 0, 3)}
            )
        return made

    def hosts(self, _key: str) -> Any:
        if self.chance(0.5):
            return [self.random.choice(words.HOSTS) for _ in range(self.random.randrange(3))]
        return {"h": "10.0.0.1", "h6": ["::1", "10.0.0.2"]} if self.chance(0.5) else {"x": "[::1]"}

    def command(self, key: str) -> Any:
        if self.chance(0.5):
            return self.random.choice(words.COMMANDS)
        return [self.text(key) for _ in range(self.random.randrange(3))] if self.chance(0.9) else None

    def limit(self, _key: str) -> Any:
        return self.random.choice(
            (5, "7", {"soft": 1, "hard": 2}, {"soft": "1", "hard": 1.0}, 0, {"soft": 0, "hard": 0})
        )

    def external(self, _key: str) -> Any:
        return self.random.choice((True, False, "true", {"name": "old"}))


_SPECIAL: Final = (  # a shape, or the key that has a shape of its own
    (PORTS, Grammar.ports),
    (EXTRA_HOSTS, Grammar.hosts),
    (COMMAND, Grammar.command),
    (ULIMIT, Grammar.limit),
    ("external", Grammar.external),
)
