"""Checks that requirements.txt is in step with pyproject.toml: all is pinned, within its bounds, with hashes.

Exit 0, or 1 with one line for each thing that is wrong.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)
WHERE_FROM = re.compile(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)\b|://", re.MULTILINE)


def problems(project: str, locked: str) -> list[str]:
    """What is wrong between the text of pyproject.toml and that of requirements.txt."""
    pins: dict[str, str] = {canonicalize_name(pin["name"]): pin["version"] for pin in PIN.finditer(locked)}
    found = [problem(Requirement(wanted), pins) for wanted in declared(tomllib.loads(project))]
    found += [f"{name} has no hash" for name in unhashed(locked)]
    if WHERE_FROM.search(locked):
        found.append("requirements.txt names an index or an address; where packages come from is the machine's choice")
    return [text for text in found if text]


def declared(project: Mapping[str, Any]) -> list[str]:
    """The requirements of the package, of its development and of its build."""
    return [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]


def problem(wanted: Requirement, pins: Mapping[str, str]) -> str:
    """What is wrong with the pin of one requirement; "" if nothing is."""
    version = pins.get(canonicalize_name(wanted.name))
    if wanted.marker and not wanted.marker.evaluate():
        return ""
    if version is None:
        return f"{wanted.name} is not pinned"
    if not wanted.specifier.contains(version, prereleases=True):
        return f"{wanted.name} is pinned to {version}, but pyproject.toml wants {wanted.specifier}"
    return ""


def unhashed(locked: str) -> list[str]:
    """The pins that no hash follows."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", locked)
    return [pin["name"] for entry in entries if (pin := PIN.match(entry)) and "--hash=sha256:" not in entry]


def main() -> int:
    found = problems((ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.txt").read_text())
    for text in found:
        print(text, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
