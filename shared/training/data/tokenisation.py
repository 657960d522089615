"""Examples to token arrays, by the very tokenizer that serving uses.

Notation of shapes: n tokens of a text without the special ones, r rows.
"""

from collections.abc import Sequence

import numpy as np

from shared.models.rows import Content
from shared.models.tag import OUTSIDE, bio_labels, word_stretches
from shared.models.tasks import Input
from shared.models.tokenization import Encoded, TextTokenizer
from shared.training.data.arrays import IGNORED, Int64s, TokenArrays
from shared.training.data.examples import Candidates, Entity, Example, Question, TaggedExample


def tokenise(
    tokenizer: TextTokenizer, examples: Sequence[Example], labels: Sequence[str]
) -> TokenArrays:
    """Token ids with the special tokens, cut to the tokenizer's length, and each label's index."""
    index = {label: i for i, label in enumerate(labels)}
    texts = [example.text for example in examples]
    return tokenise_to(tokenizer, texts, [index[example.label] for example in examples])


def tokenise_to(
    tokenizer: TextTokenizer, texts: Sequence[Input], targets: Sequence[int | Sequence[int]]
) -> TokenArrays:
    """Token ids with the special tokens, cut to the tokenizer's length, and given targets."""
    encoded = tokenizer.encode(texts, truncate=True)
    return TokenArrays.of([row.input_ids for row in encoded], targets, _token_types(encoded))


def tokenise_tagged(
    tokenizer: TextTokenizer, examples: Sequence[TaggedExample], entity_types: Sequence[str]
) -> TokenArrays:
    """A row for each window that serving would slide over a text, and its tokens' BIO labels.

    The label of a word stands at its first token; all else is ignored.
    """
    encoded, windows, contents = tokenizer.slide([example.text for example in examples])
    index = {label: i for i, label in enumerate(bio_labels(entity_types))}
    of_text = [
        np.array([index.get(label, IGNORED) for label in token_labels(content, example.entities)])
        for content, example in zip(contents, examples, strict=True)
    ]
    targets = []
    for row, window in zip(encoded, windows, strict=True):
        of_row = np.full(len(row.input_ids), IGNORED)
        stop = window.start + window.tokens
        of_row[window.column : window.column + window.tokens] = of_text[window.input][
            window.start : stop
        ]
        targets.append(of_row.tolist())
    return TokenArrays.of([row.input_ids for row in encoded], targets, _token_types(encoded))


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
    return TokenArrays.of([row.input_ids for row in encoded], targets, _token_types(encoded))


def answer_tokens(content: Content, question: Question) -> tuple[int, int] | None:
    """The first and the last token of a context's answer; None where there is no answer, or it
    is made of characters that no token stands for.
    """
    if not question.answers:
        return None
    start, end = question.start, question.start + len(question.answers[0])
    inside = np.flatnonzero((content.offsets[:, 1] > start) & (content.offsets[:, 0] < end))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def tokenise_texts(tokenizer: TextTokenizer, examples: Sequence[Candidates]) -> TokenArrays:
    """Rows of an example: its query, then each of its documents; all have the same number of them.

    The target of a row is the number of its text, by which equal texts are known.
    """
    texts = [text for each in examples for text in (each.query, *each.documents)]
    encoded = tokenizer.encode(texts, truncate=True)
    return TokenArrays.of(
        [row.input_ids for row in encoded],
        text_numbers(texts).tolist(),
        rows_per_example=1 + len(examples[0].documents),
    )


def tokenise_candidates(tokenizer: TextTokenizer, examples: Sequence[Candidates]) -> TokenArrays:
    """Rows of an example: its query with each of its documents, cut to the tokenizer's length.

    The target of a row is 1 where the document answers the query, else 0.
    """
    pairs = [(each.query, document) for each in examples for document in each.documents]
    encoded = tokenizer.encode(pairs, truncate=True)
    return TokenArrays.of(
        [row.input_ids for row in encoded],
        [int(i < len(each.positives)) for each in examples for i in range(len(each.documents))],
        _token_types(encoded),
        rows_per_example=len(examples[0].documents),
    )


def text_numbers(texts: Sequence[str]) -> Int64s:
    """A number for each text, int64 [r], the same for equal ones."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)


def token_labels(content: Content, entities: Sequence[Entity]) -> list[str]:
    """The BIO label of each of a text's tokens [n]; empty where a token begins no word.

    A word that an entity covers in part is a word of that entity.
    """
    labels = [""] * len(content.words)
    before: Entity | None = None
    for first, stop in word_stretches(content.words):
        start, end = int(content.offsets[first, 0]), int(content.offsets[stop - 1, 1])
        entity = next((e for e in entities if e.start < end and start < e.end), None)
        if entity is None:
            labels[first] = OUTSIDE
        else:
            labels[first] = f"{'I' if entity is before else 'B'}-{entity.type}"
        before = entity
    return labels


def _token_types(encoded: Sequence[Encoded]) -> list[Int64s] | None:
    """Which of two texts each token is of; None where no row is a pair."""
    if all(row.token_type_ids is None for row in encoded):
        return None
    return [
        np.zeros_like(row.input_ids) if row.token_type_ids is None else row.token_type_ids
        for row in encoded
    ]
