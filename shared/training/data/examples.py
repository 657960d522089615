"""What a model learns from, whatever its kind of task."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from shared.models.tasks import Input

OF_TEACHER: Mapping[str, bool] = {"of_teacher": True}
"""The metadata of a field that holds what a teacher says of an example: None without one."""


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
    """Each example's values in order as JSON, by which it is recognised.

    What a teacher says counts where it is there, and changes nothing where it is not.
    """
    encode = json.JSONEncoder(default=_values).encode
    for example in examples:
        yield encode(_values(example))


def _values(example: AnyExample) -> list[object]:
    # `dataclasses.astuple` copies every text, which is most of the time that a fingerprint takes.
    return [
        value
        for name, each in example.__dataclass_fields__.items()
        if (value := getattr(example, name)) is not None or each.metadata != OF_TEACHER
    ]


def teacher_fields(example: type[AnyExample]) -> set[str]:
    """The names of the fields that hold what a teacher says."""
    fields = example.__dataclass_fields__
    return {name for name, each in fields.items() if each.metadata == OF_TEACHER}


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
