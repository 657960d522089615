"""How well composed answers fit what people marked: `python -m tests.benchmarks.bench_answers`.

On Doc2Dial's turns (`doc2dial.dev`), given the right document and with abstention off: token F1 of
the answer against the stretch of the document that the agent's reply rests on, as SQuAD counts it.
Of the document the passage answers that is found first for the user's last turn and for the last
three together. `--turns N` takes N turns spread over the set, `--reader TASK` lets a task of the
kind `span` read the passage, `--cache DIR` keeps the vectors for the next run. The bar is 30.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.support.answers.compose import compose
from services.support.answers.excerpt import count_words
from shared.metrics.bootstrap import bootstrap_mean
from shared.metrics.reading import f1
from shared.models.tasks import Priority, Span, SpanOutput, TaskCall
from shared.retrieval.index import Entry, Hit, Index, Query
from shared.serving.trunk import Trunk
from tests.harness.real_trunk import real_trunk
from tests.harness.support.data import build_index, doc2dial, embed_queries, rows

BAR = 0.30
TURNS = 400
_USER_TURNS = 3
_READ_A_CALL = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A turn of a dialogue: the user's last turn, the last ones together, and what is right."""

    last: str
    together: str
    document: str
    span: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Asked":
        """The turn of a row of the set."""
        said = [turn["text"] for turn in row["history_newest_first"] if turn["role"] == "user"]
        together = " | ".join(reversed(said[:_USER_TURNS]))
        return cls(said[0], together, row["document"], row["answer_span"])


async def best_passages(trunk: Trunk, index: Index, asked: Sequence[Asked]) -> list[Hit]:
    """Of each turn's right document the passage that fits best."""
    last = await embed_queries(trunk, index, [each.last for each in asked])
    together = await embed_queries(trunk, index, [each.together for each in asked])
    alone = {entry.document_id: _alone(index, number) for number, entry in enumerate(index.entries)}
    return [
        alone[each.document].search([Query(each.last, a), Query(each.together, b)], 1)[0]
        for each, a, b in zip(asked, last, together, strict=True)
    ]


def _alone(index: Index, number: int) -> Index:
    """An index that holds one document of another."""
    removed = {entry.document_id for entry in index.entries} - {index.entries[number].document_id}
    return index.replaced(index.version, removed, ())


async def spans(
    trunk: Trunk, task: str | None, asked: Sequence[Asked], hits: Sequence[Hit]
) -> list[Span | None]:
    """Where a reader sees each answer in its passage."""
    if task is None:
        return [None] * len(hits)
    pairs = [(each.together, hit.passage.text) for each, hit in zip(asked, hits, strict=True)]
    found: list[Span | None] = []
    begun_s = time.perf_counter()
    for start in range(0, len(pairs), _READ_A_CALL):
        call = TaskCall(task, pairs[start : start + _READ_A_CALL])
        (output,) = await trunk.encode([call], app="benchmark", priority=Priority.BULK)
        assert isinstance(output, SpanOutput)
        found.extend(output.answers)
    taken_ms = (time.perf_counter() - begun_s) * 1000 / len(pairs)
    print(f"{task}: {taken_ms:.1f} ms a passage, in calls of {_READ_A_CALL}")
    return found


async def measure(turns: int, reader: str | None, cache: Path | None) -> int:
    """Prints the figures; 1 where the bar is not met."""
    everything = [Asked.of(row) for row in rows("support/doc2dial.dev.jsonl.gz")]
    asked = everything[:: max(1, len(everything) // turns)]
    async with real_trunk(cache) as trunk:
        index = await build_index(trunk, doc2dial().documents)
        hits = await best_passages(trunk, index, asked)
        read = await spans(trunk, reader, asked, hits)
    fits, words, ceilings = [], [], []
    for each, hit, span in zip(asked, hits, read, strict=True):
        answer = compose([hit], index.word_weights(each.together), spans=[span])
        text = answer.text.removesuffix(" [1]") if answer else ""
        fits.append(f1(text, each.span))
        words.append(count_words(text))
        ceilings.append(_ceiling(hit.entry, each.span))
    found = bootstrap_mean(fits)
    print(
        f"doc2dial.dev, {len(asked)} of {len(everything)} turns, the right document given: span F1 "
        f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f}), "
        f"{np.mean(words):.1f} words; one sentence at best "
        f"{100 * np.mean(ceilings):.1f}"
    )
    return int(found.value < BAR)


def _ceiling(entry: Entry, span: str) -> float:
    """The largest F1 that one sentence of a document has."""
    return max(f1(s.text, span) for passage in entry.passages for s in passage.sentences)


def main() -> int:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--reader", metavar="TASK")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    return asyncio.run(measure(given.turns, given.reader, given.cache))


if __name__ == "__main__":
    sys.exit(main())
