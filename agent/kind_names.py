"""The names of the kinds, as a `Key` has them."""

from __future__ import annotations

from typing import Final

CONTAINER: Final = "container"
FILE: Final = "file"
IMAGE: Final = "image"
NETWORK: Final = "network"
VOLUME: Final = "volume"
KINDS: Final = (CONTAINER, FILE, IMAGE, NETWORK, VOLUME)
