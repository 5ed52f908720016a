"""What a load finds on its way, and the point of the document at which it finds it.

Problems are collected, never raised one by one: whoever pushed a commit wants all of them at once.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from agent.compose.nodes import BROKEN, Broken, Map, Masked
from agent.errors import BadManifest
from agent.model import Place, Problem
from agent.printable import printable
from agent.secrecy import looks_secret

EXPANSION_BUDGET: Final = 100_000  # ports that ranges may expand to, in one stack
_LONGEST_WAY: Final = 5
_LONGEST_MESSAGE: Final = 1000
_MOST_TRIED: Final = 200
_LONGEST_SHOWN: Final = 80  # characters of a name or a value
_SHORT: Final = 8
MOST_PROBLEMS: Final = 500  # nobody reads more, and a hostile file could hold a hundred thousand

# The section and the list called so hold no secret themselves, but names, paths, owners and modes. What a service or a
# network is called, a key store or a session cache, says nothing of its settings.
_SECRETS = re.compile(
    r"(?<=\.)secrets(?=\[\d)"
    r'|(?:^(?:services|networks|volumes|secrets|models)|(?<=\.)(?:depends_on|networks))(?:\.[\w-]+|\["[^"]*"\])'
)
_ELEMENT = re.compile(r'(\w+(?:\.[\w-]+|\["[^"]*"\]))(?:\.([\w-]+)|\["([^"]*)"\])?')  # and the key in it
_LONGEST_KEY: Final = 40  # longer than every key of Compose
_PLAIN_KEY = re.compile(r"[\w-]+")


def path_to(parent: str, key: str) -> str:
    """`services` and `web` make `services.web`; a key that would not read well is quoted."""
    plain = key.isidentifier() or _PLAIN_KEY.fullmatch(key)  # the first is the usual, and the faster to see
    if not plain or len(key) > _LONGEST_SHOWN:
        return f'{parent}["{brief(key)}"]'
    return f"{parent}.{key}" if parent else key


def step_down(parent: str, step: str | int) -> str:
    """The path of a key or an item of what is at `parent`."""
    return path_to(parent, step) if isinstance(step, str) else f"{parent}[{step}]"


def brief(text: str, limit: int = _LONGEST_SHOWN) -> str:
    """The text, printable, cut to a length that a terminal bears."""
    shown = printable(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def _visible(message: str) -> str:
    """What is said, with whatever a stranger wrote into it made harmless."""
    harmless = message.isprintable() and len(message) <= _LONGEST_MESSAGE
    return message if harmless else brief(message, _LONGEST_MESSAGE)


def closest(word: str, known: Collection[str]) -> str:
    """What whoever wrote the word may have meant, "" where nothing is like it. Of many only the likeliest are tried."""
    if len(word) > _LONGEST_KEY:
        return ""
    if len(known) > _MOST_TRIED:
        alike = (one for one in known if one[:1] == word[:1] and abs(len(one) - len(word)) <= 2)
        known = heapq.nsmallest(_MOST_TRIED, alike)
    import difflib  # for who has made a mistake

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return close[0] if close else ""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A question for the end of a message, "" where nothing is like the word."""
    close = closest(word, known)
    return f'did you mean "{close}"?' if close else ""


