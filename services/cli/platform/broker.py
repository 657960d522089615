"""Which broker a platform uses: the one that is named, or its own."""

import os
from collections.abc import Mapping
from pathlib import Path

from services.cli.platform.run_file import Run, StateFolder
from services.cli.settings import ApplicationEntry, Deployment
from shared.config import Resolved, load
from shared.errors import ConfigError, DependencyError
from shared.streaming.settings import KafkaSettings

APPLICATIONS = ("sentiment", "recommendation")
"""The applications that read from a broker; where none is deployed, no broker is started."""

PORT = "broker"
"""The embedded broker's name among the ports of a run."""

_PREFIX = "BANYAN_KAFKA_"


def resolve_kafka(environ: Mapping[str, str]) -> Resolved[KafkaSettings]:
    """How the broker is reached, from `BANYAN_KAFKA_` variables.

    Raises:
        ConfigError: a variable is wrong.
    """
    return load(KafkaSettings, environ=environ, prefix=_PREFIX)


def readers(deployment: Deployment) -> list[ApplicationEntry]:
    """The applications that need a broker, of those that are deployed."""
    return [entry for entry in deployment.applications if entry.name in APPLICATIONS]


def needs_embedded(deployment: Deployment, environ: Mapping[str, str]) -> bool:
    """Whether the platform starts its own broker: it needs one, and none is named.

    Raises:
        ConfigError: a variable is wrong, or asks for what the embedded broker has not.
    """
    if not readers(deployment):
        return False
    settings = resolve_kafka(environ).settings
    if settings.bootstrap is not None:
        return False
    if settings.security_protocol != "PLAINTEXT":
        raise ConfigError(
            f"{_PREFIX}SECURITY_PROTOCOL is {settings.security_protocol}, which the embedded "
            f"broker does not speak: name yours with {_PREFIX}BOOTSTRAP, or unset it"
        )
    return True


def embedded_bootstrap(run: Run) -> str | None:
    """Where the run's embedded broker listens; None where it has none."""
    port = run.ports.get(PORT)
    return None if port is None else f"127.0.0.1:{port}"


def known_broker(state_dir: Path, environ: Mapping[str, str] | None = None) -> KafkaSettings:
    """How to reach the broker that is named, or that of the platform that runs here.

    Raises:
        ConfigError: a variable is wrong.
        DependencyError: none is named, and no platform with one runs.
    """
    settings = resolve_kafka(os.environ if environ is None else environ).settings
    if settings.bootstrap is not None:
        return settings
    run = StateFolder(state_dir).read_run()
    bootstrap = embedded_bootstrap(run) if run is not None and run.is_running() else None
    if bootstrap is None:
        raise DependencyError(
            f"no broker is known: start the platform's with `banyan up` (state folder {state_dir}),"
            f" or name one with {_PREFIX}BOOTSTRAP"
        )
    return settings.model_copy(update={"bootstrap": bootstrap})
