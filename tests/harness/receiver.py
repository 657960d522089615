"""The receiver of webhooks: it remembers all it was sent, and does not always say thank you."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UNAVAILABLE = 0.2
"""The share of requests that are refused with 503, unread by anybody."""

SILENT = 0.1
"""The share of requests that are taken and not answered: the sender must send them again."""


class Received:
    """What came, by idempotency key: every body, and how many were acknowledged."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.bodies: dict[str, list[bytes]] = {}
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.unanswered = 0

    def take(self, key: str, body: bytes) -> HTTPStatus | None:
        """What to answer; None is a connection that breaks."""
        with self._lock:
            chance = self._random.random()
            if chance < UNAVAILABLE:
                self.refused += 1
                return HTTPStatus.SERVICE_UNAVAILABLE
            self.bodies.setdefault(key, []).append(body)
            if chance < UNAVAILABLE + SILENT:
                self.unanswered += 1
                return None
            self.acknowledged.add(key)
            return HTTPStatus.NO_CONTENT

    @property
    def requests(self) -> int:
        """How many were taken, repeated ones included."""
        return sum(len(bodies) for bodies in self.bodies.values())


@contextmanager
def receiver(seed: int) -> Iterator[tuple[str, Received]]:
    """A receiver on 127.0.0.1: its URL, and what it received."""
    received = Received(seed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = received.take(self.headers["idempotency-key"], body)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="receiver", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
