"""Large files read by Ray Data: many parts at a time, each exactly as this process would read it.

Reading starts no Ray for small files: a start takes longer than they do. Where Ray runs already
it is used, else one is started for the reading alone.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence

import ray
import ray.data

from shared.tabular.table import Table
from shared.training.data.reading import ExampleT, Portion, RowReader, read_part

PART_BYTES = 16 * 1024 * 1024
"""How much of a file one task reads."""


def read_parts(
    parts: Sequence[tuple[Table, RowReader[ExampleT]]], *, address: str = "local"
) -> list[Portion[ExampleT]]:
    """What each part gives, in order, see `shared.training.data.reading.read_part`.

    The files must lie where every node of the cluster at `address` finds them.
    """
    if not parts:
        return []

    def read(row: dict[str, int]) -> dict[str, object]:
        part, read_row = parts[row["part"]]
        return {"part": row["part"], "portion": read_part(part, read_row)}

    with _running(address):
        numbers = ray.data.from_items(
            [{"part": number} for number in range(len(parts))], override_num_blocks=len(parts)
        )
        found = {row["part"]: row["portion"] for row in numbers.map(read).iter_rows()}
    return [found[number] for number in range(len(parts))]


@contextlib.contextmanager
def _running(address: str) -> Iterator[None]:
    ray.data.DataContext.get_current().enable_progress_bars = False
    if ray.is_initialized():
        yield
        return
    ray.init(
        address=address,
        # None where a cluster is joined: whether it has one is decided already.
        include_dashboard=False if address == "local" else None,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        yield
    finally:
        ray.shutdown()
