"""Settings: what the file and the options say, and where exactly they are wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadSettings
from agent.settings import (
    Settings,
    is_in_the_clear,
    is_loopback,
    load,
    parse_address,
    require_repo,
    size_text,
)
from agent.usual import default_secrets_dir, default_state_dir


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    return path


def test_everything_has_a_default() -> None:
    settings = load(None, {}, hostname="edge-01", state_dir=Path("/var/tmp/x"))
    assert settings == Settings(host="edge-01", state_dir=Path("/var/tmp/x"))
    assert (settings.ref, settings.path, settings.interval, settings.listen) == ("main", ".", 60.0, "127.0.0.1:9465")


def test_the_file_says(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
repo: https://git.example/fleet.git
ref: 1.10
interval: 1h30m
host: db-1
prune: false
variables: {DOMAIN: example.org, PORT: 8080, DEBUG: no, EMPTY: ""}
allowed_hosts: [windlass.example.org]
log: {format: json}
git:
  timeout: 30s
  ssh_key: /etc/windlass/key
  token_file: ~
""",
    )
    settings = load(path, {}, hostname="edge-01")
    assert (settings.ref, settings.interval, settings.host, settings.prune) == ("1.10", 5400.0, "db-1", False)
    assert settings.variables == {"DOMAIN": "example.org", "PORT": "8080", "DEBUG": "no", "EMPTY": ""}
    assert settings.allowed_hosts == ("windlass.example.org",)
    assert (settings.log.format, settings.log.level) == ("json", "info")
    assert (settings.git.timeout, settings.git.ssh_key) == (30.0, Path("/etc/windlass/key"))
    assert settings.git.token_file is None


def test_options_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "ref: main\ninterval: 60s\nlog: {level: debug, format: json}\n")
    options = {"ref": "next", "interval": None, "log.format": "console", "prune": False, "git.timeout": "5s"}
    settings = load(path, options)
    assert (settings.ref, settings.interval, settings.prune, settings.git.timeout) == ("next", 60.0, False, 5.0)
    assert (settings.log.format, settings.log.level) == ("console", "debug")


