"""What is a secret by its name, and what in a text is one by its looks, masked: the password of a URL, an assignment to
something named like a secret, a private key. Too much masked is a nuisance, too little is a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_EXAMINED = 2000  # characters of a text that are searched for secrets; what is behind them is not shown
_TELLTALE = r"(?:pass|pwd|secret|token|key|cred|private|auth(?!(?:ors?|orized)(?![a-z]))|dsn|salt|cookie|session)"
_TELLTALE_NAME = re.compile(_TELLTALE, re.IGNORECASE)
# What shells and login sessions say of themselves in their environment.
_OF_SHELLS = re.compile(r"\b(?:(?:OLD)?PWD|SSH_AUTH_SOCK|(?:XDG|DBUS)_SESSION_\w+|DESKTOP_SESSION)$")
FLAG = re.compile(rf"--?[\w-]*{_TELLTALE}[\w-]*", re.IGNORECASE)
_HIDDEN_PARTS = (  # in a text: what stays of each, and what is masked behind it
    re.compile(rf"({_TELLTALE}[\w.-]*['\"]?\s*=\s*)\S+", re.IGNORECASE),  # POSTGRES_PASSWORD=…
    re.compile(rf"({FLAG.pattern}\s+)\S+", re.IGNORECASE),  # --password …
)
_OF_A_FILE = (  # what the system says of one, and what was to be done with it
    r"(?:(?:mkdir|open|l?stat|chown|mount) [/'\"]|permission denied|operation not permitted|no such file|file exists"
    r"|read-only file|not a dir|is a dir)"
)
_NAMED = re.compile(  # Authorization: Bearer …, but not /run/secrets/db: permission denied
    rf"(?P<path>(?<![\w./:])/[\w./-]+['\"]?:\s+(?={_OF_A_FILE}))|(?P<name>{_TELLTALE}[\w.-]*['\"]?:\s+).+",
    re.IGNORECASE,
)
_USER_AND_PASSWORD = re.compile(r"(://[^\s:/@]*):\S+@")
_TOKEN_AS_USER = re.compile(r"://[^\s:/@]+@")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_SHORT = 4  # characters; a shorter value is in every text
_LONG = 8  # characters; a value of so many stands in a text for no other reason than that it is meant


def looks_secret(name: str) -> bool:
    """Whether what is called so is to be hidden. The only place where that is decided by a name."""
    return bool(_TELLTALE_NAME.search(_OF_SHELLS.sub("", name)))


def without_secrets(text: str) -> str:
    """The text with what looks like a secret masked. Of a long one only the beginning is looked at, and is left."""
    if len(text) > _EXAMINED:
        text = _whole_words(text)
    if _PRIVATE_KEY.search(text):
        return MASK
    text = _USER_AND_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _TOKEN_AS_USER.sub(f"://{MASK}@", text)
    for pattern in _HIDDEN_PARTS:
        text = pattern.sub(rf"\1{MASK}", text)
    return _NAMED.sub(lambda found: found["path"] or f"{found['name']}{MASK}", text)


def _whole_words(text: str) -> str:
    """The beginning of a long text up to the end of a word: half of a URL would not be seen to hold a password."""
    words = text[:_EXAMINED].rsplit(None, 1)
    return f"{words[0]} …" if len(words) == 2 else f"({len(text)} characters)"


def holds_value(text: str, secret: str) -> bool:
    """Whether the very value stands in the text: a short one as a word of its own, for it may be a part of any."""
    if len(secret) >= _LONG:
        return secret in text
    return len(secret) >= _SHORT and bool(re.search(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", text))


def without_values(text: str, secrets: Iterable[str]) -> str:
    """The text with these very values masked, wherever they stand."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORT:
            text = text.replace(secret, MASK)
    return text
