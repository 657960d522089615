"""What is sent, in batches that one request takes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Sent = TypeVar("Sent")


def batches(
    items: Iterable[Sent], bytes_of: Callable[[Sent], int], *, most: int, most_bytes: int
) -> Iterator[list[Sent]]:
    """Batches of at most so many items and bytes; an item that is larger stands alone."""
    batch: list[Sent] = []
    size = 0
    for item in items:
        item_bytes = bytes_of(item)
        if batch and (len(batch) == most or size + item_bytes > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item_bytes
    if batch:
        yield batch
