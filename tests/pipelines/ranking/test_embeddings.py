from pathlib import Path

import numpy as np

from pipelines.ranking.embeddings import embedded


def test_vectors_are_made_once_and_unit_and_an_empty_text_has_none(tmp_path: Path) -> None:
    texts = ["a red bicycle", "", "a bike in red", "quarterly earnings"]
    vectors = embedded(texts, tmp_path)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1], atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3]
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(embedded(texts, tmp_path), vectors)
    assert kept.stat().st_mtime_ns == written