WRONG = [
    pytest.param("refs: main", 'AGENT:1:1: refs: unknown key, did you mean "ref"?', id="unknown key, a near one"),
    pytest.param("zzz: 1", "AGENT:1:1: zzz: unknown key", id="unknown key"),
    pytest.param(
        "git:\n  tiemout: 3s", 'AGENT:2:3: git.tiemout: unknown key, did you mean "timeout"?', id="unknown key within"
    ),
    pytest.param(
        "interval: 60", 'AGENT:1:1: interval: "60" is no duration such as 500ms, 30s, 5m or 1h30m', id="no unit"
    ),
    pytest.param("interval: 0s", "AGENT:1:1: interval: is too short: at least 100ms", id="interval of nothing"),
    pytest.param("prune: perhaps", "AGENT:1:1: prune: expected true or false, got `str`", id="no truth value"),
    pytest.param(
        "mode: dry", "AGENT:1:1: mode: invalid enum value 'dry' (one of apply, plan)", id="not one of the values"
    ),
    pytest.param("log: json", "AGENT:1:1: log: expected keys and values", id="text for a section"),
    pytest.param("ref: main\nref: next", "AGENT:2:1: ref: stands there twice", id="twice"),
    pytest.param("- repo", "AGENT:1:1: expected keys and values, such as `repo: URL`", id="a list"),
    pytest.param("repo: [", "AGENT:2:1: expected the node content, but found '<stream end>'", id="no YAML"),
    pytest.param("state_dir: here", "AGENT:1:1: state_dir: has to be an absolute path", id="relative state"),
    pytest.param("secrets_dir: here", "AGENT:1:1: secrets_dir: has to be an absolute path", id="relative secrets"),
    pytest.param(
        "path: ../x", "AGENT:1:1: path: is a directory of the repository: relative, and without ..", id="path leaves"
    ),
    pytest.param("ref: --upload-pack=x", "AGENT:1:1: ref: must not begin with -", id="an option for git"),
    pytest.param("variables: {A-B: x}", "AGENT:1:13: variables.A-B: is no name of a variable", id="variable's name"),
    pytest.param(
        "listen: 0.0.0.0:9465",
        "AGENT:1:1: listen: 0.0.0.0 is reachable from outside and the pages are not encrypted:"
        " keep 127.0.0.1, or put a TLS proxy in front and set behind_proxy: true",
        id="listens to everybody",
    ),
    pytest.param(
        "listen: here", 'AGENT:1:1: listen: "here" is no ADDRESS:PORT such as 127.0.0.1:9465', id="no address"
    ),
    pytest.param("git: {ssh_key: ''}", "AGENT:1:7: git.ssh_key: expected a text that is not empty", id="empty path"),
    pytest.param(
        "registries: {r.example: {username: u, passwordfile: /x}}",
        'AGENT:1:39: registries.r.example.passwordfile: unknown key, did you mean "password_file"?\n'
        "AGENT:1:14: registries.r.example.password_file: is missing",
        id="a registry's key",
    ),
    pytest.param(
        "registries: {r.example: secret}",
        "AGENT:1:14: registries.r.example: expected keys and values",
        id="a registry's password in its place",
    ),
    pytest.param(
        "registries: {https://r.example/: {username: u, password_file: x}}",
        "AGENT:1:14: registries.https://r.example/: is no HOST or HOST:PORT of a registry, as images name it\n"
        "AGENT:1:48: registries.https://r.example/.password_file: has to be an absolute path",
        id="a registry's address",
    ),
    pytest.param("pulls: 0", "AGENT:1:1: pulls: expected `int` >= 1", id="no pulls at all"),
    pytest.param(
        "min_free_space: 512",
        'AGENT:1:1: min_free_space: "512" is no size such as 512MiB or 2GiB',
        id="a size without a unit",
    ),
    pytest.param("a: &a [*a]", "AGENT:1:4: nested too deep", id="a list of itself"),
    pytest.param("a: &a {b: *a}", "AGENT:1:8: a.b.b.b.b: nested too deep", id="a mapping of itself"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text + "\n")
    with pytest.raises(BadSettings) as error:
        load(path, {})
    assert error.value.message == message.replace("AGENT", str(path))


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("1.5KiB", 1536), ("512MiB", 512 << 20), ("2GiB", 2 << 30), ("1TiB", 1 << 40)]
)
def test_a_size_has_a_unit(tmp_path: Path, text: str, size: int) -> None:
    assert load(written(tmp_path, f"min_free_space: {text}\n"), {}).min_free_space == size
    assert text == "1.5KiB" or size_text(size) == text


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "refs: main\nmode: dry\ngit: {timeout: soon}\n")
    with pytest.raises(BadSettings) as error:
        load(path, {})
    assert [line.split(": ")[0].removeprefix(str(path)) for line in error.value.message.splitlines()] == [
        ":1:1",
        ":2:1",
        ":3:7",
    ]


def test_a_mistake_in_an_option_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"^--log-format: invalid enum value"):
        load(written(tmp_path, "log: {format: json}"), {"log.format": "xml"})
    with pytest.raises(BadSettings, match=r"^--state-dir: has to be"):
        load(None, {"state_dir": "x"})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"nowhere.yaml: cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml", {})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSettings, match="is no UTF-8 text"):
        load(tmp_path / "bytes", {})


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# later\n"), {}) == load(None, {})


def test_a_proxy_in_front_lets_it_listen() -> None:
    assert load(None, {"listen": "0.0.0.0:9465", "behind_proxy": True}).listen == "0.0.0.0:9465"
    assert load(None, {"listen": ""}).listen == ""


