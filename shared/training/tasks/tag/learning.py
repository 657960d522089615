"""How texts with entities are learned: what is asked of their sets, and what logits are worth.

Notation of shapes: u tokens of all rows, c BIO labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from shared.metrics.calibration import fit_temperature
from shared.metrics.spans import count_spans, f1_of_spans, span_intervals
from shared.models.heads import softmax
from shared.models.outputs import by_input
from shared.models.tag import bio_labels, decode_tags, entity_stretches
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import IGNORED, TokenArrays
from shared.training.data.reading import raise_faults
from shared.training.loop.workers import Worker
from shared.training.settings import OptimisationSettings
from shared.training.tasks.kind import Measurement
from shared.training.tasks.labels import count_labels
from shared.training.tasks.objective import CrossEntropy, Objective
from shared.training.tasks.tag.arrays import tokenise_tagged
from shared.training.tasks.tag.examples import TaggedExample


@dataclass(frozen=True, slots=True)
class TagLearning:
    """A `Learning` of texts with entities."""

    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)

    def check(
        self, sets: Mapping[str, Sequence[TaggedExample]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """The types of entities in train, sorted: at least one, see `count_labels`."""
        counts, faults = count_labels(sets, "type")
        if not counts:
            faults.append("train: no entity: a tagger needs examples of at least one type")
        raise_faults(faults)
        return tuple(sorted(counts))

    def arrays(
        self, examples: Sequence[TaggedExample], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        """A row for each window, a target for each token."""
        return tokenise_tagged(tokenizer, examples, labels)

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        """Cross-entropy of each word's BIO label."""
        return CrossEntropy.of(arrays, len(bio_labels(labels)), self.optimisation)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch of logits [u, c], over words: what tokens alone can tell.

        Each window counts by itself, and an entity whose edge cuts a word counts as the whole word.
        """
        names = bio_labels(labels)
        truth, predicted = [], []
        for start, stop in pairwise(arrays.target_offsets.tolist()):
            targets = arrays.targets[start:stop]
            spoken = targets != IGNORED
            chosen = outputs[start:stop][spoken].argmax(axis=1)
            truth.append(set(entity_stretches([names[i] for i in targets[spoken]])))
            predicted.append(set(entity_stretches([names[i] for i in chosen])))
        counts = count_spans(truth, predicted)
        return {"span_f1": f1_of_spans(counts)}

    def measure(
        self,
        examples: Sequence[TaggedExample],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """Span F1, precision and recall of the logits [u, c], decoded as serving decodes them.

        An entity is right where its characters and its type are the true ones.
        """
        arrays = self.arrays(examples, tokenizer, labels)
        _, windows, contents = tokenizer.slide([example.text for example in examples])
        of_rows = [outputs[start:stop] for start, stop in pairwise(arrays.target_offsets.tolist())]
        predicted = []
        for content, merged, _ in by_input(windows, contents, of_rows):
            spans = decode_tags(softmax(merged, 1.0), content, labels)
            predicted.append({(span.start, span.end, span.label) for span in spans})
        truth = [{(e.start, e.end, e.type) for e in example.entities} for example in examples]
        counts = count_spans(truth, predicted)
        spoken = arrays.targets != IGNORED
        return Measurement(
            metrics=span_intervals(counts),
            temperature=fit_temperature(outputs[spoken], arrays.targets[spoken])
            if served is None
            else served.temperature,
        )
