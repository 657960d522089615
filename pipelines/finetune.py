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
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.command import CommandLine
from pipelines.data import REPORT_FILE, not_compared, write_report
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.training.data.examples import AnyExample
from shared.training.data.findings import NOTHING_FOUND, findings
from shared.training.data.sets import ReadSets
from shared.training.loop.checkpoint import CheckpointStore
from shared.training.loop.progress import followed, shown
from shared.training.loop.ray_train import WorkerGroup, cluster, train
from shared.training.loop.run_folder import RunSpec, locked, write_run
from shared.training.loop.tracking import check_tracking, tracked
from shared.training.methods.lora import weaken
from shared.training.methods.model import TunedModel
from shared.training.methods.tuning import check_method
from shared.training.publish.card import Card, Finished, render
from shared.training.publish.held_out import judged_already, keep_held_out
from shared.training.publish.publishing import Origin, publish, write_trained
from shared.training.remedies.applying import learned_rows, prepare
from shared.training.remedies.distil.teacher import taught_by
from shared.training.remedies.remedy import Preparing
from shared.training.settings import FinetuneSettings
from shared.training.tasks.classify.rejection import rejecting_label
from shared.training.tasks.trained import Trained
from shared.training.tasks.training_data import TrainingData, check_data, read_data


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
    read = read_data(settings, judged_already(settings))
    data = check_data(settings, read)
    if settings.rejection is not None:
        rejecting_label(settings.rejection, data.labels)
    backbone = Backbone.load(settings.backbone, settings.optimisation.dropouts)
    seeds = settings.optimisation.seeds
    learned = {seed: learned_rows(data, settings, seed) for seed in seeds}
    specs = [spec_of(settings, seed, learned[seed][0], backbone) for seed in seeds]
    check_method(backbone, settings, specs[0].max_length)
    _report_data(settings, read, backbone, console)
    with cluster(settings.workers) as group:
        runs = [_train(spec, learned[spec.seed][0], backbone, group, console) for spec in specs]
    chosen = max(runs, key=lambda run: run.score)
    data, changes = learned[chosen.spec.seed]
    trained = _best_model(chosen, data, backbone)
    card = Card(
        chosen=chosen,
        runs=runs,
        backbone_name=backbone.name,
        train_rows=len(data.train),
        measured=trained.measure(),
        command=command,
        chosen_on=data.chosen_on,
        calibrated_on=data.calibrated_on,
        calibration_rows=len(data.calibrating or ()),
        notes=(*read.notes, *changes, *taught_by(settings.optimisation, data.train)),
    )
    with tempfile.TemporaryDirectory(dir=chosen.spec.folder()) as aside:
        origin = _origin(chosen.spec, command)
        written = write_trained(
            Path(aside), trained.model, backbone, origin, card.measured, render(card)
        )
        keep_held_out(settings, read, console)
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
    lora = settings.lora
    if lora.start is not None:
        lora = lora.model_copy(update={"start": lora.start.expanduser().resolve()})
    return RunSpec(
        settings=settings.model_copy(
            update={"optimisation": optimisation, "backbone": source, "lora": lora}
        ),
        labels=data.labels,
        max_length=backbone.at_most(settings.max_length),
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
    tokenizer = backbone.text_tokenizer(spec.max_length)
    with (
        locked(folder),
        shown(console, data.chosen_on) as line,
        tracked(spec.settings, folder.name) as curves,
        followed(folder, line, curves),
    ):
        train_arrays = data.arrays(data.train, tokenizer)
        prepared = prepare(spec.settings.remedies, Preparing(data, backbone, tokenizer, spec.seed))
        write_run(spec, train_arrays, data.arrays(data.dev, tokenizer), prepared)
        console.print(
            f"{spec.settings.task}, seed {spec.seed}: {len(data.train):,} examples, labels: "
            f"{len(data.labels)}, {len(train_arrays.tokens):,} tokens an epoch, on "
            f"{group.count} {'GPU' if group.gpu else 'CPU'} workers; in {folder}"
        )
        state = train(folder, group, max_failures=spec.settings.checkpoint.max_failures)
    return Finished(spec, state)


def _best_model(chosen: Finished, data: TrainingData, backbone: Backbone) -> Trained:
    """The model of a run's best epoch, with what of its change and its answers is held back."""
    spec, settings = chosen.spec, chosen.spec.settings
    store = CheckpointStore(spec.folder() / "checkpoints", settings.checkpoint.keep)
    model = TunedModel.on(backbone, settings, data.labels, spec.max_length)
    model.restore(store.best(chosen.state).model)
    weaken(model.tuned, settings.lora.strength)
    trained = Trained(model, data, backbone, backbone.text_tokenizer(spec.max_length))
    if settings.rejection is not None:
        trained.reject(settings.rejection)
    return trained


def _origin(spec: RunSpec, command: str) -> Origin:
    settings = spec.settings
    return Origin(
        task=settings.task,
        method=settings.method,
        labels=spec.labels,
        max_length=spec.max_length,
        data_fingerprint=spec.data_fingerprint,
        command=command,
        kind=settings.kind,
        multi_label=settings.multi_label,
        licence=settings.data.licence,
        attribution=settings.data.attribution,
    )


def _say_result(card: Card, bundle: Bundle, console: Console) -> None:
    table = Table("set", "measure", "value", "95 % confidence interval")
    for row in card.measured.rows():
        table.add_row(*row[:-1])
    console.print(table)
    size = sum(file.stat().st_size for file in bundle.folder.rglob("*") if file.is_file())
    console.print(f"registered {bundle.id} ({size / 1e6:.2f} MB) in {bundle.folder}")
    task = bundle.manifest.task
    console.print(f"{bundle.id} is the candidate of {task}. The next command judges it:")
    console.print(f"  banyan promote {task}", style="bold")


main = CommandLine("finetune", FinetuneSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
