"""Vectors of an invented catalogue, whose neighbourhoods are those of real texts.

They are drawn, not embedded, since a million texts would take hours: departments, families
and topics are normal around the one above, items around their topic, all in the same directions
whose variance decays; topics differ in size. The shares of variance were chosen so that the
neighbourhoods are those of real texts, measured on 10,459 items of three catalogues (office
supplies, industrial goods and films; title and description by the platform's embedding):

                                                     real     drawn (as many)
    median cosine to the nearest                     0.68     0.76
    ... the 10th nearest                             0.53     0.60
    ... the 100th nearest                            0.41     0.41
    mean cosine of two items                         0.12     0.11
    effective dimension                                65       51
    recall@100 of 256 lists, 32 read                 0.94     0.95
    ... 64 read                                      0.99     0.98
"""

import numpy as np

from shared.ranking.arrays import Float32s, Int64s

WIDTH = 384

LEVELS = ((40, 0.2), (400, 0.25), (8_000, 0.2))
"""Departments, families and topics: how many, and each one's share of the variance."""

COMMON, ITEM = 0.1, 0.25
"""The shares of what all items have in common and of what is an item's own."""

DECAY, FLAT = 1.5, 10.0
"""The variance in direction i is (i + FLAT) ** -DECAY, up to a factor."""

_BLOCK_ROWS = 65_536


class Mixture:
    """Topics around which items are drawn."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        deviations = (np.arange(WIDTH) + FLAT) ** (-DECAY / 2)
        self._deviations: Float32s = (deviations / np.linalg.norm(deviations)).astype(np.float32)
        common = self._random.standard_normal((1, WIDTH)) * np.sqrt(COMMON / WIDTH)
        centres: Float32s = common.astype(np.float32)
        departments: Int64s = np.zeros(0, np.int64)
        for count, share in LEVELS:
            parents = self._members(len(centres), count)
            departments = departments[parents] if len(departments) else np.arange(count)
            centres = centres[parents] + self._normal(count, share)
        self._topics = centres
        self._departments = departments

    def draw(self, count: int) -> Float32s:
        """Unit vectors [count, WIDTH] of new items."""
        return self.draw_with_departments(count)[0]

    def draw_with_departments(self, count: int) -> tuple[Float32s, Int64s]:
        """Unit vectors [count, WIDTH] of new items, and the department of each."""
        topics = self._members(len(self._topics), count)
        vectors = self._normal(count, ITEM)
        for start in range(0, count, _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            vectors[block] += self._topics[topics[block]]
        return unit(vectors), self._departments[topics]

    def _members(self, groups: int, count: int) -> Int64s:
        weights = (np.arange(groups) + 3.0) ** -0.5
        return self._random.choice(groups, count, p=weights / weights.sum())

    def _normal(self, count: int, share: float) -> Float32s:
        drawn = self._random.standard_normal((count, WIDTH), dtype=np.float32)
        drawn *= self._deviations * np.float32(np.sqrt(share))
        return drawn


def unit(vectors: Float32s) -> Float32s:
    """The vectors, each of which is made as long as 1 in its place."""
    vectors /= np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, np.newaxis]
    return vectors
