"""How well composed answers fit what people marked: `python -m tests.benchmarks.bench_answers`.

On Doc2Dial's turns (`doc2dial.dev`), given the right document and with abstention off: token F1 of
the answer against the stretch of the document that the agent's reply rests on, as SQuAD counts it.
Of the document the passages answer that are found for the user's last turn and for the last three
together, and then judged, as serving does. `--turns N` takes N turns spread over the set, `--cache
DIR` keeps the vectors for the next run. The bar is 30.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.support.answers.assistant import CANDIDATES
from services.support.answers.compose import compose
from services.support.answers.excerpt import count_words
from services.support.confidence import load_calibration
from shared.clock import SystemClock
from shared.metrics.bootstrap import bootstrap_mean
from shared.metrics.reading import f1
from shared.retrieval.entries import Entry
from shared.retrieval.index import Hit, Index, Query
from shared.retrieval.judgement import Judged, ordered
from shared.serving.judge import Judge
from shared.serving.trunk import Trunk
from tests.harness.real_trunk import real_trunk
from tests.harness.support.data import build_index, doc2dial, embed_queries, rows

BAR = 0.30
TURNS = 400
_USER_TURNS = 3
JUDGE_TASK = "support-judge"
UNHURRIED_MS = 1e9
TIMEOUT_S = 60.0
_CITATION = re.compile(r"\s*\[\d\]")


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


async def found_passages(trunk: Trunk, index: Index, asked: Sequence[Asked]) -> list[list[Hit]]:
    """Of each turn's right document the passages that fit best, the best first."""
    last = await embed_queries(trunk, index, [each.last for each in asked])
    together = await embed_queries(trunk, index, [each.together for each in asked])
    alone = {entry.document_id: _alone(index, number) for number, entry in enumerate(index.entries)}
    return [
        alone[each.document].search([Query(each.last, a), Query(each.together, b)], CANDIDATES)
        for each, a, b in zip(asked, last, together, strict=True)
    ]


def _alone(index: Index, number: int) -> Index:
    """An index that holds one document of another."""
    removed = {entry.document_id for entry in index.entries} - {index.entries[number].document_id}
    return index.replaced(index.version, removed, ())


async def judged(
    trunk: Trunk, asked: Sequence[Asked], found: Sequence[Sequence[Hit]]
) -> list[list[Judged]]:
    """The passages as serving orders them, with as much time for the judge as it wants."""
    weight = load_calibration().judge_weight
    judge = Judge(trunk, JUDGE_TASK, UNHURRIED_MS, SystemClock(), "benchmark")
    return [
        ordered(hits, await judge.judge([each.together, each.last], hits, TIMEOUT_S), weight)
        for each, hits in zip(asked, found, strict=True)
    ]


async def measure(turns: int, cache: Path | None) -> int:
    """Prints the figures; 1 where the bar is not met."""
    everything = [Asked.of(row) for row in rows("support/doc2dial.dev.jsonl.gz")]
    asked = everything[:: max(1, len(everything) // turns)]
    async with real_trunk(cache) as trunk:
        index = await build_index(trunk, doc2dial().documents)
        passages = await judged(trunk, asked, await found_passages(trunk, index, asked))
    fits, words, ceilings = [], [], []
    for each, found in zip(asked, passages, strict=True):
        answer = compose(
            [one.hit for one in found],
            index.word_weights(each.together),
            logits=[one.logit for one in found if one.logit is not None],
        )
        text = _CITATION.sub("", answer.text) if answer else ""
        fits.append(f1(text, each.span))
        words.append(count_words(text))
        ceilings.append(_ceiling(found[0].hit.entry, each.span))
    mean = bootstrap_mean(fits)
    print(
        f"doc2dial.dev, {len(asked)} of {len(everything)} turns, the right document given: span F1 "
        f"{100 * mean.value:.1f} ({100 * mean.low:.1f} to {100 * mean.high:.1f}), "
        f"{np.mean(words):.1f} words; one sentence at best "
        f"{100 * np.mean(ceilings):.1f}"
    )
    return int(mean.value < BAR)


def _ceiling(entry: Entry, span: str) -> float:
    """The largest F1 that one sentence of a document has."""
    return max(f1(s.text, span) for passage in entry.passages for s in passage.sentences)


def main() -> int:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    return asyncio.run(measure(given.turns, given.cache))


if __name__ == "__main__":
    sys.exit(main())
