"""Times of events as people send them: which unit a number is in, and what is not a time at all."""

from datetime import UTC, datetime, tzinfo

EARLIEST_MS = 100_000_000_000
"""In March 1973. A lesser number is in seconds: as such, this one would be of the year 5138."""

LATEST_MS = 7_258_118_400_000
"""The beginning of the year 2200."""

_MAX_CHARS = 64
_SPELLINGS = (
    "send Unix milliseconds, Unix seconds, or ISO 8601 with its time zone such as "
    "2026-03-02T09:00:00Z"
)


def unix_ms(value: object, *, zone: tzinfo | None = None) -> int:
    """Unix milliseconds of a number in milliseconds or seconds, of its digits, or of ISO 8601.

    `zone` is that of a time without one; without it such a time is refused. Nothing is ever read
    as a time near 1970, which is what a wrong unit or an empty clock looks like.

    Raises:
        ValueError: it is not a time, or lies before 1973-03-03 or after 2199.
    """
    if type(value) is int and EARLIEST_MS <= value < LATEST_MS:
        return value
    if isinstance(value, str):
        return _checked(_text_ms(value.strip(), zone), value)
    if isinstance(value, datetime):
        return _checked(_moment_ms(value, zone), value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_shown(value)} is not a time: {_SPELLINGS}")
    return _checked(_number_ms(value), value)


def _text_ms(text: str, zone: tzinfo | None) -> float:
    if len(text) <= _MAX_CHARS:
        try:
            return _number_ms(float(text))
        except ValueError:
            pass
        try:
            return _moment_ms(datetime.fromisoformat(text), zone)
        except ValueError as error:
            if "time zone" in str(error):
                raise
    raise ValueError(f"{_shown(text)} is not a time: {_SPELLINGS}")


def _moment_ms(moment: datetime, zone: tzinfo | None) -> float:
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError(
                f"{_shown(moment.isoformat())} has no time zone: end it with Z, or with an offset "
                "such as +01:00"
            )
        moment = moment.replace(tzinfo=zone)
    return moment.timestamp() * 1000


def _number_ms(number: float) -> float:
    return number if abs(number) >= EARLIEST_MS else number * 1000


def _checked(time_ms: float, value: object) -> int:
    # Also refuses NaN, and what is too large to be a date.
    if EARLIEST_MS <= time_ms < LATEST_MS:
        return round(time_ms)
    if abs(time_ms) < EARLIEST_MS:
        day = datetime.fromtimestamp(time_ms / 1000, UTC).date()
        raise ValueError(f"{_shown(value)} would be {day}, before 1973-03-03: {_SPELLINGS}")
    when = "before 1970" if time_ms < 0 else "after 2199"
    raise ValueError(f"{_shown(value)} lies {when}: {_SPELLINGS}")


def _shown(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}..."
