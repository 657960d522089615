"""Fine-tunes a LoRA adapter that classifies texts, and registers it as a bundle.

    python -m pipelines.finetune --config FILE [--set key=value ...]

Checks the configuration and the data first, trains by Ray Train, measures and calibrates on dev,
writes the bundle with its card, and names it champion if its task has none, else candidate. After
an interruption the same command continues at the last valid checkpoint.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from safetensors import SafetensorError

from shared.config import load, parse_assignments
from shared.errors import PlatformError
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle
from shared.models.tokenization import TextTokenizer
from shared.training.card import METRIC_NAMES, Card, Finished
from shared.training.checkpoint import Checkpoint, CheckpointStore
from shared.training.classifier import Classifier
from shared.training.evaluation import evaluate_classifier
from shared.training.examples import LabelledData, check_examples
from shared.training.progress import shown
from shared.training.publishing import open_registry, publish, write_classifier
from shared.training.ray_train import WorkerGroup, cluster, train
from shared.training.reading import read_examples
from shared.training.run_folder import RunSpec, locked, write_run
from shared.training.settings import FinetuneSettings
from shared.training.tokenisation import tokenise

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline; returns the process's exit status, and says on stderr what went wrong."""
    arguments = _parser().parse_args(argv)
    console = Console(stderr=True, soft_wrap=True)
    try:
        settings = load(
            FinetuneSettings,
            environ=os.environ,
            section="finetune",
            file=arguments.config,
            overrides=parse_assignments(arguments.set),
        ).settings
        finetune(settings, command=_command(arguments), console=console)
    except PlatformError as error:
        return _fail(error, console)
    except (OSError, SafetensorError) as error:
        # A full disk, above all; bundles and aliases are written whole or not at all.
        return _fail(error, console)
    except KeyboardInterrupt:
        console.print("interrupted: nothing was registered; the same command continues")
        return _INTERRUPTED
    return 0


def _fail(error: Exception, console: Console) -> int:
    console.print(f"[red]error:[/red] {type(error).__name__}: ", end="")
    console.print(str(error), markup=False, highlight=False)
    return 1


def finetune(settings: FinetuneSettings, *, command: str, console: Console) -> Bundle:
    """Trains, measures and registers; returns the bundle.

    Raises:
        PlatformError: with the reason and the remedy; nothing is registered then.
        KeyboardInterrupt: likewise.
    """
    registry = open_registry(settings.registry_root)
    registry.aliases()
    data = _read_data(settings)
    backbone = Backbone.load(settings.backbone)
    specs = [_spec(settings, seed, data, backbone) for seed in settings.optimisation.seeds]
    with cluster(settings.workers) as group:
        runs = [_train(spec, data, backbone, group, console) for spec in specs]
    chosen = max(runs, key=lambda run: run.score)
    card, best = _measure(chosen, runs, data, backbone, command)
    model = Classifier.on(backbone, settings.lora, data.labels)
    model.restore(best.model)
    with tempfile.TemporaryDirectory(dir=chosen.spec.folder()) as aside:
        written = write_classifier(Path(aside), model, backbone, card, time.time())
        bundle, alias = publish(registry, written.folder)
    for run in runs:
        shutil.rmtree(run.spec.folder())
    _say_result(card, bundle, alias, console)
    return bundle


def _read_data(settings: FinetuneSettings) -> LabelledData:
    columns = settings.data
    return check_examples(
        read_examples(settings.train_files(), text=columns.text, label=columns.label),
        read_examples(settings.dev_files(), text=columns.text, label=columns.label),
    )


def _spec(settings: FinetuneSettings, seed: int, data: LabelledData, backbone: Backbone) -> RunSpec:
    """The specification of one seed's run; workers stand in another folder than this process."""
    optimisation = settings.optimisation.model_copy(update={"seeds": (seed,)})
    source = settings.backbone
    if source.is_folder:
        path = Path(source.source).expanduser().resolve()
        source = source.model_copy(update={"source": str(path)})
    return RunSpec(
        settings=settings.model_copy(update={"optimisation": optimisation, "backbone": source}),
        labels=data.labels,
        max_length=min(settings.max_length or backbone.max_length, backbone.max_length),
        pad_id=backbone.pad_id,
        backbone_sha256=backbone.sha256,
        data_fingerprint=data.fingerprint(),
    )


def _train(
    spec: RunSpec, data: LabelledData, backbone: Backbone, group: WorkerGroup, console: Console
) -> Finished:
    """Trains one seed on the group of workers, or what an earlier start left of it."""
    folder = spec.folder()
    tokenizer = TextTokenizer(
        backbone.tokenizer, spec.max_length, token_types=backbone.uses_token_types
    )
    with locked(folder), shown(folder, console):
        train_arrays = tokenise(tokenizer, data.train, data.labels)
        write_run(spec, train_arrays, tokenise(tokenizer, data.dev, data.labels))
        console.print(
            f"{spec.settings.task}, seed {spec.seed}: {len(data.train):,} examples of "
            f"{len(data.labels)} classes, {len(train_arrays.tokens):,} tokens an epoch, on "
            f"{group.count} {'GPU' if group.gpu else 'CPU'} workers; in {folder}"
        )
        longest = int((train_arrays.lengths == spec.max_length).sum())
        if longest:
            console.print(f"{longest:,} of them are read up to {spec.max_length} tokens only")
        state = train(folder, group, max_failures=spec.settings.checkpoint.max_failures)
    return Finished(spec, state)


def _measure(
    chosen: Finished,
    runs: Sequence[Finished],
    data: LabelledData,
    backbone: Backbone,
    command: str,
) -> tuple[Card, Checkpoint]:
    """The best epoch of the chosen run, and all that the card tells of it."""
    store = CheckpointStore(
        chosen.spec.folder() / "checkpoints", chosen.spec.settings.checkpoint.keep
    )
    best = store.best(chosen.state)
    index = {label: i for i, label in enumerate(data.labels)}
    truth = np.array([index[example.label] for example in data.dev])
    card = Card(
        chosen=chosen,
        runs=runs,
        backbone_name=backbone.name,
        train_rows=len(data.train),
        dev_rows=len(data.dev),
        evaluation=evaluate_classifier(best.dev["logits"].numpy(), truth),
        command=command,
    )
    return card, best


def _say_result(card: Card, bundle: Bundle, alias: str, console: Console) -> None:
    table = Table("on dev", "value", "95 % confidence interval")
    for name, metric in card.evaluation.metrics.items():
        interval = f"{metric.low:.4f} to {metric.high:.4f}"
        table.add_row(METRIC_NAMES[name], f"{metric.value:.4f}", interval)
    console.print(table)
    size = sum(file.stat().st_size for file in bundle.folder.rglob("*") if file.is_file())
    console.print(f"registered {bundle.id} ({size / 1e6:.2f} MB) in {bundle.folder}")
    console.print(f"{alias} of {bundle.manifest.task} is now {bundle.id}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.finetune", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--config", type=Path, required=True, help="a YAML file of this run")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="sets a key of the configuration, such as optimisation.epochs=3",
    )
    return parser


def _command(arguments: argparse.Namespace) -> str:
    """The command that makes this bundle again, from the repository's root."""
    words = ["python", "-m", "pipelines.finetune", "--config", str(arguments.config)]
    return shlex.join([*words, *(["--set", *arguments.set] if arguments.set else [])])


if __name__ == "__main__":
    sys.exit(main())
