"""Bundles made by hand for tests that need no model."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.models.bundle import (
    ADAPTER_CONFIG_FILE,
    ADAPTER_WEIGHTS_FILE,
    HEAD_FILE,
    MODEL,
    BackboneRef,
    Bundle,
    Manifest,
    Method,
)
from shared.models.tasks import TaskKind

PLAIN_LORA: dict[str, object] = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none"}


def manifest(
    task: str = "intent",
    kind: TaskKind = TaskKind.CLASSIFY,
    method: Method = Method.LORA,
    labels: tuple[str, ...] = ("no", "yes"),
) -> Manifest:
    """A manifest without files for a backbone that does not exist."""
    return Manifest(
        task=task,
        kind=kind,
        method=method,
        backbone=BackboneRef(name="made-up", sha256="0" * 64),
        tokenizer_sha256="1" * 64,
        max_length=256,
        labels=labels,
    )


def lora_files(
    seed: str = "a", config: Mapping[str, object] | None = None
) -> Callable[[Path], None]:
    """Writes the files of a `lora` bundle; the weights are not tensors, as nobody loads them."""

    def write(folder: Path) -> None:
        (folder / ADAPTER_CONFIG_FILE).parent.mkdir()
        (folder / ADAPTER_CONFIG_FILE).write_text(json.dumps(PLAIN_LORA | dict(config or {})))
        (folder / ADAPTER_WEIGHTS_FILE).write_text(f"weights {seed}")
        (folder / HEAD_FILE).write_text(f"head {seed}")

    return write


def full_files(seed: str = "a", more: Mapping[str, str] | None = None) -> Callable[[Path], None]:
    """Writes the files of a `full` bundle and some `more`; nobody loads them either."""
    files = {
        "backbone/config.json": "{}",
        "backbone/tokenizer.json": "{}",
        "backbone/model.safetensors": f"weights {seed}",
        HEAD_FILE: f"head {seed}",
    }

    def write(folder: Path) -> None:
        for name, content in (files | dict(more or {})).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)

    return write


def lora_bundle(
    root: Path, task: str = "intent", seed: str = "a", config: Mapping[str, object] | None = None
) -> Bundle:
    """A small bundle on disk; another seed gives another id."""
    return MODEL.write(root, manifest(task), lora_files(seed, config))
