"""A run's remedies at work: on its rows before training, and on its loss in every worker."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from shared.training.data.examples import AnyExample
from shared.training.remedies.configured import Remedy
from shared.training.remedies.remedy import OnObjective, OnRows, Penalty, Prepared, Preparing

if TYPE_CHECKING:
    from shared.training.methods.model import TunedModel
    from shared.training.settings import FinetuneSettings
    from shared.training.tasks.training_data import TrainingData


def learned_rows(
    data: "TrainingData", settings: "FinetuneSettings", seed: int
) -> tuple["TrainingData", tuple[str, ...]]:
    """The data with the rows of train that a seed draws, as the remedies leave them, in order; and
    for the card what was done.

    Raises:
        InputError: a remedy would change nothing, or its file has faults.
    """
    few = drawn(data.train, settings, seed)
    notes = [] if len(few) == len(data.train) else [f"{len(few):,} rows of train were drawn"]
    data = replace(data, train=few)
    for remedy in settings.remedies:
        if isinstance(remedy, OnRows):
            changed = remedy.change(data.train, seed)
            data = replace(data, train=changed.examples)
            notes.append(f"{remedy.remedy}: {changed.note}")
    return data, tuple(notes)


def drawn(
    examples: Sequence[AnyExample], settings: "FinetuneSettings", seed: int
) -> Sequence[AnyExample]:
    """At most as many examples, and of each class, as the settings ask for, in their order."""
    most, per_class = settings.examples, settings.examples_per_class
    if most is None and per_class is None:
        return examples
    order = np.random.default_rng(seed).permutation(len(examples))
    kept: list[int] = []
    left: dict[tuple[str, ...], int] = {}
    for place in order.tolist():
        label = examples[place].targets()
        left[label] = left.get(label, per_class or len(examples)) - 1
        if left[label] >= 0:
            kept.append(place)
    return [examples[place] for place in sorted(kept[:most])]


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
