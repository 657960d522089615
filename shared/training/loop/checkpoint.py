"""Checkpoints that are verified before use; a bad newest one falls back to the one before.

    <run>/checkpoints/epoch-00003/             after that epoch; epoch-00003-step-0000200 within it
        model.safetensors  optimiser.safetensors
        state.json                  the position, and the dev metric of every epoch so far
        manifest.json               SHA-256 of each of the files; written last

The run's own folder is the only truth. Ray Train's manager is told of no checkpoint, because it
writes its snapshot in place (a truncated one stops the controller at every start), hands a
corrupt checkpoint to every retry, and loses one whose worker dies right after `report`.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, TypeAdapter, ValidationError
from safetensors.torch import load_file, save

from shared.errors import ArtifactError
from shared.files import new_folder, sha256_file, write_atomic

_LOGGER = logging.getLogger(__name__)
_MANIFEST = "manifest.json"
_STATE = "state.json"
_MODEL, _OPTIMISER = "model.safetensors", "optimiser.safetensors"

Tensors = dict[str, torch.Tensor]

_HASHES = TypeAdapter(dict[str, str])
"""A manifest's content: SHA-256 by file name."""


class EpochScore(BaseModel, frozen=True, extra="forbid"):
    """What one epoch brought; `metrics` are dev's, by name."""

    epoch: int
    train_loss: float
    metrics: dict[str, float]
    tokens_per_s: float
    seconds: float


class PartOfEpoch(BaseModel, frozen=True, extra="forbid"):
    """How much of an epoch is done: its steps, and what their losses and weights sum up to."""

    steps: int = 0
    loss: float = 0.0
    weight: float = 0.0
    seconds: float = 0.0


class TrainingState(BaseModel, frozen=True, extra="forbid"):
    """Where a run stands: after its last epoch in `history`, and `begun` of the next one."""

    history: tuple[EpochScore, ...] = ()
    best_epoch: int = -1
    begun: PartOfEpoch = PartOfEpoch()

    @property
    def next_epoch(self) -> int:
        """The epoch to train next, counted from 0."""
        return len(self.history)


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint."""

    state: TrainingState
    model: Tensors
    optimiser: Tensors


class CheckpointStore:
    """The checkpoints of one run: the newest `keep`, and the best."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep

    def save(self, checkpoint: Checkpoint) -> Path:
        """Writes a checkpoint whole or not at all, then deletes those no longer needed."""
        state = checkpoint.state
        path = self._folder / _name(state)
        if path.exists():
            # It was read before these steps were taken again, and refused as corrupt.
            shutil.rmtree(path)
        with new_folder(path) as aside:
            write_atomic(aside / _MODEL, save(checkpoint.model))
            write_atomic(aside / _OPTIMISER, save(checkpoint.optimiser))
            write_atomic(aside / _STATE, state.model_dump_json(indent=2).encode())
            hashes = {file.name: sha256_file(file) for file in sorted(aside.iterdir())}
            write_atomic(aside / _MANIFEST, json.dumps(hashes, indent=2).encode())
        self._prune(state.best_epoch)
        return path

    def newest(self) -> Checkpoint | None:
        """The newest whole checkpoint whose best one is whole too; None to start at epoch 1."""
        for path in sorted(self._folder.glob("epoch-*"), key=_order, reverse=True):
            try:
                checkpoint = read_checkpoint(path)
                if checkpoint.state.history:
                    self.best(checkpoint.state)
            except ArtifactError as error:
                _LOGGER.warning("%s; falling back to the checkpoint before it", error)
            else:
                return checkpoint
        return None

    def best(self, state: TrainingState) -> Checkpoint:
        """The checkpoint of the best epoch so far.

        Raises:
            ArtifactError: it is missing or corrupt.
        """
        return read_checkpoint(self._folder / _epoch_name(state.best_epoch))

    def _prune(self, best_epoch: int) -> None:
        paths = sorted(self._folder.glob("epoch-*"), key=_order)
        for path in paths[: -self._keep]:
            if path.name != _epoch_name(best_epoch):
                shutil.rmtree(path)


def _name(state: TrainingState) -> str:
    """The folder of a checkpoint, by its position."""
    if state.begun.steps:
        return f"{_epoch_name(state.next_epoch)}-step-{state.begun.steps:07}"
    return _epoch_name(state.next_epoch - 1)


def _epoch_name(epoch: int) -> str:
    return f"epoch-{epoch:05}"


def _order(path: Path) -> tuple[str, bool, str]:
    """Sorts checkpoints by position: those within an epoch stand before its end."""
    epoch, _, step = path.name.partition("-step-")
    return epoch, not step, step


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint, every file of it verified first.

    Raises:
        ArtifactError: a file is missing or is not what its hash says.
    """
    try:
        expected = _HASHES.validate_json((path / _MANIFEST).read_bytes())
        for name, digest in expected.items():
            if sha256_file(path / name) != digest:
                raise ArtifactError(f"checkpoint {path}: {name} is corrupt")
        return Checkpoint(
            state=TrainingState.model_validate_json((path / _STATE).read_bytes()),
            model=load_file(path / _MODEL),
            optimiser=load_file(path / _OPTIMISER),
        )
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"checkpoint {path} is incomplete: {error}") from error


def optimiser_tensors(
    optimiser: torch.optim.Optimizer, names: Mapping[torch.Tensor, str]
) -> Tensors:
    """An optimiser's state as named tensors: `<parameter>/<key>`."""
    return {
        f"{names[parameter]}/{key}": value.detach().cpu()
        for parameter, values in optimiser.state.items()
        for key, value in values.items()
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer,
    names: Mapping[torch.Tensor, str],
    tensors: Mapping[str, torch.Tensor],
) -> None:
    """Puts back what `optimiser_tensors` gave; the learning rates are the schedule's business."""
    by_name = {name: parameter for parameter, name in names.items()}
    for path, value in tensors.items():
        name, _, key = path.rpartition("/")
        parameter = by_name[name]
        # A step count stays on the CPU, where AdamW reads it; moments live beside their parameter.
        place = value if key == "step" else value.to(parameter.device)
        optimiser.state[parameter][key] = place.clone()
