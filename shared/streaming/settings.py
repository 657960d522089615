"""The settings of the stream: how a broker is reached, and how batches are made."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from shared.config import Settings
from shared.delivery.relay import RelaySettings
from shared.validation.forms import KafkaName, TextForm

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_ADDRESSES = TextForm(
    r"^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$", "host:port, or several with commas between"
)


class KafkaSettings(Settings):
    """How Kafka is reached; as variables `BANYAN_KAFKA_BOOTSTRAP` and so on.

    `bootstrap` is `host:port[,host:port...]`; without it the platform starts its embedded broker.
    A topic that is missing is made with `partitions` and `replication_factor` (-1: the broker's
    default). A member is taken for dead after `session_timeout_ms` without a heartbeat, or
    `max_poll_interval_ms` without a poll. The topic is looked at every `check_interval_s`; after
    `unreachable_after_s` without an answer the broker counts as away.
    """

    bootstrap: Annotated[str, _ADDRESSES] | None = None
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    partitions: int = Field(6, ge=1, le=10_000)
    replication_factor: int = Field(-1, ge=-1, le=100)
    session_timeout_ms: int = Field(6_000, ge=1_000)
    heartbeat_interval_ms: int = Field(1_500, ge=100)
    max_poll_interval_ms: int = Field(60_000, ge=5_000)
    request_timeout_ms: int = Field(10_000, ge=2_000, le=500_000)
    fetch_max_wait_ms: int = Field(500, ge=10, le=1_000)
    metadata_max_age_ms: int = Field(5_000, ge=1_000)
    commit_timeout_ms: int = Field(2_000, ge=100)
    check_interval_s: float = Field(1.0, gt=0)
    unreachable_after_s: float = Field(5.0, gt=0)

    @model_validator(mode="after")
    def _complete(self) -> "KafkaSettings":
        if self.security_protocol.startswith("SASL"):
            wanted = (self.sasl_mechanism, self.sasl_username, self.sasl_password)
            if None in wanted:
                raise ValueError(
                    f"security_protocol {self.security_protocol} needs sasl_mechanism, "
                    "sasl_username and sasl_password"
                )
        elif self.sasl_username is not None or self.sasl_password is not None:
            raise ValueError(
                f"sasl_username and sasl_password are not sent with security_protocol "
                f"{self.security_protocol}: choose SASL_SSL (or SASL_PLAINTEXT)"
            )
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("ssl_certfile and ssl_keyfile belong together: set both or none")
        if self.heartbeat_interval_ms * 3 > self.session_timeout_ms:
            raise ValueError(
                f"heartbeat_interval_ms {self.heartbeat_interval_ms} is more than a third of "
                f"session_timeout_ms {self.session_timeout_ms}: two lost heartbeats would end "
                "the membership"
            )
        return self


class ProcessorSettings(Settings):
    """How a stream's records are grouped, and how it waits.

    A batch is whatever has come while the one before was prepared, up to `max_batch_records` and
    about `max_batch_bytes`. The handler's `idle` is called when nothing has come for
    `idle_after_s`, and again after each such time. A step that fails is tried again after
    `retry_first_s`, then after growing waits of at most `retry_max_s`.
    """

    max_batch_records: int = Field(512, ge=1, le=100_000)
    max_batch_bytes: int = Field(8 * 1024 * 1024, ge=1)
    poll_timeout_s: float = Field(0.5, gt=0, le=5)
    idle_after_s: float = Field(1.0, gt=0)
    retry_first_s: float = Field(0.1, gt=0)
    retry_max_s: float = Field(5.0, gt=0)
    stop_timeout_s: float = Field(10.0, gt=0)


class StreamSettings(Settings):
    """What every application that reads a topic is told of it; services add their own.

    `stream_hosts` members of the `group` read the `topic`; on SQLite the one replica does.
    `max_dead_letters` in a row stop the stream.
    """

    topic: KafkaName
    group: KafkaName
    stream_hosts: int = Field(1, ge=1)
    max_dead_letters: int = Field(1000, ge=1)
    processor: ProcessorSettings = ProcessorSettings()
    relay: RelaySettings = RelaySettings()

    @property
    def dead_letters_topic(self) -> str:
        """Where records go that could not be read."""
        return f"{self.topic}.dead-letters"
