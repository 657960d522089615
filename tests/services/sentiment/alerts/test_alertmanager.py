"""An alert's messages: to each receiver in the order of its states."""

import pytest

from services.sentiment.alerts.alertmanager import ALERTS, WEBHOOK, messages
from services.sentiment.alerts.record import AlertRecord, AlertState, fingerprint
from shared.delivery.outbox import Delivery
from shared.delivery.relay import Outcome
from shared.delivery.sinks.topic import TopicSink
from tests.harness.memory_broker import MemoryBroker
from tests.harness.sentiment.made import START_S


def alert(state: AlertState, entity: str = "Acme") -> AlertRecord:
    return AlertRecord(
        uid=f"{entity}-1",
        tenant="default",
        fingerprint=fingerprint("default", entity),
        episode_start=START_S,
        entity=entity,
        state=state,
        started_at=START_S,
        fired_at=START_S + 60.0,
        resolved_at=START_S + 600.0 if state == "resolved" else None,
        figures={"negative": 5, "total": 6, "window_s": 300, "expected_negative": 1.0},
        drivers=(),
        version=2,
    )


def test_the_states_of_an_alert_are_ordered_by_its_fingerprint_for_every_receiver() -> None:
    told = [
        message
        for state in ("firing", "resolved")
        for message in messages(alert(state), has_webhook=True)
    ]

    assert [message.sink for message in told] == [ALERTS, WEBHOOK] * 2
    assert {message.ordered_by for message in told} == {fingerprint("default", "Acme")}
    assert len({(message.sink, message.key) for message in told}) == 4


@pytest.mark.parametrize("entity", ["Acme", "Bolt"])
def test_the_topic_s_records_have_the_fingerprint_as_their_key(entity: str) -> None:
    """Kafka keeps the order of one key alone: that of a partition."""
    broker = MemoryBroker()
    sink = TopicSink({ALERTS: "alerts"}, broker.producer())
    told = [
        message
        for state in ("firing", "resolved")
        for message in messages(alert(state, entity), has_webhook=False)
    ]

    attempts = list(sink.send([Delivery(message.key, message, 0) for message in told]))

    assert [attempt.outcome for attempt in attempts] == [Outcome.DELIVERED] * 2
    records = broker.records("alerts")
    assert [record.key for record in records] == [fingerprint("default", entity).encode()] * 2
    assert len({record.partition for record in records}) == 1
    assert [record.value for record in records] == [message.payload for message in told]
