"""Keeps what these tests make inside pytest's folders, and what they ask inside the process."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from services.cli.client import Platform
from services.cli.platform import run_file
from tests.services.cli.served import Answer


@pytest.fixture(autouse=True)
def run_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new runs have their folders, instead of in /tmp."""
    folder = tmp_path_factory.mktemp("runs")
    monkeypatch.setattr(run_file, "SHORT_FOLDER", folder)
    return folder


@pytest.fixture
def answered_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Lets the commands reach an application of a few lines in the place of a platform."""

    def answer(served: Answer) -> None:
        transport = httpx.MockTransport(served)
        monkeypatch.setattr("services.cli.client.Platform", partial(Platform, transport=transport))

    return answer
