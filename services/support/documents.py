"""Documents and knowledge bases in the database, which is the only truth about them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from services.support.ingest.ids import derived_id, former_id
from shared.clock import Clock, SystemClock
from shared.errors import NotFoundError
from shared.storage.advisory_lock import AdvisoryLock, hold
from shared.storage.database import Database
from shared.storage.identifiers import new_id
from shared.storage.statements import chunks
from shared.text.language import Language
from shared.text.passages import TextFormat

Scalar = str | int | float | bool
Metadata = Mapping[str, Scalar | Sequence[Scalar]]

_REBUILDING = AdvisoryLock(0x6B62, longest_s=6 * 3600, poll_s=1.0)

_METADATA = sa.MetaData()

_KNOWLEDGE_BASE = sa.Table(
    "knowledge_base",
    _METADATA,
    sa.Column("uid", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("version", sa.BigInteger),
    sa.Column("updated_at", sa.Float),
    sa.Column("language", sa.Text),
)

_DOCUMENT = sa.Table(
    "document",
    _METADATA,
    sa.Column("knowledge_base", sa.String(32), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("format", sa.Text),
    sa.Column("is_faq", sa.Boolean),
    sa.Column("metadata", sa.JSON),
    sa.Column("version", sa.BigInteger),
    sa.Column("updated_at", sa.Float),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document as a client gave it; of a `is_faq` one the title is the question.

    Offsets of passages and citations count characters of `text`.
    """

    id: str
    title: str
    text: str
    format: TextFormat
    is_faq: bool
    metadata: Metadata

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents that the document answers, from its metadata's key `intents`."""
        given = self.metadata.get("intents", ())
        values = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        return tuple(value for value in values if isinstance(value, str))


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document, the version of the knowledge base that it came with, and when (Unix seconds)."""

    document: Document
    version: int
    updated_at: float


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A stored document without its text, of which it has the number of characters."""

    id: str
    title: str
    characters: int
    version: int
    updated_at: float


@dataclass(frozen=True, slots=True)
class KnowledgeBaseRecord:
    """A tenant's knowledge base; `version` counts up with every write.

    `language` is the one that was stated; None where it is taken from the documents.
    """

    uid: str
    tenant: str
    name: str
    version: int
    documents: int
    updated_at: float
    language: Language | None = None


