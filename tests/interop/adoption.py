"""Stacks of the kind that people bring along: what each is, one thing that is changed in it, and what that moves.

`IMAGE` is a small image, `RICH` one that brings volumes, a user and much else along, `SUBNET` the beginning of a subnet
that is nobody else's, `NAME` the name of the project. What is external is called `NAME-outside`.
"""

from __future__ import annotations

from tests.interop.brought import Brought
from tests.interop.services import SERVICES
from tests.interop.surroundings import SURROUNDINGS

BROUGHT: dict[str, Brought] = SERVICES | SURROUNDINGS
