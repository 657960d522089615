"""Small random encoders of several architectures, as sentence-transformers writes them."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoConfig, AutoModel, AutoTokenizer

from shared.models.source import BackboneConfig, locate

ARCHITECTURES = ("bert", "roberta", "mpnet", "modernbert", "albert")
_SIZE = {
    "vocab_size": 30522,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 80,
    "embedding_size": 16,
    "pad_token_id": 0,
}


def write_encoder(
    root: Path,
    architecture: str,
    pooling: str = "mean",
    seed: int = 3,
    *,
    prompts: dict[str, str] | None = None,
) -> Path:
    """A folder with a random encoder, pooling, a dense layer and normalisation, in safetensors."""
    torch.manual_seed(seed)
    plain, folder = root / "plain", root / architecture
    config = AutoConfig.for_model(architecture, **_SIZE)
    AutoModel.from_config(config).save_pretrained(plain)  # type: ignore[no-untyped-call]
    embedded = locate(BackboneConfig()).folder
    AutoTokenizer.from_pretrained(str(embedded)).save_pretrained(str(plain))
    transformer = Transformer(str(plain))
    transformer.max_seq_length = 64
    model = SentenceTransformer(
        modules=[
            transformer,
            Pooling(32, pooling_mode=pooling),
            Dense(in_features=32, out_features=24),
            Normalize(),
        ],
        device="cpu",
        prompts=prompts,
    )
    model.save(str(folder), create_model_card=False)
    return folder
