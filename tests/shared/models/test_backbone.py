from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from shared.errors import ArtifactError, ConfigError
from shared.models.backbone import Backbone, BackboneConfig, Dropouts, choose_precision
from shared.models.builtin import ensure_embed
from shared.models.registry import open_registry
from shared.models.runner import Runner
from shared.models.source import locate
from shared.models.tasks import EmbedOutput, Float32s, TaskCall
from tests.harness.models.encoders import ARCHITECTURES, write_encoder
from tests.harness.models.trained import load_backbone

TEXTS = ["", "a", "Shares fall.", "Who moved my payment of 20 pounds to another account? " * 2]


def embed(backbone: Backbone, root: Path, texts: list[str]) -> Float32s:
    runner = Runner(backbone)
    bundle = ensure_embed(open_registry(root, shipped=None), backbone)
    runner.load(bundle)
    tokenized = runner.tokenize(bundle.id, TaskCall(bundle.id, texts))
    output = runner.assemble(tokenized, runner.run(tokenized.rows))
    assert isinstance(output, EmbedOutput)
    return output.vectors


@pytest.mark.parametrize(
    ("precision", "tolerance", "cosine"), [("float32", 1e-6, 0.99999), ("bfloat16", 2e-2, 0.999)]
)
def test_vectors_equal_those_of_sentence_transformers(
    tmp_path: Path, precision: str, tolerance: float, cosine: float
) -> None:
    folder = str(locate(BackboneConfig()).folder)
    expected = SentenceTransformer(folder, device="cpu", local_files_only=True).encode(TEXTS)
    vectors = embed(load_backbone(precision), tmp_path, TEXTS)
    np.testing.assert_allclose(vectors, expected, atol=tolerance)
    assert (vectors * expected).sum(axis=1).min() > cosine
    assert vectors.dtype == np.float32


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_any_text_encoder_of_sentence_transformers_gives_its_vectors(
    tmp_path: Path, architecture: str, pooling: str
) -> None:
    folder = write_encoder(tmp_path, architecture, pooling)
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    backbone = Backbone.load(BackboneConfig(source=str(folder), precision="float32", device="cpu"))
    assert (backbone.width, backbone.embedding_width, backbone.max_length) == (32, 24, 64)
    np.testing.assert_allclose(embed(backbone, tmp_path, TEXTS), expected, atol=1e-5)


# The dropout of attention weights, where it is a module.
_OF_ATTENTION = ("attention.self.dropout", "attention.attn.dropout", "attention.attention_dropout")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_attention_s_dropout_is_replaced_where_it_is_given(
    tmp_path: Path, architecture: str
) -> None:
    source = BackboneConfig(source=str(write_encoder(tmp_path, architecture)), device="cpu")
    ids = torch.arange(5, 25)[None]

    def changes(dropout: float) -> bool:
        """Whether training mode changes the hidden states, all other dropout being off."""
        encoder = Backbone.load(source, Dropouts(attention=dropout)).encoder.train()
        for name, module in encoder.named_modules():
            if isinstance(module, torch.nn.Dropout) and not name.endswith(_OF_ATTENTION):
                module.p = 0.0
        torch.manual_seed(0)
        trained = encoder(input_ids=ids).last_hidden_state
        return not torch.allclose(trained, encoder.eval()(input_ids=ids).last_hidden_state)

    assert changes(0.37)
    assert not changes(0.0)


def test_an_encoder_without_dropout_in_its_attention_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.models.backbone._OF_ATTENTION", ("another_dropout",))
    with pytest.raises(ConfigError, match=r"attention_dropout: .* leave it out"):
        Backbone.load(BackboneConfig(), Dropouts(attention=0.0))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_any_dropout_training_mode_changes_nothing(
    tmp_path: Path, architecture: str
) -> None:
    source = BackboneConfig(source=str(write_encoder(tmp_path, architecture)), device="cpu")
    encoder = Backbone.load(source, Dropouts(hidden=0.0, attention=0.0)).encoder
    ids = torch.arange(5, 25)[None]
    expected = encoder(input_ids=ids).last_hidden_state
    torch.testing.assert_close(encoder.train()(input_ids=ids).last_hidden_state, expected)


def test_a_folder_that_is_no_model_is_an_artifact_error(tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ArtifactError, match="cannot be read as a sentence-transformers model"):
        Backbone.load(BackboneConfig(source=str(tmp_path)))


def test_precision_follows_the_hardware_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    for features, expected in (
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=features: found)
        assert choose_precision(BackboneConfig(), cpu) is expected
    assert choose_precision(BackboneConfig(precision="bfloat16"), cpu) is torch.bfloat16


def test_the_own_task_is_the_same_bundle_everywhere(tmp_path: Path) -> None:
    backbone = load_backbone()
    first = ensure_embed(open_registry(tmp_path / "a", shipped=None), backbone)
    registry = open_registry(tmp_path / "b", shipped=None)
    assert ensure_embed(registry, backbone).id == first.id == registry.resolve("embed")
