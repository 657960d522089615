"""Ray Data gives the same rows and the same errors as this process."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
import ray

from shared.errors import InputError
from shared.tabular.table import Table
from shared.training.data import ray_reading
from shared.training.data.formats import PLAIN, Columns
from shared.training.data.ray_reading import read_parts
from shared.training.data.reading import Portion, RowReader, read_files
from shared.training.data.sets import read_sets
from shared.training.data.settings import DataSettings
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.rows import labelled_formats
from tests.shared.training.made_files import write_files

pytestmark = [
    pytest.mark.training,
    # Ray Data's own context, whenever it is copied.
    pytest.mark.filterwarnings(r"ignore:`\w+` is deprecated:DeprecationWarning"),
    # Ray leaves sockets and files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PLAIN_ROW = labelled_formats(Columns())[PLAIN].read


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_the_same_rows_and_faults(tmp_path: Path) -> None:
    files = [(file, PLAIN_ROW) for file in write_files(tmp_path)]
    here = read_files(files)
    there = read_files(files, part_bytes=300, read_parts=read_parts)
    assert there == here
    assert sum(len(portion.examples) for portion in here) > 130
    assert sum(len(portion.faults) for portion in here) > 8


def test_the_size_of_the_files_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(
        parts: Sequence[tuple[Table, RowReader[Example]]], *, address: str
    ) -> list[Portion[Example]]:
        calls.append(len(parts))
        return read_parts(parts, address=address)

    monkeypatch.setattr(ray_reading, "read_parts", counted)
    paths = write_files(tmp_path)
    read = partial(read_sets, reader_of=lambda _: PLAIN_ROW, data_dir=tmp_path)
    messages = []
    for limit in (0.0, 256.0):
        data = DataSettings.model_validate(
            {"train": [str(path) for path in paths], "dev": str(paths[0]), "ray_from_mb": limit}
        )
        with pytest.raises(InputError) as caught:
            read(data, rejects=tmp_path / "rejects.csv")
        messages.append((str(caught.value), (tmp_path / "rejects.csv").read_text()))
    assert messages[0] == messages[1]
    assert len(calls) == 1
    # Of four damaged, missing or unknown ones it is known before; one is read as dev, too.
    assert calls[0] == len(paths) - 4 + 1
