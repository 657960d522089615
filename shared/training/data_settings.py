"""What a run's data can be told: files, their columns, the splits, and what is too bad to go on."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from shared.config import Settings
from shared.training.formats import PLAIN
from shared.validation.forms import NAME

HUB = "hf://"
HUB_PATH = re.compile(
    r"hf://datasets/(?P<name>[\w.-]+(?:/[\w.-]+)?)@(?P<revision>[0-9a-f]{40})/(?P<pattern>[^/].*)"
)
TEST = "test"
"""The measured set that a split's third part becomes."""

Share = Annotated[float, Field(ge=0, lt=1)]
SetName = Annotated[str, NAME]
Values = Annotated[tuple[str, ...], Field(min_length=1)]


def _as_files(value: object) -> object:
    """One file or several, each a path or a mapping."""
    values = value if isinstance(value, list | tuple) else [value]
    return [{"path": each} if isinstance(each, str) else each for each in values]


class DataFile(Settings):
    """One file: JSON Lines or CSV, also gzipped, or Parquet; `{data_dir}` in its path is replaced.

    `hf://datasets/OWNER/NAME@COMMIT/data/train-*.parquet` names files of a Hugging Face data set,
    at a commit of 40 hexadecimal digits, so that the same configuration always means the same
    rows. `format` names how rows are read, see `shared.training.formats`; `columns` says which
    column of the file stands for one that the format reads, as `{text: headline}`; `types`, of kind
    `tag`, which type each of the file's types of entities means, as `{ORG: company}`: where it is
    given, entities of other types are none.
    """

    path: str
    format: str = PLAIN
    columns: Mapping[str, str] = Field(default_factory=dict)
    types: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _is_pinned(cls, path: str) -> str:
        if path.startswith(HUB) and HUB_PATH.fullmatch(path) is None:
            raise ValueError(
                f"{path}: expected hf://datasets/OWNER/NAME@COMMIT/FILES with a commit of 40 "
                "hexadecimal digits (a branch or a tag may change) and files such as "
                "data/train-*.parquet"
            )
        return path


Files = Annotated[tuple[DataFile, ...], BeforeValidator(_as_files), Field(min_length=1)]
SomeFiles = Annotated[tuple[DataFile, ...], BeforeValidator(_as_files)]


class FieldSplit(Settings):
    """By a column that says where each row belongs; another value in it is a bad row."""

    by: Literal["field"]
    column: str = "split"
    train: Values = ("train",)
    dev: Values = ("dev", "val", "valid", "validation")
    test: tuple[str, ...] = ("test",)


class _Shares(Settings):
    dev: Annotated[float, Field(gt=0, lt=1)] = 0.1
    test: Share = 0.0

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.dev + self.test >= 1:
            raise ValueError(f"dev {self.dev:g} and test {self.test:g} leave nothing to train on")
        return self


class TimeSplit(_Shares):
    """By time: the latest rows are the test part, those before them dev.

    `column` holds ISO 8601 (UTC where it names no zone) or seconds since 1970. Rows of one moment
    stay together.
    """

    by: Literal["time"]
    column: str


class TextHashSplit(_Shares):
    """By a hash of the text in `column` (none: `data.text`), so each text has a place for good.

    Texts that differ only in case, punctuation or space stay together, and a row that is added
    moves no other one. Tokens count as the text that they make. For questions on passages split by
    the passage.
    """

    by: Literal["text_hash"]
    column: str | None = None


Split = Annotated[FieldSplit | TimeSplit | TextHashSplit, Field(discriminator="by")]


class DataSettings(Settings):
    """What is trained on, what the epoch is chosen by, and named sets that are only measured.

    `text` and `label` are the columns of plain files, `second` that of a pair's second text,
    `labels` that of a list of classes. `split` parts the rows of `train` instead of naming files
    of `dev`; a third part of it is measured as `test`.

    Of each set as many bad rows are left out as the larger of `max_bad_rows` and `max_bad_share`
    allows; more stop the run. From `ray_from_mb` megabytes on, all files together, Ray Data reads.
    `near_duplicate` is how similar two texts must be to be told as nearly the same.
    """

    train: Files
    dev: SomeFiles = ()
    measured: dict[SetName, Files] = Field(default_factory=dict)
    split: Split | None = None
    text: str = "text"
    second: str | None = None
    label: str = "label"
    labels: str = "labels"
    max_bad_rows: Annotated[int, Field(ge=0)] = 0
    max_bad_share: Share = 0.0
    ray_from_mb: Annotated[float, Field(ge=0)] = 256.0
    near_duplicate: Annotated[float, Field(ge=0.5, le=1)] = 0.8
    name: str | None = None
    licence: str | None = None
    attribution: str | None = None

    @model_validator(mode="after")
    def _dev_comes_from_one_place(self) -> Self:
        if bool(self.dev) == (self.split is not None):
            raise ValueError(
                "give either files of dev or a split of train, such as "
                "split: {by: text_hash, dev: 0.1}; "
                f"{'both are' if self.dev else 'neither is'} given"
            )
        if self.split is not None and self.split.test and TEST in self.measured:
            raise ValueError(f"measured: {TEST} is the name of the split's third part: rename it")
        return self

    def files(self) -> list[DataFile]:
        """All files of all sets."""
        return [
            *self.train,
            *self.dev,
            *(file for files in self.measured.values() for file in files),
        ]
