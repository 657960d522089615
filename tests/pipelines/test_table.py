import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.finetune import main as finetune
from pipelines.table import TableSettings, columns_of, main
from services.cli.main import app
from shared.errors import InputError, NotFoundError
from shared.models.registry import open_registry
from shared.models.source import BackboneConfig, locate
from shared.training.evaluation.evaluating import evaluate
from shared.training.evaluation.settings import EvaluateSettings
from shared.training.publish.frozen import read_frozen
from shared.training.tasks.classify.examples import Example
from tests.harness.models.encoders import write_encoder

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
    with pytest.raises(InputError, match=r"not a \.csv"):
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


def _overrides(folder: Path) -> list[str]:
    """A tiny backbone, whose head alone learns for one epoch."""
    return [
        f"finetune.backbone.source={write_encoder(folder, 'bert')}",
        "finetune.backbone.precision=float32",
        "finetune.method=head",
        "finetune.optimisation.epochs=1",
        "finetune.tracking.tensorboard=false",
    ]


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_table_becomes_a_candidate_and_what_judges_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "var"
    given = {"table": rows_of(tmp_path / "rows.csv", 120), "task": "topics", "state_dir": state}

    assert main.start(None, [*_overrides(tmp_path)], given) == 0
    said = capsys.readouterr().err

    registry = open_registry(state / "models")
    bundle = registry.bundle(registry.resolve("topics", "candidate"))
    assert bundle.manifest.labels == ("c", "r")
    entry, examples = read_frozen(registry.root, "topics")
    assert entry.name == "held out of rows.csv"
    assert all(isinstance(example, Example) for example in examples)
    metrics = bundle.manifest.metrics
    assert metrics["gate.accuracy"].n == metrics["gate.ece"].n == len(examples) > 5
    assert metrics["choice.accuracy"].n != len(examples)
    assert "accuracy" not in metrics
    assert f"{len(examples)} held-out rows are its frozen evaluation set" in said
    data = state / "data" / "topics"
    assert f"\ndata: the report is {data / 'report.json'}\n" in said
    parts = {
        part: (data / f"{part}.jsonl").read_text().splitlines()
        for part in ("train", "choice", "calibration", "gate")
    }
    assert sum(map(len, parts.values())) == 120
    assert len(parts["gate"]) == len(examples)
    assert "data: gate has" in said
    card = (bundle.folder / "README.md").read_text()
    assert f"fitted on calibration ({len(parts['calibration'])} examples). gate decided" in card
    assert bundle.manifest.calibration.temperature != 1.0

    # The configuration makes it again, with more rows, and is judged by the same ones as before.
    config = state / "tables" / "topics" / "finetune.yaml"
    rows_of(tmp_path / "rows.csv", 160)
    assert finetune(["--config", str(config)]) == 0
    said = capsys.readouterr().err
    assert "topics keeps its frozen evaluation set: held out of rows.csv" in said
    assert read_frozen(registry.root, "topics") == (entry, examples)
    # What judges the task is nowhere else, although it stands in the file.
    judged = {str(each.text) for each in examples if isinstance(each, Example)}
    for part in ("train", "choice", "calibration"):
        lines = (data / f"{part}.jsonl").read_text().splitlines()
        assert not judged & {json.loads(line)["text"] for line in lines}


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_the_gate_is_answered_as_the_card_says(tmp_path: Path) -> None:
    """With the temperature and the threshold that were fitted on calibration."""
    state = tmp_path / "var"
    given = {"table": rows_of(tmp_path / "rows.csv", 150), "task": "topics", "state_dir": state}
    rejection = ["finetune.rejection.label=c", "finetune.rejection.in_scope_accuracy=0.5"]
    overrides = _overrides(tmp_path)

    assert main.start(None, [*overrides, *rejection], given) == 0

    registry = open_registry(state / "models")
    bundle = registry.bundle(registry.resolve("topics", "candidate"))
    assert "and the threshold of rejection fitted on calibration (" in (
        bundle.folder / "README.md"
    ).read_text("utf-8")
    source = overrides[0].partition("=")[2]
    judging = EvaluateSettings.model_validate(
        {
            "bundle": bundle.id,
            "state_dir": state,
            "backbone": {"source": source, "precision": "float32"},
        }
    )
    for name, found in evaluate(judging).figures.items():
        of_card = bundle.manifest.metrics[f"gate.{name}"]
        assert found.n == of_card.n
        assert (found.value, found.low, found.high) == pytest.approx(
            (of_card.value, of_card.low, of_card.high), abs=1e-4
        )


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_file_that_is_too_small_is_trained_on_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two rows of each class: all of them are needed to learn from."""
    table = tmp_path / "rows.csv"
    table.write_text(
        "text,label\ncard lost,c\nwhere is my card,C\nrate of the loan,r\nwhat is a loan,r\n"
        "a card please,c\nsend the card,C\n"
    )
    given = {"table": table, "task": "topics", "state_dir": tmp_path / "var"}

    assert main.start(None, [*_overrides(tmp_path)], given) == 0

    said = capsys.readouterr().err
    for line in (
        "'c' has 2 rows in all: 2 in train, ",
        "no row is left for choice: the epoch is chosen on train, which says nothing of other",
        "no row is left for calibration: confidence is not calibrated (temperature 1)",
        "no row is left for gate: nothing judges the model",
        "'C' (2 rows, such as 'where is my card'; see rows.csv:3, rows.csv:7) and "
        "'c' (2 rows, such as 'card lost'; see rows.csv:2, rows.csv:6) are separate labels that "
        "differ in writing alone",
    ):
        assert line in said
    registry = open_registry(tmp_path / "var" / "models")
    manifest = registry.bundle(registry.resolve("topics", "candidate")).manifest
    assert (manifest.labels, manifest.metrics) == (("C", "c", "r"), {})
    assert manifest.calibration.temperature == 1.0
    with pytest.raises(NotFoundError, match="no frozen evaluation set"):
        read_frozen(registry.root, "topics")


def test_a_class_of_one_row_is_refused_with_what_is_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("text,label\na,c\nb,c\nd,r\n")
    given = {"table": table, "task": "topics", "state_dir": tmp_path / "var"}
    assert main.start(None, [*_overrides(tmp_path)], given) == 1
    assert "label 'r' has 1 example, and 0 in the other sets: give train at least 2" in (
        capsys.readouterr().err
    )


NEWS_TASK = "finance-sentiment-zh"
Banyan = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random encoder: this says nothing of quality."""
    return write_encoder(tmp_path / "zh", "bert")


