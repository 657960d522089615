from pathlib import Path

import pytest

from shared.config import Layer, resolve
from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.source import BackboneConfig
from shared.training.pretraining.scratch import ScratchSettings, write_scratch

SIZES = {"width": 16, "layers": 1, "heads": 2, "inner_width": 32, "max_length": 16}


def test_every_character_of_a_large_alphabet_is_a_piece(tmp_path: Path) -> None:
    characters = [chr(0x4E00 + i) for i in range(1500)]
    texts = ["".join(characters[i : i + 10]) for i in range(0, 1500, 10)]
    settings = resolve(
        ScratchSettings, Layer("test", SIZES | {"vocabulary": 2000, "least_frequency": 1})
    ).settings
    write_scratch(tmp_path / "made", settings, texts, seed=0)
    config = BackboneConfig(source=str(tmp_path / "made"), device="cpu")
    backbone = Backbone.load(config)
    assert backbone.tokenizer.get_vocab_size() == 1505
    assert all(backbone.tokenizer.token_to_id(each) is not None for each in characters)
    assert (backbone.width, backbone.max_length, backbone.pad_id) == (16, 16, 0)


def test_the_width_is_shared_by_the_heads() -> None:
    with pytest.raises(ConfigError, match="not a multiple of heads 3"):
        resolve(ScratchSettings, Layer("test", SIZES | {"heads": 3}))
