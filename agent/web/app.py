"""The routes. Each answers from a snapshot; none changes anything, and none touches the engine or the repository."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from agent.telemetry.metrics import Metrics
from agent.telemetry.overview import Overview
from agent.web.guard import Guard
from agent.web.page import Page

Ready = Callable[[], tuple[bool, list[str]]]


def make_app(
    metrics: Metrics,
    overview: Callable[[], Overview],
    ready: Ready,
    hosts: frozenset[str],
    clock: Callable[[], float],
) -> ASGIApp:
    """The whole application, its guard included. `clock` gives seconds since the epoch."""
    answers = _Answers(metrics, overview, ready, clock)
    app = Starlette(
        routes=[
            Route("/", answers.page),
            Route("/metrics", answers.metrics),
            Route("/healthz", answers.alive),
            Route("/readyz", answers.ready),
            Route("/api/v1/status", answers.status),
            Route("/static/style.css", answers.style),
        ]
    )
    app.router.redirect_slashes = False
    return Guard(app, hosts, metrics)


class _Answers:
    """One method a route. They run in the server's own thread and must not wait for anything."""

    def __init__(
        self, metrics: Metrics, overview: Callable[[], Overview], ready: Ready, clock: Callable[[], float]
    ) -> None:
        self._metrics, self._overview, self._ready, self._clock = metrics, overview, ready, clock
        self._page = Page()
        self._style = (Path(__file__).parent / "static" / "style.css").read_bytes()

    async def page(self, _: Request) -> Response:
        return HTMLResponse(self._page.render(self._overview(), self._clock()))

    async def metrics(self, request: Request) -> Response:
        content_type, body = self._metrics.render(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def alive(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(self, _: Request) -> Response:
        is_ready, reasons = self._ready()
        body = msgspec.json.encode({"ready": is_ready, "reasons": [_code(reason) for reason in reasons]})
        return Response(body, 200 if is_ready else 503, media_type="application/json")

    async def status(self, _: Request) -> Response:
        return Response(msgspec.json.encode(self._overview()), media_type="application/json")

    async def style(self, _: Request) -> Response:
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "max-age=300"})


def _code(reason: str) -> str:
    """Only a code is said to whoever asks: no text, for it could hold a path or a name."""
    return reason if re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,63}", reason) else "Unknown"
