"""Times in files of rows, in the spellings that files have."""

from datetime import UTC, date, datetime

from shared.errors import InputError

_FIRST_MS = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds, they would be of the year 5138 and later."""


def milliseconds(value: object) -> int:
    """Unix milliseconds of ISO 8601, Unix seconds, Unix milliseconds, or a date of Parquet.

    A time without a zone is UTC. A number below 100,000,000,000 is in seconds.

    Raises:
        InputError: it is no time, or lies before 1970.
    """
    found = _read(value)
    if found is None:
        raise InputError(
            f"the timestamp {value!r} is none: use ISO 8601 such as 2026-03-02T09:00:00Z, "
            "or Unix seconds or milliseconds"
        )
    if found < 0:
        raise InputError(f"the timestamp {value!r} lies before 1970")
    return found


def _read(value: object) -> int | None:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)
    if isinstance(value, date):
        return _read(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) < float("inf"):
        return None
    return round(value if abs(value) >= _FIRST_MS else value * 1000)


def _read_text(text: str) -> int | None:
    try:
        return _read(float(text))
    except ValueError:
        pass
    try:
        return _read(datetime.fromisoformat(text))
    except ValueError:
        return None
