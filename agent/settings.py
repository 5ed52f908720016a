"""What the operator of the host decides: `/etc/windlass/agent.yaml` and the options of the commands.

Scalars are read as the text that stands in the file and made into what the field wants, so `ref: 1.10` is no number
and `NAME: no` is not false.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from agent.errors import BadSettings
from agent.settings_file import File, put
from agent.settings_file import read as read_file

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
SIZE = r"^[0-9]+(\.[0-9]+)?([KMGT]iB|B)$"
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHORTEST_INTERVAL = 0.1


class Duration(float):
    """Seconds; written as a number with a unit: 500ms, 30s, 5m, 1h, 1h30m."""


class Size(int):
    """Bytes; written as a number with a unit: 512MiB, 2GiB."""


def _says(description: str, *examples: str, pattern: str | None = None) -> msgspec.Meta:
    """What a field is for, as `windlass schema` tells it."""
    return msgspec.Meta(description=description, examples=list(examples) or None, pattern=pattern)


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the agent writes to stderr."""

    format: Annotated[
        Literal["console", "json"], _says("The form of the log: for people, or a JSON object a line.")
    ] = "console"
    level: Annotated[Literal["debug", "info", "warning", "error"], _says("The least of what is written.")] = "info"


class GitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the repository is reached. The files of a key and of a token are read at each use."""

    host: Annotated[
        str,
        _says(
            "The host that the key or token is for, and its port unless that is usual; that of `repo` by default.",
            "git.example.com",
        ),
    ] = ""
    timeout: Annotated[Duration, _says("How long one call of git may take.")] = Duration(60)
    ssh_key: Annotated[Path | None, _says("The private key for a repository reached over ssh.")] = None
    known_hosts: Annotated[Path | None, _says("The host keys that are trusted, as ssh keeps them.")] = None
    username: Annotated[str, _says("The name that goes with the token.")] = ""
    token_file: Annotated[Path | None, _says("The file that holds the token for a repository reached over https.")] = (
        None
    )
    insecure_http: Annotated[
        bool,
        _says("Let credentials and content pass over plain http, where anybody on the way can read and change them."),
    ] = False


class RegistrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who the agent is to a registry. The file is read at each use."""

    username: Annotated[str, _says("The name that goes with the password.")]
    password_file: Annotated[Path, _says("The file that holds the password or token: an absolute path.")]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that the operator of a host may set, with what holds when it is not."""

    repo: Annotated[
        str,
        _says(
            "The repository, or a directory, that says what this host should be.", "https://git.example.com/fleet.git"
        ),
    ] = ""
    ref: Annotated[str, _says("Its branch, tag or commit.")] = "main"
    path: Annotated[
        str, _says("The directory inside it that holds the stacks and all that they name: relative, and without `..`.")
    ] = "."
    interval: Annotated[Duration, _says("How often to ask for a new revision.")] = Duration(60)
    listen: Annotated[
        str,
        _says("ADDRESS:PORT for metrics, health and the status page, or nothing for none of them.", "127.0.0.1:9465"),
    ] = "127.0.0.1:9465"
    behind_proxy: Annotated[
        bool, _says("A proxy with TLS stands before it: needed to listen where others can reach it.")
    ] = False
    allowed_hosts: Annotated[tuple[str, ...], _says("Further names under which a request may ask for the pages.")] = ()
    state_dir: Annotated[Path, _says("Where the agent keeps its state: an absolute path.")] = Path("/var/lib/windlass")
    secrets_dir: Annotated[
        Path,
        _says("Where secrets lie while containers use them: an absolute path on a tmpfs, which outlives the agent."),
    ] = Path("/run/windlass/secrets")
    host: Annotated[str, _says("The name of this host; the machine's own by default.")] = ""
    docker_host: Annotated[
        str, _says("The Docker Engine to talk to; the usual socket by default.", "unix:///var/run/docker.sock")
    ] = ""
    instance: Annotated[
        str, _says("Tells apart agents that share one engine.", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")
    ] = "default"
    mode: Annotated[Literal["apply", "plan"], _says("Change the host, or only say what would change.")] = "apply"
    prune: Annotated[bool, _says("Remove the containers and networks of what is no longer in the repository.")] = True
    prune_images: Annotated[
        bool,
        _says(
            "Remove images that the agent pulled since this is set, once no container, no stack and nothing that may"
            " have to come back needs them; never an image that somebody else pulled, built or tagged."
        ),
    ] = False
    allow_build: Annotated[
        bool, _says("Build images from the repository, which runs what stands in it with the engine's rights.")
    ] = False
    variables: Annotated[dict[str, str], _says("The variables that `${…}` in the stacks' files sees.")] = {}
    pulls: Annotated[
        int, msgspec.Meta(description="How many images are pulled at once, over all stacks.", ge=1, le=100)
    ] = 3
    min_free_space: Annotated[
        Size,
        _says(
            "Pull and build no image while the engine has less room than that for its data, or next to no inodes; 0B"
            " for no such limit."
        ),
    ] = Size(512 << 20)
    registries: Annotated[
        dict[str, RegistrySettings],
        _says(
            "Credentials for registries, by HOST or HOST:PORT, docker.io for Docker Hub. For others, those of Docker's"
            " own config.json and of its helpers are used."
        ),
    ] = {}
    log: LogSettings = LogSettings()
    git: GitSettings = GitSettings()


class FreezeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"lasting": "for"}):
    """A window of time in which new content waits. What runs is still put right."""

    cron: Annotated[str, _says("When it begins: minute, hour, day of the month, month, weekday.", "0 22 * * 5")]
    lasting: Annotated[Duration, _says("How long it lasts.")]
    reason: Annotated[str, _says("Why, for whoever meets it in the status.", "weekend")] = ""
    stacks: Annotated[tuple[str, ...], _says("The stacks that it is for; all of them by default.")] = ()
    timezone: Annotated[str, _says("The zone of `cron`; that of the host by default.", "Europe/Berlin")] = ""


class FleetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`windlass.yaml` at the root of a repository. Which stacks go to which hosts is not supported yet."""

    freeze: Annotated[tuple[FreezeSettings, ...], _says("Windows of time in which new content waits.")] = ()


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def load(
    path: Path | None,
    overrides: Mapping[str, Any],
    *,
    hostname: str = "",
    state_dir: Path | None = None,
    secrets_dir: Path | None = None,
) -> Settings:
    """The settings of the file, with `overrides` (dotted keys, None for not given) above them.

    `hostname`, `state_dir` and `secrets_dir` stand in where neither says. Raises `BadSettings` with every mistake,
    one a line.
    """
    read = read_file(path) if path else File("", {}, {})
    given = {key: value for key, value in overrides.items() if value is not None}
    document = read.document
    for key, value in given.items():
        put(document, key.split("."), value)
    document.setdefault("host", hostname)
    for name, directory in (("state_dir", state_dir), ("secrets_dir", secrets_dir)):
        if directory is not None:
            document.setdefault(name, str(directory))
    found = list(mistakes(document, Settings))
    if not found:
        settings = msgspec.convert(document, Settings, strict=False, dec_hook=decode)
        found = list(_contradictions(settings))
        if not found:
            return settings
    raise BadSettings("\n".join(f"{_place(key, read, given)}: {text}" for key, text in found))


