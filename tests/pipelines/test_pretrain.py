"""Unlabelled texts make a backbone, on made Chinese and made English texts."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from pipelines.pretrain import pretrain
from pipelines.pretrain_settings import PretrainSettings
from shared.config import Layer, load, resolve
from shared.errors import ConfigError, ConflictError, InputError
from shared.models.backbone import Backbone
from shared.models.source import BackboneConfig, BackboneFiles, locate_folder
from shared.models.tokenization import TextTokenizer
from shared.training.loop.checkpoint import TrainingState
from shared.training.loop.loop import TrainingLoop
from shared.training.pretraining.simcse import embedder, twice
from tests.harness.interrupted import stopping_after
from tests.harness.models.encoders import write_encoder

THINGS = ["手机", "电脑", "衣服", "水果", "酒店"]
WORTH = ["很好", "很差", "便宜", "干净"]
SCRATCH = {
    "vocabulary": 150, "width": 16, "layers": 2, "heads": 2, "inner_width": 32, "max_length": 32,
    "least_frequency": 1,
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("one_thread")


def _texts(rows: int = 120) -> list[str]:
    generator = random.Random(0)
    return [
        f"这个{generator.choice(THINGS)}{generator.choice(WORTH)}，第{i}次买。" for i in range(rows)
    ]


def _settings(folder: Path, **values: object) -> PretrainSettings:
    file = folder / "texts.jsonl"
    file.write_text("\n".join(json.dumps({"text": text}) for text in _texts()))
    common = {
        "files": str(file),
        "output": str(folder / "made"),
        "backbone": {"device": "cpu", "precision": "float32"},
        "dev": 0.2,
        "optimisation": {
            "epochs": 3, "max_batch_tokens": 256, "encoder_learning_rate": 0.01,
        },
        "checkpoint": {"every_steps": 2},
        "state_dir": str(folder / "var"),
    }  # fmt: skip
    return resolve(PretrainSettings, Layer("test", common | values)).settings


def _pretrain(settings: PretrainSettings) -> BackboneFiles:
    return pretrain(settings, Console(quiet=True))


def _stopped(epochs: int) -> Callable[..., TrainingState]:
    run = TrainingLoop.run

    def stop(loop: TrainingLoop) -> TrainingState:
        return run(loop, stopping_after(epochs))

    return stop


def _interrupted(settings: PretrainSettings, patch: pytest.MonkeyPatch) -> None:
    """Starts a run that ends after two epochs, as a killed one would."""
    with patch.context() as only_here:
        only_here.setattr(TrainingLoop, "run", _stopped(2))
        with pytest.raises(InterruptedError):
            _pretrain(settings)
    assert not settings.output.exists()


def test_chinese_from_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(tmp_path, scratch=SCRATCH)
    _interrupted(settings, monkeypatch)
    (start,) = (tmp_path / "var" / "training").glob("*/start")
    begun = locate_folder(start, "begun")
    written = _pretrain(settings)
    assert written.sha256 != begun.sha256
    assert written.tokenizer_sha256 == begun.tokenizer_sha256
    backbone = Backbone.load(BackboneConfig(source=str(written.folder), device="cpu"))
    # Chinese characters are separate pieces, and known.
    assert backbone.tokenizer.encode("电脑便宜").tokens[1:-1] == ["电", "脑", "便", "宜"]
    assert (backbone.max_length, backbone.pooled_width) == (32, 16)
    assert not list((tmp_path / "var" / "training").iterdir())


@pytest.mark.parametrize("objective", ["masked", "simcse"])
def test_an_interruption_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str
) -> None:
    source = {"source": str(write_encoder(tmp_path, "bert")), "device": "cpu"}
    common = {"objective": objective, "backbone": source | {"precision": "float32"}}
    whole = _pretrain(_settings(tmp_path, **common))
    again = _settings(tmp_path, **common, output=str(tmp_path / "again"))
    _interrupted(again, monkeypatch)
    assert _pretrain(again).sha256 == whole.sha256


def test_a_backbone_is_adapted_and_keeps_its_pooling_and_tokenizer(tmp_path: Path) -> None:
    source = write_encoder(tmp_path, "bert", pooling="cls")
    settings = _settings(
        tmp_path, backbone={"source": str(source), "device": "cpu", "precision": "float32"}
    )
    written = _pretrain(settings)
    before = Backbone.load(BackboneConfig(source=str(source), device="cpu"))
    after = Backbone.load(BackboneConfig(source=str(written.folder), device="cpu"))
    assert after.sha256 != before.sha256
    assert after.tokenizer_sha256 == before.tokenizer_sha256
    assert after.embedding_width == before.embedding_width
    hidden, mask = torch.randn(2, 5, 32), torch.ones(2, 5, dtype=torch.int64)
    assert torch.equal(after.pool(hidden, mask), hidden[:, 0])
    with pytest.raises(ConflictError, match="exists already"):
        _pretrain(settings)


def test_simcse_reads_a_text_in_two_ways_and_learns(tmp_path: Path) -> None:
    source = write_encoder(tmp_path, "bert")
    config = {"source": str(source), "device": "cpu", "precision": "float32"}
    backbone = Backbone.load(BackboneConfig.model_validate(config))
    tokenizer = TextTokenizer(backbone.tokenizer, 32, token_types=False)
    arrays = twice(tokenizer, ["one text", "another text"])
    ids, mask = map(torch.from_numpy, arrays.padded(arrays.rows_of(torch.arange(2).numpy()), 0))
    model = embedder(backbone)
    assert torch.equal(ids[0], ids[1])
    model.eval()
    torch.testing.assert_close(*model(ids, mask)[:2])
    model.train()
    first, second = model(ids, mask)[:2]
    assert not torch.allclose(first, second)
    written = _pretrain(_settings(tmp_path, backbone=config, objective="simcse"))
    assert written.sha256 != backbone.sha256


def test_without_dropout_there_are_no_two_ways(tmp_path: Path) -> None:
    source = write_encoder(tmp_path, "bert")
    config = source / "config.json"
    config.write_text(
        config.read_text()
        .replace('"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.0')
        .replace('"attention_probs_dropout_prob": 0.1', '"attention_probs_dropout_prob": 0.0')
    )
    settings = _settings(tmp_path, backbone={"source": str(source)}, objective="simcse")
    with pytest.raises(ConfigError, match="no dropout"):
        _pretrain(settings)
    assert not settings.output.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"objective": "simcse", "scratch": SCRATCH}, "random weights learn words first"),
        ({"backbone": {"source": "./other"}, "scratch": SCRATCH}, "leave one of the two out"),
        ({"optimisation": {"seeds": [0, 1]}}, "run once for each"),
        ({"scratch": {"width": 10, "heads": 4}}, "not a multiple of heads"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        _settings(tmp_path, **change)


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    Path(settings.files[0].path).write_text('{"text": "one"}\n{"text": "one"}\n')
    with pytest.raises(InputError, match="1 different texts"):
        _pretrain(settings)


def test_the_configuration_for_chinese_is_valid() -> None:
    path = Path("pipelines/configs/pretrain_chinese.yaml")
    settings = load(PretrainSettings, environ={}, section="pretrain", file=path).settings
    assert settings.scratch is not None
    assert settings.optimisation.epochs == 3
