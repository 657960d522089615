"""Batches by a budget of tokens, from seeded permutations: pure functions that need no state.

Every worker computes the whole plan of an epoch from the lengths, the seed and the epoch's number
and takes its rows of each batch, so workers agree without a message, and a run resumes from two
numbers.
"""

from dataclasses import dataclass

import numpy as np

from shared.training.data.arrays import Int64s

_BATCHES_PER_BUCKET = 16


@dataclass(frozen=True, slots=True)
class Shard:
    """One worker's rows of a batch; with `counts` False they only keep the worker in step."""

    indices: Int64s
    counts: bool


def epoch_batches(lengths: Int64s, *, max_tokens: int, seed: int, epoch: int) -> list[Int64s]:
    """The batches of a training epoch, in order: every example stands in exactly one.

    A permutation is cut into buckets of about 16 batches; inside a bucket examples are sorted by
    length, which saves the padding, and the batches are then shuffled, which keeps the lengths of
    successive steps independent.
    """
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(lengths))
    rows = max(1, int(_BATCHES_PER_BUCKET * max_tokens / lengths.mean()))
    batches = [
        batch
        for start in range(0, len(order), rows)
        for batch in sorted_batches(lengths, order[start : start + rows], max_tokens)
    ]
    return [batches[i] for i in generator.permutation(len(batches))]


def sorted_batches(lengths: Int64s, indices: Int64s, max_tokens: int) -> list[Int64s]:
    """Cuts `indices`, the shortest example first, into batches of at most `max_tokens`.

    A batch costs its rows times its longest row, which is what the hardware computes. An example
    longer than the budget is a batch alone.
    """
    by_length = indices[np.argsort(lengths[indices], kind="stable")]
    batches = []
    start = 0
    for end in range(1, len(by_length) + 1):
        full = end < len(by_length) and (end - start + 1) * lengths[by_length[end]] > max_tokens
        if full or end == len(by_length):
            batches.append(by_length[start:end])
            start = end
    return batches


def shard(batch: Int64s, rank: int, world: int) -> Shard:
    """Every `world`-th row: workers get rows of about equal number and length.

    A worker for which no row is left gets the first one, which does not count: it must still
    take part in the exchange of gradients.
    """
    rows = batch[rank::world]
    return Shard(rows, True) if len(rows) else Shard(batch[:1], False)
