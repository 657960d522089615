import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from services.cli.platform import readiness
from services.cli.platform.readiness import not_ready, wait_until_ready
from services.cli.platform.run_file import new_run
from shared.errors import DependencyError


class Application(BaseHTTPRequestHandler):
    """Not ready for the first requests, then ready."""

    waits = 0
    keys: ClassVar[list[str | None]] = []
    missing: ClassVar[dict[str, str]] = {"model": "still loads"}

    def do_GET(self) -> None:
        kind = type(self)
        kind.keys.append(self.headers["authorization"])
        ready = kind.waits <= 0
        kind.waits -= 1  # before the answer, which the test goes on from
        self.send_response(200 if ready else 503)
        self.end_headers()
        checks = {**({} if ready else kind.missing), "database": "ready"}
        self.wfile.write(json.dumps({"checks": checks}).encode())

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
    assert not_ready(url, "/v1", "bny_a") == {}
    assert Application.keys[-2:] == [None, "Bearer bny_a"]


def test_nobody_there_is_a_reason_too() -> None:
    assert "refused" in not_ready("http://127.0.0.1:9", "/v1")["http"]


def test_waiting_ends_when_all_are_ready(url: str) -> None:
    Application.waits = 3
    run = new_run(url, ports={}, applications={"backbone": "/v1", "support": "/support"})

    assert wait_until_ready(run, pytest.fail) == {}

    assert Application.waits < 0


def test_a_long_wait_says_why_and_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Application.waits = 10_000
    monkeypatch.setattr(readiness, "_PATIENCE_S", 0.05)
    run = new_run(url, ports={}, applications={"backbone": "/v1"})
    said: list[str] = []

    with pytest.raises(DependencyError, match=r"backbone is not ready .* model: still loads"):
        wait_until_ready(run, said.append, limit_s=0.3)
    assert said == ["backbone is not ready: model: still loads"]


def test_a_broker_that_is_away_does_not_keep_the_platform_from_starting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Application.waits = 10_000
    missing = {"broker": "away: no connection", "stream": "waits"}
    monkeypatch.setattr(Application, "missing", missing)
    run = new_run(url, ports={}, applications={"sentiment": "/sentiment"})

    left = wait_until_ready(run, pytest.fail, limit_s=30, outside_limit_s=0.1)

    assert left == {"sentiment": "broker: away: no connection; stream: waits"}


def test_what_lies_outside_does_not_hide_what_the_platform_lacks(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Application.waits = 10_000
    missing = {"broker": "away", "trunk": "no bundle"}
    monkeypatch.setattr(Application, "missing", missing)
    run = new_run(url, ports={}, applications={"sentiment": "/sentiment"})

    with pytest.raises(DependencyError, match="trunk: no bundle"):
        wait_until_ready(run, pytest.fail, limit_s=0.2, outside_limit_s=0.1)
