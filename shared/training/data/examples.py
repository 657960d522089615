"""What a model learns from, whatever its kind of task."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Protocol, TypeVar

from shared.models.tasks import Input


class AnyExample(Protocol):
    """One example of any kind, a dataclass, as the checks of the data see it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def fields(self) -> dict[str, tuple[str, ...]]:
        """Its texts by what they are; a field may hold several."""

    def inputs(self) -> tuple[Input, ...]:
        """What the tokenizer reads of it."""

    def targets(self) -> tuple[str, ...]:
        """What is to be learned of it, as labels; none where there are none."""

    def shared_texts(self) -> tuple[str, ...]:
        """The texts that another part of the data must not have, exactly or nearly."""


ExampleT = TypeVar("ExampleT", bound=AnyExample)


def canonical(examples: Iterable[AnyExample]) -> Iterator[str]:
    """Each example's values in order as JSON, by which it is recognised."""
    encode = json.JSONEncoder(default=_values).encode
    for example in examples:
        yield encode(_values(example))


def _values(example: AnyExample) -> list[object]:
    # `dataclasses.astuple` copies every text, which is most of the time that a fingerprint takes.
    return [getattr(example, name) for name in example.__dataclass_fields__]


def text_fields(text: Input) -> dict[str, tuple[str, ...]]:
    """The fields of a text, or of a pair of texts."""
    if isinstance(text, str):
        return {"text": (text,)}
    return {"first": (text[0],), "second": (text[1],)}


def whole_text(text: Input) -> str:
    """A text, or a pair's two texts as lines."""
    return text if isinstance(text, str) else "\n".join(text)


def labels_of(examples: Iterable[AnyExample]) -> frozenset[str]:
    """All that is to be learned of some examples, as labels."""
    return frozenset(label for example in examples for label in example.targets())
