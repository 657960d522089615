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
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import EmbedOutput, Float32s
from shared.training.evaluation.answering import answer
from shared.training.evaluation.judgement import expect


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
    runners = Runners(model)
    with tempfile.TemporaryDirectory() as folder:
        bundle = ensure_embed(open_registry(Path(folder)), model)
        runners.load(bundle)
    answered = answer(runners, bundle, [texts[number] for number in numbers], queries=0)
    found = expect(answered.output, EmbedOutput).vectors
    vectors[numbers] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return vectors


def _digest(model: Backbone, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{model.sha256}\0{model.tokenizer_sha256}".encode())
    for text in texts:
        digest.update(b"\0")
        digest.update(text.encode())
    return digest.hexdigest()
