"""The outbox's sink that writes to the broker's topics."""

from collections.abc import Iterator, Mapping, Sequence

from shared.delivery.outbox import Delivery
from shared.delivery.producer import Producer
from shared.delivery.relay import Attempt, Outcome
from shared.errors import DependencyError, InputError

_FLUSH_TIMEOUT_S = 5.0
_ATTEMPT_S = 10.0
"""A flush, and the time for which a producer's buffer may be full before that."""


class TopicSink:
    """A sink (`shared.delivery.relay.Sink`): each of its names is a topic.

    The broker acknowledges a batch as a whole, so what was sent counts together.
    """

    def __init__(self, topics: Mapping[str, str], producer: Producer) -> None:
        self._topics = dict(topics)
        self._producer = producer

    @property
    def names(self) -> tuple[str, ...]:
        """The outbox's names that have a topic."""
        return tuple(self._topics)

    @property
    def attempt_s(self) -> float:
        """The longest that a batch takes, which counts as one attempt."""
        return _ATTEMPT_S

    def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        """See `shared.delivery.relay.Sink.send`."""
        sent: list[Delivery] = []
        for delivery in deliveries:
            try:
                self._send(delivery)
            except InputError as error:
                yield Attempt(delivery, Outcome.REFUSED, str(error))
            except DependencyError as error:
                yield Attempt(delivery, Outcome.AWAY, str(error))
                return
            else:
                sent.append(delivery)
        if not sent:
            return
        try:
            self._producer.flush(_FLUSH_TIMEOUT_S)
        except DependencyError as error:
            yield Attempt(sent[0], Outcome.AWAY, str(error))
            return
        for delivery in sent:
            yield Attempt(delivery, Outcome.DELIVERED)

    def close(self) -> None:
        """Closes the producer."""
        self._producer.close()

    def _send(self, delivery: Delivery) -> None:
        message = delivery.message
        self._producer.send(
            self._topics[message.sink],
            message.payload,
            key=(message.ordered_by or message.key).encode(),
            headers=[(name, value.encode()) for name, value in message.headers.items()],
        )
