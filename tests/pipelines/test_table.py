import random
from pathlib import Path

import pytest

from pipelines.finetune import main as finetune
from pipelines.judging.frozen import read_frozen
from pipelines.table import TableSettings, columns_of, main
from shared.errors import InputError
from shared.models.registry import Registry
from shared.training.examples import Example
from tests.shared.models.encoders import write_encoder

ROWS = "I lost my card,card\nwhere is my card,card\nI forgot the code,pin\n"


def settings(tmp_path: Path, content: str, **given: str) -> TableSettings:
    table = tmp_path / "table.csv"
    table.write_text(content)
    return TableSettings.model_validate({"table": table, "task": "topics", **given})


@pytest.mark.parametrize(
    ("head", "given", "expected"),
    [
        ("text,label", {}, ("text", "label")),
        ("question,topic", {}, ("question", "topic")),
        ("label,text", {}, ("text", "label")),
        ("question,label", {}, ("question", "label")),
        ("text,topic", {}, ("text", "topic")),
        ("a,b", {"text": "b"}, ("b", "a")),
        ("a,b", {"text": "x", "label": "y"}, ("x", "y")),
    ],
)
def test_two_columns_tell_which_they_are(
    tmp_path: Path, head: str, given: dict[str, str], expected: tuple[str, str]
) -> None:
    assert columns_of(settings(tmp_path, f"{head}\n{ROWS}", **given)) == expected


def test_more_columns_must_be_named(tmp_path: Path) -> None:
    rows = "a,b,c\n1,2,3\n"
    with pytest.raises(InputError, match=r"the columns 'a', 'b', 'c'.*--text and --label"):
        columns_of(settings(tmp_path, rows))
    assert columns_of(settings(tmp_path, rows, text="a", label="c")) == ("a", "c")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    gone = TableSettings(table=tmp_path / "none.csv", task="topics")
    with pytest.raises(InputError, match="cannot be read"):
        columns_of(gone)
    lines = TableSettings(table=tmp_path / "rows.jsonl", task="topics")
    with pytest.raises(InputError, match=r"no \.csv"):
        columns_of(lines)


def rows_of(path: Path, rows: int) -> Path:
    """Texts whose class is a word in them."""
    generator = random.Random(0)
    lines = ["question,topic"]
    for i in range(rows):
        words = [("card", "rate")[i % 2], *generator.choices(["my", "the", "a", "is"], k=6)]
        generator.shuffle(words)
        lines.append(f"{' '.join(words)},{('c', 'r')[i % 2]}")
    path.write_text("\n".join(lines))
    return path


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_table_becomes_a_candidate_and_what_judges_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone = write_encoder(tmp_path, "bert")
    state = tmp_path / "var"
    over = [
        f"finetune.backbone.source={backbone}", "finetune.backbone.precision=float32",
        "finetune.method=head", "finetune.optimisation.epochs=1",
        "finetune.tracking.tensorboard=false",
    ]  # fmt: skip
    given = {"table": rows_of(tmp_path / "rows.csv", 120), "task": "topics", "state_dir": state}

    assert main(["--set", *over], given) == 0
    said = capsys.readouterr().err

    registry = Registry(state / "models")
    bundle = registry.bundle(registry.resolve("topics", "candidate"))
    assert bundle.manifest.labels == ("c", "r")
    entry, examples = read_frozen(registry.root, "topics")
    assert entry.name == "held out of rows.csv"
    assert all(isinstance(example, Example) for example in examples)
    assert bundle.manifest.metrics["test.accuracy"].n == len(examples) > 5
    assert f"{len(examples)} held-out rows are its frozen evaluation set" in said
    data = state / "data" / "topics"
    assert f"\ndata: the report is {data / 'report.json'}\n" in said
    assert len((data / "test.jsonl").read_text().splitlines()) == len(examples)

    # The configuration makes it again, with more rows, and is judged by the same ones as before.
    config = state / "tables" / "topics" / "finetune.yaml"
    rows_of(tmp_path / "rows.csv", 160)
    assert finetune(["--config", str(config)]) == 0
    said = capsys.readouterr().err
    assert "topics keeps its frozen evaluation set: held out of rows.csv" in said
    assert read_frozen(registry.root, "topics") == (entry, examples)
