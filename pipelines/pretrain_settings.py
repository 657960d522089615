"""What a run of `pipelines.pretrain` can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from shared.config import Settings
from shared.models.source import BackboneConfig
from shared.training.data.settings import Files
from shared.training.pretraining.scratch import ScratchSettings
from shared.training.settings import CheckpointSettings, OptimisationSettings

LEAST_TEXTS = 4
_FROM_SCRATCH = {"encoder_learning_rate": 1e-3, "head_learning_rate": 1e-3, "epochs": 3}
_ADAPTING = {"encoder_learning_rate": 5e-5, "head_learning_rate": 1e-3, "epochs": 1}


class PretrainSettings(Settings):
    """Which texts are read, what is learned from them, and the folder that is written.

    Of the different texts in the column `text`, `max_texts` are drawn by the seed (none: all), and
    of these the share `dev` is held out: at `masked` the epoch is chosen by the likelihood of its
    hidden tokens, at `simcse` by how well the first half of a text finds its second. `rate` is the
    share of tokens that `masked` hides. With `scratch` no `backbone` is read but made.
    """

    files: Files
    text: str = "text"
    output: Path
    objective: Literal["masked", "simcse"] = "masked"
    backbone: BackboneConfig = BackboneConfig()
    scratch: ScratchSettings | None = None
    max_texts: Annotated[int, Field(ge=LEAST_TEXTS)] | None = None
    max_length: Annotated[int, Field(ge=8)] | None = None
    dev: Annotated[float, Field(gt=0, lt=1)] = 0.02
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.15
    optimisation: OptimisationSettings = OptimisationSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    threads: PositiveInt | None = None
    data_dir: Path = Path("../shared/data")
    state_dir: Path = Path("var")

    @model_validator(mode="before")
    @classmethod
    def _rates_of_beginning(cls, values: object) -> object:
        if not isinstance(values, dict) or not isinstance(values.get("optimisation", {}), dict):
            return values
        defaults = _FROM_SCRATCH if values.get("scratch") is not None else _ADAPTING
        return values | {"optimisation": defaults | values.get("optimisation", {})}

    @model_validator(mode="after")
    def _parts_belong_together(self) -> Self:
        faults = []
        if self.scratch is not None and self.objective == "simcse":
            faults.append("scratch: random weights learn words first: set objective=masked")
        if self.scratch is not None and self.backbone.source != BackboneConfig().source:
            faults.append("backbone: scratch makes one: leave one of the two out")
        if self.objective == "simcse" and self.optimisation.accumulation > 1:
            faults.append("optimisation.accumulation: simcse learns from the whole batch")
        if len(self.optimisation.seeds) > 1:
            faults.append("optimisation.seeds: give one, and run once for each")
        if self.optimisation.metric is not None:
            faults.append("optimisation.metric: the objective has its own: leave it out")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def seed(self) -> int:
        """The one seed."""
        return self.optimisation.seeds[0]
