"""Which process is behind the engine's socket: the engine itself, or what keeps its socket for it."""

from __future__ import annotations

import socket
import struct
from urllib.parse import urlsplit

SECONDS = 1.0
_CREDENTIALS = struct.Struct("3i")  # process, user and group of who listens, as the kernel gives them


def process_behind(url: str) -> int:
    """Its number, 0 where that cannot be told: it is reached over TCP, is away, or is in another process namespace."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(SECONDS)
        try:
            sock.connect(parts.path)
            found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return 0
    return int(_CREDENTIALS.unpack(found)[0])
