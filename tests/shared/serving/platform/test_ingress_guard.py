"""The layer before Ray Serve: headers, sizes, strangers, and Serve's own answers."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shared.http.keys import KeyStore
from shared.http.origin_guard import OriginGuard
from shared.serving.platform.ingress_guard import IngressGuard, middlewares
from shared.telemetry import HTTP_REFUSED

LIMIT = 16


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"headers": dict(request.headers), "size": len(body)})


async def full(request: Request) -> Response:
    return PlainTextResponse("too many requests", 429)


async def text(request: Request) -> Response:
    return PlainTextResponse("metrics 1\n")


@pytest.fixture
def client(tmp_path: Path) -> httpx.AsyncClient:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes = [Route("/", echo, methods=methods), Route("/full", full), Route("/text", text)]
    origins = OriginGuard(KeyStore(tmp_path / "keys.json"))
    app = IngressGuard(Starlette(routes=routes), max_body_bytes=LIMIT, origins=origins)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize("name", ["x-request-timeout-seconds", "X-Request-Disconnect-Disabled"])
async def test_headers_that_serve_trusts_are_taken_away(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.get("/", headers={name: "1", "x-other": "2"})

    headers = answer.json()["headers"]
    assert name.lower() not in headers
    assert headers["x-other"] == "2"


@pytest.mark.parametrize(("size", "status"), [(0, 200), (LIMIT, 200), (LIMIT + 1, 413)])
async def test_bodies_have_a_limit(client: httpx.AsyncClient, size: int, status: int) -> None:
    answer = await client.post("/", content=b"x" * size)

    assert answer.status_code == status
    if status == 413:
        assert answer.json()["detail"].startswith(f"the body is larger than {LIMIT} bytes")


@pytest.mark.parametrize("length", ["-1", "1e3", "999999999999999999999"])
async def test_a_length_that_is_none_is_refused(client: httpx.AsyncClient, length: str) -> None:
    answer = await client.post("/", headers={"content-length": length}, content=b"x")

    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_body_needs_a_length(client: httpx.AsyncClient, method: str) -> None:
    request = client.build_request(method, "/")
    request.headers.pop("content-length", None)

    answer = await client.send(request)

    assert answer.status_code == 411
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_other_methods_need_none(client: httpx.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/")).status_code == 200


async def test_what_serve_answers_in_text_becomes_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/full")

    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "too many requests"


async def test_text_that_is_no_error_stays(client: httpx.AsyncClient) -> None:
    assert (await client.get("/text")).text == "metrics 1\n"


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("host", "evil.test", 421), ("origin", "https://evil.test", 403)],
)
@pytest.mark.parametrize("path", ["/", "/nowhere", "/-/routes"])
async def test_a_page_of_a_stranger_is_refused_everywhere(
    client: httpx.AsyncClient, path: str, name: str, value: str, status: int
) -> None:
    counted = HTTP_REFUSED.labels(str(status))._value.get()

    answer = await client.post(path, headers={name: value}, files={"file": b"x"})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "location" not in answer.headers
    assert HTTP_REFUSED.labels(str(status))._value.get() == counted + 1


@pytest.mark.parametrize(("required", "status"), [("false", 421), ("true", 404)])
async def test_serve_gets_the_middleware(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, required: str, status: int
) -> None:
    monkeypatch.setenv("BANYAN_MAX_BODY_BYTES", "77")
    monkeypatch.setenv("BANYAN_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("BANYAN_REQUIRE_KEYS", required)
    monkeypatch.setenv("BANYAN_HTTP_HOSTS", "banyan.test")

    app = Starlette(middleware=middlewares())

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        assert (await client.get("http://banyan.test/")).status_code == 404
        assert (await client.get("http://evil.test/")).status_code == status
        assert (await client.post("http://banyan.test/", content=b"x" * 78)).status_code == 413
