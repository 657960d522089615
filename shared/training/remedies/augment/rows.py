"""The texts of one example of any kind, and the example that has others in their place."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from shared.errors import InputError
from shared.models.tasks import Input
from shared.training.data.candidates import Candidates
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.edits import Edits, Passage, Stretch, edited, moved
from shared.training.remedies.augment.protection import Names, protect
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.examples import TaggedExample

Rebuild = Callable[[Sequence[Edits]], AnyExample | None]
"""The example after the edits of each of its passages; None where a label's stretch was edited."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The passages of an example that may be edited, and what makes an example of them again."""

    passages: tuple[Passage, ...]
    rebuild: Rebuild


def texts_of(example: AnyExample, names: Names) -> Texts:
    """What may be edited of an example.

    Of kind `span` that is the question and the context around the answers; of `score` and `embed`
    the query, whose documents stay as they are.

    Raises:
        InputError: a teacher has scored it for the text that it has.
    """
    match example:
        case Example() | MultiLabelled():
            return _of_text(example, names)
        case TaggedExample():
            return _of_tagged(example, names)
        case Question():
            return _of_question(example, names)
        case Candidates():
            return _of_query(example, names)
    raise TypeError(f"{type(example).__name__} has no texts that may be edited")


def _of_text(example: Example | MultiLabelled, names: Names) -> Texts:
    texts = (example.text,) if isinstance(example.text, str) else example.text

    def rebuild(edits: Sequence[Edits]) -> AnyExample:
        after = tuple(edited(*each) for each in zip(texts, edits, strict=True))
        text: Input = after[0] if len(after) == 1 else (after[0], after[1])
        return replace(example, text=text)

    return Texts(tuple(protect(text, names=names) for text in texts), rebuild)


def _of_tagged(example: TaggedExample, names: Names) -> Texts:
    entities = example.entities

    def rebuild(edits: Sequence[Edits]) -> AnyExample | None:
        stretches = [moved((entity.start, entity.end), edits[0]) for entity in entities]
        after = tuple(
            replace(entity, start=stretch[0], end=stretch[1])
            for entity, stretch in zip(entities, stretches, strict=True)
            if stretch is not None
        )
        if len(after) < len(entities):
            return None
        return TaggedExample(edited(example.text, edits[0]), after)

    labelled = [(entity.start, entity.end) for entity in entities]
    return Texts((protect(example.text, labelled, names),), rebuild)


def _of_question(example: Question, names: Names) -> Texts:
    def rebuild(edits: Sequence[Edits]) -> AnyExample | None:
        asked, context = edits
        start = example.start
        if example.answers:
            stretch = moved((start, start + len(example.answers[0])), context)
            if stretch is None:
                return None
            start = stretch[0]
        return replace(
            example,
            text=edited(example.text, asked),
            context=edited(example.context, context),
            start=start,
        )

    context = protect(example.context, _answers(example), names)
    return Texts((protect(example.text, names=names), context), rebuild)


def _answers(example: Question) -> Iterator[Stretch]:
    """Wherever one of the answers stands in the context."""
    for answer in example.answers:
        for match in re.finditer(re.escape(answer), example.context):
            yield match.span()


def _of_query(example: Candidates, names: Names) -> Texts:
    if example.scores is not None:
        raise InputError(
            f"a teacher has scored the documents of {example.query[:80]!r} as it stands: another "
            "query would have other scores; leave out the remedy, or the scores of the file"
        )

    def rebuild(edits: Sequence[Edits]) -> AnyExample:
        return replace(example, query=edited(example.query, edits[0]))

    return Texts((protect(example.query, names=names),), rebuild)
