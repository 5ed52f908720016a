"""Servers on loopback for the tests of the transports: git over HTTP and SSH, one that redirects, one that hangs."""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.serving import serving


@dataclass
class GitHttp:
    """Serves the repositories below `root` through git's own CGI program. What it was asked is in `requests`."""

    root: Path
    login: str = ""  # "user:password", or "" to ask for none
    status: int = 0  # answered to everything instead, when set
    redirect: str = ""  # where everything is redirected to, when set
    on_request: Callable[[], None] = lambda: None
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Authorization
    certificate: Path | None = None  # with its key in one file: TLS is spoken
    port: int = 0

    def url(self, name: str, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}/{name}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        authorization = request.headers.get("Authorization", "")
        self.requests.append((request.path, authorization))
        self.on_request()
        expected = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        if self.redirect:
            _refuse(request, 302, Location=self.redirect + request.path)
        elif self.status:
            _refuse(request, self.status)
        elif self.login and authorization != expected:
            _refuse(request, 401, **{"WWW-Authenticate": 'Basic realm="test"'})
        else:
            self._backend(request)

    def _backend(self, request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        env = {
            "PATH": os.defpath,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REQUEST_METHOD": request.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True, timeout=60)
        head, _, payload = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        request.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(payload)))
        request.end_headers()
        request.wfile.write(payload)


def make_certificate(path: Path, names: str) -> Path:
    """A certificate of its own, and its key, in one file. `names` as in `IP:127.0.0.1,DNS:localhost`."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", f"subjectAltName={names}", "-days", "2", "-keyout", str(path)]
    made = subprocess.run(command, check=True, capture_output=True, timeout=30)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


def _refuse(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", "0")
    request.end_headers()


@contextmanager
def git_http(root: Path, **options: str | Path) -> Iterator[GitHttp]:
    backend = GitHttp(root, **options)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            backend.answer(self)

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def handle(self) -> None:
            with contextlib.suppress(ssl.SSLError, ConnectionError):  # a client that trusts nobody has gone
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged: `requests` has it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    backend.port = server.server_address[1]
    if backend.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(backend.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with server, serving(server):
        yield backend


@contextmanager
def hanging() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []
        stop = threading.Event()
        server.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                try:
                    kept.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()
            for connection in kept:
                connection.close()


@dataclass(frozen=True)
class Ssh:
    port: int
    identity: Path
    known_hosts: Path
    host_key: Path
    user: str


def make_key(path: Path) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return path


def no_ssh() -> str:
    """Why there can be no sshd here; "" when there can."""
    if os.geteuid() != 0:
        return "sshd needs root to look like a server"
    missing = [name for name in ("/usr/sbin/sshd", "ssh", "ssh-keygen") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@contextmanager
def sshd(directory: Path) -> Iterator[Ssh]:
    """An sshd on a free port of loopback that lets one key in."""
    directory.mkdir(mode=0o700)
    host_key, identity = make_key(directory / "host_key"), make_key(directory / "identity")
    allowed = directory / "authorized_keys"
    allowed.write_text(identity.with_suffix(".pub").read_text())
    Path("/run/sshd").mkdir(exist_ok=True)  # where it drops its privileges
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": host_key,
        "AuthorizedKeysFile": allowed,
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
    }
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null"]
    command += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    known = directory / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key.with_suffix('.pub').read_text()}")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield Ssh(port, identity, known, host_key, getpass.getuser())
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
