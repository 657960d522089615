"""A knowledge base's indexes on disk, see `shared.artifacts.versions`.

    manifest.json     embed bundle, version of the knowledge base, SHA-256 of each of the files
    entries.jsonl     documents and passages
    titles.faiss, passages.faiss

An index is derived: one that is missing or corrupt is rebuilt from the database.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import model_validator

from shared.artifacts.manifest import FilesManifest
from shared.retrieval.dense import Dense
from shared.retrieval.entries import Entry
from shared.retrieval.index import Index
from shared.text.blocks import Sentence, SentenceKind
from shared.text.passages import SPLITTING, Passage

_FORMAT = 2


class IndexManifest(FilesManifest):
    """What an index was made from."""

    format: int
    splitting: int
    bundle: str
    version: int
    entries: int
    passages: int

    @model_validator(mode="after")
    def _is_of_this_version(self) -> Self:
        if (self.format, self.splitting) != (_FORMAT, SPLITTING):
            raise ValueError(
                f"format {self.format} with splitting {self.splitting}; this version reads "
                f"{_FORMAT} with {SPLITTING}"
            )
        return self


def write_index(index: Index, folder: Path) -> IndexManifest:
    """Writes the files of an index into an empty folder; the manifest has no hashes yet."""
    (folder / "entries.jsonl").write_bytes(b"".join(map(_entry_line, index.entries)))
    index.titles.write(folder / "titles.faiss")
    index.passages.write(folder / "passages.faiss")
    return IndexManifest(
        format=_FORMAT,
        splitting=SPLITTING,
        bundle=index.bundle,
        version=index.version,
        entries=len(index.entries),
        passages=len(index.passages.vectors),
    )


def read_index(folder: Path, manifest: IndexManifest) -> Index:
    """Reads what `write_index` wrote; the caller has verified the files."""
    return Index.of(
        manifest.bundle,
        manifest.version,
        list(_read_entries(folder / "entries.jsonl")),
        Dense.read(folder / "titles.faiss"),
        Dense.read(folder / "passages.faiss"),
    )


def _entry_line(entry: Entry) -> bytes:
    passages = [
        {
            "source": passage.source,
            "sentences": [
                [s.start, s.end, s.text, s.opens_line, s.kind] for s in passage.sentences
            ],
        }
        for passage in entry.passages
    ]
    row = {
        "id": entry.document_id,
        "version": entry.version,
        "title": entry.title,
        "labels": entry.labels,
        "is_faq": entry.is_faq,
        "passages": passages,
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _read_entries(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            yield Entry.of(
                row["id"],
                row["version"],
                row["title"],
                row["labels"],
                [_passage(passage["source"], passage["sentences"]) for passage in row["passages"]],
                is_faq=row["is_faq"],
            )


def _passage(source: str, rows: Sequence[Sequence[Any]]) -> Passage:
    sentences = tuple(
        Sentence(start, end, text, opens_line, SentenceKind(kind))
        for start, end, text, opens_line, kind in rows
    )
    return Passage(sentences[0].start, sentences[-1].end, source, sentences)
