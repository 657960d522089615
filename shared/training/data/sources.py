"""Where the files of a run are: on this machine, or in a Hugging Face data set at one commit."""

from collections.abc import Callable, Sequence
from pathlib import Path

from shared.errors import DependencyError, InputError
from shared.training.data.reading import ExampleT, RowReader, read_rows, renamed
from shared.training.data.settings import HUB_PATH, DataFile


def read_located(
    files: Sequence[DataFile], reader_of: Callable[[DataFile], RowReader[ExampleT]], data_dir: Path
) -> list[ExampleT]:
    """The examples of files, each by its own reader and with its own columns.

    Raises:
        InputError: a file or a row cannot be used, or there is no reader of its format.
        DependencyError: a Hugging Face data set cannot be had.
    """
    return read_rows(
        [
            (path, renamed(reader_of(file), file.columns))
            for file in files
            for path in locate_files(file, data_dir)
        ]
    )


def locate_files(file: DataFile, data_dir: Path) -> list[Path]:
    """The files that a path names, those of a Hugging Face data set downloaded, in order of name.

    What was downloaded once is read from the cache, also without a network. Scripts of a data set
    are not run: only files that `shared.tabular.table` reads are taken.

    Raises:
        InputError: no file of the data set fits the pattern.
        DependencyError: Hugging Face does not give the files.
    """
    remote = HUB_PATH.fullmatch(file.path)
    if remote is None:
        return [Path(file.path.replace("{data_dir}", str(data_dir)))]
    from huggingface_hub import snapshot_download

    name, revision, pattern = remote["name"], remote["revision"], remote["pattern"]
    try:
        folder = snapshot_download(
            name, repo_type="dataset", revision=revision, allow_patterns=[pattern]
        )
    except (OSError, ValueError) as error:
        raise DependencyError(
            f"Hugging Face does not give the data set {name} at {revision}: {error}; check the "
            "name and the network, or give files of this machine"
        ) from error
    found = sorted(path for path in Path(folder).glob(pattern) if path.is_file())
    if not found:
        raise InputError(
            f"{file.path}: no file of the data set at this commit fits {pattern!r}: look at its "
            "files, and give a pattern such as data/train-*.parquet"
        )
    return found
