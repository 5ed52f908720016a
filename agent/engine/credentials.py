"""Who the agent is to a registry: what its own settings say, then what Docker's own client would use.

All of it is read at each use, so that what was renewed counts from the next pull on, and goes only to the registry that
it is for. Docker's configuration is `config.json` in DOCKER_CONFIG, or in `.docker` of the home directory; it may keep
the secret itself (`auths`), or name a program that does (`credHelpers`, `credsStore`).
"""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from docker import auth
from docker.errors import InvalidRepository
from docker.utils import parse_repository_tag

from agent.errors import Refused

INVALID = "CredentialsInvalid"
HELPER_SECONDS = 10.0
HUB = "docker.io"
HUB_URL = "https://index.docker.io/v1/"  # what Docker's client calls it in its configuration and to its helpers
TOKEN = "<token>"  # noqa: S105 - the name that a helper gives instead of a user's where the secret is a token


class Login(NamedTuple):
    """A name, and the file that holds the password or token that goes with it."""

    username: str
    password_file: Path


@dataclass(frozen=True)
class Credentials:
    """`logins` are the operator's, by registry. `environment` is the agent's: it says where Docker's configuration is,
    and is what helpers run with."""

    logins: Mapping[str, Login] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def header(self, reference: str) -> str | None:
        """What the engine is to show to the registry of an image, None for nothing.

        Raises `Refused` (`CredentialsInvalid`), which names where it was looked and holds no secret.
        """
        found = self._of(registry_of(reference))
        return _encoded(found) if found else None

    def build_header(self) -> str | None:
        """What the engine is to show to whichever registries a build takes images from, None for nothing: what is known
        of each registry that Docker's configuration or the operator names. Raises as `header`, for the operator's."""
        known = {}
        for registry in self._configured():
            with suppress(Refused):  # a helper that fails for one registry is no matter where a build needs another
                known[registry] = self._docker(registry)
        known |= {_plain(name): self._of(_plain(name)) for name in self.logins}
        found = {one["serveraddress"]: one for one in known.values() if one}
        return _encoded(found) if found else None

    def _configured(self) -> list[str]:
        """The registries that Docker's configuration names."""
        _, said = self._configuration()
        return sorted({_plain(name) for part in ("auths", "credHelpers") for name in _mapping(said.get(part))})

    def _of(self, registry: str) -> Mapping[str, str] | None:
        for name, login in self.logins.items():
            if _plain(name) == registry:
                return _authentication(registry, login.username, _password(name, login.password_file))
        return self._docker(registry)

    def _docker(self, registry: str) -> Mapping[str, str] | None:
        file, said = self._configuration()
        asked = HUB_URL if registry == HUB else registry
        helpers = _mapping(said.get("credHelpers"))
        helper = str(helpers.get(asked) or helpers.get(registry) or said.get("credsStore") or "")
        if helper and (found := self._helped(helper, asked)):
            return found
        for name, entry in _mapping(said.get("auths")).items():
            if _plain(name) == registry and (kept := _kept(registry, _mapping(entry), file)):
                return kept
        return None

    def _configuration(self) -> tuple[Path, Mapping[str, Any]]:
        """Docker's configuration and its file; nothing where there is none."""
        directory = self.environment.get("DOCKER_CONFIG")
        home = self.environment.get("HOME")
        if not directory and not home:
            return Path(), {}
        file = Path(directory or f"{home}/.docker") / "config.json"
        try:
            return file, _mapping(json.loads(file.read_text()))
        except (FileNotFoundError, NotADirectoryError):
            return file, {}
        except OSError as error:
            if not directory and isinstance(error, PermissionError):
                return file, {}  # a home that is not for this agent: a unit may well hide it
            raise Refused(f"{file} cannot be read: {error.strerror}", reason=INVALID) from error
        except ValueError as error:
            raise Refused(f"{file} is no JSON: mend it, or name another with DOCKER_CONFIG", reason=INVALID) from error

    def _helped(self, name: str, registry: str) -> Mapping[str, str] | None:
        """What a helper knows of a registry, None where it knows nothing."""
        program = f"docker-credential-{name}"
        try:
            ended = subprocess.run(  # noqa: S603 - the operator's own helper
                [program, "get"],
                input=registry.encode(),
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", **self.environment},
                capture_output=True,
                timeout=HELPER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            text = f"{program} said nothing of {registry} within {HELPER_SECONDS:g} s"
            raise Refused(text, reason=INVALID) from error.with_traceback(None)
        except OSError as error:
            text = f"{program}, which Docker's configuration names, cannot be run: {error.strerror}"
            raise Refused(text, reason=INVALID) from error
        if ended.returncode:
            _complain(program, registry, ended)
            return None
        try:
            said = json.loads(ended.stdout)
            return _authentication(registry, str(said["Username"]), str(said["Secret"]))
        except (ValueError, TypeError, KeyError):
            text = f"{program} said of {registry} what is no user name and secret"
            raise Refused(text, reason=INVALID) from None  # its cause would hold what was said


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def registry_of(reference: str) -> str:
    """The registry of an image, `docker.io` where its reference names none."""
    repository, _ = parse_repository_tag(reference)
    try:
        name, _ = auth.resolve_repository_name(repository)
    except InvalidRepository as error:
        raise Refused(f"{reference} is no reference of an image", reason="InvalidRequest") from error
    return _plain(name)


def _plain(registry: str) -> str:
    """One name for what is written in several ways: with a scheme, with a path, or as the hub's old index."""
    name = registry.removeprefix("https://").removeprefix("http://").partition("/")[0].lower()
    return HUB if name in (f"index.{HUB}", f"registry-1.{HUB}") else name


def _authentication(registry: str, username: str, secret: str) -> dict[str, str]:
    """As the engine takes it."""
    address = HUB_URL if registry == HUB else registry
    if username == TOKEN:
        return {"identitytoken": secret, "serveraddress": address}
    return {"username": username, "password": secret, "serveraddress": address}


def _password(registry: str, file: Path) -> str:
    place = f"registries.{registry}.password_file: {file}"
    try:
        text = file.read_text("utf-8").strip()
    except OSError as error:
        raise Refused(f"{place} cannot be read: {error.strerror}", reason=INVALID) from error
    except UnicodeDecodeError:
        raise Refused(f"{place} is no text", reason=INVALID) from None
    if not text or not text.isprintable():
        raise Refused(f"{place} is empty, or holds more than one line", reason=INVALID)
    return text


def _kept(registry: str, entry: Mapping[str, Any], file: Path) -> Mapping[str, str] | None:
    """What Docker's configuration itself keeps; an empty entry says that a helper keeps it."""
    if token := entry.get("identitytoken"):
        return _authentication(registry, TOKEN, str(token))
    if not entry.get("auth"):
        return None
    try:
        username, colon, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        username = colon = password = ""
    if not colon:
        text = f"{file}: what it keeps for {registry} cannot be read: say docker login {registry} anew"
        raise Refused(text, reason=INVALID)
    return _authentication(registry, username, password.rstrip("\0"))


def _complain(program: str, registry: str, ended: subprocess.CompletedProcess[bytes]) -> None:
    """Raise `Refused` where the helper failed, and nothing where it says that it knows nothing."""
    said = " ".join((ended.stdout or ended.stderr).decode(errors="replace").split())[:200]
    if "credentials not found" in said or "not found in native keychain" in said:
        return
    text = f"{program} failed for {registry}: {said or f'exit code {ended.returncode}'}"
    raise Refused(text, reason=INVALID)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
