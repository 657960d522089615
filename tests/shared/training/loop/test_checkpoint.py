from pathlib import Path

import pytest
import torch

from shared.errors import ArtifactError
from shared.training.loop.checkpoint import (
    Checkpoint,
    CheckpointStore,
    EpochScore,
    TrainingState,
    optimiser_tensors,
    read_checkpoint,
    restore_optimiser,
)


def _checkpoint(epochs: int, best: int) -> Checkpoint:
    history = tuple(
        EpochScore(
            epoch=i, train_loss=1.0, metrics={"accuracy": 0.5}, tokens_per_s=1.0, seconds=1.0
        )
        for i in range(epochs)
    )
    tensor = torch.full((2, 3), float(epochs))
    return Checkpoint(
        state=TrainingState(history=history, best_epoch=best),
        model={"adapter.a": tensor},
        optimiser={"a/exp_avg": tensor},
    )


def _store(folder: Path, best_epochs: list[int]) -> CheckpointStore:
    store = CheckpointStore(folder, keep=2)
    for epoch, best in enumerate(best_epochs):
        store.save(_checkpoint(epoch + 1, best))
    return store


def _epochs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_two_and_the_best_stay(tmp_path: Path) -> None:
    store = _store(tmp_path, [0, 1, 1, 1, 1])
    assert _epochs(tmp_path) == ["epoch-00001", "epoch-00003", "epoch-00004"]
    newest = store.newest()
    assert newest is not None
    assert newest.state.next_epoch == 5
    assert torch.equal(store.best(newest.state).model["adapter.a"], torch.full((2, 3), 2.0))


def test_an_empty_store_has_none(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none", keep=2).newest() is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimiser.safetensors", "state.json"])
def test_a_corrupt_newest_falls_back(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = _store(tmp_path, [0, 0, 0])
    damaged = tmp_path / "epoch-00002" / name
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    newest = store.newest()
    assert newest is not None
    assert newest.state.next_epoch == 2
    assert f"{name} is corrupt" in caplog.text
    # Training the epoch again replaces the corrupt one.
    store.save(_checkpoint(3, 0))
    again = store.newest()
    assert again is not None
    assert again.state.next_epoch == 3


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_a_half_written_newest_falls_back(tmp_path: Path, name: str) -> None:
    store = _store(tmp_path, [0, 0, 0])
    (tmp_path / "epoch-00002" / name).unlink()
    newest = store.newest()
    assert newest is not None
    assert newest.state.next_epoch == 2


def test_a_truncated_manifest_is_no_checkpoint(tmp_path: Path) -> None:
    _store(tmp_path, [0])
    (tmp_path / "epoch-00000" / "manifest.json").write_text('{"model.safe')
    with pytest.raises(ArtifactError, match="incomplete"):
        read_checkpoint(tmp_path / "epoch-00000")


def test_a_run_without_its_best_starts_before_it(tmp_path: Path) -> None:
    store = _store(tmp_path, [0, 1, 1])
    (tmp_path / "epoch-00001" / "model.safetensors").unlink()
    assert store.newest() is None


def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _store(tmp_path, [0])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shared.training.loop.checkpoint.write_atomic", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(_checkpoint(2, 0))
    assert _epochs(tmp_path) == ["epoch-00000"]


def test_an_optimiser_continues_where_it_was() -> None:
    def steps(weight: torch.nn.Parameter, optimiser: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            torch.autograd.backward((weight**2).sum())
            optimiser.step()

    whole = torch.nn.Parameter(torch.arange(4.0))
    steps(whole, torch.optim.AdamW([whole], lr=0.1), 5)

    first = torch.nn.Parameter(torch.arange(4.0))
    before = torch.optim.AdamW([first], lr=0.1)
    steps(first, before, 3)
    second = torch.nn.Parameter(first.detach().clone())
    after = torch.optim.AdamW([second], lr=0.1)
    restore_optimiser(after, {second: "w"}, optimiser_tensors(before, {first: "w"}))
    steps(second, after, 2)
    assert torch.equal(second, whole)
