"""Asks a web server over and over, as `python prober.py ADDRESS PORT` in whichever network it is started in, until its
input ends; then it says how often it asked, and how often nobody answered."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.02  # seconds


class Prober:
    """`asked` and `failed` are known once the block is over."""

    asked = failed = 0


@contextmanager
def probing(network: Path, address: str, port: int) -> Iterator[Prober]:
    """Probe while the block runs, from within a network namespace."""
    command = ["nsenter", f"--net={network}", sys.executable, __file__, address, str(port)]
    prober = Prober()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            yield prober
        finally:
            process.stdin.close()
            prober.asked, prober.failed = json.loads(process.stdout.read())


def answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(address: str, port: int) -> None:
    asked = failed = 0
    while True:
        asked += 1
        failed += not answers(address, port)
        if asked == 1:
            os.write(sys.stdout.fileno(), b"begun\n")
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            break
    os.write(sys.stdout.fileno(), json.dumps([asked, failed]).encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
