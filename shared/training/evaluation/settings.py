"""What an evaluation and a promotion can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.config import Settings
from shared.models.backbones.further import BackboneKey
from shared.models.source import BackboneConfig
from shared.training.data.formats import PLAIN, Columns

BATCH_TOKENS = 1536
"""What fits the caches of a small machine's cores; larger batches were slower there."""


def _as_list(value: object) -> object:
    return [str(value)] if isinstance(value, str | Path) else value


Paths = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class GateSettings(Settings):
    """What a candidate must be like.

    `floor` is the least of the metric (none: what answers reach that look at no input). Against a
    champion, the metric may be worse by at most `margin`, at `confidence` by the paired bootstrap.
    `class_floor` is the least F1 of every class with `class_rows` examples or more, `max_ece` the
    largest calibration error. The median latency may be `max_latency_ratio` times the champion's,
    and `max_latency_ms` where that is given.
    """

    metric: str | None = None
    floor: float | None = Field(default=None, ge=0, le=1)
    margin: float = Field(default=0.02, ge=0, le=1)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    class_floor: float = Field(default=0.2, ge=0, le=1)
    class_rows: int = Field(default=5, ge=1)
    max_ece: float = Field(default=0.15, gt=0, le=1)
    max_latency_ratio: float = Field(default=1.5, ge=1)
    max_latency_ms: float | None = Field(default=None, gt=0)


class JudgingSettings(Columns):
    """Where bundles and data are, and how the bundles are run.

    Files are read as `format` says (see `training.data.formats`). `types`, of kind `tag`, says
    which of the bundle's types each of the files' means; others are not entities then. `backbones`
    are further ones, of which the one is read that the bundle was made for. `output` is
    the report's folder; by default it is named by the bundle below `<state_dir>/evaluations`.
    """

    format: str = PLAIN
    types: dict[str, str] = Field(default_factory=dict)
    backbone: BackboneConfig = BackboneConfig()
    backbones: dict[BackboneKey, BackboneConfig] = Field(default_factory=dict)
    batch_tokens: int = Field(default=BATCH_TOKENS, ge=64, le=1 << 22)
    resamples: int = Field(default=1000, ge=100, le=100_000)
    output: Path | None = None
    registry: Path | None = None
    data_dir: Path = Path("../shared/data")
    state_dir: Path = Path("var")

    @property
    def registry_root(self) -> Path:
        """The folder of the registry."""
        return self.registry or self.state_dir / "models"

    def folder(self, bundle_id: str) -> Path:
        """Where the report on a bundle goes."""
        return self.output or self.state_dir / "evaluations" / bundle_id


class EvaluateSettings(JudgingSettings):
    """One run of `pipelines.evaluate`.

    `bundle` is a bundle's id, or a task: its champion, or its candidate where there is none.
    Without `data` the task's frozen evaluation set is taken.
    """

    bundle: str
    data: Paths = ()


class PromoteSettings(JudgingSettings):
    """One run of `pipelines.promote`: `bundle` is a bundle's id, or a task: its candidate.

    `replace_labels` lets the candidate's labels differ from the champion's. `freeze` stores these
    files as the task's evaluation set before anything is judged.
    """

    bundle: str
    gates: GateSettings = GateSettings()
    replace_labels: bool = False
    freeze: Paths = ()
