from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.cli.moments import milliseconds
from shared.errors import InputError

MOMENT_MS = 1_772_442_000_500
"""2026-03-02T09:00:00.5Z."""


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T09:00:00.500Z",
        "2026-03-02T10:00:00.5+01:00",
        "2026-03-02 09:00:00.5",
        "1772442000.5",
        1_772_442_000.5,
        "1772442000500",
        1_772_442_000_500,
        datetime(2026, 3, 2, 9, 0, 0, 500_000),
        datetime(2026, 3, 2, 11, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_every_spelling_of_a_moment_is_read(value: object) -> None:
    assert milliseconds(value) == MOMENT_MS


@pytest.mark.parametrize("value", ["2026-03-02", date(2026, 3, 2)])
def test_a_day_is_its_beginning_in_utc(value: object) -> None:
    assert milliseconds(value) == datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000


def test_numbers_are_seconds_until_they_would_be_of_the_year_5138() -> None:
    assert milliseconds(7_258_118_399) == 7_258_118_399_000
    assert milliseconds(100_000_000_000) == 100_000_000_000


@pytest.mark.parametrize(
    "value", ["", "yesterday", "02.03.2026", "nan", float("inf"), True, None, ["2026-03-02"]]
)
def test_what_is_no_time_is_refused_with_the_spellings_that_are(value: object) -> None:
    with pytest.raises(InputError, match=r"no time: send .* such as 2026-03-02T09:00:00Z|lies "):
        milliseconds(value)


@pytest.mark.parametrize("value", [-1, "-5", "1969-12-31T23:59:59Z", 0, 1_767_600, "1970-01-21"])
def test_a_time_before_1973_is_refused_as_one_of_a_wrong_unit(value: object) -> None:
    with pytest.raises(InputError, match="before 1973-03-03: send Unix milliseconds"):
        milliseconds(value)
