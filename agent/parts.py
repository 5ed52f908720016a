"""The concrete source and the concrete host, for the commands and for the agent alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from agent.desired import Reader
from agent.engine import Credentials, Engine, Login, PullProgress
from agent.good_images import GoodImages
from agent.host import Host
from agent.jsonfile import JsonFile
from agent.kinds import ImageRules, make_kinds
from agent.kinds.base import Identity
from agent.settings import Settings
from agent.source import Source
from agent.source.access import Access
from agent.source.directory import DirectorySource
from agent.source.git import Observe
from agent.source.repository import GitSource
from agent.source.url import Ref, Remote, parse_url
from agent.stand_ins import ignore, never
from agent.statedir import StateDir
from agent.usual import docker_url


def make_engine(
    settings: Settings, environment: Mapping[str, str], observe: Callable[[str, float, str], None] = ignore
) -> Engine:
    """The door to the engine of this host. `environment` says where Docker's own client has its configuration."""
    logins = {name: Login(one.username, one.password_file) for name, one in settings.registries.items()}
    url = docker_url(settings.docker_host, environment)
    return Engine(url, observe=observe, credentials=Credentials(logins, environment))


def make_host(
    engine: Engine,
    state: StateDir,
    settings: Settings,
    origin: str,
    on_pull: Callable[[PullProgress], None],
    *,
    stop: Callable[[str], bool] = never,
    ending: Callable[[], bool] = never,
) -> Host:
    """`stop` says of an image when its pull is to be given up, `ending` that nobody can wait for anything any more."""
    rules = ImageRules(settings.pulls, settings.min_free_space)
    identity = Identity(settings.instance, origin, state.key())
    kept = GoodImages(JsonFile(state.good_images)).ids if settings.prune and settings.prune_images else None
    kinds = make_kinds(
        engine,
        identity,
        state.path,
        settings.secrets_dir,
        on_pull=on_pull,
        stop=stop,
        ending=ending,
        rules=rules,
        kept=kept,
    )
    return Host(kinds, engine.ping)


def make_reader(settings: Settings, state: StateDir, directory: PurePosixPath | None = None) -> Reader:
    """Of what the agent follows; `directory` is where that lies on this host, if it does."""
    return Reader(
        PurePosixPath(state.path),
        settings.variables,
        default_name=default_name(settings.repo),
        directory=directory,
        secrets_dir=str(settings.secrets_dir),
        key=state.key(),
        allow_build=settings.allow_build,
    )


def make_source(settings: Settings, state: StateDir, observe: Observe) -> Source:
    """A directory where `repo` is one that is no repository, else git. Raises `BadSettings`."""
    path = Path(settings.repo)
    if path.is_dir() and not _is_repository(path):
        return DirectorySource(path / settings.path)
    return make_git_source(settings, settings.ref, state.mirror, observe)


def make_git_source(settings: Settings, ref: str | Ref, mirror: Path, observe: Observe = ignore) -> GitSource:
    """Of the settings' repository at any ref of it, with a mirror of its own. Raises `BadSettings`."""
    return GitSource(
        _located(settings.repo),
        ref,
        settings.path,
        mirror,
        access=_access(remote_of(settings), settings),
        timeout=float(settings.git.timeout),
        observe=observe,
    )


def remote_of(settings: Settings) -> Remote:
    """The address of the settings' repository. Raises `BadSettings`."""
    return parse_url(_located(settings.repo), local=True, insecure=settings.git.insecure_http)


def _located(repo: str) -> str:
    """What lies on this host by its whole path."""
    path = Path(repo)
    return str(path.absolute()) if path.exists() else repo


def default_name(repo: str) -> str:
    """The name of a stack at the root of the repository: that of the repository."""
    return repo.rstrip("/").removesuffix(".git").replace(":", "/").rpartition("/")[2]


def _is_repository(path: Path) -> bool:
    """A bare repository or a clone: then its commits are followed, not what lies in the working tree."""
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


def _access(remote: Remote, settings: Settings) -> Access:
    """The operator's credentials, bound to the host of the repository. A token that is missing now is a mistake."""
    git = settings.git
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
