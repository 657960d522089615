from pathlib import Path

import pytest

from shared.errors import ConflictError
from shared.models.tasks import TaskKind
from shared.training.data.arrays import TokenArrays
from shared.training.data.settings import DataSettings
from shared.training.loop.run_folder import RunSpec, locked, read_run, write_run
from shared.training.settings import (
    FinetuneSettings,
    LoraSettings,
    OptimisationSettings,
    WorkerSettings,
)


def spec_of(state_dir: Path, **changes: object) -> RunSpec:
    """A run's specification, but for the changes of its settings."""
    settings = FinetuneSettings(
        task="t", data=DataSettings.model_validate({"train": "a", "dev": "b"}), state_dir=state_dir
    )
    return RunSpec(
        settings=settings.model_copy(update=changes),
        labels=("x", "y"),
        max_length=64,
        pad_id=0,
        backbone_sha256="0" * 64,
        data_fingerprint="1" * 64,
    )


def test_written_and_read(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    arrays = TokenArrays.of([[1, 2], [3]], [0, 1])
    again, train, dev = read_run(write_run(spec, arrays, arrays))
    assert again == spec
    assert train.tokens.tolist() == dev.tokens.tolist() == [1, 2, 3]


def test_the_folder_is_named_by_what_decides_the_weights(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    folder = spec.folder()
    assert folder.is_absolute()
    assert spec_of(tmp_path, workers=WorkerSettings(count=7)).folder() == folder
    weaker = spec_of(tmp_path, kind=TaskKind.EMBED, lora=LoraSettings(strength=0.5))
    assert weaker.folder() == spec_of(tmp_path, kind=TaskKind.EMBED).folder() != folder
    assert spec_of(tmp_path, lora=LoraSettings(rank=2)).folder() != folder
    assert spec_of(tmp_path, task="u").folder() != folder
    optimisation = spec.settings.optimisation.model_copy(update={"seeds": (1,)})
    assert spec_of(tmp_path, optimisation=optimisation).folder() != folder
    for change in ({"data_fingerprint": "2" * 64}, {"backbone_sha256": "2" * 64}):
        assert spec.model_copy(update=change).folder() != folder


def test_a_teacher_decides_where_it_has_weight(tmp_path: Path) -> None:
    folders = [
        spec_of(
            tmp_path,
            kind=TaskKind.SCORE,
            optimisation=OptimisationSettings(
                objective="lists", teacher_weight=weight, teacher_temperature=temperature
            ),
        ).folder()
        for weight, temperature in ((0, 1), (0, 2), (0.5, 1), (0.5, 2))
    ]
    assert folders[0] == folders[1]
    assert len(set(folders)) == 3


def test_one_process_trains_a_run(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ConflictError, match="another process"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
