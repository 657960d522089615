"""The folder of one run: what the workers read, the checkpoints, and a lock on all of it.

    <state_dir>/training/<task>-<12 hex>/
        run.json                                the settings, as resolved, and the labels
        train.safetensors  dev.safetensors      tokenised examples
        remedy-NAME.safetensors                 what a remedy prepared, where it needs something
        checkpoints/                            see `shared.training.loop.checkpoint`
        progress.json                           see `shared.training.loop.progress`

The 12 hex digits come from everything that decides the weights. The same command finds the same
folder and continues in it; another setting or one changed row is another run.
"""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel
from safetensors.numpy import load_file, save

from shared.files import locked as locked_file
from shared.files import write_atomic
from shared.training.data.arrays import TokenArrays
from shared.training.remedies.remedy import Prepared
from shared.training.settings import FinetuneSettings, LoraSettings, OptimisationSettings

_SPEC = "run.json"
_TRAIN = "train.safetensors"
_DEV = "dev.safetensors"
_REMEDY = "remedy-"
_LOCK = ".lock"


class RunSpec(BaseModel, frozen=True, extra="forbid"):
    """What a run is made of; `settings.optimisation.seeds` holds the one seed of this run."""

    settings: FinetuneSettings
    labels: tuple[str, ...]
    max_length: int
    pad_id: int
    backbone_sha256: str
    data_fingerprint: str

    @property
    def seed(self) -> int:
        """The seed of this run."""
        return self.settings.optimisation.seeds[0]

    def folder(self) -> Path:
        """The run's folder, absolute; named by all that decides the weights.

        The number of workers is not among it: batches do not depend on it, and a run that was
        begun with two may be finished by one.
        """
        decisive = self.settings.model_dump_json(
            include={
                "task": True,
                "kind": True,
                "method": True,
                "multi_label": True,
                # What is kept of the change is a matter of the end.
                "lora": set(LoraSettings.model_fields) - {"strength"},
                "prompt": True,
                "optimisation": _deciding(self.settings.optimisation),
                "remedies": True,
                "backbone": {"precision": True},
            },
            # A run without any keeps the name that it had before there were remedies.
            exclude=None if self.settings.remedies else {"remedies"},
        )
        rest = self.model_dump_json(exclude={"settings"})
        name = hashlib.sha256(f"{decisive}\n{rest}".encode()).hexdigest()[:12]
        return (self.settings.state_dir / "training" / f"{self.settings.task}-{name}").resolve()


def _deciding(optimisation: OptimisationSettings) -> set[str]:
    """The settings that decide the weights: a teacher's only where it has a weight."""
    names = set(OptimisationSettings.model_fields)
    teacher = {"teacher_weight", "teacher_temperature"}
    return names if optimisation.teacher_weight else names - teacher


def write_run(
    spec: RunSpec,
    train: TokenArrays,
    dev: TokenArrays,
    prepared: Mapping[str, Prepared] = MappingProxyType({}),
) -> Path:
    """Writes what the workers read, over what an earlier start of the same run wrote.

    `prepared` is what remedies need, by their names.
    """
    folder = spec.folder()
    folder.mkdir(parents=True, exist_ok=True)
    train.save(folder / _TRAIN)
    dev.save(folder / _DEV)
    for name, arrays in prepared.items():
        write_atomic(folder / f"{_REMEDY}{name}.safetensors", save(dict(arrays)))
    write_atomic(folder / _SPEC, spec.model_dump_json(indent=2).encode())
    return folder


def read_run(folder: Path) -> tuple[RunSpec, TokenArrays, TokenArrays]:
    """The run's specification, its training and its dev arrays."""
    spec = RunSpec.model_validate_json((folder / _SPEC).read_bytes())
    return spec, TokenArrays.load(folder / _TRAIN), TokenArrays.load(folder / _DEV)


def read_prepared(folder: Path) -> dict[str, Prepared]:
    """What the remedies of a run prepared, by their names."""
    return {
        file.stem.removeprefix(_REMEDY): load_file(file)
        for file in sorted(folder.glob(f"{_REMEDY}*.safetensors"))
    }


def locked(folder: Path) -> AbstractContextManager[None]:
    """Keeps a second process out of a run; the lock ends with the process that holds it.

    Raises:
        ConflictError: another process trains this run.
    """
    refusal = f"another process trains this very run in {folder}: wait for it, or change the seed"
    return locked_file(folder / _LOCK, refusal=refusal)
