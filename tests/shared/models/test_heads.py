from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.errors import ArtifactError
from shared.models.heads import (
    Head,
    head_outputs,
    load_head,
    save_head,
    sigmoid,
    softmax,
)
from shared.models.tag import bio_labels
from shared.models.tasks import Float32s, TaskKind

KINDS = [
    (TaskKind.CLASSIFY, ("a", "b", "c"), 3),
    (TaskKind.TAG, ("PER", "LOC"), 5),
    (TaskKind.SPAN, (), 2),
    (TaskKind.SCORE, (), 1),
]
LOGITS = hnp.arrays(np.float32, (3, 4), elements=st.floats(-80, 80, width=32))


@pytest.mark.parametrize(("kind", "labels", "outputs"), KINDS)
def test_a_head_is_read_back_as_it_was_written(
    tmp_path: Path, kind: TaskKind, labels: tuple[str, ...], outputs: int
) -> None:
    head = Head(kind, 8, labels)
    save_head(head, tmp_path / "head.safetensors")
    states = torch.randn(2, 5, 8)
    again = load_head(tmp_path / "head.safetensors", kind, 8, labels)
    assert head(states).shape == (2, 5, outputs)
    torch.testing.assert_close(again(states), head(states))


def test_a_head_for_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    save_head(Head(TaskKind.CLASSIFY, 8, ("a", "b")), path)
    for width, labels in ((9, ("a", "b")), (8, ("a", "b", "c"))):
        with pytest.raises(ArtifactError, match="is not a classify head"):
            load_head(path, TaskKind.CLASSIFY, width, labels)
    path.write_bytes(b"corrupt")
    with pytest.raises(ArtifactError, match="is not a classify head"):
        load_head(path, TaskKind.CLASSIFY, 8, ("a", "b"))


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    head = Head(TaskKind.SCORE, 8)
    torch.nn.init.constant_(head.linear.bias, float("nan"))
    save_head(head, tmp_path / "head.safetensors")
    with pytest.raises(ArtifactError, match="not finite"):
        load_head(tmp_path / "head.safetensors", TaskKind.SCORE, 8, ())


def test_the_outputs_of_a_tag_head_are_in_a_fixed_order() -> None:
    assert bio_labels(("PER", "LOC")) == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def test_embed_has_no_head() -> None:
    with pytest.raises(ValueError, match="no head"):
        head_outputs(TaskKind.EMBED, ())


@given(LOGITS, st.floats(0.1, 10))
def test_softmax_and_sigmoid_equal_torch(logits: Float32s, temperature: float) -> None:
    scaled = torch.from_numpy(logits).double() / temperature
    np.testing.assert_allclose(softmax(logits, temperature), scaled.softmax(-1), atol=1e-5)
    np.testing.assert_allclose(sigmoid(logits, temperature), scaled.sigmoid(), atol=1e-5)
    assert softmax(logits, temperature).dtype == np.float32
