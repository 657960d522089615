"""Fine-tunes a backbone for one task, and registers the result as a bundle.

    python -m pipelines.finetune --config FILE [--set key=value ...]

Checks the configuration and the data first, reports on the data (see `pipelines.data`), trains by
Ray Train, writes the bundle with its card, and names it the task's candidate, which
`pipelines.promote` judges. `data` has four parts that share nothing: train is learned from, choice
chooses epoch and seed, temperature and threshold are fitted on calibration, and gate decides
nothing: it is measured, and becomes the task's frozen evaluation set, unless it has one (`dev`
instead of these chooses and calibrates, and its figures are too good for that). After an
interruption the same command continues at the last valid checkpoint. What is trained is the
configuration's `kind` (`classify`, `tag`, `span`, `score` or `embed`), how its `method` (`lora`,
`full`, `head` or `prompt`). The curves are in `<state_dir>/tracking`, for TensorBoard.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.command import CommandLine
from pipelines.data import REPORT_FILE, not_compared, write_report
from shared.errors import InputError
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.examples import Evaluation, ExampleSet, TrainingData
from shared.training.data.findings import NOTHING_FOUND, findings
from shared.training.data.report import AnyExample
from shared.training.data.sets import ReadSets
from shared.training.loop.checkpoint import CheckpointStore
from shared.training.loop.progress import followed, shown
from shared.training.loop.ray_train import WorkerGroup, cluster, train
from shared.training.loop.run_folder import RunSpec, locked, write_run
from shared.training.loop.tracking import check_tracking, tracked
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.methods.tuning import Lora, check_method
from shared.training.publish.card import METRIC_NAMES, Card, Finished
from shared.training.publish.held_out import judged_already, keep_held_out
from shared.training.publish.publishing import publish, write_trained
from shared.training.settings import FinetuneSettings, RejectionSettings
from shared.training.tasks.classify.rejection import rejecting_label, rejection_shift
from shared.training.tasks.prediction import predict
from shared.training.tasks.task_data import read_data


def _run(settings: FinetuneSettings, command: str, console: Console) -> int:
    finetune(settings, command=command, console=console)
    return 0


def finetune(settings: FinetuneSettings, *, command: str, console: Console) -> Bundle:
    """Trains, measures and registers; returns the bundle.

    Raises:
        PlatformError: with the reason and the remedy; nothing is registered then.
        KeyboardInterrupt: likewise.
    """
    registry = open_registry(settings.registry_root)
    registry.aliases()
    check_tracking(settings.tracking)
    read: list[ReadSets[AnyExample]] = []
    data = read_data(settings, read.append, judged_already(settings))
    if settings.rejection is not None:
        rejecting_label(settings.rejection, data.labels)
    backbone = Backbone.load(settings.backbone, settings.optimisation.attention_dropout)
    specs = [spec_of(settings, seed, data, backbone) for seed in settings.optimisation.seeds]
    check_method(backbone, settings, specs[0].max_length)
    _report_data(settings, read[0], backbone, console)
    with cluster(settings.workers) as group:
        runs = [_train(spec, data, backbone, group, console) for spec in specs]
    chosen = max(runs, key=lambda run: run.score)
    card, model = _measure(chosen, runs, data, backbone, command)
    card = replace(card, notes=read[0].notes)
    with tempfile.TemporaryDirectory(dir=chosen.spec.folder()) as aside:
        written = write_trained(Path(aside), model, backbone, card, time.time())
        keep_held_out(settings, read[0], console)
        bundle = publish(registry, written.folder)
    for run in runs:
        shutil.rmtree(run.spec.folder())
    _say_result(card, bundle, console)
    return bundle


def spec_of(
    settings: FinetuneSettings, seed: int, data: TrainingData, backbone: Backbone
) -> RunSpec:
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


def _report_data(
    settings: FinetuneSettings, read: ReadSets[AnyExample], backbone: Backbone, console: Console
) -> None:
    report = write_report(settings, read, backbone)
    found = findings(report) or [NOTHING_FOUND]
    for line in filter(None, [*found, not_compared(settings)]):
        console.print(f"data: {line}", markup=False)
    console.print(f"data: the report is {settings.data_folder / REPORT_FILE}", markup=False)


def _train(
    spec: RunSpec, data: TrainingData, backbone: Backbone, group: WorkerGroup, console: Console
) -> Finished:
    """Trains one seed on the group of workers, or what an earlier start left of it."""
    folder = spec.folder()
    tokenizer = tokenizer_of(backbone, spec)
    with (
        locked(folder),
        shown(console, data.chosen_on) as line,
        tracked(spec.settings, folder.name) as curves,
        followed(folder, line, curves),
    ):
        train_arrays = data.train.arrays(tokenizer, data.labels)
        write_run(spec, train_arrays, data.dev.arrays(tokenizer, data.labels))
        console.print(
            f"{spec.settings.task}, seed {spec.seed}: {len(data.train):,} examples, labels: "
            f"{len(data.labels)}, {len(train_arrays.tokens):,} tokens an epoch, on "
            f"{group.count} {'GPU' if group.gpu else 'CPU'} workers; in {folder}"
        )
        state = train(folder, group, max_failures=spec.settings.checkpoint.max_failures)
    return Finished(spec, state)


def _measure(
    chosen: Finished,
    runs: Sequence[Finished],
    data: TrainingData,
    backbone: Backbone,
    command: str,
) -> tuple[Card, TunedModel]:
    """The model of the chosen run's best epoch, and all that the card tells of it."""
    spec = chosen.spec
    store = CheckpointStore(spec.folder() / "checkpoints", spec.settings.checkpoint.keep)
    best = store.best(chosen.state)
    model = TunedModel.on(backbone, spec.settings, data.labels, spec.max_length)
    model.restore(best.model)
    model.to(backbone.device)
    worker = Worker(rank=0, world=1, device=backbone.device)
    tokenizer = tokenizer_of(backbone, spec)

    def answer(examples: ExampleSet) -> Float32s:
        return predict(model, examples.arrays(tokenizer, data.labels), spec.pad_id, worker)

    dev_logits = best.dev["logits"].numpy()
    strength = spec.settings.lora.strength
    if isinstance(model.tuned, Lora) and strength < 1:
        model.tuned.weaken(strength)
        dev_logits = answer(data.dev)
    calibrating = data.calibrating
    own = calibrating is data.dev
    logits = None if calibrating is None else dev_logits if own else answer(calibrating)
    if (rejection := spec.settings.rejection) is not None:
        shift = _rejection_shift(rejection, data, tokenizer, logits)
        label = rejecting_label(rejection, data.labels)
        model.shift_output(label, shift)
        # One array where dev calibrates too: it is shifted once.
        for each in (dev_logits,) if own else (dev_logits, logits):
            if each is not None:
                each[:, label] += shift
    served = Evaluation({}, temperature=1.0)
    if calibrating is not None and logits is not None:
        served = calibrating.evaluate(logits, tokenizer, data.labels)
    evaluation = served
    if not own:
        evaluation = data.dev.evaluate(dev_logits, tokenizer, data.labels, served)
    measured = {
        name: examples.evaluate(answer(examples), tokenizer, data.labels, served)
        for name, examples in data.measured.items()
    }
    card = Card(
        chosen=chosen,
        runs=runs,
        backbone_name=backbone.name,
        train_rows=len(data.train),
        evaluation=evaluation,
        command=command,
        measured=measured,
        chosen_on=data.chosen_on,
        calibrated_on=data.calibrated_on,
        calibration_rows=0 if calibrating is None else len(calibrating),
    )
    return card, model


