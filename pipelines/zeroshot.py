"""Makes a classifier from descriptions: python -m pipelines.zeroshot --config FILE [--set ...]

Nothing is trained: each class's row of the head is the backbone's vector of what describes it, so
a text belongs where it is most similar. The result is an ordinary `classify` bundle (method
`head`), the task's candidate. Labelled texts of dev calibrate and measure it, if there are any.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from rich.console import Console

from pipelines.command import CommandLine
from shared.config import Settings
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle, Label, Method, TaskName
from shared.models.heads import Head
from shared.models.registry import open_registry
from shared.models.source import BackboneConfig
from shared.models.tokenization import TextTokenizer
from shared.training.data.examples import labels_of
from shared.training.data.formats import Columns
from shared.training.data.reading import raise_faults
from shared.training.data.settings import SetPart, SomeFiles
from shared.training.data.sources import read_located
from shared.training.methods.head import Frozen
from shared.training.methods.model import TunedModel
from shared.training.publish.head_card import HeadCard, render_head
from shared.training.publish.publishing import Origin, publish, write_trained
from shared.training.settings import OutputSettings
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.kind import CLASSIFY
from shared.training.tasks.classify.learning import ClassLearning
from shared.training.tasks.classify.pooled import pooled_vectors, set_prototypes
from shared.training.tasks.trained import Measured, Trained
from shared.training.tasks.training_data import NOTHING, TrainingData


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
    data = _data(settings)
    backbone = Backbone.load(settings.backbone)
    length = backbone.at_most(settings.max_length)
    tokenizer = backbone.text_tokenizer(length)
    model = _model(settings, backbone, tokenizer)
    measured = Trained(model, data, backbone, tokenizer).measure()
    card = _card(settings, backbone, measured, length, command)
    with tempfile.TemporaryDirectory() as aside:
        written = write_trained(
            Path(aside), model, backbone, card.origin, measured, render_head(card)
        )
        return publish(registry, written.folder)


def _data(settings: ZeroshotSettings) -> TrainingData:
    """The labelled texts, if some are given; every one must be of a described class."""
    columns = Columns(text=settings.text, label=settings.label)
    dev = read_located(settings.dev, lambda file: CLASSIFY.reader(file, columns), settings.data_dir)
    others = labels_of(dev) - settings.descriptions.keys()
    raise_faults([f"dev: class {label!r} has no description" for label in sorted(others)])
    on = (SetPart.DEV.value, SetPart.DEV.value) if dev else (SetPart.TRAIN.value, NOTHING)
    return TrainingData(ClassLearning(), settings.labels, (), dev, {}, None, *on)


def _model(settings: ZeroshotSettings, backbone: Backbone, tokenizer: TextTokenizer) -> TunedModel:
    described = [
        Example(text, label) for label in settings.labels for text in settings.descriptions[label]
    ]
    arrays = ClassLearning().arrays(described, tokenizer, settings.labels)
    tuned = Frozen(backbone.encoder)
    head = Head(CLASSIFY.name, backbone.pooled_width, settings.labels)
    model = TunedModel.pooling(tuned, backbone, head)
    vectors = pooled_vectors(tuned, backbone, arrays)
    set_prototypes(head, vectors, arrays.targets, settings.similarity_scale)
    return model.to(backbone.device)


def _card(
    settings: ZeroshotSettings, backbone: Backbone, measured: Measured, length: int, command: str
) -> HeadCard:
    described = json.dumps(settings.descriptions, sort_keys=True)
    origin = Origin(
        task=settings.task,
        method=Method.HEAD,
        labels=settings.labels,
        max_length=length,
        data_fingerprint=hashlib.sha256(described.encode()).hexdigest(),
        command=command,
        licence=settings.licence,
        attribution=settings.attribution,
    )
    how = (
        "Zero-shot: the rows of the head are the backbone's vectors of descriptions of the "
        f"classes, times {settings.similarity_scale:g}; nothing was trained",
        *(f"`{label}`: {' / '.join(settings.descriptions[label])}" for label in settings.labels),
    )
    return HeadCard(origin, backbone.name, how, measured)


main = CommandLine("zeroshot", ZeroshotSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
