"""Sentences about persons of several groups, as arrays that gaps are computed from.

Notation of shapes: n sentences, t templates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from shared.training.fairness.lines import Names, Template

Int64s = npt.NDArray[np.int64]

NO_GROUP = -1


class Filled(NamedTuple):
    """A sentence about a person; `groups` maps attributes to groups."""

    template: str
    text: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attribute:
    """The groups of one attribute, in alphabetical order, and of which each sentence is.

    `codes` [n] are indices of `groups`, or `NO_GROUP` where a sentence says nothing of it.
    """

    name: str
    groups: tuple[str, ...]
    codes: Int64s


@dataclass(frozen=True, slots=True)
class PersonSentences:
    """Sentences [n] with their templates.

    `template_codes` [n] are indices of `templates` [t], and `labels` [t] the valence that each
    states, or None. Where sentences have several attributes, and each template all groups of them
    together, the last of `attributes` joins them, as `gender, origin`.
    """

    texts: tuple[str, ...]
    templates: tuple[str, ...]
    template_codes: Int64s
    labels: tuple[str | None, ...]
    attributes: tuple[Attribute, ...]

    @classmethod
    def of(cls, filled: Sequence[Filled], labels: Mapping[str, str | None]) -> Self:
        """The sentences as arrays; `labels` has the label of each template."""
        templates = tuple(dict.fromkeys(each.template for each in filled))
        places = {template: place for place, template in enumerate(templates)}
        names = list(dict.fromkeys(name for each in filled for name in each.groups))
        codes = np.array([places[each.template] for each in filled], dtype=np.int64)
        attributes = [
            _attribute(name, [each.groups.get(name) for each in filled]) for name in names
        ]
        if len(names) > 1:
            joint = _attribute(", ".join(names), [_joint(names, each) for each in filled])
            attributes += [] if any(_missing(joint, codes, templates)) else [joint]
        return cls(
            tuple(each.text for each in filled),
            templates,
            codes,
            tuple(labels[template] for template in templates),
            tuple(each for each in attributes if len(each.groups) > 1),
        )

    def faults(self) -> Iterator[str]:
        """Why no gap can be told: no two groups, or groups that a template has no sentence of."""
        if not self.attributes:
            yield "has a single group for each attribute: add names or sentences of another"
        for attribute in self.attributes:
            for template, group in _missing(attribute, self.template_codes, self.templates):
                reason = f"the template {template!r} has no sentence of {group!r}"
                yield f"{reason} ({attribute.name}): add one, or leave this attribute out of it"


def fill(templates: Sequence[Template], names: Sequence[Names]) -> Iterator[Filled]:
    """Each template with each name."""
    for template in templates:
        for each in names:
            for name in each.names:
                text = template.filled(name, each.pronouns)
                yield Filled(template.template, text, each.groups)


def _missing(
    attribute: Attribute, template_codes: Int64s, templates: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Templates with a group that they lack though they have others of the attribute."""
    known = attribute.codes != NO_GROUP
    counts = np.zeros((len(templates), len(attribute.groups)), dtype=np.int64)
    np.add.at(counts, (template_codes[known], attribute.codes[known]), 1)
    for template, row in zip(templates, counts, strict=True):
        if row.any() and not row.all():
            yield template, attribute.groups[int(row.argmin())]


def _joint(names: Sequence[str], filled: Filled) -> str | None:
    groups = [filled.groups.get(name) for name in names]
    return None if None in groups else ", ".join(map(str, groups))


def _attribute(name: str, groups: Sequence[str | None]) -> Attribute:
    known = sorted({group for group in groups if group is not None})
    places = {group: place for place, group in enumerate(known)}
    codes = [NO_GROUP if group is None else places[group] for group in groups]
    return Attribute(name, tuple(known), np.array(codes, dtype=np.int64))
