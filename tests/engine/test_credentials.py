"""Who the agent is to a registry: from its settings, from Docker's configuration, and from the helpers named there."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from agent.engine import Credentials, Engine, Login
from agent.engine.credentials import registry_of
from agent.errors import Refused
from tests.engine.fake import FakeEngine

HUB_URL = "https://index.docker.io/v1/"
SECRET = "s3cret-canary"


def kept(username: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def docker_says(home: Path, said: Any) -> Credentials:
    """The credentials of an agent whose `.docker` holds the configuration."""
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(said if isinstance(said, str) else json.dumps(said))
    return Credentials(environment={"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin"})


def helper(home: Path, name: str, script: str) -> None:
    (home / "bin").mkdir(exist_ok=True)
    file = home / "bin" / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def shown(credentials: Credentials, reference: str) -> dict[str, str] | None:
    header = credentials.header(reference)
    found: dict[str, str] | None = json.loads(base64.urlsafe_b64decode(header)) if header else None
    return found


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("redis", "docker.io"),
        ("acme/app:1", "docker.io"),
        ("index.docker.io/acme/app", "docker.io"),
        ("docker.io/acme/app", "docker.io"),
        ("localhost/x", "localhost"),
        ("r.example:5000/x:1", "r.example:5000"),
        ("GHCR.io/acme/x@sha256:" + "0" * 64, "ghcr.io"),
    ],
)
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry


def test_the_settings_come_before_dockers_configuration_and_only_for_their_registry(tmp_path: Path) -> None:
    file = tmp_path / "password"
    docker = docker_says(tmp_path, {"auths": {"r.example": kept("theirs"), "other.example": kept("other")}})
    credentials = Credentials({"R.example": Login("ours", file)}, docker.environment)
    for password in ("one", "two"):  # read at each use
        file.write_text(f"{password}\n")
        assert shown(credentials, "r.example/x:1") == {
            "username": "ours", "password": password, "serveraddress": "r.example",
        }  # fmt: skip
    assert (shown(credentials, "other.example/x") or {})["username"] == "other"
    assert shown(credentials, "r.example:5000/x") is None
    assert "one" not in repr(credentials)


def test_a_build_is_shown_what_is_known_of_every_registry(tmp_path: Path) -> None:
    """By its address, the settings first; a helper that fails for one of them keeps no build from another."""
    file = tmp_path / "password"
    file.write_text("x")
    helper(tmp_path, "fails", "echo the vault is sealed >&2; exit 1")
    says = {
        "auths": {"r.example": kept("theirs"), "https://other.example/v1/": kept("other")},
        "credHelpers": {"sealed.example": "fails"},
    }
    docker = docker_says(tmp_path, says)
    header = Credentials({"r.example": Login("ours", file), "docker.io": Login("me", file)}, docker.environment)
    found = json.loads(base64.urlsafe_b64decode(header.build_header() or ""))
    assert {address: one["username"] for address, one in found.items()} == {
        "r.example": "ours", "other.example": "other", HUB_URL: "me",
    }  # fmt: skip
    assert all(one["serveraddress"] == address for address, one in found.items())
    assert Credentials().build_header() is None
    file.unlink()
    with pytest.raises(Refused):
        header.build_header()


def test_the_settings_know_docker_hub_by_its_names(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("x")
    for name in ("docker.io", "index.docker.io"):
        found = shown(Credentials({name: Login("me", file)}), "redis:7")
        assert found == {"username": "me", "password": "x", "serveraddress": HUB_URL}


@pytest.mark.parametrize("name", ["r.example", "https://r.example", "https://r.example/v1/", "http://r.example/v2/"])
def test_docker_writes_a_registry_in_several_ways(tmp_path: Path, name: str) -> None:
    credentials = docker_says(tmp_path, {"auths": {name: kept("me")}})
    assert shown(credentials, "r.example/x") == {"username": "me", "password": SECRET, "serveraddress": "r.example"}


def test_docker_keeps_tokens_and_the_hub_under_its_old_name(tmp_path: Path) -> None:
    said = {"auths": {HUB_URL: {"identitytoken": "t"}, "r.example": {}}}
    credentials = docker_says(tmp_path, said)
    assert shown(credentials, "redis") == {"identitytoken": "t", "serveraddress": HUB_URL}
    assert shown(credentials, "r.example/x") is None


def test_where_dockers_configuration_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.example": kept("me")}}))
    there = Credentials(environment={"DOCKER_CONFIG": str(tmp_path), "HOME": "/nowhere"})
    assert shown(there, "r.example/x")
    assert shown(Credentials(environment={"HOME": str(tmp_path)}), "r.example/x") is None
    assert shown(Credentials(), "r.example/x") is None


def test_a_helper_is_asked_for_its_registry_and_another_for_all_the_others(tmp_path: Path) -> None:
    say = 'echo "{\\"Username\\":\\"$0\\",\\"Secret\\":\\"$(cat)\\"}"'
    helper(tmp_path, "own", say)
    helper(tmp_path, "store", say)
    said = {"credHelpers": {"own.example": "own"}, "credsStore": "store", "auths": {"r.example": kept("never")}}
    credentials = docker_says(tmp_path, said)
    for reference, name, asked in (
        ("own.example/x", "own", "own.example"),
        ("r.example/x", "store", "r.example"),
        ("redis", "store", HUB_URL),
    ):
        found = shown(credentials, reference) or {}
        assert (Path(found["username"]).name, found["password"]) == (f"docker-credential-{name}", asked)


def test_a_helper_may_give_a_token_or_know_nothing(tmp_path: Path) -> None:
    helper(tmp_path, "token", """echo '{"Username":"<token>","Secret":"t"}'""")
    helper(tmp_path, "empty", "echo credentials not found in native keychain; exit 1")
    helpers = {"token.example": "token", "empty.example": "empty"}
    credentials = docker_says(tmp_path, {"credHelpers": helpers, "auths": {"empty.example": kept("kept")}})
    assert shown(credentials, "token.example/x") == {"identitytoken": "t", "serveraddress": "token.example"}
    assert (shown(credentials, "empty.example/x") or {})["username"] == "kept"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"auths": {"r.example": {"auth": "!" + SECRET}}}, "config.json: what it keeps for r.example cannot be read"),
        ({"auths": {"r.example": {"auth": base64.b64encode(SECRET.encode()).decode()}}}, "cannot be read"),
        ("{", "config.json is no JSON"),
        ({"credsStore": "nonesuch"}, "docker-credential-nonesuch, which Docker's configuration names, cannot be run"),
        ({"credsStore": "fails"}, "docker-credential-fails failed for r.example: the vault is sealed"),
        ({"credsStore": "babbles"}, "docker-credential-babbles said of r.example what is no user name and secret"),
        ({"credsStore": "sleeps"}, "docker-credential-sleeps said nothing of r.example within 0.3 s"),
    ],
)
def test_what_cannot_be_read_is_told_without_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Any, words: str
) -> None:
    monkeypatch.setattr("agent.engine.credentials.HELPER_SECONDS", 0.3)
    helper(tmp_path, "fails", "echo the vault is sealed >&2; exit 1")
    helper(tmp_path, "babbles", f"echo {SECRET}")
    helper(tmp_path, "sleeps", "exec sleep 20")
    with pytest.raises(Refused) as caught:
        docker_says(tmp_path, said).header("r.example/x")
    assert caught.value.reason == "CredentialsInvalid"
    assert words in caught.value.message
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("", "is empty"), ("a\nb", "more than one")])
def test_a_password_that_cannot_be_read_is_told_with_its_file(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Refused) as caught:
        Credentials({"r.example": Login("me", file)}).header("r.example/x")
    assert f"registries.r.example.password_file: {file}" in caught.value.message
    assert words in caught.value.message


def test_a_mistake_in_dockers_configuration_keeps_nobody_from_the_engine(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"r.example": {"auth": "!"}, "x": 1}, "HttpHeaders": 7}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    fake.answers = {"/info": lambda request: request.say({"Driver": "x"})}
    engine = Engine(fake.url)
    assert engine.info() == {"Driver": "x"}
    engine.close()
