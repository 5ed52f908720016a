"""The Compose files of one load: each is read and parsed once, however often it is named, and how many is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.compose.documents import MAX_BYTES, Document, documents
from agent.compose.files import Files, read_small
from agent.compose.findings import At, Findings

_MOST_USES: Final = 1000
_MOST_BYTES: Final = 32 * 1024 * 1024  # of all files, each as often as it is used


@dataclass(eq=False, repr=False)
class Library:
    """`supplied` has the values of secrets and configs that come from a variable of an `include`, by section and name:
    the project's own variables do not have it."""

    files: Files
    findings: Findings
    uses: int = _MOST_USES
    room: int = _MOST_BYTES
    supplied: dict[tuple[str, str], str] = field(default_factory=dict)
    _held: dict[str, list[Document] | None] = field(default_factory=dict)

    def documents(self, path: str, at: At) -> list[Document] | None:
        """The documents of a file of the tree that is named at that point. None, and a problem, where it cannot be
        read. Raises `BadManifest` where files take in one another without end."""
        size = self.files.entries[path].size if path in self.files.entries else 0
        self.uses -= 1
        self.room -= size if size <= MAX_BYTES else 0  # a larger one is not read at all
        if self.uses < 0 or self.room < 0:
            at.problem(f"files are taken in more than {_MOST_USES} times, or have more than {_MOST_BYTES >> 20} MiB")
            self.findings.raise_if_any()
        if path not in self._held:
            content = read_small(self.files, path, at)
            self._held[path] = None if content is None else documents(path, content, self.findings)
        return self._held[path]


class Scope(NamedTuple):
    """Where files are read that belong together: the project's own, or those of one `include`.

    `directory` is what their relative paths mean, `environment` what interpolation sees; `above` are the files that
    include one another on the way here, the outermost first.
    """

    library: Library
    directory: str
    environment: Mapping[str, str]
    above: tuple[str, ...] = ()

    @property
    def files(self) -> Files:
        return self.library.files

    @property
    def findings(self) -> Findings:
        return self.library.findings
