"""What all Kafka clients of this process share: their options, and how they are made and named."""

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from shared.errors import ConfigError, DependencyError
from shared.failures import reason_of
from shared.streaming.settings import KafkaSettings

ClientT = TypeVar("ClientT")
Options = Mapping[str, object]

_BOOTSTRAP_TIMEOUT_MS = 3_000
_RECONNECT_BACKOFF_MAX_MS = 1_000

# kafka-python logs every lost connection as another error, several lines a second while a
# broker is away. The stream says so once, in its state and in its own log line; without a handler
# the lines would go to stderr. Whoever configures logging for `kafka` still gets them.
logging.getLogger("kafka").addHandler(logging.NullHandler())


def connection_options(settings: KafkaSettings) -> dict[str, object]:
    """The options that every client needs to connect.

    Raises:
        ConfigError: no broker is named.
    """
    if settings.bootstrap is None:
        raise ConfigError(
            "no broker is named: set BANYAN_KAFKA_BOOTSTRAP to host:port[,host:port...]"
        )
    options: dict[str, object] = {
        "bootstrap_servers": settings.bootstrap.split(","),
        "client_id": "banyan",
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": settings.request_timeout_ms,
        "metadata_max_age_ms": settings.metadata_max_age_ms,
        "bootstrap_timeout_ms": _BOOTSTRAP_TIMEOUT_MS,
        "reconnect_backoff_max_ms": _RECONNECT_BACKOFF_MAX_MS,
    }
    if settings.sasl_mechanism is not None and settings.sasl_password is not None:
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        path = getattr(settings, name)
        if path is not None:
            options[name] = str(path)
    return options


def open_client(make: Callable[..., ClientT], options: Options) -> ClientT:
    """Makes a client, which connects at once.

    kafka-python leaves a thread and its sockets behind when that fails, so they are closed here.

    Raises:
        DependencyError: no broker answers.
    """
    network: list[KafkaNetClient] = []

    def make_network(**configs: object) -> KafkaNetClient:
        client = KafkaNetClient(**configs)
        # kafka-python 3.0.12 does not pass `allow_auto_create_topics` on to where it counts: a
        # client that looks for a deleted topic would make it, as the broker's defaults have it.
        client.cluster.config["allow_auto_create_topics"] = False
        network.append(client)
        return client

    try:
        return make(**options, kafka_client=make_network)
    except (KafkaError, OSError) as error:
        for client in network:
            client.close()
        raise unavailable(error, options) from error


def unavailable(error: Exception, options: Options) -> DependencyError:
    """The platform's error for a failure of Kafka, with the brokers that were asked."""
    servers = options["bootstrap_servers"]
    where = ",".join(servers) if isinstance(servers, list) else str(servers)
    return DependencyError(f"the broker at {where} does not answer as needed: {describe(error)}")


def describe(error: Exception) -> str:
    """A Kafka error in one line; kafka-python's own text often repeats the class or is empty."""
    return reason_of(error)
