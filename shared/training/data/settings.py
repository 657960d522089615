"""What a run's data can be told: files, their columns, the splits, and what is too bad to go on."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from shared.config import Settings
from shared.training.data.formats import PLAIN, Columns
from shared.validation.forms import NAME

HUB = "hf://"
HUB_PATH = re.compile(
    r"hf://datasets/(?P<name>[\w.-]+(?:/[\w.-]+)?)@(?P<revision>[0-9a-f]{40})/(?P<pattern>[^/].*)"
)


class SetPart(StrEnum):
    """What a set of a run is for; `CHOICE`, `CALIBRATION` and `GATE` are given together.

    `DEV` chooses and calibrates, `TEST` is what a split with `DEV` holds out.
    """

    TRAIN = "train"
    CHOICE = "choice"
    CALIBRATION = "calibration"
    GATE = "gate"
    DEV = "dev"
    TEST = "test"


JUDGING = (SetPart.CHOICE, SetPart.CALIBRATION, SetPart.GATE)
"""The parts beside train of data that keep all four apart."""

_DEV_SHARE = 0.1

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
    rows. `format` names how rows are read, see the `rows` of the kinds below
    `shared.training.tasks`; `columns` says which column of the file stands for one that the format
    reads, as `{text: headline}`; `types`, of kind `tag`, which type each of the file's types of
    entities means, as `{ORG: company}`: where it is given, entities of other types are none.
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


def _is_json_lines(path: Path) -> Path:
    if path.suffix != ".jsonl":
        raise ValueError(f"{path}: JSON Lines are written, so name it .jsonl")
    return path


JsonLinesFile = Annotated[Path, AfterValidator(_is_json_lines)]
"""A file that a pipeline writes and others read: its ending says what it holds."""


class FieldSplit(Settings):
    """By a column that says where each row belongs; another value in it is a bad row."""

    by: Literal["field"]
    column: str = "split"
    train: Values = ("train",)
    dev: Values = ("dev", "val", "valid", "validation")
    test: tuple[str, ...] = ("test",)
    choice: tuple[str, ...] = ()
    calibration: tuple[str, ...] = ()
    gate: tuple[str, ...] = ()

    def parts(self) -> dict[SetPart, tuple[str, ...]]:
        """The parts that are taken from train, and the values that mean them."""
        given = {SetPart(name): getattr(self, name) for name in JUDGING if getattr(self, name)}
        return given or {SetPart.DEV: self.dev, SetPart.TEST: self.test}


class _Shares(Settings):
    dev: Annotated[float, Field(gt=0, lt=1)] | None = None
    test: Share = 0.0
    choice: Share = 0.0
    calibration: Share = 0.0
    gate: Share = 0.0

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        parts = self.parts()
        if SetPart.DEV not in parts and (self.dev is not None or self.test):
            raise ValueError("give choice, calibration and gate, or dev and test, not both")
        if sum(parts.values()) >= 1:
            named = " and ".join(f"{part} {share:g}" for part, share in parts.items() if share)
            raise ValueError(f"{named} leave nothing to train on")
        return self

    def parts(self) -> dict[SetPart, float]:
        """The parts that are taken from train and their shares, in the order of the axis."""
        axis = (SetPart.CALIBRATION, SetPart.CHOICE, SetPart.GATE)
        given = {part: getattr(self, part) for part in axis if getattr(self, part)}
        return given or {SetPart.DEV: self.dev or _DEV_SHARE, SetPart.TEST: self.test}


class TimeSplit(_Shares):
    """By time: the latest rows are the gate (or test), before them come choice (or dev) and
    calibration.

    `column` holds ISO 8601 (UTC where it is without time zone) or seconds since 1970. Rows of one
    moment stay together.
    """

    by: Literal["time"]
    column: str


class TextHashSplit(_Shares):
    """By a hash of the text in `column` (none: `data.group`, else `data.text`): a place for good.

    Texts that differ only in case, punctuation or space stay together, and so do, in four parts,
    near duplicates. A row that is added moves no other one, but for those: of a class with fewer
    than two rows in train, rows are moved there, until it has two or all. Tokens count as the text
    that they make. For questions on passages split by the passage.
    """

    by: Literal["text_hash"]
    column: str | None = None


Split = Annotated[FieldSplit | TimeSplit | TextHashSplit, Field(discriminator="by")]


class DataSettings(Columns):
    """What is learned from, chosen by, calibrated on and judged by, and sets that are measured.

    `train` is learned from; `choice` chooses epoch and seed; on `calibration` temperature and
    threshold are fitted; `gate` decides nothing: its figures are those of unseen data, and it
    becomes the task's evaluation set. Each of the three is files, or a part of train by `split`.
    The four share no text, no near duplicate and no `group` (a column that names the domain, the
    user or the company of a row): what repeats a row of a later part is left out, or moved where a
    hash splits. `dev` is one set that chooses and calibrates, and whose figures are too good for
    that: either files, or a split with a part `dev`, whose third part is measured as `test`.

    Of each set as many bad rows are left out as the larger of `max_bad_rows` and `max_bad_share`
    allows; more stop the run. From `ray_from_mb` megabytes on, all files together, Ray Data reads.
    `near_duplicate` is how similar two texts must be to be told as nearly the same.
    """

    train: Files
    dev: SomeFiles = ()
    choice: SomeFiles = ()
    calibration: SomeFiles = ()
    gate: SomeFiles = ()
    measured: dict[SetName, Files] = Field(default_factory=dict)
    split: Split | None = None
    group: str | None = None
    max_bad_rows: Annotated[int, Field(ge=0)] = 0
    max_bad_share: Share = 0.0
    ray_from_mb: Annotated[float, Field(ge=0)] = 256.0
    near_duplicate: Annotated[float, Field(ge=0.5, le=1)] = 0.8
    name: str | None = None
    licence: str | None = None
    attribution: str | None = None

    @model_validator(mode="after")
    def _each_part_comes_from_one_place(self) -> Self:
        split = self.split.parts() if self.split is not None else {}
        taken = [part for part in split if split[part]]
        if self.four_parts:
            given = sorted([part for part in JUDGING if getattr(self, part)] + taken)
            if self.dev or given != sorted(JUDGING):
                raise ValueError(
                    "give each of choice, calibration and gate once, as files or as a part of "
                    "split: {by: text_hash, choice: 0.1, calibration: 0.1, gate: 0.1}, and no dev; "
                    f"given are {', '.join([*given, *(['dev'] if self.dev else [])])}"
                )
        elif bool(self.dev) == (self.split is not None):
            raise ValueError(
                "give either files of dev or a split of train, such as "
                "split: {by: text_hash, dev: 0.1}; "
                f"{'both are' if self.dev else 'neither is'} given"
            )
        elif self.group is not None:
            raise ValueError("group: only choice, calibration and gate are kept apart by it")
        for part in {*taken, *(JUDGING if self.four_parts else ())}:
            if part in self.measured:
                raise ValueError(f"measured: {part} is the name of a part of the data: rename it")
        return self

    @property
    def four_parts(self) -> bool:
        """Whether choice, calibration and gate are kept apart."""
        split = self.split.parts() if self.split is not None else {}
        return any(getattr(self, part) or part in split for part in JUDGING)

    @property
    def choosing(self) -> SetPart:
        """The name of the set that chooses the epoch."""
        return SetPart.CHOICE if self.four_parts else SetPart.DEV

    def named_files(self) -> dict[str, tuple[DataFile, ...]]:
        """The files of each set that has some, train first."""
        parts = (SetPart.TRAIN, SetPart.DEV, *JUDGING)
        named: dict[str, tuple[DataFile, ...]] = {part.value: getattr(self, part) for part in parts}
        return {name: files for name, files in named.items() if files} | self.measured

    def files(self) -> list[DataFile]:
        """All files of all sets."""
        return [file for files in self.named_files().values() for file in files]
