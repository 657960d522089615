"""What a run of `pipelines.fewshot` can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from shared.models.tasks import TaskKind
from shared.training.data.formats import PLAIN
from shared.training.data.settings import JUDGING, SetPart
from shared.training.settings import FinetuneSettings

# One pass over many pairs; with the rest of a fine-tuning's defaults.
_OPTIMISATION = {"epochs": 1, "max_batch_tokens": 4096}


class FewshotSettings(FinetuneSettings):
    """What `pipelines.finetune` is told of a `classify` task, and what is particular to few texts.

    Each example stands in `pairs_per_example` pairs. `inverse_l2` is that of the logistic
    regression.
    """

    pairs_per_example: PositiveInt = 20
    inverse_l2: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="before")
    @classmethod
    def _few_are_passed_once(cls, values: object) -> object:
        if not isinstance(values, dict) or not isinstance(values.get("optimisation", {}), dict):
            return values
        return values | {"optimisation": _OPTIMISATION | values.get("optimisation", {})}

    @model_validator(mode="after")
    def _is_contrastive(self) -> Self:
        faults = []
        if self.kind is not TaskKind.CLASSIFY or self.multi_label:
            faults.append("kind: few examples make a classify task of one class a text alone")
        if len(self.optimisation.seeds) > 1:
            faults.append("optimisation.seeds: give one, and run once for each")
        if self.optimisation.accumulation > 1:
            faults.append(
                "optimisation.accumulation: pairs learn from the whole batch: leave it out"
            )
        if self.remedies:
            faults.append(
                "remedies: few examples learn by pairs alone: leave them out, or use "
                "pipelines.finetune"
            )
        if self.data.second is not None:
            faults.append("data.second: the pairs are of single texts: leave it out")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def contrastive(self) -> FinetuneSettings:
        """The settings of the loop that tunes the encoder, which never reads the files."""
        values = self.model_dump(include=set(FinetuneSettings.model_fields))
        data = values["data"]
        parts = [data[part] for part in (SetPart.TRAIN, SetPart.DEV, *JUDGING)]
        for file in (file for files in (*parts, *data["measured"].values()) for file in files):
            file["format"] = PLAIN
        values["optimisation"]["metric"] = None
        # They are drawn before the pairs are made.
        values["examples"] = values["examples_per_class"] = None
        if self.backbone.is_folder:
            # Workers stand in another folder than this process.
            path = Path(self.backbone.source).expanduser().resolve()
            values["backbone"]["source"] = str(path)
        return FinetuneSettings.model_validate(values | {"kind": TaskKind.EMBED})
