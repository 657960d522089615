"""The application `support`: one deployment, which serves the routes."""

import asyncio
import os
from collections.abc import Mapping

from fastapi import FastAPI
from ray import serve

from services.support.config import SupportSettings
from services.support.routes import routes
from services.support.service import check_processes, open_service
from shared.config import load
from shared.serving.platform.deployment import deployment
from shared.serving.serve_trunk import ServeTrunk
from shared.telemetry import configure_logging

SECTION = "support"


class SupportReplica:
    """Wiring: the service, and its routes for HTTP.

    A redeploy stops the old replica before the new one starts: on SQLite two would each miss the
    other's writes.
    """

    async def __init__(self, settings: SupportSettings) -> None:  # type: ignore[misc]
        configure_logging(SECTION, level=settings.log_level)
        self._service = await asyncio.to_thread(open_service, settings, ServeTrunk())
        self._service.start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes, made in the replica."""
        return routes(self._service)

    async def __del__(self) -> None:
        await self._service.close()


def build(args: Mapping[str, object]) -> serve.Application:
    """The application; `args` are values of `SupportSettings`.

    Raises:
        ConfigError: a setting is wrong, or several replicas should share a SQLite file.
    """
    settings = load(SupportSettings, environ=os.environ, section=SECTION, values=args).settings
    check_processes(settings)
    deployed = deployment(
        serve.ingress()(SupportReplica),
        name="Support",
        num_replicas=settings.replicas,
        max_ongoing_requests=settings.max_ongoing_requests,
        max_queued_requests=settings.max_queued_requests,
    )
    application: serve.Application = deployed.bind(settings)
    return application
