"""Exams: what is asked of a bundle, and what its answers are worth; the kinds are beside this.

Of classes see `class_exams`, of stretches of a text `span_exams`, of orders `ranked_exams`.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from shared.models.bundle import Manifest
from shared.models.tasks import Input, TaskOutput
from shared.training.evaluation.judgement import Judgement

OutputT = TypeVar("OutputT")


class Exam(Protocol):
    """What is asked, and the truth to judge the answers by."""

    @property
    def inputs(self) -> Sequence[Input]:
        """What a bundle is asked, in order."""

    @property
    def labels(self) -> frozenset[str]:
        """The classes or types that are true somewhere; empty for kinds without."""

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        """What a bundle's answers to `inputs` are worth."""


def expect(output: TaskOutput, kind: type[OutputT]) -> OutputT:
    """The answers as those of a kind.

    Raises:
        TypeError: they are of another kind.
    """
    if not isinstance(output, kind):
        raise TypeError(f"expected a {kind.__name__}, got a {type(output).__name__}")
    return output
