"""From the documents of some files to one canonical model, in Compose's own order.

Of each document: variables filled in, `extends` resolved, what it takes away of the ones before, read, `include`,
laid over the ones before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.compose import merge as merging
from agent.compose.documents import Document
from agent.compose.extends import Extender
from agent.compose.findings import At
from agent.compose.include import include
from agent.compose.interpolate import interpolated
from agent.compose.library import Scope
from agent.compose.nodes import Map
from agent.compose.resets import without
from agent.compose.schema import DOCUMENT

_SECTIONS: Final = ("services", "networks", "volumes", "secrets", "configs", "models")


class Assembled(NamedTuple):
    """The canonical model with every section, and the `x-` keys of the top level."""

    model: Map
    extensions: Map


def assemble(documents: Sequence[Document], scope: Scope) -> Assembled:
    """Brings documents together, at least one.

    What a document leaves out may stand in one before it, so the whole is read once more when there are several: the
    canonical form is itself valid Compose.
    """
    extender = Extender(scope)
    first, *others = documents
    model, extensions = _read(first, scope, extender, partial=False)
    for document in others:
        other = _read(document, scope, extender, partial=True)
        model = merging.merged(without(model, document.resets), other.model, DOCUMENT.merge)
        extensions = merging.deep(without(extensions, document.resets), other.extensions)
    if others:
        model = DOCUMENT.read(model, At("", model.place, scope.findings))
    for section in _SECTIONS:
        if model.get(section) is None:
            model[section] = Map(model.place)
    return Assembled(model, extensions)


def _read(document: Document, scope: Scope, extender: Extender, *, partial: bool) -> Assembled:
    """One document in canonical form, with what it extends and includes. `partial`: others stand before it."""
    filled = interpolated(document.root, scope.environment, scope.findings)
    whole = extender.extended(Document(filled, document.resets))
    at = At("", whole.place, scope.findings, partial)
    own = Map(whole.place)
    extensions = Map(whole.place)
    for key, value in whole.items():
        if key != "include":
            (extensions if key.startswith("x-") and key != "x-windlass" else own).put_from(whole, key, value)
    if "version" in whole:
        at.of(whole, "version").warn("says nothing to Compose any more", "leave it out")
    model: Map = DOCUMENT.read(own, at)
    if whole.get("include") is not None:
        include(whole["include"], model, scope, at.of(whole, "include"), _included)
    return Assembled(model, extensions)


def _included(documents: Sequence[Document], scope: Scope) -> Map:
    return assemble(documents, scope).model
