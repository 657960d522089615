"""Rows go when they are old enough: a little at a time, beside the writer that they belong to.

How a service plugs in: it makes a `Rule` for each kind of row that grows with what comes in, and
runs a `Retention` of them in the process that owns the writes (SQLite has one), with `take_turn`
where its writers take turns. Most rules are `stored_before` a time in a column, which needs an
index; ids of `new_id` are in the order of time themselves (`first_id_at`). A rule must never delete
what is still needed, however old: what is not applied, not delivered, not resolved, or would count
a second time as a duplicate. What is kept for how long stands in the table of infra/README.md.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Connection

from shared.clock import Clock, SystemClock
from shared.config import Settings
from shared.errors import DependencyError
from shared.storage.database import Database
from shared.telemetry import RETENTION_ROWS

LOGGER = logging.getLogger(__name__)

DAY_S = 86_400.0

_LONG_S = 0.025
"""A transaction that takes longer deletes too much at once: the next one deletes half."""

_LEAST_ROWS = 20
_SHARE = 9.0
"""Between two transactions the writer has this many times as long as the last one took."""

Delete = Callable[[Connection, float, int], int]
"""Deletes at most so many of the rows of before a time (Unix seconds), and returns how many."""


class RetentionSettings(Settings):
    """How often old rows are looked for, and how many go in one transaction at most."""

    every_s: float = Field(600.0, gt=0)
    batch_rows: int = Field(500, ge=_LEAST_ROWS, le=10_000)


@dataclass(frozen=True, slots=True)
class Rule:
    """How long rows of one kind are kept: None is for ever. `name` is a metric's label."""

    name: str
    keep_days: float | None
    delete: Delete


def stored_before(
    table: sa.Table, column: sa.Column[float], *conditions: sa.ColumnElement[bool]
) -> Delete:
    """Rows of a table with an earlier time in an indexed column, the oldest first."""
    query = sa.select(*table.primary_key.columns).where(*conditions).order_by(column)

    def delete(connection: Connection, before_s: float, limit: int) -> int:
        keys = connection.execute(query.where(column < before_s).limit(limit)).all()
        delete_rows(connection, table, keys)
        return len(keys)

    return delete


def delete_rows(
    connection: Connection, table: sa.Table, keys: Sequence[sa.Row[tuple[object, ...]]]
) -> None:
    """Deletes rows by their primary keys, given in the order of its columns."""
    if not keys:
        return
    names = [f"key_{number}" for number in range(len(table.primary_key.columns))]
    pairs = zip(table.primary_key.columns, names, strict=True)
    mine = sa.and_(*(column == sa.bindparam(name) for column, name in pairs))
    rows = [dict(zip(names, key, strict=True)) for key in keys]
    connection.execute(table.delete().where(mine), rows)


class Retention:
    """A thread that lets old rows go.

    It asks every `every_s` and deletes in transactions with pauses between them. They begin small
    and grow only while they are short, so that what is written waits for some hundredths of a
    second at most.
    """

    def __init__(
        self,
        database: Database,
        rules: Sequence[Rule],
        settings: RetentionSettings,
        *,
        take_turn: Callable[[Connection], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._rules = rules
        self._settings = settings
        self._take_turn = take_turn
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ends after the transaction that runs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def purge(self) -> dict[str, int]:
        """Lets everything go that is old now; returns rows by the names of the rules.

        Raises:
            DependencyError: the database does not answer.
        """
        now_s = self._clock.time()
        gone = {
            rule.name: self._purge(rule, now_s - rule.keep_days * DAY_S)
            for rule in self._rules
            if rule.keep_days is not None
        }
        if any(gone.values()):
            LOGGER.info("old rows are deleted", extra={k: v for k, v in gone.items() if v})
        return gone

    def _purge(self, rule: Rule, before_s: float) -> int:
        gone, limit = 0, _LEAST_ROWS
        while not self._stopping.is_set():
            with self._database.write() as connection:
                if self._take_turn is not None:
                    self._take_turn(connection)
                begun_s = time.perf_counter()
                deleted = rule.delete(connection, before_s, limit)
            took_s = time.perf_counter() - begun_s
            gone += deleted
            RETENTION_ROWS.labels(rule.name).inc(deleted)
            if deleted < limit:
                break
            limit = limit // 2 if took_s > _LONG_S else limit * 2
            limit = min(max(limit, _LEAST_ROWS), self._settings.batch_rows)
            self._stopping.wait(_SHARE * took_s)
        return gone

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.purge()
            except DependencyError as error:
                LOGGER.warning("old rows are not deleted", extra={"reason": str(error)})
            except Exception:
                # The edge of the thread: what is old stays, and the next time may do better.
                LOGGER.exception("old rows could not be deleted")
            self._stopping.wait(self._settings.every_s)
