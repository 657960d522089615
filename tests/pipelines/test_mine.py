import json
from pathlib import Path

import pytest

from pipelines.mine import main
from shared.training.data.candidates import Candidates, listed

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