@dataclass(eq=False, repr=False)
class Findings:
    """`shown` gives a path of the tree as whoever reads the messages knows it; `newest` lets keys be that came after
    the release of Compose whose output `render` gives."""

    shown: Callable[[str], str] = str
    newest: bool = True
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    budget: int = EXPANSION_BUDGET
    secrets: set[str] = field(default_factory=set, repr=False)  # what no message may hold
    blind: bool = False  # a file could not be read, so that much more would seem to be missing
    unset: bool = False  # a file of variables could not be read
    reasons: set[str] = field(default_factory=set)
    _reached: dict[str, tuple[str, Place] | None] = field(default_factory=dict)  # by file: how, and from where
    _doubted: list[str] = field(default_factory=list)  # paths of what was not read, or not rightly
    _unread: dict[str, set[str]] = field(default_factory=dict)  # by element: its keys among them
    _lost: set[str] = field(default_factory=set)
    _indexed: int = 0

    def problem(self, place: Place, message: str, path: str = "", hint: str = "", reason: str = "") -> None:
        """Notes a problem. Raises BadManifest at once when there are more than anyone would read."""
        self.problems.append(self._told(place, message, path, hint))
        self._doubted.append(path)
        self.reasons.add(reason or "ConfigInvalid")
        if len(self.problems) == MOST_PROBLEMS:
            self.raise_if_any()

    def take(self, error: BadManifest) -> None:
        """Notes what is wrong with a file that cannot be read, beside all else. Raises `BadManifest` as `problem`."""
        self.problems += [problem for problem in error.problems if problem not in self.problems]
        self.reasons.add(error.reason)
        if len(self.problems) >= MOST_PROBLEMS:
            self.raise_if_any()

    def warn(self, place: Place, message: str, path: str = "", hint: str = "") -> None:
        """Notes a warning; those beyond the most that anyone would read are dropped."""
        if len(self.warnings) < MOST_PROBLEMS:
            self.warnings.append(self._told(place, message, path, hint))

    def hide(self, variables: Mapping[str, str]) -> None:
        """Keeps the values of those with the name of a secret out of all messages, wherever they were filled in."""
        self.secrets.update(value for name, value in variables.items() if value and looks_secret(name))

    def _told(self, place: Place, message: str, path: str, hint: str) -> Problem:
        said = _visible(self._without_secrets(message + self._way_to(place.file)))
        return Problem(place, said, self._without_secrets(path), _visible(self._without_secrets(hint)))

    def _without_secrets(self, text: str) -> str:
        """A short value, which any word may hold, is hidden only where it stands alone."""
        for secret in self.secrets:
            for value in (secret, brief(secret)):
                text = text.replace(value if len(value) >= _SHORT else f'"{value}"', "***")
        return text

    def reach(self, file: str, how: str, place: Place) -> None:
        """Notes that a file is read because of what stands at a place. What is found in it will say so.

        `how` goes before the place, as in "included by". The files of the project itself are reached without one.
        """
        self._reached.setdefault(file, (how, place) if how else None)

    def _way_to(self, file: str) -> str:
        """Why a file is read that the project does not name itself, as it goes on behind a message."""
        ways: list[str] = []
        while (reached := self._reached.get(file)) and len(ways) < _LONGEST_WAY:
            how, place = reached
            ways.append(f"{how} {place._replace(file=self.shown(place.file))}")
            file = place.file
        return f" ({', '.join(ways)})" if ways else ""

    def doubt(self, path: str) -> None:
        """Notes that what stands at a path, or should, was not read, for a reason that is reported elsewhere."""
        self._doubted.append(path)

    def lose(self, section: str, name: str) -> None:
        """Notes that nothing of an element is what it should be, for a reason that is reported elsewhere."""
        self._lost.add(path_to(section, name))

    def spend(self, amount: int) -> bool:
        """Whether `amount` more items may be made of a short notation."""
        if amount > self.budget:
            return False
        self.budget -= amount
        return True

    def concerns(self, section: str, name: str) -> bool:
        """Whether there is a problem with the element of that name or with anything in it."""
        return self.is_lost(section, name) or bool(self.unread(section, name))

    def is_lost(self, section: str, name: str) -> bool:
        """Whether `lose` was told of the element."""
        return path_to(section, name) in self._lost

    def unread(self, section: str, name: str) -> Collection[str]:
        """The keys of an element that were not read, or not rightly; "" is among them where it may lack any other."""
        for path in self._doubted[self._indexed :]:
            if match := _ELEMENT.match(path):
                self._unread.setdefault(match[1], set()).add(match[2] or match[3] or "")
        self._indexed = len(self._doubted)
        return self._unread.get(path_to(section, name), ())

    def lacks(self, section: str) -> bool:
        """Whether a section may hold more than was read of it: then nobody can say that something is not there."""
        return self.blind or section in self._doubted

    def raise_if_any(self) -> None:
        """Raises BadManifest with every problem; its reason is theirs where they all have the same."""
        if self.problems:
            reason = next(iter(self.reasons)) if len(self.reasons) == 1 else "ConfigInvalid"
            raise BadManifest(sorted(dict.fromkeys(self.problems), key=_by_place), reason=reason)


def _by_place(problem: Problem) -> Place:
    return problem.place


class At(NamedTuple):
    """A point of a document: its path, its place, and where to report what is found there.

    `partial`: the document is one of several that are merged, so that what it leaves out may stand in another.
    """

    path: str
    place: Place
    findings: Findings
    partial: bool = False

    def below(self, step: str | int, place: Place) -> At:
        """The point of a key or an item of this one."""
        return At(step_down(self.path, step), place, self.findings, self.partial)

    def of(self, here: Map, key: str) -> At:
        """The point of the value of `key` in `here`, the mapping that stands at this point."""
        return self.below(key, here.value_place(key))

    def of_item(self, here: Map, key: str, index: int) -> At:
        """The point of one item of the list at `key` of `here`."""
        return self.of(here, key).below(index, here[key].item_place(index))

    def problem(self, message: str, hint: str = "") -> Broken:
        """Notes a problem at this point. Returns what stands for the value from now on."""
        self.findings.problem(self.place, message, self.path, hint)
        return BROKEN

    def warn(self, message: str, hint: str = "") -> None:
        """Notes a warning at this point."""
        self.findings.warn(self.place, message, self.path, hint)

    def shown(self, value: Any) -> str:
        """The value for an error message, or `***` where it may be a secret."""
        if isinstance(value, Masked) or looks_secret(_SECRETS.sub("", self.path)):
            return "***"
        return f'"{brief(str(value))}"'
