"""A large table of embeddings: read row by row from its file, it gives what it gives whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from shared.errors import ArtifactError
from shared.models.backbones.token_table import TokenTable, find_tensor, leave_large_table
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import load_from

NAME = "embeddings.word_embeddings.weight"


def written(root: Path, dtype: torch.dtype, name: str = NAME) -> torch.Tensor:
    table = torch.randn(5000, 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    save_file({name: table, "other": torch.ones(3)}, root / "model.safetensors")
    return table


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_rows_are_those_of_the_whole_table(
    tmp_path: Path, dtype: torch.dtype, precision: torch.dtype
) -> None:
    whole = nn.functional.embedding
    table = written(tmp_path, dtype, f"bert.{NAME}").to(precision)
    stored = find_tensor(tmp_path, NAME)
    assert stored is not None
    lookup = TokenTable(stored, precision)
    random = np.random.default_rng(2)
    for size in (1, 7, 3000):
        ids = torch.from_numpy(random.integers(0, 5000, (2, size)))
        assert torch.equal(lookup(ids), whole(ids, table))
    assert lookup.rows_read < 5000


def test_threads_read_rows_at_once(tmp_path: Path) -> None:
    table = written(tmp_path, torch.float32)
    stored = find_tensor(tmp_path, NAME)
    assert stored is not None
    lookup = TokenTable(stored, torch.float32)
    random = np.random.default_rng(3)
    asked = [torch.from_numpy(random.integers(0, 5000, (4, 50))) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for ids, found in zip(asked, pool.map(lookup, asked), strict=True):
            assert torch.equal(found, nn.functional.embedding(ids, table))
    assert lookup.rows_read == len(np.unique(np.stack([ids.numpy() for ids in asked])))


def test_the_table_of_an_encoder_is_left_and_nothing_changes(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path, "bert")
    ids = torch.arange(1, 41)[None]
    expected = load_from(folder).encoder(input_ids=ids).last_hidden_state
    backbone = load_from(folder)
    leave_large_table(backbone)
    encoder = cast(PreTrainedModel, backbone.encoder)
    assert isinstance(encoder.get_input_embeddings(), nn.Embedding)
    before = backbone.memory_bytes

    leave_large_table(backbone, large_bytes=1000)

    assert isinstance(encoder.get_input_embeddings(), TokenTable)
    assert backbone.memory_bytes == before - 30522 * 32 * 4
    found = backbone.encoder(input_ids=ids).last_hidden_state
    torch.testing.assert_close(found, expected)


def test_a_table_that_is_not_there_or_not_to_be_told_apart_is_not_found(tmp_path: Path) -> None:
    written(tmp_path, torch.float32)
    assert find_tensor(tmp_path, "embeddings.tok_embeddings.weight") is None
    save_file({f"a.{NAME}": torch.ones(2, 2)}, tmp_path / "more.safetensors")
    assert find_tensor(tmp_path, NAME) is None
    (tmp_path / "bad.safetensors").write_bytes(b"\x05\0\0\0\0\0\0\0{]")
    with pytest.raises(ArtifactError, match="cannot be read as safetensors"):
        find_tensor(tmp_path, NAME)
