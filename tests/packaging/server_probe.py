"""Runs the demo server in this network namespace and prints as JSON how it behaves. A program of test_image.py.

python -m tests.packaging.server_probe FILE COMMAND…
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ADDRESS = ("127.0.0.1", 8080)


@contextmanager
def running(command: Sequence[str], message: str | None = "from the test") -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.environ["PATH"]} | ({} if message is None else {"MESSAGE": message})
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_it_listens()
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until_it_listens() -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(ADDRESS, 10).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def ask(method: str = "GET", body: bytes | None = None) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(*ADDRESS, timeout=30)
    connection.request(method, "/any/path?x=y", body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def exit_code(*command: str) -> int:
    return subprocess.run(command, check=False).returncode


def probe(shown: str, command: Sequence[str]) -> Iterator[tuple[str, object]]:
    yield "check without a server", exit_code(*command, "--check")
    yield "unknown option", exit_code(*command, "--checks")
    with running(command) as server:
        answer, text = ask()
        version = {10: "HTTP/1.0", 11: "HTTP/1.1"}[answer.version]
        first = f"{version} {answer.status} {answer.reason}"
        yield "message", [first, answer.getheader("Content-Type"), answer.getheader("Connection"), text]
        yield "posted", ask("POST", b"y" * 60_000)[1]
        yield "check", exit_code(*command, "--check")
        with socket.create_connection(ADDRESS):
            yield "after a silent client", ask()[1]
        server.send_signal(signal.SIGTERM)
        yield "after SIGTERM", server.wait(30)
    with running(command, message=None):
        yield "default", ask()[1]
    with running([*command, "--file", shown]):
        yield "file", ask()[1]
    with running([*command, "--file", "/no/such/file"]):
        yield "no such file", ask()[1]


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    json.dump(dict(probe(sys.argv[1], sys.argv[2:])), sys.stdout)
