"""A bare repository that tests write to by plumbing, so that it can hold what no work tree would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.source.repository import GitSource

Open = Callable[..., GitSource]
WEB = "stacks/web/compose.yaml"
ENV = {
    "PATH": os.defpath,
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


@dataclass(frozen=True)
class Repository:
    path: Path

    @classmethod
    def create(cls, path: Path) -> Repository:
        made = cls(path)
        made.git("init", "--quiet", "--bare", "--initial-branch=main", str(path))
        return made

    def __str__(self) -> str:
        return str(self.path)

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git on it; what it printed, stripped."""
        command = ["git", f"--git-dir={self.path}", *arguments]
        done = subprocess.run(command, input=stdin, env=ENV, capture_output=True, check=True, timeout=60)
        return done.stdout.decode(errors="surrogateescape").strip()

    def blob(self, data: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=data)

    def tree(self, records: list[tuple[str, str, str, bytes]]) -> str:
        """A tree of (mode, type, id, name)."""
        lines = (f"{mode} {kind} {object_id}\t".encode() + name + b"\0" for mode, kind, object_id, name in records)
        return self.git("mktree", "-z", "--missing", stdin=b"".join(lines))

    def tree_of(self, files: Mapping[str, bytes]) -> str:
        """A tree of plain files at any depth."""
        here = [("100644", "blob", self.blob(data), path.encode()) for path, data in files.items() if "/" not in path]
        below: dict[str, dict[str, bytes]] = {}
        for path, data in files.items():
            if "/" in path:
                top, rest = path.split("/", 1)
                below.setdefault(top, {})[rest] = data
        return self.tree([*here, *(("040000", "tree", self.tree_of(sub), top.encode()) for top, sub in below.items())])

    def commit(
        self, files: Mapping[str, bytes] | str, message: str = "Change", *, branch: str = "main", onto: str | None = ""
    ) -> str:
        """Commit files, or a tree by its id, to a branch. `onto` is the parent: "" for its tip, None for none."""
        tree = files if isinstance(files, str) else self.tree_of(files)
        parent = self.tip(branch) if onto == "" else onto
        made = self.git(
            "commit-tree", tree, *(("-p", parent) if parent else ()), stdin=message.encode(errors="surrogateescape")
        )
        self.git("update-ref", f"refs/heads/{branch}", made)
        return made

    def tip(self, branch: str = "main") -> str | None:
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None


class Calls:
    """Counts the git calls of a source."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def __call__(self, verb: str, seconds: float, result: str) -> None:
        assert seconds >= 0
        self.made.append((verb, result))

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.made]
