"""YAML that comes from users: plain values only, bounded before anything is constructed."""

import re

import yaml

from shared.errors import InputError
from shared.text.limits import (
    MAX_YAML_CHARACTERS,
    MAX_YAML_DEPTH,
    MAX_YAML_NODES,
    check_characters,
)

_OPENING = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_CLOSING = (yaml.SequenceEndEvent, yaml.MappingEndEvent)
_LONG_NUMBER = re.compile(r"[-+.\d][\w.:+-]{100,}")


def load_user_yaml(text: str, *, name: str) -> object:
    """The value that a YAML text says, in lists, mappings, texts, numbers, dates and null.

    Anchors and aliases are refused: a few hundred bytes of them stand for billions of values, or
    for a list that holds itself. So are tags, which make values of classes.

    Raises:
        InputError: the text is not YAML, uses an anchor, an alias or a tag, or exceeds a limit of
            `shared.text.limits`.
    """
    check_characters(text, name=name, limit=MAX_YAML_CHARACTERS)
    try:
        _check_events(text, name)
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{name}{line}: not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        # A control character, or a date that no calendar has.
        raise InputError(f"{name}: not YAML: {str(error).partition(chr(10))[0]}") from None


def _check_events(text: str, name: str) -> None:
    """Reads the text once without making anything of it, and stops at the first excess."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if fault := _fault(event):
            line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
            raise InputError(f"{name}{line}: {fault}")
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
        if nodes > MAX_YAML_NODES:
            raise InputError(f"{name}: more than {MAX_YAML_NODES} values: leave some out")
        if depth > MAX_YAML_DEPTH:
            raise InputError(
                f"{name}: nested deeper than {MAX_YAML_DEPTH} levels: write it flatter"
            )


def _fault(event: yaml.Event) -> str | None:
    """What a part of the text asks for that plain values do without."""
    quoted = "or put the text between quotation marks"
    if anchor := getattr(event, "anchor", None):
        return f"the anchor or alias {anchor!r}: write the value out in each place, {quoted}"
    if tag := getattr(event, "tag", None):
        return f"the tag {tag!r}: leave it out, {quoted}"
    if not isinstance(event, yaml.ScalarEvent) or not event.implicit[0]:
        return None
    if _LONG_NUMBER.fullmatch(event.value) is None:
        return None
    length = len(event.value)
    return f"a number of {length} characters, at most 100 are read: shorten it, {quoted}"
