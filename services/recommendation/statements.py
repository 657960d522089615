"""How the recommendation application's tables take newer rows."""

import operator
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from shared.storage.statements import insert_into


def upsert_newest(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, object]],
    replaced: Sequence[str],
    *,
    newest: tuple[str, ...] = (),
    least: str | None = None,
) -> None:
    """Inserts rows; where the primary key is there, columns are replaced.

    With `newest` only by a row that is not older by these columns; the column `least` keeps the
    lesser of both values in any case.
    """
    if not rows:
        return
    insert = insert_into(connection, table)
    there, comes = table.c, insert.excluded
    values: dict[str, sa.ColumnElement[object]] = {name: comes[name] for name in replaced}
    if newest:
        ages = (sa.tuple_(*(columns[name] for name in newest)) for columns in (comes, there))
        is_newer = operator.ge(*ages)
        values = {name: sa.case((is_newer, one), else_=there[name]) for name, one in values.items()}
    if least is not None:
        is_less = comes[least] < there[least]
        values[least] = sa.case((is_less, comes[least]), else_=there[least])
    key = [column.name for column in table.primary_key]
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=values), rows)
