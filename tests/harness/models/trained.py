"""Bundles with random adapters and prompts, made by PEFT itself, and random heads."""

import functools
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from torch import nn

from shared.models.backbone import Backbone, BackboneConfig
from shared.models.bundle import (
    ADAPTER_FOLDER,
    BACKBONE_FOLDER,
    HEAD_FILE,
    MODEL,
    BackboneRef,
    Bundle,
    Calibration,
    Manifest,
    Method,
)
from shared.models.heads import Head, reads_tokens, save_head
from shared.models.runner import Runner
from shared.models.tasks import TaskKind

LINEAR_LAYERS = ("query", "key", "value", "dense")


def load_from(folder: Path) -> Backbone:
    """A backbone of a folder in float32 on the CPU, freshly read."""
    return Backbone.load(BackboneConfig(source=str(folder), precision="float32", device="cpu"))


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


def prompt_model(encoder: nn.Module, seed: int, virtual_tokens: int) -> PeftModel:
    """The encoder wrapped by PEFT, with random virtual tokens before every text."""
    torch.manual_seed(seed)
    config = PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=virtual_tokens)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(encoder, config)
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
    on: Backbone | None = None,
) -> Bundle:
    """A bundle of a PEFT model's adapter (if any) and a head (random from the task's name).

    It is for the embedded backbone, or for the one that it stands `on`.
    """
    backbone = on or reference()
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

    manifest = Manifest(
        task=task,
        kind=kind,
        method=_method(kind, peft),
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=backbone.tokenizer_sha256,
        max_length=max_length,
        prefixes=backbone.prefixes,
        labels=labels,
        multi_label=multi_label,
        calibration=Calibration(temperature=temperature),
        command="banyan train --config x.yaml",
    )
    return MODEL.write(root, manifest, write)


def _method(kind: TaskKind, peft: PeftModel | None) -> Method:
    if peft is None:
        return Method.NONE if kind is TaskKind.EMBED else Method.HEAD
    return Method.PROMPT if peft.active_peft_config.is_prompt_learning else Method.LORA


def full_bundle(
    root: Path,
    task: str,
    own: Backbone,
    kind: TaskKind = TaskKind.CLASSIFY,
    labels: tuple[str, ...] = (),
    *,
    began_with: Backbone | None = None,
) -> Bundle:
    """A bundle that is its own backbone, with a random head where its kind has one."""
    backbone = began_with or own
    torch.manual_seed(sum(task.encode()))
    head = None
    if kind is not TaskKind.EMBED:
        head = Head(kind, own.pooled_width, labels)
        nn.init.normal_(head.linear.weight, std=2.0)

    def write(folder: Path) -> None:
        shutil.copytree(own.folder, folder / BACKBONE_FOLDER)
        if head is not None:
            save_head(head, folder / HEAD_FILE)

    manifest = Manifest(
        task=task,
        kind=kind,
        method=Method.FULL,
        backbone=BackboneRef(name=backbone.name, sha256=backbone.sha256),
        tokenizer_sha256=own.tokenizer_sha256,
        max_length=own.max_length,
        prefixes=own.prefixes,
        labels=labels,
    )
    return MODEL.write(root, manifest, write)


def lora_bundle(root: Path, task: str, seed: int, rank: int = 16, rslora: bool = False) -> Bundle:
    """A classification bundle of three labels with a random adapter on all linear layers."""
    model = peft_model(load_backbone().encoder, seed, rank, rslora)
    return made_bundle(root, task, labels=("negative", "neutral", "positive"), peft=model)
