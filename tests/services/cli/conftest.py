"""Keeps what these tests make inside pytest's folders."""

from pathlib import Path

import pytest

from services.cli.platform import run_file


@pytest.fixture(autouse=True)
def run_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new runs have their folders, instead of in /tmp."""
    folder = tmp_path_factory.mktemp("runs")
    monkeypatch.setattr(run_file, "SHORT_FOLDER", folder)
    return folder
