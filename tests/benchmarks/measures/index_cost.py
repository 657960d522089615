"""What a knowledge base's index costs in memory and in time, of made-up passages."""

import gc
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from shared.retrieval.dense import Float32s
from shared.retrieval.entries import Embedded, Entry
from shared.retrieval.index import Index, Query
from shared.text.passages import TextFormat, split_passages

Result = TypeVar("Result")

_PAGE_BYTES = 4096
_WIDTH = 384
_VOCABULARY = 50_000
_WORDS = 80
_WRITES = 6
_SEARCHES = 300


class _Made:
    """Texts whose words are as frequent as Zipf's law says, and unit vectors by chance."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        weights = 1 / np.arange(3, _VOCABULARY + 3)
        self._cumulated = np.cumsum(weights / weights.sum())
        letters = self._random.choice(list("abcdefghijklmnop"), (_VOCABULARY, 7))
        self._words = np.array(["".join(row) for row in letters])

    def text(self, words: int) -> str:
        places = np.searchsorted(self._cumulated, self._random.random(words))
        return " ".join(self._words[np.minimum(places, _VOCABULARY - 1)])

    def vector(self) -> Float32s:
        vector = self._random.standard_normal(_WIDTH, np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def query(self) -> Query:
        return Query(self.text(8), self.vector())

    def document(self, number: int) -> Embedded:
        passages = split_passages(self.text(_WORDS), TextFormat.MARKDOWN)[:1]
        entry = Entry.of(f"d{number}", 1, self.text(6), (), passages)
        return Embedded(entry, self.vector(), self.vector()[np.newaxis])


def print_cost(count: int) -> None:
    """Prints what an index of documents of one passage of 80 words costs, titles included."""
    made = _Made()
    before = _resident_bytes()
    documents = [made.document(number) for number in range(count)]
    index = Index.empty("embed@000000000001", _WIDTH).replaced(1, (), documents)
    del documents
    taken = _resident_bytes() - before
    writes, firsts = [], []
    for number in range(_WRITES):
        new = [made.document(number if number % 2 else count + number)]
        write_ms, index = _timed(partial(index.replaced, 2, (), new))
        first_ms, _ = _timed(partial(index.search, [made.query()], 10))
        writes.append(write_ms)
        firsts.append(first_ms)
    queries = [made.query() for _ in range(_SEARCHES)]
    searches = [_timed(partial(index.search, [query], 10))[0] for query in queries]
    p50, p99 = np.percentile(searches, [50, 99])
    print(
        f"{count} passages: a write at most {max(writes):.1f} ms, the first search after it at "
        f"most {max(firsts):.1f} ms, search p50 {p50:.1f} p99 {p99:.1f} ms, resident "
        f"{taken / count:.0f} bytes a passage, by memory_bytes {index.memory_bytes / count:.0f}",
        flush=True,
    )


def _timed(call: Callable[[], Result]) -> tuple[float, Result]:
    begun_s = time.perf_counter()
    result = call()
    return 1e3 * (time.perf_counter() - begun_s), result


def _resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
