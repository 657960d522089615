"""The stream's one transaction: everything that a micro-batch changes, or nothing of it.

Inbox, articles, mentions, windows, progress, watermark, alerts, dead letters and outbox are
written together; only then is the offset committed. A batch that is read again finds its records in
the inbox. All writers take turns: on SQLite because it has one writer, on PostgreSQL by a lock,
since surges and events of all topics share their tables.
"""

import logging
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy import Connection

from services.sentiment.alerts.alertmanager import messages
from services.sentiment.alerts.decision import MAX_MENTIONS, Applied, Surges, has_active
from services.sentiment.alerts.record import AlertRecord
from services.sentiment.arrivals import (
    Arrivals,
    Arriving,
    KnownArticle,
    PartitionRow,
    Prepared,
    RecordOutcome,
    ScoredNews,
)
from services.sentiment.tables import ARTICLE, LEDGER, MENTION, OUTBOX, WINDOW
from shared.clock import Clock, SystemClock
from shared.delivery.outbox import Outbox
from shared.sentiment.surge import SurgeDetector
from shared.sentiment.watermark import IdleTime, Silence, Watermark, advance, watermark
from shared.storage.advisory_lock import take_writers_turn
from shared.storage.database import Database
from shared.storage.statements import chunks, pairs_in, upsert
from shared.streaming.consumer import StreamProgress
from shared.streaming.ledger.reader import LedgerReader
from shared.streaming.ledger.writer import LOGGED, LedgerWriter, named
from shared.telemetry import (
    NEWS_AHEAD,
    NEWS_ALERTS,
    NEWS_DEAD_LETTERS,
    NEWS_LATE,
    NEWS_RECORDS,
    NEWS_STORE_LATENCY,
)

LOGGER = logging.getLogger(__name__)

_WRITER_LOCK = 0x6E657773  # "news": any number does that all writers share.
_SILENCE_STEP_S = 30.0
"""How much more silence is worth a transaction while no episode waits for its end."""


@dataclass(frozen=True, slots=True)
class StoredNews:
    """What a transaction changed: records by outcome, alerts as of each change.

    `mark` is how far event time has come.
    """

    outcomes: dict[RecordOutcome, int]
    late: int
    changes: Sequence[AlertRecord]
    mark: Watermark
    is_drained: bool
    messages: int


