"""Counting cores from what Linux says about them."""

import os
from pathlib import Path

import pytest

from services.backbone.cores import usable_cores


@pytest.fixture
def cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four processors that are two cores of two threads each."""
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    return tmp_path


def test_a_core_with_two_threads_counts_once(cpus: Path) -> None:
    assert usable_cores(cpus, cpus / "missing") == 2


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 2), ("150000 100000", 1), ("50000 100000", 1)]
)
def test_a_quota_bounds_the_count(cpus: Path, quota: str, cores: int) -> None:
    (cpus / "cpu.max").write_text(quota)
    assert usable_cores(cpus, cpus / "cpu.max") == cores


def test_affinity_bounds_the_count(cpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    assert usable_cores(cpus, cpus / "missing") == 1


def test_processors_without_topology_count_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert usable_cores(tmp_path, tmp_path / "missing") == 3
