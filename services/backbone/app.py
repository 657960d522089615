"""The application `backbone`: one deployment that holds the model and serves the routes."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from fastapi import FastAPI
from ray import serve

from services.backbone.config import APP_NAME, BackboneSettings
from services.backbone.model import start_encoder
from services.backbone.routes import routes
from shared.config import load
from shared.errors import DependencyError
from shared.models.tasks import Priority, TaskCall, TaskOutput
from shared.serving.platform.deployment import deployment
from shared.serving.serve_trunk import DEPLOYMENT_NAME
from shared.telemetry import configure_logging


class EncoderReplica:
    """Wiring: the encoder for handles, its routes for HTTP."""

    async def __init__(self, settings: BackboneSettings) -> None:  # type: ignore[misc]
        configure_logging(APP_NAME, level=settings.log_level)
        self._settings = settings
        self._encoder = await asyncio.to_thread(start_encoder, settings)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes, made in the replica."""
        return routes(self._encoder, self._settings)

    async def encode(
        self, calls: Sequence[TaskCall], app: str, priority: Priority, timeout_s: float | None
    ) -> list[TaskOutput]:
        """What `shared.serving.serve_trunk.ServeTrunk` calls."""
        return await self._encoder.encode(calls, app=app, priority=priority, timeout_s=timeout_s)

    async def check_health(self) -> None:
        """Lets Serve replace the replica when its model has stopped.

        Raises:
            DependencyError: a thread of the model's has ended.
        """
        if not self._encoder.is_alive:
            raise DependencyError("a thread of the model's has stopped")

    async def __del__(self) -> None:
        await asyncio.to_thread(self._encoder.close)


def build(args: Mapping[str, object]) -> serve.Application:
    """The application; `args` are values of `BackboneSettings`.

    Raises:
        ConfigError: a setting is wrong.
    """
    settings = load(BackboneSettings, environ=os.environ, section=APP_NAME, values=args).settings
    deployed = deployment(
        serve.ingress()(EncoderReplica),
        name=DEPLOYMENT_NAME,
        num_replicas=settings.num_replicas,
        max_ongoing_requests=settings.max_ongoing_requests,
        max_queued_requests=settings.max_queued_requests,
        max_surge_percent=100,
    )
    application: serve.Application = deployed.bind(settings)
    return application
