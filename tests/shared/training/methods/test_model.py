import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from shared.models.bundle import Method
from shared.models.heads import Head, load_head
from shared.models.tasks import TaskKind
from shared.training.methods.lora import linear_layers, weaken, with_lora
from shared.training.methods.model import TunedModel
from shared.training.settings import LoraSettings
from tests.shared.training import made

IDS = torch.tensor([[5, 6, 7, 0], [8, 9, 10, 11]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])


def train_a_little(model: torch.nn.Module) -> None:
    """Gives everything that is trained other values."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)


def test_all_linear_is_every_layer_of_the_blocks() -> None:
    assert linear_layers(made.encoder()) == [
        "attention.output.dense",
        "attention.self.key",
        "attention.self.query",
        "attention.self.value",
        "intermediate.dense",
        "output.dense",
    ]
    adapted = [name for name in made.classifier().tensors() if name.endswith("lora_A.weight")]
    assert len(adapted) == 2 * 6
    assert not any("pooler" in name for name in adapted)


def test_tensors_go_out_and_in() -> None:
    model, other = made.classifier(), made.classifier()
    train_a_little(model)
    assert not torch.equal(model(IDS, MASK), other(IDS, MASK))
    other.restore(model.tensors())
    assert torch.equal(model(IDS, MASK), other(IDS, MASK))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_peft_reads_the_adapter(tmp_path: Path) -> None:
    lora = with_lora(made.encoder(), LoraSettings(rank=4, alpha=8, rslora=True))
    model = made.classifier(tuned_encoder=lora)
    train_a_little(model)
    model.save(tmp_path, "tiny", tmp_path)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (4, 8, True)
    again = PeftModel.from_pretrained(made.encoder(), tmp_path / "adapter")
    head = load_head(tmp_path / "head.safetensors", TaskKind.CLASSIFY, 16, ["a", "b", "c"])
    hidden = again(input_ids=IDS, attention_mask=MASK).last_hidden_state
    assert torch.allclose(head(made.mean_pool(hidden, MASK)), model(IDS, MASK), atol=1e-6)


def test_a_weaker_adapter_keeps_a_share_of_the_change_of_each_layer() -> None:
    lora = with_lora(made.encoder(), LoraSettings(rank=4, alpha=8))
    train_a_little(lora)
    before = {name: tensor.clone() for name, tensor in lora.tensors().items()}
    weaken(lora, 0.25)
    for name, tensor in lora.tensors().items():
        kept = 0.25 if "lora_B" in name else 1.0
        assert torch.equal(tensor, kept * before[name])


def test_a_tagger_gives_logits_for_each_token() -> None:
    head = Head(TaskKind.TAG, 16, ["entity"])
    model = TunedModel(made.tuned(Method.LORA), made.mean_pool, head, outputs=3, bfloat16=False)
    train_a_little(model)
    logits = model(IDS, MASK)
    assert logits.shape == (2, 4, 3)
    assert not torch.allclose(logits[1, 0], logits[1, 1])


def test_token_types_tell_the_texts_of_a_pair_apart() -> None:
    model = made.classifier()
    train_a_little(model)
    types = torch.tensor([[0, 0, 1, 0], [0, 0, 1, 1]])
    assert torch.equal(model(IDS, MASK), model(IDS, MASK, torch.zeros_like(types)))
    assert not torch.allclose(model(IDS, MASK), model(IDS, MASK, types))
