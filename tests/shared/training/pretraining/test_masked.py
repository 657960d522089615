from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.source import BackboneConfig
from shared.training.data.arrays import TokenArrays
from shared.training.pretraining.masked import (
    MASKED_METRIC,
    MaskedLoss,
    MaskedModel,
    judge_masked,
    mask_id,
    special_ids,
)
from tests.harness.models.encoders import write_encoder

RATE = 0.3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MaskedModel:
    folder = write_encoder(tmp_path_factory.mktemp("encoder"), "bert")
    config = BackboneConfig(source=str(folder), device="cpu", precision="float32")
    torch.manual_seed(0)
    return MaskedModel(Backbone.load(config), RATE)


def _rows() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of [CLS], ordinary tokens and [SEP]; the second one is padded."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(2000, 20000, (8, 30), generator=generator)
    ids[:, 0], ids[:, -1] = 101, 102
    mask = torch.ones_like(ids)
    ids[1, 10:], mask[1, 10:] = 0, 0
    return ids, mask


def test_training_hides_other_tokens_every_time_and_measuring_the_same(model: MaskedModel) -> None:
    ids, mask = _rows()
    outputs = {}
    for training in (True, False):
        model.train(training)
        torch.manual_seed(0)
        first, again = model(ids, mask).detach(), model(ids, mask).detach()
        torch.manual_seed(0)
        outputs[training] = (first, again, model(ids, mask).detach())
    first, again, repeated = outputs[True]
    assert not torch.equal(first, again)
    # By torch's random state alone, so that a resumed run hides the same.
    assert torch.equal(first, repeated)
    first, again, _ = outputs[False]
    assert torch.equal(first, again)
    assert first.shape == (8, 3)
    # 7 rows of 28 and one of 9 ordinary tokens.
    assert 0.5 * RATE < float(first[:, 1].sum()) / 205 < 1.5 * RATE
    # A model that knows nothing has about the loss of guessing any word.
    assert float(first[:, 0].sum() / first[:, 1].sum()) > 8


def test_no_special_token_is_hidden(model: MaskedModel) -> None:
    model.train()
    ids = torch.tensor([[101, 102, 0, 100, 103]])
    found = model(ids.repeat(50, 1), torch.ones((50, 5), dtype=torch.int64))
    assert float(found.detach().sum()) == 0
    torch.autograd.backward(found[:, 0].sum())


def test_the_encoder_learns_and_is_restored(model: MaskedModel) -> None:
    model.train()
    ids, mask = _rows()
    loss = MaskedLoss(RATE)
    arrays = TokenArrays.of(list(ids.numpy()), [0] * 8)
    rows = np.arange(8)
    assert loss.weight(arrays, rows) == pytest.approx(RATE * 240)
    total = loss.total(model(ids, mask), arrays, rows)
    torch.autograd.backward(total)
    without = {n for n, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert without == set()
    before = {name: tensor.clone() for name, tensor in model.tensors().items()}
    with torch.no_grad():
        for parameter in model.trainable():
            parameter.add_(1.0)
    model.restore(before)
    assert all(torch.equal(before[name], each) for name, each in model.tensors().items())
    assert any(name.startswith("head.") for name in before)


def test_figures() -> None:
    arrays = TokenArrays.of([[1], [2]], [0, 0])
    found = judge_masked(np.array([[6, 2, 1], [0, 0, 0]], np.float32), arrays)
    assert found == {MASKED_METRIC: -3.0, "accuracy": 0.5}


def test_a_tokenizer_without_a_mask_is_refused(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    assert list(special_ids(tokenizer)) == []
    with pytest.raises(ConfigError, match="objective=simcse"):
        mask_id(tokenizer)
