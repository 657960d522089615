"""A run's remedies at work: on its rows before training, and on its loss in every worker."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.training.remedies.configured import Remedy
from shared.training.remedies.remedy import OnObjective, OnRows, Penalty, Prepared, Preparing

if TYPE_CHECKING:
    from shared.training.methods.model import TunedModel
    from shared.training.tasks.training_data import TrainingData


def with_changed_rows(
    data: "TrainingData", remedies: Sequence[Remedy], seed: int
) -> tuple["TrainingData", tuple[str, ...]]:
    """The data with the rows of train as the remedies leave them, in order, and what each did.

    Raises:
        InputError: a remedy would change nothing, or its file has faults.
    """
    notes = []
    for remedy in remedies:
        if isinstance(remedy, OnRows):
            changed = remedy.change(data.train, seed)
            data = replace(data, train=changed.examples)
            notes.append(f"{remedy.remedy}: {changed.note}")
    return data, tuple(notes)


def prepare(remedies: Sequence[Remedy], preparing: Preparing) -> dict[str, Prepared]:
    """What the remedies need during training, by their names; without those that need nothing."""
    found = {
        remedy.remedy: remedy.prepare(preparing)
        for remedy in remedies
        if isinstance(remedy, OnObjective)
    }
    return {name: prepared for name, prepared in found.items() if prepared}


def penalties(
    remedies: Sequence[Remedy],
    prepared: Mapping[str, Prepared],
    labels: tuple[str, ...],
    model: "TunedModel",
) -> list[Penalty]:
    """What the remedies add to the loss, in order."""
    return [
        remedy.penalty(prepared.get(remedy.remedy, {}), labels, model)
        for remedy in remedies
        if isinstance(remedy, OnObjective)
    ]