def require_repo(settings: Settings) -> str:
    """The repository to follow. Raises `BadSettings` where none is set."""
    if not settings.repo:
        raise BadSettings("repo: no repository is set: say --repo URL, or `repo: URL` in the settings file")
    return settings.repo


def is_in_the_clear(settings: Settings) -> bool:
    """Whether the repository is reached so that others can read and change what comes of it."""
    parts = urlsplit(settings.repo)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def parse_address(text: str) -> Address:
    """ADDRESS:PORT, with an IPv6 address in brackets. Raises `BadSettings`."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BadSettings(f'"{text}" is no ADDRESS:PORT: an IPv6 address goes in brackets, as in [::1]:9465')
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise BadSettings(f'"{text}" is no ADDRESS:PORT such as 127.0.0.1:9465')
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who knows what it means tomorrow
        return False


def _place(key: str, read: File, given: Mapping[str, Any]) -> str:
    if key in given:
        return "--" + re.sub("[._]", "-", key)
    above = key  # where the key is missing, what it is missing in tells the place
    while above and above not in read.places:
        above = above.rpartition(".")[0]
    if above:
        line, column = read.places[above]
        return f"{read.name}:{line}:{column}: {key}"
    return f"{read.name}: {key}" if read.name else key


# --- the values -------------------------------------------------------------------------------------------------


def mistakes(document: Mapping[str, Any], kind: type[msgspec.Struct], above: str = "") -> Iterator[tuple[str, str]]:
    """Every key that is unknown, is missing or holds what it cannot hold, as dotted key and text."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, value in document.items():
        key = f"{above}{name}"
        if name in fields:
            yield from _mistakes_in(key, value, fields[name].type)
        else:
            near = difflib.get_close_matches(name, fields, n=1)
            yield key, f'unknown key, did you mean "{near[0]}"?' if near else "unknown key"
    for name, field in fields.items():
        if field.required and name not in document:
            yield f"{above}{name}", "is missing"


