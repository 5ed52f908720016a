"""The command line and the environment of every git that is run, as the git saw them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import BadSettings, Refused, Unreachable
from agent.source.access import Access
from agent.source.git import Git, find_git
from agent.source.process import Limits
from agent.source.repository import GitSource
from agent.source.trouble import MirrorCorrupt, explain
from agent.source.url import Remote
from tests.source.repositories import Repository

Open = Callable[..., GitSource]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[tuple[list[str], dict[str, str]]]]:
    """Puts a recorder in front of git; what it gives are the arguments and the environment of each call."""
    folder = tmp_path / "recorded"
    folder.mkdir()
    recorder = tmp_path / "git"
    recorder.write_text(
        f"#!/bin/sh\ncat /proc/$$/cmdline >{folder}/$$.argv\ncat /proc/$$/environ >{folder}/$$.env\n"
        f'exec {find_git()} "$@"\n'
    )
    recorder.chmod(0o755)
    monkeypatch.setattr("agent.source.repository.find_git", lambda: str(recorder))

    def read() -> list[tuple[list[str], dict[str, str]]]:
        found = []
        for path in sorted(folder.glob("*.argv"), key=lambda path: path.stat().st_mtime_ns):
            argv = path.read_text().split("\0")[2:-1]
            pairs = (pair.split("=", 1) for pair in path.with_suffix(".env").read_text().split("\0")[:-1])
            found.append((argv, dict(pairs)))
        return found

    return read


SETTINGS = """
safe.bareRepository=explicit core.hooksPath=/dev/null core.fsmonitor=false core.symlinks=false
protocol.allow=never protocol.https.allow=always protocol.ssh.allow=always http.followRedirects=false
http.lowSpeedLimit=1000 http.lowSpeedTime=20 transfer.fsckObjects=true fetch.recurseSubmodules=false
submodule.recurse=false gc.auto=0 gpg.program=/bin/false
"""
OPTIONS = [word for setting in SETTINGS.split() for word in ("-c", setting)]


def test_the_command_line_and_the_environment_are_fixed(
    repository: Repository,
    open_source: Open,
    tmp_path: Path,
    recorded: Callable[[], list[tuple[list[str], dict[str, str]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GIT_DIR", "GIT_SSH", "GIT_CONFIG_COUNT", "CANARY_TOKEN", "SSH_AUTH_SOCK", "https_proxy"):
        monkeypatch.setenv(name, "zzCANARY")
    open_source(repository).sync()
    calls = recorded()
    mirror = tmp_path / "state" / "mirror"
    (fetch,) = [argv for argv, _ in calls if "fetch" in argv]
    assert fetch == [
        *OPTIONS,
        *("-c", "protocol.file.allow=always", f"--git-dir={mirror}", "fetch"),
        *("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--"),
        *(str(repository), "+refs/heads/main:refs/windlass/candidate"),
    ]
    (listing,) = [argv for argv, _ in calls if "ls-remote" in argv]
    assert listing[listing.index("ls-remote") :] == [
        *("ls-remote", "--", str(repository), "refs/heads/main", "refs/tags/main", "refs/tags/main^{}")
    ]
    for argv, env in calls:
        assert argv[: len(OPTIONS)] == OPTIONS
        assert "zzCANARY" not in env.values()
        network = "fetch" in argv or "ls-remote" in argv
        assert {name: value for name, value in env.items() if name not in ("PWD", "_", "SHLVL", "OLDPWD")} == {
            "PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": "https:ssh:file" if network else "https:ssh",
            "GIT_SSH_COMMAND": "ssh -F /dev/null -oBatchMode=yes -oStrictHostKeyChecking=yes"
            " -oUserKnownHostsFile=/dev/null -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3"
            " -oIdentityAgent=none -oIdentitiesOnly=yes -oIdentityFile=none",
            "GNUPGHOME": "/nonexistent",
        }


def git(tmp_path: Path, *, seconds: float = 20.0, file_bytes: int = 1 << 24) -> Git:
    return Git(find_git(), Access(), Limits(seconds, file_bytes), lambda verb, seconds, result: None)


@pytest.mark.parametrize("address", ["ext::sh -c touch% {}", "ext://{}"])
def test_git_is_not_even_asked_to_run_a_helper(tmp_path: Path, address: str) -> None:
    """Should the parser ever let one through, gitpython's check and git's own list of protocols are behind it."""
    marker = tmp_path / "pwned"
    remote = Remote("file", address.format(marker))
    with pytest.raises(Refused) as caught:
        git(tmp_path).remote(tmp_path, remote, "ls-remote", "--", remote.address)
    assert caught.value.reason == "UrlSchemeDenied"
    assert not marker.exists()


def test_git_itself_denies_other_transports(tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    with pytest.raises(Refused) as caught:
        git(tmp_path).local(tmp_path, "-c", "protocol.ext.allow=always", "ls-remote", "--", f"ext::touch {marker}")
    assert caught.value.reason == "UrlSchemeDenied"
    assert not marker.exists()


def test_an_address_is_never_an_option(tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    remote = Remote("file", f"--upload-pack=touch {marker}")
    with pytest.raises((Refused, Unreachable)):
        git(tmp_path).remote(tmp_path, remote, "ls-remote", "--", remote.address, "x")
    assert not marker.exists()


def test_a_repository_beyond_the_limit_is_refused_and_the_mirror_goes_on(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    source = open_source(repository, max_bytes=256 << 10)
    source.sync()
    small = repository.tip()
    repository.commit({"large.bin": random.Random(1).randbytes(1 << 20)})
    with pytest.raises(Refused) as caught:
        source.sync()
    assert caught.value.reason == "RepoTooLarge"
    assert not list((tmp_path / "state" / "mirror").glob("objects/pack/tmp_*"))
    repository.git("update-ref", "refs/heads/main", small or "")
    assert source.sync().revision.id == small


def test_no_git_is_said_in_settings_terms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadSettings) as caught:
        find_git()
    assert caught.value.reason == "GitNotFound"


LOCAL = MirrorCorrupt, "MirrorCorrupt"


@pytest.mark.parametrize(
    ("errors", "local", "expected"),
    [
        ("fatal: Authentication failed for 'https://h/x/'", False, (Refused, "GitAuthFailed")),
        ("git@h: Permission denied (publickey).\nfatal: Could not read from remote", False, (Refused, "GitAuthFailed")),
        ("Host key verification failed.", False, (Refused, "HostKeyRejected")),
        ("SSL: no alternative certificate subject name matches target host", False, (Refused, "TlsRejected")),
        ("fatal: unable to access 'x': Could not resolve host: h", False, (Unreachable, "GitFetchFailed")),
        ("remote: Repository not found.\nfatal: repository 'https://h/x' not found", False, (Refused, "RepoNotFound")),
        ("error: Server does not allow request for unadvertised object 1", False, (Refused, "RefNotFound")),
        ("fatal: detected dubious ownership in repository at '/x'", False, (Refused, "GitDubiousOwnership")),
        ("fatal: write error: No space left on device", True, (Refused, "StateWriteFailed")),
        ("fatal: packed object 1 (stored in ./x.pack) is corrupt", False, LOCAL),
        ("fatal: not a git repository: '/m'", True, LOCAL),
        ("fatal: unable to create thread: Resource temporarily unavailable", True, (Unreachable, "GitFailed")),
        ("fatal: Out of memory, malloc failed (tried to allocate 9 bytes)", True, (Unreachable, "GitFailed")),
        ("fatal: packfile ./x.pack cannot be mapped: Cannot allocate memory", False, (Unreachable, "GitFetchFailed")),
        ("error: packfile ./x.pack cannot be accessed: Too many open files", True, (Unreachable, "GitFailed")),
        ("something new", True, LOCAL),
        ("something new", False, (Unreachable, "GitFetchFailed")),
        ("", False, (Unreachable, "GitFetchFailed")),
    ],
)
def test_what_git_says_has_a_meaning(errors: str, local: bool, expected: tuple[type[Exception], str]) -> None:
    trouble = explain("git fetch x", errors, local=local)
    assert (type(trouble), trouble.reason) == expected


def test_what_git_says_is_short_and_on_one_line() -> None:
    errors = "warning: never mind\nfatal: \x1b[31mbad\x07 \u202ename\n" + "x" * 10_000
    said = str(explain("git fetch", errors, local=False))
    assert said.isprintable()
    assert len(said) < 600
    assert said.startswith("git fetch: \\x1b[31mbad")
