"""Bundles for the embedded backbone with random adapters, made by PEFT itself, and random heads."""

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from shared.models.backbone import Backbone, BackboneConfig
from shared.models.bundle import (
    ADAPTER_FOLDER,
    HEAD_FILE,
    BackboneRef,
    Bundle,
    Calibration,
    Manifest,
    Method,
    write_bundle,
)
from shared.models.heads import Head, reads_tokens, save_head
from shared.models.runner import Runner
from shared.models.tasks import TaskKind

LINEAR_LAYERS = ("query", "key", "value", "dense")


def load_backbone(precision: str = "float32") -> Backbone:
    """The embedded backbone on the CPU, freshly read, as PEFT and engines change what they get."""
    config = BackboneConfig.model_validate({"precision": precision, "device": "cpu"})
    return Backbone.load(config)


@functools.cache
def shared_runner(precision: str) -> Runner:
    """One runner for all tests of a precision; bundles are told apart by their ids."""
    return Runner(load_backbone(precision))


@functools.cache
def reference() -> Backbone:
    """One float32 backbone to compare with; do not change it."""
    return load_backbone()


def peft_model(
    encoder: nn.Module,
    seed: int,
    rank: int = 16,
    rslora: bool = False,
    layers: Sequence[str] = LINEAR_LAYERS,
) -> PeftModel:
    """The encoder wrapped by PEFT, with random factors that change its states a good deal."""
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, use_rslora=rslora, target_modules=list(layers))
    with warnings.catch_warnings():
        # PEFT 0.21 asks transformers 5 for a property under its old name.
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(encoder, config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.02)
    model.eval()
    return model


def made_bundle(
    root: Path,
    task: str,
    kind: TaskKind = TaskKind.CLASSIFY,
    labels: tuple[str, ...] = (),
    *,
    peft: PeftModel | None = None,
    head: Head | None = None,
    temperature: float = 1.0,
    multi_label: bool = False,
    max_length: int = 256,
) -> Bundle:
    """A bundle of a PEFT model's adapter (if any) and a head (random from the task's name)."""
    backbone = reference()
    width = backbone.width if reads_tokens(kind) else backbone.pooled_width
    if kind is not TaskKind.EMBED and head is None:
        torch.manual_seed(sum(task.encode()))
        head = Head(kind, width, labels)
        nn.init.normal_(head.linear.weight, std=2.0)

    def write(folder: Path) -> None:
        if head is not None:
            save_head(head, folder / HEAD_FILE)
        if peft is not None:
            peft.save_pretrained(str(folder / ADAPTER_FOLDER))

    untuned = Method.NONE if kind is TaskKind.EMBED else Method.HEAD
    manifest = Manifest(
        task=task,
        kind=kind,
        method=untuned if peft is None else Method.LORA,
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        max_length=max_length,
        labels=labels,
        multi_label=multi_label,
        calibration=Calibration(temperature=temperature),
        command="banyan train --config x.yaml",
    )
    return write_bundle(root, manifest, write)


def lora_bundle(root: Path, task: str, seed: int, rank: int = 16, rslora: bool = False) -> Bundle:
    """A classification bundle of three labels with a random adapter on all linear layers."""
    model = peft_model(load_backbone().encoder, seed, rank, rslora)
    return made_bundle(root, task, labels=("negative", "neutral", "positive"), peft=model)
