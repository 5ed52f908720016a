"""What every request passes before routing: its host is checked, its answer gets the headers, and it is counted."""

from __future__ import annotations

import time
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import BadSettings
from agent.settings import parse_address
from agent.telemetry.labels import OTHER
from agent.telemetry.metrics import Metrics

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Wraps the application. `hosts` are the names, in lower case, that a request may be meant for."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], metrics: Metrics) -> None:
        self._app, self._hosts, self._metrics = app, hosts, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began, status = time.monotonic(), 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app: Any = self._refusal(scope) or self._app
        try:
            await app(scope, receive, send_guarded)
        finally:
            self._metrics.http_request(_route(scope), scope["method"], status, time.monotonic() - began)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        """The answer to a request that is not meant for us: a page elsewhere whose name was made to point here."""
        asked = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(asked) != 1 or not scope["path"].startswith("/"):
            return PlainTextResponse("bad request\n", 400)
        if host_name(asked[0]) not in self._hosts:
            return PlainTextResponse("this server does not go by that name\n", 421)
        return None


def host_name(header: str) -> str:
    """The name in a Host header, in lower case and without port and brackets; "" when it is malformed."""
    header = header.strip().lower()
    has_port = header.rpartition(":")[2].isdigit() and not header.endswith("]") and ":" in header
    try:
        return parse_address(header if has_port else f"{header}:0").host
    except BadSettings:
        return ""


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return route.path if isinstance(route, Route) else OTHER
