"""Each kind of fault that pydantic finds, as a sentence: what was expected, what was found.

Source: pydantic documentation, "Validation errors".
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from shared.validation.forms import FORM, misfit
from shared.validation.identifiers import IDENTIFIER_FORM, misnamed
from shared.validation.values import counted, found, shortened

Context = Mapping[str, Any]

_OBJECT = "an object"
_LIST = "a list"
_WHOLE = "a whole number"
_DATE = "a date such as 2026-03-02"
_TIME = "a time such as 2026-03-02T09:00:00Z"
_DURATION = "a duration in seconds"
_ADDRESS = "an address such as https://example.com"

_KINDS: Mapping[str, str] = {
    "string_type": "a text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": _WHOLE,
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "bytes_type": "bytes",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dataclass_exact_type": _OBJECT,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_naive": "a time without an offset",
    "timezone_aware": "a time with an offset, such as 2026-03-02T09:00:00Z",
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
    "path_type": "a path",
    "url_type": _ADDRESS,
    "url_parsing": _ADDRESS,
    "url_scheme": _ADDRESS,
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "is_instance_of": "a value of another kind",
}


def expected_kind(error: ErrorDetails) -> str | None:
    """What kind of value would do, where the value is of a wrong kind; None for other faults."""
    if error["type"] in ("literal_error", "enum"):
        return str(error["ctx"]["expected"])
    return _KINDS.get(error["type"])


def wrong_kind(expected: str, value: object) -> str:
    """The sentence for a value of a wrong kind."""
    return f"expected {expected}, found {found(value)}"


def sentence(error: ErrorDetails) -> str:
    """What is wrong and what would be right; without the place, which the caller names."""
    value, context = error.get("input"), error.get("ctx", {})
    if (kind := expected_kind(error)) is not None:
        return wrong_kind(kind, value)
    if (said := _SENTENCES.get(error["type"])) is not None:
        return said(context, value)
    # A kind of pydantic's that no model here has; its text is plain English, too.
    rest = error["msg"].removeprefix("Input should be ")
    return wrong_kind(rest, value) if rest != error["msg"] else rest


def _limit(words: str, key: str) -> Callable[[Context, object], str]:
    def said(context: Context, value: object) -> str:
        # A value of another type was read as a number first: it is shown as it was written.
        shown = shortened(str(value)) if isinstance(value, int | float) else found(value)
        return f"expected {words} {context[key]}, found {shown}"

    return said


def _too_short(context: Context, value: object) -> str:
    least = counted(context["min_length"], "entry", "entries")
    actual = context.get("actual_length")
    said = found(value) if not actual else counted(actual, "entry", "entries")
    return f"expected at least {least}, found {said}"


def _too_long(context: Context, value: object) -> str:
    most, actual = context["max_length"], context.get("actual_length")
    if most == 0:
        return f"expected nothing, found {found(value)}: leave it out"
    said = "more" if actual is None else f"{actual:,}"
    return f"expected at most {counted(most, 'entry', 'entries')}, found {said}: send fewer"


def _text_too_short(context: Context, value: object) -> str:
    least = counted(context["min_length"], "character", "characters")
    return f"expected at least {least}, found {found(value)}"


def _text_too_long(context: Context, value: object) -> str:
    most = counted(context["max_length"], "character", "characters")
    said = f"{len(value):,}" if isinstance(value, str | bytes) else "more"
    return f"expected at most {most}, found {said}: shorten it"


def _raised(context: Context, value: object) -> str:
    return str(context["error"]) or f"{found(value)} is refused"


def _not_json(context: Context, value: object) -> str:
    return f"not JSON: {context.get('error', 'it cannot be read')}"


def _no_tag(context: Context, value: object) -> str:
    names = context.get("discriminator", "its kind")
    return f"is missing: add {names}, which says what kind of object this is"


def _unknown_tag(context: Context, value: object) -> str:
    return f"expected one of {context['expected_tags']}, found {shortened(repr(context['tag']))}"


_SENTENCES: Mapping[str, Callable[[Context, object], str]] = {
    "missing": lambda _context, _value: "is missing: add it",
    "extra_forbidden": lambda _context, _value: "is not known here: correct its name or remove it",
    "greater_than": _limit("more than", "gt"),
    "greater_than_equal": _limit("at least", "ge"),
    "less_than": _limit("less than", "lt"),
    "less_than_equal": _limit("at most", "le"),
    "multiple_of": _limit("a multiple of", "multiple_of"),
    "finite_number": lambda _context, value: wrong_kind("a finite number", value),
    "too_short": _too_short,
    "too_long": _too_long,
    "string_too_short": _text_too_short,
    "string_too_long": _text_too_long,
    "bytes_too_short": _text_too_short,
    "bytes_too_long": _text_too_long,
    "string_unicode": lambda _context, _value: "is not valid Unicode: send UTF-8",
    "string_pattern_mismatch": lambda _context, value: f"{found(value)} has not the form it needs",
    FORM: misfit,
    IDENTIFIER_FORM: lambda _context, value: misnamed(str(value)),
    "value_error": _raised,
    "assertion_error": _raised,
    "json_invalid": _not_json,
    "json_type": _not_json,
    "union_tag_not_found": _no_tag,
    "union_tag_invalid": _unknown_tag,
    "recursion_loop": lambda _context, _value: "contains itself: send each part once",
}