class NewsStore:
    """Writes; every method is one transaction and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(
        self,
        database: Database,
        detector: SurgeDetector,
        *,
        allowed_lateness_s: float,
        max_skew_s: float,
        has_webhook: bool,
        clock: Clock | None = None,
        max_mentions: int = MAX_MENTIONS,
    ) -> None:
        self._database = database
        self._surges = Surges(detector, max_mentions=max_mentions)
        self._is_drained = True
        self._outbox = Outbox(OUTBOX)
        self._ledger = LedgerWriter(LEDGER, self._outbox, PartitionRow, NEWS_DEAD_LETTERS)
        self._allowed_lateness_s = allowed_lateness_s
        self._max_skew_s = max_skew_s
        self._has_webhook = has_webhook
        self._clock = clock or SystemClock()

    def store(
        self,
        items: Sequence[Prepared],
        progress: StreamProgress,
        idle: AbstractSet[int] = frozenset(),
    ) -> StoredNews:
        """Stores a batch of one topic; `idle` are owned partitions where nothing comes."""
        now_s = self._clock.time()
        with NEWS_STORE_LATENCY.time(), self._database.write() as connection:
            self.take_turn(connection)
            partitions = self._ledger.rows(connection, progress.topic_id)
            fresh = self._ledger.fresh(connection, progress.topic_id, items)
            arriving = Arriving(
                _known_articles(connection, fresh),
                lambda record: self._ledger.passed(partitions, record),
                allowed_lateness_s=self._allowed_lateness_s,
                max_skew_s=self._max_skew_s,
                now_s=now_s,
            )
            arrivals = arriving.take(fresh)
            arrivals.outcomes[RecordOutcome.REPEATED] = len(items) - len(fresh)
            self._note_ends(partitions, progress, dict.fromkeys(idle))
            self._insert(connection, progress.topic_id, arrivals, now_s)
            stored = self._settle(connection, progress, partitions, arrivals, now_s)
        self._is_drained = stored.is_drained
        self._report(stored, arrivals)
        return stored

    def settle(
        self, progress: StreamProgress, silences: Mapping[int, Silence]
    ) -> StoredNews | None:
        """Notes for how long owned partitions are silent, and applies what that frees.

        None if nothing changed that is worth a transaction.
        """
        now_s = self._clock.time()
        if self._is_drained and not self._is_news(progress, silences):
            return None
        with self._database.write() as connection:
            self.take_turn(connection)
            partitions = self._ledger.rows(connection, progress.topic_id)
            self._note_ends(partitions, progress, silences)
            stored = self._settle(connection, progress, partitions, Arrivals(), now_s)
        self._is_drained = stored.is_drained
        self._report(stored, Arrivals())
        return stored

    def _is_news(self, progress: StreamProgress, silences: Mapping[int, Silence]) -> bool:
        """Whether the database does not know of these ends yet; a read holds nobody up."""
        with self._database.read() as connection:
            partitions = self._ledger.rows(connection, progress.topic_id)
            topic = connection.execute(_topic(progress.topic_id)).first()
            step_s = 0.0 if has_active(connection) else _SILENCE_STEP_S
        before = {number: replace(row) for number, row in partitions.items()}
        self._note_ends(partitions, progress, silences)
        is_known = topic is not None and topic.partitions == len(progress.partitions)
        return not is_known or any(
            number not in before or _has_moved(before[number], row, step_s)
            for number, row in partitions.items()
        )

    def take_turn(self, connection: Connection) -> None:
        """Waits until no other writer is in its transaction; lasts as long as this one."""
        take_turn(self._database, connection)

    def _settle(
        self,
        connection: Connection,
        progress: StreamProgress,
        partitions: dict[int, PartitionRow],
        arrivals: Arrivals,
        now_s: float,
    ) -> StoredNews:
        """Progress, watermark, and what follows from it."""
        mark, now, columns = _advance(connection, progress, partitions)
        self._ledger.write(connection, progress, partitions, now_s, columns)
        applied: Applied = self._surges.apply(connection, mark, now.time, now_s)
        sent = [
            message
            for alert in applied.changes
            for message in messages(alert, has_webhook=self._has_webhook)
        ]
        self._outbox.put(connection, sent, now_s)
        return StoredNews(
            arrivals.outcomes,
            arrivals.late,
            applied.changes,
            now,
            applied.is_drained,
            len(arrivals.dead) + len(sent),
        )

    def _note_ends(
        self,
        partitions: dict[int, PartitionRow],
        progress: StreamProgress,
        idle: Mapping[int, Silence | None],
    ) -> None:
        """Where the owned partitions end; of those where nothing comes, if known since when."""
        for row in self._ledger.note_ends(partitions, progress, idle.keys()):
            row.idle = True
            if (silence := idle[row.partition]) is not None:
                row.silent_since, row.silent_until = silence.since, silence.until

    def _insert(
        self, connection: Connection, topic_id: str, arrivals: Arrivals, now_s: float
    ) -> None:
        self._ledger.put(
            connection, topic_id, arrivals.entries, arrivals.dead, now_s, arrivals.counted_late
        )
        for table, rows in ((ARTICLE, arrivals.articles), (MENTION, arrivals.mentions)):
            if rows:
                connection.execute(table.insert(), rows)
        windows = [
            {
                "tenant": key.tenant,
                "entity": key.entity,
                "size_s": key.size_s,
                "start_s": key.start_s,
                "negative": counts.negative,
                "neutral": counts.neutral,
                "positive": counts.positive,
                "late": counts.late,
                "stored_at": now_s,
            }
            for key, counts in arrivals.windows.items()
        ]
        upsert(connection, WINDOW, windows, added=("negative", "neutral", "positive", "late"))

    def _report(self, stored: StoredNews, arrivals: Arrivals) -> None:
        """Metrics and log lines, after the commit: what was rolled back did not happen."""
        self._ledger.report(arrivals.dead)
        _report(stored, arrivals)


def take_turn(database: Database, connection: Connection) -> None:
    """What all writers do first: see `NewsStore.take_turn`."""
    take_writers_turn(database, connection, _WRITER_LOCK)


def _topic(topic_id: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(*LEDGER.topics.c).where(LEDGER.topics.c.topic_id == topic_id)


def _known_articles(
    connection: Connection, items: Sequence[Prepared]
) -> dict[tuple[str, str], KnownArticle]:
    ids: dict[str, set[str]] = {}
    for item in items:
        if isinstance(item, ScoredNews):
            ids.setdefault(item.news.tenant, set()).add(item.news.id)
    pairs = sorted((tenant, one) for tenant, of_tenant in ids.items() for one in of_tenant)
    columns = ARTICLE.c
    query = sa.select(columns.tenant, columns.id, columns.uid, columns.text)
    found: dict[tuple[str, str], KnownArticle] = {}
    for part in chunks(pairs):
        place = pairs_in(columns.tenant, columns.id, part)
        for tenant, one, uid, text in connection.execute(query.where(place)):
            found[tenant, one] = KnownArticle(uid, text)
    return found


def _has_moved(before: PartitionRow, after: PartitionRow, step_s: float) -> bool:
    """Whether a row says anything new, where silence that lasts is new after `step_s` alone."""
    if replace(before, silent_since=None, silent_until=None) != replace(
        after, silent_since=None, silent_until=None
    ):
        return True
    if before.silent_until is None or after.silent_until is None:
        return before.silent_until is not after.silent_until
    return after.silent_until - before.silent_until > step_s


def _advance(
    connection: Connection, progress: StreamProgress, partitions: Mapping[int, PartitionRow]
) -> tuple[Watermark, Watermark, dict[str, object]]:
    """The watermark of the topic's records, which never goes back, and how far event time is.

    With them come the topic's columns that say so.
    """
    times = [partitions.get(n, PartitionRow(n)).time for n in progress.partitions]
    mark, idle_time = _times(connection, progress)
    mark, idle_time = advance(mark, watermark(times)), idle_time.count(times)
    columns: dict[str, object] = {
        "watermark": mark.time,
        "inclusive": mark.inclusive,
        "idle_end": idle_time.end,
        "idle_seconds": idle_time.seconds,
        "idle_until": idle_time.until,
    }
    now = idle_time.moves(mark) if all(time.idle for time in times) else mark
    return mark, now, columns


def _times(connection: Connection, progress: StreamProgress) -> tuple[Watermark, IdleTime]:
    """What was stored of the topic; a new one goes on where the one of its name before it ended."""
    row = connection.execute(_topic(progress.topic_id)).first()
    if row is not None:
        idle_time = IdleTime(row.idle_end, row.idle_seconds, row.idle_until)
        return Watermark(row.watermark, row.inclusive), idle_time
    before = LedgerReader(LEDGER).present(connection, progress.topic)
    if before is None:
        return Watermark(), IdleTime()
    end = before["watermark"] if before["idle_end"] is None else before["idle_end"]
    return Watermark(), IdleTime(end, before["idle_seconds"], before["idle_until"])


def _report(stored: StoredNews, arrivals: Arrivals) -> None:
    for outcome, number in stored.outcomes.items():
        NEWS_RECORDS.labels(outcome).inc(number)
    NEWS_LATE.inc(stored.late)
    for conflict in arrivals.conflicts[:LOGGED]:
        extra = {**named(conflict.record), "tenant": conflict.news.tenant, "id": conflict.news.id}
        LOGGER.warning("a duplicate id has another text: the first one counts", extra=extra)
    NEWS_AHEAD.inc(len(arrivals.ahead))
    for early in arrivals.ahead[:LOGGED]:
        extra = {**named(early.record), "tenant": early.news.tenant, "id": early.news.id}
        LOGGER.warning("a record is dated after its arrival, which bounds it", extra=extra)
    if stored.late:
        LOGGER.info("late news corrects the windows alone", extra={"records": stored.late})
    for alert in stored.changes:
        NEWS_ALERTS.labels(alert.state).inc()
        extra = {"alert": alert.uid, "tenant": alert.tenant, "entity": alert.entity}
        LOGGER.info("an alert is %s", alert.state, extra=extra)
