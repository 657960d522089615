"""What is read of events and items; no reader ever holds up a writer."""

from collections.abc import Iterator

import orjson
import sqlalchemy as sa

from services.recommendation.items import read_page
from services.recommendation.payloads import decode_event, digest
from services.recommendation.store import StoredEvent
from services.recommendation.tables import EVENT, LEDGER
from shared.ranking.events import Event
from shared.storage.database import Database
from shared.streaming.ledger.reader import LedgerReader, TopicFigures

_PAGE = 5000


class FeedbackReader:
    """Every method is one transaction that only reads, and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def first_seq(self) -> int:
        """The number of the oldest event that is kept; 1 before the first."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.min(EVENT.c.stored_seq))).scalar() or 1

    def source_of(self, seq: int) -> str | None:
        """What tells the event of a number from one of another database; None without it."""
        columns = EVENT.c
        query = sa.select(columns.tenant, columns.id, columns.digest, columns.stored_at)
        with self._database.read() as connection:
            row = connection.execute(query.where(columns.stored_seq == seq)).first()
        return None if row is None else digest(orjson.dumps(tuple(row)))

    def items(self) -> Iterator[StoredEvent]:
        """Every item as all events told it, also those that are gone, as events; without numbers.

        A field that is older than others of its item comes in an event of that age.
        """
        key = ("", "")
        while True:
            with self._database.read() as connection:
                told, key_after = read_page(connection, key, _PAGE)
            for tenant, event in told:
                yield StoredEvent(0, tenant, event)
            if key_after is None:
                return
            key = key_after

    def after(self, seq: int, limit: int = _PAGE) -> list[StoredEvent]:
        """At most `limit` events after a number, in the order that they were stored in."""
        columns = EVENT.c
        query = (
            sa.select(
                columns.stored_seq,
                columns.tenant,
                columns.kind,
                columns.id,
                columns.timestamp_ms,
                columns.payload,
            )
            .where(columns.stored_seq > seq)
            .order_by(columns.stored_seq)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [StoredEvent(row[0], row[1], decode_event(*row[2:])) for row in rows]

    def replay(self, tenant: str) -> Iterator[Event]:
        """All of a tenant's events in the order of their times; one transaction a page."""
        columns = EVENT.c
        place = (-1, 0)
        while True:
            at_ms, seq = place
            later = sa.or_(
                columns.timestamp_ms > at_ms,
                sa.and_(columns.timestamp_ms == at_ms, columns.stored_seq > seq),
            )
            query = (
                sa.select(
                    columns.kind,
                    columns.id,
                    columns.timestamp_ms,
                    columns.payload,
                    columns.stored_seq,
                )
                # Said twice, so that the index is read from here on and not from its beginning.
                .where(columns.tenant == tenant, columns.timestamp_ms >= at_ms, later)
                .order_by(columns.timestamp_ms, columns.stored_seq)
                .limit(_PAGE)
            )
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield decode_event(*row[:4])
            if len(rows) < _PAGE:
                return
            place = (rows[-1].timestamp_ms, rows[-1].stored_seq)

    def topic(self, name: str, tenant: str | None = None) -> TopicFigures:
        """See `LedgerReader.figures`."""
        with self._database.read() as connection:
            return LedgerReader(LEDGER).figures(connection, name, tenant)
