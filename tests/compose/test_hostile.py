"""What a stranger may push: every path that leads out, every link, every address; all through the whole load."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from agent.errors import BadManifest
from tests.compose.tree import DictTree, refused, take

# Every key that names a file which a load reads, with {} in place of the path.
READ = {
    "env_file": "services: {{a: {{image: x, env_file: {}}}}}",
    "env_file in long": "services: {{a: {{image: x, env_file: [{{path: {}, required: false}}]}}}}",
    "raw env_file": "services: {{a: {{image: x, env_file: [{{path: {}, format: raw}}]}}}}",
    "label_file": "services: {{a: {{image: x, label_file: {}}}}}",
    "include": "include: [{}]",
    "include.path": "include: [{{path: [ok.yaml, {}]}}]",
    "include.env_file": "include: [{{path: ok.yaml, env_file: {}}}]",
    "include.project_directory": "include: [{{path: ok.yaml, project_directory: {}}}]",
    "extends.file": "services: {{a: {{extends: {{service: ok, file: {}}}}}}}",
}
# And every one whose file is read when it is said what the host is to hold.
WANTED = {
    "seccomp": "services: {{a: {{image: x, security_opt: ['seccomp:{}']}}}}",
    "secrets.file": "services: {{a: {{image: x, secrets: [s]}}}}\nsecrets: {{s: {{file: {}}}}}",
    "configs.file": "services: {{a: {{image: x, configs: [c]}}}}\nconfigs: {{c: {{file: {}}}}}",
    "build": "services: {{a: {{build: {}}}}}",
    "build.dockerfile": "services: {{a: {{build: {{context: app, dockerfile: {}}}}}}}",
    "volumes": "services: {{a: {{image: x, volumes: ['{}:/t:ro']}}}}",
}
BESIDE = {
    "ok.yaml": "services: {ok: {image: x}}",
    "app/Dockerfile": "FROM x",
    "sub/inner": "x",
}
OUT = (
    "..",
    "../x",
    "../../../../../../proc/self/environ",
    "./a/../../x",
    "a/../../x",
    "a//../../x",
    "a/./../..//x",
    ".././x",
    "./../x",
    "sub/../../x",
    "x/../../../etc/passwd",
    "....//../../../x",
)
ABSOLUTE = (
    "/etc/passwd",
    "//etc/passwd",
    "/./etc/passwd",
    "/proc/self/environ",
    "/run/credentials/agent/token",
    "~",
    "~/x",
    "$HOME/x",
    "${HOME}/x",
    "${ROOT:-/etc}/passwd",
)
NOWHERE = (  # what means something to others is a name like any other here
    "file:///etc/passwd",
    "%2e%2e/x",
    "..%2fx",
    "%2e%2e%2fx",
    "..\\x",
    "..\uff0fx",
    "\u2025/x",
    ". ./x",
    ".. /x",
    "...",
    "~root/x",
)

pytestmark = pytest.mark.slow


class Watched(DictTree):
    """A tree that nobody may ask for what it does not hold."""

    def read(self, path: str) -> bytes:
        assert path in self.entries()
        assert not path.startswith(("/", "..", "~"))
        return super().read(path)


@pytest.mark.parametrize("path", [*OUT, *ABSOLUTE])
@pytest.mark.parametrize("key", READ)
def test_no_spelling_of_a_path_leads_out_of_the_repository(key: str, path: str) -> None:
    tree = Watched({"compose.yaml": READ[key].format(f'"{path}"'), **BESIDE})
    if path.startswith("~") and key == "include.project_directory":
        take(tree)  # a directory like any other to it, that nothing is read from
        return
    home = path.startswith("~") and key in ("include", "include.path", "include.env_file", "extends.file")
    reason = "FileMissing" if home else "PathEscape"  # where it means nothing, it is a name like any other
    assert refused(tree).reason == reason


@pytest.mark.parametrize("path", NOWHERE)
@pytest.mark.parametrize("key", READ)
def test_what_is_a_path_to_others_is_a_name_in_the_repository(key: str, path: str) -> None:
    tree = Watched({"compose.yaml": READ[key].format(f"'{path}'"), **BESIDE})
    if key in ("env_file in long", "include.project_directory"):
        with suppress(BadManifest):  # it may be missing, or mean a directory that nothing is read from
            take(tree)
        return
    assert refused(tree).reason in ("FileMissing", "RemoteIncludeDenied", "ConfigInvalid")


@pytest.mark.parametrize("path", OUT)
@pytest.mark.parametrize("key", WANTED)
def test_nothing_out_of_the_repository_is_mounted_or_built(key: str, path: str) -> None:
    written = path if key in ("seccomp", "volumes") else f'"{path}"'
    if key == "volumes" and not path.startswith("."):
        written = f"./{path}"
    if key == "build.dockerfile":
        written = f'"../{path}"'  # which is meant from the context
    assert refused(Watched({"compose.yaml": WANTED[key].format(written), **BESIDE})).reason == "PathEscape"


@pytest.mark.parametrize("path", ["link", "./link", "sub/../link", "links/x", "links/../link"])
@pytest.mark.parametrize("key", [*READ, *WANTED])
def test_no_link_of_the_repository_is_followed(key: str, path: str) -> None:
    """Neither one that is the file, nor one that is a directory on the way to it."""
    text = {**READ, **WANTED}[key].format(path if not (key == "volumes" and path[0] != ".") else f"./{path}")
    tree = Watched({"compose.yaml": text, **BESIDE, "app/keep": ""}, links=("link", "links", "app/link", "app/links"))
    assert refused(tree).reason == "SymlinkRefused"


@pytest.mark.parametrize(
    "name", ["compose.yaml", "compose.override.yaml", ".env", "docker-compose.yml"], ids=lambda name: f"{name} a link"
)
def test_what_is_found_by_itself_is_no_link_either(name: str) -> None:
    files = {"compose.yaml": "services: {a: {image: x}}"} if name not in ("compose.yaml", "docker-compose.yml") else {}
    assert refused(Watched(files, links=(name,))).reason == "SymlinkRefused"


@pytest.mark.parametrize(
    "named",
    [
        "https://example.com/compose.yaml",
        "https://example.com/r.git#main:../../x",
        "http://169.254.169.254/latest/meta-data",
        "git@example.com:org/repo.git",
        "github.com/org/repo",
        "ssh://git@example.com/repo",
        "oci://registry.example/app:1",
        "OCI://registry.example/app:1",
        "docker.io://x",
        "ftp://example.com/x",
    ],
)
@pytest.mark.parametrize("key", ["include", "include.path", "extends.file"])
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, key: str, named: str) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a socket is opened")

    monkeypatch.setattr(socket, "socket", refuse)
    tree = Watched({"compose.yaml": READ[key].format(f'"{named}"'), **BESIDE})
    assert refused(tree).reason == "RemoteIncludeDenied"
