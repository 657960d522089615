from pathlib import Path

import pytest
from rich.console import Console

from pipelines.freeze import FreezeSettings, run
from shared.artifacts.aliases import CHAMPION
from shared.config import load
from shared.errors import NotFoundError
from shared.models.registry import SHIPPED, open_registry
from shared.training.evaluation.sets import EvaluationSet
from shared.training.publish.frozen import SETS_CONFIG, TABLE_FILE, find_frozen, read_frozen

MOST_EXAMPLES = 500
TASKS = sorted(
    task
    for task, named in open_registry(SHIPPED, shipped=None).aliases().items()
    if CHAMPION in named
)


def test_tasks_ship() -> None:
    assert TASKS


@pytest.mark.parametrize("task", TASKS)
def test_a_set_that_ships_is_named_and_its_texts_are_not_there(task: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"pipelines\.freeze"):
        read_frozen(tmp_path, task)


def test_the_registry_that_ships_has_no_texts_either(tmp_path: Path) -> None:
    (tmp_path / TABLE_FILE).write_bytes((SHIPPED / TABLE_FILE).read_bytes())
    with pytest.raises(NotFoundError, match=f"registry={tmp_path}"):
        read_frozen(tmp_path, TASKS[0])


@pytest.mark.parametrize("task", TASKS)
def test_a_set_that_ships_is_made_again_from_the_data(
    task: str, tmp_path: Path, data_dir: Path
) -> None:
    """The same rows as when it was named, and the champion can say all of their labels."""
    settings = load(
        FreezeSettings,
        environ={},
        section="freeze",
        file=Path(SETS_CONFIG),
        overrides={"registry": str(tmp_path), "only": [task], "data_dir": str(data_dir)},
    ).settings
    run(settings, "", Console(quiet=True))
    manifest = open_registry(tmp_path).bundle(open_registry(tmp_path).resolve(task)).manifest

    entry, examples = read_frozen(tmp_path, task)
    named = find_frozen(tmp_path / "none", task)

    assert named is not None
    assert (entry.sha256, entry.kind) == (named.sha256, manifest.kind)
    assert 100 <= entry.examples == len(examples) <= MOST_EXAMPLES
    assert not EvaluationSet.of(entry, examples).unknown_labels(manifest)
