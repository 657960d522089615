"""A dead letter on its way to the topic that collects them."""

from services.sentiment.arrivals import MAX_STORED_BYTES, DeadLetter, storable
from shared.storage.outbox import Message

DEAD_LETTERS = "dead-letters"


def dead_letter_message(item: DeadLetter) -> Message:
    """The record's value as it came, at most its first 64 KiB, with its origin in headers.

    The key names the record, so that a second delivery can be recognised.
    """
    record = item.record
    value = record.value or b""
    headers = {
        "origin-topic": record.topic,
        "origin-topic-id": record.topic_id,
        "origin-partition": str(record.partition),
        "origin-offset": str(record.offset),
        "origin-timestamp-ms": str(record.timestamp_ms),
        "reason": item.error.reason,
        "detail": storable(item.error.detail),
        "value-bytes": "null" if record.value is None else str(len(value)),
    }
    key = f"{record.topic_id}:{record.partition}:{record.offset}"
    return Message(DEAD_LETTERS, key, value[:MAX_STORED_BYTES], headers)
