"""Requests as no client library sends them, over a raw socket."""

import socket
import time

import psutil
import pytest

from tests.harness.platform import Platform, command_of, connections_of

pytestmark = pytest.mark.platform


def exchange(port: int, request: bytes, *, timeout_s: float = 15) -> tuple[bytes, float]:
    """Sends bytes; returns what comes back until the server closes, and how long that took."""
    begun_s = time.monotonic()
    parts = []
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(request)
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts), time.monotonic() - begun_s


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_headers_that_never_end_are_cut_off(platform: Platform) -> None:
    answer, seconds = exchange(platform.port, b"GET /v1/healthz HTTP/1.1\r\nhost: localhost\r\n")

    assert status_of(answer) == 408
    assert seconds < 12


def test_a_body_too_long_is_refused_before_it_is_sent(platform: Platform) -> None:
    answer, seconds = exchange(
        platform.port, request("POST", "/v1/embeddings", "content-length: 100000000")
    )

    assert status_of(answer) == 413
    assert b"application/problem+json" in answer
    assert seconds < 1


def test_a_body_of_unknown_length_is_refused(platform: Platform) -> None:
    answer, seconds = exchange(
        platform.port,
        request("POST", "/v1/embeddings", "transfer-encoding: chunked", body=b"5\r\nhello\r\n"),
    )

    assert status_of(answer) in (411, 413)
    assert seconds < 1


def test_what_is_no_http_is_refused(platform: Platform) -> None:
    answer, seconds = exchange(platform.port, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n")

    assert status_of(answer) == 400
    assert seconds < 1


def test_an_unknown_prefix_is_not_found(platform: Platform) -> None:
    answer, _ = exchange(platform.port, request("GET", "/nothing"))

    assert status_of(answer) == 404


SERVE_HEADERS = ("x-request-timeout-seconds: 0.000001", "x-request-disconnect-disabled: ?1")


@pytest.mark.parametrize("header", SERVE_HEADERS)
def test_headers_for_serve_are_stripped(platform: Platform, header: str) -> None:
    # Serve would cut the request off after a microsecond with 408.
    assert status_of(search_with(header, platform.port)) == 200


@pytest.mark.parametrize("header", SERVE_HEADERS)
def test_a_replica_reached_past_the_proxy_strips_them_too(platform: Platform, header: str) -> None:
    ports = [port for port in replica_ports(platform) if speaks_http(port)]

    assert ports
    assert {status_of(search_with(header, port)) for port in ports} == {200}


def search_with(header: str, port: int) -> bytes:
    body = b'{"knowledge_base": "help-centre", "query": "how do I change my PIN?"}'
    typed = ("content-type: application/json", f"content-length: {len(body)}")
    answer, _ = exchange(port, request("POST", "/support/search", header, *typed, body=body))
    return answer


def replica_ports(platform: Platform) -> list[int]:
    """The ports that the support application's replica listens on."""
    return [
        connection.laddr.port
        for process in platform.processes()
        if "ServeReplica:support" in command_of(process)
        for connection in connections_of(process, "tcp")
        if connection.status == psutil.CONN_LISTEN
    ]


def speaks_http(port: int) -> bool:
    try:
        answer, _ = exchange(port, request("GET", "/support/healthz"), timeout_s=2)
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200")
