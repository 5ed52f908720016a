"""A reverse proxy in a container, of nothing but this machine's Python: for every request it asks the engine's DNS
where the service is, and takes the next address where one refuses or says nothing, as nginx and Caddy do.

    python reverse.py SERVICE PORT [PATIENCE]

It stands alone: the container has this file and no other of ours.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from functools import partial

LISTEN = 8000
PATIENCE = "10"  # seconds for one address, far less than what nginx takes
LOOKUPS = 3  # while the DNS says that it cannot say for now, as resolvers ask more than once
NOBODY = "HTTP/1.1 502 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def addresses(service: str, port: int) -> list[str]:
    for _ in range(LOOKUPS):
        try:
            found = await asyncio.get_running_loop().getaddrinfo(service, port, family=socket.AF_INET)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                break
        else:
            return list(dict.fromkeys(str(each[4][0]) for each in found))
    return []


async def answer_of(address: str, port: int, patience: float, request: bytes) -> bytes:
    """The whole answer, which is not empty. Raises `OSError`, also where it takes too long."""
    async with asyncio.timeout(patience):
        reader, writer = await asyncio.open_connection(address, port)
        try:
            writer.write(request)
            answer = await reader.read()
        finally:
            writer.close()
    if not answer:
        raise ConnectionAbortedError
    return answer


async def first_answer(service: str, port: int, patience: float, request: bytes) -> bytes:
    """Of the first address that gives one, or that nobody does and why."""
    reasons = []
    for address in await addresses(service, port):
        try:
            return await answer_of(address, port, patience, request)
        except OSError as error:
            reasons.append(type(error).__name__)
    return NOBODY.format(f"No answer: {', '.join(reasons) or 'no address'}").encode()


async def serve(
    service: str, port: int, patience: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(await first_answer(service, port, patience, request))
        await writer.drain()
    writer.close()


async def main(service: str, port: str, patience: str = PATIENCE) -> None:
    server = await asyncio.start_server(partial(serve, service, int(port), float(patience)), "0.0.0.0", LISTEN)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
