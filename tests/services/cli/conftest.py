"""Keeps what these tests make inside pytest's folders."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli import run_file


@pytest.fixture(autouse=True)
def run_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new runs have their folders, instead of in /tmp."""
    folder = tmp_path_factory.mktemp("runs")
    monkeypatch.setattr(run_file, "SHORT_FOLDER", folder)
    return folder


@pytest.fixture(autouse=True)
def csv_limit() -> Iterator[None]:
    """Loading files raises the largest cell that the whole process reads."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)
