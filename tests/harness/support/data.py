"""The data sets that the support application is measured and calibrated on."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from services.support.documents import Document, StoredDocument
from services.support.ingest.files import read_file
from services.support.ingest.ids import DerivedIds
from services.support.passages import Embedder
from shared.clock import SystemClock
from shared.models.tasks import EmbedOutput, Float32s, Priority, TaskCall
from shared.retrieval.index import Index
from shared.serving.trunk import Trunk
from shared.text.passages import TextFormat
from tests.harness.data import DATA, ROOT

_QUERIES_A_CALL = 256
SAMPLE = ROOT / "services" / "support" / "sample" / "help-centre"


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Documents, queries [q], and for each query the relevance of documents by id.

    `intents` is each query's true intent, where the set has intents.
    """

    name: str
    documents: Sequence[Document]
    queries: Sequence[str]
    relevant: Sequence[Mapping[str, float]]
    intents: Sequence[str] | None = None


def rows(path: str) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file of the data."""
    file = DATA / path
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return map(orjson.loads, content.splitlines())


def retrieval_sets() -> Iterator[RetrievalSet]:
    """All sets, the quick ones first."""
    yield stackfaq()
    yield help_centre()
    yield doc2dial()
    yield bank_answers()
    yield _corpus("cranfield", "cranfield.corpus.jsonl", "cranfield.queries.jsonl")
    yield _corpus("scifact", "scifact.corpus.jsonl.gz", "scifact.train.queries.jsonl")


def stackfaq() -> RetrievalSet:
    """Questions of a FAQ and their paraphrases."""
    return _corpus(
        "stackfaq", "stackfaq.corpus.jsonl", "stackfaq.dev.queries.jsonl", "support", is_faq=True
    )


def help_centre() -> RetrievalSet:
    """The sample's articles, and customers' messages with the intent that an article answers."""
    documents = [
        document
        for path in sorted(SAMPLE.glob("*.md"))
        for document in read_file(path.name, path.read_bytes(), DerivedIds())
    ]
    asked = list(rows("support/banking77.dev.jsonl"))
    return RetrievalSet(
        "help-centre x banking77",
        documents,
        [row["text"] for row in asked],
        [{d.id: 1.0 for d in documents if row["label"] in d.intents} for row in asked],
        [row["label"] for row in asked],
    )


def doc2dial() -> RetrievalSet:
    """The last turn of each dialogue, and the document that it is about."""
    turns = list(rows("support/doc2dial.dev.jsonl.gz"))
    return RetrievalSet(
        "doc2dial, last turn",
        [_document(row) for row in rows("support/doc2dial.documents.jsonl.gz")],
        [turn["history_newest_first"][0]["text"] for turn in turns],
        [{turn["document"]: 1.0} for turn in turns],
    )


def bank_answers() -> RetrievalSet:
    """A bank's answers without their questions, searched by the questions."""
    faq = list(rows("support/bank_faq.jsonl"))
    return RetrievalSet(
        "bank_faq, answers only",
        [_document({"_id": str(i), "title": "", "text": r["answer"]}) for i, r in enumerate(faq)],
        [row["question"] for row in faq],
        [{str(number): 1.0} for number in range(len(faq))],
    )


async def build_index(trunk: Trunk, documents: Sequence[Document], task: str = "embed") -> Index:
    """An index as the application makes it; `task` may be the id of a bundle."""
    embedder = Embedder(trunk, SystemClock(), timeout_s=3600.0)
    bundle, width = await embedder.bundle(task)
    stored = [StoredDocument(document, 1, 0.0) for document in documents]
    return Index.empty(bundle, width).replaced(1, (), await embedder.embed(stored, bundle))


async def embed_queries(trunk: Trunk, index: Index, queries: Sequence[str]) -> Float32s:
    """Vectors [q, d] of queries, by the bundle that made the index."""
    parts: list[Float32s] = []
    for start in range(0, len(queries), _QUERIES_A_CALL):
        call = TaskCall(index.bundle, queries[start : start + _QUERIES_A_CALL], truncate=True)
        (output,) = await trunk.encode([call], app="benchmark", priority=Priority.BULK)
        assert isinstance(output, EmbedOutput)
        parts.append(output.vectors)
    return np.concatenate(parts)


def ranked_ids(index: Index, scores: Float32s, k: int) -> list[str]:
    """The ids of the k documents with the largest scores [e]."""
    order = np.argsort(-scores, kind="stable")[:k]
    return [index.entries[number].document_id for number in order]


def _corpus(
    name: str, corpus: str, queries: str, folder: str = "retrieval", *, is_faq: bool = False
) -> RetrievalSet:
    asked = list(rows(f"{folder}/{queries}"))
    # Cranfield has documents without a text, which the application refuses.
    written = (row for row in rows(f"{folder}/{corpus}") if row["text"].strip())
    return RetrievalSet(
        name,
        [_document(row, is_faq=is_faq) for row in written],
        [row["text"] for row in asked],
        [row["relevant"] for row in asked],
    )


def _document(row: Mapping[str, str], *, is_faq: bool = False) -> Document:
    return Document(row["_id"], row["title"], row["text"], TextFormat.PLAIN, is_faq, {})
