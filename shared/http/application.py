"""What every HTTP application has in common, made by one function."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from shared.config import Settings
from shared.errors import ForbiddenError, PlatformError
from shared.http.body_types import TypedBodyRoute
from shared.http.edge import Edge
from shared.http.keys import DEFAULT_TENANT, Identity, KeyStore, Role
from shared.http.problems import (
    MEDIA_TYPE,
    Problem,
    platform_error_response,
    problem_response,
)
from shared.http.request_faults import request_faults
from shared.tabular.rows import MAX_JSON_VALUES
from shared.telemetry import REGISTRY
from shared.validation.invalid import InvalidError

READY = "ready"
NOT_READY = f"not ready: an admin key of the tenant {DEFAULT_TENANT} shows why"

Readiness = Callable[[], Awaitable[Mapping[str, str]]]
"""Names what an application needs; each part is `READY`, `READY` followed by a warning, or the
reason why it is not."""


async def state_of(needed: Awaitable[object]) -> str:
    """`READY`, or why something that is needed does not answer."""
    try:
        await needed
    except PlatformError as error:
        return str(error)
    return READY


class HttpSettings(Settings):
    """The settings that every application has; services add their own."""

    state_dir: Path = Path("var")
    require_keys: bool = False
    max_body_bytes: int = 8 * 1024 * 1024
    log_level: str = "INFO"

    @property
    def keys(self) -> KeyStore:
        """The platform's keys."""
        return KeyStore(self.state_dir / "keys.json", required=self.require_keys)


class Health(BaseModel):
    """The process answers."""

    status: str


class ReadinessReport(BaseModel):
    """What an application needs and whether it is there."""

    ready: bool
    checks: dict[str, str]


def current_identity(request: Request) -> Identity:
    """The tenant and role that the request's key selects."""
    identity: Identity = request.state.identity
    return identity


def admin_identity(request: Request) -> Identity:
    """The same, for requests that change something.

    Raises:
        ForbiddenError: the key's role is not `admin`.
    """
    identity = current_identity(request)
    if identity.role is not Role.ADMIN:
        raise ForbiddenError("this request changes something: it needs a key of the role `admin`")
    return identity


def operator_identity(request: Request) -> Identity:
    """The same, for what shows all tenants together.

    Raises:
        ForbiddenError: the key is not an admin's of the tenant `default`.
    """
    identity = current_identity(request)
    if not identity.is_operator:
        raise ForbiddenError(
            "this shows all tenants together: it needs a key of the role `admin` of the tenant "
            f"`{DEFAULT_TENANT}`"
        )
    return identity


CurrentIdentity = Annotated[Identity, Depends(current_identity)]
AdminIdentity = Annotated[Identity, Depends(admin_identity)]
OperatorIdentity = Annotated[Identity, Depends(operator_identity)]


def create_app(
    name: str,
    *,
    title: str,
    settings: HttpSettings,
    readiness: Readiness,
    openai_paths: tuple[str, ...] = (),
    max_json_values: int = MAX_JSON_VALUES,
) -> FastAPI:
    """An application with health, metrics, documents, keys and problem details, without routes.

    `openai_paths` are the beginnings of paths (below the application's prefix) whose errors also
    carry OpenAI's error object; `max_json_values` are what a body of JSON may hold.
    """
    app: FastAPI = FastAPIOffline(
        title=title,
        version=version("banyan"),
        redoc_url=None,
        # A redirect of a DELETE would be followed to another thing than the one that was named.
        redirect_slashes=False,
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.router.route_class = TypedBodyRoute
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    app.add_middleware(
        Edge,
        name=name,
        keys=settings.keys,
        max_body_bytes=settings.max_body_bytes,
        max_json_values=max_json_values,
        openai_paths=openai_paths,
    )
    _add_error_handlers(app, openai_paths)
    _add_operations(app, readiness, settings.keys)
    add_metrics(app, "/metrics", _own_metrics)
    return app


def add_metrics(app: FastAPI, path: str, read: Callable[[], Awaitable[bytes]]) -> None:
    """A route of metrics in Prometheus' text format: of all tenants, so for the operator alone."""

    @app.get(path, tags=["operations"], include_in_schema=False)
    async def metrics(_: OperatorIdentity) -> Response:
        return Response(await read(), media_type=CONTENT_TYPE_LATEST)


async def _own_metrics() -> bytes:
    return generate_latest(REGISTRY)


def _add_operations(app: FastAPI, readiness: Readiness, keys: KeyStore) -> None:
    @app.get("/healthz", tags=["operations"])
    async def healthz() -> Health:
        """The process is alive; says nothing of what it depends on."""
        return Health(status="alive")

    @app.get(
        "/readyz",
        tags=["operations"],
        response_model=ReadinessReport,
        responses={503: {"model": ReadinessReport}},
    )
    async def readyz(request: Request) -> Response:
        """Whether requests can be served now, and what is missing if not.

        Reasons name hosts and tasks: where keys are needed, an admin key of the tenant `default`
        sees them.
        """
        checks = dict(await readiness())
        ready = all(state.startswith(READY) for state in checks.values())
        if not _is_operator(keys, request):
            checks = {part: _without_reason(state) for part, state in checks.items()}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        content = orjson.dumps({"ready": ready, "checks": checks})
        return Response(content, status, media_type="application/json")


def _is_operator(keys: KeyStore, request: Request) -> bool:
    try:
        return keys.authenticate(request.headers.get("authorization")).is_operator
    except PlatformError:
        return False


def _without_reason(state: str) -> str:
    return READY if state.startswith(READY) else NOT_READY


def _add_error_handlers(app: FastAPI, openai_paths: tuple[str, ...]) -> None:
    def openai(request: Request) -> bool:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        return path.startswith(openai_paths)

    @app.exception_handler(PlatformError)
    async def on_platform_error(request: Request, error: PlatformError) -> Response:
        return platform_error_response(error, openai=openai(request))

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> Response:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["allow"] = _allowed_methods(request)
        return problem_response(
            error.status_code, str(error.detail), openai=openai(request), headers=headers
        )

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(request: Request, error: RequestValidationError) -> Response:
        invalid = InvalidError.of(request_faults(error))
        return platform_error_response(invalid, openai=openai(request))


def _allowed_methods(request: Request) -> str:
    """What the path takes; Starlette names the methods of the first of its routes only."""
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the media type that problem details really have."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in document["paths"].values():
            for operation in operations.values():
                for status in ("4XX", "5XX"):
                    operation["responses"][status]["content"] = problem
        app.openapi_schema = document
    return app.openapi_schema
