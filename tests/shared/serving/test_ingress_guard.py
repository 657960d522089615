import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shared.serving.ingress_guard import IngressGuard, middlewares

LIMIT = 16


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"headers": dict(request.headers), "size": len(body)})


async def full(request: Request) -> Response:
    return PlainTextResponse("too many requests", 429)


async def text(request: Request) -> Response:
    return PlainTextResponse("metrics 1\n")


@pytest.fixture
def client() -> httpx.AsyncClient:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes = [Route("/", echo, methods=methods), Route("/full", full), Route("/text", text)]
    app = IngressGuard(Starlette(routes=routes), max_body_bytes=LIMIT)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


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


def test_serve_gets_the_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANYAN_MAX_BODY_BYTES", "77")

    (middleware,) = middlewares()

    assert middleware.kwargs == {"max_body_bytes": 77}
