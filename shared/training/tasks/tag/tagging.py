"""Sets of texts with entities: whether they can be learned from, and what logits are worth.

Notation of shapes: u tokens of all rows, c BIO labels.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from shared.metrics.calibration import fit_temperature
from shared.metrics.spans import (
    count_spans,
    f1_of_spans,
    span_f1,
    span_precision,
    span_recall,
)
from shared.models.heads import softmax
from shared.models.tag import bio_labels, decode_tags, entity_stretches
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.models.windows import merge_windows
from shared.training.data.arrays import IGNORED, TokenArrays
from shared.training.data.examples import Evaluation, TaggedExample, TrainingData
from shared.training.data.reading import raise_faults
from shared.training.data.tokenisation import tokenise_tagged

_LEAST_PER_TYPE = 2


@dataclass(frozen=True, slots=True)
class TaggedSet:
    """Texts with their entities: an `ExampleSet`."""

    examples: tuple[TaggedExample, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def canonical(self) -> Iterator[str]:
        """Each example as `[text, [[start, end, type], ...]]`."""
        for example in self.examples:
            entities = [[each.start, each.end, each.type] for each in example.entities]
            yield json.dumps([example.text, entities])

    def arrays(self, tokenizer: TextTokenizer, labels: tuple[str, ...]) -> TokenArrays:
        """A row for each window, a target for each token."""
        return tokenise_tagged(tokenizer, self.examples, labels)

    def evaluate(
        self,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        dev: Evaluation | None = None,
    ) -> Evaluation:
        """Span F1, precision and recall of the logits [u, c], decoded as serving decodes them.

        An entity is right where its characters and its type are the true ones.
        """
        arrays = self.arrays(tokenizer, labels)
        _, windows, contents = tokenizer.slide([example.text for example in self.examples])
        of_rows = [outputs[start:stop] for start, stop in pairwise(arrays.target_offsets.tolist())]
        predicted = []
        for index, members in groupby(range(len(windows)), lambda row: windows[row].input):
            rows = list(members)
            merged = merge_windows(
                [windows[row] for row in rows],
                [of_rows[row] for row in rows],
                len(contents[index].words),
            )
            spans = decode_tags(softmax(merged, 1.0), contents[index], labels)
            predicted.append({(span.start, span.end, span.label) for span in spans})
        truth = [{(e.start, e.end, e.type) for e in example.entities} for example in self.examples]
        counts = count_spans(truth, predicted)
        spoken = arrays.targets != IGNORED
        return Evaluation(
            metrics={
                "span_f1": span_f1(counts),
                "span_precision": span_precision(counts),
                "span_recall": span_recall(counts),
            },
            temperature=fit_temperature(outputs[spoken], arrays.targets[spoken])
            if dev is None
            else dev.temperature,
        )


def check_tagged(
    train: Sequence[TaggedExample],
    dev: Sequence[TaggedExample],
    measured: Mapping[str, Sequence[TaggedExample]] | None = None,
    *,
    choosing: str = "dev",
) -> TrainingData:
    """Puts the sets together; the labels are the types of entities in train, sorted. `choosing` is
    the name of `dev`.

    Raises:
        InputError: train has no entity, a type stands in fewer than two examples, or another set
            has a type that train has not; every such fault is named.
    """
    others = {choosing: dev, **(measured or {})}
    counts = Counter(kind for example in train for kind in _types(example))
    faults = [
        f"train: type {kind!r} stands in {count} example: give it at least {_LEAST_PER_TYPE}"
        for kind, count in sorted(counts.items())
        if count < _LEAST_PER_TYPE
    ]
    if not counts:
        faults.append("train: no entity: a tagger needs examples of at least one type")
    for name, examples in others.items():
        unknown = {kind for example in examples for kind in _types(example)} - counts.keys()
        faults += [
            f"{name}: type {kind!r} does not stand in train: correct or remove it"
            for kind in sorted(unknown)
        ]
    raise_faults(faults)
    sets = {name: TaggedSet(tuple(examples)) for name, examples in others.items()}
    return TrainingData(TaggedSet(tuple(train)), sets.pop(choosing), tuple(sorted(counts)), sets)


def judge_tags(logits: Float32s, arrays: TokenArrays, labels: tuple[str, ...]) -> dict[str, float]:
    """The figures of one epoch of logits [u, c], over words: what tokens alone can tell.

    Each window counts by itself, and an entity whose edge cuts a word counts as the whole word.
    """
    names = bio_labels(labels)
    truth, predicted = [], []
    for start, stop in pairwise(arrays.target_offsets.tolist()):
        targets = arrays.targets[start:stop]
        spoken = targets != IGNORED
        chosen = logits[start:stop][spoken].argmax(axis=1)
        truth.append(set(entity_stretches([names[i] for i in targets[spoken]])))
        predicted.append(set(entity_stretches([names[i] for i in chosen])))
    counts = count_spans(truth, predicted)
    return {"span_f1": f1_of_spans(counts)}


def _types(example: TaggedExample) -> set[str]:
    return {entity.type for entity in example.entities}