class DocumentStore:
    """Reads and writes; every method is one transaction and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write as well."""
        return self._database.is_shared

    def rebuilding(self) -> AbstractAsyncContextManager[None]:
        """The lock to embed a whole knowledge base: one process at a time holds it."""
        return hold(self._database, _REBUILDING)

    def create(
        self, tenant: str, name: str, language: Language | None = None
    ) -> KnowledgeBaseRecord:
        """The knowledge base of this name, made now if there is none, with a language if stated."""
        with self._database.write() as connection:
            found = _find(connection, tenant, name)
            if found is None:
                row = {"uid": new_id(), "tenant": tenant, "name": name, "version": 0}
                row["updated_at"] = self._clock.time()
                # On PostgreSQL another client may make it between our look and our insert.
                with suppress(IntegrityError), connection.begin_nested():
                    connection.execute(_KNOWLEDGE_BASE.insert(), [row])
                found = _find(connection, tenant, name)
            if found is not None and language not in (None, found.language):
                connection.execute(
                    _KNOWLEDGE_BASE.update()
                    .where(_KNOWLEDGE_BASE.c.uid == found.uid)
                    .values(language=language)
                )
                found = replace(found, language=language)
        if found is None:
            raise NotFoundError(
                f"the knowledge base {name!r} was deleted at once by another client"
            )
        return found

    def find(self, tenant: str, name: str) -> KnowledgeBaseRecord | None:
        """The knowledge base of this name, if the tenant has one."""
        with self._database.read() as connection:
            return _find(connection, tenant, name)

    def all(self) -> list[KnowledgeBaseRecord]:
        """The knowledge bases of all tenants, in the order in which they were made."""
        with self._database.read() as connection:
            rows = connection.execute(_records().order_by("uid"))
            return [_record(row) for row in rows.mappings()]

    def of_tenant(self, tenant: str) -> list[KnowledgeBaseRecord]:
        """The tenant's knowledge bases by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                _records().where(_KNOWLEDGE_BASE.c.tenant == tenant).order_by("name")
            )
            return [_record(row) for row in rows.mappings()]

    def drop(self, uid: str) -> None:
        """Deletes a knowledge base with all of its documents."""
        with self._database.write() as connection:
            connection.execute(_KNOWLEDGE_BASE.delete().where(_KNOWLEDGE_BASE.c.uid == uid))

    def former(self, uid: str, documents: Sequence[Document]) -> list[str]:
        """The ids of stored documents that give way to these.

        Ids of rows once came from title and text. They give way to a document whose id comes from
        the same title alone.
        """
        titles = [each.title for each in documents if each.id == derived_id(each.title)]
        columns = sa.select(_DOCUMENT.c.id, _DOCUMENT.c.title, _DOCUMENT.c.text)
        query = columns.where(_DOCUMENT.c.knowledge_base == uid)
        found: list[str] = []
        with self._database.read() as connection:
            for chunk in chunks(titles):
                rows = connection.execute(query.where(_DOCUMENT.c.title.in_(chunk)))
                found += [row.id for row in rows if row.id == former_id(row.title, row.text)]
        return found

    def put(self, uid: str, documents: Sequence[Document], former: Sequence[str] = ()) -> int:
        """Writes documents, each in the place of the one with its id; returns the new version.

        Those with the ids `former` are deleted.

        Raises:
            NotFoundError: the knowledge base was deleted.
        """
        with self._database.write() as connection:
            tenant, version = self._advance(connection, uid)
            _delete(connection, uid, [*(document.id for document in documents), *former])
            rows = [
                {
                    "knowledge_base": uid,
                    "id": document.id,
                    "tenant": tenant,
                    "title": document.title,
                    "text": document.text,
                    "format": str(document.format),
                    "is_faq": document.is_faq,
                    "metadata": dict(document.metadata),
                    "version": version,
                    "updated_at": self._clock.time(),
                }
                for document in documents
            ]
            for chunk in chunks(rows):
                connection.execute(_DOCUMENT.insert(), chunk)
        return version

    def delete(self, uid: str, document_id: str) -> int:
        """Deletes a document and returns the new version.

        Raises:
            NotFoundError: there is no such document.
        """
        with self._database.write() as connection:
            _, version = self._advance(connection, uid)
            if not _delete(connection, uid, [document_id]):
                raise NotFoundError(f"no document has the id {document_id!r}")
        return version

    def get(self, uid: str, document_id: str) -> StoredDocument:
        """One document.

        Raises:
            NotFoundError: there is no such document.
        """
        found = self.fetch(uid, [document_id])
        if not found:
            raise NotFoundError(f"no document has the id {document_id!r}")
        return found[0]

    def fetch(self, uid: str, ids: Sequence[str]) -> list[StoredDocument]:
        """The documents with these ids that exist."""
        found: list[StoredDocument] = []
        with self._database.read() as connection:
            for chunk in chunks(ids):
                query = _documents(uid).where(_DOCUMENT.c.id.in_(chunk))
                found.extend(map(_stored, connection.execute(query).mappings()))
        return found

    def page(self, uid: str, after: str, limit: int) -> list[DocumentSummary]:
        """At most `limit` documents whose ids come after `after`, in the order of their ids."""
        of = _DOCUMENT.c
        characters = sa.func.length(of.text).label("characters")
        query = (
            sa.select(of.id, of.title, characters, of.version, of.updated_at)
            .where(of.knowledge_base == uid, of.id > after)
            .order_by(of.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [DocumentSummary(**row) for row in connection.execute(query).mappings()]

    def sample(self, uid: str, limit: int, characters: int) -> list[str]:
        """Title and beginning of the first documents by their ids, to tell their language by."""
        of = _DOCUMENT.c
        query = (
            sa.select(of.title, sa.func.substr(of.text, 1, characters))
            .where(of.knowledge_base == uid)
            .order_by(of.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [f"{title} {text}" for title, text in connection.execute(query)]

    def version(self, uid: str) -> int:
        """The knowledge base's version.

        Raises:
            NotFoundError: the knowledge base was deleted.
        """
        with self._database.read() as connection:
            return _version(connection, uid)

    def stated_language(self, uid: str) -> Language | None:
        """The language that was stated for a knowledge base, if any was.

        Raises:
            NotFoundError: the knowledge base was deleted.
        """
        query = sa.select(_KNOWLEDGE_BASE.c.language).where(_KNOWLEDGE_BASE.c.uid == uid)
        with self._database.read() as connection:
            _version(connection, uid)
            stated = connection.execute(query).scalar()
        return None if stated is None else Language(stated)

    def versions(self, uid: str) -> tuple[int, dict[str, int]]:
        """The knowledge base's version, and the version of each of its documents.

        Raises:
            NotFoundError: the knowledge base was deleted.
        """
        with self._database.read() as connection:
            version = _version(connection, uid)
            columns = sa.select(_DOCUMENT.c.id, _DOCUMENT.c.version)
            rows = connection.execute(columns.where(_DOCUMENT.c.knowledge_base == uid))
            return version, {row.id: row.version for row in rows}

    def _advance(self, connection: Connection, uid: str) -> tuple[str, int]:
        row = connection.execute(
            _KNOWLEDGE_BASE.update()
            .where(_KNOWLEDGE_BASE.c.uid == uid)
            .values(version=_KNOWLEDGE_BASE.c.version + 1, updated_at=self._clock.time())
            .returning(_KNOWLEDGE_BASE.c.tenant, _KNOWLEDGE_BASE.c.version)
        ).one_or_none()
        if row is None:
            raise _deleted()
        return row.tenant, row.version


def _deleted() -> NotFoundError:
    return NotFoundError("the knowledge base was deleted meanwhile: create it again")


def _version(connection: Connection, uid: str) -> int:
    version: int | None = connection.execute(
        sa.select(_KNOWLEDGE_BASE.c.version).where(_KNOWLEDGE_BASE.c.uid == uid)
    ).scalar_one_or_none()
    if version is None:
        raise _deleted()
    return version


def _records() -> sa.Select[tuple[str, str, str, int, float, int]]:
    count = (
        sa.select(sa.func.count())
        .where(_DOCUMENT.c.knowledge_base == _KNOWLEDGE_BASE.c.uid)
        .scalar_subquery()
    )
    return sa.select(*_KNOWLEDGE_BASE.c, count.label("documents"))


def _find(connection: Connection, tenant: str, name: str) -> KnowledgeBaseRecord | None:
    of_tenant = _KNOWLEDGE_BASE.c.tenant == tenant
    query = _records().where(of_tenant, _KNOWLEDGE_BASE.c.name == name)
    row = connection.execute(query).mappings().one_or_none()
    return _record(row) if row else None


def _record(row: RowMapping) -> KnowledgeBaseRecord:
    stated = row["language"]
    return KnowledgeBaseRecord(**{**row, "language": None if stated is None else Language(stated)})


def _documents(uid: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(*_DOCUMENT.c).where(_DOCUMENT.c.knowledge_base == uid)


def _delete(connection: Connection, uid: str, ids: Sequence[str]) -> int:
    deleted = 0
    for chunk in chunks(ids):
        matches = _DOCUMENT.c.id.in_(chunk)
        result = connection.execute(
            _DOCUMENT.delete().where(_DOCUMENT.c.knowledge_base == uid, matches)
        )
        deleted += result.rowcount
    return deleted


def _stored(row: RowMapping) -> StoredDocument:
    document = Document(
        id=row["id"],
        title=row["title"],
        text=row["text"],
        format=TextFormat(row["format"]),
        is_faq=row["is_faq"],
        metadata=row["metadata"],
    )
    return StoredDocument(document, row["version"], row["updated_at"])
