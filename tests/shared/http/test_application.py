"""What every application does with requests, good and bad, before and after its routes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from shared import errors
from shared.http.application import READY, AdminIdentity, CurrentIdentity, HttpSettings, create_app
from shared.http.keys import DEFAULT_TENANT, KeyStore, Role
from shared.http.problems import status_of

FAILURES: dict[str, Exception] = {
    "input": errors.InputError("bad value 7: use less than 5", param="value"),
    "long": errors.TextTooLongError("300 tokens, at most 256"),
    "missing": errors.NotFoundError("no such thing"),
    "conflict": errors.ConflictError("already there"),
    "busy": errors.OverloadedError("full", retry_after_s=2.4),
    "corrupt": errors.ArtifactError(
        "/srv/banyan/var/models/a/manifest.json is corrupt, and '/srv/a b': see GET /v1/models"
    ),
    "late": errors.DeadlineError("too late"),
    "away": errors.DependencyError("database away"),
    "bug": RuntimeError("secret detail"),
    "surrogate": errors.InputError("bad text \ud800"),
}


class Body(BaseModel):
    value: int = Field(ge=0, le=5)


LINES: dict[str, Any] = {
    "requestBody": {"content": {"application/x-ndjson": {}, "multipart/form-data": {}}}
}


@pytest.fixture
def ready() -> dict[str, str]:
    return {"database": READY}


@pytest.fixture
def app(tmp_path: Path, ready: dict[str, str]) -> FastAPI:
    async def readiness() -> Mapping[str, str]:
        return ready

    app = create_app(
        "test",
        title="Test",
        settings=HttpSettings(state_dir=tmp_path, max_body_bytes=1000),
        readiness=readiness,
        openai_paths=("/v1/",),
    )

    @app.post("/echo")
    @app.post("/v1/echo")
    async def echo(body: Body, identity: CurrentIdentity) -> dict[str, str]:
        return {"value": str(body.value), "tenant": identity.tenant}

    @app.get("/fail/{kind}")
    @app.get("/v1/fail/{kind}")
    async def fail(kind: str) -> None:
        raise FAILURES[kind]

    @app.post("/lines", openapi_extra=LINES)
    async def lines(request: Request) -> int:
        return len(await request.body())

    @app.post("/rebuild")
    async def rebuild() -> str:
        return "rebuilt"

    @app.get("/thing")
    async def read() -> str:
        return "read"

    @app.delete("/thing")
    async def delete(identity: AdminIdentity) -> str:
        return identity.tenant

    return app


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("input", 422),
        ("long", 422),
        ("missing", 404),
        ("conflict", 409),
        ("busy", 429),
        ("late", 504),
        ("away", 503),
        ("bug", 500),
        ("surrogate", 422),
    ],
)
async def test_every_error_is_a_problem_detail(
    client: httpx.AsyncClient, kind: str, status: int
) -> None:
    plain, openai = await client.get(f"/fail/{kind}"), await client.get(f"/v1/fail/{kind}")
    for answer in (plain, openai):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.json()["instance"] == answer.headers["x-request-id"]
        assert "secret" not in answer.text
    assert "error" not in plain.json()
    assert openai.json()["error"]["message"] == openai.json()["detail"]


async def test_no_path_of_the_server_leaves_it(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/fail/corrupt")

    assert answer.status_code == 503
    assert answer.json()["detail"] == "manifest.json is corrupt, and 'a b': see GET /v1/models"
    assert "/srv/banyan/var/models" in str(vars(caplog.records[-1]))


def test_every_platform_error_has_a_status() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    assert len(kinds) > 8
    for kind in kinds:
        if kind is not errors.PlatformError:
            assert status_of(kind("x")) != 500, kind


async def test_an_overload_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    assert (await client.get("/fail/busy")).headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"value": 1}', 200),
        (b"", 422),
        (b"{", 400),
        (b'{"value": NaN}', 400),
        (b'{"value": Infinity}', 400),
        (b'{"value": 1e999}', 400),
        (b'{"value": "\\ud800"}', 400),
        (b'{"value": "\xff"}', 400),
        (b'{"value": 18446744073709551616}', 422),
        (b"[" * 400 + b"]" * 400, 400),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400),
        (b'{"value": 6}', 422),
        (b'{"value": "' + b"x" * 1000 + b'"}', 413),
    ],
)
async def test_bad_bodies_are_refused(
    client: httpx.AsyncClient, content: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/echo", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


JSON_TYPES = ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"]
OTHER_TYPES = [
    None,
    "",
    "text/plain",
    "text/plain; charset=application/json",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "text/json",
    "json",
]


@pytest.mark.parametrize("path", ["/echo", "/v1/echo"])
async def test_a_body_needs_the_type_that_its_route_takes(
    client: httpx.AsyncClient, path: str
) -> None:
    body = b'{"value": 1}'
    for taken in JSON_TYPES:
        answer = await client.post(path, content=body, headers={"content-type": taken})
        assert answer.status_code == 200, taken
    for other in [*OTHER_TYPES, "application/x-ndjson", "multipart/form-data; boundary=x"]:
        headers = {} if other is None else {"content-type": other}
        answer = await client.post(path, content=body, headers=headers)
        assert answer.status_code == 415, other
        assert answer.headers["content-type"] == "application/problem+json"
        assert "send application/json" in answer.json()["detail"]


async def test_a_route_of_another_type_says_which(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/x-ndjson"}
    assert (await client.post("/lines", content=b"{}", headers=headers)).json() == 2
    assert (await client.post("/lines", files={"file": b"x"})).status_code == 200
    for other in [*OTHER_TYPES, *JSON_TYPES]:
        headers = {} if other is None else {"content-type": other}
        answer = await client.post("/lines", content=b"{}", headers=headers)
        assert answer.status_code == 415, other
        assert "application/x-ndjson or multipart/form-data" in answer.json()["detail"]


async def test_without_a_body_no_type_is_needed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/rebuild")).json() == "rebuilt"
    assert (await client.post("/rebuild", content=b"ignored")).json() == "rebuilt"
    assert (await client.post("/lines")).json() == 0
    assert (await client.post("/echo")).status_code == 422


async def test_a_body_without_a_length_is_limited_too(client: httpx.AsyncClient) -> None:
    async def chunks() -> object:
        for _ in range(20):
            yield b" " * 100

    headers = {"content-type": "application/json"}
    answer = await client.post("/echo", content=chunks(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413


async def test_a_nul_in_the_address_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/fail/a%00b")).status_code == 400
    assert (await client.get("/fail/input?x=%00")).status_code == 400


async def test_an_unknown_path_and_method_are_problems(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nowhere")).json()["title"] == "Not Found"
    answer = await client.get("/echo")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert (await client.put("/thing")).headers["allow"] == "DELETE, GET"


async def test_a_good_request_id_is_kept_and_a_bad_one_replaced(client: httpx.AsyncClient) -> None:
    kept = await client.get("/healthz", headers={"x-request-id": "abc-1"})
    assert kept.headers["x-request-id"] == "abc-1"
    replaced = await client.get("/healthz", headers={"x-request-id": "a b\t{"})
    assert replaced.headers["x-request-id"] not in ("a b\t{", "")


async def test_keys_select_tenants_and_roles(client: httpx.AsyncClient, tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    user = {"authorization": f"Bearer {store.create('u', 'acme', Role.USER)}"}
    admin = {"authorization": f"Bearer {store.create('a', 'acme', Role.ADMIN)}"}
    body = {"value": 1}
    refused = await client.post("/v1/echo", json=body)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["error"]["type"] == "authentication_error"
    assert (await client.post("/echo", json=body, headers=user)).json()["tenant"] == "acme"
    assert (await client.delete("/thing", headers=user)).status_code == 403
    assert (await client.delete("/thing", headers=admin)).status_code == 200
    assert (await client.get("/metrics")).status_code == 401
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert (await client.get(path)).status_code == 200


async def test_what_is_of_all_tenants_is_the_operators(
    client: httpx.AsyncClient, tmp_path: Path, ready: dict[str, str]
) -> None:
    ready |= {"broker": "kafka-7:9092 is away", "tasks": f"{READY}, but x: /srv/y is gone"}
    store = KeyStore(tmp_path / "keys.json")
    operator = store.create("o", DEFAULT_TENANT, Role.ADMIN)
    others = [
        store.create("u", DEFAULT_TENANT, Role.USER),
        store.create("a", "acme", Role.ADMIN),
        store.create("b", "acme", Role.USER),
        "unknown",
    ]
    for key in others:
        headers = {"authorization": f"Bearer {key}"}
        refused = await client.get("/metrics", headers=headers)
        assert refused.status_code == (401 if key == "unknown" else 403)
        assert "banyan_" not in refused.text
        readiness = await client.get("/readyz", headers=headers)
        assert readiness.status_code == 503
        checks = readiness.json()["checks"]
        assert (checks["database"], checks["tasks"]) == (READY, READY)
        assert checks["broker"].startswith("not ready")
        assert "kafka" not in readiness.text
    assert "kafka" not in (await client.get("/readyz")).text
    headers = {"authorization": f"Bearer {operator}"}
    assert "banyan_" in (await client.get("/metrics", headers=headers)).text
    assert (await client.get("/readyz", headers=headers)).json()["checks"] == ready


async def test_without_keys_this_machine_is_the_operator(
    client: httpx.AsyncClient, ready: dict[str, str]
) -> None:
    ready["broker"] = "kafka-7:9092 is away"

    assert (await client.get("/metrics")).status_code == 200
    assert (await client.get("/readyz")).json()["checks"] == ready


async def test_readiness_names_what_is_missing(
    client: httpx.AsyncClient, ready: dict[str, str]
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    ready["database"] = "locked"
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"database": "locked"}}


async def test_the_documents_need_no_network(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "http://" not in page.replace("http://test", "")
    assert "https://" not in page
    assert (await client.get("/static-offline-docs/swagger-ui.css")).status_code == 200
    document = (await client.get("/openapi.json")).json()
    answers = document["paths"]["/echo"]["post"]["responses"]
    assert set(answers) == {"200", "4XX", "5XX"}
    assert "application/problem+json" in answers["4XX"]["content"]


async def test_requests_are_counted(client: httpx.AsyncClient) -> None:
    await client.get("/healthz")
    line = 'banyan_http_requests_total{app="test",route="/healthz",status="200"}'
    assert line in (await client.get("/metrics")).text
