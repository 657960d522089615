"""How many bytes a record of news takes in SQLite, and how long a deletion holds its writer.

    python -m tests.benchmarks.bench_retention [RECORDS]

Records are headlines of 80 characters that name one entity, stored in batches of 64 as the stream
stores them, then deleted as they grow old; a second thread writes meanwhile, as the stream does.
"""

import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import sqlalchemy as sa

from services.sentiment.arrivals import Prepared
from services.sentiment.config import SentimentSettings
from services.sentiment.retention import NewsRetention, rules
from services.sentiment.service import open_database
from services.sentiment.store import NewsStore
from services.sentiment.tables import METADATA
from shared.clock import ManualClock
from shared.sentiment.surge import SurgeDetector, SurgeSettings
from shared.storage.database import Database
from shared.storage.retention import DAY_S, Retention
from tests.harness.sentiment.made import news, progress

BATCH = 64
ENTITIES = 200
SECONDS_APART = 2.0


def main() -> None:
    """Prints the figures."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(SentimentSettings(state_dir=Path(folder)))
        clock = ManualClock(time.time())
        store = NewsStore(
            database,
            SurgeDetector(SurgeSettings()),
            allowed_lateness_s=300.0,
            max_skew_s=10.0,
            has_webhook=False,
            clock=clock,
        )
        fill(store, records)
        file = Path(folder) / "sentiment.db"
        show("all of it", database, file, records)
        for days, what in ((8, "after 8 days"), (91, "after 91 days"), (800, "after 800 days")):
            clock.advance(days * DAY_S)
            shrink(database, store, clock, what)
            show(what, database, file, records)
        database.close()


def fill(store: NewsStore, records: int) -> None:
    """Stores the records."""
    chance = random.Random(0)
    labels = ("negative", "neutral", "positive")
    for start in range(0, records, BATCH):
        items: list[Prepared] = [
            news(
                0,
                offset,
                offset * SECONDS_APART,
                {f"Company {chance.randrange(ENTITIES)}": chance.choice(labels)},
                text="".join(chance.choices("abcdefghij klmnop", k=80)),
            )
            for offset in range(start, min(start + BATCH, records))
        ]
        store.store(items, progress({0: items[-1].record.offset + 1}))


def shrink(database: Database, store: NewsStore, clock: ManualClock, what: str) -> None:
    """Deletes what is old now while another thread writes, and prints how long that one waits."""
    retention = Retention(
        database, rules(NewsRetention()), NewsRetention(), take_turn=store.take_turn, clock=clock
    )
    waits: list[float] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            begun_s = time.perf_counter()
            with database.write():
                waits.append(time.perf_counter() - begun_s)
            time.sleep(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    begun_s = time.perf_counter()
    gone = sum(retention.purge().values())
    took_s = time.perf_counter() - begun_s
    done.set()
    thread.join()
    waits.sort()
    middle, high, most = (1000 * waits[int(q * (len(waits) - 1))] for q in (0.5, 0.99, 1.0))
    print(
        f"{what}: {gone:,} rows in {took_s:.1f} s; a writer waited {middle:.1f} ms in the median, "
        f"{high:.1f} ms p99, {most:.1f} ms at most"
    )


def show(what: str, database: Database, file: Path, records: int) -> None:
    """Prints the bytes that are in use, by record, and the file's size."""
    with database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        rows = sum(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in METADATA.sorted_tables
        )
    used = (pages - free) * size
    print(
        f"{what}: {rows:,} rows, {used / records:,.0f} bytes a record in use, "
        f"file {pages * size / 2**20:.1f} MiB"
    )


if __name__ == "__main__":
    main()
