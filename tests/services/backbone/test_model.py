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
from shared.config import load
from shared.errors import ConfigError, TextTooLongError
from shared.models.source import EMBEDDED_SHA256, BackboneConfig
from shared.models.tasks import EmbedOutput, Float32s, Priority, TaskCall
from shared.serving.encoder import Encoder
from tests.harness.models.encoders import write_encoder

TEXTS = [f"How do I {verb} my card{' again' * (i % 9)}?" for i, verb in enumerate(["use"] * 100)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoder]:
    further = write_encoder(tmp_path_factory.mktemp("further"), "bert")
    # Another test of this process may have bounded them for a training.
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.pop(variable, None)
    interval_s, threads = sys.getswitchinterval(), torch.get_num_threads()
    encoder = start_encoder(
        BackboneSettings(
            state_dir=tmp_path_factory.mktemp("var"),
            backbone=BackboneConfig(precision="float32"),
            backbones={"zh": BackboneConfig(source=str(further))},
        )
    )
    yield encoder
    encoder.close()
    torch.set_num_threads(threads)
    sys.setswitchinterval(interval_s)


def test_a_further_backbone_is_known_by_its_language_and_not_loaded(encoder: Encoder) -> None:
    english, chinese = encoder.backbones
    assert (english.language, english.name) == ("en", "all-MiniLM-L6-v2")
    assert (chinese.language, chinese.name, chinese.memory_bytes) == ("zh", "bert", None)
    assert encoder.champions["embed-zh"].manifest.backbone.name == "bert"


def test_backbones_are_set_by_their_language() -> None:
    environ = {"BANYAN_BACKBONE__BACKBONES__ZH__SOURCE": "./e5"}
    settings = load(BackboneSettings, environ=environ, section="backbone").settings
    assert settings.backbones == {"zh": BackboneConfig(source="./e5")}


@pytest.mark.parametrize(
    ("backbones", "reason"),
    [
        ({"en": {"source": "./e5"}}, "en is the language of the first backbone already"),
        ({"Zh": {"source": "./e5"}}, "a language or a role: 1 to 20 lower-case"),
        ({"zh": {"source": "intfloat/multilingual-e5-small"}}, "needs a commit"),
        ({"zh": {"sorce": "./e5"}}, "sorce"),
    ],
)
def test_backbones_that_cannot_be_are_told(backbones: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load(BackboneSettings, environ={}, values={"backbones": backbones})


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