def test_plain_http_has_to_be_wanted() -> None:
    with pytest.raises(BadSettings, match="plain http"):
        load(None, {"repo": "http://git.example/fleet.git"})
    assert load(None, {"repo": "http://git.example/fleet.git", "git.insecure_http": True}).git.insecure_http


def test_running_needs_a_repository() -> None:
    assert require_repo(load(None, {"repo": "/srv/fleet.git"})) == "/srv/fleet.git"
    with pytest.raises(BadSettings, match="--repo"):
        require_repo(load(None, {}))


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_mistake(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(BadSettings):
        assert isinstance(load(path, {}), Settings)


DURATIONS: list[tuple[str, Any]] = [
    *[("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("1h", 3600.0), ("1h30m", 5400.0), ("1.5s", 1.5)],
    *[("", None), ("5", None), ("5 m", None), ("-5m", None), ("5d", None), ("m", None), ("1e3s", None)],
]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS, ids=[repr(text) for text, _ in DURATIONS])
def test_durations(text: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(BadSettings, match="--interval"):
            load(None, {"interval": text})
    else:
        assert load(None, {"interval": text}).interval == seconds


ADDRESSES: list[tuple[str, Any]] = [
    ("127.0.0.1:9465", ("127.0.0.1", 9465)),
    ("[::1]:0", ("::1", 0)),
    ("localhost:80", ("localhost", 80)),
    *[(text, None) for text in ("", "9465", ":9465", "::1:9465", "h:", "h:65536", "h:-1", "h:²", "[]:1")],
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES, ids=[repr(text) for text, _ in ADDRESSES])
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    if address is None:
        with pytest.raises(BadSettings):
            parse_address(text)
    else:
        assert parse_address(text) == address
        assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)],
        *[("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("127.0.0.1.evil.com", False)],
    ],
)
def test_what_is_reachable_from_outside(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here


@pytest.mark.parametrize(
    ("uid", "environment", "path"),
    [
        (0, {"XDG_STATE_HOME": "/x"}, "/var/lib/windlass"),
        (1000, {"HOME": "/home/anna"}, "/home/anna/.local/state/windlass"),
        (1000, {"HOME": "/home/anna", "XDG_STATE_HOME": "/x"}, "/x/windlass"),
        (1000, {"HOME": "/home/anna", "XDG_STATE_HOME": "relative"}, "/home/anna/.local/state/windlass"),
    ],
    ids=["root", "user", "user with XDG", "user with a relative XDG"],
)
def test_where_state_goes(uid: int, environment: dict[str, str], path: str) -> None:
    assert default_state_dir(uid, environment) == Path(path)


@pytest.mark.parametrize(
    ("uid", "environment", "found"),
    [
        (0, {}, "/run/windlass/secrets"),
        (0, {"XDG_RUNTIME_DIR": "/run/user/0"}, "/run/windlass/secrets"),
        (1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/windlass/secrets"),
        (1000, {}, "/run/windlass/secrets"),
        (999, {"RUNTIME_DIRECTORY": "/run/windlass-a:/run/b", "XDG_RUNTIME_DIR": "/x"}, "/run/windlass-a/secrets"),
    ],
)
def test_where_secrets_go_when_nobody_says(uid: int, environment: dict[str, str], found: str) -> None:
    assert default_secrets_dir(uid, environment) == Path(found)


@pytest.mark.parametrize(
    ("repo", "clear"),
    [
        ("http://git.lan/x", True),
        ("HTTP://git.lan/x", True),
        ("http://127.0.0.1@git.lan/x", True),
        ("http://127.0.0.1:3000/x", False),
        ("http://[::1]/x", False),
        ("https://git.lan/x", False),
        ("git@git.lan:x", False),
        ("/srv/http://x", False),
    ],
)
def test_which_repositories_come_in_the_clear(repo: str, clear: bool) -> None:
    assert is_in_the_clear(load(None, {"repo": repo, "git.insecure_http": True})) is clear
