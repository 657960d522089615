"""What a run's data holds: its labels, its lengths, what stands twice and what leaks.

Notation of shapes: n examples.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np
from pydantic import BaseModel

from shared.training.data.arrays import Int64s
from shared.training.data.examples import AnyExample
from shared.training.data.label_variants import Variants, label_variants
from shared.training.data.overlaps import Overlap, overlaps

TokenCounter = Callable[[Sequence[str | tuple[str, str]]], Int64s]
"""How many tokens each text or pair has, [n], the special ones included."""

WHOLE = "whole"
"""The view that compares all texts of an example together.

Where there are several, near ones differ in case, punctuation and space alone: two questions to
one long passage are no near duplicates, although they share most of their text.
"""


class Lengths(BaseModel, frozen=True):
    """How long the examples of a set are, in tokens; `cut` are longer than `max_length`.

    Of an example with several texts (documents to a query) it is the longest row's.
    """

    mean: float
    median: float
    p90: float
    p99: float
    longest: int
    max_length: int
    cut: int


class SetReport(BaseModel, frozen=True):
    """One set: how many examples it has, and how often each label stands in it."""

    examples: int
    labels: dict[str, int]
    lengths: Lengths

    @property
    def imbalance(self) -> float:
        """How often the most frequent label stands for each time that the rarest does."""
        return max(self.labels.values()) / min(self.labels.values()) if self.labels else 1.0


class DataReport(BaseModel, frozen=True):
    """All sets of a run.

    `overlaps` has the repeats by what is compared: whole examples, and where these have several
    texts, each of them (passages of which other questions are asked in train leak too). `rejected`
    counts the bad rows left out; `faults` says why a run would refuse the data, `notes` what was
    done to keep its parts apart; `variants` are labels that differ in writing alone.
    """

    task: str
    near_duplicate: float
    sets: dict[str, SetReport]
    overlaps: dict[str, tuple[Overlap, ...]]
    rejected: int = 0
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    variants: tuple[Variants, ...] = ()


def report_data(
    task: str,
    sets: Mapping[str, Sequence[AnyExample]],
    *,
    near_duplicate: float,
    count_tokens: TokenCounter,
    max_length: int,
    label_places: Mapping[str, Sequence[str]] | None = None,
) -> DataReport:
    """Reports on the sets of a run, train first; `near_duplicate` is in [0.5, 1].

    `label_places` are rows of the files by their label: `ReadSets.label_places`.
    """
    views = {name: [example.fields() for example in examples] for name, examples in sets.items()}
    names = dict.fromkeys(view for of_set in views.values() for each in of_set for view in each)
    several = len(names) > 1
    whole = {
        name: [
            ("\n".join(chain.from_iterable(view.values())), example.targets())
            for view, example in zip(views[name], examples, strict=True)
        ]
        for name, examples in sets.items()
    }
    compared = {WHOLE: whole}
    if several:
        compared |= {
            view: {
                # Within a set a passage may well have several questions: it is compared once.
                name: [
                    (text, ()) for text in dict.fromkeys(t for each in of_set for t in each[view])
                ]
                for name, of_set in views.items()
            }
            for view in names
        }
    return DataReport(
        task=task,
        near_duplicate=near_duplicate,
        sets={
            name: _report_set(examples, count_tokens, max_length) for name, examples in sets.items()
        },
        overlaps={
            view: tuple(overlaps(of_view, 1.0 if view == WHOLE and several else near_duplicate))
            for view, of_view in compared.items()
        },
        variants=tuple(
            label_variants(
                (
                    (label, text)
                    for of_set in whole.values()
                    for text, labels in of_set
                    for label in labels
                ),
                label_places or {},
            )
        ),
    )


def _report_set(
    examples: Sequence[AnyExample], count_tokens: TokenCounter, max_length: int
) -> SetReport:
    rows = [example.inputs() for example in examples]
    counts = count_tokens([row for of_example in rows for row in of_example])
    starts = np.cumsum([0, *(len(of_example) for of_example in rows)])[:-1]
    longest = np.maximum.reduceat(counts, starts) if len(rows) else np.zeros(1, np.int64)
    found = Counter(label for example in examples for label in example.targets())
    return SetReport(
        examples=len(examples),
        labels=dict(sorted(found.items())),
        lengths=Lengths(
            mean=round(float(longest.mean()), 1),
            median=float(np.median(longest)),
            p90=float(np.quantile(longest, 0.9)),
            p99=float(np.quantile(longest, 0.99)),
            longest=int(longest.max()),
            max_length=max_length,
            cut=int((longest > max_length).sum()),
        ),
    )
