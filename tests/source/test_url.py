"""What may be given as an address, a ref and a path. Nothing here opens a socket or starts a process."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.errors import BadSettings
from agent.source.access import Access, login, ssh_command
from agent.source.url import Remote, parse_path, parse_ref, parse_revision, parse_url


@pytest.mark.parametrize(
    ("text", "address", "netloc"),
    [
        ("https://github.com/acme/fleet.git", "https://github.com/acme/fleet.git", "github.com"),
        ("HTTPS://github.com:443/acme/fleet", "https://github.com/acme/fleet", "github.com"),
        ("https://git.example.com:8443/a/b%20c", "https://git.example.com:8443/a/b%20c", "git.example.com:8443"),
        ("https://ada:tok@example.com/x", "https://example.com/x", "example.com"),
        ("https://ghp_token@example.com/x", "https://example.com/x", "example.com"),
        ("ssh://git@example.com:2222/~/x.git", "ssh://git@example.com:2222/~/x.git", "example.com:2222"),
        ("ssh://example.com:22/x", "ssh://example.com/x", "example.com"),
        ("git@github.com:acme/fleet.git", "git@github.com:acme/fleet.git", "github.com"),
        ("host:/srv/git/x.git", "host:/srv/git/x.git", "host"),
        ("/srv/git/x.git", "/srv/git/x.git", ""),
        ("file:///srv/git/x%20y.git", "/srv/git/x y.git", ""),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("http://localhost/x", "http://localhost/x", "localhost"),
    ],
)
def test_what_is_accepted_and_what_git_is_told(text: str, address: str, netloc: str) -> None:
    remote = parse_url(text, local=True, insecure=True)
    assert remote.address == address
    assert remote.netloc == netloc
    assert str(remote) == address


SCHEMES = [
    "ext::sh -c touch% /tmp/pwn",
    "ext://x/y",
    "fd::17",
    "http:::example.com",
    "https::example.com/x",
    "file:///etc",
    "/root/other",
    "../other",
    "other",
    "git://h/x",
    "ftp://h/x",
    "http://169.254.169.254/latest/meta-data",
    "http://127.0.0.1/x",
]
INVALID = [
    "",
    "-oX",
    "--upload-pack=touch /tmp/pwn",
    "-oProxyCommand=touch /tmp/pwn:x",
    "ssh://-oProxyCommand=touch%20/tmp/pwn/x",
    "git@-oX:y",
    "-x@host:y",
    "host:-oX",
    "host@ext::x",
    "host:",
    "@host:x",
    ":x",
    "ssh://user@host:-p/x",
    "ssh://-l@host/x",
    "ssh://user:secret@host/x",
    "ssh://host:0/x",
    "ssh://host:65536/x",
    "ssh://host:/x",
    "https://[::1]:9090/",
    "https:///example.com/x",
    "https://example.com",
    "https://example.com/",
    "https://one.example.com/evil?%0ahost=two.example.com",
    "https://one.example.com/evil%0ahost=two.example.com",
    "https://one.example.com/evil\nhost=two.example.com",
    "https://one.example.com/%00",
    "https://one.example.com/a b",
    "https://one.example.com/a#b",
    "https://one.example.com\\@two.example.com/x",
    "https://a b/x",
]


@pytest.mark.parametrize("text", SCHEMES)
def test_transports_that_nobody_allowed_are_denied(text: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse_url(text)
    assert caught.value.reason == "UrlSchemeDenied"


@pytest.mark.parametrize("text", INVALID)
def test_addresses_that_could_be_misread_are_invalid(text: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse_url(text, local=True, insecure=True)
    assert caught.value.reason == "UrlInvalid"


@pytest.mark.parametrize(
    ("text", "address", "netloc"),
    [
        ("http://git.lan/x", "http://git.lan/x", "git.lan"),
        ("HTTP://git.lan:80/x", "http://git.lan/x", "git.lan"),
        ("http://192.168.1.5:3000/a/b.git", "http://192.168.1.5:3000/a/b.git", "192.168.1.5:3000"),
        ("http://127.0.0.1@git.lan/x", "http://git.lan/x", "git.lan"),
        ("http://localhost/x", "http://localhost/x", "localhost"),
    ],
)
def test_plain_http_is_taken_from_whoever_allows_it(text: str, address: str, netloc: str) -> None:
    remote = parse_url(text, insecure=True)
    assert (remote.scheme, remote.address, remote.netloc) == ("http", address, netloc)
    with pytest.raises(BadSettings, match=r"git\.insecure_http") as caught:
        parse_url(text)
    assert caught.value.reason == "UrlSchemeDenied"


def test_a_password_is_shown_nowhere() -> None:
    remote = parse_url("https://ada:hunter2@example.com/x")
    assert (remote.user, remote.password) == ("ada", "hunter2")
    assert "hunter2" not in f"{remote} {remote!r} {login(remote, Access())!r}"
    for wrong in ("https://ada:hunter2@exa mple/x", "ext://ada:hunter2@h/x", "https://ada:hunter/2@example.com/x y"):
        with pytest.raises(BadSettings) as caught:
            parse_url(wrong)
        assert "hunter" not in str(caught.value)


def test_a_repository_is_the_same_over_any_transport() -> None:
    texts = ["https://GitHub.com/acme/fleet", "ssh://git@github.com/acme/fleet.git", "git@github.com:acme/fleet.git"]
    assert {parse_url(text).identity for text in texts} == {"github.com/acme/fleet"}


WORDS = ("https://", "ssh://", "file://", "ext::", "--upload-pack=", "host", "user", "22", "%2d", "%0a", "..", "::")
pieces = st.sampled_from([*WORDS, *"-@:/ ~[]?#\\\n\0\u202e\u00df"])


@settings(max_examples=200)
@given(st.lists(pieces, max_size=9).map("".join) | st.text(max_size=30))
@example("https://--host/-x")
@example("host:ext::")
def test_no_part_of_an_accepted_address_is_an_option(text: str) -> None:
    try:
        remote = parse_url(text, local=True, insecure=True)
    except BadSettings:
        return
    parts = [remote.address, remote.host, remote.path, remote.user if remote.scheme == "ssh" else ""]
    assert not [part for part in parts if part.startswith("-")]
    assert remote.address.isprintable()
    assert not re.match(r"[A-Za-z0-9+.-]*::", remote.address), "it asks for no helper, by git's own rule"
    if remote.scheme != "file":
        assert parse_url(remote.address, insecure=True).address == remote.address


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("main", ("refs/heads/main", "refs/tags/main")),
        ("release/1.2", ("refs/heads/release/1.2", "refs/tags/release/1.2")),
        ("refs/heads/main", ("refs/heads/main",)),
        ("refs/tags/v1", ("refs/tags/v1",)),
        ("HEAD", ("HEAD",)),
        ("abc123", ("refs/heads/abc123", "refs/tags/abc123")),
    ],
)
def test_refs_that_are_followed(text: str, names: tuple[str, ...]) -> None:
    assert parse_ref(text).names == names


def test_a_full_id_is_a_commit() -> None:
    assert parse_ref("A" * 40).commit == "a" * 40
    assert parse_ref("0" * 64).commit == "0" * 64


BAD_REFS = [
    "",
    "-x",
    "--upload-pack=x",
    "a..b",
    "a\nb",
    "refs/heads/@{u}",
    "a//b",
    "a/",
    "a.lock",
    "a/.b",
    "a b",
    "a:b",
]


@pytest.mark.parametrize("text", [*BAD_REFS, "a/-x", "a.", "x" * 5000, "refs/notes/x", "a^", "a~1", "@", "+a", "ä"])
def test_refs_that_are_refused(text: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse_ref(text)
    assert caught.value.reason == "RefInvalid"
    assert len(str(caught.value)) < 400


@settings(max_examples=60, deadline=None)
@given(st.text("aZ0._/-", min_size=1, max_size=12).map(lambda text: text.replace("//", "/.")))
def test_what_we_take_for_a_ref_git_takes_too(text: str) -> None:
    try:
        names = parse_ref(text).names
    except BadSettings:
        return
    for name in names:
        assert name == "HEAD" or subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0


@pytest.mark.parametrize(("text", "path"), [("", ""), (".", ""), ("./a//b/", "a/b"), ("stacks", "stacks")])
def test_paths_are_made_plain(text: str, path: str) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["/a", "../a", "a/../../b", "a\nb", ".."])
def test_paths_that_lead_out_are_refused(text: str) -> None:
    with pytest.raises(BadSettings):
        parse_path(text)


# --- who gets what ---

HTTPS = Remote("https", "/x", "example.com")


@pytest.mark.parametrize(
    ("remote", "access", "expected"),
    [
        pytest.param(HTTPS, Access(), None, id="nothing"),
        pytest.param(HTTPS, Access(host="example.com", token="t"), ("git", "t"), id="token"),
        pytest.param(HTTPS, Access(host="EXAMPLE.com", username="u", token="t"), ("u", "t"), id="user"),
        pytest.param(HTTPS, Access(host="example.org", token="t"), None, id="another host"),
        pytest.param(HTTPS, Access(host="example.com:8443", token="t"), None, id="another port"),
        pytest.param(HTTPS, Access(host="sub.example.com", token="t"), None, id="a sub-domain"),
        pytest.param(Remote("ssh", "/x", "example.com"), Access(host="example.com", token="t"), None, id="ssh"),
        pytest.param(
            Remote("https", "/x", "example.com", user="u", password="p"),
            Access(host="example.com", token="t"),
            ("u", "p"),
            id="the url goes first",
        ),
    ],
)
def test_a_login_is_for_one_host(remote: Remote, access: Access, expected: tuple[str, str] | None) -> None:
    assert login(remote, access) == expected


def test_the_file_of_a_token_is_read_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    access = Access(host="example.com", token_file=str(file))
    assert login(HTTPS, access) == ("git", "old")
    file.write_text("new\n")
    assert login(HTTPS, access) == ("git", "new")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff", b"a\nb"], ids=str)
def test_a_file_that_gives_no_token_is_told_by_its_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    access = Access(host="example.com", token_file=str(file))
    with pytest.raises(BadSettings, match=f"git.token_file: {file} ") as caught:
        login(HTTPS, access)
    assert caught.value.reason == "AccessInvalid"
    assert login(Remote("https", "/x", "example.org"), access) is None, "another host has no use for it"


def test_a_key_is_for_one_host() -> None:
    access = Access(host="example.com", identity="/k/id", known_hosts="/k/hosts")
    assert "-oIdentityFile=/k/id" in ssh_command(Remote("ssh", "/x", "example.com"), access)
    for other in (Remote("ssh", "/x", "example.org"), None):
        assert "-oIdentityFile=none" in ssh_command(other, access)


@pytest.mark.parametrize(
    "fields",
    [
        {"token": "t"},
        {"token_file": "/t"},
        {"host": "h", "token": "a\nb"},
        {"host": "h", "identity": "/a b"},
        {"host": "h", "identity": "relative"},
        {"known_hosts": "/x/$(touch y)"},
        {"known_hosts": "/x/%d"},
    ],
    ids=str,
)
def test_access_that_would_be_misread_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(BadSettings):
        Access(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("HEAD", ("HEAD",)),
        ("refs/pull/7/head", ("refs/pull/7/head",)),
        ("pull/7/head", ("refs/heads/pull/7/head", "refs/tags/pull/7/head", "refs/pull/7/head")),
    ],
)
def test_any_ref_may_be_looked_at_once(text: str, names: tuple[str, ...]) -> None:
    assert parse_revision(text).names == names


def test_only_branches_and_tags_are_followed() -> None:
    assert parse_ref("pull/7/head").names == ("refs/heads/pull/7/head", "refs/tags/pull/7/head")
    for text in ("refs/pull/7/head", "refs/windlass/good/web"):
        with pytest.raises(BadSettings, match="are followed"):
            parse_ref(text)
