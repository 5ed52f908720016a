"""Runs git: fixed arguments, an environment of our own, a deadline, and errors in our words. The only door to git.

gitpython is used for what it does without harm in a process that runs for months: it finds the git executable (its
`GIT_PYTHON_GIT_EXECUTABLE` included) and looks over each address once more before git gets it. Its `Repo` leaks
resources in daemons, as its own README says, and its `Git.execute` always starts from the environment of this process,
knows no limits and on a timeout kills only direct children; so git itself is run by `process.run`.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BadSettings, Refused, Trouble, Unreachable
from agent.source.access import ASKPASS, Access, Login, handed_over, login, ssh_command
from agent.source.process import Ended, Limits, run
from agent.source.trouble import explain
from agent.source.url import Remote

Observe = Callable[[str, float, str], None]  # verb, seconds, "success" or the reason of the trouble
Take = Callable[[bytes], None]

_NOWHERE = "/nonexistent"  # no home, no keyring
_MAX_OUTPUT = 64 << 20
_SETTINGS = (
    "safe.bareRepository=explicit",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "transfer.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "gpg.program=/bin/false",
)


def find_git() -> str:
    """The absolute path of the git executable. Raises `BadSettings` where there is none."""
    try:
        from git.cmd import Git as Found  # looks for git at once, hence here: without one it is an ImportError
    except ImportError as error:
        raise BadSettings("git is not installed or not in PATH", reason="GitNotFound") from error
    path = shutil.which(Found.GIT_PYTHON_GIT_EXECUTABLE or Found.git_exec_name)
    if path is None:
        raise BadSettings("git is not installed or not in PATH", reason="GitNotFound")
    return str(Path(path).absolute())


def command(executable: str, directory: Path, scheme: str, arguments: tuple[str, ...]) -> list[str]:
    """The whole command line. Only `file` and `http` are added to the allowed protocols, and only for such a remote."""
    settings = [*_SETTINGS]
    if scheme in ("file", "http"):
        settings.append(f"protocol.{scheme}.allow=always")
    options = [word for setting in settings for word in ("-c", setting)]
    return [executable, *options, f"--git-dir={directory}", *arguments]


def environment(executable: str, remote: Remote | None, access: Access, credentials: int | None) -> dict[str, str]:
    """All that git sees. `remote` is None for a command that talks to nobody: it gets no key to offer."""
    schemes = ["https", "ssh"] + [scheme for scheme in ("file", "http") if remote and remote.scheme == scheme]
    env = {
        "PATH": f"{Path(executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": _NOWHERE,
        "LC_ALL": "C",  # errors are told apart by their words
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",  # a path is never a pattern
        "GIT_NO_LAZY_FETCH": "1",  # what is not there is not there: nobody is asked for it while we read
        "GIT_ASKPASS": "/bin/false" if credentials is None else str(ASKPASS),
        "GIT_ALLOW_PROTOCOL": ":".join(schemes),
        "GIT_SSH_COMMAND": ssh_command(remote, access),
        "GNUPGHOME": _NOWHERE,
    }
    if credentials is not None:
        env["WINDLASS_CREDENTIALS_FD"] = str(credentials)
    if access.ca_file and remote:
        env["GIT_SSL_CAINFO"] = access.ca_file
    return env


@dataclass(frozen=True)
class Git:
    """git with one operator's access. Safe to use from many threads at once.

    `fds` stay open in every git that is run: the mirror's lock goes there, so that it is not free before a git that
    outlived us has ended. Every call raises `Refused` or `Unreachable`, the latter with `GitTimeout` at the deadline.
    """

    executable: str
    access: Access
    limits: Limits
    observe: Observe
    fds: tuple[int, ...] = ()

    def local(self, directory: Path, *arguments: str, stdin: bytes = b"", take: Take | None = None) -> bytes:
        """Run git on `directory` alone. Returns its output, unless `take` gets it."""
        return self._call(directory, None, arguments, stdin, take)

    def remote(self, directory: Path, remote: Remote, *arguments: str) -> bytes:
        """Run a git that talks to `remote`, whose address is among the arguments, behind `--`."""
        _look_over(remote)
        return self._call(directory, remote, arguments, b"", None)

    def _call(
        self, directory: Path, remote: Remote | None, arguments: tuple[str, ...], stdin: bytes, take: Take | None
    ) -> bytes:
        started = time.monotonic()
        output = bytearray()
        result = "error"
        try:
            self._run(directory, remote, arguments, stdin, take or _collector(output))
            result = "success"
        except Trouble as error:
            result = error.reason
            raise
        finally:
            self.observe(arguments[0], time.monotonic() - started, result)
        return bytes(output)

    def _run(
        self, directory: Path, remote: Remote | None, arguments: tuple[str, ...], stdin: bytes, take: Take
    ) -> None:
        words = command(self.executable, directory, remote.scheme if remote else "", arguments)
        given = login(remote, self.access) if remote else None
        with handed_over(given) as credentials:
            env = environment(self.executable, remote, self.access, credentials)
            fds = (*self.fds, credentials) if credentials is not None else self.fds
            try:
                ended = run(words, env=env, limits=self.limits, take=take, stdin=stdin, fds=fds)
            except OSError as error:
                raise Unreachable(f"git could not be started: {error}", reason="GitFailed") from error
        self._judge(ended, f"git {arguments[0]}" + (f" {remote}" if remote else ""), remote is None, given)

    def _judge(self, ended: Ended, what: str, local: bool, given: Login | None) -> None:
        if ended.timed_out:
            raise Unreachable(f"{what}: no end within {self.limits.seconds:g} s", reason="GitTimeout")
        if ended.code == 0:
            return
        errors = ended.errors
        if ended.code == -signal.SIGXFSZ:
            errors += "file size limit exceeded"
        elif ended.code < 0:
            raise Unreachable(f"{what}: ended by signal {-ended.code}", reason="GitFailed")
        if given and given.password:
            errors = errors.replace(given.password, "***")  # a server may say what it was sent
        raise explain(what, errors, local=local)


def _look_over(remote: Remote) -> None:
    """gitpython's own check for addresses that run programs: a second opinion, should ours ever miss one."""
    from git.cmd import Git as Checks
    from git.exc import UnsafeProtocolError

    try:
        Checks.check_unsafe_protocols(remote.address)
    except UnsafeProtocolError as error:
        raise Refused(f"{remote}: {error}", reason="UrlSchemeDenied") from error


def _collector(output: bytearray) -> Take:
    def take(chunk: bytes) -> None:
        output.extend(chunk)
        if len(output) > _MAX_OUTPUT:
            raise Refused(f"git printed more than {_MAX_OUTPUT >> 20} MiB", reason="GitOutputTooLarge")

    return take
