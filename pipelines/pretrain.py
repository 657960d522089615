"""Adapts a backbone to unlabelled text: python -m pipelines.pretrain --config FILE [--set ...]

`objective: masked` guesses hidden tokens, for texts of a domain that the backbone has not seen;
`objective: simcse` tunes the embedding. With `scratch` the backbone begins with random weights and
a tokenizer that is trained on the text, which serves a language without an available backbone.
What is written is a backbone's folder: name it `backbone.source`. After an interruption the same
command continues at the last valid checkpoint.
"""

import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from pipelines.command import CommandLine
from pipelines.pretrain_settings import LEAST_TEXTS, PretrainSettings
from shared.errors import ConflictError, InputError
from shared.files import new_folder
from shared.models.backbone import Backbone
from shared.models.source import BackboneFiles, locate_folder
from shared.training.data.reading import Row, text_cell
from shared.training.data.sources import read_located
from shared.training.data.tokenisation import tokenise
from shared.training.loop.checkpoint import CheckpointStore, TrainingState
from shared.training.loop.loop import Run, TrainingLoop
from shared.training.loop.progress import followed, shown
from shared.training.loop.run_folder import locked
from shared.training.loop.workers import Worker
from shared.training.methods.full import Full
from shared.training.methods.model import TunedModel
from shared.training.pretraining.masked import (
    MASKED_METRIC,
    MaskedLoss,
    MaskedModel,
    judge_masked,
    mask_id,
)
from shared.training.pretraining.scratch import write_scratch
from shared.training.pretraining.simcse import embedder, halves, twice
from shared.training.tasks.embed.contrastive import Contrastive
from shared.training.tasks.embed.learning import judge_vectors
from shared.training.tasks.objective import Objective


def _run(settings: PretrainSettings, command: str, console: Console) -> int:
    written = pretrain(settings, console)
    console.print(f"the backbone is in {written.folder}, its weights' SHA-256 {written.sha256}")
    console.print("the next command trains on it: --set backbone.source=", end="")
    console.print(str(written.folder.resolve()), markup=False)
    return 0


def pretrain(settings: PretrainSettings, console: Console) -> BackboneFiles:
    """Reads, trains, and writes the backbone's folder.

    Raises:
        PlatformError: with the reason and the remedy; no backbone is written then.
        KeyboardInterrupt: likewise; the same command continues.
    """
    if settings.output.exists():
        raise ConflictError(f"output: {settings.output} exists already: choose another folder")
    texts = _texts(settings)
    folder = _folder(settings, texts)
    with locked(folder):
        backbone = _backbone(settings, texts, folder / "start")
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        model, run = _prepared(settings, texts, backbone, folder)
        worker = Worker(0, 1, backbone.device)
        console.print(
            f"{len(run.train):,} texts, {len(run.train.tokens):,} tokens an epoch, "
            f"{settings.objective} on {_name(settings, backbone)}; in {folder}"
        )
        with shown(console) as line, followed(folder, line):
            state = TrainingLoop(model, run, worker).run()
        written = _write(settings, model, folder, state, backbone)
    shutil.rmtree(folder)
    return written


def _texts(settings: PretrainSettings) -> list[str]:
    """The different texts, in the order that the seed gives them."""

    def read(row: Row) -> list[str]:
        return [text_cell(row, settings.text)]

    found = read_located(settings.files, lambda _: read, settings.data_dir)
    different = list(dict.fromkeys(found))
    if len(different) < LEAST_TEXTS:
        raise InputError(f"files: {len(different)} different texts: at least {LEAST_TEXTS}")
    order = np.random.default_rng(settings.seed).permutation(len(different))
    return [different[i] for i in order[: settings.max_texts]]


def _folder(settings: PretrainSettings, texts: Sequence[str]) -> Path:
    """The run's folder, absolute; named by all that decides the weights."""
    decisive = settings.model_dump_json(
        exclude={"files", "output", "checkpoint", "threads", "data_dir", "state_dir"}
    )
    digest = hashlib.sha256(decisive.encode())
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    name = f"pretrain-{digest.hexdigest()[:12]}"
    return (settings.state_dir / "training" / name).resolve()


def _backbone(settings: PretrainSettings, texts: Sequence[str], start: Path) -> Backbone:
    dropouts = settings.optimisation.dropouts
    if settings.scratch is None:
        return Backbone.load(settings.backbone, dropouts)
    if not start.exists():
        write_scratch(start, settings.scratch, texts, settings.seed)
    return Backbone.load(settings.backbone.model_copy(update={"source": str(start)}), dropouts)


def _name(settings: PretrainSettings, backbone: Backbone) -> str:
    if settings.scratch is None:
        return backbone.name
    return f"random weights and {backbone.tokenizer.get_vocab_size():,} word pieces of the text"


def _prepared(
    settings: PretrainSettings, texts: Sequence[str], backbone: Backbone, folder: Path
) -> tuple[TunedModel, Run]:
    """The model that is trained, and what a loop trains it on."""
    length = backbone.at_most(settings.max_length)
    tokenizer = backbone.text_tokenizer(length)
    held_out = max(1, round(settings.dev * len(texts)))
    dev, train = texts[:held_out], texts[held_out:]
    # What guesses the hidden tokens begins by chance, the same at every start.
    torch.manual_seed(settings.seed)
    model: TunedModel
    objective: Objective
    if settings.objective == "simcse":
        train_arrays, dev_arrays = twice(tokenizer, train), halves(tokenizer, dev)
        worker = Worker(0, 1, backbone.device)
        objective = Contrastive(settings.optimisation.similarity_scale, worker)
        model, judge, metric = embedder(backbone), judge_vectors, "mrr_at_10"
    else:
        mask_id(backbone.tokenizer)
        train_arrays, dev_arrays = (tokenise(tokenizer, s, [0] * len(s)) for s in (train, dev))
        objective = MaskedLoss(settings.rate)
        model, judge, metric = MaskedModel(backbone, settings.rate), judge_masked, MASKED_METRIC
    run = Run(
        folder=folder,
        train=train_arrays,
        dev=dev_arrays,
        objective=objective,
        judge=judge,
        metric=metric,
        pad_id=backbone.pad_id,
        seed=settings.seed,
        optimisation=settings.optimisation,
        checkpoint=settings.checkpoint,
    )
    return model, run


def _write(
    settings: PretrainSettings,
    model: TunedModel,
    folder: Path,
    state: TrainingState,
    backbone: Backbone,
) -> BackboneFiles:
    """Writes the best epoch's encoder with the tokenizer and the pooling that it began with."""
    store = CheckpointStore(folder / "checkpoints", settings.checkpoint.keep)
    model.restore(store.best(state).model)
    tuned = model.tuned
    if not isinstance(tuned, Full):
        raise TypeError(f"{type(tuned).__name__} gives no backbone")
    with new_folder(settings.output) as aside:
        tuned.write_backbone(backbone.folder, aside)
    return locate_folder(settings.output, settings.output.name)


main = CommandLine("pretrain", PretrainSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
