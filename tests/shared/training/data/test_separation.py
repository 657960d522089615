"""Four parts that share nothing, made of rows that do."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.training.data.candidates import Candidates
from shared.training.data.examples import AnyExample
from shared.training.data.overlaps import overlaps
from shared.training.data.separation import (
    Parted,
    PlacedRow,
    keep_learnable,
    leave_out,
    move_together,
    tell_sizes,
)
from shared.training.data.sets import ReadSets
from shared.training.data.settings import SetPart
from shared.training.settings import FinetuneSettings
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.span.rows import Question
from shared.training.tasks.training_data import check_data, read_data

TRAIN, CHOICE, CALIBRATION, GATE = (
    SetPart.TRAIN,
    SetPart.CHOICE,
    SetPart.CALIBRATION,
    SetPart.GATE,
)
SPLIT = {"by": "text_hash", "choice": 0.1, "calibration": 0.1, "gate": 0.15}
WORDS = (
    "card",
    "pin",
    "rate",
    "fee",
    "loan",
    "bank",
    "cash",
    "limit",
    "code",
    "app",
    "letter",
    "year",
)


def rows(*examples: tuple[str, str], groups: str = "") -> list[PlacedRow[Example]]:
    """Rows of (text, label), whose keys are in order."""
    return [
        PlacedRow(Example(text, label), index / 100, groups[index : index + 1] or None)
        for index, (text, label) in enumerate(examples)
    ]


def parted(**parts: list[PlacedRow[Example]]) -> Parted[Example]:
    return Parted({part: parts.get(part, []) for part in (TRAIN, CHOICE, CALIBRATION, GATE)})


def texts_of(parted: Parted[Example], part: SetPart) -> list[str]:
    return [str(row.example.text) for row in parted.parts[part]]


def test_a_class_keeps_two_rows_in_train_the_nearest_ones() -> None:
    given = rows(("one", "a"), ("two", "a"), ("three", "b"), ("four", "c"), ("five", "c"))
    parts, notes = keep_learnable(given, [TRAIN, TRAIN, TRAIN, GATE, GATE])
    assert parts == [TRAIN] * 5
    assert notes == ["'c' has 2 rows in all: 2 in train, 2 of these in spite of the split"]
    several = rows(("x", "a"), ("y", "a"), *((f"{i}", "b") for i in range(4)))
    parts, _ = keep_learnable(several, [TRAIN, TRAIN, CHOICE, GATE, GATE, GATE])
    assert parts == [TRAIN, TRAIN, TRAIN, TRAIN, GATE, GATE]


def test_rows_of_one_key_move_together() -> None:
    given = [PlacedRow(Example("Yes", "b"), 0.9), PlacedRow(Example("yes!", "a"), 0.9)]
    given += [PlacedRow(Example(f"n {i}", "a"), 0.1) for i in range(3)]
    parts, _ = keep_learnable(given, [GATE, GATE, TRAIN, TRAIN, TRAIN])
    assert parts == [TRAIN] * 5


def test_what_repeats_a_row_follows_it_through_others() -> None:
    first = "where is the card that you have sent to me by post last week"
    second = first.replace("last week", "last weeks")
    third = second.replace("where is", "where's")
    given = rows((first, "a"), (second, "a"), (third, "a"), ("something else", "b"))
    parts, notes = move_together(given, [TRAIN, GATE, CALIBRATION, GATE], 0.85)
    assert parts == [TRAIN, TRAIN, TRAIN, GATE]
    assert notes == [
        "1 of calibration, 1 of gate repeat rows of an earlier part, exactly or nearly: they were "
        "moved to it"
    ]
    assert move_together(given, parts, 0.85) == (parts, [])


def test_files_lose_what_a_later_part_has() -> None:
    given = parted(
        train=rows(("where is my card", "a"), ("alone", "b"), ("in choice", "b")),
        choice=rows(("in choice", "b"), ("of the gate!", "a")),
        gate=rows(("Where is my card?", "a"), ("of the gate", "a"), ("judged", "b")),
    )
    kept = leave_out(given, 0.8, judged=[Example("alone", "b"), Example("judged", "b")])
    assert texts_of(kept, TRAIN) == []
    assert texts_of(kept, CHOICE) == ["in choice"]
    assert texts_of(kept, GATE) == ["Where is my card?", "of the gate", "judged"]
    assert kept.notes == (
        "1 row of train left out: choice has their texts, exactly or nearly",
        "1 row of train left out: gate has their texts, exactly or nearly",
        "1 row of train left out: the frozen evaluation set has their texts, exactly or nearly",
        "1 row of choice left out: gate has their texts, exactly or nearly",
    )


def test_no_group_stands_in_two_parts() -> None:
    given = parted(
        train=rows(("one", "a"), ("two", "a"), ("three", "b"), groups="xyz"),
        calibration=rows(("four", "a"), ("five", "b"), groups="yw"),
        gate=rows(("six", "a"), groups="w"),
    )
    kept = leave_out(given, 0.8)
    assert texts_of(kept, TRAIN) == ["one", "three"]
    assert texts_of(kept, CALIBRATION) == ["four"]


def test_parts_that_are_too_small_are_told() -> None:
    said = tell_sizes(
        parted(
            train=rows(*((f"{i}", "abcdefgh"[i % 8]) for i in range(20))).copy(),
            choice=rows(("x", "a")),
            gate=rows(("y", "a")),
        ).parts
    )
    assert said == [
        "choice has 1 row: few to choose an epoch by",
        "no row is left for calibration: confidence is not calibrated (temperature 1)",
        "gate has 1 row: few to judge by: its intervals are wide",
        "gate has no row of 7 label(s), which nothing judges: 'b', 'c', 'd', 'e', 'f', ...",
    ]


def test_questions_share_no_passage_and_queries_no_answer() -> None:
    assert Question("when", "In 1755.").shared_texts() == ("In 1755.",)
    assert Candidates("q", ("yes",), ("no",)).shared_texts() == ("q", "yes")
    assert Example(("one", "two"), "a").shared_texts() == ("one\ntwo",)


def random_file(path: Path, seed: int) -> Counter[str]:
    """Classes with 2 to 5 rows, and some with more; the rows of each class."""
    generator = random.Random(seed)
    lines, counts = ["text,label"], Counter[str]()
    for number in range(generator.randint(2, 12)):
        label = f"class {number}"
        counts[label] = generator.choice([2, 3, 4, 5, 5, generator.randint(6, 40)])
        for _ in range(counts[label]):
            lines.append(f"{' '.join(generator.choices(WORDS, k=generator.randint(1, 9)))},{label}")
    path.write_text("\n".join(lines))
    return counts


def read(path: Path, judged: Sequence[AnyExample] = (), **data: object) -> ReadSets[AnyExample]:
    """The sets of a table as `banyan train` splits it, checked."""
    values = {"train": str(path), "split": SPLIT} | data
    settings = FinetuneSettings.model_validate(
        {"task": "t", "data": values, "state_dir": path.parent}
    )
    found = read_data(settings, judged)
    check_data(settings, found)
    return found


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_no_small_file_is_refused_because_of_the_split(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 10):
        counts = random_file(tmp_path / "rows.csv", seed)
        found = read(tmp_path / "rows.csv")
        parts = {name: [e for e in found.all()[name] if isinstance(e, Example)] for name in
                 ("train", "choice", "calibration", "gate") if name in found.all()}  # fmt: skip
        assert sum(map(len, parts.values())) == sum(counts.values())
        train = Counter(each.label for each in parts["train"])
        assert all(train[label] >= 2 for label in counts), (seed, counts, train)
        texts: dict[str, list[tuple[str, tuple[str, ...]]]] = {
            name: [(str(each.text), ()) for each in of_part] for name, of_part in parts.items()
        }
        leaks = [each for each in overlaps(texts, 0.8) if each.name != each.within]
        assert len(leaks) == len(parts) * (len(parts) - 1) // 2
        assert not any(each.exact + each.near for each in leaks), (seed, leaks)


def test_a_row_keeps_its_part_when_others_come(tmp_path: Path) -> None:
    """But for what repeats a new row."""
    lines = [f"{' '.join(random.Random(i).choices(WORDS, k=8))} {i},c{i % 7}" for i in range(400)]
    moved = 0
    before: dict[str, str] = {}
    for count in (300, 330, 400):
        (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines[:count]]))
        now = {
            str(each.text): name
            for name, examples in read(tmp_path / "rows.csv").all().items()
            for each in examples
            if isinstance(each, Example)
        }
        moved += sum(before[text] != now[text] for text in before)
        before = now
    assert len(before) == 400
    assert moved == 0


def test_groups_stay_whole_and_apart(tmp_path: Path) -> None:
    generator = random.Random(0)
    lines = ["text,label,company"]
    for company in range(40):
        for row in range(8):
            words = " ".join(generator.choices(WORDS, k=9))
            lines.append(f"{words} {company} {row},{'ab'[row % 2]},company {company}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    parts = read(tmp_path / "rows.csv", group="company").all()
    where = defaultdict(set)
    for name, examples in parts.items():
        for each in examples:
            assert isinstance(each, Example)
            where[str(each.text).split()[-2]].add(name)
    assert len(where) == 40
    assert all(len(names) == 1 for names in where.values())
    assert {name for names in where.values() for name in names} == set(parts)


def test_what_judges_the_task_already_is_not_learned_from(tmp_path: Path) -> None:
    lines = [f"{' '.join(random.Random(i).choices(WORDS, k=8))} {i},c{i % 2}" for i in range(90)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]))
    before = read(tmp_path / "rows.csv")
    judged = [*before.measured["gate"], before.train[0]]
    found = read(tmp_path / "rows.csv", judged)
    assert before.train[1:] == found.train
    assert found.measured["gate"] == before.measured["gate"]
    assert any("the frozen evaluation set has their texts" in note for note in found.notes)
