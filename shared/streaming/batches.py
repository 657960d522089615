"""Records that are prepared and stored together, and what is read of the topic after them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.streaming.consumer import StreamProgress
from shared.streaming.message import Record, TopicPartition


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic id in the order of the log, and the progress after the last of them.

    Without records it is a moment at which nothing came.
    """

    records: tuple[Record, ...]
    progress: StreamProgress

    @property
    def size_bytes(self) -> int:
        """What the records take, keys and values."""
        return sum(len(record.value or b"") + len(record.key or b"") for record in self.records)

    @property
    def next_offsets(self) -> dict[TopicPartition, int]:
        """What the group may commit when the batch is stored.

        Positions step over what is not a record, such as the marks of transactions.
        """
        offsets = {record.partition: record.offset + 1 for record in self.records}
        for partition, place in self.progress.owned.items():
            moved = place.committed is not None and place.position > place.committed
            if partition in offsets or moved:
                offsets[partition] = max(offsets.get(partition, 0), place.position)
        topic = self.progress.topic
        return {TopicPartition(topic, partition): offset for partition, offset in offsets.items()}

    def halves(self) -> tuple["Batch", "Batch"]:
        """Two batches of at least one record each; the first one's positions end before the second.

        Only for batches of two records and more.
        """
        middle = len(self.records) // 2
        first, second = self.records[:middle], self.records[middle:]
        ahead = _first_offsets(second)
        owned = {
            partition: replace(place, position=min(place.position, ahead[partition]))
            if partition in ahead
            else place
            for partition, place in self.progress.owned.items()
        }
        progress = replace(self.progress, owned=owned)
        return Batch(first, progress), Batch(second, self.progress)


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches that follow on one another, as one."""
    records = tuple(record for batch in batches for record in batch.records)
    return Batch(records, batches[-1].progress)


def _first_offsets(records: Sequence[Record]) -> dict[int, int]:
    first: dict[int, int] = {}
    for record in records:
        first.setdefault(record.partition, record.offset)
    return first
