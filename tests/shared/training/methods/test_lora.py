from pathlib import Path

import pytest
from safetensors.torch import load_file

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.bundle import ADAPTER_WEIGHTS_FILE
from shared.models.registry import SHIPPED
from shared.models.source import BackboneConfig
from shared.training.methods.lora import begin_with, with_lora
from shared.training.settings import LoraSettings

READER = next((SHIPPED / "support-reader").iterdir())
SETTINGS = LoraSettings(rank=32, alpha=64)


def _backbone() -> Backbone:
    return Backbone.load(BackboneConfig(device="cpu", precision="float32"))


def test_training_begins_with_what_another_adapter_has_learned() -> None:
    backbone = _backbone()
    adapted = with_lora(backbone.encoder, SETTINGS)
    begin_with(adapted, READER, backbone, SETTINGS)
    learned = load_file(READER / ADAPTER_WEIGHTS_FILE)
    tensors = adapted.tensors()
    assert tensors.keys() == learned.keys()
    assert all(tensors[name].equal(learned[name]) for name in learned)


@pytest.mark.parametrize(
    "settings",
    [LoraSettings(rank=8, alpha=64), LoraSettings(rank=32, alpha=32)],
    ids=["rank", "scaling"],
)
def test_an_adapter_of_another_shape_is_refused(settings: LoraSettings) -> None:
    backbone = _backbone()
    with pytest.raises(ConfigError, match="another rank, scaling or other layers"):
        begin_with(with_lora(backbone.encoder, settings), READER, backbone, settings)


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    backbone = _backbone()
    with pytest.raises(Exception, match="manifest"):
        begin_with(with_lora(backbone.encoder, SETTINGS), tmp_path, backbone, SETTINGS)
