"""Items' vectors in the database, so that a process that starts embeds nothing twice."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import numpy as np
import orjson
import sqlalchemy as sa
from sqlalchemy import Row

from services.recommendation.statements import upsert_newest
from services.recommendation.tables import ITEM, ITEM_VECTOR
from shared.models.tasks import Float32s
from shared.ranking.events import item_text
from shared.storage.database import Database
from shared.storage.statements import chunks, pairs_in
from shared.storage.turns import Turn, turn

_STORED = np.dtype("<f4")
_PAGE = 2000

_TURN = Turn(0x656D6264, longest_s=120, poll_s=0.1)
"""A turn ends with a batch of the trunk's, which takes less."""

ItemKey = tuple[str, str]
"""An item's tenant and id."""


@dataclass(frozen=True, slots=True)
class ItemText:
    """What is embedded of an item, with the digest that tells this text from others."""

    key: ItemKey
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class TenantVectors:
    """Vectors [n, d] of n items of one tenant."""

    tenant: str
    items: Sequence[str]
    vectors: Float32s


@dataclass(frozen=True, slots=True)
class Embedding:
    """Items with a text: those whose vector is there, and those whose text is to be embedded."""

    ready: Sequence[ItemKey]
    missing: Sequence[ItemText]


class VectorStore:
    """Every method is one transaction (`load` one for each page), and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def commonest(self) -> tuple[str, int] | None:
        """The bundle that made most of the vectors, and their width; None without vectors."""
        columns = ITEM_VECTOR.c
        query = (
            sa.select(columns.bundle, sa.func.max(sa.func.length(columns.vector)))
            .group_by(columns.bundle)
            .order_by(sa.func.count().desc(), columns.bundle)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], row[1] // _STORED.itemsize)

    def page(self, bundle: str, after: ItemKey) -> tuple[Embedding, ItemKey | None]:
        """How the next items, of those after a key, stand with a bundle, without their vectors.

        With them the key to go on from; None at the end of the table.
        """
        columns = ITEM.c
        tenant, item = after
        later = sa.or_(
            columns.tenant > tenant, sa.and_(columns.tenant == tenant, columns.item > item)
        )
        query = _items_with_digests().where(columns.tenant >= tenant, later)
        query = query.order_by(columns.tenant, columns.item).limit(_PAGE)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        last = (rows[-1].tenant, rows[-1].item) if len(rows) == _PAGE else None
        return _embedding(rows, bundle), last

    def standing(self, keys: Sequence[ItemKey], bundle: str) -> Embedding:
        """How these items stand with a bundle."""
        rows: list[_ItemRow] = []
        with self._database.read() as connection:
            for part in chunks(sorted(keys)):
                where = pairs_in(ITEM.c.tenant, ITEM.c.item, part)
                rows.extend(connection.execute(_items_with_digests().where(where)))
        return _embedding(rows, bundle)

    def vectors_of(self, keys: Sequence[ItemKey], bundle: str) -> list[TenantVectors]:
        """The vectors of these items, of those that this bundle made."""
        columns = ITEM_VECTOR.c
        query = sa.select(columns.tenant, columns.item, columns.bundle, columns.vector)
        rows: list[_VectorRow] = []
        with self._database.read() as connection:
            for part in chunks(sorted(keys)):
                where = pairs_in(columns.tenant, columns.item, part)
                rows.extend(connection.execute(query.where(where, columns.bundle == bundle)))
        return list(_found(rows))

    def turn(self) -> AbstractAsyncContextManager[None]:
        """The turn to embed, so that no two replicas embed the same items."""
        return turn(self._database, _TURN)

    def put(self, bundle: str, items: Sequence[ItemText], vectors: Float32s) -> None:
        """Stores vectors [n, d] of n items, each in the place of the one before."""
        rows = [
            {
                "tenant": one.key[0],
                "item": one.key[1],
                "bundle": bundle,
                "text_digest": one.digest,
                "vector": vector.astype(_STORED, copy=False).tobytes(),
            }
            for one, vector in zip(items, vectors, strict=True)
        ]
        with self._database.write() as connection:
            upsert_newest(connection, ITEM_VECTOR, rows, ("bundle", "text_digest", "vector"))

    def load(self, bundle: str) -> Iterator[TenantVectors]:
        """All vectors that a bundle made, in parts."""
        columns = ITEM_VECTOR.c
        tenant = item = ""
        while True:
            later = sa.or_(
                columns.tenant > tenant, sa.and_(columns.tenant == tenant, columns.item > item)
            )
            query = (
                sa.select(columns.tenant, columns.item, columns.bundle, columns.vector)
                .where(columns.tenant >= tenant, later)
                .order_by(columns.tenant, columns.item)
                .limit(_PAGE)
            )
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            yield from _found([row for row in rows if row.bundle == bundle])
            if len(rows) < _PAGE:
                return
            tenant, item = rows[-1].tenant, rows[-1].item


_ItemRow = Row[str, str, bytes, str, str, str]
_VectorRow = Row[str, str, str, bytes]


def _items_with_digests() -> sa.Select[str, str, bytes, str, str, str]:
    one, vector = ITEM.c, ITEM_VECTOR.c
    same = sa.and_(vector.tenant == one.tenant, vector.item == one.item)
    return sa.select(
        one.tenant,
        one.item,
        one.fields,
        one.text_digest,
        vector.bundle,
        vector.text_digest.label("embedded_digest"),
    ).select_from(ITEM.outerjoin(ITEM_VECTOR, same))


def _embedding(rows: Sequence[_ItemRow], bundle: str) -> Embedding:
    ready: list[ItemKey] = []
    missing: list[ItemText] = []
    for row in rows:
        key = (row.tenant, row.item)
        if not row.text_digest:
            continue
        if (row.bundle, row.embedded_digest) == (bundle, row.text_digest):
            ready.append(key)
        else:
            text = item_text(orjson.loads(row.fields))
            missing.append(ItemText(key, text, row.text_digest))
    return Embedding(ready, missing)


def by_tenant(keys: Sequence[ItemKey], vectors: Float32s) -> Iterator[TenantVectors]:
    """Vectors [n, d] of n items, the tenants apart."""
    for tenant in dict.fromkeys(tenant for tenant, _ in keys):
        rows = [row for row, key in enumerate(keys) if key[0] == tenant]
        yield TenantVectors(tenant, [keys[row][1] for row in rows], vectors[rows])


def _found(rows: Sequence[_VectorRow]) -> Iterator[TenantVectors]:
    if rows:
        vectors = np.stack([np.frombuffer(row.vector, _STORED) for row in rows])
        keys = [(row.tenant, row.item) for row in rows]
        yield from by_tenant(keys, vectors.astype(np.float32))
