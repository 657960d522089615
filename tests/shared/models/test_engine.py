import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.models.engine import PaddedBatch, TorchEngine
from shared.models.lora import NO_ADAPTER, Adapter, Factors
from tests.harness.models.trained import load_backbone


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    return TorchEngine(load_backbone().encoder, torch.device("cpu"), torch.float32)


def batch(rows: int, columns: int, padding: int = 0) -> PaddedBatch:
    ids = np.arange(1000, 1000 + rows * columns).reshape(rows, columns)
    mask = np.ones((rows, columns), np.int64)
    mask[0, columns - padding :] = 0
    return PaddedBatch(ids, mask, np.zeros_like(ids))


def alone(engine: TorchEngine, padded: PaddedBatch) -> Tensor:
    rows = np.full(len(padded.input_ids), NO_ADAPTER, np.int64)
    return engine.hidden_states(padded, [], rows)


def adapter(engine: TorchEngine, scale: float) -> Adapter:
    """Rank one on every layer."""
    return Adapter(
        {
            name: Factors(torch.full((i, 1), scale / i), torch.ones(1, o))
            for name, (i, o) in engine.layers.items()
        }
    )


def test_padding_changes_no_state(engine: TorchEngine) -> None:
    padded = batch(2, 12, padding=5)
    short = PaddedBatch(padded.input_ids[:1, :7].copy(), padded.attention_mask[:1, :7].copy(), None)
    torch.testing.assert_close(
        alone(engine, padded)[0, :7], alone(engine, short)[0], atol=1e-5, rtol=1e-5
    )


def test_between_layers_is_called_before_each_linear_layer(engine: TorchEngine) -> None:
    calls: list[None] = []
    engine.hidden_states(
        batch(1, 4), [], np.array([NO_ADAPTER]), between_layers=lambda: calls.append(None)
    )
    assert len(calls) == len(engine.layers)


def test_a_pass_within_a_pass_changes_neither(engine: TorchEngine) -> None:
    outer, inner = batch(3, 20, padding=4), batch(2, 7)
    strong, weak = adapter(engine, 2.0), adapter(engine, 0.5)
    outer_rows, inner_rows = np.array([NO_ADAPTER, 0, 0]), np.array([0, 0])
    expected = engine.hidden_states(outer, [strong], outer_rows)
    expected_inner = engine.hidden_states(inner, [weak], inner_rows)
    found: list[Tensor] = []

    def run_inner() -> None:
        found.append(engine.hidden_states(inner, [weak], inner_rows))

    states = engine.hidden_states(outer, [strong], outer_rows, between_layers=run_inner)
    assert torch.equal(states, expected)
    assert len(found) == len(engine.layers)
    assert all(torch.equal(each, expected_inner) for each in found)


def test_a_failure_within_a_pass_leaves_the_engine_clean(engine: TorchEngine) -> None:
    expected = alone(engine, batch(2, 8))

    def fail() -> None:
        raise RuntimeError("inner")

    with pytest.raises(RuntimeError, match="inner"):
        engine.hidden_states(batch(2, 8), [adapter(engine, 2.0)], np.zeros(2, np.int64), fail)
    assert torch.equal(alone(engine, batch(2, 8)), expected)


def test_passes_of_several_threads_keep_their_adapters_apart(engine: TorchEngine) -> None:
    rows = np.zeros(2, np.int64)
    adapters = [adapter(engine, scale) for scale in (1.0, 2.0)]
    expected = [engine.hidden_states(batch(2, 8), [each], rows) for each in adapters]
    both_inside = threading.Barrier(2, timeout=60)

    def compute(each: Adapter) -> Tensor:
        waits = iter([both_inside.wait])

        def meet_once() -> None:
            for wait in waits:
                wait()

        return engine.hidden_states(batch(2, 8), [each], rows, meet_once)

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(compute, adapters))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
