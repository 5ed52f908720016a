"""The concrete source and the concrete host, for the commands and for the agent alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from agent.engine import Credentials, Engine, Login, PullProgress
from agent.host import Host
from agent.kinds import make_kinds
from agent.kinds.base import Identity
from agent.kinds.file import SECRETS
from agent.settings import Settings
from agent.source import Source
from agent.source.access import Access
from agent.source.directory import DirectorySource
from agent.source.repository import GitSource
from agent.source.url import parse_url
from agent.statedir import StateDir
from agent.usual import docker_url


def make_engine(
    settings: Settings, environment: Mapping[str, str], observe: Callable[[str, float, str], None] = lambda *_: None
) -> Engine:
    """The door to the engine of this host. `environment` says where Docker's own client has its configuration."""
    logins = {name: Login(one.username, one.password_file) for name, one in settings.registries.items()}
    url = docker_url(settings.docker_host, environment)
    return Engine(url, observe=observe, credentials=Credentials(logins, environment))


def make_host(
    engine: Engine,
    state: StateDir,
    instance: str,
    origin: str,
    on_pull: Callable[[PullProgress], None],
    *,
    secrets_dir: Path = SECRETS,
    stop: Callable[[], bool] = lambda: False,
) -> Host:
    """`stop` says when pulls under way are to be given up."""
    identity = Identity(instance, origin, state.key())
    return Host(make_kinds(engine, identity, state.path, secrets_dir, on_pull=on_pull, stop=stop))


def make_source(settings: Settings, state: StateDir, observe: Callable[[str, float, str], None]) -> Source:
    """A directory where `repo` is one that is no repository, else git. Raises `BadSettings`."""
    path = Path(settings.repo)
    repo = str(path.absolute()) if path.exists() else settings.repo
    if path.is_dir() and not _is_repository(path):
        return DirectorySource(path / settings.path)
    return GitSource(
        repo,
        settings.ref,
        settings.path,
        state.mirror,
        access=_access(repo, settings),
        timeout=float(settings.git.timeout),
        observe=observe,
    )


def _is_repository(path: Path) -> bool:
    """A bare repository or a clone: then its commits are followed, not what lies in the working tree."""
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


def _access(repo: str, settings: Settings) -> Access:
    """The operator's credentials, bound to the host of the repository. A token that is missing now is a mistake."""
    git = settings.git
    remote = parse_url(repo, local=True, insecure=git.insecure_http)
    access = Access(
        host=git.host or (remote.netloc if git.token_file or git.ssh_key else ""),
        username=git.username,
        token_file=str(git.token_file.absolute()) if git.token_file else "",
        identity=str(git.ssh_key or ""),
        known_hosts=str(git.known_hosts or ""),
        insecure=git.insecure_http,
    )
    access.secret()
    return access
