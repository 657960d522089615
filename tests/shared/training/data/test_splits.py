"""Each row has one part, and it keeps it."""

from datetime import UTC, date, datetime

import pytest

from shared.errors import InputError
from shared.training.data.reading import RowError
from shared.training.data.settings import FieldSplit, SetPart, TextHashSplit, TimeSplit
from shared.training.data.splits import hash_place, key_reader, parts_of_keys


def test_by_field() -> None:
    split = FieldSplit(by="field", column="fold", dev=("val",))
    read = key_reader(split, "text")
    keys = [read({"fold": fold}) for fold in ("train", "val", "test")]
    assert parts_of_keys(split, keys) == [SetPart.TRAIN, SetPart.DEV, SetPart.TEST]
    with pytest.raises(RowError, match="'fold' is 'dev': expected one of train, val, test"):
        read({"fold": "dev"})


def test_by_text_hash_is_for_good() -> None:
    split = TextHashSplit(by="text_hash", dev=0.2, test=0.1)
    read = key_reader(split, "text")
    texts = [f"text number {i}" for i in range(3000)]
    parts = parts_of_keys(split, [read({"text": text}) for text in texts])
    shares = [parts.count(part) / len(parts) for part in (SetPart.TRAIN, SetPart.DEV, SetPart.TEST)]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    later = parts_of_keys(split, [read({"text": text}) for text in [*texts[1500:], "another"]])
    assert later[:-1] == parts[1500:]
    assert read({"text": "Where is it?"}) == read({"text": "where is  it"})
    # What users have is split by it: a change would move every row of theirs.
    assert hash_place("where is it") == 0.8081412309524695


def test_by_time_the_latest_are_test_and_a_moment_stays_together() -> None:
    split = TimeSplit(by="time", column="at", dev=0.3, test=0.2)
    read = key_reader(split, "text")
    keys = [read({"at": f"2024-01-{day:02}"}) for day in (1, 2, 3, 4, 5, 6, 6, 6, 9, 10)]
    parts = parts_of_keys(split, keys)
    assert parts == [SetPart.TRAIN] * 5 + [SetPart.DEV] * 3 + [SetPart.TEST] * 2


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-01",
        "2024-02-01T00:00:00Z",
        "2024-02-01T01:00:00+01:00",
        "1706745600",
        1706745600,
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 2, 1),
        date(2024, 2, 1),
    ],
)
def test_times_are_read_alike(value: object) -> None:
    assert key_reader(TimeSplit(by="time", column="at"), "text")({"at": value}) == 1706745600


@pytest.mark.parametrize("value", ["soon", None, True, float("nan"), "nan", "inf", [1]])
def test_what_is_no_time_is_a_bad_row(value: object) -> None:
    with pytest.raises(RowError, match="expected ISO 8601 or seconds"):
        key_reader(TimeSplit(by="time", column="at"), "text")({"at": value})


@pytest.mark.parametrize(("dev", "part"), [(0.1, "dev"), (0.5, "train")])
def test_an_empty_part_is_refused(dev: float, part: str) -> None:
    with pytest.raises(InputError, match=f"of 3 rows none is in {part}"):
        parts_of_keys(TimeSplit(by="time", column="at", dev=dev), [5.0, 5.0, 5.0])
