"""Makes a classifier from descriptions: python -m pipelines.zeroshot --config FILE [--set ...]

Nothing is trained: each class's row of the head is the backbone's vector of what describes it, so
a text belongs where it is most similar. The result is an ordinary `classify` bundle (method
`head`), the task's candidate. Labelled texts of dev calibrate and measure it, if there are any.
"""

import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BeforeValidator, Field, field_validator
from rich.console import Console

from pipelines.command import CommandLine
from shared.config import Settings
from shared.errors import InputError
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle, Label, Method, TaskName
from shared.models.heads import Head
from shared.models.registry import open_registry
from shared.models.source import BackboneConfig
from shared.models.tasks import TaskKind
from shared.models.tokenization import TextTokenizer
from shared.training.data.examples import Evaluation, Example
from shared.training.data.formats import labelled_formats
from shared.training.data.reading import raise_faults, read_rows, renamed
from shared.training.data.settings import SomeFiles
from shared.training.data.sources import locate_files
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.methods.tuning import Frozen
from shared.training.publish.publishing import publish
from shared.training.settings import OutputSettings
from shared.training.tasks.classify.classification import LabelledSet
from shared.training.tasks.classify.headed import Recipe, write_headed
from shared.training.tasks.classify.pooled import pooled_vectors, set_prototypes
from shared.training.tasks.prediction import predict


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1, max_length=10_000)]
Descriptions = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1)]


class ZeroshotSettings(Settings):
    """The classes, each with a description or several, of which the mean direction counts.

    `similarity_scale` multiplies the cosines: it says how sure the probabilities are where no
    `dev` calibrates them.
    """

    task: TaskName
    descriptions: dict[Label, Descriptions]
    dev: SomeFiles = ()
    text: str = "text"
    label: str = "label"
    backbone: BackboneConfig = BackboneConfig()
    max_length: Annotated[int, Field(ge=8)] | None = None
    similarity_scale: Annotated[float, Field(gt=0, le=1000)] = 20.0
    licence: str | None = None
    attribution: str | None = None
    output: OutputSettings = OutputSettings()
    data_dir: Path = Path("../shared/data")
    state_dir: Path = Path("var")

    @field_validator("descriptions")
    @classmethod
    def _are_classes(cls, descriptions: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        owners: dict[str, str] = {}
        if len(descriptions) < 2:
            raise ValueError(f"{len(descriptions)} class: a classifier needs at least two")
        for label, texts in descriptions.items():
            for text in texts:
                if not text.strip():
                    raise ValueError(f"class {label!r} has an empty description: write one")
                if owners.setdefault(text, label) != label:
                    raise ValueError(
                        f"{text!r} describes {owners[text]!r} and {label!r}: tell them apart"
                    )
        return descriptions

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in the order of the manifest."""
        return tuple(sorted(self.descriptions))


def _run(settings: ZeroshotSettings, command: str, console: Console) -> int:
    bundle = zeroshot(settings, command)
    for name, metric in bundle.manifest.metrics.items():
        console.print(f"dev: {name} {metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f})")
    console.print(f"{bundle.id} is the candidate of {bundle.manifest.task}")
    return 0


def zeroshot(settings: ZeroshotSettings, command: str) -> Bundle:
    """Makes, measures and registers; returns the bundle.

    Raises:
        PlatformError: with the reason and the remedy; nothing is registered then.
    """
    registry = open_registry(settings.output.registry or settings.state_dir / "models")
    registry.aliases()
    dev = _dev(settings)
    backbone = Backbone.load(settings.backbone)
    length = min(settings.max_length or backbone.max_length, backbone.max_length)
    tokenizer = TextTokenizer(backbone.tokenizer, length, token_types=backbone.uses_token_types)
    model = _model(settings, backbone, tokenizer)
    evaluation = Evaluation({}, 1.0)
    if dev is not None:
        worker = Worker(0, 1, backbone.device)
        arrays = dev.arrays(tokenizer, settings.labels)
        outputs = predict(model, arrays, backbone.pad_id, worker)
        evaluation = dev.evaluate(outputs, tokenizer, settings.labels)
    recipe = _recipe(settings, evaluation, length, command)
    with tempfile.TemporaryDirectory() as aside:
        written = write_headed(Path(aside), model, backbone, recipe, time.time())
        return publish(registry, written.folder)


def _dev(settings: ZeroshotSettings) -> LabelledSet | None:
    """The labelled texts, if some are given; every one must be of a described class."""
    formats = labelled_formats(text=settings.text, label=settings.label)
    unknown = {file.format for file in settings.dev} - formats.keys()
    if unknown:
        raise InputError(f"dev: no format {', '.join(sorted(unknown))}: {', '.join(formats)}")
    if not settings.dev:
        return None
    examples = read_rows(
        [
            (path, renamed(formats[file.format].read, file.columns))
            for file in settings.dev
            for path in locate_files(file, settings.data_dir)
        ]
    )
    others = {example.label for example in examples} - settings.descriptions.keys()
    raise_faults([f"dev: class {label!r} has no description" for label in sorted(others)])
    return LabelledSet(tuple(examples))


def _model(settings: ZeroshotSettings, backbone: Backbone, tokenizer: TextTokenizer) -> TunedModel:
    described = LabelledSet(
        tuple(
            Example(text, label)
            for label in settings.labels
            for text in settings.descriptions[label]
        )
    )
    arrays = described.arrays(tokenizer, settings.labels)
    tuned = Frozen(backbone.encoder)
    head = Head(TaskKind.CLASSIFY, backbone.pooled_width, settings.labels)
    model = TunedModel(
        tuned,
        backbone.pool,
        head,
        outputs=len(settings.labels),
        bfloat16=backbone.precision is torch.bfloat16,
    )
    vectors = pooled_vectors(tuned, backbone, arrays)
    set_prototypes(head, vectors, arrays.targets, settings.similarity_scale)
    return model.to(backbone.device)


def _recipe(
    settings: ZeroshotSettings, evaluation: Evaluation, length: int, command: str
) -> Recipe:
    described = json.dumps(settings.descriptions, sort_keys=True)
    return Recipe(
        task=settings.task,
        method=Method.HEAD,
        labels=settings.labels,
        max_length=length,
        how=(
            "Zero-shot: the rows of the head are the backbone's vectors of descriptions of the "
            f"classes, times {settings.similarity_scale:g}; nothing was trained",
            *(
                f"`{label}`: {' / '.join(settings.descriptions[label])}"
                for label in settings.labels
            ),
        ),
        data_fingerprint=hashlib.sha256(described.encode()).hexdigest(),
        command=command,
        metrics=evaluation.metrics,
        temperature=evaluation.temperature,
        licence=settings.licence,
        attribution=settings.attribution,
    )


main = CommandLine("zeroshot", ZeroshotSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
