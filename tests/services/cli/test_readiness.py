import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from services.cli import readiness
from services.cli.readiness import not_ready, wait_until_ready
from services.cli.run_file import new_run
from shared.errors import DependencyError


class Application(BaseHTTPRequestHandler):
    """Not ready for the first requests, then ready."""

    waits = 0

    def do_GET(self) -> None:
        kind = type(self)
        self.send_response(503 if kind.waits > 0 else 200)
        self.end_headers()
        checks = {"model": "still loads" if kind.waits > 0 else "ready", "database": "ready"}
        self.wfile.write(json.dumps({"checks": checks}).encode())
        kind.waits -= 1

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_only_what_is_missing_is_named(url: str) -> None:
    Application.waits = 1

    assert not_ready(url, "/v1") == {"model": "still loads"}
    assert not_ready(url, "/v1") == {}


def test_nobody_there_is_a_reason_too() -> None:
    assert "refused" in not_ready("http://127.0.0.1:9", "/v1")["http"]


def test_waiting_ends_when_all_are_ready(url: str) -> None:
    Application.waits = 3
    run = new_run(url, ports={}, applications={"backbone": "/v1", "support": "/support"})

    wait_until_ready(run, pytest.fail)

    assert Application.waits < 0


def test_a_long_wait_says_why_and_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Application.waits = 10_000
    monkeypatch.setattr(readiness, "_PATIENCE_S", 0.05)
    run = new_run(url, ports={}, applications={"backbone": "/v1"})
    said: list[str] = []

    with pytest.raises(DependencyError, match=r"backbone is not ready .* model: still loads"):
        wait_until_ready(run, said.append, limit_s=0.3)
    assert said == ["backbone is not ready: model: still loads"]
