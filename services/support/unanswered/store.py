"""The table of the questions that were not answered."""

import hashlib
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from shared.errors import InputError, NotFoundError
from shared.storage.database import Database
from shared.storage.identifiers import new_id
from shared.storage.retention import Delete, delete_rows, stored_before
from shared.storage.statements import chunks, upsert

MAX_QUESTION_CHARS = 2_000
MAX_EARLIER = 3
MAX_EARLIER_CHARS = 500

_METADATA = sa.MetaData()

_KNOWLEDGE_BASE = sa.Table(
    "knowledge_base",
    _METADATA,
    sa.Column("uid", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text),
)

_UNANSWERED = sa.Table(
    "unanswered",
    _METADATA,
    sa.Column("uid", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("knowledge_base", sa.String(32)),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("question", sa.Text),
    sa.Column("earlier", sa.JSON),
    sa.Column("kind", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("confidence", sa.Float),
    sa.Column("suggestions", sa.JSON),
    sa.Column("times", sa.BigInteger),
    sa.Column("first_asked_at", sa.Float),
    sa.Column("asked_at", sa.Float),
)
_ROW = _UNANSWERED.c

_LATEST = ("question", "earlier", "kind", "reason", "confidence", "suggestions", "asked_at")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was not answered, as it was asked at `asked_at` (Unix seconds).

    `knowledge_base` is the knowledge base's uid, `earlier` what the user had asked before it, the
    oldest first; `suggestions` are ids of the documents that were offered.
    """

    tenant: str
    knowledge_base: str
    question: str
    earlier: Sequence[str]
    kind: str
    reason: str | None
    confidence: float
    suggestions: Sequence[str]
    asked_at: float

    @property
    def has_words(self) -> bool:
        """Whether it has a letter or a digit."""
        return bool(_normal(self.question))

    @property
    def key(self) -> tuple[str, str]:
        """Equal for equal questions to one knowledge base: case, accents, punctuation and spaces
        do not count. A question that follows others is equal only after equal ones.
        """
        turns = [_normal(turn) for turn in (*self.earlier[-MAX_EARLIER:], self.question)]
        turns = [turn for turn in turns[:-1] if turn and turn != turns[-1]] + turns[-1:]
        fingerprint = hashlib.sha256("\n".join(turns).encode("utf-8", "replace"))
        return self.knowledge_base, fingerprint.hexdigest()


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A kept question: how often it was asked, and how it stood when it was asked last.

    Times are Unix seconds; `knowledge_base` is a name.
    """

    id: str
    knowledge_base: str
    question: str
    earlier: Sequence[str]
    kind: str
    reason: str | None
    confidence: float
    suggestions: Sequence[str]
    times: int
    first_asked_at: float
    asked_at: float

    @property
    def place(self) -> str:
        """Where it stands in the order of `UnansweredStore.page`."""
        return f"{self.times}.{self.asked_at!r}.{self.id}"


class UnansweredStore:
    """Reads and writes; every method is one transaction and blocks its thread.

    Of each tenant at most `max_rows` questions are kept.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database, max_rows: int) -> None:
        self._database = database
        self._max_rows = max_rows

    def add(self, asked: Sequence[Asked]) -> int:
        """Keeps questions, and counts those that are kept already.

        Returns how many rows were deleted since there were too many of a tenant: those that were
        not asked for longest. What was asked of a knowledge base that is deleted by now is passed
        over.
        """
        with self._database.write() as connection:
            present = _lock_present(connection, {one.knowledge_base for one in asked})
            rows = _merged([one for one in asked if one.knowledge_base in present])
            upsert(
                connection,
                _UNANSWERED,
                rows,
                replaced=_LATEST,
                added=["times"],
                key=["knowledge_base", "fingerprint"],
            )
            return sum(self._trim(connection, tenant) for tenant in {one.tenant for one in asked})

    def page(
        self, tenant: str, knowledge_base: str | None, after: str, limit: int
    ) -> list[UnansweredQuestion]:
        """At most `limit` questions of a tenant, the most often asked first, then the latest.

        `knowledge_base` is a name, or None for all; `after` the `place` of the last one before.

        Raises:
            InputError: `after` is not a place.
        """
        order = sa.tuple_(_ROW.times, _ROW.asked_at, _ROW.uid)
        name = _KNOWLEDGE_BASE.c.name
        query = (
            sa.select(*_ROW, name.label("name"))
            .join(_KNOWLEDGE_BASE, _KNOWLEDGE_BASE.c.uid == _ROW.knowledge_base)
            .where(_ROW.tenant == tenant)
            .order_by(_ROW.times.desc(), _ROW.asked_at.desc(), _ROW.uid.desc())
            .limit(limit)
        )
        if knowledge_base is not None:
            query = query.where(name == knowledge_base)
        if after:
            times, asked_at, uid = _place(after)
            values = sa.literal(times, sa.BigInteger), sa.literal(asked_at), sa.literal(uid)
            query = query.where(order < sa.tuple_(*values))
        with self._database.read() as connection:
            return [_question(row) for row in connection.execute(query).mappings()]

    def delete(self, tenant: str, uid: str) -> None:
        """Deletes a question, with its count.

        Raises:
            NotFoundError: the tenant has none of this id.
        """
        with self._database.write() as connection:
            mine = (_ROW.tenant == tenant) & (_ROW.uid == uid)
            if not connection.execute(_UNANSWERED.delete().where(mine)).rowcount:
                raise NotFoundError(
                    f"there is no question {uid!r}: GET /support/unanswered lists them", param="id"
                )

    def _trim(self, connection: Connection, tenant: str) -> int:
        mine = _ROW.tenant == tenant
        count = connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
        if count <= self._max_rows:
            return 0
        oldest = sa.select(_ROW.uid).where(mine).order_by(_ROW.asked_at, _ROW.uid)
        keys = connection.execute(oldest.limit(count - self._max_rows)).all()
        delete_rows(connection, _UNANSWERED, keys)
        return len(keys)


def not_asked_since() -> Delete:
    """Deletes questions that were last asked before a time, the oldest first."""
    return stored_before(_UNANSWERED, _ROW.asked_at)


def _lock_present(connection: Connection, uids: set[str]) -> set[str]:
    """Which knowledge bases there are; PostgreSQL deletes none of them before the transaction's
    end, and SQLite has one writer."""
    uid = _KNOWLEDGE_BASE.c.uid
    query = sa.select(uid).with_for_update(read=True, key_share=True)
    every = chunks(sorted(uids))
    return {
        row for part in every for row in connection.execute(query.where(uid.in_(part))).scalars()
    }


def _merged(asked: Sequence[Asked]) -> list[Mapping[str, object]]:
    """A row for each question, in the order of the keys, in which every writer takes its locks."""
    equal: dict[tuple[str, str], list[Asked]] = {}
    for one in asked:
        equal.setdefault(one.key, []).append(one)
    return [_values(equal[key]) for key in sorted(equal)]


def _values(equal: Sequence[Asked]) -> dict[str, object]:
    asked = equal[-1]
    knowledge_base, fingerprint = asked.key
    return {
        "uid": new_id(),
        "tenant": asked.tenant,
        "knowledge_base": knowledge_base,
        "fingerprint": fingerprint,
        "question": asked.question[:MAX_QUESTION_CHARS],
        "earlier": [turn[:MAX_EARLIER_CHARS] for turn in asked.earlier[-MAX_EARLIER:]],
        "kind": asked.kind,
        "reason": asked.reason,
        "confidence": asked.confidence,
        "suggestions": list(asked.suggestions),
        "times": len(equal),
        "first_asked_at": equal[0].asked_at,
        "asked_at": asked.asked_at,
    }


def _question(row: RowMapping) -> UnansweredQuestion:
    names = (*_LATEST, "times", "first_asked_at")
    return UnansweredQuestion(
        id=row["uid"], knowledge_base=row["name"], **{name: row[name] for name in names}
    )


def _place(after: str) -> tuple[int, float, str]:
    place: tuple[int, float, str] | None
    try:
        times, rest = after.split(".", 1)
        asked_at, uid = rest.rsplit(".", 1)
        place = int(times), float(asked_at), uid
    except ValueError:
        place = None
    if place is None or not 0 <= place[0] < 2**63 or not math.isfinite(place[1]):
        raise InputError(
            f"after: {after[:60]!r} is not the `next` of a page: leave it out for the first page",
            param="after",
        )
    return place


def _normal(text: str) -> str:
    """Words alone, without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (c if c.isalnum() else " " for c in plain if unicodedata.category(c) != "Mn")
    return " ".join("".join(kept).split())
