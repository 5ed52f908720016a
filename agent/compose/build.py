"""How the image of a service is built, where the file says that it is: `build`."""

from __future__ import annotations

import re
from typing import Any, Final

from agent.compose.amounts import EXACT_SIZE
from agent.compose.elements import EXTRA_HOSTS, LABELS, ULIMIT, mapped
from agent.compose.findings import At, did_you_mean
from agent.compose.merge import before_equals
from agent.compose.nodes import BROKEN, Map, Seq
from agent.compose.scalars import go_text
from agent.compose.shapes import (
    BOOLEAN,
    TEXT,
    Field,
    Shape,
    is_text,
    list_of,
    mapping_of,
    one_or_list,
    pairs,
    record,
    wrong,
)
from agent.compose.stores import BUILD_SECRETS

PULL_POLICIES: Final = ("always", "never", "missing", "if_not_present", "build", "refresh", "daily", "weekly")
_PULL_POLICY = re.compile(rf"{'|'.join(PULL_POLICIES)}|every_([0-9]+[wdhms])+")
_REMOTE: Final = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
_PAIRS: Final = pairs(null=None)


def is_local(context: str) -> bool:
    """Whether a build context is a directory of the project, and no repository, archive, image or service."""
    return not ("://" in context or context.startswith(("service:", *_REMOTE)))


def _read_contexts(value: Any, at: At) -> Any:
    """`NAME: context`, or a list of `NAME=context`."""
    contexts = _PAIRS.read(value, at)
    if contexts is BROKEN:
        return contexts
    for name in contexts:
        if contexts[name] is None:
            at.of(contexts, name).problem("names no context", f"write {name}=CONTEXT")
    return contexts


def _read_ssh(value: Any, at: At) -> Any:
    """`ID: path`, or a list of `ID=path`; only of `default` may the path be left to the user's own agent."""
    keys = _PAIRS.read(value, at)
    if keys is not BROKEN and isinstance(value, Seq):
        for key in keys:
            if keys[key] is None and key != "default":
                at.of(keys, key).problem(f"{at.shown(key)} has no path", f"write {key}=PATH, or default")
    return keys


def _write_ssh(keys: Map) -> list[str]:
    """Alone stands only what may be read alone."""
    return [f"{key}={keys[key] or ''}" if keys[key] or key != "default" else key for key in sorted(keys)]


def _read_attestation(value: Any, at: At) -> Any:
    return value if is_text(value) else go_text(value) if isinstance(value, bool) else wrong(value, "a string", at)


def _short(value: Any, at: At) -> Any:
    return mapped(at, context=value) if is_text(value) else wrong(value, "a string or a mapping", at)


def _read_pull_policy(value: Any, at: At) -> Any:
    """Compose looks for the words anywhere in the text; whoever runs the service is more exact."""
    if not is_text(value):
        return wrong(value, "a string", at)
    if _PULL_POLICY.search(value):
        return value
    return at.problem(
        f"{at.shown(value)} is not one of {', '.join(PULL_POLICIES)} or every_ with a duration such as every_12h",
        did_you_mean(value, PULL_POLICIES),
    )


PULL_POLICY: Final = Shape("a string", _read_pull_policy)

_ATTESTATION: Final = Shape("a string or a boolean", _read_attestation)
_TEXTS: Final = list_of(TEXT)

BUILD: Final = record(
    {
        "context": Field(TEXT),
        "dockerfile": Field(TEXT),
        "dockerfile_inline": Field(TEXT),
        "entitlements": Field(_TEXTS),
        "args": Field(_PAIRS),
        "provenance": Field(_ATTESTATION),
        "sbom": Field(_ATTESTATION),
        "ssh": Field(Shape("a mapping or a list", _read_ssh, _write_ssh, _PAIRS.merge)),
        "labels": Field(LABELS),
        "cache_from": Field(_TEXTS),
        "cache_to": Field(_TEXTS),
        "no_cache": Field(BOOLEAN),
        "no_cache_filter": Field(one_or_list(TEXT), since="5.5"),
        "additional_contexts": Field(Shape("a mapping or a list", _read_contexts, _PAIRS.write, _PAIRS.merge)),
        "pull": Field(BOOLEAN),
        "extra_hosts": Field(EXTRA_HOSTS),
        "isolation": Field(TEXT),
        "network": Field(TEXT),
        "target": Field(TEXT),
        "secrets": Field(BUILD_SECRETS),
        "shm_size": Field(EXACT_SIZE),
        "tags": Field(list_of(TEXT, key=before_equals)),
        "ulimits": Field(mapping_of(ULIMIT)),
        "platforms": Field(_TEXTS),
        "privileged": Field(BOOLEAN),
    },
    short=_short,
    expects="a string or a mapping",
)
