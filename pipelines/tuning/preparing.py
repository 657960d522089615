"""Writes what the workers of the trials read; data that several trials share is read once."""

from collections.abc import Sequence

from pipelines.finetune import spec_of
from pipelines.tuning.space import Planned
from shared.models.backbone import Backbone
from shared.training.data.arrays import TokenArrays
from shared.training.loop.run_folder import RunSpec, write_run
from shared.training.methods.tuning import check_method
from shared.training.publish.held_out import judged_already
from shared.training.remedies.applying import learned_rows, prepare
from shared.training.remedies.remedy import Preparing
from shared.training.settings import FinetuneSettings
from shared.training.tasks.training_data import TrainingData, check_data, read_data


class Preparation:
    """The data, backbones and tokens of a search's trials."""

    def __init__(self) -> None:
        self._data: dict[str, TrainingData] = {}
        self._backbones: dict[str, Backbone] = {}
        self._arrays: dict[tuple[str, str], tuple[TokenArrays, TokenArrays]] = {}

    def specs(self, planned: Sequence[Planned]) -> dict[int, RunSpec]:
        """The run of each trial by its number; without those that repeat an earlier one's run.

        Raises:
            PlatformError: the data of a trial cannot be used, or its method does not fit.
        """
        specs: dict[int, RunSpec] = {}
        seen = set()
        for trial in planned:
            settings, backbone = trial.settings, self._backbone(trial.settings)
            data = self._read(settings)
            spec = spec_of(settings, settings.optimisation.seeds[0], data, backbone)
            check_method(backbone, settings, spec.max_length)
            if spec.folder() not in seen:
                specs[trial.number] = spec
            seen.add(spec.folder())
        return specs

    def write(self, spec: RunSpec) -> None:
        """Writes a run's folder, over what an earlier start of the same run wrote."""
        data, backbone = self._read(spec.settings), self._backbone(spec.settings)
        tokenizer = backbone.text_tokenizer(spec.max_length)
        key = (spec.backbone_sha256, f"{spec.max_length} {_data_key(spec.settings)}")
        if key not in self._arrays:
            self._arrays[key] = (
                data.arrays(data.train, tokenizer),
                data.arrays(data.dev, tokenizer),
            )
        preparing = Preparing(data, backbone, tokenizer, spec.seed)
        write_run(spec, *self._arrays[key], prepare(spec.settings.remedies, preparing))

    def _read(self, settings: FinetuneSettings) -> TrainingData:
        key = _data_key(settings)
        if key not in self._data:
            read = read_data(settings, judged_already(settings))
            data = check_data(settings, read)
            seed = settings.optimisation.seeds[0]
            self._data[key], _ = learned_rows(data, settings, seed)
        return self._data[key]

    def _backbone(self, settings: FinetuneSettings) -> Backbone:
        dropouts = settings.optimisation.dropouts
        key = f"{settings.backbone.source} {settings.backbone.revision} {dropouts}"
        if key not in self._backbones:
            self._backbones[key] = Backbone.load(settings.backbone, dropouts)
        return self._backbones[key]


def _data_key(settings: FinetuneSettings) -> str:
    return settings.model_dump_json(
        include={
            "data": True,
            "data_dir": True,
            "kind": True,
            "multi_label": True,
            "examples": True,
            "examples_per_class": True,
            "remedies": True,
            "optimisation": {"seeds"},
        }
    )
