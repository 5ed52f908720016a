"""What the operator gives to reach a repository, and which of it one remote may have.

The one thing to know: a credential belongs to exactly one host. A repository that moves to another host, or a redirect,
gets none, and the secret reaches git through an inherited file without a name: it is never in an argument, in
the mirror's config or in an environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.errors import BadSettings
from agent.source.url import Remote

ASKPASS = Path(__file__).with_name("askpass.sh")
# ssh splits its options at spaces and expands `%` and `~` in them, so such paths are not taken.
_SSH_PATH = re.compile(r"/[A-Za-z0-9._/@+=:,-]+")


@dataclass(frozen=True)
class Access:
    """`host` (with `:port` unless it is the scheme's own) says whose `token` and `identity` these are.

    A `token_file` is read at each use, as ssh reads the key: what was renewed counts from the next call on.
    `known_hosts` replaces the machine's own file (/etc/ssh/ssh_known_hosts), `ca_file` its certificates. `insecure`
    lets plain http through. Raises `BadSettings` for what git or ssh would misread.
    """

    host: str = ""
    username: str = ""
    token: str = field(default="", repr=False)  # or password
    token_file: str = ""  # in place of `token`
    identity: str = ""  # absolute path of a private key
    known_hosts: str = ""  # absolute path
    ca_file: str = ""  # absolute path
    insecure: bool = False

    def __post_init__(self) -> None:
        if (self.token or self.token_file or self.identity) and not self.host:
            raise BadSettings("a git credential needs the host that it is for", reason="AccessInvalid")
        if not (self.username + self.token).isprintable():
            raise BadSettings("a git user name or token holds a control character", reason="AccessInvalid")
        for path in (self.identity, self.known_hosts, self.ca_file):
            if path and not _SSH_PATH.fullmatch(path):
                raise BadSettings(f"{path!r} must be an absolute path without spaces or '%'", reason="AccessInvalid")

    def secret(self) -> str:
        """The token as it is now; "" where there is none. Raises `BadSettings` for a file that gives none."""
        if not self.token_file:
            return self.token
        try:
            token = Path(self.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _bad_token(self.token_file, f"cannot be read: {error}") from error
        if not token or not token.isprintable():
            raise _bad_token(self.token_file, "is empty, or holds more than one line")
        return token


class Login(NamedTuple):
    """A name and its password or token, which its `repr` hides."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Login(***)"


def login(remote: Remote, access: Access) -> Login | None:
    """What to answer when this remote asks: what its URL holds goes before what is configured for its host.

    Raises `BadSettings` where the file of the token gives none.
    """
    if remote.scheme not in ("https", "http"):
        return None
    if remote.password:
        return Login(remote.user, remote.password)
    if _is_for(remote, access) and (secret := access.secret()):
        return Login(remote.user or access.username or "git", secret)
    return Login(remote.user, "") if remote.user else None


def ssh_command(remote: Remote | None, access: Access) -> str:
    """GIT_SSH_COMMAND: no configuration, no agent, no key and no trusted host but those that are named."""
    offered = access.identity if remote is not None and _is_for(remote, access) else ""
    known = access.known_hosts or "/dev/null"
    options = [
        "ssh -F /dev/null -oBatchMode=yes -oStrictHostKeyChecking=yes",
        f"-oUserKnownHostsFile={known}",
        *(["-oGlobalKnownHostsFile=/dev/null"] if access.known_hosts else []),
        "-oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3",
        f"-oIdentityAgent=none -oIdentitiesOnly=yes -oIdentityFile={offered or 'none'}",
    ]
    return " ".join(options)


@contextmanager
def handed_over(given: Login | None) -> Iterator[int | None]:
    """A file descriptor from which the askpass helper reads the login; None without one."""
    if given is None:
        yield None
        return
    fd = os.memfd_create("windlass-credentials")
    try:
        os.write(fd, f"{given.username}\n{given.password}\n".encode())
        yield fd
    finally:
        os.close(fd)


def _bad_token(file: str, why: str) -> BadSettings:
    return BadSettings(f"git.token_file: {file} {why}", reason="AccessInvalid")


def _is_for(remote: Remote, access: Access) -> bool:
    return bool(access.host) and remote.netloc.lower() == access.host.lower()
