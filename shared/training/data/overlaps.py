"""What of several sets of texts stands twice: exactly or nearly, in one set or in two."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel

from shared.training.data.near_duplicates import near_pairs
from shared.training.data.settings import JUDGING, SetPart

TRAIN = SetPart.TRAIN.value
PARTS = (TRAIN, *(part.value for part in JUDGING))
_SHOWN = 5
_SHOWN_CHARACTERS = 240


class Twin(BaseModel, frozen=True):
    """A text, and the one that it repeats; `similarity` is 1 where both are the same."""

    text: str
    other: str
    labels: tuple[str, ...]
    other_labels: tuple[str, ...]
    similarity: float


class Overlap(BaseModel, frozen=True):
    """How many texts of the set `name` stand in the set `within` too, exactly or nearly.

    In a set itself `exact` counts those after the first of equal ones, `near` the different texts
    that have a near duplicate. In another set `near` counts those that do not stand there exactly.
    Of the exact ones `contradicting` have other labels there.
    """

    name: str
    within: str
    texts: int
    exact: int
    contradicting: int
    near: int
    shown: tuple[Twin, ...] = ()

    @property
    def share(self) -> float:
        """The share of the texts that repeat one, exactly or nearly."""
        return (self.exact + self.near) / max(self.texts, 1)


Text = tuple[str, tuple[str, ...]]
"""A text and its labels, in order."""


def overlaps(sets: Mapping[str, Sequence[Text]], similarity: float) -> list[Overlap]:
    """Each set with itself, and each with every part of the data before it.

    Parts are the sets of `PARTS`; the others are compared with train alone.

    Near duplicates are those that `near_duplicates` finds, at least that similar.
    """
    found = _Search(sets, similarity)
    parts = [name for name in PARTS if name in sets]
    return [found.within(name) for name in sets] + [
        found.between(name, earlier)
        for name in sets
        for earlier in (parts[: parts.index(name)] if name in parts else [TRAIN])
    ]


class _Search:
    """The different texts of each set, and for each a near duplicate in each set."""

    def __init__(self, sets: Mapping[str, Sequence[Text]], similarity: float) -> None:
        self._sets = {
            name: [(text.strip(), labels) for text, labels in texts] for name, texts in sets.items()
        }
        self._labels: dict[str, dict[str, set[tuple[str, ...]]]] = {
            name: defaultdict(set) for name in sets
        }
        for name, texts in self._sets.items():
            for text, labels in texts:
                self._labels[name][text].add(labels)
        self._near = _near_texts({name: list(of) for name, of in self._labels.items()}, similarity)

    def within(self, name: str) -> Overlap:
        first: dict[str, tuple[str, ...]] = {}
        exact: list[Twin] = []
        contradicting = near = 0
        for text, labels in self._sets[name]:
            if text not in first:
                first[text] = labels
                near += (name, text, name) in self._near
                continue
            exact.append(_twin(text, text, labels, first[text], 1.0))
            contradicting += labels != first[text]
        return self._overlap(name, name, exact, contradicting, near, list(first))

    def between(self, name: str, within: str) -> Overlap:
        known = self._labels[within]
        exact: list[Twin] = []
        rest: list[str] = []
        contradicting = near = 0
        for text, labels in self._sets[name]:
            if text in known:
                others = known[text]
                exact.append(_twin(text, text, labels, min(others), 1.0))
                contradicting += labels not in others
            else:
                rest.append(text)
                near += (name, text, within) in self._near
        return self._overlap(name, within, exact, contradicting, near, rest)

    def _overlap(
        self,
        name: str,
        within: str,
        exact: list[Twin],
        contradicting: int,
        near: int,
        rest: Sequence[str],
    ) -> Overlap:
        # What contradicts is what somebody has to look at.
        shown = sorted(exact, key=lambda twin: twin.labels == twin.other_labels)[:_SHOWN]
        for text in rest:
            if len(shown) >= 2 * _SHOWN:
                break
            if twin := self._near.get((name, text, within)):
                labels, others = self._labels[name][text], self._labels[within][twin[0]]
                shown.append(_twin(text, twin[0], min(labels), min(others), twin[1]))
        return Overlap(
            name=name,
            within=within,
            texts=len(self._sets[name]),
            exact=len(exact),
            contradicting=contradicting,
            near=near,
            shown=tuple(shown),
        )


def _near_texts(
    texts: Mapping[str, Sequence[str]], similarity: float
) -> dict[tuple[str, str, str], tuple[str, float]]:
    """For each (set, text, other set) a near duplicate in the other set, and how similar it is."""
    names = list(texts)
    flat = [text for name in names for text in texts[name]]
    sets = np.repeat(np.arange(len(names)), [len(texts[name]) for name in names])
    found: dict[tuple[str, str, str], tuple[str, float]] = {}
    for pairs in near_pairs(flat, sets, similarity):
        for first, second, how in zip(
            pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), strict=True
        ):
            for one, other in ((first, second), (second, first)):
                if flat[one] != flat[other]:
                    key = (names[sets[one]], flat[one], names[sets[other]])
                    if how > found.get(key, ("", 0.0))[1]:
                        found[key] = (flat[other], how)
    return found


def _twin(
    text: str, other: str, labels: tuple[str, ...], other_labels: tuple[str, ...], how: float
) -> Twin:
    return Twin(
        text=text[:_SHOWN_CHARACTERS],
        other=other[:_SHOWN_CHARACTERS],
        labels=labels,
        other_labels=other_labels,
        similarity=round(how, 4),
    )
