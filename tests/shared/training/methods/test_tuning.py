"""What each method writes: the parts of a bundle, read back by others than wrote them."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.bundle import Method
from shared.models.source import BackboneConfig, locate
from shared.models.tasks import TaskKind
from shared.training.methods.full import Full
from shared.training.methods.model import TunedModel
from shared.training.settings import FinetuneSettings
from tests.harness.models.encoders import write_encoder
from tests.shared.training import made
from tests.shared.training.methods.test_model import IDS, MASK, train_a_little

DATA = {"train": "a", "dev": "b"}


def _backbone(folder: Path) -> Backbone:
    config = BackboneConfig(source=str(folder), device="cpu", precision="float32")
    return Backbone.load(config)


def _settings(**values: object) -> FinetuneSettings:
    return FinetuneSettings.model_validate({"task": "t", "data": DATA} | values)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_peft_reads_the_virtual_tokens(tmp_path: Path) -> None:
    tuned = made.tuned(Method.PROMPT)
    train_a_little(tuned)
    tuned.save(tmp_path, "tiny", tmp_path)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["num_virtual_tokens"]) == ("PROMPT_TUNING", 4)
    again = PeftModel.from_pretrained(made.encoder(), tmp_path / "adapter").eval()
    tuned.eval()
    hidden = again(input_ids=IDS, attention_mask=MASK).last_hidden_state[:, 4:]
    found = tuned({"input_ids": IDS, "attention_mask": MASK, "token_type_ids": 0 * IDS})
    assert torch.allclose(found, hidden, atol=1e-6)


def test_virtual_tokens_begin_as_words() -> None:
    (prompt,) = made.tuned(Method.PROMPT).tensors().values()
    words = made.encoder().embeddings.word_embeddings.weight
    assert all(any(torch.equal(token, word) for word in words) for token in prompt)


@pytest.mark.parametrize("architecture", ["bert", "mpnet", "modernbert"])
def test_a_full_bundle_holds_a_backbone(tmp_path: Path, architecture: str) -> None:
    source = write_encoder(tmp_path, architecture)
    backbone = _backbone(source)
    settings = _settings(method="full", kind="embed")
    model = TunedModel.on(backbone, settings, (), max_length=64)
    train_a_little(model)
    model.save(tmp_path / "bundle", backbone.name, backbone.folder)
    own = _backbone(tmp_path / "bundle" / "backbone")
    assert own.sha256 != backbone.sha256
    assert own.tokenizer_sha256 == backbone.tokenizer_sha256
    assert own.max_length == backbone.max_length
    model.eval()
    ids = torch.tensor([[101, 2054, 2003, 102]])
    mask = torch.ones_like(ids)
    hidden = own.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    expected = own.embed(own.pool(hidden, mask))
    assert torch.allclose(model(ids, mask), expected, atol=1e-6)


def test_a_full_bundle_of_the_embedded_backbone_has_no_more_than_it_needs(tmp_path: Path) -> None:
    backbone = _backbone(locate(BackboneConfig()).folder)
    Full(backbone.encoder).save(tmp_path, backbone.name, backbone.folder)
    names = {path.name for path in (tmp_path / "backbone").rglob("*") if path.is_file()}
    assert {"model.safetensors", "tokenizer.json", "modules.json", "config.json"} <= names
    assert "README.md" not in names
    # Nothing was trained: it is the same encoder, whatever its file looks like.
    own = _backbone(tmp_path / "backbone")
    for name, tensor in backbone.encoder.state_dict().items():
        assert torch.equal(own.encoder.state_dict()[name], tensor), name


def test_a_full_model_goes_out_and_in() -> None:
    model, other = (made.classifier(tuned_encoder=made.tuned(Method.FULL)) for _ in range(2))
    train_a_little(model)
    model.eval(), other.eval()
    assert not torch.equal(model(IDS, MASK), other(IDS, MASK))
    other.restore(model.tensors())
    assert torch.equal(model(IDS, MASK), other(IDS, MASK))
    with pytest.raises(ValueError, match="other weights"):
        other.tuned.restore({})
    assert not any("pooler" in name for name in model.tensors())


def test_a_frozen_encoder_has_no_dropout() -> None:
    model = made.classifier(tuned_encoder=made.tuned(Method.HEAD, dropout=0.5)).train()
    train_a_little(model)
    assert torch.equal(model(IDS, MASK), model(IDS, MASK))
    assert list(model.tensors()) == ["head.linear.weight", "head.linear.bias"]


def test_virtual_tokens_and_texts_fit_the_positions(tmp_path: Path) -> None:
    backbone = _backbone(write_encoder(tmp_path, "bert"))
    settings = _settings(method="prompt", prompt={"virtual_tokens": 17})
    with pytest.raises(ConfigError, match=r"17 and texts of 64 tokens.*set max_length=63"):
        TunedModel.on(backbone, settings, ("no", "yes"), max_length=64)
    model = TunedModel.on(backbone, settings, ("no", "yes"), max_length=63)
    assert (model.outputs, model.head and model.head.kind) == (2, TaskKind.CLASSIFY)
