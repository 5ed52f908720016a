"""git over HTTP and SSH as it really goes: who gets credentials, what is refused, and what a hang leaves behind."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import Refused, Trouble, Unreachable
from agent.source.access import Access
from agent.source.repository import GitSource
from tests.source.repositories import Repository
from tests.source.servers import git_http, hanging, make_certificate, make_key, no_ssh, sshd

Open = Callable[..., GitSource]
CANARY = "zzCANARYzz0123456789"


def processes(*, talking_to: int) -> list[tuple[int, bytes, bytes]]:
    """Every process whose arguments name the port: its id, arguments and environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes()
                if str(talking_to).encode() in arguments and entry.name != str(os.getpid()):
                    found.append((int(entry.name), arguments, (entry / "environ").read_bytes()))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def test_a_repository_is_fetched_over_http(repository: Repository, open_source: Open, insecure: Access) -> None:
    with git_http(repository.path.parent) as server:
        source = open_source(server.url("origin.git"), access=insecure)
        assert source.sync().revision.id == repository.tip()
        before = len(server.requests)
        source.sync()
        assert all("upload-pack" in path for path, _ in server.requests[before:])
        assert len(server.requests) - before <= 2, "one listing, no fetch"


def test_a_token_gets_in_and_is_nowhere_to_be_seen(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    seen: list[tuple[int, bytes, bytes]] = []
    with git_http(repository.path.parent, login=f"git:{CANARY}") as server:
        server.on_request = lambda: seen.extend(processes(talking_to=server.port))
        access = Access(host=f"127.0.0.1:{server.port}", token=CANARY, insecure=True)
        assert open_source(server.url("origin.git"), access=access).sync().revision.id == repository.tip()
    assert seen, "git was looked at while it ran"
    assert not [one for one in seen if CANARY.encode() in one[1] + one[2]]
    written = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]
    assert CANARY not in repr(access)


def test_a_renewed_token_counts_at_once(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    with git_http(repository.path.parent, login="git:old") as server:
        access = Access(host=f"127.0.0.1:{server.port}", token_file=str(file), insecure=True)
        source = open_source(server.url("origin.git"), access=access)
        source.sync()
        server.login = f"git:{CANARY}"
        with pytest.raises(Refused) as caught:
            source.sync()
        assert caught.value.reason == "GitAuthFailed"
        file.write_text(CANARY)
        assert source.sync().revision.id == repository.tip()


def test_a_login_in_the_url_is_split_off(repository: Repository, open_source: Open, insecure: Access) -> None:
    seen: list[tuple[int, bytes, bytes]] = []
    with git_http(repository.path.parent, login=f"ada@example.com:{CANARY}") as server:
        server.on_request = lambda: seen.extend(processes(talking_to=server.port))
        url = f"http://ada%40example.com:{CANARY}@127.0.0.1:{server.port}/origin.git"
        source = open_source(url, access=insecure)
        assert source.sync().revision.id == repository.tip()
        assert seen, "git was looked at while it ran"
        assert not [one for one in seen if CANARY.encode() in one[1] + one[2]]
        server.login = "somebody:else"
        repository.commit({"compose.yaml": b"{}"})
        with pytest.raises(Refused) as caught:
            source.sync()
    assert caught.value.reason == "GitAuthFailed"
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("host", ["", "127.0.0.1", "git.example.com", "127.0.0.1:1"])
def test_a_token_of_another_host_is_not_offered(repository: Repository, open_source: Open, host: str) -> None:
    with git_http(repository.path.parent, login=f"git:{CANARY}") as server:
        access = Access(host=host, token=CANARY if host else "", insecure=True)
        with pytest.raises(Refused) as caught:
            open_source(server.url("origin.git"), access=access).sync()
    assert caught.value.reason == "GitAuthFailed"
    assert {authorization for _, authorization in server.requests} == {""}


def test_a_redirect_is_not_followed(repository: Repository, open_source: Open) -> None:
    with git_http(repository.path.parent) as other, git_http(repository.path.parent) as server:
        server.redirect = f"http://127.0.0.1:{other.port}"
        access = Access(host=f"127.0.0.1:{server.port}", token=CANARY, insecure=True)
        with pytest.raises(Refused) as caught:
            open_source(server.url("origin.git"), access=access).sync()
    assert caught.value.reason == "GitRedirect"
    assert other.requests == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(401, (Refused, "GitAuthFailed"), id="unauthorised"),
        pytest.param(403, (Refused, "GitAuthFailed"), id="forbidden"),
        pytest.param(404, (Refused, "RepoNotFound"), id="not found"),
        pytest.param(500, (Unreachable, "GitFetchFailed"), id="broken"),
        pytest.param(503, (Unreachable, "GitFetchFailed"), id="overloaded"),
    ],
)
def test_what_a_server_answers_has_a_reason(
    repository: Repository,
    open_source: Open,
    insecure: Access,
    status: int,
    expected: tuple[type[Trouble], str],
) -> None:
    kind, reason = expected
    results: list[tuple[str, str]] = []
    with git_http(repository.path.parent) as server:
        source = open_source(
            server.url("origin.git"), access=insecure, observe=lambda verb, _, result: results.append((verb, result))
        )
        known = source.sync()
        server.status = status
        with pytest.raises(kind) as caught:
            source.sync()
        assert caught.value.reason == reason
        assert results[-1] == ("ls-remote", reason)
        assert source.last() is known
        server.status = 0
        assert source.sync() is known


