import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.training.loop.batching import epoch_batches, shard, sorted_batches

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=200).map(np.array)


@given(LENGTHS, st.integers(40, 300), st.integers(0, 99), st.integers(0, 9))
def test_an_epoch_holds_every_example_once(
    lengths: np.ndarray,
    max_tokens: int,
    seed: int,
    epoch: int,
) -> None:
    batches = epoch_batches(lengths, max_tokens=max_tokens, seed=seed, epoch=epoch)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * lengths[batch].max() <= max_tokens


@given(LENGTHS, st.integers(1, 5))
def test_workers_share_a_batch(lengths: np.ndarray, world: int) -> None:
    batch = np.arange(len(lengths))
    shards = [shard(batch, rank, world) for rank in range(world)]
    counted = np.concatenate([one.indices for one in shards if one.counts])
    assert sorted(counted) == list(batch)
    assert all(len(one.indices) for one in shards)
    sizes = [len(one.indices) for one in shards]
    assert max(sizes) - min(sizes) <= 1


def test_order_is_a_function_of_seed_and_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, 500)

    def plan(seed: int, epoch: int) -> list[list[int]]:
        batches = epoch_batches(lengths, max_tokens=200, seed=seed, epoch=epoch)
        return [batch.tolist() for batch in batches]

    assert plan(1, 0) == plan(1, 0)
    assert plan(1, 0) != plan(1, 1)
    assert plan(1, 0) != plan(2, 0)


def test_sorting_saves_padding() -> None:
    lengths = np.random.default_rng(0).integers(2, 60, 4_000)
    batches = epoch_batches(lengths, max_tokens=2_048, seed=0, epoch=0)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.9


def test_a_long_example_is_a_batch_of_its_own() -> None:
    batches = sorted_batches(np.array([3, 100, 3]), np.arange(3), max_tokens=10)
    assert [batch.tolist() for batch in batches] == [[0, 2], [1]]
