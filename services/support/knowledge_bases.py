"""The knowledge bases of all tenants, each opened when it is first asked for."""

import asyncio
from collections.abc import Sequence

from services.support.documents import (
    Document,
    DocumentSummary,
    KnowledgeBaseRecord,
    StoredDocument,
)
from services.support.knowledge_base import KnowledgeBase, Surroundings
from services.support.passages import check_readable
from shared.errors import NotFoundError
from shared.text.language import Language


class KnowledgeBases:
    """Finds a tenant's knowledge base by name; what another tenant has does not exist."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._open: dict[tuple[str, str], KnowledgeBase] = {}

    async def of_tenant(self, tenant: str) -> list[KnowledgeBaseRecord]:
        """All of a tenant, by name."""
        return await asyncio.to_thread(self._around.store.of_tenant, tenant)

    async def all(self) -> list[KnowledgeBase]:
        """Those of all tenants."""
        records = await asyncio.to_thread(self._around.store.all)
        return [self._opened(record) for record in records]

    async def record(self, tenant: str, name: str) -> KnowledgeBaseRecord:
        """What the database says of one.

        Raises:
            NotFoundError: the tenant has none of this name.
        """
        record = await asyncio.to_thread(self._around.store.find, tenant, name)
        if record is None:
            self._open.pop((tenant, name), None)
            raise NotFoundError(
                f"there is no knowledge base {name!r}: GET /support/knowledge-bases lists them",
                param="knowledge_base",
            )
        return record

    async def bundle(self, record: KnowledgeBaseRecord) -> str | None:
        """The bundle that made the index of one; None where there is none yet."""
        return await self._opened(record).bundle()

    async def get(self, tenant: str, name: str) -> KnowledgeBase:
        """A knowledge base that exists.

        Raises:
            NotFoundError: the tenant has none of this name.
        """
        found = self._open.get((tenant, name))
        if found is None or found.is_deleted:
            found = self._opened(await self.record(tenant, name))
        return found

    async def language(self, record: KnowledgeBaseRecord) -> Language | None:
        """What one is in, see `KnowledgeBase.language`; None too where it was deleted."""
        try:
            return await self._opened(record).language()
        except NotFoundError:
            return None

    async def put(self, tenant: str, name: str, documents: Sequence[Document]) -> int:
        """Writes documents into the knowledge base of this name; returns its new version.

        It is made now if there is none, but not for documents that are refused.
        """
        if (tenant, name) not in self._open:
            await asyncio.to_thread(check_readable, documents)
        knowledge_base = await self.create(tenant, name)
        return await knowledge_base.put(documents)

    async def create(
        self, tenant: str, name: str, language: Language | None = None
    ) -> KnowledgeBase:
        """The knowledge base of this name, made now if there is none, with a language if stated."""
        found = self._open.get((tenant, name))
        if found is None or found.is_deleted or language is not None:
            record = await asyncio.to_thread(self._around.store.create, tenant, name, language)
            found = self._opened(record)
        return found

    async def drop(self, tenant: str, name: str) -> None:
        """Deletes a knowledge base with its documents and its index.

        Raises:
            NotFoundError: the tenant has none of this name.
        """
        record = await self.record(tenant, name)
        await asyncio.to_thread(self._around.store.drop, record.uid)
        await self._opened(record).discard()
        self._open.pop((tenant, name), None)

    async def document(self, tenant: str, name: str, document_id: str) -> StoredDocument:
        """One document.

        Raises:
            NotFoundError: there is no such knowledge base or document.
        """
        found = await self.get(tenant, name)
        return await asyncio.to_thread(self._around.store.get, found.uid, document_id)

    async def page(self, tenant: str, name: str, after: str, limit: int) -> list[DocumentSummary]:
        """At most `limit` documents whose ids come after `after`, in the order of their ids.

        Raises:
            NotFoundError: there is no such knowledge base.
        """
        found = await self.get(tenant, name)
        return await asyncio.to_thread(self._around.store.page, found.uid, after, limit)

    async def close(self) -> None:
        """Saves all indexes."""
        for knowledge_base in self._open.values():
            await knowledge_base.close()

    def _opened(self, record: KnowledgeBaseRecord) -> KnowledgeBase:
        """One object for each knowledge base, however many ask for it at once."""
        key = (record.tenant, record.name)
        found = self._open.get(key)
        if found is None or found.uid != record.uid:
            found = self._open[key] = KnowledgeBase(record, self._around)
        return found
