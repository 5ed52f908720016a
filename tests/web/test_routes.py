"""What each address answers, to whom, and with which headers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agent.telemetry.overview import Overview, SourceStatus
from tests.telemetry.made import BROKEN, REVISION, change, did, done, failed
from tests.web.conftest import Site, parsed

CANARY = "hunter2"


def test_alive(site: Site) -> None:
    answer = site.ask("/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("ready", "status", "body"),
    [
        ((True, []), 200, {"ready": True, "reasons": []}),
        ((False, ["EngineUnavailable"]), 503, {"ready": False, "reasons": ["EngineUnavailable"]}),
        ((False, [f"/srv/{CANARY}", ""]), 503, {"ready": False, "reasons": ["Unknown", "Unknown"]}),
    ],
    ids=["ready", "not ready", "no code"],
)
def test_ready(site: Site, ready: tuple[bool, list[str]], status: int, body: object) -> None:
    site.ready = ready
    answer = site.ask("/readyz")
    assert (answer.status, json.loads(answer.body)) == (status, body)


def test_status_is_the_overview(site: Site) -> None:
    site.overview = site.overview.with_report(did(done(change()))).with_report(failed(BROKEN, stack="db"))
    answer = site.ask("/api/v1/status")
    assert answer.headers["content-type"] == "application/json"
    assert Overview.from_document(json.loads(answer.body)) == site.overview


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text;version=x", "application/openmetrics-text"),
    ],
)
def test_metrics_in_the_form_that_is_asked_for(site: Site, accept: str, content_type: str) -> None:
    answer = site.ask("/metrics", Accept=accept)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(content_type)
    assert (b"# EOF" in answer.body) is content_type.startswith("application")


def test_requests_are_counted_by_the_route_never_by_the_path(make_site: Callable[..., Site]) -> None:
    site = make_site()
    for path in ("/healthz", "/healthz?a=1", "/nowhere/1", "/nowhere/2"):
        site.ask(path)
    site.ask("/healthz", host="evil.com")
    site.ask("/healthz", method="BREW")
    text = site.ask("/metrics").body.decode()
    assert 'windlass_http_requests_total{code="200",method="GET",route="/healthz"} 2.0' in text
    assert 'windlass_http_requests_total{code="404",method="GET",route="other"} 2.0' in text
    assert 'windlass_http_requests_total{code="421",method="GET",route="other"} 1.0' in text
    assert 'windlass_http_requests_total{code="405",method="other",route="/healthz"} 1.0' in text
    assert "nowhere" not in text


PATHS = ["/", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/static/style.css"]


@pytest.mark.parametrize("path", [*PATHS, "/nowhere"])
def test_every_answer_is_guarded(site: Site, path: str) -> None:
    for answer in (site.ask(path), site.ask(path, host="evil.com"), site.ask(path, method="POST")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "script" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_there_is_only_reading(site: Site, path: str, method: str) -> None:
    assert site.ask(path, method=method).status == 405


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(site: Site, path: str) -> None:
    head, get = site.ask(path, method="HEAD"), site.ask(path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


HOSTS = [
    *[("localhost", 200), ("LOCALHOST:9465", 200), ("127.0.0.1", 200), ("127.0.0.1:1", 200), ("[::1]:9465", 200)],
    *[("[::1]", 200), ("windlass.example", 200), ("evil.com", 421), ("127.0.0.1.evil.com", 421), ("localhost.", 421)],
    *[("evil.com:9465", 421), ("localhost:80:80", 421), ("localhost@evil.com", 421), ("localhost:99999", 421)],
    *[("192.168.0.1", 421), ("127.0.0.2", 421), ("::1", 421), ("[::1", 421), ("localhost evil.com", 421)],
]


@pytest.mark.parametrize(("host", "status"), HOSTS, ids=[host for host, _ in HOSTS])
def test_only_names_of_ours_are_answered(site: Site, host: str, status: int) -> None:
    assert site.ask("/healthz", host=host).status == status


RAW = [
    pytest.param(b"GET /healthz HTTP/1.1\r\n\r\n", 400, id="no host"),
    pytest.param(b"GET /healthz HTTP/1.0\r\n\r\n", 400, id="no host, as of old"),
    pytest.param(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n\r\n", 400, id="two hosts"),
    pytest.param(
        b"GET http://evil.com/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400, id="whole URL"
    ),
    pytest.param(b"GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400, id="asterisk"),
    pytest.param(b"nonsense\r\n\r\n", 400, id="no HTTP"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000, 400, id="long header"),
]


@pytest.mark.parametrize(("request_", "status"), RAW)
def test_what_is_no_proper_request_is_refused(site: Site, request_: bytes, status: int) -> None:
    with site.connect() as connection:
        connection.sendall(request_)
        assert parsed(connection.recv(65536)).status == status


ODD_PATHS = [
    *["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/", "/static", "//healthz"],
    *["/static/style.css/", "/static/style.css%00", "/healthz/", "/healthz;a", "/healthz%2f", "/HEALTHZ", "/\\healthz"],
    *[
        "/api/v1/..%2f..%2fetc%2fpasswd",
        "/api/v1/status/x",
        "/%00",
        "/" + "a" * 8000,
        "/..",
        "/%ff",
        "/templates/index.html",
    ],
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=[path[:30] for path in ODD_PATHS])
def test_paths_lead_nowhere_but_to_the_routes(site: Site, path: str) -> None:
    answer = site.ask(path)
    assert (answer.status, answer.body) == (404, b"Not Found")


def test_health_and_metrics_tell_no_secret(site: Site) -> None:
    source = SourceStatus(url="https://git.example/a.git", ref="main")
    site.overview = Overview(source=source).with_report(failed(BROKEN))
    site.metrics.source(f"https://{CANARY}:{CANARY}@git.example/a.git?{CANARY}", "main", REVISION)
    site.metrics.fetch(f"/srv/{CANARY}/fleet.git", "success", 1.0)
    for path in ("/healthz", "/readyz", "/metrics", "/nowhere"):
        assert CANARY.encode() not in site.ask(path).body


def test_a_bug_is_answered_and_the_server_lives(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.overview = None  # type: ignore[assignment]
    answer = site.ask("/")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert "Traceback" in caplog.text
    assert site.ask("/healthz").status == 200
