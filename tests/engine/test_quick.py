"""The short way of the usual reads: every shape of an answer, and every way in which one can be none."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from docker.errors import APIError

from agent.engine.deadline import Deadline
from agent.engine.quick import Quick, _Answer
from agent.engine.transport import demultiplexed, last_said

OK = b"HTTP/1.1 200 OK\r\n"
UPGRADE = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: close\r\n\r\n"


class Peer:
    """Answers each question with the next of the `answers`, None for the end of the connection."""

    def __init__(self, path: Path, answers: tuple[bytes | None, ...]) -> None:
        self.connections, self.asked, self._answers = 0, list[bytes](), iter(answers)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # it is closed
            self.connections += 1
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        while question := connection.recv(65536):
            self.asked.append(question)
            answer = next(self._answers, None)
            if answer is None:
                return
            for piece in answer.split(b"|"):
                connection.sendall(piece)
                time.sleep(0.01)  # so that the pieces come one by one
            if b"close" in answer or b"ength" not in answer.replace(b"chunked", b"Length"):
                return


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[Quick, Peer]]]:
    made: list[Peer | Quick] = []

    def begin(*answers: bytes | None) -> tuple[Quick, Peer]:
        peer = Peer(tmp_path / "s", answers)
        quick = Quick(f"unix://{tmp_path}/s", Deadline(time.monotonic))
        made.extend([quick, peer])
        return quick, peer

    yield begin
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 5\r\n\r\nhello",
        OK + b"content-length: 5\r|\n\r\nhe|llo",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe|\r\n3\r\nllo\r\n0\r\n\r\n",
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"\r\nhel|lo",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["length", "in pieces", "chunked", "closing", "until the end", "of old"],
)
def test_an_answer_is_read_to_its_end_and_the_next_question_is_asked_all_the_same(
    serve: Callable[..., tuple[Quick, Peer]], answer: bytes
) -> None:
    quick, _ = serve(answer, answer)
    assert [quick.get("/a"), quick.get("/b")] == [b"hello", b"hello"]


def test_one_connection_is_kept_where_the_other_end_keeps_it(serve: Callable[..., tuple[Quick, Peer]]) -> None:
    kept, closed = OK + b"Content-Length: 1\r\n\r\nx", OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx"
    quick, peer = serve(kept, kept, closed, kept)
    for path in ("/1", "/2", "/3", "/4?filters=x"):
        quick.get(path)
    assert peer.connections == 2
    assert peer.asked[-1] == b"GET /4?filters=x HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_connection_that_was_closed_while_nobody_asked_is_made_anew(serve: Callable[..., tuple[Quick, Peer]]) -> None:
    kept = OK + b"Content-Length: 1\r\n\r\nx"
    quick, peer = serve(kept, None, kept)
    assert [quick.get("/1"), quick.get("/2")] == [b"x", b"x"]
    assert peer.connections == 2


def test_a_connection_that_is_cut_within_an_answer_is_not_asked_again(serve: Callable[..., tuple[Quick, Peer]]) -> None:
    quick, peer = serve(OK + b"Content-Length: 1\r\n\r\nx", OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhe")
    quick.get("/1")
    with pytest.raises(requests.exceptions.ConnectionError):
        quick.get("/2")
    assert peer.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        OK + b"Content-Length: 5\r\nConnection: close\r\n\r\nhe",
        OK + b"Conn|close",
        b"nonsense, close\r\n\r\n",
        UPGRADE,
    ],
    ids=["nothing", "cut in the body", "cut in the head", "nonsense", "another protocol"],
)
def test_what_is_no_whole_answer_is_a_broken_connection_and_the_next_one_is_another(
    serve: Callable[..., tuple[Quick, Peer]], answer: bytes | None
) -> None:
    quick, peer = serve(answer, OK + b"Content-Length: 1\r\n\r\nx")
    with pytest.raises(requests.exceptions.ConnectionError):
        quick.get("/a")
    assert quick.get("/b") == b"x"
    assert peer.connections == 2


def test_a_refusal_is_that_of_the_sdk(serve: Callable[..., tuple[Quick, Peer]]) -> None:
    said = b'{"message": "no such container"}'
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    quick, _ = serve(head % len(said) + said, OK + b"Content-Length: 1\r\n\r\nx")
    with pytest.raises(APIError, match="no such container") as refused:
        quick.get("/a")
    assert refused.value.status_code == 404
    assert quick.get("/b") == b"x", "the connection is as good as before"


def test_what_was_read_is_gone_at_once_and_not_left_for_the_collector(
    serve: Callable[..., tuple[Quick, Peer]],
) -> None:
    """Of hundreds of answers a look this would be most of what an agent holds."""
    quick, _ = serve(*[OK + b"Content-Length: 1\r\n\r\nx"] * 3)
    gc.collect()
    gc.disable()
    try:
        for path in ("/1", "/2", "/3"):
            quick.get(path)
        assert not [one for one in gc.get_objects() if isinstance(one, _Answer)]
    finally:
        gc.enable()


# --- what has no end ------------------------------------------------------------------------------------------------


def frame(text: bytes) -> bytes:
    return b"\x01\0\0\0" + len(text).to_bytes(4) + text


@pytest.mark.parametrize("size", [1, 3, 8, 11, 1000])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (frame(b"one ") + frame(b"two ") + frame(b"three"), b"one two three"),
        (b"written on a terminal", b"written on a terminal"),
        (b"short", b"short"),
        (frame(b"one ") + frame(b"cut")[:-1], b"one cu"),
        (b"", b""),
    ],
    ids=["frames", "no frames", "short", "cut", "nothing"],
)
def test_a_log_is_the_same_in_whatever_pieces_it_comes(raw: bytes, said: bytes, size: int) -> None:
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert last_said(pieces) == demultiplexed(raw) == said


def test_of_a_log_without_end_the_last_of_it_is_kept() -> None:
    pieces = (frame(b"%06d" % number) for number in range(1000))
    assert last_said(pieces, most=18) == b"000997000998000999"
