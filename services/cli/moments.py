"""Times in files of rows, in the spellings that files have."""

from datetime import UTC, date, datetime

from shared.errors import InputError
from shared.ranking.timestamps import unix_ms


def milliseconds(value: object) -> int:
    """Unix milliseconds of ISO 8601, Unix seconds, Unix milliseconds, or a date of Parquet.

    A time without a zone is UTC. A number below 100,000,000,000 is in seconds.

    Raises:
        InputError: it is no time, or lies before 1973-03-03 or after 2199.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return unix_ms(value, zone=UTC)
    except ValueError as error:
        raise InputError(f"the timestamp {error}") from None