def _mistakes_in(key: str, value: Any, hint: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a field that is one part, a list of parts, or parts under names of the user's own."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    arguments = get_args(bare)
    if _is_part(bare):
        yield from _mistakes_of_one(key, value, bare)
    elif get_origin(bare) is tuple and _is_part(arguments[0]):
        if not isinstance(value, list):
            yield key, "expected a list"
        for number, one in enumerate(value if isinstance(value, list) else ()):
            yield from _mistakes_of_one(f"{key}.{number}", one, arguments[0])
    elif get_origin(bare) is dict and _is_part(arguments[1]) and isinstance(value, Mapping):
        for name, one in value.items():
            yield from _mistakes_of_one(f"{key}.{name}", one, arguments[1])
    else:
        yield from _misfit(key, value, hint)


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _mistakes_of_one(key: str, value: Any, kind: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from mistakes(value, kind, f"{key}.")
    else:
        yield key, "expected keys and values"


def _misfit(key: str, value: Any, hint: Any) -> Iterator[tuple[str, str]]:
    try:
        msgspec.convert(value, hint, strict=False, dec_hook=decode)
    except msgspec.ValidationError as error:
        text = str(error).partition(" - at ")[0].replace("`bool`", "true or false")
        bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        allowed = f" (one of {', '.join(get_args(bare))})" if get_origin(bare) is Literal else ""
        yield key, text[0].lower() + text[1:] + allowed


def decode(kind: type, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text that is not empty")
    return duration(value) if kind is Duration else size(value) if kind is Size else kind(value)


def duration(text: str) -> Duration:
    """Raises `ValueError` for what is no duration."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'"{text}" is no duration such as 500ms, 30s, 5m or 1h30m')
    return Duration(sum(float(number) * _UNITS[unit] for number, unit in parts))


def size(text: str) -> Size:
    """Raises ValueError for what is none."""
    if not re.fullmatch(SIZE, text):
        raise ValueError(f'"{text}" is no size such as 512MiB or 2GiB')
    unit = text.lstrip("0123456789.")
    return Size(float(text.removesuffix(unit)) * _SIZES[unit])


def size_text(number: int) -> str:
    """A size as one writes it, with the largest unit that it is a whole number of."""
    unit = next((name for name, each in reversed(_SIZES.items()) if number and not number % each), "B")
    return f"{number // _SIZES[unit]}{unit}"


def duration_text(seconds: float) -> str:
    """The shortest way to write a duration that has no part of a millisecond."""
    rest, text = round(seconds * 1000), ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, rest = divmod(rest, size)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """What each field may hold but the whole may not."""
    yield from _contradictions_of_listen(settings)
    if settings.interval < _SHORTEST_INTERVAL:
        yield "interval", "is too short: at least 100ms"
    if settings.git.timeout < 1:
        yield "git.timeout", "is too short: at least 1s"
    relative = [name for name in ("state_dir", "secrets_dir") if not getattr(settings, name).is_absolute()]
    yield from ((name, "has to be an absolute path") for name in relative)
    if settings.path.startswith("/") or ".." in settings.path.split("/"):
        yield "path", "is a directory of the repository: relative, and without .."
    for name in ("repo", "ref"):
        if getattr(settings, name).startswith("-"):
            yield name, "must not begin with -"
    if settings.repo.lower().startswith("http://") and not settings.git.insecure_http:
        yield (
            "repo",
            "goes over plain http, where anybody on the way can read and change it: use https,"
            " or set git.insecure_http: true in the settings file",
        )
    for name, registry in settings.registries.items():
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:]+\](:[0-9]+)?", name):
            yield f"registries.{name}", "is no HOST or HOST:PORT of a registry, as images name it"
        if not registry.password_file.is_absolute():
            yield f"registries.{name}.password_file", "has to be an absolute path"
    for name in settings.variables:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            yield f"variables.{name}", "is no name of a variable"


def _contradictions_of_listen(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.listen:
        return
    try:
        address = parse_address(settings.listen)
    except BadSettings as error:
        yield "listen", error.message
        return
    if not is_loopback(address.host) and not settings.behind_proxy:
        yield (
            "listen",
            f"{address.host} is reachable from outside and the pages are not encrypted:"
            " keep 127.0.0.1, or put a TLS proxy in front and set behind_proxy: true",
        )
