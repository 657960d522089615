"""Trains a classifier on few examples: python -m pipelines.fewshot --config FILE [--set ...]

For 8 to 16 examples a class, after SetFit's recipe: the encoder is tuned by contrastive pairs
made from them, then a logistic regression on its vectors is the head. `method: head` leaves the
encoder as it is. The result is an ordinary `classify` bundle, the task's candidate; what is held
out is kept to judge it, as `pipelines.finetune` does.
"""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from pipelines.command import CommandLine
from pipelines.fewshot_settings import FewshotSettings
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle, Method
from shared.models.registry import open_registry
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.loop.checkpoint import CheckpointStore, Tensors
from shared.training.loop.progress import followed, shown
from shared.training.loop.ray_train import cluster, train
from shared.training.loop.run_folder import RunSpec, locked, write_run
from shared.training.methods.model import TunedModel
from shared.training.methods.tuning import check_method
from shared.training.publish.head_card import HeadCard, render_head
from shared.training.publish.held_out import judged_already, keep_held_out
from shared.training.publish.publishing import Origin, publish, write_trained
from shared.training.remedies.applying import learned_rows
from shared.training.tasks.classify.class_pairs import pairs_across, pairs_within
from shared.training.tasks.classify.pooled import pooled_vectors, set_regression
from shared.training.tasks.trained import Trained
from shared.training.tasks.training_data import check_data, read_data


def _run(settings: FewshotSettings, command: str, console: Console) -> int:
    bundle = fewshot(settings, command=command, console=console)
    for name, metric in bundle.manifest.metrics.items():
        set_name, _, measure = name.rpartition(".")
        console.print(
            f"{set_name or 'dev'}: {METRIC_NAMES[measure]} {metric.value:.4f} "
            f"({metric.low:.4f} to {metric.high:.4f})"
        )
    console.print(f"{bundle.id} is the candidate of {bundle.manifest.task}")
    return 0


def fewshot(settings: FewshotSettings, *, command: str, console: Console) -> Bundle:
    """Tunes, fits the head, measures and registers; returns the bundle.

    Raises:
        PlatformError: with the reason and the remedy; nothing is registered then.
    """
    registry = open_registry(settings.registry_root)
    registry.aliases()
    read = read_data(settings, judged_already(settings))
    data, _ = learned_rows(check_data(settings, read), settings, _seed(settings))
    backbone = Backbone.load(settings.backbone, settings.optimisation.dropouts)
    length = backbone.at_most(settings.max_length)
    check_method(backbone, settings, length)
    tokenizer = backbone.text_tokenizer(length)
    model = TunedModel.on(backbone, settings, data.labels, length)
    few = Trained(model, data, backbone, tokenizer)
    tuned = settings.method is not Method.HEAD
    if tuned:
        model.restore(model.tensors() | _tune(settings, few, length, console))
    train_arrays = few.arrays(data.train)
    vectors = pooled_vectors(model.tuned, backbone, train_arrays)
    if model.head is None:
        raise TypeError("a classify model has a head")
    set_regression(model.head, vectors, train_arrays.targets, settings.inverse_l2)
    card = _card(settings, few, length, command)
    with tempfile.TemporaryDirectory() as aside:
        written = write_trained(
            Path(aside), model, backbone, card.origin, card.measured, render_head(card)
        )
        keep_held_out(settings, read, console)
        bundle = publish(registry, written.folder)
    if tuned:
        shutil.rmtree(_spec(settings, few, length).folder())
    return bundle


def _tune(settings: FewshotSettings, few: Trained, length: int, console: Console) -> Tensors:
    """The encoder's tensors after the pairs, or after what an earlier start left of them."""
    spec = _spec(settings, few, length)
    folder, seed = spec.folder(), _seed(settings)
    train_arrays, dev_arrays = few.arrays(few.data.train), few.arrays(few.data.dev)
    pairs = pairs_within(train_arrays, settings.pairs_per_example, seed)
    with (
        cluster(settings.workers) as group,
        locked(folder),
        shown(console, few.data.chosen_on) as line,
        followed(folder, line),
    ):
        write_run(spec, pairs, pairs_across(dev_arrays, train_arrays, seed))
        console.print(f"{settings.task}: {len(train_arrays)} texts in {len(pairs):,} pairs")
        state = train(folder, group, max_failures=settings.checkpoint.max_failures)
    return CheckpointStore(folder / "checkpoints", settings.checkpoint.keep).best(state).model


def _spec(settings: FewshotSettings, few: Trained, length: int) -> RunSpec:
    made = f"{few.data.fingerprint()} in {settings.pairs_per_example} pairs"
    return RunSpec(
        settings=settings.contrastive,
        labels=(),
        max_length=length,
        pad_id=few.backbone.pad_id,
        backbone_sha256=few.backbone.sha256,
        data_fingerprint=hashlib.sha256(made.encode()).hexdigest(),
    )


def _card(settings: FewshotSettings, few: Trained, length: int, command: str) -> HeadCard:
    """What the classifier is worth, and how it was made."""
    data, measured = few.data, few.measure()
    tuned = settings.method is not Method.HEAD
    pairs = settings.pairs_per_example * len(data.train)
    origin = Origin(
        task=settings.task,
        method=settings.method,
        labels=data.labels,
        max_length=length,
        data_fingerprint=data.fingerprint(),
        command=command,
        licence=settings.data.licence,
        attribution=settings.data.attribution,
    )
    how = (
        f"{settings.data.name or 'Data'}: {len(data.train):,} examples, seed {_seed(settings)}",
        f"The encoder was tuned ({settings.method}) by {pairs:,} contrastive pairs of them, "
        f"{settings.optimisation.epochs} time(s)"
        if tuned
        else "The encoder stayed as it is",
        f"The head is a logistic regression on its vectors (C = {settings.inverse_l2:g})",
    )
    return HeadCard(origin, few.backbone.name, how, measured, data.calibrated_on)


def _seed(settings: FewshotSettings) -> int:
    return settings.optimisation.seeds[0]


main = CommandLine("fewshot", FewshotSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
