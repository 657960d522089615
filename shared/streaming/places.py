"""How far a topic is stored, beside what the broker has of it now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.streaming.consumer import TopicLog


@dataclass(frozen=True, slots=True)
class StoredPlace:
    """How far a partition is stored: the offset after its last record that is.

    `end` is the offset after its last record in the topic, None while the broker is not heard.
    """

    partition: int
    committed: int
    end: int | None = None
    idle: bool = False

    @property
    def lag(self) -> int | None:
        """Records that are in the topic and not stored; None while that is not known."""
        return None if self.end is None else max(0, self.end - self.committed)


def beside_log(stored: Sequence[StoredPlace], log: TopicLog) -> list[StoredPlace]:
    """All partitions of a topic with the ends that the broker tells, also where nothing is stored.

    A partition of which nothing was ever stored stands where it began.
    """
    places = {place.partition: place for place in stored}
    for partition, start in log.starts.items():
        places.setdefault(partition, StoredPlace(partition, start))
    return [
        replace(place, end=max(end, place.committed))
        if (end := log.ends.get(number)) is not None
        else place
        for number, place in sorted(places.items())
    ]
