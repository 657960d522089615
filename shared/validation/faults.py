"""Pydantic's errors as faults: each at the place that the sender knows, in one sentence.

Pydantic reports every member of a union and puts the members' names into the path. Here a path is
walked along the value that was given, so that it holds the sender's own keys alone, and of a union
one fault is left: that of the member that the sender evidently meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from shared.validation.sentences import expected_kind, sentence, wrong_kind
from shared.validation.values import shortened

Place = tuple[int | str, ...]

UNKNOWN = object()

_MOST_READ = 500
_KEY = "[key]"
_NOTHING = object()
_NAMES_A_KEY = ("missing", "extra_forbidden")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place: keys and indices from the whole to the part; () is the whole."""

    place: Place
    message: str

    @property
    def location(self) -> str:
        """The place as the sender would write it: `documents.2.text`; '' for the whole."""
        return ".".join(shortened(str(part)) for part in self.place)

    def below(self, place: Place) -> "Fault":
        """The same fault, where the whole that it was found in stands at a place of another."""
        return Fault((*place, *self.place), self.message)

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" if self.place else self.message


def faults_of(error: ValidationError, given: object = UNKNOWN) -> list[Fault]:
    """The faults of a value that was validated, in order; of very many, those of the first.

    Without the value that was `given`, members of unions stay in the places.
    """
    return translated(error.errors(include_url=False), given)


def json_faults_of(error: ValidationError, content: bytes) -> list[Fault]:
    """The same where JSON was validated."""
    try:
        given = from_json(content)
    except ValueError:
        given = None
    return faults_of(error, given)


def joined(faults: Sequence[Fault], most: int = 3) -> str:
    """The first faults in one line, and how many more there are."""
    rest = len(faults) - most
    more = [f"and {rest} more"] if rest > 0 else []
    return "; ".join([*map(str, faults[:most]), *more])


def translated(errors: Sequence[ErrorDetails], given: object) -> list[Fault]:
    """The faults behind pydantic's errors about the value that was `given`."""
    walked = [_Walked(_steps(error, given), error) for error in errors[:_MOST_READ]]
    return [each.fault for each in _resolved(walked, 0, ())]


class _Step(NamedTuple):
    """A part of pydantic's path: a key or index of the value, or the name of a union's member."""

    part: int | str
    is_member: bool


class _Walked(NamedTuple):
    steps: tuple[_Step, ...]
    error: ErrorDetails


class _Found(NamedTuple):
    """A fault; `kind` is what was expected where the `value` is of a wrong kind."""

    fault: Fault
    kind: str | None
    value: object


def _steps(error: ErrorDetails, given: object) -> tuple[_Step, ...]:
    """Tells keys from members: the likeliest reading of the path, by what stands in the value."""
    path = error["loc"]
    if path and path[-1] == _KEY:
        path = path[:-1]
    if given is UNKNOWN:
        return tuple(_Step(part, False) for part in path)
    return max(_readings(path, given, error), key=lambda reading: reading[0])[1]


_Reading = tuple[tuple[bool, bool, bool, int], tuple[_Step, ...]]


def _readings(path: Place, given: object, error: ErrorDetails) -> Iterator[_Reading]:
    names_key = error["type"] in _NAMES_A_KEY

    def read(at: int, value: object, steps: tuple[_Step, ...]) -> Iterator[_Reading]:
        if at == len(path):
            ends_in_key = bool(steps) and not steps[-1].is_member
            fits = value is error["input"] or _equal(value, error["input"])
            keys = sum(not step.is_member for step in steps)
            yield (ends_in_key or not names_key, fits, ends_in_key, keys), steps
            return
        part = path[at]
        if (nested := _nested(value, part)) is not _NOTHING:
            yield from read(at + 1, nested, (*steps, _Step(part, False)))
        elif names_key and at == len(path) - 1 and isinstance(value, Mapping):
            yield from read(at + 1, value, (*steps, _Step(part, False)))
        elif isinstance(part, int):
            yield from read(at + 1, _NOTHING, (*steps, _Step(part, False)))
        if isinstance(part, str):
            yield from read(at + 1, value, (*steps, _Step(part, True)))

    return read(0, given, ())


def _nested(value: object, part: int | str) -> object:
    """What an index, a key, or keys joined by dots as settings take them name, or `_NOTHING`."""
    if isinstance(value, Mapping):
        if part in value:
            return value[part]
        name = str(part)
        for key, inner in value.items():
            if name.startswith(f"{key}."):
                nested = _nested(inner, name.removeprefix(f"{key}."))
                if nested is not _NOTHING:
                    return nested
    elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
        return value[part]
    return _NOTHING


def _equal(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _resolved(walked: Sequence[_Walked], depth: int, place: Place) -> list[_Found]:
    """The faults below a place, of each union one member's."""
    results = [_leaf(one, place) for one in walked if len(one.steps) == depth]
    members: list[list[_Found]] = []
    for step, group in _by_step(walked, depth).items():
        if step.is_member:
            members.append(_resolved(group, depth + 1, place))
        else:
            results += _resolved(group, depth + 1, (*place, step.part))
    return results + _meant(members, place)


def _leaf(one: _Walked, place: Place) -> _Found:
    error = one.error
    said = sentence(error)
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return _Found(Fault((*place, error["ctx"]["discriminator"].strip("'")), said), None, None)
    if error["loc"] and error["loc"][-1] == _KEY:
        return _Found(Fault(place, f"the name: {said}"), None, None)
    return _Found(Fault(place, said), expected_kind(error), error["input"])


def _by_step(walked: Sequence[_Walked], depth: int) -> dict[_Step, list[_Walked]]:
    groups: dict[_Step, list[_Walked]] = {}
    for one in walked:
        if len(one.steps) > depth:
            groups.setdefault(one.steps[depth], []).append(one)
    return groups


def _meant(members: Sequence[list[_Found]], place: Place) -> list[_Found]:
    """Of a union the faults of the member that fits the value's kind, and has the fewest.

    Where none fits its kind, one fault says all the kinds that would do.
    """
    if not members:
        return []
    fitting = [faults for faults in members if not _is_of_other_kind(faults, place)]
    if fitting:
        return min(fitting, key=len)
    kinds = dict.fromkeys(faults[0].kind for faults in members if faults[0].kind)
    value = members[0][0].value
    *most, last = kinds
    expected = f"{', '.join(most)} or {last}" if most else last
    return [_Found(Fault(place, wrong_kind(expected, value)), expected, value)]


def _is_of_other_kind(faults: Sequence[_Found], place: Place) -> bool:
    return len(faults) == 1 and faults[0].fault.place == place and faults[0].kind is not None
