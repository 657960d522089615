"""Settings that contradict themselves, each with its remedy."""

import pytest
from pydantic import ValidationError

from shared.errors import ConfigError
from shared.streaming.kafka.client import connection_options
from shared.streaming.settings import KafkaSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"security_protocol": "SASL_SSL"}, "needs sasl_mechanism"),
        ({"sasl_username": "u"}, "choose SASL_SSL"),
        ({"ssl_certfile": "/c.pem"}, "belong together"),
        ({"session_timeout_ms": 3000, "heartbeat_interval_ms": 1500}, "more than a third"),
        ({"bootstrap": "broker"}, "bootstrap"),
    ],
)
def test_a_contradiction_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        KafkaSettings.model_validate(values)


def test_a_password_is_sent_and_not_shown() -> None:
    settings = KafkaSettings.model_validate(
        {
            "bootstrap": "a:9092,b:9092",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_username": "u",
            "sasl_password": "secret",
        }
    )
    assert "secret" not in repr(settings)
    options = connection_options(settings)
    assert options["sasl_plain_password"] == "secret"
    assert options["bootstrap_servers"] == ["a:9092", "b:9092"]


def test_without_a_broker_nothing_can_connect() -> None:
    with pytest.raises(ConfigError, match="BANYAN_KAFKA_BOOTSTRAP"):
        connection_options(KafkaSettings())
