"""The environment of each service: `env_file` under `environment`, with everything that is inherited filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.compose import dotenv
from agent.compose.documents import Malformed
from agent.compose.files import Files, NotReadable, read_small
from agent.compose.findings import At, Findings, path_to
from agent.compose.nodes import Map, Seq
from agent.model import Place

_MAX_TOTAL: Final = 32 * 1024 * 1024  # bytes of environment files, each counted as often as it is named


def completed(
    files: Files, given: Mapping[str, str], paths: Iterable[str], findings: Findings, at: At | None = None
) -> dict[str, str]:
    """The variables that are given, and under them those of files like `.env`, later files over earlier ones.

    What is wrong with a path is said where it is written, `at`; without that, of the file itself.
    """
    found: dict[str, str] = {}
    for path in paths:
        content = read_small(files, path, at or At("", Place(path), findings))
        try:
            found |= dotenv.parse(path, content or b"", given.get, found)
        except Malformed as error:
            findings.problem(error.place, error.message, reason=error.reason)
    return found | dict(given)


@dataclass
class Environments:
    """Resolves the environment of one service after the other."""

    files: Files
    directory: str
    variables: Mapping[str, str]
    findings: Findings
    room: int = _MAX_TOTAL

    def resolve(self, name: str, service: Map) -> None:
        """Replaces `env_file` and `environment` of the service by the environment that comes of them.

        `environment` wins over the files even where it gives no value: such a name is taken from the variables of the
        project or sent without a value, which takes it out of what the image sets.
        """
        declared = service.get("environment") or Map(service.place)
        result = Map(declared.place)
        for key, value in declared.items():
            result.put_from(declared, key, self.variables.get(key) if value is None else value)
        given = {key: value for key, value in result.items() if value is not None}
        known = dict(given)
        env_files = service.pop("env_file", None) or Seq(service.place)
        for index, env_file in enumerate(env_files):
            place = env_files.item_place(index)
            at = At(f"{path_to('services', name)}.env_file[{index}]", place, self.findings)
            for key, value in self._read(env_file, at, given, known).items():
                known[key] = value
                if key not in declared:
                    result.put(key, value, place, place)
        if result:
            service.put_from(service, "environment", result)

    def _read(self, env_file: Map, at: At, given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
        """The variables of one file; `given` are those of `environment`, `known` with those of the files before."""
        path = env_file["path"]
        try:
            located = self.files.locate(self.directory, path)
        except NotReadable as error:
            self.findings.problem(at.place, error.message, at.path, reason=error.reason)
            return {}
        if located not in self.files.entries and not env_file["required"]:
            return {}
        content = read_small(self.files, located, at)
        self.room -= len(content or b"")
        if self.room < 0:
            at.problem(f"the environment files of this stack exceed {_MAX_TOTAL} bytes")
            return {}

        def lookup(key: str) -> str | None:
            return self.variables.get(key, given.get(key))

        try:
            if env_file.get("format") == "raw":
                return dotenv.parse_raw(located, content or b"", lookup)
            return dotenv.parse(located, content or b"", lookup, known)
        except Malformed as error:
            self.findings.problem(error.place, error.message, at.path, reason=error.reason)
            return {}
