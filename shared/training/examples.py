"""Whether a train and a dev set can be learned from, and what identifies them."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.training.reading import Example, raise_faults

_LEAST_PER_CLASS = 2


@dataclass(frozen=True, slots=True)
class LabelledData:
    """Checked examples; `labels` are the classes in the order of the head's rows."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    labels: tuple[str, ...]

    def fingerprint(self) -> str:
        """SHA-256 of every text and label, in order: the same examples give the same value."""
        digest = hashlib.sha256()
        for name, examples in (("train", self.train), ("dev", self.dev)):
            digest.update(f"{name} {len(examples)}\n".encode())
            for example in examples:
                digest.update(json.dumps([example.text, example.label]).encode() + b"\n")
        return digest.hexdigest()


def check_examples(train: Sequence[Example], dev: Sequence[Example]) -> LabelledData:
    """Puts train and dev together; the labels are train's, sorted.

    Raises:
        InputError: there are fewer than two classes, a class has fewer than two examples, or dev
            has a label that train has not; every such fault is named.
    """
    counts = Counter(example.label for example in train)
    faults = [
        f"train: class {label!r} has {count} example: give it at least {_LEAST_PER_CLASS}"
        for label, count in sorted(counts.items())
        if count < _LEAST_PER_CLASS
    ]
    if len(counts) < 2:
        faults.append(f"train: {len(counts)} class: a classifier needs at least two")
    unknown = Counter(example.label for example in dev if example.label not in counts)
    faults += [
        f"dev: label {label!r} ({count} rows) does not stand in train: correct or remove it"
        for label, count in sorted(unknown.items())
    ]
    raise_faults(faults)
    return LabelledData(tuple(train), tuple(dev), tuple(sorted(counts)))
