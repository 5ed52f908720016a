"""What Compose notes on a container and only its host can tell: the ids of the image and of other containers.

By these `docker compose up` knows a container for one that it would have made just so, and leaves it as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from agent.kinds.base import COMPOSE, IMAGE
from agent.model import Resource

HASH = f"{COMPOSE}config-hash"
MARK = "\\u0000"  # NUL as JSON writes it, before and after the name of a container in `hashed`; no file can hold one


def compose_labels(resource: Resource, image: str, id_of: Callable[[str], str]) -> dict[str, str]:
    """Such labels for a container. `image` is the id of its image, by which Compose sees whether a tag has moved, ""
    where that is not known; `id_of` tells a container's.

    Where the container shares something of others its spec has `hashed`: the text that Compose takes the hash of,
    with their names where their ids belong.
    """
    labels = {IMAGE: image} if image else {}
    if text := resource.spec.get("hashed"):
        parts = [id_of(part) if index % 2 else part for index, part in enumerate(str(text).split(MARK))]
        labels[HASH] = hashlib.sha256("".join(parts).encode()).hexdigest()
    return labels
