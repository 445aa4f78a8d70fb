"""A local server that speaks the OpenAI chat protocol and can misbehave on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PARAGRAPH = " ".join(f"Sentence number {i} says that the road is wet and a car waits on the left." for i in range(1, 9))


@dataclass
class Reply:
    """One answer: a status, headers and a body; ``delay`` seconds before it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0  # seconds between the bytes of the body
    cut: bool = False  # announce more bytes than are sent
    raw: bytes = b""  # sent in the place of everything, status line and headers included


def answer(text: str | None = PARAGRAPH, *, finish: str = "stop", **message: Any) -> Reply:
    """A well-formed completion."""
    body = {
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 120},
    }
    return Reply(body=json.dumps(body).encode())


def failure(status: int, message: str = "no", **headers: str) -> Reply:
    """An error in the protocol's form."""
    return Reply(status, json.dumps({"error": {"message": message, "code": None}}).encode(), headers)


@dataclass
class ChatServer:
    """What the server was asked, and where it is."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0


@contextmanager
def chat_server(reply: Callable[[int, dict[str, Any]], Reply]) -> Iterator[ChatServer]:
    """Serve on 127.0.0.1; ``reply(number, request)`` answers the request with this number, from 0."""
    lock = threading.Lock()
    running = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal running
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(server_state.requests)
                server_state.requests.append(body)
                server_state.headers.append(dict(self.headers))
                running += 1
                server_state.most_at_once = max(server_state.most_at_once, running)
            try:
                given = reply(number, body)
                time.sleep(given.delay)
            finally:
                # Before the client can read its answer: its next request would count as one at the same time.
                with lock:
                    running -= 1
            with suppress(BrokenPipeError, ConnectionResetError):  # The client gave up, as some tests want it to.
                self._answer(given)

        def _answer(self, given: Reply) -> None:
            if given.raw:
                self._send(given.raw, given.drip)
                self.close_connection = True
                return
            self.send_response(given.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(given.body) + (100 if given.cut else 0)))
            self.send_header("Connection", "close")
            for name, value in given.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self._send(given.body, given.drip)
            self.close_connection = True

        def _send(self, data: bytes, drip: float) -> None:
            if not drip:
                self.wfile.write(data)
            for byte in data if drip else b"":
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(drip)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server_state = ChatServer(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server_state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
