"""What the operator may give as a repository, a ref and a path, taken apart before any process is started.

The one thing to know: no part of an accepted address begins with `-`, and what git is told (`Remote.address`) never
holds a credential. Everything is refused that git would read as a remote helper (`ext::…`), as an option, or as a
second line of its credential protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from agent.errors import BadSettings
from agent.source.content import escaped

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SCP = re.compile(r"(?:(?P<user>[^@:/]*)@)?(?P<host>[^@:/]*):(?P<path>.*)", re.DOTALL)
_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
COMMIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}


@dataclass(frozen=True)
class Remote:
    """A repository's address. `path` begins with `/` but in the scp form, where it may be relative to a home."""

    scheme: str  # https, http, ssh, file
    path: str
    host: str = ""
    port: int | None = None  # None: the scheme's own
    scp: bool = False
    user: str = field(default="", repr=False)  # over https a lone user is often a token
    password: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """What git is told. Over https the user is left out too: git asks for it, and is told by the askpass helper."""
        if self.scheme == "file":
            return self.path
        if self.scp:
            return f"{self._at}{self.host}:{self.path}"
        return f"{self.scheme}://{self._at}{self.netloc}{self.path}"

    @property
    def netloc(self) -> str:
        """The host, with its port unless that is the scheme's own. Credentials are kept by it."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def identity(self) -> str:
        """Which repository this is, over whatever transport it is reached."""
        return f"{self.host.lower()}/{self.path.strip('/').removesuffix('.git')}"

    @property
    def _at(self) -> str:
        return f"{self.user}@" if self.user and self.scheme == "ssh" else ""

    def __str__(self) -> str:
        return self.address


def parse_url(text: str, *, local: bool = False, insecure: bool = False) -> Remote:
    """The remote that `text` names: an https or ssh URL, or `user@host:path`.

    `local` also lets an absolute path or a file:// URL through, `insecure` also plain http. Raises `BadSettings`,
    reason `UrlSchemeDenied` for a transport that is not allowed and `UrlInvalid` for the rest.
    """
    if not text or text.startswith("-") or _unprintable(text) or _unprintable(unquote(text)):
        raise _bad_url(text, "is empty, begins with '-' or holds a control character")
    if _HELPER.match(text):
        raise _bad_url(text, "asks for a git remote helper; use https:// or ssh://", "UrlSchemeDenied")
    scheme, mark, rest = text.partition("://")
    if not mark:
        return _local(text, text, local) if _is_path(text) else _scp(text)
    match scheme.lower():
        case "file":
            return _local(text, unquote(rest), local)
        case "https" | "ssh":
            return _remote(text, scheme.lower(), rest)
        case "http":
            return _http(text, rest, insecure)
        case _:
            raise _bad_url(text, f"uses the scheme {scheme!r}; use https:// or ssh://", "UrlSchemeDenied")


@dataclass(frozen=True)
class Ref:
    """What is followed: a commit, or the first of `names` that the remote has."""

    text: str
    names: tuple[str, ...] = ()
    commit: str = ""

    def __str__(self) -> str:
        return self.text


def parse_ref(text: str) -> Ref:
    """A branch, a tag, `HEAD`, a full `refs/heads/…` or `refs/tags/…`, or a commit's full id.

    Raises `BadSettings`, reason `RefInvalid`.
    """
    ref = parse_revision(text)
    if ref.names and ref.names[0] == text != "HEAD" and not text.startswith(("refs/heads/", "refs/tags/")):
        raise BadSettings(f"ref '{text}': only refs/heads/… and refs/tags/… are followed", reason="RefInvalid")
    return replace(ref, names=ref.names[:2])


def parse_revision(text: str) -> Ref:
    """What somebody looks at once: as `parse_ref`, or any other ref, such as `pull/123/head`.

    Raises `BadSettings`, reason `RefInvalid`.
    """
    if COMMIT_ID.fullmatch(text.lower()):
        return Ref(text, commit=text.lower())
    if not _REF.fullmatch(text) or ".." in text or text.endswith(".") or not all(map(_is_ref_part, text.split("/"))):
        raise BadSettings(
            f"ref '{escaped(text)}' is no name of a branch or tag and no full commit id", reason="RefInvalid"
        )
    if text == "HEAD" or text.startswith("refs/"):
        return Ref(text, (text,))
    return Ref(text, (f"refs/heads/{text}", f"refs/tags/{text}", f"refs/{text}"))


def parse_path(text: str) -> str:
    """A sub-directory of the repository as `a/b`; "" for its root. Raises `BadSettings`, reason `PathInvalid`."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or _unprintable(text):
        raise BadSettings(f"path '{escaped(text)}' must be a directory inside the repository", reason="PathInvalid")
    return "/".join(parts)


def _is_path(text: str) -> bool:
    """As git decides it: a colon before the first slash makes it the scp form."""
    return ":" not in text.partition("/")[0]


def _local(text: str, path: str, local: bool) -> Remote:
    if not local:
        raise _bad_url(text, "is a path on this machine, which is not allowed here", "UrlSchemeDenied")
    if not path.startswith("/"):
        raise _bad_url(text, "is no URL (https://… or ssh://…), and there is no such directory here")
    return Remote("file", path)


def _http(text: str, rest: str, insecure: bool) -> Remote:
    if not insecure:
        why = "uses http, which anybody on the way can read and change; use https://, or set git.insecure_http"
        raise _bad_url(text, why, "UrlSchemeDenied")
    return _remote(text, "http", rest)


def _remote(text: str, scheme: str, rest: str) -> Remote:
    authority, _, path = rest.partition("/")
    userinfo, _, hostport = authority.rpartition("@")
    host, colon, port = hostport.partition(":")
    if not _NAME.fullmatch(host) or (colon and not _is_port(port)):
        raise _bad_url(text, "has no valid host or port")
    if not path.strip("/") or re.search(r"[\s?#\\]", rest):
        raise _bad_url(text, "has no path, or holds a space, '?', '#' or '\\'")
    user, _, password = (unquote(part) for part in userinfo.partition(":"))
    if scheme == "ssh" and (password or (user and not _NAME.fullmatch(user))):
        raise _bad_url(text, "has a user that ssh does not take, or a password; use a key")
    number = int(port) if colon and int(port) != _DEFAULT_PORTS[scheme] else None
    return Remote(scheme, quote(f"/{path}", safe="/%~!$&'()*+,;=:@"), host, number, user=user, password=password)


def _scp(text: str) -> Remote:
    found = _SCP.fullmatch(text)
    if found is None:
        raise _bad_url(text, "is neither a URL nor user@host:path")
    user, host, path = found["user"] or "", found["host"], found["path"]
    if not _NAME.fullmatch(host) or (found["user"] is not None and not _NAME.fullmatch(user)):
        raise _bad_url(text, "has no valid user or host")
    if not path.strip("/") or path.startswith(("-", ":")):
        raise _bad_url(text, "has no valid path")
    return Remote("ssh", path, host, scp=True, user=user)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def _is_ref_part(part: str) -> bool:
    return bool(part) and not part.startswith((".", "-")) and not part.endswith(".lock")


def _unprintable(text: str) -> bool:
    return not text.isprintable()


def _bad_url(text: str, why: str, reason: str = "UrlInvalid") -> BadSettings:
    """The text is shown without whatever stands before an `@` behind `//`: a password may hold any character."""
    shown = re.sub(r"//.*@", "//***@", text, flags=re.DOTALL)
    return BadSettings(f"repository '{escaped(shown)}' {why}", reason=reason)
