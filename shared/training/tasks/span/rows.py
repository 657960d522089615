"""Rows of SQuAD and of what is written like it: contexts, questions to them, and the answers.

    {"context": "The college merged in 1977.", "question": "When did it merge?",
     "answers": {"text": ["1977", "in 1977"], "answer_start": [22, 19]}}

`answers` may also be a list of `{"text": ..., "answer_start": ...}` or of texts alone, which must
stand in the context; an empty one says that there is no answer.

Source: Rajpurkar et al., "Know What You Don't Know: Unanswerable Questions for SQuAD", ACL 2018.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.tasks import Input
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, RowError, text_cell

_NEAR_CHARACTERS = 100
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a context and its right answers; none where the context does not hold one: an
    `AnyExample`.

    The first answer is what a model learns; it begins at the context's character `start`.
    """

    text: str
    context: str
    answers: tuple[str, ...] = ()
    start: int = 0

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The question and its context."""
        return {"question": (self.text,), "context": (self.context,)}

    def inputs(self) -> tuple[Input, ...]:
        """Both as a pair."""
        return ((self.text, self.context),)

    def targets(self) -> tuple[str, ...]:
        """Whether there is an answer."""
        return ("answerable" if self.answers else "unanswerable",)

    def shared_texts(self) -> tuple[str, ...]:
        """The context: questions to one must not stand in two parts."""
        return (self.context,)


def question_formats(columns: Columns) -> Mapping[str, Format[Question]]:
    """What gives questions to contexts; their columns have fixed names."""
    return {
        PLAIN: Format("questions to contexts, and their answers in them, if any", question),
    }


def question(row: Row) -> list[Question]:
    """The question with its context and answers."""
    text, context = text_cell(row, "question"), text_cell(row, "context")
    answers = _answers(row)
    if row.get("answerable") is not None and row["answerable"] is not bool(answers):
        raise RowError(
            f"'answerable' is {row['answerable']!r}, and there are {len(answers)} answers"
        )
    if not answers:
        return [Question(text, context)]
    first, start = answers[0]
    if start is None:
        start = _likeliest_start(text, context, first)
    elif not context.startswith(first, start):
        raise RowError(
            f"the answer {first[:80]!r} does not stand at character {start} of 'context'"
        )
    return [Question(text, context, tuple(dict.fromkeys(text for text, _ in answers)), start)]


def _answers(row: Row) -> list[tuple[str, int | None]]:
    """Texts and where they begin, None where that is not said."""
    answers = row.get("answers")
    if isinstance(answers, dict):
        texts, starts = answers.get("text"), answers.get("answer_start")
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise RowError("'answers' has no lists 'text' and 'answer_start' of one length")
        answers = [
            {"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)
        ]
    if not isinstance(answers, list):
        raise RowError("'answers' is not a list: an empty one says that there is no answer")
    return [_answer(each) for each in answers]


def _answer(answer: object) -> tuple[str, int | None]:
    if not isinstance(answer, dict):
        return text_cell({"answers": answer}, "answers"), None
    start = answer.get("answer_start")
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        raise RowError(f"'answer_start' is {start!r}: expected a number of characters")
    return text_cell(answer, "text"), start


def _likeliest_start(question: str, context: str, answer: str) -> int:
    """Of the places where an answer stands in its context, the one near most of the question's
    words; the first of equals.
    """
    starts = [match.start() for match in re.finditer(re.escape(answer), context)]
    if not starts:
        raise RowError(f"the answer {answer[:80]!r} does not stand in 'context': correct it")
    asked = {word.lower() for word in _WORD.findall(question)}

    def shared_words(start: int) -> int:
        end = start + len(answer)
        near = context[max(0, start - _NEAR_CHARACTERS) : end + _NEAR_CHARACTERS]
        whole = _is_edge(context, start) and _is_edge(context, end)
        return len(asked & {word.lower() for word in _WORD.findall(near)}) + whole * len(asked)

    return max(starts, key=shared_words)


def _is_edge(text: str, position: int) -> bool:
    """Whether no word goes over this position."""
    return not (text[max(0, position - 1) : position + 1].isalnum() and 0 < position < len(text))