@pytest.fixture
def banyan(tmp_path: Path, folder: Path) -> Banyan:
    environ = {
        "BANYAN_STATE_DIR": str(tmp_path / "var"),
        "BANYAN_BACKBONE__BACKBONES__ZH__SOURCE": str(folder),
        "COLUMNS": "200",
    }

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=environ)

    return run


def write_news(path: Path) -> Path:
    """Rows in which one character says all, so that few epochs learn it, in GB18030."""
    chosen = random.Random(3)
    rows = ["标题,标签"]
    for number in range(120):
        noise = "".join(chosen.choices("公司年报净利股东大会决议项目中标生产线产能", k=12))
        word, label = (("涨", "positive"), ("跌", "negative"))[number % 2]
        rows.append(f"{noise}{word}{number},{label}")
    path.write_bytes("\n".join(rows).encode("gb18030"))
    return path


@pytest.mark.usefixtures("without_ray")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_chinese_table_is_trained_and_promoted_on_its_backbone(
    banyan: Banyan, folder: Path, tmp_path: Path
) -> None:
    news = write_news(tmp_path / "news.csv")
    quick = ["optimisation.epochs=1", "tracking.tensorboard=false", "method=head"]
    settings = [word for one in quick for word in ("--set", one)]

    trained = banyan("train", str(news), "--task", NEWS_TASK, "--backbone", "zh", *settings)
    registry = open_registry(tmp_path / "var" / "models")
    assert trained.exit_code == 0, trained.output
    bundle = registry.bundle(registry.resolve(NEWS_TASK, "candidate"))
    assert bundle.manifest.backbone.sha256 == locate(BackboneConfig(source=str(folder))).sha256
    assert set(bundle.manifest.labels) == {"negative", "positive"}

    evaluated = banyan("evaluate", NEWS_TASK)
    gates = [
        f"gates.{each}"
        for each in ("floor=0", "class_floor=0", "max_ece=1", "max_latency_ratio=99")
    ]
    promoted = banyan("promote", NEWS_TASK, *[word for one in gates for word in ("--set", one)])

    assert evaluated.exit_code == 0, evaluated.output
    assert promoted.exit_code == 0, promoted.output
    assert registry.resolve(NEWS_TASK) == bundle.id


def test_a_backbone_that_the_deployment_lacks_is_said(banyan: Banyan, tmp_path: Path) -> None:
    news = write_news(tmp_path / "news.csv")

    done = banyan("train", str(news), "--task", NEWS_TASK, "--backbone", "ja")

    assert done.exit_code == 1
    assert "--backbone ja: the deployment has no such further backbone (it has zh)" in done.stderr
    assert "banyan backbone fetch multilingual-e5-small" in done.stderr
