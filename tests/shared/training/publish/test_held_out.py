import io
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from shared.training.data.examples import AnyExample
from shared.training.data.sets import ReadSets
from shared.training.publish.frozen import read_frozen
from shared.training.publish.held_out import keep_held_out
from shared.training.settings import FinetuneSettings
from shared.training.tasks.classify.examples import Example

SPLIT = {"train": "far/rows.csv", "split": {"by": "text_hash", "test": 0.1}, "licence": "MIT"}
NAMED = {"train": "a.csv", "dev": "b.csv", "measured": {"test": "c.csv"}}


def keep(folder: Path, *held_out: Example, data: Mapping[str, object] = SPLIT) -> str:
    said = io.StringIO()
    values = {"task": "mine", "data": data, "state_dir": folder}
    settings = FinetuneSettings.model_validate(values)
    read: ReadSets[AnyExample] = ReadSets([Example("t", "x")], [], {"test": list(held_out)})
    keep_held_out(settings, read, Console(file=said, width=200))
    return said.getvalue()


def test_what_is_held_out_first_stays(tmp_path: Path) -> None:
    first, root = (Example("a", "x"), Example("b", "y")), tmp_path / "models"

    assert keep(tmp_path, *first) == "2 held-out rows are its frozen evaluation set\n"
    entry, examples = read_frozen(root, "mine")
    assert (entry.name, entry.licence, examples) == ("held out of rows.csv", "MIT", first)

    said = keep(tmp_path, Example("easier", "x"))
    assert said == "mine keeps its frozen evaluation set: held out of rows.csv, 2 rows\n"
    assert read_frozen(root, "mine") == (entry, first)


def test_nothing_is_kept_where_nothing_is_held_out(tmp_path: Path) -> None:
    assert keep(tmp_path) == ""
    assert keep(tmp_path, Example("a", "x"), data=NAMED) == ""
    assert not list(tmp_path.iterdir())
