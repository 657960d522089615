"""Pages of strangers against a platform without keys: every route, at every door."""

import json
from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests.e2e.books import documents_path
from tests.e2e.test_edge import exchange, replica_ports, request, speaks_http, status_of
from tests.harness.platform import Platform

pytestmark = pytest.mark.platform

PREFIXES = ["v1", "support", "sentiment", "recommend"]
STRANGERS: list[tuple[str, Mapping[str, str], int]] = [
    ("rebinding", {"host": "evil.example:8000"}, 421),
    ("page", {"origin": "https://evil.example"}, 403),
    ("rebound page", {"host": "evil.example", "origin": "http://evil.example"}, 421),
    ("file", {"origin": "null"}, 403),
    ("another port", {"origin": "http://127.0.0.1:3000"}, 403),
    ("image", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
]


@pytest.fixture(params=["haproxy", "serve", "replica"])
def port(request: pytest.FixtureRequest, platform: Platform) -> int:
    """A port at which the support application answers."""
    match request.param:
        case "haproxy":
            return platform.port
        case "serve":
            run = json.loads((platform.state_dir / "run.json").read_bytes())
            return int(run["ports"]["fallback"])
        case _:
            return next(port for port in replica_ports(platform) if speaks_http(port))


def operations(http: httpx.Client, prefix: str) -> Iterator[tuple[str, str, bool]]:
    """Every method and path of an application, and whether it takes a body."""
    document = http.get(f"/{prefix}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            filled = path.replace("{", "").replace("}", "")
            yield method.upper(), f"/{prefix}{filled}", "requestBody" in operation


@pytest.mark.parametrize(("headers", "status"), [row[1:] for row in STRANGERS])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_route_serves_a_stranger(
    http: httpx.Client, prefix: str, headers: Mapping[str, str], status: int
) -> None:
    found = [
        (method, path)
        for method, path, _ in operations(http, prefix)
        if not path.endswith("/healthz")
    ]
    assert len(found) >= 4
    for method, path in [*found, ("GET", f"/{prefix}/docs"), ("GET", f"/{prefix}/nowhere")]:
        answer = http.request(method, path, headers=headers)

        assert answer.status_code == status, (method, path, answer.text)
        assert answer.json()["status"] == status
        assert "location" not in answer.headers


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_route_with_a_body_wants_its_type(http: httpx.Client, prefix: str) -> None:
    with_body = [(m, path) for m, path, has_body in operations(http, prefix) if has_body]
    assert with_body
    for method, path in with_body:
        for headers in ({}, {"content-type": "text/plain"}, {"content-type": "text/json"}):
            answer = http.request(method, path, content=b"{}", headers=headers)
            assert answer.status_code == 415, (method, path, headers, answer.text)
            assert "send " in answer.json()["detail"]


def test_what_a_page_can_send_without_asking_changes_nothing(http: httpx.Client, port: int) -> None:
    """Forms and plain text need no preflight: a page may send them to any address."""
    page = "origin: https://evil.example"
    form = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nT\r\n--x--'
    upload = ("content-type: multipart/form-data; boundary=x", f"content-length: {len(form)}")
    path = documents_path("planted")

    assert status_of(exchange(port, request("POST", path, page, *upload, body=form))[0]) == 403
    rebuild = "/support/knowledge-bases/help-centre/rebuild"
    empty = exchange(port, request("POST", rebuild, page, "content-length: 0"))[0]
    assert status_of(empty) == 403
    rebound = request("POST", path, *upload, body=form).replace(
        b"host: localhost", b"host: evil.example"
    )
    assert status_of(exchange(port, rebound)[0]) == 421
    assert http.get("/support/knowledge-bases/planted").status_code == 404
    # The same form of the platform's own page.
    own = f"origin: http://localhost:{port}"
    from_here = request("POST", path, own, *upload, body=form).replace(
        b"host: localhost", f"host: 127.0.0.1:{port}".encode()
    )
    assert status_of(exchange(port, from_here)[0]) == 200
    assert http.delete("/support/knowledge-bases/planted?confirm=planted").status_code == 204


def test_serve_s_own_routes_are_guarded_too(platform: Platform, port: int) -> None:
    if port == platform.port:
        pytest.skip("HAProxy answers these itself, with the prefixes alone")
    strange = request("GET", "/-/routes").replace(b"host: localhost", b"host: evil.example")

    assert status_of(exchange(port, strange)[0]) == 421
    assert status_of(exchange(port, request("GET", "/-/routes"))[0]) == 200


def test_a_probe_may_name_the_machine_by_its_address(port: int) -> None:
    probe = request("GET", "/support/healthz").replace(b"host: localhost", b"host: 10.1.2.3:8000")

    assert status_of(exchange(port, probe)[0]) == 200
