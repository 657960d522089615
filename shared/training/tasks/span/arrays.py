"""Questions to contexts as token arrays."""

from collections.abc import Sequence

import numpy as np

from shared.models.rows import Content
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.tokenisation import token_types
from shared.training.tasks.span.rows import Question


def tokenise_questions(tokenizer: TextTokenizer, questions: Sequence[Question]) -> TokenArrays:
    """A row for each window that serving would slide over a context, after the question.

    Its targets are four columns: the first and the last token of the answer, and the stretch
    `[first, stop)` of the context. A window that does not hold the whole answer has none: both
    stand at column 0, the first token.
    """
    encoded, windows, contents = tokenizer.slide([(each.text, each.context) for each in questions])
    answers = [answer_tokens(*each) for each in zip(contents, questions, strict=True)]
    targets = []
    for window in windows:
        answer, stop = answers[window.input], window.start + window.tokens
        holds = answer is not None and window.start <= answer[0] and answer[1] < stop
        of_row = (0, 0)
        if answer is not None and holds:
            of_row = (
                answer[0] - window.start + window.column,
                answer[1] - window.start + window.column,
            )
        targets.append((*of_row, window.column, window.column + window.tokens))
    return TokenArrays.of([row.input_ids for row in encoded], targets, token_types(encoded))


def answer_tokens(content: Content, question: Question) -> tuple[int, int] | None:
    """The first and the last token of a context's answer; None where there is no answer, or it
    is made of characters that no token stands for.
    """
    if not question.answers:
        return None
    start, end = question.start, question.start + len(question.answers[0])
    inside = np.flatnonzero((content.offsets[:, 1] > start) & (content.offsets[:, 0] < end))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None
