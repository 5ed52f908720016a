"""The environment of each service: `env_file` under `environment`, with everything that is inherited filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.compose import dotenv
from agent.compose.documents import Malformed
from agent.compose.files import Files, NotReadable, read_small
from agent.compose.findings import At, Findings, path_to
from agent.compose.interpolate import Lookup
from agent.compose.nodes import Map, Seq

_MAX_TOTAL: Final = 32 * 1024 * 1024  # bytes of environment files, each counted as often as it is named


def completed(
    files: Files, given: Mapping[str, str], named: Iterable[tuple[str, At]], findings: Findings
) -> dict[str, str]:
    """The variables that are given, and under them those of files like `.env`, later files over earlier ones.

    Each file comes with the point where it is named.
    """
    found: dict[str, str] = {}
    for path, at in named:
        content = read_small(files, path, at)
        findings.unset = findings.unset or content is None
        try:
            found |= dotenv.parse(path, content or b"", given.get, found)
        except Malformed as error:
            findings.problem(error.place, error.message, reason=error.reason)
            findings.unset = True
    findings.hide(found)
    return found | dict(given)


@dataclass(eq=False, repr=False)
class Environments:
    """Resolves what one service after the other takes from files: its environment and its labels."""

    files: Files
    directory: str
    variables: Mapping[str, str]
    findings: Findings
    room: int = _MAX_TOTAL

    def resolve(self, name: str, service: Map) -> None:
        """Replaces `env_file` of the service by what comes of it, and adds what comes of `label_file`.

        The names of the label files stay: they are part of what Compose takes its hash of.
        """
        self._environment(name, service)
        if "label_file" in service:
            self._labels(name, service)

    def _environment(self, name: str, service: Map) -> None:
        """`environment` wins over the files even where it gives no value: such a name is taken from the variables of
        the project or sent without a value, which takes it out of what the image sets."""
        declared = service.get("environment") or Map(service.place)
        result = Map(declared.place)
        for key, value in declared.items():
            result.put_from(declared, key, self.variables.get(key) if value is None else value)
        given = {key: value for key, value in result.items() if value is not None}
        known = dict(given)

        unread = self.findings.unset or "environment" in self.findings.unread("services", name)
        unknown = "?" if unread else None  # what was not read may have it: nobody shall say that it has no value

        def lookup(key: str) -> str | None:
            return self.variables.get(key, given.get(key, unknown))

        env_files = service.pop("env_file", None) or Seq(service.place)
        for index, env_file in enumerate(env_files):
            place = env_files.item_place(index)
            at = At(f"{path_to('services', name)}.env_file[{index}]", place, self.findings)
            for key, value in self._read(env_file, at, lookup, known).items():
                known[key] = value
                if key not in declared:
                    result.put(key, value, place, place)
        if result:
            service.put_from(service, "environment", result)

    def _labels(self, name: str, service: Map) -> None:
        """`labels` win over the files. The files know no variables but the labels of the files before."""
        declared = service.get("labels") or Map(service.place)
        result = Map(declared.place)
        label_files = service["label_file"]
        for index, path in enumerate(label_files):
            place = label_files.item_place(index)
            at = At(f"{path_to('services', name)}.label_file[{index}]", place, self.findings)
            for key, value in self._read({"path": path, "required": True}, at, result.get, {}).items():
                result.put(key, value, place, place)
        for key, value in declared.items():
            result.put_from(declared, key, value)
        if result:
            service.put("labels", result, result.place, result.place)

    def _read(self, file: Mapping[str, Any], at: At, lookup: Lookup, known: Mapping[str, str]) -> dict[str, str]:
        """The variables of one file. Values may use what `lookup` finds, then lines above, then what is `known`."""
        try:
            located = self.files.locate(self.directory, file["path"])
        except NotReadable as error:
            self.findings.problem(at.place, error.message, at.path, reason=error.reason)
            return {}
        if located not in self.files.entries and not file["required"]:
            return {}
        content = read_small(self.files, located, at)
        self.room -= len(content or b"")
        if self.room < 0:
            at.problem(f"the environment files of this stack exceed {_MAX_TOTAL} bytes")
            return {}
        try:
            if file.get("format") == "raw":
                return dotenv.parse_raw(located, content or b"", lookup)
            return dotenv.parse(located, content or b"", lookup, known)
        except Malformed as error:
            self.findings.problem(error.place, error.message, at.path, reason=error.reason)
            return {}
