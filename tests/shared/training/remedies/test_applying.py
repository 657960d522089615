"""Tests: applying."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.training.data.arrays import TokenArrays
from shared.training.loop.run_folder import read_prepared, write_run
from shared.training.remedies.applying import drawn
from shared.training.settings import FinetuneSettings
from shared.training.tasks.classify.examples import Example
from tests.shared.training.loop.test_run_folder import spec_of


def _settings(**values: object) -> FinetuneSettings:
    data = {"train": "a.csv", "dev": "b.csv"}
    return FinetuneSettings.model_validate({"task": "mood", "data": data} | values)


def _labels(examples: Sequence[object]) -> Counter[str]:
    return Counter(each.label for each in examples if isinstance(each, Example))


def test_of_each_class_as_many_are_drawn_and_no_more_than_there_are() -> None:
    examples = [Example(f"text {i}", "rare" if i < 3 else f"class {i % 2}") for i in range(40)]
    settings = _settings(examples_per_class=8)
    found = drawn(examples, settings, seed=1)
    assert _labels(found) == {"rare": 3, "class 0": 8, "class 1": 8}
    assert found == [each for each in examples if each in found]
    assert found == drawn(examples, settings, seed=1) != drawn(examples, settings, seed=2)


def test_so_many_are_drawn_of_all() -> None:
    examples = [Example(f"text {i}", f"class {i % 2}") for i in range(40)]
    assert len(drawn(examples, _settings(examples=10), seed=0)) == 10
    assert len(drawn(examples, _settings(examples=10, examples_per_class=2), seed=0)) == 4
    assert list(drawn(examples, _settings(), seed=0)) == examples


def test_only_texts_with_a_class_are_drawn_by_it() -> None:
    with pytest.raises(ValueError, match="set examples instead"):
        _settings(kind="span", examples_per_class=8)


def test_what_a_remedy_prepared_is_found_by_the_workers(tmp_path: Path) -> None:
    arrays = TokenArrays.of([[1, 2], [3]], [0, 1])
    weights = np.array([0.5, 2.0], np.float32)
    folder = write_run(spec_of(tmp_path), arrays, arrays, {"old-model": {"weights": weights}})
    ((name, prepared),) = read_prepared(folder).items()
    assert name == "old-model"
    assert prepared["weights"].tolist() == [0.5, 2.0]