def test_nobody_there_is_unreachable(open_source: Open, insecure: Access) -> None:
    with git_http(Path("/nonexistent")) as server:
        gone = server.port
    for url in (f"http://127.0.0.1:{gone}/x.git", "https://nowhere.invalid/x.git"):
        with pytest.raises(Unreachable) as caught:
            open_source(url, access=insecure).sync()
        assert caught.value.reason == "GitFetchFailed"


def test_a_server_that_hangs_is_given_up_with_all_its_children(open_source: Open, insecure: Access) -> None:
    with hanging() as port:
        started = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            open_source(f"http://127.0.0.1:{port}/x.git", access=insecure, timeout=1.0).sync()
        assert caught.value.reason == "GitTimeout"
        assert 1.0 <= time.monotonic() - started < 15
        assert processes(talking_to=port) == []


def test_https_is_spoken_with_certificates_only(open_source: Open, tmp_path: Path) -> None:
    """A server that does not speak TLS is no reason to fall back to anything."""
    with git_http(tmp_path) as server:
        with pytest.raises(Unreachable):
            open_source(f"https://127.0.0.1:{server.port}/x.git").sync()
        assert server.requests == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_certificate_must_be_known_and_of_the_host(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    ours = make_certificate(tmp_path / "ours.pem", "IP:127.0.0.1")
    theirs = make_certificate(tmp_path / "theirs.pem", "IP:127.0.0.1")
    with git_http(repository.path.parent, certificate=ours, login=f"git:{CANARY}") as server:
        host = f"127.0.0.1:{server.port}"
        access = Access(host=host, token=CANARY, ca_file=str(ours))
        assert open_source(server.url("origin.git"), access=access).sync().revision.id == repository.tip()
        asked = len(server.requests)
        for url, ca_file in [
            (server.url("origin.git"), ""),
            (server.url("origin.git"), str(theirs)),
            (server.url("origin.git", "localhost"), str(ours)),
        ]:
            with pytest.raises(Refused) as caught:
                open_source(url, access=Access(host=host, token=CANARY, ca_file=ca_file)).sync()
            assert caught.value.reason == "TlsRejected", url
        assert len(server.requests) == asked


# --- ssh ---

needs_sshd = pytest.mark.skipif(bool(no_ssh()), reason=no_ssh())


@needs_sshd
def test_a_repository_is_fetched_over_ssh(repository: Repository, open_source: Open, tmp_path: Path) -> None:
    with sshd(tmp_path / "ssh") as server:
        access = Access(
            host=f"127.0.0.1:{server.port}", identity=str(server.identity), known_hosts=str(server.known_hosts)
        )
        url = f"ssh://{server.user}@127.0.0.1:{server.port}{repository}"
        source = open_source(url, access=access)
        assert source.sync().revision.id == repository.tip()
        pushed = repository.commit({"compose.yaml": b"{}"})
        assert source.sync().revision.id == pushed


@needs_sshd
def test_ssh_refuses_strange_hosts_and_offers_no_strange_keys(
    repository: Repository, open_source: Open, tmp_path: Path
) -> None:
    with sshd(tmp_path / "ssh") as server:
        host = f"127.0.0.1:{server.port}"
        url = f"ssh://{server.user}@{host}{repository}"
        changed = tmp_path / "changed_hosts"
        other = make_key(tmp_path / "other")
        changed.write_text(f"[127.0.0.1]:{server.port} {other.with_suffix('.pub').read_text()}")
        known, identity = str(server.known_hosts), str(server.identity)
        table = [
            (Access(host=host, identity=identity), "HostKeyRejected"),
            (Access(host=host, identity=identity, known_hosts=str(changed)), "HostKeyRejected"),
            (Access(host=host, identity=str(other), known_hosts=known), "GitAuthFailed"),
            (Access(host="127.0.0.1", identity=identity, known_hosts=known), "GitAuthFailed"),
            (Access(known_hosts=known), "GitAuthFailed"),
        ]
        for access, reason in table:
            with pytest.raises(Refused) as caught:
                open_source(url, access=access).sync()
            assert caught.value.reason == reason, access
