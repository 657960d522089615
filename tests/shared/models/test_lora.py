from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch import Tensor

from shared.errors import ArtifactError
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.engine import PaddedBatch, TorchEngine
from shared.models.lora import NO_ADAPTER, Adapter, Factors, RowAdapters, read_adapter
from shared.models.tasks import TaskKind
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import load_backbone, made_bundle, peft_model

_FLOAT32 = torch.float32
_CPU = torch.device("cpu")


def batch(rows: int, columns: int) -> PaddedBatch:
    """Random tokens, each row one token shorter than the one before."""
    generator = np.random.default_rng(0)
    ids = generator.integers(999, 20_000, (rows, columns))
    mask = (np.arange(columns)[None] < columns - np.arange(rows)[:, None] % 4).astype(np.int64)
    return PaddedBatch(ids * mask, mask, None)


def states_of(model: PeftModel, padded: PaddedBatch) -> Tensor:
    with torch.inference_mode():
        output = model(
            input_ids=torch.from_numpy(padded.input_ids),
            attention_mask=torch.from_numpy(padded.attention_mask),
        )
    states: Tensor = output.last_hidden_state
    return states


class Setting:
    """Three adapters of different ranks and layers in PEFT's models, and an engine with all."""

    def __init__(self, root: Path) -> None:
        self.engine = TorchEngine(load_backbone().encoder, _CPU, _FLOAT32)
        self.models: list[PeftModel] = []
        self.adapters: list[Adapter] = []
        for seed, rank, rslora, layers in (
            (1, 16, False, ("query", "key", "value", "dense")),
            (2, 4, True, ("query", "value")),
            (3, 8, False, ("output.dense",)),
        ):
            model = peft_model(load_backbone().encoder, seed, rank, rslora, layers)
            bundle = made_bundle(root, f"task-{seed}", TaskKind.EMBED, peft=model)
            self.models.append(model)
            self.adapters.append(self.engine.place(read_adapter(bundle.folder, self.engine.layers)))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(tmp_path_factory.mktemp("adapters"))


@pytest.mark.parametrize(
    ("columns", "which"),
    [
        (40, [0, 0, 0, 0, 0, 0]),
        (96, [-1, -1, 0, 0, 1, 1, 2, 2]),
        (9, [-1, -1, 0, 0, 1, 1, 2, 2]),
        (9, [2, -1, 0, 1, 0, 2, -1, 1]),
        (9, [-1, 1]),
        (5, [2]),
    ],
)
def test_every_row_has_the_states_that_peft_gives_it_alone(
    setting: Setting, columns: int, which: list[int]
) -> None:
    rows = len(which)
    padded = batch(rows, columns)
    plain = setting.engine.hidden_states(padded, [], np.full(rows, NO_ADAPTER))
    alone = {NO_ADAPTER: plain}
    for adapter in set(which) - {NO_ADAPTER}:
        alone[adapter] = states_of(setting.models[adapter], padded)
    states = setting.engine.hidden_states(padded, setting.adapters, np.array(which))
    mask = torch.from_numpy(padded.attention_mask).bool()
    for row, adapter in enumerate(which):
        own = mask[row]
        torch.testing.assert_close(states[row][own], alone[adapter][row][own], atol=1e-5, rtol=1e-5)
        if adapter != NO_ADAPTER:
            assert (states[row][own] - plain[row][own]).abs().max() > 1e-2


def test_both_ways_of_applying_adapters_agree() -> None:
    generator = torch.Generator().manual_seed(0)
    adapters = []
    for rank in (3, 5):
        a = torch.randn(7, rank, generator=generator)
        b = torch.randn(rank, 11, generator=generator)
        adapters.append(Adapter({"layer": Factors(a, b)}))
    rows = np.array([0, 0, NO_ADAPTER, 1, 0])
    for tokens in (2, 200):
        x = torch.randn(5, tokens, 7, generator=generator)
        out = torch.zeros(5, tokens, 11)
        RowAdapters(adapters, rows).add("layer", x, out)
        for row, adapter in enumerate(rows):
            expected = torch.zeros(tokens, 11)
            if adapter != NO_ADAPTER:
                factors = adapters[adapter].factors["layer"]
                expected = x[row] @ factors.a @ factors.b
            torch.testing.assert_close(out[row], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["roberta", "modernbert", "albert"])
def test_adapters_work_on_other_architectures(tmp_path: Path, architecture: str) -> None:
    config = BackboneConfig(
        source=str(write_encoder(tmp_path, architecture)), precision="float32", device="cpu"
    )
    layers = {
        "roberta": ("query", "dense"),
        "modernbert": ("Wqkv", "Wo", "Wi"),
        "albert": ("query", "ffn", "ffn_output"),
    }[architecture]
    model = peft_model(Backbone.load(config).encoder, 5, 4, layers=layers)
    bundle = made_bundle(tmp_path, "task", TaskKind.EMBED, peft=model)
    engine = TorchEngine(Backbone.load(config).encoder, _CPU, _FLOAT32)
    adapter = engine.place(read_adapter(bundle.folder, engine.layers))
    padded = batch(4, 12)
    states = engine.hidden_states(padded, [adapter], np.zeros(4, np.int64))
    mask = torch.from_numpy(padded.attention_mask).bool()
    expected = states_of(model, padded)
    torch.testing.assert_close(states[mask], expected[mask], atol=1e-5, rtol=1e-5)


def test_an_adapter_for_other_layers_is_refused(tmp_path: Path) -> None:
    model = peft_model(load_backbone().encoder, 1, 4, layers=("query",))
    folder = made_bundle(tmp_path, "task", TaskKind.EMBED, peft=model).folder
    with pytest.raises(ArtifactError, match="which is not a linear layer of this backbone"):
        read_adapter(folder, {})
    name = "encoder.layer.0.attention.self.query"
    with pytest.raises(ArtifactError, match="made for another backbone"):
        read_adapter(folder, {name: (16, 16)})


def test_an_adapter_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    model = peft_model(load_backbone().encoder, 1, 4, layers=("query",))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(parameter, float("inf"))
    folder = made_bundle(tmp_path, "task", TaskKind.EMBED, peft=model).folder
    layers = TorchEngine(load_backbone().encoder, _CPU, _FLOAT32).layers
    with pytest.raises(ArtifactError, match="not finite"):
        read_adapter(folder, layers)