def _rejection_shift(
    rejection: RejectionSettings,
    data: TrainingData,
    tokenizer: TextTokenizer,
    logits: Float32s | None,
) -> float:
    """What is added to the rejecting label's logit, by the logits of what calibrates."""
    if data.calibrating is None or logits is None:
        raise InputError("rejection: no row is left to set its threshold on: give more rows")
    truth = data.calibrating.arrays(tokenizer, data.labels).targets
    label, least = rejecting_label(rejection, data.labels), rejection.in_scope_accuracy
    return rejection_shift(logits, truth, label=label, least_accuracy=least)


def tokenizer_of(backbone: Backbone, spec: RunSpec) -> TextTokenizer:
    """The tokenizer of a run."""
    return TextTokenizer(backbone.tokenizer, spec.max_length, token_types=backbone.uses_token_types)


def _say_result(card: Card, bundle: Bundle, console: Console) -> None:
    table = Table("set", "measure", "value", "95 % confidence interval")
    for name, metric in card.metrics().items():
        set_name, _, measure = name.rpartition(".")
        interval = f"{metric.low:.4f} to {metric.high:.4f}"
        table.add_row(
            set_name or card.chosen_on, METRIC_NAMES[measure], f"{metric.value:.4f}", interval
        )
    console.print(table)
    size = sum(file.stat().st_size for file in bundle.folder.rglob("*") if file.is_file())
    console.print(f"registered {bundle.id} ({size / 1e6:.2f} MB) in {bundle.folder}")
    task = bundle.manifest.task
    console.print(f"{bundle.id} is the candidate of {task}. The next command judges it:")
    console.print(f"  banyan promote {task}", style="bold")


main = CommandLine("finetune", FinetuneSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
