"""Texts with classes, as they are learned from."""

from dataclasses import dataclass

from shared.models.tasks import Input
from shared.training.data.examples import text_fields, whole_text


@dataclass(frozen=True, slots=True)
class Example:
    """A text, or a pair of texts, and its class: an `AnyExample`."""

    text: Input
    label: str

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The text, or both texts of a pair."""
        return text_fields(self.text)

    def inputs(self) -> tuple[Input, ...]:
        """The text or the pair."""
        return (self.text,)

    def targets(self) -> tuple[str, ...]:
        """The class."""
        return (self.label,)

    def shared_texts(self) -> tuple[str, ...]:
        """The text, a pair's as two lines."""
        return (whole_text(self.text),)


@dataclass(frozen=True, slots=True)
class MultiLabelled:
    """A text, or a pair of texts, and its classes, sorted, each once, perhaps none: an
    `AnyExample`.
    """

    text: Input
    labels: tuple[str, ...]

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The text, or both texts of a pair."""
        return text_fields(self.text)

    def inputs(self) -> tuple[Input, ...]:
        """The text or the pair."""
        return (self.text,)

    def targets(self) -> tuple[str, ...]:
        """The classes."""
        return self.labels

    def shared_texts(self) -> tuple[str, ...]:
        """The text, a pair's as two lines."""
        return (whole_text(self.text),)
