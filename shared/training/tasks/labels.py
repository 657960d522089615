"""Whether the labels of a run's sets can be learned."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.training.data.examples import AnyExample

_LEAST_EXAMPLES = 2


def count_labels(
    sets: Mapping[str, Sequence[AnyExample]], noun: str = "label"
) -> tuple[Counter[str], list[str]]:
    """In how many examples of `train` each label stands, and what is wrong with the labels.

    Each label needs two examples in train, and other sets may have no further label. `noun` is
    what a label is called.
    """
    train = sets["train"]
    counts = _counted(train)
    others = [(name, _counted(of)) for name, of in sets.items() if name != "train"]
    elsewhere = _counted([e for name, of in sets.items() if of is not train for e in of])
    faults = [
        f"train: {noun} {label!r} has {count} example, and {elsewhere[label]} in the other sets: "
        f"give train at least {_LEAST_EXAMPLES}"
        for label, count in sorted(counts.items())
        if count < _LEAST_EXAMPLES
    ]
    faults += [
        f"{name}: {noun} {label!r} ({count} rows) does not stand in train: correct or remove it"
        for name, of_set in others
        for label, count in sorted(of_set.items())
        if label not in counts
    ]
    return counts, faults


def _counted(examples: Sequence[AnyExample]) -> Counter[str]:
    return Counter(label for example in examples for label in set(example.targets()))
