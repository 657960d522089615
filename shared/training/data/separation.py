"""The four parts of a run's data share nothing: what repeats a row of another part is moved there,
or left out, and both are said.

Notation of shapes: n rows, u different texts, k occurrences of a text in a row.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

import numpy as np

from shared.training.data.arrays import Int64s
from shared.training.data.examples import AnyExample, ExampleT, labels_of
from shared.training.data.near_duplicates import near_pairs
from shared.training.data.settings import JUDGING, SetPart
from shared.training.data.splits import Key

LEAST_TO_LEARN = 2
"""How many rows of each label train keeps, where there are as many."""

FROZEN = "the frozen evaluation set"
_ORDER = (SetPart.TRAIN, *JUDGING)
_FEW = {
    SetPart.CHOICE: (30, "to choose an epoch by"),
    SetPart.CALIBRATION: (50, "to fit a temperature on"),
    SetPart.GATE: (100, "to judge by: its intervals are wide"),
}
_NONE = {
    SetPart.CHOICE: "the epoch is chosen on train, which says nothing of other texts",
    SetPart.CALIBRATION: "confidence is not calibrated (temperature 1)",
    SetPart.GATE: "nothing judges the model: for `banyan promote` freeze rows of another file",
}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PlacedRow(Generic[ExampleT]):
    """An example, what decides its part, and the domain, user or company that it is of.

    Around the label of one that is `padded` the file has space.
    """

    example: ExampleT
    key: Key
    group: str | None = None
    padded: bool = False


@dataclass(frozen=True, slots=True)
class Parted(Generic[ExampleT]):
    """The rows of each part, and what was done to them, a sentence each."""

    parts: Mapping[SetPart, Sequence[PlacedRow[ExampleT]]]
    notes: tuple[str, ...] = field(default=())


def keep_learnable(
    rows: Sequence[PlacedRow[ExampleT]], parts: Sequence[SetPart]
) -> tuple[list[SetPart], list[str]]:
    """Moves rows to train until it has `LEAST_TO_LEARN` of each label, or all that there are.

    Those nearest to train by their key are taken; rows of one key stay together.
    """
    kept = list(parts)
    of_row = [row.example.targets() for row in rows]
    train = Counter(
        label
        for names, part in zip(of_row, parts, strict=True)
        if part is SetPart.TRAIN
        for label in names
    )
    moved: Counter[str] = Counter()
    same_key: dict[Key, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        same_key[row.key].append(index)
    for key in sorted(key for key in same_key if kept[same_key[key][0]] is not SetPart.TRAIN):
        found = [label for index in same_key[key] for label in of_row[index]]
        if any(train[label] < LEAST_TO_LEARN for label in found):
            train.update(found)
            moved.update(found)
            for index in same_key[key]:
                kept[index] = SetPart.TRAIN
    totals = Counter(label for names in of_row for label in names)
    notes = [
        f"{label!r} has {_rows(totals[label])} in all: {train[label]} in train, {moved[label]} of "
        "these in spite of the split"
        for label in sorted(moved)
        if train[label] <= LEAST_TO_LEARN
    ]
    return kept, _few(notes, "labels are like that")


def move_together(
    rows: Sequence[PlacedRow[ExampleT]], parts: Sequence[SetPart], similarity: float
) -> tuple[list[SetPart], list[str]]:
    """Moves what repeats a row of an earlier part, exactly or nearly, to that part."""
    owners, texts, different = _incidence([row.example for row in rows])
    before = np.array([_ORDER.index(part) for part in parts], np.int64)
    place = before
    while True:
        of_text = np.full(len(different), len(_ORDER), np.int64)
        np.minimum.at(of_text, texts, place[owners])
        earliest = of_text.copy()
        for pairs in near_pairs(different, of_text, similarity):
            lower = np.minimum(of_text[pairs.first], of_text[pairs.second])
            np.minimum.at(earliest, pairs.first, lower)
            np.minimum.at(earliest, pairs.second, lower)
        moved = place.copy()
        np.minimum.at(moved, owners, earliest[texts])
        if (moved == place).all():
            break
        place = moved
    counts = {
        part: int((place[before == index] != index).sum()) for index, part in enumerate(_ORDER)
    }
    told = ", ".join(f"{count:,} of {part}" for part, count in counts.items() if count)
    note = f"{told} repeat rows of an earlier part, exactly or nearly: they were moved to it"
    return [_ORDER[index] for index in place], [note] if told else []


def leave_out(
    parted: Parted[ExampleT], similarity: float, judged: Sequence[AnyExample] = ()
) -> Parted[ExampleT]:
    """Leaves out of each part what a later one has too, exactly, nearly or by its group.

    `judged` is the evaluation set that the task has already; nothing but the gate may have it.
    """
    names = [*_ORDER, FROZEN]
    rows = [(index, row) for index, part in enumerate(_ORDER) for row in parted.parts[part]]
    examples = [row.example for _, row in rows] + [*judged]
    place = np.array([index for index, _ in rows] + [len(_ORDER)] * len(judged), np.int64)
    later = np.maximum(_later_text(examples, place, similarity), _later_group(rows, len(examples)))
    # The gate may be what judges the task already.
    out = (later > place) & (place < len(_ORDER)) & ~((place == 3) & (later == 4))
    counts = Counter(zip(place[out].tolist(), later[out].tolist(), strict=True))
    what = "their texts or their group" if any(row.group for _, row in rows) else "their texts"
    notes = [
        f"{_rows(count)} of {names[mine]} left out: {names[theirs]} has {what}, exactly or nearly"
        for (mine, theirs), count in sorted(counts.items())
    ]
    kept: dict[SetPart, list[PlacedRow[ExampleT]]] = {part: [] for part in _ORDER}
    for (index, row), leave in zip(rows, out.tolist(), strict=False):
        if not leave:
            kept[_ORDER[index]].append(row)
    return Parted(kept, (*parted.notes, *notes))


def tell_sizes(parts: Mapping[SetPart, Sequence[PlacedRow[ExampleT]]]) -> list[str]:
    """What parts are too small for, and what nothing judges."""
    notes = []
    for part, (enough, purpose) in _FEW.items():
        count = len(parts[part])
        if not count:
            notes.append(f"no row is left for {part}: {_NONE[part]}")
        elif count < enough:
            notes.append(f"{part} has {_rows(count)}: few {purpose}")
    gate = labels_of(row.example for row in parts[SetPart.GATE])
    train = labels_of(row.example for row in parts[SetPart.TRAIN])
    if gate and (missing := sorted(train - gate)):
        shown = ", ".join(map(repr, missing[:_SHOWN])) + (", ..." if missing[_SHOWN:] else "")
        notes.append(f"gate has no row of {len(missing)} label(s), which nothing judges: {shown}")
    return notes


def _later_text(examples: Sequence[AnyExample], place: Int64s, similarity: float) -> Int64s:
    """The last part, [n], that has a text of each row, exactly or nearly."""
    owners, texts, different = _incidence(examples)
    nodes, node_of = np.unique(
        np.stack([texts, place[owners]], axis=1), axis=0, return_inverse=True
    )
    of_node = nodes[:, 1].copy()
    last = np.full(len(different), -1, np.int64)
    np.maximum.at(last, nodes[:, 0], nodes[:, 1])
    later = last[nodes[:, 0]]
    for pairs in near_pairs([different[text] for text in nodes[:, 0]], of_node, similarity):
        np.maximum.at(later, pairs.first, of_node[pairs.second])
        np.maximum.at(later, pairs.second, of_node[pairs.first])
    found = np.full(len(examples), -1, np.int64)
    np.maximum.at(found, owners, later[node_of.ravel()])
    return found


def _later_group(rows: Sequence[tuple[int, PlacedRow[ExampleT]]], n: int) -> Int64s:
    """The last part, [n], that has a row of each row's group; -1 for what has no group."""
    last: dict[str, int] = {}
    for index, row in rows:
        if row.group is not None:
            last[row.group] = max(index, last.get(row.group, -1))
    found = np.full(n, -1, np.int64)
    found[: len(rows)] = [-1 if row.group is None else last[row.group] for _, row in rows]
    return found


def _incidence(examples: Sequence[AnyExample]) -> tuple[Int64s, Int64s, list[str]]:
    """Which row has which of the different texts: both numbers, [k], and the texts, [u]."""
    numbers: dict[str, int] = {}
    owners, texts = [], []
    for owner, example in enumerate(examples):
        for text in example.shared_texts():
            owners.append(owner)
            texts.append(numbers.setdefault(text.strip(), len(numbers)))
    return np.array(owners, np.int64), np.array(texts, np.int64), list(numbers)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _few(notes: list[str], rest: str) -> list[str]:
    more = len(notes) - _SHOWN
    return notes if more <= 0 else [*notes[:_SHOWN], f"{more} more {rest}"]
