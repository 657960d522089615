"""The configurations that ship."""

from pathlib import Path

import pytest
import yaml

from shared.config import load
from shared.training.data.settings import SetPart
from shared.training.settings import FinetuneSettings

CONFIGS = sorted(
    path
    for path in Path("pipelines/configs").glob("*.yaml")
    if "task" in yaml.safe_load(path.read_text("utf-8"))
)


def test_there_are_configurations() -> None:
    assert len(CONFIGS) >= 8


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.stem))
def test_what_judges_a_shipped_task_decides_nothing(path: Path) -> None:
    data = load(FinetuneSettings, environ={}, file=path).settings.data
    assert data.four_parts
    assert not data.dev
    assert data.gate or (data.split is not None and SetPart.GATE in data.split.parts())
