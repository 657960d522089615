"""Entries and vectors for tests: words are directions."""

import hashlib

import numpy as np

from shared.retrieval.dense import Float32s
from shared.retrieval.entries import Embedded, Entry
from shared.retrieval.index import Query
from shared.retrieval.tokens import tokenize
from shared.text.passages import TextFormat, split_passages

WIDTH = 32
BUNDLE = "embed@000000000001"


def vector(text: str) -> Float32s:
    """The normalised sum of the directions of a text's words."""
    total = np.zeros(WIDTH, np.float32)
    for word in tokenize(text):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(WIDTH, np.float32)
    norm = float(np.linalg.norm(total))
    return total / norm if norm else total


def embedded(
    document_id: str, title: str, text: str, *, version: int = 1, labels: tuple[str, ...] = ()
) -> Embedded:
    passages = split_passages(text, TextFormat.MARKDOWN)
    return Embedded(
        Entry.of(document_id, version, title, labels, passages),
        vector(title),
        np.stack([vector(passage.text) for passage in passages]),
    )


def query(text: str) -> Query:
    return Query(text, vector(text))
