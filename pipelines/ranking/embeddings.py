"""Vectors of items' texts, made by the backbone in this process and kept in a folder.

Notation of shapes: n texts, d the embedding's width.
"""

import hashlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.files import write_atomic
from shared.models.backbone import Backbone
from shared.models.builtin import ensure_embed
from shared.models.registry import open_registry
from shared.models.runner import Runner
from shared.models.source import BackboneConfig
from shared.models.tasks import Float32s, TaskCall

_ROWS_A_BATCH = 32


def embedded(
    texts: Sequence[str], cache: Path | None = None, backbone: BackboneConfig | None = None
) -> Float32s:
    """Unit vectors [n, d] of texts; a text without a character has the zero vector.

    Longer texts are cut to what the backbone reads. A `cache` folder keeps the vectors by a hash
    of the backbone and the texts, so that the same catalogue is embedded once.

    Raises:
        ArtifactError: the backbone is missing or corrupt.
        DependencyError: Hugging Face does not give it.
    """
    model = Backbone.load(backbone or BackboneConfig())
    path = None if cache is None else cache / f"{_digest(model, texts)}.npy"
    if path is not None and path.exists():
        kept: Float32s = np.load(path)
        return kept
    vectors = _embed(model, texts)
    if path is not None:
        content = io.BytesIO()
        np.save(content, vectors)
        write_atomic(path, content.getvalue())
    return vectors


def _embed(model: Backbone, texts: Sequence[str]) -> Float32s:
    vectors = np.zeros((len(texts), model.embedding_width), np.float32)
    numbers = [number for number, text in enumerate(texts) if text.strip()]
    if not numbers:
        return vectors
    with tempfile.TemporaryDirectory() as folder:
        bundle = ensure_embed(open_registry(Path(folder)), model)
        runner = Runner(model)
        runner.load(bundle)
        call = TaskCall(bundle.id, [texts[number] for number in numbers], truncate=True)
        tokenized = runner.tokenize(bundle.id, call)
        # Texts of one length make batches without padding.
        order = sorted(range(len(numbers)), key=lambda row: tokenized.rows[row].tokens)
        for start in range(0, len(order), _ROWS_A_BATCH):
            batch = order[start : start + _ROWS_A_BATCH]
            results = runner.run([tokenized.rows[row] for row in batch])
            for row, result in zip(batch, results, strict=True):
                vectors[numbers[row]] = result
    return _unit(vectors)


def _unit(vectors: Float32s) -> Float32s:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1.0)).astype(np.float32)


def _digest(model: Backbone, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{model.sha256}\0{model.tokenizer_sha256}".encode())
    for text in texts:
        digest.update(b"\0")
        digest.update(text.encode())
    return digest.hexdigest()
