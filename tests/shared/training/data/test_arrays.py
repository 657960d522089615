from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.training.data.arrays import IGNORED, TokenArrays

SEQUENCES = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=7), min_size=1, max_size=12)


@given(SEQUENCES, st.data())
def test_padded_gives_the_sequences_back(sequences: list[list[int]], data: st.DataObject) -> None:
    arrays = TokenArrays.of(sequences, range(len(sequences)))
    some = data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=20))
    input_ids, attention_mask = arrays.padded(np.array(some), pad_id=0)
    assert input_ids.shape == attention_mask.shape
    assert input_ids.shape[1] == max(len(sequences[i]) for i in some)
    for row, mask, i in zip(input_ids, attention_mask, some, strict=True):
        assert row[mask == 1].tolist() == sequences[i]
        assert (row[mask == 0] == 0).all()


def test_survives_the_disk(tmp_path: Path) -> None:
    arrays = TokenArrays.of([[1, 2], [3]], [0, 1])
    arrays.save(tmp_path / "train.safetensors")
    again = TokenArrays.load(tmp_path / "train.safetensors")
    assert again.tokens.tolist() == [1, 2, 3]
    assert again.offsets.tolist() == [0, 2, 3]
    assert again.targets.tolist() == [0, 1]
    assert again.token_types is None
    assert again.teacher is None
    assert again.lengths.tolist() == [2, 1]


def test_targets_of_tokens_and_types_of_pairs(tmp_path: Path) -> None:
    types = [[0, 0, 1], [0, 1]]
    targets = [[IGNORED, 2, 1], [0, IGNORED]]
    TokenArrays.of([[4, 5, 6], [7, 8]], targets, types).save(tmp_path / "a.safetensors")
    arrays = TokenArrays.load(tmp_path / "a.safetensors")
    both = np.array([1, 0])
    assert arrays.padded_targets(both).tolist() == [[0, IGNORED, IGNORED], [IGNORED, 2, 1]]
    found = arrays.padded_types(both)
    assert found is not None
    assert found.tolist() == [[0, 1, 0], [0, 0, 1]]
    positions, present = arrays.token_positions(both)
    assert positions[present].tolist() == [3, 4, 0, 1, 2]


def test_what_a_teacher_gave_survives_the_disk(tmp_path: Path) -> None:
    arrays = replace(
        TokenArrays.of([[1, 2], [3]], [0, 1], rows_per_example=2),
        teacher=np.array([[0.1], [-7.25]], np.float32),
    )
    arrays.save(tmp_path / "train.safetensors")
    again = TokenArrays.load(tmp_path / "train.safetensors")
    assert again.teacher is not None
    assert again.teacher.dtype == np.float32
    assert np.array_equal(again.teacher, np.array([[0.1], [-7.25]], np.float32))
    assert again.rows_per_example == 2


def test_one_target_a_row() -> None:
    arrays = TokenArrays.of([[4, 5, 6], [7, 8]], [2, 1])
    assert arrays.padded_targets(np.array([1, 0, 1])).tolist() == [[1], [2], [1]]
    assert arrays.padded_types(np.array([0])) is None
