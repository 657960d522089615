"""Items' vectors in the database, so that a process that starts embeds nothing twice."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import numpy as np
import orjson
import sqlalchemy as sa
from sqlalchemy import Row

from services.recommendation.items import ItemKey
from services.recommendation.tables import ITEM, ITEM_VECTOR, SERVING_BUNDLE
from shared.models.tasks import Float32s
from shared.ranking.events import item_text
from shared.storage.advisory_lock import AdvisoryLock, hold
from shared.storage.database import Database
from shared.storage.statements import chunks, insert_into, pairs_after, pairs_in, upsert
from shared.text.language import Language, language_of_all

_STORED = np.dtype("<f4")
_PAGE = 2000
_SERVING = 1
_SAMPLED_TENANTS = 50
_SAMPLED_ITEMS = 50
_SAMPLED_CHARACTERS = 500

_EMBEDDING = AdvisoryLock(0x656D6264, longest_s=120, poll_s=0.1)
"""It is held for one batch of the trunk's, which takes less."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that embeds, by its id, and the width of its vectors."""

    id: str
    width: int


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

    def serving(self) -> Bundle | None:
        """The bundle whose vectors serve; None before the first one was chosen."""
        columns = SERVING_BUNDLE.c
        with self._database.read() as connection:
            row = connection.execute(sa.select(columns.bundle, columns.width)).first()
        return None if row is None else Bundle(row.bundle, row.width)

    def serve(self, bundle: Bundle) -> None:
        """Lets the vectors of a bundle serve from now on, in every process that looks."""
        row = {"id": _SERVING, "bundle": bundle.id, "width": bundle.width}
        with self._database.write() as connection:
            upsert(connection, SERVING_BUNDLE, [row], replaced=("bundle", "width"))

    def serve_first(self, bundle: Bundle) -> Bundle:
        """Lets a bundle serve where none does yet; returns the one that serves."""
        row = {"id": _SERVING, "bundle": bundle.id, "width": bundle.width}
        with self._database.write() as connection:
            insert = insert_into(connection, SERVING_BUNDLE)
            connection.execute(insert.on_conflict_do_nothing(), row)
        return self.serving() or bundle

    def text_count(self) -> int:
        """How many items have a text, and so a vector as soon as they are embedded."""
        query = sa.select(sa.func.count()).select_from(ITEM).where(ITEM.c.text_digest != "")
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def language(self) -> Language | None:
        """The language of items' texts: of the first ones of each of the first tenants."""
        texts: list[str] = []
        column, tenants = ITEM.c.tenant, [""]
        with self._database.read() as connection:
            while len(tenants) <= _SAMPLED_TENANTS:
                query = sa.select(sa.func.min(column)).where(column > tenants[-1])
                tenant = connection.execute(query).scalar()
                if tenant is None:
                    break
                tenants.append(tenant)
                with_text = sa.and_(column == tenant, ITEM.c.text_digest != "")
                of_tenant = sa.select(ITEM.c.fields).where(with_text).order_by(ITEM.c.item)
                found = connection.execute(of_tenant.limit(_SAMPLED_ITEMS)).scalars()
                texts += [item_text(orjson.loads(one))[:_SAMPLED_CHARACTERS] for one in found]
        return language_of_all(texts)

    def bundles(self) -> list[str]:
        """The bundles of which any vectors are stored."""
        column, found = ITEM_VECTOR.c.bundle, [""]
        with self._database.read() as connection:
            # A step of the index for each: to read all rows for a few names would take minutes.
            while True:
                query = sa.select(sa.func.min(column)).where(column > found[-1])
                bundle = connection.execute(query).scalar()
                if bundle is None:
                    return found[1:]
                found.append(bundle)

    def delete_some(self, bundle: str) -> int:
        """Deletes vectors of a bundle, so few that no writer waits for long; how many it found."""
        columns = ITEM_VECTOR.c
        query = sa.select(columns.tenant, columns.item).where(columns.bundle == bundle)
        with self._database.write() as connection:
            keys = [(row.tenant, row.item) for row in connection.execute(query.limit(_PAGE))]
            for part in chunks(keys):
                where = pairs_in(columns.tenant, columns.item, part)
                connection.execute(ITEM_VECTOR.delete().where(columns.bundle == bundle, where))
        return len(keys)

    def page(self, bundle: str, after: ItemKey) -> tuple[Embedding, ItemKey | None]:
        """How the next items, of those after a key, stand with a bundle, without their vectors.

        With them the key to go on from; None at the end of the table.
        """
        order = (ITEM.c.tenant, ITEM.c.item)
        query = _items_with_digests(bundle).where(pairs_after(*order, after)).order_by(*order)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(_PAGE)).all()
        last = (rows[-1].tenant, rows[-1].item) if len(rows) == _PAGE else None
        return _embedding(rows), last

    def standing(self, keys: Sequence[ItemKey], bundle: str) -> Embedding:
        """How these items stand with a bundle."""
        rows: list[_ItemRow] = []
        with self._database.read() as connection:
            for part in chunks(sorted(keys)):
                where = pairs_in(ITEM.c.tenant, ITEM.c.item, part)
                rows.extend(connection.execute(_items_with_digests(bundle).where(where)))
        return _embedding(rows)

    def vectors_of(self, keys: Sequence[ItemKey], bundle: str) -> list[TenantVectors]:
        """The vectors of these items, of those that this bundle made."""
        columns = ITEM_VECTOR.c
        query = sa.select(columns.tenant, columns.item, columns.vector)
        rows: list[_VectorRow] = []
        with self._database.read() as connection:
            for part in chunks(sorted(keys)):
                where = pairs_in(columns.tenant, columns.item, part)
                rows.extend(connection.execute(query.where(where, columns.bundle == bundle)))
        return list(_found(rows))

    def turn(self) -> AbstractAsyncContextManager[None]:
        """The turn to embed, so that no two replicas embed the same items."""
        return hold(self._database, _EMBEDDING)

    def put(self, bundle: str, items: Sequence[ItemText], vectors: Float32s) -> None:
        """Stores vectors [n, d] of n items, each in the place of the one of this bundle before."""
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
            upsert(connection, ITEM_VECTOR, rows, replaced=("text_digest", "vector"))

    def load(self, bundle: str) -> Iterator[TenantVectors]:
        """All vectors that a bundle made, in parts."""
        columns, after = ITEM_VECTOR.c, ("", "")
        order = (columns.tenant, columns.item)
        query = sa.select(*order, columns.vector).where(columns.bundle == bundle).order_by(*order)
        while True:
            page = query.where(pairs_after(*order, after)).limit(_PAGE)
            with self._database.read() as connection:
                rows = connection.execute(page).all()
            yield from _found(rows)
            if len(rows) < _PAGE:
                return
            after = (rows[-1].tenant, rows[-1].item)


_ItemRow = Row[str, str, bytes, str, str]
_VectorRow = Row[str, str, bytes]


def _items_with_digests(bundle: str) -> sa.Select[str, str, bytes, str, str]:
    """Items, and of which text a bundle made their vectors; NULL without one."""
    one, vector = ITEM.c, ITEM_VECTOR.c
    same = sa.and_(vector.bundle == bundle, vector.tenant == one.tenant, vector.item == one.item)
    return sa.select(
        one.tenant,
        one.item,
        one.fields,
        one.text_digest,
        vector.text_digest.label("embedded_digest"),
    ).select_from(ITEM.outerjoin(ITEM_VECTOR, same))


def _embedding(rows: Sequence[_ItemRow]) -> Embedding:
    ready: list[ItemKey] = []
    missing: list[ItemText] = []
    for row in rows:
        key = (row.tenant, row.item)
        if not row.text_digest:
            continue
        if row.embedded_digest == row.text_digest:
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
