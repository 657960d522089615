"""The few statements that both databases spell differently, or take in parts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

_T = TypeVar("_T")

_CHUNK = 400


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Parts whose values fit into one statement."""
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def pairs_in(
    first: sa.ColumnElement[Any], second: sa.ColumnElement[Any], pairs: Iterable[tuple[Any, Any]]
) -> sa.ColumnElement[bool]:
    """Whether two columns are one of these pairs.

    Spelt so that SQLite uses the index of both: for `(a, b) IN (...)` it reads the whole table.
    """
    seconds: dict[Any, list[Any]] = {}
    for one, other in pairs:
        seconds.setdefault(one, []).append(other)
    return sa.or_(*(sa.and_(first == one, second.in_(found)) for one, found in seconds.items()))


def pairs_after(
    first: sa.ColumnElement[Any], second: sa.ColumnElement[Any], pair: tuple[Any, Any]
) -> sa.ColumnElement[bool]:
    """Whether two columns come after a pair, in the order of the first and then the second."""
    one, other = pair
    later = sa.or_(first > one, sa.and_(first == one, second > other))
    # Said twice, so that the index of both is read from here on and not from its beginning.
    return sa.and_(first >= one, later)


def insert_into(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what happens where the key is there."""
    # The two classes have the same methods and no common base.
    insert: sqlite.Insert | postgresql.Insert = sqlite.insert(table)
    if connection.dialect.name != "sqlite":
        insert = postgresql.insert(table)
    return insert


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, object]],
    *,
    replaced: Sequence[str] = (),
    added: Sequence[str] = (),
    key: Sequence[str] | None = None,
) -> None:
    """Inserts rows; where the key (the primary one) is there, columns are replaced or added to."""
    if not rows:
        return
    where = list(key or (column.name for column in table.primary_key))
    insert = insert_into(connection, table)
    values: dict[str, sa.ColumnElement[object]] = {name: insert.excluded[name] for name in replaced}
    for name in added:
        values[name] = table.c[name] + insert.excluded[name]
    connection.execute(insert.on_conflict_do_update(index_elements=where, set_=values), rows)
