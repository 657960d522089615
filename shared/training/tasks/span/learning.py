"""How answers in a context are learned: what is asked of their sets, and what logits are worth.

Notation of shapes: n questions, t tokens of all rows, m tokens of a context.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from shared.metrics.calibration import fit_temperature
from shared.metrics.reading import choose_no_answer_margin, mark_answers, reading_intervals
from shared.models.outputs import by_input
from shared.models.rows import Content
from shared.models.span import Float64s, span_sums
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.reading import raise_faults
from shared.training.data.settings import SetPart
from shared.training.loop.workers import Worker
from shared.training.settings import OptimisationSettings
from shared.training.tasks.kind import Measurement
from shared.training.tasks.objective import Objective
from shared.training.tasks.span.arrays import answer_tokens, tokenise_questions
from shared.training.tasks.span.rows import Question
from shared.training.tasks.span.span_loss import SpanLoss

_LEAST_ANSWERED = 2
# Of a context's thousands of spans, those that weigh anything in the softmax.
_LIKELIEST_SPANS = 256


@dataclass(frozen=True, slots=True)
class SpanLearning:
    """A `Learning` of questions to contexts.

    `least_silent` is the share of the questions without an answer that shall get none, see
    `choose_no_answer_margin`; None weighs both sides alike.
    """

    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)
    least_silent: float | None = None

    def check(
        self, sets: Mapping[str, Sequence[Question]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """No labels. Train needs two questions with an answer, each set that chooses or calibrates
        one; with `least_silent` the latter need one without an answer, too.
        """
        biased = {name: sets[name] for name in (choosing, SetPart.CALIBRATION) if name in sets}
        needed = {"train": _LEAST_ANSWERED} | dict.fromkeys(biased, 1)
        faults = [
            f"{name}: {count} questions have an answer: give it at least {least}"
            for name, least in needed.items()
            if (count := sum(bool(each.answers) for each in sets[name])) < least
        ]
        faults += [
            f"{name}: every question has an answer, so unanswerable_accuracy cannot be measured: "
            "give it questions without one, or leave unanswerable_accuracy out"
            for name, examples in biased.items()
            if self.least_silent is not None and all(each.answers for each in examples)
        ]
        raise_faults(faults)
        return ()

    def arrays(
        self, examples: Sequence[Question], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        """A row with four targets for each window, see `tokenise_questions`."""
        return tokenise_questions(tokenizer, examples)

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        """Where an answer begins and ends."""
        return SpanLoss(self.optimisation.label_smoothing)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch of logits [t, 2], over tokens: what rows alone can tell.

        Each window counts by itself and knows one answer; "no answer" has the bias that suits it
        best, or that `least_silent` asks for, see `choose_no_answer_margin`.
        """
        targets = arrays.targets.reshape(-1, 4)
        answerable = targets[:, 0] > 0
        scores, margins = np.zeros(len(targets)), np.full(len(targets), np.inf)
        edges = pairwise(arrays.offsets.tolist())
        for row, ((start, stop), target) in enumerate(zip(edges, targets.tolist(), strict=True)):
            true_first, true_last, column, end = target
            of_row = outputs[start:stop]
            if end <= column:
                continue
            sums = span_sums(of_row[column:end])
            first, extra = divmod(int(sums.argmax()), sums.shape[1])
            first, last = first + column, first + column + extra
            common = max(0, min(last, true_last) - max(first, true_first) + 1)
            scores[row] = 2 * common / (last - first + 1 + true_last - true_first + 1)
            margins[row] = float(of_row[0].sum()) - sums.max()
        margin, balanced = choose_no_answer_margin(
            scores, answerable, margins, least_silent=self.least_silent
        )
        figures = {"balanced_f1": balanced}
        answers = margins < margin
        if answerable.any():
            figures["answerable_f1"] = float((scores * answers)[answerable].mean())
        if not answerable.all():
            figures["unanswerable_accuracy"] = float(1.0 - answers[~answerable].mean())
        return figures

    def measure(
        self,
        examples: Sequence[Question],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """EM and F1 of the logits [t, 2], see `reading_intervals`, decoded as serving decodes them.

        The bias of "no answer" and the temperature are those of the set that calibrates; of that
        set itself the bias is the one that gives the best `balanced_f1`, or that `least_silent`
        asks for.
        """
        read = _read_all(examples, outputs, tokenizer)
        truths = [each.answers for each in examples]
        if served is None:
            marked = mark_answers([each.text for each in read], truths)
            margins = np.array([each.no_answer - each.best for each in read])
            bias = -choose_no_answer_margin(
                marked.f1, marked.answerable, margins, least_silent=self.least_silent
            )[0]
            competing = np.stack([each.competing(bias) for each in read if each.truth is not None])
            temperature = fit_temperature(competing, np.zeros(len(competing), np.int64))
        else:
            bias, temperature = served.no_answer_bias, served.temperature
        answers = [None if each.best <= each.no_answer + bias else each.text for each in read]
        return Measurement(reading_intervals(mark_answers(answers, truths)), temperature, bias)


@dataclass(frozen=True, slots=True)
class _Read:
    """The best span of a context, and the logits of what it competed with.

    `truth` is the true answer's, `no_answer`'s where there is none; None where no span that is
    decoded is the answer. `others` are those of the likeliest wrong spans.
    """

    text: str
    best: float
    no_answer: float
    truth: float | None
    answered: bool
    others: Float64s

    @classmethod
    def of(
        cls, question: Question, content: Content, logits: Float32s, no_answer: float
    ) -> "_Read":
        """Reads the logits [m, 2] of a context's tokens."""
        answered = bool(question.answers)
        nothing = np.full(_LIKELIEST_SPANS, -np.inf)
        if not len(logits):
            truth = None if answered else no_answer
            return cls("", -np.inf, no_answer, truth, answered, nothing)
        sums = span_sums(logits)
        first, extra = divmod(int(sums.argmax()), sums.shape[1])
        start, end = int(content.offsets[first, 0]), int(content.offsets[first + extra, 1])
        best, truth = float(sums.max()), None if answered else no_answer
        tokens = answer_tokens(content, question)
        if tokens is not None and tokens[1] - tokens[0] < sums.shape[1]:
            place = tokens[0], tokens[1] - tokens[0]
            truth, sums[place] = float(sums[place]), -np.inf
        others = np.sort(np.concatenate([nothing, sums.ravel()]))[-_LIKELIEST_SPANS:]
        return cls(question.context[start:end], best, no_answer, truth, answered, others)

    def competing(self, bias: float) -> Float64s:
        """The logits of the softmax that serving takes, the truth's first."""
        if self.truth is None:
            raise ValueError("the answer is not a span that is decoded")
        if self.answered:
            return np.concatenate([[self.truth, self.no_answer + bias], self.others])
        return np.concatenate([[self.truth + bias, -np.inf], self.others])


def _read_all(
    examples: Sequence[Question], logits: Float32s, tokenizer: TextTokenizer
) -> list[_Read]:
    pairs = [(each.text, each.context) for each in examples]
    encoded, windows, contents = tokenizer.slide(pairs)
    edges = np.cumsum([0, *(len(row.input_ids) for row in encoded)])
    results = [logits[start:stop] for start, stop in pairwise(edges)]
    return [
        _Read.of(question, content, of_tokens, no_answer)
        for question, (content, of_tokens, no_answer) in zip(
            examples, by_input(windows, contents, results), strict=True
        )
    ]
