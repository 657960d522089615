"""The encoder over the embedded backbone, as the replica starts it."""

import asyncio
import os
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from services.backbone.config import BackboneSettings
from services.backbone.model import start_encoder
from shared.errors import TextTooLongError
from shared.models.source import EMBEDDED_SHA256, BackboneConfig
from shared.models.tasks import EmbedOutput, Float32s, Priority, TaskCall
from shared.serving.encoder import Encoder

TEXTS = [f"How do I {verb} my card{' again' * (i % 9)}?" for i, verb in enumerate(["use"] * 100)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoder]:
    # Another test of this process may have bounded them for a training.
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.pop(variable, None)
    interval_s, threads = sys.getswitchinterval(), torch.get_num_threads()
    encoder = start_encoder(
        BackboneSettings(
            state_dir=tmp_path_factory.mktemp("var"), backbone=BackboneConfig(precision="float32")
        )
    )
    yield encoder
    encoder.close()
    torch.set_num_threads(threads)
    sys.setswitchinterval(interval_s)


def test_the_kernels_that_are_kept_are_bounded(encoder: Encoder) -> None:
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "256"
    assert os.environ["LRU_CACHE_CAPACITY"] == "256"


async def vectors(encoder: Encoder, texts: list[str], priority: Priority) -> Float32s:
    (output,) = await encoder.encode([TaskCall("embed", texts)], app="test", priority=priority)
    assert isinstance(output, EmbedOutput)
    return output.vectors


def test_the_backbone_answers_as_embed(encoder: Encoder) -> None:
    assert encoder.faults == {}
    assert encoder.champions["embed"].manifest.backbone.sha256 == EMBEDDED_SHA256


async def test_texts_have_the_same_vectors_in_any_company(encoder: Encoder) -> None:
    """Bulk and interactive rows interleave between the layers; each text keeps its own vector."""
    together, *alone = await asyncio.gather(
        vectors(encoder, TEXTS, Priority.BULK),
        *(vectors(encoder, [text], Priority.INTERACTIVE) for text in TEXTS[:20]),
    )
    np.testing.assert_allclose(together[:20], np.concatenate(alone), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


async def test_a_long_text_is_refused_with_the_limit(encoder: Encoder) -> None:
    with pytest.raises(TextTooLongError, match="at most 256"):
        await vectors(encoder, ["word " * 300], Priority.INTERACTIVE)
