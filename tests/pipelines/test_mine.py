import json
from pathlib import Path

import pytest

from pipelines.mine import main
from pipelines.pairs import main as pairs
from shared.training.data.candidates import Candidates, listed
from shared.training.tasks.embed.rows import judged_pairs
from tests.harness.models.encoders import write_encoder

PAIRS = [
    ("How do I block my card?", "Block a lost card in the application, under cards."),
    ("Where is my parcel?", "Parcels are followed with the number that we sent you."),
    ("My card was stolen", "Report a stolen card to us at once, day and night."),
    ("When do you open?", "Our branches open at nine in the morning."),
]


def _command(folder: Path, *more: str) -> list[str]:
    with (folder / "pairs.jsonl").open("w") as file:
        for query, positive in PAIRS:
            file.write(json.dumps({"query": query, "positive": positive}) + "\n")
    files = f"files={folder / 'pairs.jsonl'}"
    return ["--set", files, f"output={folder / 'mined' / 'hard.jsonl'}", *more]


def test_the_nearest_other_answers_are_the_negatives(tmp_path: Path) -> None:
    command = _command(
        tmp_path,
        "negatives=1",
        "max_similarity=2",
        "backbone.device=cpu",
        "backbone.precision=float32",
    )
    assert main(command) == 0
    lines = (tmp_path / "mined" / "hard.jsonl").read_text().splitlines()
    mined = [listed(json.loads(line))[0] for line in lines]
    # The two cards are near to each other.
    assert mined[0] == Candidates(PAIRS[0][0], (PAIRS[0][1],), (PAIRS[2][1],))
    assert mined[2].negatives == (PAIRS[0][1],)
    assert len(mined) == len(PAIRS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("output=hard.csv", "name it .jsonl"),
        ("files={path: pairs.jsonl, format: judged}", "format 'judged': embed reads plain"),
        ("negatives=9", "are wanted"),
    ],
)
def test_faults_are_told_and_nothing_is_written(
    change: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_command(tmp_path), change]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "mined").exists()


SAME = [
    ("怎么修改密码", "密码如何更改", 1),
    ("怎么修改密码", "怎么退货", 0),
    ("何时发货", "什么时候发货", 1),
    ("何时发货", "如何联系客服", 0),
]


def _judged(folder: Path, rows: list[tuple[str, str, int]]) -> list[str]:
    path = folder / "judged.jsonl"
    path.write_text("".join(json.dumps({"a": a, "b": b, "same": s}) + "\n" for a, b, s in rows))
    columns = "columns: {query: a, document: b, label: same}"
    return [
        "--set",
        f"files={{path: {path}, format: judged, {columns}}}",
        f"backbone.source={write_encoder(folder, 'bert')}",
        "backbone.device=cpu",
        "backbone.precision=float32",
    ]


def test_pairs_are_told_by_their_cosines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What is the same is the same text here, so that any embedding tells it.
    rows = [(a, a if s else b, s) for a, b, s in SAME] * 3

    assert pairs(_judged(tmp_path, rows)) == 0

    said = capsys.readouterr().err
    assert "embed@" in said
    assert "12 pairs, 6 the same; ROC AUC 1.0000" in said


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", "b", 1), ("c", "d", 1)], "all 2 pairs are judged alike"),
        ([("a", "b", 1), ("c", "d", 2)], "expected 1 (relevant) or 0"),
        ([("a", "", 1), ("c", "d", 0)], "'document'"),
    ],
)
def test_pairs_that_tell_nothing_are_refused(
    rows: list[tuple[str, str, int]],
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pairs(_judged(tmp_path, rows)) == 1
    assert reason in capsys.readouterr().err


def test_only_what_is_judged_the_same_teaches_an_embedding() -> None:
    rows = [{"query": a, "document": b, "label": s} for a, b, s in SAME]

    found = [each for row in rows for each in judged_pairs(row)]

    assert found == [Candidates(SAME[0][0], (SAME[0][1],)), Candidates(SAME[2][0], (SAME[2][1],))]
